"""Polls: ballots and their tally as of now; what regions say when one closes."""

import json
from collections import Counter
from typing import Any

from sqlalchemy import bindparam, delete, update

from server.domain.events import (
    BallotCast,
    BallotKept,
    ErasedPost,
    PollChecked,
    PollClosed,
    PollClosing,
    PollRegionClosed,
    PollTallied,
    PostPublished,
)
from server.domain.ids import sealed
from server.storage import tables as t
from server.storage.projections.base import Fold, Meta, RegisterTable, is_erased, to_json
from server.storage.sql import Tx, point, statement, upsert

_BALLOT = RegisterTable(t.ballots, "choices", "withdrawn")
_CAST = upsert(t.ballot_casts)
_KEPT = upsert(t.ballots_kept)
_FREED = statement(
    delete(t.ballots_kept).where(
        t.ballots_kept.c.poll.in_((bindparam("poll"), bindparam("name"))),
        t.ballots_kept.c.person == bindparam("person"),
    )
)
_VOTES = upsert(
    t.poll_choices,
    {name: (lambda stored, new: stored + new) for name in ("votes", "firsts")},
)
_TOUCH = upsert(
    t.polls,
    {
        "voters": lambda stored, new: stored + new,
        "local_changed": lambda _stored, new: new,
    },
)
_HOME = point(t.polls, "home")
_OPENED = statement(
    update(t.polls)
    .where(t.polls.c.poll == bindparam("p"))
    .values({name: bindparam(name) for name in ("home", "closes_at", "secret", "local_changed")})
)
_CLOSING = upsert(t.polls, ("closing", "local_changed"), newer="closing")
_TALLY = upsert(t.poll_regions, ("voters", "counts", "pairs", "rev"), newer="rev")
_CLOSED = upsert(
    t.poll_regions,
    ("closed_epoch", "closed_at", "ends", "waits_for"),
    newer="closed_epoch",
)
_CHECKED = upsert(t.poll_regions, ("verdict",), newer="verdict")
_OUTCOME = upsert(t.poll_outcomes, ("rank", "outcome"), newer="rank")

AGREES, DIFFERS = 1, 2
_REGION: dict[str, Any] = {
    **dict.fromkeys(("voters", "rev", "closed_epoch", "closed_at", "verdict"), 0),
    **dict.fromkeys(("counts", "pairs", "ends", "waits_for"), "[]"),
}
_POLL: dict[str, Any] = {
    **dict.fromkeys(("closes_at", "voters"), 0),
    **dict.fromkeys(("secret", "closing"), False),
    "home": "",
}


def opened(tx: Tx, event: PostPublished, meta: Meta) -> None:
    """The poll's own row. Where two regions claim one post, the lower code is the poll's home."""
    assert event.poll is not None
    if is_erased(tx, event.post):
        return
    row = tx.one(_HOME, {"poll": event.post})
    known = row[0] if row else ""
    if known and known <= meta.origin:
        return
    values = {
        "home": meta.origin,
        "closes_at": event.poll.closes_at or 0,
        "secret": event.poll.secret,
        "local_changed": meta.position,
    }
    if row is None:
        tx.execute(_TOUCH, _POLL | values | {"poll": event.post, "place": event.place})
    else:
        tx.execute(_OPENED, values | {"p": event.post})


def erased(tx: Tx, post: ErasedPost, meta: Meta) -> None:
    """A poll nobody can read any more has no home: it does not close. Its ballots stay what they were."""
    tx.execute(
        _TOUCH, _POLL | {"poll": post.post, "place": post.place, "local_changed": meta.position}
    )
    nothing = {"home": "", "closes_at": 0, "secret": False}
    tx.execute(_OPENED, nothing | {"p": post.post, "local_changed": meta.position})


