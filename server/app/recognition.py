"""Nominees of a quarter for a committee to decide about: by a published rule, with evidence, named with consent.

Each region's people are nominated by their own region, from communities in the mode ``programme`` (docs/scoring.md,
section "Views"). A list that was taken is written down, and told to everybody it named.

The rule is applied to those who may be named and to the others apart. Were they in one list, somebody silent who
leaves would make room for a name, and two readings would tell whom the rule had put there. So names depend on people
alone who consented, whatever the others do; and how many others there are is published once, of a settled quarter.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from server.app.handle import Handler
from server.app.ledger_export import csv_rows
from server.domain.scoring_policy import CAUTIOUS, may_show
from server.scoring.anonymity import rounded_down
from server.scoring.merits import (
    NOMINEE_PEOPLE_MIN,
    NOMINEE_UNITS_MIN,
    NOMINEES_OF,
    Merit,
    nominated,
)
from server.storage import tables as t
from server.storage.queries import people, scoring, views
from server.storage.queries.shapes import Shape
from server.storage.reader import Reader, Snapshot
from server.storage.sql import Tx, upsert

VIEW = "recognition"
"""Under which the number of the unnamed is published."""
EVIDENCE_SHOWN = 5
"""Contents a committee can read before it decides."""
RULE = (
    f"In each open programme community and region, one in {NOMINEES_OF} of those credited in the quarter who may be named, "
    f"one at least, with the most points; only who helped {NOMINEE_PEOPLE_MIN} people or more, in {NOMINEE_UNITS_MIN} teams or "
    "more. Points are counted per country, so that a large region does not outweigh a small one."
)

_READ = upsert(t.recognition_reads)


class Evidence(Shape, frozen=True, kw_only=True):
    """A content of the nominee's and how often others found it useful in the quarter, by kind."""

    content: str
    title: str
    kinds: dict[str, int]
    milli: int


class Nominee(Shape, frozen=True, kw_only=True):
    """Somebody who consented. ``helped``: how many colleagues; in so many teams and countries."""

    community: str
    community_name: str
    person: str
    name: str
    unit: str
    milli: int
    helped: int
    units: int
    countries: int
    kinds: dict[str, int]
    evidence: tuple[Evidence, ...]


class Nominees(Shape, frozen=True, kw_only=True):
    """``provisional``: the quarter has not settled. ``unnamed``: how many the same rule takes of those who did not
    consent, rounded down to five and published once; null until the quarter has settled, and where that would be
    about fewer than the policy's least number."""

    quarter: str
    region: str
    rule: str
    provisional: bool
    nominees: tuple[Nominee, ...]
    unnamed: int | None


class _Line(msgspec.Struct):
    kind: str
    content: str
    content_title: str
    milli_points: int


class _Unnamed(msgspec.Struct):
    """As it is published."""

    people: int


_line = msgspec.json.Decoder(_Line).decode
_unnamed = msgspec.json.Decoder(_Unnamed).decode
_encode = msgspec.json.Encoder().encode
_kinds = msgspec.json.Decoder(dict[str, int]).decode


async def nominees(snapshot: Snapshot, quarter: str, region: str, *, provisional: bool) -> Nominees:
    named, _ = await _chosen(snapshot, quarter, region)
    shown = await people.by_ids(snapshot, {row.person for row in named})
    found = [
        Nominee(
            community=row.community,
            community_name=row.name,
            person=row.person,
            name=shown[row.person].name,
            unit=shown[row.person].unit,
            milli=row.milli,
            helped=row.people,
            units=row.units,
            countries=row.countries,
            kinds=_kinds(row.kinds),
            evidence=await _evidence(snapshot, row.person, quarter, row.community),
        )
        for row in named
    ]
    found.sort(key=lambda one: (one.community_name, one.community, one.name, one.person))
    return Nominees(
        quarter=quarter,
        region=region,
        rule=RULE,
        provisional=provisional,
        nominees=tuple(found),
        unnamed=None if provisional else await _published(snapshot, quarter, region),
    )


