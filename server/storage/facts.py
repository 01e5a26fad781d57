"""Answers ``decide``'s questions (domain/facts.py) inside the writer's transaction.

People, communities, memberships and the posts that are being answered are asked for by nearly every command and change
rarely: they are kept in a bounded cache that the projections' own events clear, so an answer is never older than the
transaction. Everything else is one indexed look-up; those of polls, posts, cases and scoring have files of their own.
"""

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, bindparam, func, select

from server.domain.events import (
    CommunityChanged,
    CommunityCreated,
    CommunityRoleChanged,
    ConversationChanged,
    ConversationStarted,
    ErasureRequested,
    Event,
    LaneEnd,
    MembershipChanged,
    ModerationActed,
    PersonHandedOver,
    PersonProfileChanged,
    PersonRegistered,
    PersonRoleChanged,
    PersonStatusChanged,
    PersonTakenOver,
    PollChecked,
    PollClosed,
    PollClosing,
    PollRegionClosed,
    PollTallied,
    PostDeleted,
    PostEdited,
    PostPublished,
    ReplyPublished,
    ResidencyChanged,
    ResidencyPolicy,
    ScoringPolicyChanged,
)
from server.domain.facts import (
    NO_MEMBER,
    OFF,
    UNSET,
    CaseFact,
    CastFact,
    CommunityFact,
    ConversationFact,
    CreditFact,
    HistoryFact,
    MemberFact,
    PersonFact,
    PollFact,
    PostFact,
    ProfileFact,
    Register,
    ReleaseFact,
    ReportsFact,
    ResidencyFact,
    ScoringChoiceFact,
    ScoringPolicyFact,
    StandingFact,
    UploadFact,
    ValueRegister,
)
from server.domain.ids import sealed
from server.storage import case_facts as cases
from server.storage import poll_facts as polls
from server.storage import post_facts as posts
from server.storage import reports
from server.storage import score_facts as scores
from server.storage import tables as t
from server.storage.sql import Statement, Tx, point, statement

T = TypeVar("T")
_policy = msgspec.json.Decoder(ResidencyPolicy).decode
_groups = msgspec.json.Decoder(dict[str, tuple[str, ...]]).decode
CACHE_ENTRIES_MAX = 50_000
"""30,000 people and what they belong to; about 20 MB when full. Emptied whole when it overflows."""


_p, _f = t.persons.c, t.fuller_profiles.c
FULLER = ("title", "unit", "country", "about", "skills", "locale", "timezone")
"""Fields of which some regions may know more than others."""
KNOWN = t.persons.outerjoin(t.fuller_profiles, (_f.person == _p.person) & (_f.rev >= _p.rev))
"""Everybody with the fullest copy of their latest profile that came here."""


def known_of(field: str) -> ColumnElement[str]:
    """A field of a profile in KNOWN, as far as this region may know it."""
    return func.coalesce(_f[field], _p[field]).label(field)


PERSON = point(
    t.persons,
    "home",
    "active",
    "bot",
    "unit",
    "country",
    "rev",
    "status_rev",
    "home_rev",
    "previous",
    "moving_to",
)
RELEASE = point(t.releases, "origin", "to_", "rev", "cut")
LANE = point(t.lanes, "seq", by=("region", "epoch", "lane"))
PERSON_ROLES = point(t.person_roles, "role", "on_", by=("person",))
PERSON_ROLE = point(t.person_roles, "rev", "on_")
COMMUNITY = point(t.communities, "home", "visibility", "audience", "archived", "rev")
JOINED = point(t.memberships, "joined", "rev")
ROLE = point(t.community_roles, "role", "rev")
CONVERSATION = point(t.conversations, "home", "members", "rev")
RECEIPT = point(t.erasure_receipts, "at")
REACTION = point(t.reactions, "rev", "on_")
ACCEPTANCE = point(t.acceptances, "rev", "answer")
VERIFICATION = point(t.verifications, "rev", "on_")
CITATION = point(t.citations, "rev", "on_")
FOLLOW = point(t.follows, "rev", "on_")
BALLOT = point(t.ballots, "rev", "choices")
BALLOT_KEPT = point(t.ballots_kept, "poll")
ACKNOWLEDGED = point(t.acknowledgements, "at")
PRAISES = statement(
    select(func.count()).where(
        t.posts.c.author == bindparam("person"),
        t.posts.c.at >= bindparam("since"),
        t.posts.c.kind == "praise",
        t.posts.c.source == "",
    )
)
STAGE = point(t.idea_stages, "rev", "stage")
MODERATION = point(t.moderations, "rev", "on_")
HIDDEN = point(t.hidden_at_home, "rev", "on_")
FLAG = point(t.flags, "rev", "on_")
TOPIC = point(t.topics, "rev")
READ_MARK = point(t.read_marks, "up_to")
VOTE = point(t.imported_votes, "at")
UPLOAD = statement(
    select(*[t.media.c[name] for name in ("type", "size", "width", "height", "thumbnail", "stays")])
    .join(t.uploads, t.uploads.c.hash == t.media.c.hash)
    .where(t.uploads.c.hash == bindparam("hash"), t.uploads.c.person == bindparam("person"))
)
RESIDENCY = point(t.residency, "rev", "policy", "regions", "groups")
PROFILES = statement(
    select(_p.person, _p.rev, _p.name, *[known_of(name) for name in FULLER])
    .select_from(KNOWN)
    .where(_p.home == bindparam("home"), _p.rev > 0)
    .order_by(_p.person)
)


