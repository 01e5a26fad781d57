"""Facts for readers: what ``visibility`` needs about some people and some channels, loaded at once.

The rules in ``domain/visibility`` ask synchronously; a reader's transaction answers asynchronously.
So what they will ask for is loaded first, and asking for anything else is our mistake, never a "no".
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NoReturn

from sqlalchemy import bindparam, select

from server.domain.errors import Mistake
from server.domain.facts import (
    NO_MEMBER,
    CommunityFact,
    ConversationFact,
    MemberFact,
    PersonFact,
    PostFact,
)
from server.storage import tables as t
from server.storage.post_facts import POST_COLUMNS, post_of
from server.storage.reader import Snapshot

_p, _c, _d = t.persons.c, t.communities.c, t.conversations.c
_m = t.memberships.c
_PEOPLE = select(
    _p.person,
    _p.home,
    _p.active,
    _p.bot,
    _p.unit,
    _p.country,
    _p.rev,
    _p.status_rev,
    _p.home_rev,
    _p.previous,
    _p.moving_to,
).where(_p.person.in_(bindparam("people", expanding=True)))
_PERSON_ROLES = select(t.person_roles.c.person, t.person_roles.c.role).where(
    t.person_roles.c.person.in_(bindparam("people", expanding=True)), t.person_roles.c.on_
)
_COMMUNITIES = select(_c.community, _c.home, _c.visibility, _c.audience, _c.archived, _c.rev).where(
    _c.community.in_(bindparam("names", expanding=True))
)
_EVERY_JOINED = select(_m.community, _m.person, _m.joined, _m.rev).where(
    _m.person.in_(bindparam("people", expanding=True))
)
_JOINED = _EVERY_JOINED.where(_m.community.in_(bindparam("names", expanding=True)))
_EVERY_ROLE = select(
    t.community_roles.c.community,
    t.community_roles.c.person,
    t.community_roles.c.role,
    t.community_roles.c.rev,
).where(t.community_roles.c.person.in_(bindparam("people", expanding=True)))
_ROLES = _EVERY_ROLE.where(t.community_roles.c.community.in_(bindparam("names", expanding=True)))
_CONVERSATIONS = select(_d.conversation, _d.home, _d.members, _d.rev).where(
    _d.conversation.in_(bindparam("names", expanding=True))
)
_POSTS = select(*POST_COLUMNS).where(t.posts.c.post.in_(bindparam("names", expanding=True)))


People = Mapping[str, PersonFact | None]
"""By name; None for those that do not exist."""


def _not_loaded(*_asked: Any) -> NoReturn:
    raise Mistake("a reader asked for a fact that was not loaded")


class LoadedFacts:
    """``Facts`` about what was loaded; unknown objects are None, unloaded ones a Mistake."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._watched: dict[str, PersonFact | None] = {}
        """People that are asked about, not for."""
        self._communities: dict[str, CommunityFact | None] = {}
        self._members: dict[tuple[str, str], MemberFact] = {}
        self._conversations: dict[str, ConversationFact | None] = {}
        self._posts: dict[str, PostFact | None] = {}

    @property
    def who(self) -> PersonFact | None:
        """The person all of this is about, where it is about one."""
        (who,) = self._people.values()
        return who

    def person(self, person: str) -> PersonFact | None:
        if person in self._watched:
            return self._watched[person]
        return self._people[person] if person in self._people else _not_loaded(person)

    def community(self, community: str) -> CommunityFact | None:
        if community not in self._communities:
            _not_loaded(community)
        return self._communities[community]

    def member(self, community: str, person: str) -> MemberFact:
        if person not in self._people or community not in self._communities:
            _not_loaded(community, person)
        return self._members.get((community, person), NO_MEMBER)

    def conversation(self, conversation: str) -> ConversationFact | None:
        if conversation not in self._conversations:
            _not_loaded(conversation)
        return self._conversations[conversation]

    def post(self, post: str) -> PostFact | None:
        if post not in self._posts:
            _not_loaded(post)
        return self._posts[post]

    posts_of: Callable[..., Any] = staticmethod(_not_loaded)
    lanes_of: Callable[..., Any] = staticmethod(_not_loaded)
    receipted: Callable[..., Any] = staticmethod(_not_loaded)
    release: Callable[..., Any] = staticmethod(_not_loaded)
    lane_seq: Callable[..., Any] = staticmethod(_not_loaded)
    upload: Callable[..., Any] = staticmethod(_not_loaded)
    reaction: Callable[..., Any] = staticmethod(_not_loaded)
    acceptance: Callable[..., Any] = staticmethod(_not_loaded)
    verification: Callable[..., Any] = staticmethod(_not_loaded)
    citation: Callable[..., Any] = staticmethod(_not_loaded)
    follow: Callable[..., Any] = staticmethod(_not_loaded)
    praises: Callable[..., Any] = staticmethod(_not_loaded)
    ballot: Callable[..., Any] = staticmethod(_not_loaded)
    ballot_kept: Callable[..., Any] = staticmethod(_not_loaded)
    poll: Callable[..., Any] = staticmethod(_not_loaded)
    casts: Callable[..., Any] = staticmethod(_not_loaded)
    cast_regions: Callable[..., Any] = staticmethod(_not_loaded)
    holds_ballot: Callable[..., Any] = staticmethod(_not_loaded)
    secret_ballots: Callable[..., Any] = staticmethod(_not_loaded)
    unknown_ballots: Callable[..., Any] = staticmethod(_not_loaded)
    homes: Callable[..., Any] = staticmethod(_not_loaded)
    acknowledged: Callable[..., Any] = staticmethod(_not_loaded)
    idea_stage: Callable[..., Any] = staticmethod(_not_loaded)
    moderation: Callable[..., Any] = staticmethod(_not_loaded)
    hidden_at_home: Callable[..., Any] = staticmethod(_not_loaded)
    person_role: Callable[..., Any] = staticmethod(_not_loaded)
    flag: Callable[..., Any] = staticmethod(_not_loaded)
    reports: Callable[..., Any] = staticmethod(_not_loaded)
    topic_rev: Callable[..., Any] = staticmethod(_not_loaded)
    read_mark: Callable[..., Any] = staticmethod(_not_loaded)
    residency: Callable[..., Any] = staticmethod(_not_loaded)
    scoring_policy: Callable[..., Any] = staticmethod(_not_loaded)
    scoring_choice: Callable[..., Any] = staticmethod(_not_loaded)
    shown_at: Callable[..., Any] = staticmethod(_not_loaded)
    scoring_history: Callable[..., Any] = staticmethod(_not_loaded)
    standing: Callable[..., Any] = staticmethod(_not_loaded)
    credit: Callable[..., Any] = staticmethod(_not_loaded)
    case: Callable[..., Any] = staticmethod(_not_loaded)
    cases_about: Callable[..., Any] = staticmethod(_not_loaded)
    profiles: Callable[..., Any] = staticmethod(_not_loaded)
    vote_imported: Callable[..., Any] = staticmethod(_not_loaded)

    async def load(self, snapshot: Snapshot, channels: Iterable[str]) -> None:
        """Adds what may_watch and may_read_place ask about these channels."""
        named: dict[str, list[str]] = {"c": [], "d": [], "t": [], "p": []}
        for channel in channels:
            kind, _, name = channel.partition(":")
            if kind in named:
                named[kind].append(name)
        await self._load_watched(snapshot, named["p"])
        places = await self._load_posts(snapshot, named["t"])
        await self._load_communities(
            snapshot, [*named["c"], *[p[2:] for p in places if p.startswith("c:")]]
        )
        await self._load_conversations(
            snapshot, [*named["d"], *[p[2:] for p in places if p.startswith("d:")]]
        )

    async def _load_watched(self, snapshot: Snapshot, names: Collection[str]) -> None:
        names = _new(names, self._watched)
        if names:
            self._watched |= await load_people(snapshot, names)

    async def _load_posts(self, snapshot: Snapshot, names: Collection[str]) -> set[str]:
        names = _new(names, self._posts)
        rows = await snapshot.rows(_POSTS, {"names": names}) if names else ()
        self._posts |= dict.fromkeys(names)
        self._posts |= {row.post: post_of(row) for row in rows}
        return {row.place for row in rows}

    async def load_own(self, snapshot: Snapshot) -> dict[str, dict[str, MemberFact]]:
        """Adds every community these people are in, want to be in or have a role in; by person, by name."""
        asked = {"people": sorted(self._people)}
        members = _members(
            await snapshot.rows(_EVERY_JOINED, asked), await snapshot.rows(_EVERY_ROLE, asked)
        )
        self._members |= members
        names = _new([name for name, _ in members], self._communities)
        await self._load_community_facts(snapshot, names)
        found: dict[str, dict[str, MemberFact]] = {person: {} for person in self._people}
        for name, person in sorted(members):
            member = members[name, person]
            if member.joined or member.role != "none":
                found[person][name] = member
        return found

    async def _load_communities(self, snapshot: Snapshot, names: Collection[str]) -> None:
        names = _new(names, self._communities)
        if not names:
            return
        await self._load_community_facts(snapshot, names)
        asked = {"people": sorted(self._people), "names": names}
        self._members |= _members(
            await snapshot.rows(_JOINED, asked), await snapshot.rows(_ROLES, asked)
        )

    async def _load_community_facts(self, snapshot: Snapshot, names: Collection[str]) -> None:
        self._communities |= dict.fromkeys(names)
        for row in await snapshot.rows(_COMMUNITIES, {"names": names}) if names else ():
            self._communities[row.community] = CommunityFact(*row)

    async def _load_conversations(self, snapshot: Snapshot, names: Collection[str]) -> None:
        names = _new(names, self._conversations)
        if not names:
            return
        self._conversations |= dict.fromkeys(names)
        for name, home, members, rev in await snapshot.rows(_CONVERSATIONS, {"names": names}):
            inside = tuple([(member["person"], member["region"]) for member in json.loads(members)])
            self._conversations[name] = ConversationFact(name, home, inside, rev)


