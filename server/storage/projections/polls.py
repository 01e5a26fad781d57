"""Ballots and their tally; regional sub-tallies and closing of polls."""

import json
from collections import Counter

from server.domain.events import BallotCast, PollClosed, PollRegionClosed, PollTallied
from server.storage import tables as t
from server.storage.projections.base import Fold, Meta, RegisterTable, to_json
from server.storage.sql import Tx, upsert

_BALLOT = RegisterTable(t.ballots, "choices", "withdrawn")
_VOTES = upsert(t.poll_choices, {"votes": lambda stored, new: stored + new})
_POLL = upsert(
    t.polls,
    {
        "voters": lambda stored, new: stored + new,
        "local_changed": lambda _stored, new: new,
    },
)
_OUTCOME = upsert(t.polls, ("outcome", "local_changed"), newer="outcome")
"""Final: one outcome follows from the cut, and any is more than the empty text."""
_TALLY = upsert(t.poll_regions, ("voters", "counts", "rev"), newer="rev")
_CLOSED = upsert(t.poll_regions, ("closed_ballots", "closed"), newer="closed")
_REGION = {"voters": 0, "counts": "[]", "rev": 0, "closed_ballots": 0, "closed": False}


def ballot_cast(tx: Tx, event: BallotCast, meta: Meta) -> bool:
    old = _BALLOT.put(
        tx,
        {
            "poll": event.poll,
            "person": meta.actor,
            "choices": to_json(event.choices),
            "rev": event.rev,
            "withdrawn": event.withdrawn,
        },
    )
    # Whatever the order, every choice that any ballot named has a row, be it of zero votes.
    votes = Counter[int](dict.fromkeys(event.choices, 0))
    if old is not None:
        before = set() if not old[0] or old[2] else set(json.loads(old[1]))
        after = set() if event.withdrawn else set(event.choices)
        votes.update(after)
        votes.subtract(before)
        _touch(tx, event.poll, event.place, meta, int(bool(after)) - int(bool(before)))
    for choice, step in sorted(votes.items()):
        tx.execute(_VOTES, {"poll": event.poll, "choice": choice, "votes": step})
    return old is not None


def region_tallied(tx: Tx, event: PollTallied, meta: Meta) -> bool:
    values = {"voters": event.voters, "counts": to_json(event.counts), "rev": event.rev}
    key = {"poll": event.poll, "region": event.region}
    if not tx.execute(_TALLY, _REGION | key | values):
        return False
    _touch(tx, event.poll, event.place, meta)
    return True


def region_closed(tx: Tx, event: PollRegionClosed, meta: Meta) -> bool:
    values = {"closed_ballots": event.ballots, "closed": True}
    key = {"poll": event.poll, "region": event.region}
    if not tx.execute(_CLOSED, _REGION | key | values):
        return False
    _touch(tx, event.poll, event.place, meta)
    return True


def closed(tx: Tx, event: PollClosed, meta: Meta) -> bool:
    outcome = to_json({"voters": event.voters, "counts": event.counts, "cut": event.cut})
    row = {"poll": event.poll, "place": event.place, "voters": 0, "outcome": outcome}
    return tx.execute(_OUTCOME, row | {"local_changed": meta.position}) > 0


def _touch(tx: Tx, poll: str, place: str, meta: Meta, voters: int = 0) -> None:
    row = {"poll": poll, "place": place, "voters": voters, "outcome": ""}
    tx.execute(_POLL, row | {"local_changed": meta.position})


FOLDS: dict[type, Fold] = {
    BallotCast: ballot_cast,
    PollTallied: region_tallied,
    PollRegionClosed: region_closed,
    PollClosed: closed,
}
