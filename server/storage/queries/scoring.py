"""What may be told of whose contributions, as the log says: ask ``scoring_policy.may_show`` with it.

And what regions published."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, select

from server.domain.events import LaneEnd
from server.domain.scoring_policy import UNDECIDED, ScoringChoice, ScoringPolicy
from server.storage import tables as t
from server.storage.reader import Snapshot

_POLICIES = select(t.scoring_policies.c.region, t.scoring_policies.c.policy)
_CHOICES = select(t.scoring_choices.c.person, t.scoring_choices.c.choice).where(
    t.scoring_choices.c.person.in_(bindparam("names", expanding=True))
)

_s, _r = t.standings.c, t.scoring_roots.c
_STANDINGS = select(
    _s.person,
    _s.day,
    _s.rules,
    _s.standing,
    _s.level,
    _s.topics,
    _s.shown,
    _s.origin,
    _s.epoch,
    _s.seq,
)
_WRITTEN_BY = _STANDINGS.where(_s.origin == bindparam("region")).order_by(_s.person)
_OF_PEOPLE = _STANDINGS.where(_s.person.in_(bindparam("names", expanding=True)), _s.shown)
_LAST_ROOT = (
    select(_r.region, _r.epoch, _r.seq, _r.day, _r.rules, _r.quarter, _r.cut, _r.people, _r.root)
    .where(_r.region == bindparam("region"))
    .order_by(_r.epoch.desc(), _r.seq.desc())
    .limit(1)
)
_REGIONS = select(_r.region).distinct()

_cut = msgspec.json.Decoder(tuple[LaneEnd, ...]).decode
_topics = msgspec.json.Decoder(dict[str, int]).decode
_policy = msgspec.json.Decoder(ScoringPolicy).decode
_choice = msgspec.json.Decoder(ScoringChoice).decode


async def policies(snapshot: Snapshot) -> dict[str, ScoringPolicy]:
    """By region; ``scoring_policy.CAUTIOUS`` holds for a region that is missing."""
    return {row.region: _policy(row.policy) for row in await snapshot.rows(_POLICIES)}


async def choices(snapshot: Snapshot, people: Iterable[str]) -> dict[str, ScoringChoice]:
    """Of each of these people; ``UNDECIDED`` of whoever chose nothing."""
    names = set(people)
    said = {row.person: _choice(row.choice) for row in await snapshot.named(_CHOICES, names)}
    return dict.fromkeys(sorted(names), UNDECIDED) | said


async def choice(snapshot: Snapshot, person: str) -> ScoringChoice:
    return (await choices(snapshot, (person,)))[person]


class Standing(NamedTuple):
    """What a region published of a person; points in thousandths, ``topics`` by topic.

    ``epoch`` and ``seq``: where it stands in the global lane of ``origin``."""

    person: str
    day: int
    rules: str
    standing: int
    level: int
    topics: dict[str, int]
    shown: bool
    origin: str
    epoch: int
    seq: int


class Root(NamedTuple):
    """What a region's public ledgers came to, and where that stands in its global lane."""

    region: str
    epoch: int
    seq: int
    day: int
    rules: str
    quarter: str
    cut: tuple[LaneEnd, ...]
    people: int
    root: str

    @property
    def place(self) -> tuple[int, int]:
        return self.epoch, self.seq


async def standings(snapshot: Snapshot, people: Iterable[str]) -> dict[str, Standing]:
    """What is published of each of these people; those of whom nothing is shown are missing."""
    rows = await snapshot.named(_OF_PEOPLE, set(people))
    return {row.person: _standing(row) for row in rows}


async def standings_by(snapshot: Snapshot, region: str) -> list[Standing]:
    """Everything a region published last of anybody, what it took back included."""
    return [_standing(row) for row in await snapshot.rows(_WRITTEN_BY, {"region": region})]


async def last_root(snapshot: Snapshot, region: str) -> Root | None:
    row = await snapshot.one(_LAST_ROOT, {"region": region})
    return None if row is None else Root._make((*row[:6], _cut(row.cut), *row[7:]))


async def publishing_regions(snapshot: Snapshot) -> list[str]:
    """Every region that ever published a root."""
    return sorted([row.region for row in await snapshot.rows(_REGIONS)])


async def rules_used(snapshot: Snapshot) -> dict[str, str]:
    """Region -> fingerprint of the rules its last root was computed by."""
    found = [await last_root(snapshot, region) for region in await publishing_regions(snapshot)]
    return {root.region: root.rules for root in found if root is not None}


def _standing(row: Any) -> Standing:
    return Standing._make((*row[:5], _topics(row.topics), bool(row.shown), *row[7:]))
