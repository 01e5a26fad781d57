"""What has to travel when a person moves to another region (docs/protocol/federation.md 18.3).

- *copies*  what was written in the person's conversations, and they themselves there, in lanes the new
            region is not part of: the same events again, in the lane of the two
- *marks*   what only their home knew of them: the whole profile, how far they read, which posts they
            follow; of the lane ``local``, from the tables
- *cut*     how far the lanes go that both may see and that may hold something of the person's own
- *keys*    their clients' keys of the last days, so that nothing is carried out twice (I2)

Only what the new region may see is named at all (I8). Reads only; ``moves`` writes.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from server.app.handle import first_told
from server.domain import limits
from server.domain.decide import Draft
from server.domain.durations import DAY_MS
from server.domain.events import (
    NAMES,
    BallotCast,
    CarriedKey,
    ConversationStarted,
    Event,
    FollowChanged,
    LaneEnd,
    PersonProfileChanged,
    ReadMarked,
    decode_known,
    encode_body,
)
from server.domain.ids import LaneKey
from server.domain.visibility import LOCAL, lane_audience, pair_lane
from server.domain.wire import Header, decode_header
from server.storage import tables as t
from server.storage.async_facts import LoadedFacts, load_facts
from server.storage.event_log import lane_page, lane_tips
from server.storage.facts import FULLER
from server.storage.reader import Reader, Snapshot

NAMES_PER_LOOK = 500
"""Places looked up at once, well below what a statement may bind."""

_m, _r, _f = t.conversation_members.c, t.read_marks.c, t.follows.c
_CONVERSATIONS = select(_m.conversation).where(_m.person == bindparam("person"))
_MARKS = select(_r.channel, _r.up_to).where(_r.person == bindparam("person")).order_by(_r.channel)
_FOLLOWS = (
    select(_f.target, _f.rev, _f.on_)
    .where(_f.person == bindparam("person"), _f.kind == "post")
    .order_by(_f.target)
)
_f2, _p = t.fuller_profiles.c, t.persons.c
_PROFILE = (
    select(_p.name, *[_f2[field] for field in FULLER], _f2.rev)
    .join(t.fuller_profiles, (_f2.person == _p.person) & (_f2.rev >= _p.rev))
    .where(_p.person == bindparam("person"))
)
_HOMES = select(t.person_homes.c.region).where(t.person_homes.c.person == bindparam("person"))
_k = t.command_keys.c
_KEYS = (
    select(_k.key, _k.digest, _k.answer, _k.at)
    .where(_k.person == bindparam("person"), _k.at >= bindparam("since"))
    .order_by(_k.at.desc(), _k.key)
    .limit(limits.KEYS_CARRIED_MAX)
)
_e, _l = t.events.c, t.lanes.c
_BALLOTS_HERE = (
    select(_e.position, _l.epoch)
    .join(t.lanes, _l.id == _e.lane_id)
    .where(_e.position.in_(bindparam("positions", expanding=True)))
    .where(_l.region == bindparam("region"), _l.lane == LOCAL, _e.type == NAMES[BallotCast])
)
_j, _g = t.memberships.c, t.community_roles.c
_BELONGS = (
    select(t.communities.c.community, t.communities.c.name)
    .outerjoin(
        t.memberships,
        (_j.community == t.communities.c.community) & (_j.person == bindparam("person")),
    )
    .outerjoin(
        t.community_roles,
        (_g.community == t.communities.c.community) & (_g.person == bindparam("person")),
    )
    .where(_j.joined.is_(True) | (_g.role != "none"))
    .order_by(t.communities.c.name, t.communities.c.community)
)


GOES_ALONG = (ReadMarked, FollowChanged, PersonProfileChanged)
"""Kinds that else stay at home and follow a person who moves."""


class Route(NamedTuple):
    """Who travels, and what the new region may see."""

    person: str
    region: str
    """Where this is written: the old home, or any other region that has a part in a conversation."""
    to: str
    regions: frozenset[str]
    groups: Mapping[str, frozenset[str]]

    @property
    def lane(self) -> str:
        return pair_lane(self.region, self.to)

    def open_to(self, lane: str, origin: str) -> bool:
        """Whether the new region may have a lane (I8)."""
        return self.to in lane_audience(lane, origin, self.regions, self.groups)


# -- copies ------------------------------------------------------------------------------------------------


async def copies(reader: Reader, route: Route, *, acts: bool) -> AsyncIterator[Draft]:
    """Events of this region in the person's conversations that the lane of the two does not hold yet;
    with ``acts`` also what the person did there while another region wrote for them.

    Every region does this for its own events when it hears of the move: whatever it wrote before goes
    here, whatever it writes later goes to the new home anyway. Said again, only what is missing comes.
    Costs one reading of this node's private lanes; what it keeps in mind is 16 bytes per event."""
    async with reader.snapshot() as snapshot:
        mine = frozenset([row[0] for row in await snapshot.rows(_CONVERSATIONS, _of(route))])
        tips = await lane_tips(snapshot)
    if not mine and not acts:
        return

    def travels(header: Header, event: Event) -> bool:
        # What they did in conversations goes along even where those themselves have not arrived here yet.
        name = _conversation(event)
        return name in mine or (name != "" and header.actor == route.person)

    held = {
        _fingerprint(header.actor, event)
        async for header, event in _events(reader, _of_the_two(tips, route))
        if travels(header, event)
    }
    for key in sorted(tips):
        own = key.region == route.region
        if not _private(key.lane) or route.open_to(key.lane, key.region) or not (own or acts):
            continue
        async for header, event in _events(reader, [key]):
            if not (own or header.actor == route.person) or not travels(header, event):
                continue
            if isinstance(event, ConversationStarted) and event.home != route.region:
                continue  # only its own region can say so, and will
            mark = _fingerprint(header.actor, event)
            if mark not in held:
                held.add(mark)
                yield Draft(route.lane, header.actor, event, header.refs, new_rev=False)


