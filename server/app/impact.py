"""What somebody's contributions did for others lately, told to them: whom it helped, and what would help next.

Colleagues are counted, never named: a line says who gave only where the act was public (docs/scoring.md 6).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from server.app import score_store
from server.app.score_desk import Desk
from server.scoring.local import Received
from server.scoring.merits import is_person
from server.scoring.periods import bounds, month_of, months_to
from server.scoring.rules import quarter_of
from server.storage.async_facts import load_facts
from server.storage.queries import listing, places, views
from server.storage.queries.listing import NEWEST
from server.storage.queries.shapes import Shape
from server.storage.queries.views import LedgerLine, Stands
from server.storage.reader import Snapshot

TREND_MONTHS = 12
CONTENTS_SHOWN = 10
"""Of one month; the ledger has all of them."""
USEFUL_SHOWN = 3
"""A next act, not a list of duties."""
QUESTIONS_LOOKED_AT = 50
CONTENTS_KNOWN = 200
"""So many of somebody's latest credited posts say which topics are theirs."""
OWN = "-own"
"""How the name of a line ends that is for an act of one's own: nobody was helped by it."""
QUIET = "quiet"


class ContentHelped(Shape, frozen=True, kw_only=True):
    """One content and what it did in the month; ``kinds``: how many lines of each kind."""

    content: str
    title: str
    community: str
    mode: str
    people: int
    kinds: dict[str, int]
    milli: int


class MonthHelped(Shape, frozen=True, kw_only=True):
    """``people`` and their ``countries``: distinct colleagues. ``contents``: most people first."""

    month: str
    people: int
    countries: int
    milli: int
    contents: tuple[ContentHelped, ...]


class MonthTrend(Shape, frozen=True, kw_only=True):
    month: str
    people: int
    milli: int
    lines: int


class UsefulAct(Shape, frozen=True, kw_only=True):
    """A question nobody has answered to the asker's mind; ``mine``: about something the person knows."""

    post: str
    title: str
    community: str
    topics: tuple[str, ...]
    at: int
    mine: bool


class _Line(msgspec.Struct):
    act: str
    kind: str
    content: str
    content_title: str
    milli_points: int


_line = msgspec.json.Decoder(_Line).decode


async def placed(snapshot: Snapshot, lines: Sequence[LedgerLine]) -> tuple[dict[str, Any], ...]:
    """Ledger lines with the community of their content and its mode: whether numbers are for showing there."""
    where = await views.stands(snapshot, {one.line["content"] for one in lines})
    return tuple([one.line | _place(where.get(one.line["content"])) for one in lines])


def _place(stands: Stands | None) -> dict[str, str]:
    community, mode = (stands.community, stands.mode) if stands else ("", "")
    return {"community": community, "mode": mode or QUIET}


async def lately(
    snapshot: Snapshot, person: str, now: int
) -> tuple[MonthHelped, tuple[MonthTrend, ...]]:
    """The running UTC month, and the last twelve with it, oldest first."""
    months = months_to(month_of(now), TREND_MONTHS)
    since, current = bounds(months[0])[0], bounds(months[-1])[0]
    quarters = {quarter_of(bounds(month)[0]) for month in months}
    givers = await views.givers(snapshot, person, quarters)
    points = await views.points(snapshot, person, since)
    lines = [_line(raw) for raw in await views.lines_since(snapshot, person, current)]
    helped = [line for line in lines if line.milli_points > 0 and _helps(line)]
    people = {line.act: giver for line in helped if (giver := _giver(line.act, givers))}
    month = MonthHelped(
        month=months[-1],
        people=len(set(people.values())),
        countries=len(await _countries(snapshot, person, set(people.values()), current)),
        milli=_milli(lines),
        contents=await _contents(snapshot, helped, people),
    )
    return month, _trend(months, points, givers)


async def _countries(snapshot: Snapshot, person: str, givers: set[str], since: int) -> set[str]:
    """Where these people were when they gave: were it where they are now, who moves would be found out."""
    rows = await score_store.needed(snapshot, [Received(person, quarter_of(since))])
    acts = await Desk(snapshot).acts([row for row in rows if row.data.at >= since])
    return {act.giver_country for act in acts if act.giver in givers} - {""}


def _helps(line: _Line) -> bool:
    """Not one's own loop, nor a report, which is about no content of one's own."""
    return not line.act.endswith(OWN) and line.content != ""


def _giver(act: str, givers: Mapping[int, str]) -> str:
    """The colleague behind a line; empty for one's own acts, for voters, and where it is not known."""
    giver = givers.get(int(act), "") if act.isdecimal() else ""
    return giver if is_person(giver) else ""


async def _contents(
    snapshot: Snapshot, helped: Iterable[_Line], people: Mapping[str, str]
) -> tuple[ContentHelped, ...]:
    """Those that helped most people first; of equals the one with more points, then by id."""
    by_content: dict[str, list[_Line]] = defaultdict(list)
    for line in helped:
        by_content[line.content].append(line)
    ranked = sorted(
        [
            (-len(_people(lines, people)), -_milli(lines), content)
            for content, lines in by_content.items()
        ]
    )
    shown = [content for _, _, content in ranked[:CONTENTS_SHOWN]]
    where = await views.stands(snapshot, shown)
    return tuple(
        [
            ContentHelped(
                content=content,
                title=lines[0].content_title,
                people=len(_people(lines, people)),
                kinds=dict(sorted(Counter([line.kind for line in lines]).items())),
                milli=_milli(lines),
                **_place(where.get(content)),
            )
            for content in shown
            for lines in (by_content[content],)
        ]
    )


def _people(lines: Iterable[_Line], people: Mapping[str, str]) -> set[str]:
    return {people[line.act] for line in lines if line.act in people}


def _milli(lines: Iterable[_Line]) -> int:
    return sum([line.milli_points for line in lines])


def _trend(
    months: Sequence[str], points: Iterable[Any], givers: Mapping[int, str]
) -> tuple[MonthTrend, ...]:
    credited: dict[str, list[Any]] = defaultdict(list)
    for row in points:
        credited[month_of(row.at)].append(row)
    return tuple(
        [
            MonthTrend(
                month=month,
                people=len({_giver(row.act, givers) for row in credited[month]} - {""}),
                milli=sum([row.milli_points for row in credited[month]]),
                lines=len(credited[month]),
            )
            for month in months
        ]
    )


async def useful(snapshot: Snapshot, person: str) -> tuple[UsefulAct, ...]:
    """Open questions of one's communities: first those about what one knows or follows, then the newest."""
    facts = await load_facts(snapshot, person)
    mine = (await places.belonging(snapshot, facts, person)).communities
    keys = await listing.unanswered(snapshot, mine, NEWEST, QUESTIONS_LOOKED_AT)
    open_ = await views.questions(snapshot, [key.post for key in keys])
    topics = await _topics(snapshot, person)
    shown = [open_[key.post] for key in keys if key.post in open_]
    asked = [question for question in shown if question.author != person]
    asked.sort(key=lambda question: topics.isdisjoint(question.topics))
    return tuple(
        [
            UsefulAct(
                post=question.post,
                title=question.title,
                community=question.community,
                topics=question.topics,
                at=question.at,
                mine=not topics.isdisjoint(question.topics),
            )
            for question in asked[:USEFUL_SHOWN]
        ]
    )


async def _topics(snapshot: Snapshot, person: str) -> set[str]:
    latest = await views.ledger(snapshot, person, views.NEWEST, CONTENTS_KNOWN)
    where = await views.stands(snapshot, {one.line["content"] for one in latest})
    return await views.own_topics(snapshot, person, {one.root for one in where.values()})