def ballot_cast(tx: Tx, event: BallotCast, meta: Meta) -> bool:
    ballot = {
        "poll": event.poll,
        "person": meta.actor,
        "choices": to_json(event.choices),
        "rev": event.rev,
        "withdrawn": event.withdrawn,
    }
    where = {"region": meta.origin, "epoch": meta.epoch, "lane": meta.lane, "seq": meta.seq}
    tx.execute(_CAST, ballot | where)
    old = _BALLOT.put(tx, ballot)
    # Whatever the order, every choice that any ballot named has a row, be it of zero votes.
    votes = Counter[int](dict.fromkeys(event.choices, 0))
    firsts = Counter[int]()
    if old is not None:
        before = [] if not old[0] or old[2] else json.loads(old[1])
        after = [] if event.withdrawn else list(event.choices)
        votes.update(set(after))
        votes.subtract(set(before))
        firsts.update(after[:1])
        firsts.subtract(before[:1])
        _touch(tx, event.poll, event.place, meta, int(bool(after)) - int(bool(before)))
        if event.secret and event.withdrawn:
            _free(tx, event.poll, meta.actor)
    for choice, step in sorted(votes.items()):
        row = {"poll": event.poll, "choice": choice, "votes": step, "firsts": firsts[choice]}
        tx.execute(_VOTES, row)
    return old is not None


def _free(tx: Tx, poll: str, person: str) -> None:
    """The one ballot they had was here, else they could not have taken it back: nobody keeps any by now."""
    tx.execute(_FREED, {"poll": poll, "name": sealed(poll, person), "person": person})


def ballot_kept(tx: Tx, event: BallotKept, _meta: Meta) -> bool:
    return tx.execute(_KEPT, {"poll": event.poll, "person": event.person}) > 0


def closing(tx: Tx, event: PollClosing, meta: Meta) -> bool:
    row = _POLL | {"poll": event.poll, "place": event.place, "closing": True}
    return tx.execute(_CLOSING, row | {"local_changed": meta.position}) > 0


def region_tallied(tx: Tx, event: PollTallied, _meta: Meta) -> bool:
    values = {
        "poll": event.poll,
        "region": event.region,
        "voters": event.voters,
        "counts": to_json(event.counts),
        "pairs": to_json(event.pairs),
        "rev": event.rev,
    }
    return tx.execute(_TALLY, _REGION | values) > 0


def region_closed(tx: Tx, event: PollRegionClosed, meta: Meta) -> bool:
    values = {
        "poll": event.poll,
        "region": event.region,
        "closed_epoch": meta.epoch,
        "closed_at": meta.at,
        "ends": to_json(event.ends),
        "waits_for": to_json(event.waits_for),
    }
    return _said(tx, event, meta, tx.execute(_CLOSED, _REGION | values))


def checked(tx: Tx, event: PollChecked, meta: Meta) -> bool:
    values = {
        "poll": event.poll,
        "region": event.region,
        "verdict": AGREES if event.agrees else DIFFERS,
    }
    return _said(tx, event, meta, tx.execute(_CHECKED, _REGION | values))


def closed(tx: Tx, event: PollClosed, meta: Meta) -> bool:
    values = {
        "poll": event.poll,
        "region": meta.origin,
        "rank": -meta.epoch,
        "outcome": to_json(event),
    }
    return _said(tx, event, meta, tx.execute(_OUTCOME, values))


def _said(
    tx: Tx, event: PollRegionClosed | PollChecked | PollClosed, meta: Meta, rows: int
) -> bool:
    if rows:
        _touch(tx, event.poll, event.place, meta)
    return rows > 0


def _touch(tx: Tx, poll: str, place: str, meta: Meta, voters: int = 0) -> None:
    row = _POLL | {"poll": poll, "place": place, "voters": voters}
    tx.execute(_TOUCH, row | {"local_changed": meta.position})


FOLDS: dict[type, Fold] = {
    BallotCast: ballot_cast,
    BallotKept: ballot_kept,
    PollClosing: closing,
    PollTallied: region_tallied,
    PollRegionClosed: region_closed,
    PollClosed: closed,
    PollChecked: checked,
}
