"""Reactions, acceptance, verification, citations, votes, follows, receipts, ideas, flags, moderation."""

from sqlalchemy import bindparam, update

from server.domain.events import (
    AnnouncementAcknowledged,
    AnswerAccepted,
    CitationChanged,
    FlagRaised,
    FlagResolved,
    FollowChanged,
    HiddenAtHome,
    IdeaStageChanged,
    ModerationActed,
    ReactionChanged,
    VerificationChanged,
    VoteImported,
)
from server.storage import tables as t
from server.storage.projections import counts
from server.storage.projections.base import (
    Fold,
    Meta,
    RegisterTable,
    is_erased,
    register_fold,
)
from server.storage.projections.people import source_json
from server.storage.sql import Tx, statement, upsert

_REACTION = RegisterTable(t.reactions, "on_")
_VOTE = upsert(t.imported_votes)
_ACKNOWLEDGED = upsert(t.acknowledgements)
_EARLIER = statement(
    update(t.acknowledgements)
    .where(
        t.acknowledgements.c.post == bindparam("p"),
        t.acknowledgements.c.person == bindparam("who"),
        t.acknowledgements.c.at > bindparam("at"),
    )
    .values(at=bindparam("at"))
)


def reacted(tx: Tx, event: ReactionChanged, meta: Meta) -> bool:
    old = _REACTION.put(
        tx,
        {
            "target": event.target,
            "person": meta.actor,
            "reaction": event.reaction,
            "emoji": event.emoji,
            "rev": event.rev,
            "on_": event.on,
        },
    )
    if old is None:
        return False
    was_on = bool(old[1]) if old[0] else False
    step = int(event.on) - int(was_on)
    if event.reaction == "emoji":
        counts.add_emoji(tx, event.target, event.emoji, step)
        counts.add(tx, event.target, event.root, event.place, meta.position)
    elif event.reaction == "helpful":
        counts.add(tx, event.target, event.root, event.place, meta.position, helpful=step)
    else:
        counts.add(tx, event.target, event.root, event.place, meta.position, solved=step)
    return True


def voted(tx: Tx, event: VoteImported, meta: Meta) -> bool:
    new = tx.execute(
        _VOTE,
        {
            "system": event.source.system,
            "source_id": event.source.id,
            "target": event.target,
            "vote": event.vote,
            "at": event.at,
        },
    )
    if not new:
        return False
    up, down = int(event.vote == "up"), int(event.vote == "down")
    counts.add(
        tx, event.target, event.root, event.place, meta.position, votes_up=up, votes_down=down
    )
    return True


def acknowledged(tx: Tx, event: AnnouncementAcknowledged, meta: Meta) -> bool:
    new = tx.execute(_ACKNOWLEDGED, {"post": event.post, "person": meta.actor, "at": meta.at})
    if not new:
        # Confirmed, lost with a log that was restored, and confirmed once more: the first time stays.
        tx.execute(_EARLIER, {"p": event.post, "who": meta.actor, "at": meta.at})
        return False
    counts.add(tx, event.post, event.post, event.place, meta.position, acknowledged=1)
    return True


def _unless_erased(apply: Fold) -> Fold:
    """Reports of an erased post went with it, and later ones have nothing to report."""

    def fold(tx: Tx, event: FlagRaised | FlagResolved, meta: Meta) -> bool:
        return not is_erased(tx, event.target) and apply(tx, event, meta)

    return fold


FOLDS: dict[type, Fold] = {
    ReactionChanged: reacted,
    VoteImported: voted,
    AnnouncementAcknowledged: acknowledged,
    AnswerAccepted: register_fold(
        t.acceptances,
        lambda e, m: {
            "question": e.question,
            "answer": e.answer or "",
            "person": m.actor,
            "rev": e.rev,
            "source": source_json(e.source),
        },
    ),
    VerificationChanged: register_fold(
        t.verifications,
        lambda e, m: {"target": e.target, "person": m.actor, "rev": e.rev, "on_": e.on},
    ),
    CitationChanged: register_fold(
        t.citations,
        lambda e, m: {
            "citing": e.citing,
            "cited": e.cited,
            "person": m.actor,
            "rev": e.rev,
            "on_": e.on,
        },
    ),
    FollowChanged: register_fold(
        t.follows,
        lambda e, m: {
            "person": m.actor,
            "kind": e.kind,
            "target": e.target,
            "rev": e.rev,
            "on_": e.on,
        },
    ),
    IdeaStageChanged: register_fold(
        t.idea_stages,
        lambda e, m: {
            "post": e.post,
            "stage": e.stage,
            "owner": e.owner,
            "due": e.due,
            "note": e.note,
            "person": m.actor,
            "rev": e.rev,
        },
    ),
    ModerationActed: register_fold(
        t.moderations,
        lambda e, m: {
            "target": e.target,
            "act": e.act,
            "person": m.actor,
            "reason": e.reason,
            "rev": e.rev,
            "on_": e.on,
        },
    ),
    HiddenAtHome: register_fold(
        t.hidden_at_home,
        lambda e, m: {
            "target": e.target,
            "person": m.actor,
            "reason": e.reason,
            "rev": e.rev,
            "on_": e.on,
        },
    ),
    FlagRaised: _unless_erased(
        register_fold(
            t.flags,
            lambda e, m: {
                "target": e.target,
                "person": m.actor,
                "place": e.place,
                "reason": e.reason,
                "rev": e.rev,
                "on_": e.on,
                "at": m.at,
            },
        )
    ),
    FlagResolved: _unless_erased(
        register_fold(
            t.flag_resolutions,
            lambda e, m: {
                "target": e.target,
                "person": m.actor,
                "place": e.place,
                "upheld": e.upheld,
                "note": e.note,
                "rev": e.rev,
                "seen": e.seen,
                "at": m.at,
            },
        )
    ),
}
