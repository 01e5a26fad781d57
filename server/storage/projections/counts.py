"""Counters of a post: touched by every event of their kind, even by zero, so that order leaves no trace."""

from typing import Any

from server.storage import tables as t
from server.storage.sql import Tx, upsert

COUNTERS = ("replies", "helpful", "solved", "votes_up", "votes_down", "acknowledged")

_ADD = upsert(
    t.post_counts,
    {name: (lambda stored, new: stored + new) for name in COUNTERS}
    | {"local_changed": lambda _stored, new: new},
)
_ADD_EMOJI = upsert(t.emoji_counts, {"n": lambda stored, new: stored + new})
_ZERO: dict[str, Any] = dict.fromkeys(COUNTERS, 0)


def add(tx: Tx, post: str, root: str, place: str, position: int, **delta: int) -> None:
    """Adds to the named counters of ``post``; creates the row when it is the first."""
    where = {"post": post, "root": root, "place": place, "local_changed": position}
    tx.execute(_ADD, _ZERO | where | delta)


def add_emoji(tx: Tx, post: str, emoji: str, n: int) -> None:
    tx.execute(_ADD_EMOJI, {"post": post, "emoji": emoji, "n": n})
