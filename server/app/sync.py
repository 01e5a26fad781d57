"""First load and catching up, for the socket and for HTTP alike: one code path (DESIGN 7).

    snapshot(...)        everything a client needs at its start, and the cursor it is true at
    since(...)           events and values after a cursor, a page at a time, or why not
    load_interests(...)  the channels people receive without asking, and which more they may watch
    event_map(record)    a record as the frame a client gets

Whatever is answered here is visible to the person by ``domain/visibility`` and nothing else (I12).
A page ends at a position up to which it is complete, so the next one starts there: no gap and no
repeat (I3). Positions come from the tap, not from the database: a commit is seen in the database a
moment before it is announced, and a cursor must not run ahead of the records it stands for.
"""

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from server.app import metrics
from server.app.tap import Tap
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.events import BallotCast, PostPublished, ReplyPublished, encode_body
from server.domain.facts import PersonFact
from server.domain.ids import GLOBAL_CHANNEL, Cursor, person_channel
from server.domain.visibility import may_look, may_read_place, place_in_doubt
from server.storage.async_facts import LoadedFacts, People, load_facts, load_people
from server.storage.event_log import Record
from server.storage.queries import listing, people, places, posts, scoring, values
from server.storage.queries.shapes import ChoiceView, Counts, FirstLoad, PollValue, Shape
from server.storage.reader import Reader, Snapshot

VALUES_PER_PAGE = 500
"""A value is about 150 bytes: a page of them stays below 100 KB."""
BODY_DEPTH_MAX = 16
"""Maps and lists inside each other in an event's body; those known today have four."""
POSTS_IN_SNAPSHOT = 50
"""What the first screens show; older posts are paged. The clients' fold keeps the same window."""


_fields = msgspec.msgpack.Decoder(dict[str, Any]).decode


class EventFrame(Shape, frozen=True, kw_only=True):
    """One event as a client gets it, on the socket and in ``/sync``. ``body``: fields of its kind,
    defaults omitted."""

    t: Literal["event"] = "event"
    position: int
    id: str
    type: str
    at: int
    by: str
    channels: tuple[str, ...]
    body: dict[str, Any]
    late: bool | msgspec.UnsetType = msgspec.UNSET
    """True where something was said about the post before it came to this node."""


class PostValue(Shape, frozen=True, kw_only=True, tag_field="of", tag="post"):
    """The latest counters of a post; a later position wins."""

    t: Literal["value"] = "value"
    id: str
    position: int
    value: Counts


class TallyValue(Shape, frozen=True, kw_only=True, tag_field="of", tag="poll"):
    """The latest tally of a poll; a later position wins, a closed one is final."""

    t: Literal["value"] = "value"
    id: str
    position: int
    value: PollValue


class RefusedChannel(Shape, frozen=True, kw_only=True):
    channel: str
    code: Code


class Page(Shape, frozen=True, kw_only=True):
    """What happened after a cursor. ``more``: ask again with this cursor at once. ``channels``: what
    the person receives as of now; places missing there are theirs no longer."""

    cursor: str
    events: tuple[EventFrame, ...]
    values: tuple[PostValue | TallyValue, ...]
    more: bool
    channels: tuple[str, ...]
    refused: tuple[RefusedChannel, ...] = ()


class Reason(Shape, frozen=True, kw_only=True):
    """``unknown_epoch``: this node's log began anew; ``ahead``: this node never was that far."""

    reason: Literal["unknown_epoch", "ahead"]


class Reset(Shape, frozen=True, kw_only=True):
    """The cursor leads nowhere here: take a new snapshot, then go on from ``cursor``."""

    reset: Reason
    cursor: str


def event_map(record: Record) -> dict[str, Any]:
    """The frame of an event. Of a secret ballot nobody learns the choices, not even its devices (I11)."""
    body = _body(record)
    if isinstance(record.event, BallotCast) and record.event.secret:
        body.pop("choices", None)
    if getattr(record.event, "attachments", ()):
        for file in body["attachments"]:
            # Travels between regions; clients ask for it when it is looked at, and keep it.
            file.pop("thumbnail", None)
    frame = {
        "t": "event",
        "position": record.position,
        "id": str(record.id),
        "type": record.type,
        "at": record.at,
        "by": record.actor,
        "channels": record.channels,
        "body": body,
    }
    return frame | {"late": True} if record.late else frame


