"""Communities, who belongs to them, direct conversations, read marks."""

from server.domain.commands import (
    ChangeCommunity,
    CreateCommunity,
    MarkRead,
    SetCommunityRole,
    SetMembership,
    StartConversation,
)
from server.domain.decide.base import Context, Decided, Draft, Rule, member_lanes, refuse
from server.domain.errors import Code, Refusal
from server.domain.events import (
    CommunityChanged,
    CommunityCreated,
    CommunityRoleChanged,
    ConversationStarted,
    EditedCommunity,
    Member,
    MembershipChanged,
    ReadMarked,
)
from server.domain.facts import CommunityFact, Facts, PersonFact
from server.domain.limits import CLOCK_AHEAD_SECONDS_MAX
from server.domain.visibility import (
    LOCAL,
    may_read_community,
    may_run,
    may_watch,
)


def create_community(
    command: CreateCommunity, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    group = command.audience.removeprefix("group.")
    if command.audience.startswith("group.") and context.region not in context.groups.get(
        group, ()
    ):
        return refuse(Code.BAD_VALUE, f"this region is in no policy group {group}", "audience")
    community = context.new_id()
    created = CommunityCreated(
        community=community,
        home=context.region,
        name=command.name.strip(),
        audience=command.audience,
        about=command.about,
        visibility=command.visibility,
        owner=who.person,
        at=context.now,
    )
    role = CommunityRoleChanged(community=community, person=who.person, rev=1, role="owner")
    drafts = [
        Draft(command.audience, who.person, created, (community,)),
        Draft(command.audience, who.person, role, (community,)),
    ]
    return Decided(drafts, {"community": community})


def change_community(
    command: ChangeCommunity, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    community = _run_here(command.community, who, facts, context)
    if isinstance(community, Refusal):
        return community
    settings = EditedCommunity(
        name=command.name.strip(),
        about=command.about,
        visibility=command.visibility,
        archived=command.archived,
        mode=command.mode,
    )
    event = CommunityChanged(
        community=community.community, rev=community.rev + 1, settings=settings
    )
    draft = Draft(community.audience, who.person, event, (community.community,))
    return Decided([draft], {"rev": event.rev})


def set_role(
    command: SetCommunityRole, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    own = command.person == who.person and command.role == "none"
    community = _run_here(command.community, who, facts, context, also_members=own)
    if isinstance(community, Refusal):
        return community
    if facts.person(command.person) is None:
        return refuse(Code.NOT_FOUND, f"nobody is called {command.person}", "person")
    now = facts.member(community.community, command.person)
    if now.role == command.role:
        return Decided([], {"rev": now.role_rev})
    event = CommunityRoleChanged(
        community=community.community,
        person=command.person,
        rev=now.role_rev + 1,
        role=command.role,
    )
    draft = Draft(community.audience, who.person, event, (community.community,))
    return Decided([draft], {"rev": event.rev})


def set_membership(
    command: SetMembership, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    community = facts.community(command.community)
    now = facts.member(command.community, who.person)
    # What is no longer for one's eyes can be left all the same.
    leaves = now.joined and not command.joined
    if community is None or not (leaves or may_read_community(community, now)):
        return refuse(Code.NOT_FOUND, "there is no such community that you can see", "community")
    if now.joined == command.joined:
        return Decided([], {"rev": now.joined_rev})
    event = MembershipChanged(
        community=community.community,
        person=who.person,
        rev=now.joined_rev + 1,
        joined=command.joined,
    )
    draft = Draft(community.audience, who.person, event, (community.community,))
    return Decided([draft], {"rev": event.rev})


def _run_here(
    name: str, who: PersonFact, facts: Facts, context: Context, *, also_members: bool = False
) -> CommunityFact | Refusal:
    """The community, if this person may run it, or for what its members may do has a role in it, and this region
    writes for it (I7)."""
    community = facts.community(name)
    member = facts.member(name, who.person)
    runs = community is not None and may_run(community, member, who)
    runs = runs or (also_members and member.role != "none")
    if community is None or not (runs or may_read_community(community, member)):
        return refuse(Code.NOT_FOUND, "there is no such community that you can see", "community")
    if not runs:
        return refuse(
            Code.FORBIDDEN,
            "only the community's owners and its region's admins can do this",
            "community",
        )
    if community.home != context.region:
        return refuse(
            Code.WRONG_REGION, f"this community is run from {community.home}", "community"
        )
    return community


def start_conversation(
    command: StartConversation, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    members = [Member(person=who.person, region=context.region)]
    homes = {context.region}
    for name in dict.fromkeys(command.members):
        person = facts.person(name)
        if person is None or not person.active:
            return refuse(Code.NOT_FOUND, f"nobody active is called {name}", "members")
        if name != who.person:
            members.append(Member(person=name, region=person.home or person.moving_to))
            homes |= person.regions
    if len(members) < 2:
        return refuse(Code.BAD_VALUE, "a conversation needs somebody else", "members")
    conversation = context.new_id()
    event = ConversationStarted(
        conversation=conversation,
        home=context.region,
        members=tuple(members),
        title=command.title,
        at=context.now,
    )
    lanes = member_lanes(homes, context.region)
    drafts = [Draft(lane, who.person, event, (conversation,)) for lane in lanes]
    return Decided(drafts, {"conversation": conversation})


def mark_read(
    command: MarkRead, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    if not may_watch(facts, who, command.channel):
        return refuse(Code.NOT_FOUND, "there is no such place that you can see", "channel")
    # Nobody has read what is yet to come, and a mark never goes back: a device's clock may be wrong.
    up_to = min(command.up_to, context.now + CLOCK_AHEAD_SECONDS_MAX * 1000)
    if facts.read_mark(who.person, command.channel) >= up_to:
        return Decided([], {})
    event = ReadMarked(channel=command.channel, up_to=up_to)
    return Decided([Draft(LOCAL, who.person, event, ())], {})


RULES: dict[type, Rule] = {
    CreateCommunity: create_community,
    ChangeCommunity: change_community,
    SetCommunityRole: set_role,
    SetMembership: set_membership,
    StartConversation: start_conversation,
    MarkRead: mark_read,
}