async def cells(reader: Reader, region: str, quarter: str) -> dict[str, bytes]:
    """The figure to publish of a settled quarter: by region, only our own; none about too few."""
    async with reader.snapshot() as snapshot:
        policy = (await scoring.policies(snapshot)).get(region, CAUTIOUS)
        if policy.recognition == "off" or policy.scores == "off":
            return {}
        _, silent = await _chosen(snapshot, quarter, region)
    count = len({row.person for row in silent})
    return {region: _encode(_Unnamed(rounded_down(count)))} if count >= policy.k else {}


async def _published(snapshot: Snapshot, quarter: str, region: str) -> int | None:
    figures = (await views.figures(snapshot, VIEW, [quarter])).get(quarter, {}).get(region)
    return _unnamed(figures).people if figures else None


async def _chosen(snapshot: Snapshot, quarter: str, region: str) -> tuple[list[Any], list[Any]]:
    """Whom the rule takes of those who may be named, and of those who may not."""
    policy = (await scoring.policies(snapshot)).get(region, CAUTIOUS)
    rows = await views.nominable(snapshot, quarter, region)
    choices = await scoring.choices(snapshot, {row.person for row in rows})
    may = {who for who, choice in choices.items() if may_show("recognition", policy, choice)}
    willing = [row for row in rows if row.person in may]
    silent = [row for row in rows if row.person not in may]
    return _by_rule(willing), _by_rule(silent)


def _by_rule(rows: Iterable[Any]) -> list[Any]:
    return [row for group in _by_community(rows) for row in _first(group)]


def _by_community(rows: Iterable[Any]) -> Iterable[Sequence[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.community].append(row)
    return found.values()


def _first(group: Sequence[Any]) -> list[Any]:
    merits = {
        row.person: Merit(row.milli, row.people, row.units, row.countries, {}) for row in group
    }
    names = set(nominated(merits))
    return [row for row in group if row.person in names]


async def _evidence(
    snapshot: Snapshot, person: str, quarter: str, community: str
) -> tuple[Evidence, ...]:
    lines = [_line(raw) for raw in await views.lines_of_quarter(snapshot, person, quarter)]
    where = await views.stands(snapshot, {line.content for line in lines})
    by_content: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        if line.content in where and where[line.content].community == community:
            by_content[line.content].append(line)
    found = [
        Evidence(
            content=content,
            title=credited[0].content_title,
            kinds=dict(sorted(Counter([line.kind for line in credited]).items())),
            milli=sum([line.milli_points for line in credited]),
        )
        for content, credited in by_content.items()
    ]
    found.sort(key=lambda one: (-one.milli, one.content))
    return tuple(found[:EVIDENCE_SHOWN])


async def write_down(handler: Handler, reader: str, found: Nominees, at: int) -> None:
    """That this list was taken; before it is handed out. Raises Refused when the node cannot write."""
    named = {"", *[one.person for one in found.nominees]}
    rows = [
        {"person": person, "at": at, "reader": reader, "quarter": found.quarter} for person in named
    ]
    await handler.run(partial(_put, rows=rows))


def _put(tx: Tx, rows: Iterable[Mapping[str, Any]]) -> None:
    tx.many(_READ, rows)


COLUMNS = (
    "quarter",
    "community_name",
    "person",
    "name",
    "unit",
    "milli",
    "helped",
    "units",
    "countries",
    "kinds",
    "evidence",
)


def as_csv(found: Nominees) -> bytes:
    """One nominee a row, the evidence in one cell; the rule and the unnamed in the last rows."""
    rows: list[Sequence[Any]] = [COLUMNS]
    for one in found.nominees:
        cells = msgspec.structs.asdict(one) | {
            "quarter": found.quarter,
            "kinds": _counted(one.kinds),
            "evidence": "; ".join([f"{e.title} ({_counted(e.kinds)})" for e in one.evidence]),
        }
        rows.append([cells[name] for name in COLUMNS])
    untold = "told once the quarter has settled" if found.provisional else "fewer than can be told"
    unnamed = untold if found.unnamed is None else found.unnamed
    rows += [[found.quarter, "unnamed", unnamed], [found.quarter, "rule", found.rule]]
    return csv_rows(rows)


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join([f"{kind} {count}" for kind, count in kinds.items()])