def _body(record: Record) -> dict[str, Any]:
    """As it was written, with what a newer version put beside the fields known here. Other regions may put anything
    there: what cannot be told stays out, as one event must not hold up those behind it."""
    if record.event is None:
        return {}
    known = encode_body(record.event)
    if record.body != known:
        with contextlib.suppress(ValueError, RecursionError):
            body = _fields(record.body)
            if _is_plain(body, BODY_DEPTH_MAX):
                return body
    return _fields(known)


def _is_plain(value: Any, depth: int) -> bool:
    """Whether either encoding can say it, and every reader take it."""
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return True
        case list():
            return depth > 0 and all(_is_plain(one, depth - 1) for one in value)
        case dict():
            return depth > 0 and all(
                isinstance(key, str) and _is_plain(one, depth - 1) for key, one in value.items()
            )
        case _:
            return False


def value_frame(id: str, position: int, value: Counts | PollValue) -> PostValue | TallyValue:
    """The frame of a conflated value."""
    if isinstance(value, Counts):
        return PostValue(id=id, position=position, value=value)
    return TallyValue(id=id, position=position, value=value)


class Interests(NamedTuple):
    """``own``: the channels a person receives without asking (directory, own devices, own places);
    empty when there is no such active person. ``allowed``: of further ones those they may watch."""

    own: frozenset[str]
    allowed: frozenset[str]


Asked = tuple[str, frozenset[str]]
"""A person, and further channels they would like to watch."""


async def load_interests(
    snapshot: Snapshot, asked: Collection[Asked], known: People | None = None
) -> dict[Asked, Interests]:
    """What each of these people may hear, in a few statements for all of them. ``known``: exactly these people,
    where they were read already."""
    people = sorted({person for person, _ in asked})
    channels = frozenset().union(*[further for _, further in asked])
    facts = LoadedFacts(await load_people(snapshot, people) if known is None else known)
    await facts.load(snapshot, channels)
    places_of = await places.belongings(snapshot, facts, people)
    return {
        (person, further): Interests(
            frozenset(_own(facts.person(person), places_of[person])),
            frozenset(_allowed(facts, facts.person(person), further)),
        )
        for person, further in asked
    }


def _own(who: PersonFact | None, mine: places.Belonging) -> tuple[str, ...]:
    if who is None or not who.active:
        return ()
    return (GLOBAL_CHANNEL, person_channel(who.person), *mine.places)


def _allowed(
    facts: LoadedFacts, who: PersonFact | None, channels: Collection[str]
) -> tuple[str, ...]:
    """Those of the channels that may be watched, each once."""
    names = dict.fromkeys(channels)
    return tuple([name for name in names if who and may_look(facts, who, name)])


def _watchable(
    facts: LoadedFacts, channels: Collection[str]
) -> tuple[tuple[str, ...], tuple[RefusedChannel, ...]]:
    allowed = _allowed(facts, facts.who, channels)
    known = frozenset(allowed)
    others = [name for name in dict.fromkeys(channels) if name not in known]
    return allowed, tuple([RefusedChannel(channel=name, code=Code.FORBIDDEN) for name in others])


async def seen_by(
    snapshot: Snapshot, person: str, interests: Collection[str], records: Sequence[Record]
) -> list[Record]:
    """Those records the person may see now: what only a mention brought, if they may read its place."""
    mine = frozenset(interests)
    known = [record for record in records if record.event is not None]
    places = [place_in_doubt(record.event, record.channels, mine) for record in known]
    doubtful = frozenset(filter(None, places))
    facts = await load_facts(snapshot, person, doubtful)
    refused = {place for place in doubtful if not may_read_place(facts, person, place)}
    return [record for record, place in zip(known, places, strict=True) if place not in refused]


def _not_here(person: str) -> Refusal:
    return Refusal(Code.UNAUTHENTICATED, f"nobody active here is called {person}")


