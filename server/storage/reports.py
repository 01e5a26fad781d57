"""What readers reported of a post, and how far the moderators' answer goes.

An answer counts up to a sum: of the revs of all reports of the post, also of those taken back. Each only grows, so
whatever is said later, or comes later, makes the sum larger than what was seen.
"""

from sqlalchemy import ColumnElement, Double, and_, bindparam, cast, func, or_, select

from server.domain.facts import ReportsFact
from server.storage import tables as t
from server.storage.sql import Tx, point, statement

_f, _s = t.flags.c, t.flag_resolutions.c
_LAST = 2**53 - 1
"""The greatest that an event and every reader of JSON can hold."""
RAISED = func.coalesce(func.sum(cast(_f.rev, Double)), 0)
"""Exact as far as ``_LAST``. Revs of a region that signs what it likes add up beyond 64 bits, which SQLite refuses."""


def is_open(raised: ColumnElement[float], latest: ColumnElement[int]) -> ColumnElement[bool]:
    """Of a post's reports (``RAISED``, and when the last was made), joined with the answer to them."""
    return or_(
        _s.target.is_(None),
        and_(_s.seen > 0, raised > _s.seen),
        # Nobody counted: an answer of an older release, or one given before any report was here. It holds for what had
        # been said by then. To the older release it held for ever, and nothing said of the post was heard again.
        and_(_s.seen <= 0, latest > _s.at),
    )


_RAISED = statement(select(RAISED).where(_f.target == bindparam("target")))
_ANSWER = point(t.flag_resolutions, "rev", "seen")


def seen_of(raised: float) -> int:
    return int(min(raised, _LAST))


def load(tx: Tx, target: str) -> ReportsFact:
    rev, seen = tx.one(_ANSWER, {"target": target}) or (0, 0)
    (raised,) = tx.one(_RAISED, {"target": target}) or (0,)
    return ReportsFact(rev, seen, seen_of(raised))
