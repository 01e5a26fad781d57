"""The only place that answers "may X see Y" (I12), and on which channels an event appears.

Feed, push, search, notification, export and federation all come here: who may watch a channel, who
may read a place, which regions may receive a lane. A channel is both the address of live traffic and
the unit of permission: whoever may watch a channel may see every event on it.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from server.domain.events import (
    AnnouncementAcknowledged,
    AnswerAccepted,
    BallotCast,
    CitationChanged,
    CommunityChanged,
    CommunityCreated,
    CommunityRoleChanged,
    ConversationChanged,
    ConversationStarted,
    ErasedPost,
    ErasureCompleted,
    ErasureRequested,
    Event,
    FlagRaised,
    FollowChanged,
    HiddenAtHome,
    IdeaStageChanged,
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
    PostDeleted,
    PostEdited,
    PostPublished,
    ReactionChanged,
    ReadMarked,
    ReplyPublished,
    ScoringChoiceChanged,
    ScoringHistoryErased,
    StandingPublished,
    TopicDefined,
    VerificationChanged,
    VoteImported,
)
from server.domain.facts import CommunityFact, ConversationFact, Facts, MemberFact, PersonFact

CONTROL, GLOBAL, LOCAL = "control", "global", "local"
READING_ROLES = frozenset({"member", "moderator", "owner"})
MODERATING_ROLES = frozenset({"moderator", "owner"})

DECIDING_ROLES = frozenset({"auditor", "region_admin"})
"""Who decides about credits."""


# -- regions: which peer may receive a lane (I8) -----------------------------------------------------


def lane_audience(
    lane: str, origin: str, regions: Iterable[str], groups: Mapping[str, Iterable[str]]
) -> frozenset[str]:
    """The regions a lane of ``origin`` is for, the origin included; an unknown group is for nobody else."""
    if lane in (CONTROL, GLOBAL):
        return frozenset(regions) | {origin}
    if lane.startswith("group."):
        members = frozenset(groups.get(lane.removeprefix("group."), ()))
        return members | {origin}
    if lane.startswith("pair."):
        return frozenset(lane.split(".")[1:]) | {origin}
    return frozenset({origin})


def is_within(lane: str, other: str, region: str, groups: Mapping[str, Iterable[str]]) -> bool:
    """Whether every region that may have ``lane`` of ``region`` may have its lane ``other`` too."""
    if lane in (other, LOCAL) or other in (CONTROL, GLOBAL):
        return True
    if lane in (CONTROL, GLOBAL):
        return False
    return lane_audience(lane, region, (), groups) <= lane_audience(other, region, (), groups)


def pair_lane(a: str, b: str) -> str:
    """The lane of two regions, the same name from both sides (region codes hold no dot)."""
    low, high = sorted((a, b))
    return f"pair.{low}.{high}"


def erasure_lane(lane: str) -> str:
    """Where the erasure of a lane's content travels: to the same regions, and before everything else
    where that is all of them."""
    return CONTROL if lane == GLOBAL else lane


# -- people: who may read what ---------------------------------------------------------------------


def may_read_community(community: CommunityFact | None, member: MemberFact) -> bool:
    """Open communities are open to every colleague in their audience; private ones to members."""
    if community is None:
        return False
    return community.visibility == "open" or member.role in READING_ROLES


def belongs_to_community(community: CommunityFact | None, member: MemberFact) -> bool:
    """Whether the community is part of this person's feed: joined, or let in by a role."""
    if community is None:
        return False
    if member.role in READING_ROLES:
        return True
    return community.visibility == "open" and member.joined


def may_read_conversation(conversation: ConversationFact | None, person: str) -> bool:
    return conversation is not None and any(name == person for name, _ in conversation.members)


def may_read_place(facts: Facts, person: str, place: str) -> bool:
    kind, _, name = place.partition(":")
    if kind == "c":
        return may_read_community(facts.community(name), facts.member(name, person))
    return kind == "d" and may_read_conversation(facts.conversation(name), person)