def _members(joined: Iterable[Any], roles: Iterable[Any]) -> dict[tuple[str, str], MemberFact]:
    found = {
        (name, person): MemberFact(joined, rev, "none", 0) for name, person, joined, rev in joined
    }
    for name, person, role, rev in roles:
        wish, wish_rev, _, _ = found.get((name, person), NO_MEMBER)
        found[name, person] = MemberFact(wish, wish_rev, role, rev)
    return found


def _new(names: Iterable[str], known: Collection[str]) -> list[str]:
    return sorted({name for name in names if name not in known})


async def load_people(snapshot: Snapshot, people: Iterable[str]) -> dict[str, PersonFact | None]:
    """Each of the named people; None for those that do not exist."""
    asked = {"people": sorted(set(people))}
    roles: dict[str, set[str]] = {}
    for person, role in await snapshot.rows(_PERSON_ROLES, asked):
        roles.setdefault(person, set()).add(role)
    found: dict[str, PersonFact | None] = dict.fromkeys(asked["people"])
    for row in await snapshot.rows(_PEOPLE, asked):
        granted = frozenset(roles.get(row.person, ()))
        found[row.person] = PersonFact._make((*row[:8], granted, *row[8:]))
    return found


async def load_person(snapshot: Snapshot, person: str) -> PersonFact | None:
    return (await load_people(snapshot, (person,)))[person]


async def load_crowd(
    snapshot: Snapshot, people: Iterable[str], channels: Iterable[str] = ()
) -> LoadedFacts:
    """What visibility may ask about these people and these channels or places."""
    facts = LoadedFacts(await load_people(snapshot, people))
    await facts.load(snapshot, channels)
    return facts


async def load_facts(snapshot: Snapshot, person: str, channels: Iterable[str] = ()) -> LoadedFacts:
    """As ``load_crowd``, about one person."""
    return await load_crowd(snapshot, (person,), channels)
