"""Topics, the history of a post, reports to moderators, the ledger."""

from collections import defaultdict
from collections.abc import Collection

import msgspec
from sqlalchemy import bindparam, case, func, select

from server.storage import tables as t
from server.storage.queries.shapes import Report, Revision, TopicView
from server.storage.reader import Snapshot
from server.storage.reports import RAISED, is_open, seen_of

_t, _p, _h, _f, _s, _l = (
    t.topics.c,
    t.posts.c,
    t.post_revisions.c,
    t.flags.c,
    t.flag_resolutions.c,
    t.credits_.c,
)
_TOPICS = (
    select(_t.topic, _t.names, _t.parent, _t.synonyms)
    .where(_t.topic > bindparam("after"))
    .order_by(_t.topic)
    .limit(bindparam("limit"))
)
_NAMES = select(_t.topic, _t.names).where(_t.topic.in_(bindparam("ids", expanding=True)))
_PRESENT = select(_p.rev, _p.title, _p.text, _p.at).where(_p.post == bindparam("post"))
_HISTORY = (
    select(_h.rev, _h.title, _h.text, _h.reason, _h.at)
    .where(_h.post == bindparam("post"))
    .order_by(_h.rev.desc())
    .limit(bindparam("limit"))
)
_said = (
    select(_f.target, RAISED.label("raised"), func.max(_f.at).label("latest"))
    .where(_f.place == bindparam("place"), _f.target > bindparam("after"))
    .group_by(_f.target)
    .having(func.max(case((_f.on_, 1), else_=0)) == 1)
    .subquery("said")
)
_IS_OPEN = is_open(_said.c.raised, _said.c.latest)
_REPORTED = (
    select(_said.c.target, _said.c.raised, _IS_OPEN.label("open"), _s.upheld, _s.note)
    .join_from(_said, t.flag_resolutions, _s.target == _said.c.target, isouter=True)
    .order_by(_said.c.target)
    .limit(bindparam("limit"))
)
_OPEN = _REPORTED.where(_IS_OPEN)
_REASONS = (
    select(_f.target, _f.reason)
    .where(_f.target.in_(bindparam("ids", expanding=True)), _f.on_)
    .order_by(_f.target, _f.reason)
)
_TOTAL = select(func.coalesce(func.sum(_l.milli_points), 0)).where(_l.person == bindparam("person"))


async def topics(snapshot: Snapshot, after: str, limit: int) -> list[TopicView]:
    return [
        TopicView(
            id=row.topic,
            names=msgspec.json.decode(row.names),
            parent=row.parent,
            synonyms=msgspec.json.decode(row.synonyms, type=tuple[str, ...]),
        )
        for row in await snapshot.rows(_TOPICS, {"after": after, "limit": limit})
    ]


async def topic_names(snapshot: Snapshot, topics: Collection[str], locale: str) -> dict[str, str]:
    """What these topics are called in a language, else in any; nothing for those nobody defined."""
    if not topics:
        return {}
    language = locale.partition("-")[0]
    found: dict[str, str] = {}
    for row in await snapshot.rows(_NAMES, {"ids": list(topics)}):
        names: dict[str, str] = msgspec.json.decode(row.names)
        in_words = names.get(locale) or names.get(language) or min(names.values(), default="")
        found[row.topic] = in_words or row.topic
    return found


async def history(snapshot: Snapshot, post: str, limit: int) -> list[Revision]:
    """Versions of a post, newest first. Of one that was never edited nothing is kept but what it says."""
    found = await snapshot.rows(_HISTORY, {"post": post, "limit": limit})
    if not found:
        return [
            Revision(rev=row.rev, title=row.title, text=row.text, reason="", at=row.at)
            for row in await snapshot.rows(_PRESENT, {"post": post})
        ]
    return [
        Revision(rev=row.rev, title=row.title, text=row.text, reason=row.reason, at=row.at)
        for row in found
    ]


async def reports(
    snapshot: Snapshot, place: str, after: str, limit: int, *, open_only: bool = False
) -> list[Report]:
    """Reported posts of a place by id; reporters stay unnamed."""
    asked = {"place": place, "after": after, "limit": limit}
    found = await snapshot.rows(_OPEN if open_only else _REPORTED, asked)
    reasons = await _reasons(snapshot, [row.target for row in found])
    return [
        Report(
            post=row.target,
            reasons=tuple(reasons[row.target]),
            resolved=not row.open,
            upheld=bool(row.upheld),
            note=row.note or "",
            seen=seen_of(row.raised),
        )
        for row in found
    ]


async def _reasons(snapshot: Snapshot, targets: Collection[str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = defaultdict(list)
    if targets:
        for target, reason in await snapshot.rows(_REASONS, {"ids": list(targets)}):
            reasons[target].append(reason)
    return reasons


async def total(snapshot: Snapshot, person: str) -> int:
    """The sum of all of somebody's lines in milli-points."""
    row = await snapshot.one(_TOTAL, {"person": person})
    return int(row[0]) if row else 0