def may_watch(facts: Facts, who: PersonFact, channel: str) -> bool:
    """Whether an active colleague may receive everything on a channel."""
    if not who.active:
        return False
    kind, _, name = channel.partition(":")
    match kind:
        case "g":
            return channel == "g"
        case "u":
            return name == who.person
        case "c" | "d":
            return may_read_place(facts, who.person, channel)
        case "t":
            root = facts.post(name)
            return root is not None and may_read_place(facts, who.person, root.place)
        case _:
            return False


def place_in_doubt(event: Event | None, on: Iterable[str], mine: Collection[str]) -> str:
    """The place an event is about, when nothing says that its reader may still read it; else empty.

    ``on``: the event's channels; ``mine``: those the reader may watch. A mention puts a post on the channel of
    whoever it names, and people leave places; the place's own channel and its threads' were asked about."""
    place: str = getattr(event, "place", "")
    if place in mine or any(name in mine for name in on if name.startswith("t:")):
        return ""
    return place


def may_look(facts: Facts, who: PersonFact, channel: str) -> bool:
    """Whether somebody may follow a channel while they are connected: besides those of the log that is anybody's
    presence, as any colleague is seen in the directory."""
    kind, _, name = channel.partition(":")
    if kind != "p":
        return may_watch(facts, who, channel)
    return who.active and facts.person(name) is not None


def may_moderate(community: CommunityFact | None, member: MemberFact, who: PersonFact) -> bool:
    """Moderators and owners of the community, and its home region's own moderators."""
    if community is None:
        return False
    if member.role in MODERATING_ROLES:
        return True
    return (
        "moderator" in who.roles and who.home == community.home and community.visibility == "open"
    )


def may_run(community: CommunityFact, member: MemberFact, who: PersonFact) -> bool:
    """Whether somebody changes a community and gives its roles: its owners, and the admins of its home region. Any
    region names admins as it likes; that opens nothing in another one."""
    if member.role == "owner":
        return True
    return "region_admin" in who.roles and who.home == community.home


def may_decide_cases(who: PersonFact, region: str) -> bool:
    """Whether somebody reads and decides the cases of a region; of one they are a party of they never do."""
    return who.active and who.home == region and not DECIDING_ROLES.isdisjoint(who.roles)


def alters(event: Event | None) -> Iterable[str] | None:
    """The people whose answers to ``may_watch`` and ``belongs_to_community`` an event may change; None:
    anybody's. For whoever remembers such answers: rather one too many than one too few."""
    match event:
        case (
            MembershipChanged(person=person)
            | CommunityRoleChanged(person=person)
            | PersonRegistered(person=person)
            | PersonStatusChanged(person=person)
            | PersonRoleChanged(person=person)
            | PersonHandedOver(person=person)
            | PersonTakenOver(person=person)
        ):
            return (person,)
        case ConversationStarted(members=members):
            return [member.person for member in members]
        case CommunityCreated() | CommunityChanged() | ConversationChanged():
            return None
        case _:
            return ()


# -- events: on which channels -----------------------------------------------------------------------


class Touched(NamedTuple):
    """A conflated value an event changes: readers get its latest state, not each change."""

    of: str
    """``post`` (its counters) or ``poll`` (its tally)."""
    id: str
    channels: tuple[str, ...]


def channels(event: Event, actor: str) -> tuple[str, ...]:
    """Every channel an event appears on, without repeats; pure in the event, so any node agrees."""
    return tuple(dict.fromkeys(_channels(event, actor)))


def _content(post: str, root: str, place: str) -> tuple[str, ...]:
    """A fact about a root post concerns its place and its thread; about a reply, the thread alone."""
    return (place, "t:" + root) if post == root else ("t:" + root,)


def _people(persons: Iterable[str]) -> tuple[str, ...]:
    return tuple(["u:" + person for person in persons if person])


