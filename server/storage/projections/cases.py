"""Cases about credits: opened once, decided by registers, with what they come to."""

from server.domain.events import CaseDecided, CaseOpened, CreditsRuled
from server.storage import tables as t
from server.storage.projections.base import Fold, Meta, register_fold, to_json
from server.storage.sql import Tx, upsert

_CASE = upsert(t.cases)
_PARTY = upsert(t.case_parties)


def opened(tx: Tx, event: CaseOpened, meta: Meta) -> bool:
    """Copies in further lanes are repeats."""
    values = {
        "case_id": event.case,
        "region": event.region,
        "kind": event.kind,
        "parties": to_json(event.parties),
        "quarter": event.quarter,
        "reason": event.reason,
        "person": event.person,
        "line": event.line,
        "content": event.content,
        "about": event.about,
        "received": event.received,
        "flows": to_json(event.flows),
        "at": event.at,
    }
    if not tx.execute(_CASE, values):
        return False
    of = {"case_id": event.case, "region": event.region}
    tx.many(_PARTY, [{"person": person, **of} for person in event.parties])
    return True


FOLDS: dict[type, Fold] = {
    CaseOpened: opened,
    CaseDecided: register_fold(
        t.case_decisions,
        lambda e, m: {
            "case_id": e.case,
            "region": e.region,
            "rev": e.rev,
            "outcome": e.outcome,
            "reason": e.reason,
            "person": e.by,
            "at": e.at,
        },
    ),
    CreditsRuled: register_fold(
        t.credit_rulings,
        lambda e, m: {
            "case_id": e.case,
            "region": e.region,
            "rev": e.rev,
            "quarter": e.quarter,
            "pairs": to_json(e.pairs),
        },
    ),
}
