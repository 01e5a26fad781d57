"""What left this region and whether it was allowed to, told from the log alone (docs/protocol/federation.md 21).

Reads a region's own lanes page by page, each page in a snapshot of its own, so a running node is not held
up. An event's policy is the last ``residency.changed`` before it by the region's own clock, which orders its
events across lanes.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import NamedTuple

from server.app.luggage import GOES_ALONG
from server.domain.decide.base import member_lanes
from server.domain.durations import DAY_MS
from server.domain.events import (
    BallotCast,
    CitationChanged,
    CommunityCreated,
    Event,
    FollowChanged,
    HiddenAtHome,
    ReadMarked,
    ResidencyChanged,
    ResidencyPolicy,
    decode_known,
)
from server.domain.ids import EventId, LaneKey, hlc_millis, thread_channel
from server.domain.residency import EVERYTHING, may_leave_in, withheld
from server.domain.visibility import CONTROL, LOCAL, is_within, lane_audience
from server.domain.wire import WireEvent, decode_header
from server.storage.async_facts import load_crowd
from server.storage.event_log import lane_page, lane_tips
from server.storage.queries.people import homes_of
from server.storage.reader import Reader


class Reach(NamedTuple):
    """Which regions there are, and their policy groups."""

    regions: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]


class Held(NamedTuple):
    """What a region let leave, and who its lanes were for, from a moment on."""

    rev: int
    since: int
    """UTC milliseconds; 0 before the first policy was written."""
    policy: ResidencyPolicy
    regions: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]


class Own(NamedTuple):
    """One event of the region's own."""

    id: EventId
    type: str
    hlc: int
    actor: str
    event: Event | None
    """None for a type this version does not know, or an erased body."""
    size: int
    """Bytes that a peer is sent: header, salt and body."""


class Policies:
    """All policies of one region, in order. ``first``: who lanes were for before there were any."""

    def __init__(self, found: list[tuple[tuple[int, int], ResidencyChanged]], first: Reach) -> None:
        found.sort(key=lambda one: one[0])
        self._since = [since for since, _ in found]
        self._held = [Held(0, 0, EVERYTHING, *first)]
        self._held += [
            Held(e.rev, hlc_millis(hlc), e.policy, e.regions, e.groups) for (_, hlc), e in found
        ]

    def at(self, epoch: int, hlc: int) -> Held:
        return self._held[bisect_right(self._since, (epoch, hlc))]


# -- reading -------------------------------------------------------------------------------------------


class OwnLog:
    """A region's own part of the log that ``reader`` reads. ``reach``: as it is configured now."""

    def __init__(self, reader: Reader, region: str, reach: Reach) -> None:
        self.reader, self.region = reader, region
        self._reach = reach

    async def policies(self) -> Policies:
        """Reads the control lanes, which are short."""
        found = []
        for key, tip in (await self._lanes()).items():
            if key.lane != CONTROL:
                continue
            async for page in self._pages(key, 0, tip):
                found += [
                    ((own.id.epoch, own.hlc), own.event)
                    for own in page
                    if isinstance(own.event, ResidencyChanged)
                ]
        return Policies(found, self._reach)

    async def pages(self, day: int | None = None) -> AsyncIterator[list[Own]]:
        """Every event, lane by lane; ``day``: only of that UTC day (its first millisecond)."""
        for key, tip in (await self._lanes()).items():
            first, last = 0, tip
            if day is not None:
                first = await self._before(key, tip, day)
                last = await self._before(key, tip, day + DAY_MS)
            async for page in self._pages(key, first, last):
                yield page

    async def _lanes(self) -> dict[LaneKey, int]:
        async with self.reader.snapshot() as snapshot:
            tips = await lane_tips(snapshot)
        return {key: tips[key].seq for key in sorted(tips) if key.region == self.region}

    async def _pages(self, key: LaneKey, after: int, last: int) -> AsyncIterator[list[Own]]:
        while after < last:
            async with self.reader.snapshot() as snapshot:
                events = await lane_page(snapshot, key, after)
            yield [_own(event) for event in events[: last - after]]
            after += len(events)

    async def _before(self, key: LaneKey, tip: int, at: int) -> int:
        """The last seq of a lane before a moment: numbers have no hole and clocks only rise."""
        low, high = 0, tip
        while low < high:
            middle = (low + high + 1) // 2
            async with self.reader.snapshot() as snapshot:
                [event] = await lane_page(snapshot, key, middle - 1, events_max=1)
            if hlc_millis(decode_header(event.header).hlc) < at:
                low = middle
            else:
                high = middle - 1
        return low


def _own(raw: WireEvent) -> Own:
    header = decode_header(raw.header)
    event = None if raw.body is None else decode_known(header.type, raw.body)
    size = len(raw.header) + len(raw.salt or b"") + len(raw.body or b"")
    return Own(header.id, header.type, header.hlc, header.actor, event, size)


# -- what left -----------------------------------------------------------------------------------------