def _channels(event: Event, actor: str) -> tuple[str, ...]:
    match event:
        case PostPublished(post=post, place=place, notify=notify):
            return (place, "t:" + post, *_people(notify))
        case ReplyPublished(root=root, notify=notify):
            return ("t:" + root, *_people(notify))
        case PostEdited(post=post, root=root, place=place, notify=notify):
            return (*_content(post, root, place), *_people(notify))
        case PostDeleted(post=post, root=root, place=place):
            return _content(post, root, place)
        case ReactionChanged() | BallotCast() | AnnouncementAcknowledged() | ReadMarked():
            return _people([actor])
        case FlagRaised():
            return _people([actor])
        case AnswerAccepted(question=question, place=place, author=author):
            return (place, "t:" + question, *_people([author]))
        case VerificationChanged(target=target, root=root, place=place, author=author):
            return (*_content(target, root, place), *_people([author]))
        case CitationChanged(author=author):
            return _people([actor, author])
        case FollowChanged(kind=kind, target=target):
            return _people([actor, target if kind == "person" else ""])
        case IdeaStageChanged(post=post, place=place, author=author):
            return (place, "t:" + post, *_people([author]))
        case ModerationActed(target=target, root=root, place=place):
            return _content(target, root, place)
        case HiddenAtHome(target=target, root=root, place=place):
            return _content(target, root, place)
        case PollClosed(poll=poll, place=place):
            return (place, "t:" + poll)
        case MembershipChanged(community=community, person=person):
            return ("c:" + community, "u:" + person)
        case CommunityRoleChanged(community=community, person=person):
            return ("c:" + community, "u:" + person)
        case CommunityCreated(community=community, visibility=visibility, owner=owner):
            return ("g",) if visibility == "open" else ("c:" + community, *_people([owner]))
        case CommunityChanged(community=community, settings=settings):
            return ("g", "c:" + community) if settings.visibility == "open" else ("c:" + community,)
        case ConversationStarted(conversation=name, members=members):
            return ("d:" + name, *_people([member.person for member in members]))
        case ConversationChanged(conversation=name, members=members):
            return ("d:" + name, *_people([member.person for member in members]))
        case (
            PersonRegistered()
            | PersonProfileChanged()
            | PersonStatusChanged()
            | PersonRoleChanged()
            | PersonHandedOver()
            | PersonTakenOver()
            | TopicDefined()
            | ErasureRequested(open=True)
        ):
            return ("g",)
        case ErasureRequested(posts=posts):
            told = [_content(post.post, post.root, post.place) for post in posts]
            return (*itertools.chain.from_iterable(told), *_people([actor]))
        case ErasureCompleted(by=by):
            return _people([by])
        case (
            StandingPublished(person=person)
            | ScoringChoiceChanged(person=person)
            | ScoringHistoryErased(person=person)
        ):
            return _people([person])
        case _:
            return ()


def touched(event: Event) -> Touched | None:
    """The counter or tally an event changes, with the channels that show it."""
    match event:
        case ReplyPublished(root=root, place=place):
            return Touched("post", root, (place, "t:" + root))
        case PostDeleted(post=post, root=root, place=place) if post != root:
            return Touched("post", root, (place, "t:" + root))
        case ErasureRequested(posts=(ErasedPost(post=post, root=root, place=place),)) if (
            post != root
        ):
            return Touched("post", root, (place, "t:" + root))
        case ReactionChanged(target=target, root=root, place=place):
            return Touched("post", target, _content(target, root, place))
        case VoteImported(target=target, root=root, place=place):
            return Touched("post", target, _content(target, root, place))
        case AnnouncementAcknowledged(post=post, place=place):
            return Touched("post", post, (place, "t:" + post))
        case BallotCast(poll=poll, place=place):
            return Touched("poll", poll, (place, "t:" + poll))
        case (
            PollClosing(poll=poll, place=place)
            | PollRegionClosed(poll=poll, place=place)
            | PollClosed(poll=poll, place=place)
            | PollChecked(poll=poll, place=place)
        ):
            return Touched("poll", poll, (place, "t:" + poll))
        case _:
            return None