class TxFacts:
    """Facts on the running transaction; one per node, given each transaction in turn. ``write_log``: puts what this
    transaction appended into the log's tables, for the questions that are about these."""

    def __init__(self, write_log: Callable[[Tx], None] = lambda _tx: None) -> None:
        self._write_log = write_log
        self._tx: Tx | None = None
        self._cache: dict[tuple[str, ...], Any] = {}

    def use(self, tx: Tx) -> "TxFacts":
        self._tx = tx
        return self

    def forget_all(self) -> None:
        """After a rollback: what was cached may not have happened."""
        self._cache.clear()

    def forget(self, event: Event) -> None:
        """Drops what an applied event may have changed."""
        match event:
            case (
                PersonRegistered(person=person)
                | PersonProfileChanged(person=person)
                | PersonStatusChanged(person=person)
                | PersonRoleChanged(person=person)
                | PersonHandedOver(person=person)
                | PersonTakenOver(person=person)
            ):
                self._cache.pop(("person", person), None)
            case CommunityCreated(community=community) | CommunityChanged(community=community):
                self._cache.pop(("community", community), None)
            case MembershipChanged(community=community, person=person):
                self._cache.pop(("member", community, person), None)
            case CommunityRoleChanged(community=community, person=person):
                self._cache.pop(("member", community, person), None)
            case (
                PollClosing(poll=poll)
                | PollRegionClosed(poll=poll)
                | PollTallied(poll=poll)
                | PollClosed(poll=poll)
                | PollChecked(poll=poll)
            ):
                self._cache.pop(("poll", poll), None)
            case (
                PostPublished(post=post)
                | ReplyPublished(post=post)
                | PostEdited(post=post)
                | PostDeleted(post=post)
            ):
                self._cache.pop(("post", post), None)
                self._cache.pop(("poll", post), None)
            case ErasureRequested(posts=posts):
                for left in posts:
                    self._cache.pop(("post", left.post), None)
                    self._cache.pop(("poll", left.post), None)
            case ModerationActed(target=target, act=act):
                self._cache.pop(("moderation", target, act), None)
            case ConversationStarted(conversation=name) | ConversationChanged(conversation=name):
                self._cache.pop(("conversation", name), None)
            case ResidencyChanged(region=region):
                self._cache.pop(("residency", region), None)
            case ScoringPolicyChanged(region=region):
                self._cache.pop(("scoring", region), None)
            case _:
                pass

    # -- cached ------------------------------------------------------------------------------------

    def person(self, person: str) -> PersonFact | None:
        return self._cached(("person", person), lambda: self._person(person))

    def community(self, community: str) -> CommunityFact | None:
        return self._cached(("community", community), lambda: self._community(community))

    def member(self, community: str, person: str) -> MemberFact:
        return self._cached(("member", community, person), lambda: self._member(community, person))

    def conversation(self, conversation: str) -> ConversationFact | None:
        return self._cached(
            ("conversation", conversation), lambda: self._conversation(conversation)
        )

    def post(self, post: str) -> PostFact | None:
        return self._cached(("post", post), lambda: posts.load(self._running(), post))

    def poll(self, poll: str) -> PollFact | None:
        return self._cached(("poll", poll), lambda: polls.load(self._running(), poll))

    def moderation(self, target: str, act: str) -> Register:
        return self._cached(
            ("moderation", target, act),
            lambda: self._switch(MODERATION, target=target, act=act),
        )

    def _cached(self, key: tuple[str, ...], load: Callable[[], T]) -> T:
        try:
            found: T = self._cache[key]
        except KeyError:
            if len(self._cache) >= CACHE_ENTRIES_MAX:
                self._cache.clear()
            found = self._cache[key] = load()
        return found

    def _person(self, person: str) -> PersonFact | None:
        row = self._one(PERSON, person=person)
        if row is None:
            return None
        home, active, bot, unit, country, rev, status_rev, *move = row
        granted = self._tx.rows(PERSON_ROLES, {"person": person}) if self._tx else []
        roles = frozenset(role for role, on in granted if on)
        return PersonFact(
            person, home, bool(active), bool(bot), unit, country, rev, status_rev, roles, *move
        )

    def _community(self, community: str) -> CommunityFact | None:
        row = self._one(COMMUNITY, community=community)
        if row is None:
            return None
        home, visibility, audience, archived, rev = row
        return CommunityFact(community, home, visibility, audience, bool(archived), rev)

    def _member(self, community: str, person: str) -> MemberFact:
        joined = self._one(JOINED, community=community, person=person)
        role = self._one(ROLE, community=community, person=person)
        if joined is None and role is None:
            return NO_MEMBER
        wish, wish_rev = joined or (False, 0)
        name, name_rev = role or ("none", 0)
        return MemberFact(bool(wish), wish_rev, name, name_rev)

    def _conversation(self, conversation: str) -> ConversationFact | None:
        row = self._one(CONVERSATION, conversation=conversation)
        if row is None:
            return None
        members = tuple((m["person"], m["region"]) for m in json.loads(row[1]))
        return ConversationFact(conversation, row[0], members, row[2])

    # -- looked up each time -------------------------------------------------------------------------

    def posts_of(self, author: str, limit: int) -> list[PostFact]:
        return posts.of_author(self._running(), author, limit)

    def lanes_of(self, root: str, names: Collection[str]) -> dict[str, set[tuple[str, str]]]:
        tx = self._running()
        self._write_log(tx)
        return posts.lanes(tx, root, names)

    def receipted(self, request: str, region: str) -> bool:
        return self._one(RECEIPT, request=request, region=region) is not None

    def release(self, person: str) -> ReleaseFact | None:
        row = self._one(RELEASE, person=person)
        if row is None:
            return None
        origin, to, rev, cut = row
        tips = msgspec.json.decode(cut, type=tuple[LaneEnd, ...])
        return ReleaseFact(origin, to, rev, tips)

    def lane_seq(self, region: str, epoch: int, lane: str) -> int:
        """As of the last commit: what arrives in the running transaction need not be counted yet."""
        row = self._one(LANE, region=region, epoch=epoch, lane=lane)
        return int(row[0]) if row else 0

    def upload(self, person: str, hash: str) -> UploadFact | None:
        row = self._one(UPLOAD, person=person, hash=hash)
        if row is None:
            return None
        kind, size, width, height, thumbnail, stays = row
        return UploadFact(kind, size, width, height, bytes(thumbnail), bool(stays))

    def reaction(self, target: str, person: str, reaction: str, emoji: str) -> Register:
        return self._switch(REACTION, target=target, person=person, reaction=reaction, emoji=emoji)

    def acceptance(self, question: str) -> ValueRegister:
        return self._value(ACCEPTANCE, question=question)

    def verification(self, target: str, person: str) -> Register:
        return self._switch(VERIFICATION, target=target, person=person)

    def citation(self, citing: str, cited: str) -> Register:
        return self._switch(CITATION, citing=citing, cited=cited)

    def follow(self, person: str, kind: str, target: str) -> Register:
        return self._switch(FOLLOW, person=person, kind=kind, target=target)

    def ballot(self, poll: str, person: str) -> ValueRegister:
        return self._value(BALLOT, poll=poll, person=person)

    def ballot_kept(self, poll: str, person: str) -> bool:
        names = (poll, sealed(poll, person))
        return any(self._one(BALLOT_KEPT, poll=name, person=person) for name in names)

    def casts(self, poll: str, region: str = "") -> list[CastFact]:
        return polls.casts(self._running(), poll, region)

    def cast_regions(self, poll: str) -> frozenset[str]:
        return polls.cast_regions(self._running(), poll)

    def holds_ballot(self, poll: str, end: LaneEnd) -> bool:
        return polls.holds(self._running(), poll, end)

    def secret_ballots(self, person: str) -> list[tuple[str, str]]:
        return polls.secret_ballots(self._running(), person)

    def unknown_ballots(self, person: str) -> list[str]:
        return polls.unknown_ballots(self._running(), person)

    def homes(self, community: str) -> frozenset[str]:
        fact = self.community(community)
        # Settings that were changed may have let everybody vote before.
        private = fact is not None and fact.visibility == "private" and fact.rev <= 1
        return polls.homes(self._running(), community if private else "")

    def acknowledged(self, post: str, person: str) -> bool:
        return self._one(ACKNOWLEDGED, post=post, person=person) is not None

    def praises(self, person: str, since: int) -> int:
        row = self._one(PRAISES, person=person, since=since)
        return int(row[0]) if row else 0

    def idea_stage(self, post: str) -> ValueRegister:
        return self._value(STAGE, post=post)

    def hidden_at_home(self, target: str) -> Register:
        return self._switch(HIDDEN, target=target)

    def person_role(self, person: str, role: str) -> Register:
        return self._switch(PERSON_ROLE, person=person, role=role)

    def flag(self, target: str, person: str) -> Register:
        return self._switch(FLAG, target=target, person=person)

    def reports(self, target: str) -> ReportsFact:
        return reports.load(self._running(), target)

    def topic_rev(self, topic: str) -> int:
        row = self._one(TOPIC, topic=topic)
        return int(row[0]) if row else 0

    def read_mark(self, person: str, channel: str) -> int:
        row = self._one(READ_MARK, person=person, channel=channel)
        return int(row[0]) if row else 0

    def residency(self, region: str) -> ResidencyFact | None:
        return self._cached(("residency", region), lambda: self._residency(region))

    def _residency(self, region: str) -> ResidencyFact | None:
        row = self._one(RESIDENCY, region=region)
        if row is None:
            return None
        rev, policy, regions, groups = row
        return ResidencyFact(rev, _policy(policy), tuple(json.loads(regions)), _groups(groups))

    def scoring_policy(self, region: str) -> ScoringPolicyFact | None:
        return self._cached(("scoring", region), lambda: scores.policy(self._running(), region))

    def scoring_choice(self, person: str) -> ScoringChoiceFact:
        return scores.choice(self._running(), person)

    def scoring_history(self, person: str) -> HistoryFact:
        return scores.history(self._running(), person)

    def standing(self, person: str) -> StandingFact | None:
        return scores.standing(self._running(), person)

    def credit(self, person: str, line: str) -> CreditFact | None:
        return cases.credit(self._running(), person, line)

    def case(self, case: str, region: str) -> CaseFact | None:
        return cases.case(self._running(), case, region)

    def cases_about(self, person: str, region: str) -> list[CaseFact]:
        return cases.about(self._running(), person, region)

    def shown_at(self, home: str) -> list[str]:
        return scores.shown_at(self._running(), home)

    def profiles(self, home: str) -> Iterator[ProfileFact]:
        """Everybody at home there, by id."""
        for person, rev, name, *fields in self._running().rows(PROFILES, {"home": home}):
            known = dict(zip(FULLER, fields, strict=True))
            known["skills"] = tuple(json.loads(known["skills"]))
            yield ProfileFact(person=person, rev=rev, name=name, **known)

    def vote_imported(self, system: str, source_id: str) -> bool:
        return self._one(VOTE, system=system, source_id=source_id) is not None

    def _one(self, statement: Statement, **key: Any) -> tuple[Any, ...] | None:
        return self._running().one(statement, key)

    def _running(self) -> Tx:
        assert self._tx is not None, "facts are asked for inside a transaction"
        return self._tx

    def _switch(self, statement: Statement, **key: Any) -> Register:
        row = self._one(statement, **key)
        return OFF if row is None else Register(row[0], bool(row[1]))

    def _value(self, statement: Statement, **key: Any) -> ValueRegister:
        row = self._one(statement, **key)
        return UNSET if row is None else ValueRegister(row[0], row[1])
