"""Folds of the log into tables: ``fold(tx, event, meta)`` applies one event and says if it changed anything.

House rules:

1. Order-free (I6): any order of the same events gives the same rows, so registers compare ``rev``,
   things written once are kept, counters are touched by every event of their kind, even by zero.
2. A repeat changes nothing and returns False; the caller then shows it to nobody.
3. Only columns marked ``local`` in ``tables`` may hold what differs between nodes.

- ``people``   persons, roles, topics
- ``places``   communities, memberships, conversations, read marks
- ``content``  posts, replies, edits, deletions
- ``erasure``  erasure requests, what they leave of a post, receipts
- ``files``    the files of posts, and in which lanes they came
- ``judge``    reactions, acceptance, verification, votes, follows, flags, moderation, ideas
- ``polls``    ballots, tallies, what regions say when a poll closes
- ``scoring``  policies and choices of what is told of contributions, published standings and roots
- ``cases``    cases about credits, decisions, and what they come to
"""

from server.domain.events import Event
from server.domain.merge import may_write
from server.storage.projections import (
    cases,
    content,
    erasure,
    judge,
    people,
    places,
    polls,
    scoring,
)
from server.storage.projections.base import Fold, Meta
from server.storage.sql import Tx

FOLDS: dict[type, Fold] = (
    people.FOLDS
    | places.FOLDS
    | content.FOLDS
    | erasure.FOLDS
    | judge.FOLDS
    | polls.FOLDS
    | scoring.FOLDS
    | cases.FOLDS
)


def fold(tx: Tx, event: Event, meta: Meta) -> bool:
    """Applies one event; True when it changed what readers see."""
    if not may_write(event, meta.origin):
        return False
    apply = FOLDS.get(type(event))
    return apply(tx, event, meta) if apply is not None else False