def _of_the_two(tips: Iterable[LaneKey], route: Route) -> list[LaneKey]:
    """The lane that copies go to, of every epoch."""
    return sorted([key for key in tips if (key.region, key.lane) == (route.region, route.lane)])


def _private(lane: str) -> bool:
    return lane == LOCAL or lane.startswith("pair.")


def _conversation(event: Event) -> str:
    """The conversation an event is about, or empty."""
    place: str = getattr(event, "place", "")
    name: str = place[2:] if place.startswith("d:") else getattr(event, "conversation", "")
    return name


def _fingerprint(actor: str, event: Event) -> bytes:
    words = f"{NAMES[type(event)]}\0{actor}\0".encode()
    return hashlib.blake2b(words + encode_body(event), digest_size=16).digest()


async def _events(reader: Reader, keys: Sequence[LaneKey]) -> AsyncIterator[tuple[Header, Event]]:
    """What can be read of some lanes, a page per snapshot, so that no view of the database grows old."""
    for key in keys:
        after = 0
        while True:
            async with reader.snapshot() as snapshot:
                page = await lane_page(snapshot, key, after)
            if not page:
                break
            for found in page:
                header = decode_header(found.header)
                after = header.seq
                event = decode_known(header.type, found.body) if found.body else None
                if event is not None:
                    yield header, event


# -- marks -------------------------------------------------------------------------------------------------


async def marks(reader: Reader, route: Route) -> AsyncIterator[Draft]:
    """What only the person's own region knew of them, as far as it is about what the new one may see."""
    async with reader.snapshot() as snapshot:
        found: list[tuple[str, Event]] = [
            (row.channel, ReadMarked(channel=row.channel, up_to=row.up_to))
            for row in await snapshot.rows(_MARKS, _of(route))
        ]
        found += [
            (
                "t:" + row.target,
                FollowChanged(kind="post", target=row.target, rev=row.rev, on=bool(row.on_)),
            )
            for row in await snapshot.rows(_FOLLOWS, _of(route))
        ]
        profile = await snapshot.one(_PROFILE, _of(route))
        tips = await lane_tips(snapshot)
    held = {
        _fingerprint(header.actor, event)
        async for header, event in _events(reader, _of_the_two(tips, route))
        if header.actor == route.person and isinstance(event, GOES_ALONG)
    }
    if profile is not None:
        known = profile._asdict() | {"skills": tuple(json.loads(profile.skills))}
        whole = PersonProfileChanged(person=route.person, **known)
        if _fingerprint(route.person, whole) not in held:
            yield Draft(route.lane, route.person, whole, (), new_rev=False)
    for start in range(0, len(found), NAMES_PER_LOOK):
        part = found[start : start + NAMES_PER_LOOK]
        async with reader.snapshot() as snapshot:
            facts = await load_facts(snapshot, route.person, {channel for channel, _ in part})
        for channel, event in part:
            known = _fingerprint(route.person, event) in held
            if not known and _seen_there(facts, channel, route):
                yield Draft(route.lane, route.person, event, (), new_rev=False)