class Sync:
    """Snapshots and pages for one node's readers."""

    def __init__(self, reader: Reader, tap: Tap, region: str, now: Callable[[], int]) -> None:
        self._reader, self._tap, self._region, self._now = reader, tap, region, now

    async def snapshot(self, person: str) -> FirstLoad | Refusal:
        """The first load of a person's client."""
        async with self._reader.snapshot() as snapshot:
            position = await snapshot.position()
            first = await self._first_load(snapshot, person, position)
        # The cursor goes out only once everybody here has heard of it.
        await self._tap.moved(position - 1)
        metrics.RESUMES.labels("fresh").inc()
        return first

    async def _first_load(
        self, snapshot: Snapshot, person: str, position: int
    ) -> FirstLoad | Refusal:
        facts = await load_facts(snapshot, person)
        me = (await people.by_ids(snapshot, {person})).get(person)
        if me is None or not me.active:
            return _not_here(person)
        mine = await places.belonging(snapshot, facts, person)
        keys = await listing.newest(
            snapshot, mine.communities, mine.conversations, listing.NEWEST, POSTS_IN_SNAPSHOT
        )
        order = [key.post for key in keys]
        found = await posts.bundle(snapshot, person, order, mine.places)
        return FirstLoad(
            cursor=str(Cursor(self._tap.epoch, position)),
            server_time=self._now(),
            region=self._region,
            me=me,
            communities=await places.communities(snapshot, mine.communities),
            memberships=mine.memberships,
            conversations=await places.conversations(snapshot, mine.conversations),
            choice=ChoiceView.of(await scoring.choice(snapshot, person)),
            **msgspec.structs.asdict(found),
        )

    async def since(
        self,
        person: str,
        cursor: Cursor,
        channels: Sequence[str] = (),
        limit: int = limits.SYNC_PAGE_EVENTS,
    ) -> Page | Reset | Refusal:
        """What the person missed after ``cursor``, also on further ``channels`` they watch."""
        while True:
            erasures = self._tap.erasures
            answer = await self._since(person, cursor, channels, limit)
            if erasures == self._tap.erasures:
                return answer
            # Perhaps what is in hand was erased meanwhile: it is read again.

    async def _since(
        self, person: str, cursor: Cursor, channels: Sequence[str], limit: int
    ) -> Page | Reset | Refusal:
        upto = self._tap.position
        async with self._reader.snapshot() as snapshot:
            reason = await self._why_reset(snapshot, cursor)
            if reason is not None:
                metrics.RESUMES.labels("reset").inc()
                now = str(Cursor(self._tap.epoch, upto))
                return Reset(reset=Reason(reason=reason), cursor=now)
            facts = await load_facts(snapshot, person, channels)
            if facts.who is None or not facts.who.active:
                return _not_here(person)
            allowed, refused = _watchable(facts, channels)
            mine = await places.belonging(snapshot, facts, person)
            wanted = tuple(dict.fromkeys((*_own(facts.who, mine), *allowed)))
            page = await self._page(snapshot, person, wanted, cursor.position, upto, limit)
        metrics.RESUMES.labels("paged" if page.more else "complete").inc()
        return msgspec.structs.replace(page, refused=refused)

    async def _why_reset(
        self, snapshot: Snapshot, cursor: Cursor
    ) -> Literal["unknown_epoch", "ahead"] | None:
        if cursor.epoch != self._tap.epoch:
            return "unknown_epoch"
        ahead = cursor.position > max(self._tap.position, await snapshot.position())
        return "ahead" if ahead else None

    async def _page(
        self,
        snapshot: Snapshot,
        person: str,
        channels: tuple[str, ...],
        after: int,
        upto: int,
        limit: int,
    ) -> Page:
        records = await self._tap.channel_page(channels, after, upto, limit)
        more = len(records) >= limit
        end = records[-1].position if more else max(upto, after)
        changed = await values.changed_since(snapshot, channels, after, end, VALUES_PER_PAGE)
        if len(changed) >= VALUES_PER_PAGE:
            more, end = True, changed[-1].position
            records = [record for record in records if record.position <= end]
        shown = await seen_by(snapshot, person, channels, records)
        return Page(
            cursor=str(Cursor(self._tap.epoch, end)),
            events=tuple([msgspec.convert(event_map(record), EventFrame) for record in shown]),
            values=await self._values(snapshot, changed, shown),
            more=more,
            channels=channels,
        )

    async def _values(
        self, snapshot: Snapshot, changed: Sequence[values.Changed], shown: Sequence[Record]
    ) -> tuple[PostValue | TallyValue, ...]:
        """The changed values, and those of posts that arrived later than what was said about them."""
        position = await snapshot.position()
        keys = [(one.of, one.id) for one in changed]
        told = [record.event for record in shown]
        new = [one.post for one in told if isinstance(one, PostPublished | ReplyPublished)]
        early = await values.counts(snapshot, new)
        found = await values.values(snapshot, [*keys, *[("post", post) for post in early]])
        return tuple([value_frame(name, position, value) for (_, name), value in found.items()])
