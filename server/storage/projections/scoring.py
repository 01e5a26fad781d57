"""What regions and people want told of contributions, and what was published."""

from server.domain.events import (
    ScoringChoiceChanged,
    ScoringHistoryErased,
    ScoringPolicyChanged,
    ScoringRootPublished,
    StandingPublished,
)
from server.storage import tables as t
from server.storage.projections.base import Fold, Meta, register_fold, to_json
from server.storage.sql import Tx, upsert

_ROOT_PUT = upsert(t.scoring_roots)


def root_published(tx: Tx, event: ScoringRootPublished, meta: Meta) -> bool:
    """Each is kept where it stands in its lane: it covers what was published before it."""
    values = {
        "region": event.region,
        "epoch": meta.epoch,
        "seq": meta.seq,
        "day": event.day,
        "rules": event.rules,
        "quarter": event.quarter,
        "cut": to_json(event.cut),
        "people": event.people,
        "root": event.root,
    }
    return tx.execute(_ROOT_PUT, values) > 0


FOLDS: dict[type, Fold] = {
    ScoringPolicyChanged: register_fold(
        t.scoring_policies,
        lambda e, m: {"region": e.region, "rev": e.rev, "policy": to_json(e.policy)},
    ),
    ScoringChoiceChanged: register_fold(
        t.scoring_choices,
        lambda e, m: {"person": e.person, "rev": e.rev, "choice": to_json(e.choice)},
    ),
    ScoringHistoryErased: register_fold(
        t.scoring_histories,
        lambda e, m: {"person": e.person, "rev": e.rev, "before": e.before},
    ),
    StandingPublished: register_fold(
        t.standings,
        lambda e, m: {
            "person": e.person,
            "day": e.day,
            "rules": e.rules,
            "standing": e.standing,
            "level": e.level,
            "topics": to_json(e.topics),
            "shown": e.shown,
            "rev": e.rev,
            "origin": m.origin,
            "epoch": m.epoch,
            "seq": m.seq,
        },
    ),
    ScoringRootPublished: root_published,
}