def _seen_there(facts: LoadedFacts, channel: str, route: Route) -> bool:
    kind, _, name = channel.partition(":")
    if kind == "t":
        root = facts.post(name)
        kind, _, name = root.place.partition(":") if root else ("", "", "")
    if kind == "d":
        return True  # a conversation goes where its members are
    community = facts.community(name) if kind == "c" else None
    return community is not None and route.open_to(community.audience, community.home)


# -- the last word -----------------------------------------------------------------------------------------


async def cut(snapshot: Snapshot, route: Route) -> tuple[LaneEnd, ...]:
    """Of every region that ever wrote for the person: how far the lanes go that the new home may see.

    The lane of the two is left out: the release itself is in it, behind all the rest."""
    homes = {row.region for row in await snapshot.rows(_HOMES, _of(route))} | {route.region}
    return tuple(
        [
            LaneEnd(region=key.region, epoch=key.epoch, lane=key.lane, seq=tip.seq)
            for key, tip in sorted((await lane_tips(snapshot)).items())
            if key.region in homes
            and not _private(key.lane)
            and route.open_to(key.lane, key.region)
        ]
    )


async def keys(snapshot: Snapshot, route: Route, now: int) -> tuple[CarriedKey, ...]:
    """The newest client keys that may still be sent again, but for those whose answers name what the new
    region may not see: sent again there, such commands find nothing to be about.

    Of a ballot that stays here the digest stays too: with a few choices, hashing each would tell which it
    was (I11)."""
    since = now - limits.KEY_KEPT_DAYS * DAY_MS
    rows = await snapshot.rows(_KEYS, _of(route) | {"since": since})
    told = {row.key: first_told(bytes(row.answer)) for row in rows}
    about = {key: _named(first.result) for key, first in told.items()}
    facts = await load_facts(snapshot, route.person, {name for name in about.values() if name})
    asked = {"region": route.region, "positions": [first.position for first in told.values()]}
    ballots = {tuple(row) for row in await snapshot.rows(_BALLOTS_HERE, asked)}

    def digest_of(row: Any) -> bytes:
        first = told[row.key]
        return b"" if (first.position, first.epoch) in ballots else bytes(row.digest)

    return tuple(
        [
            CarriedKey(key=row.key, digest=digest_of(row), answer=bytes(row.answer), at=row.at)
            for row in rows
            if not about[row.key] or _seen_there(facts, about[row.key], route)
        ]
    )


def _named(result: Mapping[str, Any]) -> str:
    """The thread or community an answer names, as a channel; conversations go where their members are."""
    if "post" in result:
        return f"t:{result['post']}"
    return f"c:{result['community']}" if "community" in result else ""


def _of(route: Route) -> dict[str, str]:
    return {"person": route.person}


# -- before it happens -------------------------------------------------------------------------------------


class Preview(NamedTuple):
    """What a move would take along, and what it would leave behind."""

    conversations: int
    communities_lost: tuple[tuple[str, str], ...]
    """(id, name) of the person's communities that the new region may not see."""
    ballots_kept: int
    """Secret ballots that stay here, counted but not to be changed any more."""
    roles_ended: tuple[str, ...]


async def preview(
    snapshot: Snapshot, route: Route, roles: frozenset[str], ballots_kept: int
) -> Preview:
    """What an operator is told before a handover."""
    rows = await snapshot.rows(_BELONGS, _of(route))
    facts = await load_facts(snapshot, route.person, {"c:" + row.community for row in rows})
    lost = [row for row in rows if not _seen_there(facts, "c:" + row.community, route)]
    return Preview(
        conversations=len(await snapshot.rows(_CONVERSATIONS, _of(route))),
        communities_lost=tuple([(row.community, row.name) for row in lost]),
        ballots_kept=ballots_kept,
        roles_ended=tuple(sorted(roles)),
    )
