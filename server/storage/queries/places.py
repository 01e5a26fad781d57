"""Communities and conversations: what there is, and which are a person's own."""

from collections.abc import Collection
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import bindparam, distinct, exists, func, or_, select, union

from server.domain.events.base import CommunityRole
from server.domain.facts import CommunityFact, ConversationFact, MemberFact
from server.domain.visibility import READING_ROLES, belongs_to_community, may_read_conversation
from server.storage import letters
from server.storage import tables as t
from server.storage.async_facts import LoadedFacts
from server.storage.queries.listing import may_be_read
from server.storage.queries.people import pattern
from server.storage.queries.shapes import (
    CommunityView,
    ConversationView,
    MembershipView,
    MemberView,
)
from server.storage.reader import Snapshot

_c, _m, _r, _d = t.communities.c, t.memberships.c, t.community_roles.c, t.conversations.c
_COMMUNITIES = select(
    _c.community,
    _c.home,
    _c.name,
    _c.about,
    _c.visibility,
    _c.audience,
    _c.archived,
    _c.mode,
    _c.at,
).where(_c.home != "")
"""``home`` empty: changed settings arrived before the community itself."""
_BY_ID = _COMMUNITIES.where(_c.community.in_(bindparam("ids", expanding=True)))
_PAGE = (
    _COMMUNITIES.where(_c.community < bindparam("before"))
    .where(may_be_read(bindparam("person")))
    .order_by(_c.community.desc())
    .limit(bindparam("limit"))
)
_FOUND = _PAGE.where(
    or_(
        letters.lower(_c.name).like(bindparam("words"), escape="\\"),
        letters.lower(_c.about).like(bindparam("words"), escape="\\"),
    )
)
_INSIDE = union(
    select(_m.person)
    .join(t.communities, _c.community == _m.community)
    .where(_m.community == bindparam("community"), _m.joined, _c.visibility == "open"),
    select(_r.person).where(
        _r.community == bindparam("community"), _r.role.in_(sorted(READING_ROLES))
    ),
).subquery()
_MEMBERS = select(func.count(distinct(_INSIDE.c.person))).where(
    ~exists().where(t.persons.c.person == _INSIDE.c.person, ~t.persons.c.active)
)
_CONVERSING = select(t.conversation_members.c.person, t.conversation_members.c.conversation).where(
    t.conversation_members.c.person.in_(bindparam("people", expanding=True))
)
_CONVERSATIONS = select(_d.conversation, _d.title, _d.members, _d.at, _d.home).where(
    _d.conversation.in_(bindparam("ids", expanding=True))
)

_members = msgspec.json.Decoder(tuple[MemberView, ...])


class Belonging(NamedTuple):
    """What is a person's own, as far as ``visibility`` allows."""

    members: dict[str, MemberFact]
    """By community: where they are in, or want to be, or may do something."""
    communities: tuple[str, ...]
    conversations: tuple[str, ...]

    @property
    def memberships(self) -> dict[str, MembershipView]:
        return {
            name: MembershipView(joined=member.joined, role=cast(CommunityRole, member.role))
            for name, member in self.members.items()
        }

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(
            ["c:" + name for name in self.communities]
            + ["d:" + name for name in self.conversations]
        )


async def belonging(snapshot: Snapshot, facts: LoadedFacts, person: str) -> Belonging:
    """The person's memberships, and the communities and conversations that are theirs to read."""
    return (await belongings(snapshot, facts, (person,)))[person]


async def belongings(
    snapshot: Snapshot, facts: LoadedFacts, people: Collection[str]
) -> dict[str, Belonging]:
    """``belonging`` of several people at once; adds to the facts what it needs of their places."""
    members = await facts.load_own(snapshot)
    conversing: dict[str, list[str]] = {person: [] for person in people}
    for person, name in await snapshot.rows(_CONVERSING, {"people": sorted(people)}):
        conversing[person].append(name)
    await facts.load(snapshot, ["d:" + name for names in conversing.values() for name in names])
    return {
        person: _belonging(facts, person, members[person], conversing[person]) for person in people
    }


def _belonging(
    facts: LoadedFacts, person: str, members: dict[str, MemberFact], conversing: Collection[str]
) -> Belonging:
    return Belonging(
        members,
        tuple(
            [
                name
                for name, member in members.items()
                if _arrived(facts.community(name))
                and belongs_to_community(facts.community(name), member)
            ]
        ),
        tuple(
            [
                name
                for name in sorted(conversing)
                if may_read_conversation(facts.conversation(name), person)
            ]
        ),
    )


def _arrived(place: CommunityFact | ConversationFact | None) -> bool:
    """A role or a change may come before the place itself."""
    return place is not None and place.home != ""


async def communities(snapshot: Snapshot, ids: Collection[str]) -> dict[str, CommunityView]:
    if not ids:
        return {}
    rows = await snapshot.rows(_BY_ID, {"ids": sorted(ids)})
    return {row.community: _view(row) for row in rows}


async def page(
    snapshot: Snapshot, person: str, words: str, before: str, limit: int
) -> list[CommunityView]:
    """Candidates for the directory, newest first: ask visibility about each."""
    asked: dict[str, Any] = {"person": person, "before": before, "limit": limit}
    if not words:
        return [_view(row) for row in await snapshot.rows(_PAGE, asked)]
    asked["words"] = pattern(words)
    return [_view(row) for row in await snapshot.rows(_FOUND, asked)]


async def members_count(snapshot: Snapshot, community: str) -> int:
    """Active people who joined, where that is enough to read it, or were let in."""
    row = await snapshot.one(_MEMBERS, {"community": community})
    return int(row[0]) if row else 0


async def conversations(snapshot: Snapshot, ids: Collection[str]) -> dict[str, ConversationView]:
    if not ids:
        return {}
    rows = await snapshot.rows(_CONVERSATIONS, {"ids": sorted(ids)})
    return {
        row.conversation: ConversationView(
            id=row.conversation,
            title=row.title,
            members=_members.decode(row.members),
            at=row.at,
            home=row.home,
        )
        for row in rows
    }


def _view(row: Any) -> CommunityView:
    return CommunityView(
        id=row.community,
        home=row.home,
        name=row.name,
        about=row.about,
        visibility=row.visibility,
        audience=row.audience,
        archived=row.archived,
        mode=row.mode,
        at=row.at,
    )