class Left:
    """What one region may have received; grows event by event."""

    def __init__(self) -> None:
        self.events = self.bytes = 0
        self.lanes: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.people: set[str] = set()
        """Whose act it was, or whom it is about."""

    def add(self, own: Own) -> None:
        self.events += 1
        self.bytes += own.size
        self.lanes[own.id.lane] += 1
        self.types[own.type] += 1
        self.people |= {name for name in (own.actor, getattr(own.event, "person", "")) if name}


def destinations(own: Own, held: Held) -> frozenset[str]:
    """Which other regions may have an event, as it was when it was appended."""
    audience = lane_audience(own.id.lane, own.id.region, held.regions, held.groups)
    return audience - {own.id.region}


# -- was it allowed ------------------------------------------------------------------------------------

Audiences = Mapping[str, tuple[str, ...]]
"""Place -> the lanes its content may stand in; a place nobody knows is missing."""


def wrongs(
    own: Own, held: Held, audiences: Audiences, cited: str = "", homes: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Why an event should not stand where it stands. ``cited``: the place of a post it cites; ``homes``:
    where its actor lives or ever lived, to where what is theirs went along (section 18.3)."""
    event, lane = own.event, own.id.lane
    if event is None:
        return
    if not may_leave_in(lane, event, held.policy):
        yield f"policy {held.rev} lets no such content leave in {lane}"
    along = isinstance(event, GOES_ALONG) and lane in member_lanes(set(homes), own.id.region)
    if not along and (fields := withheld(event, lane, held.policy)):
        yield f"policy {held.rev} keeps {', '.join(fields)} out of {lane}"
    if _is_for_home_alone(event) and lane != LOCAL and not along:
        yield f"it is for its own region alone and stands in {lane}"
    if isinstance(event, CommunityCreated) and lane != event.audience:
        yield f"it opens a place for {event.audience} and stands in {lane}"
    for place in filter(None, (place_of(event), cited)):
        wide = audiences.get(place)
        if wide and not any(is_within(lane, one, own.id.region, held.groups) for one in wide):
            yield f"it names {place}, which is for {' and '.join(wide)}, and stands in {lane}"


def place_of(event: Event) -> str:
    """The place an event names; empty for most facts about people."""
    if place := getattr(event, "place", ""):
        return str(place)
    for prefix, field in (("c:", "community"), ("d:", "conversation")):
        if name := getattr(event, field, ""):
            return prefix + str(name)
    return ""


def _is_for_home_alone(event: Event) -> bool:
    match event:
        case ReadMarked() | HiddenAtHome() | BallotCast(secret=True) | FollowChanged(kind="post"):
            return True
        case _:
            return False


async def places_of(
    reader: Reader, page: list[Own], region: str
) -> tuple[Audiences, Mapping[str, str], Mapping[str, frozenset[str]]]:
    """(audiences of the places a page names, place of each post it cites, where its actors ever lived)."""
    named = {own.event.cited for own in page if isinstance(own.event, CitationChanged)}
    places = {place_of(own.event) for own in page if own.event is not None}
    async with reader.snapshot() as snapshot:
        facts = await load_crowd(snapshot, (), (*places, *[thread_channel(post) for post in named]))
        chats = {place: facts.conversation(place[2:]) for place in places if place.startswith("d:")}
        people = {own.actor for own in page} | {
            person for chat in chats.values() if chat for person, _ in chat.members
        }
        homes = await homes_of(snapshot, people)
    cited = {name: post.place for name in named if (post := facts.post(name)) is not None}
    audiences: dict[str, tuple[str, ...]] = {}
    for place in (*places, *cited.values()):
        kind, _, name = place.partition(":")
        if kind == "c" and (community := facts.community(name)):
            audiences[place] = (community.audience,)
        elif kind == "d" and (conversation := chats.get(place)):
            members = {recorded for _, recorded in conversation.members}
            members = members.union(*[homes[person] for person, _ in conversation.members])
            audiences[place] = member_lanes(members, region)
    return audiences, cited, homes


class Wrong(NamedTuple):
    """An event that should not be where it is."""

    id: str
    type: str
    at: int
    why: str


class Verdict:
    """``unjudged``: bodies that were erased, or of types this version does not know."""

    def __init__(self) -> None:
        self.judged = self.unjudged = 0
        self.wrong: list[Wrong] = []


async def check(log: OwnLog, day: int | None = None) -> Verdict:
    """Judges every event of the region's own, or those of one day."""
    verdict = Verdict()
    policies = await log.policies()
    async for page in log.pages(day):
        audiences, cited, homes = await places_of(log.reader, page, log.region)
        for own in page:
            verdict.judged += own.event is not None
            verdict.unjudged += own.event is None
            held = policies.at(own.id.epoch, own.hlc)
            post = own.event.cited if isinstance(own.event, CitationChanged) else ""
            verdict.wrong += [
                Wrong(str(own.id), own.type, hlc_millis(own.hlc), why)
                for why in wrongs(own, held, audiences, cited.get(post, ""), homes[own.actor])
            ]
    return verdict
