"""Profiles, people and their roles, topics; flags and moderation."""

from server.domain.commands import (
    ChangeProfile,
    DefineTopic,
    Flag,
    HideAtHome,
    Moderate,
    RegisterPerson,
    ResolveFlag,
    SetPersonRole,
    SetPersonStatus,
)
from server.domain.decide.base import (
    Context,
    Decided,
    Draft,
    Rule,
    in_place,
    known_post,
    readable_post,
    refuse,
    topic_named,
    why_gone,
)
from server.domain.decide.copies import profile_drafts, registration_drafts, status_drafts
from server.domain.decide.scoring import withdrawal
from server.domain.errors import Code, Refusal
from server.domain.events import (
    FlagRaised,
    FlagResolved,
    HiddenAtHome,
    ModerationActed,
    PersonProfileChanged,
    PersonRegistered,
    PersonRoleChanged,
    PersonStatusChanged,
    TopicDefined,
)
from server.domain.facts import Facts, PersonFact, PostFact
from server.domain.residency import policy_of
from server.domain.visibility import GLOBAL, LOCAL, may_moderate

OF_THREADS = {"lock": "locked", "pin": "pinned"}
"""Acts that mean nothing for a reply: locked is what is below a top, and replies stand in the order of time."""


def change_profile(
    command: ChangeProfile, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    event = PersonProfileChanged(
        person=who.person,
        rev=who.rev + 1,
        name=command.name.strip(),
        title=command.title,
        unit=command.unit,
        country=command.country,
        about=command.about,
        skills=command.skills,
        locale=command.locale,
        timezone=command.timezone,
    )
    policy = policy_of(context.region, facts)
    return Decided(profile_drafts(event, who.person, policy, context), {"rev": event.rev})


def register_person(
    command: RegisterPerson, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    if "region_admin" not in who.roles:
        return refuse(Code.FORBIDDEN, "people are registered by a region admin")
    return registration(command, who.person, facts, context)


def registration(
    command: RegisterPerson, actor: str, facts: Facts, context: Context
) -> Decided | Refusal:
    """Also used by the command line, where the operator of the node is the authority."""
    if facts.person(command.person) is not None:
        return refuse(Code.CONFLICT, f"{command.person} exists already", "person")
    event = PersonRegistered(
        person=command.person,
        home=context.region,
        name=command.name.strip(),
        title=command.title,
        unit=command.unit,
        country=command.country,
        locale=command.locale,
        timezone=command.timezone,
        bot=command.bot,
    )
    drafts = registration_drafts(event, actor, policy_of(context.region, facts), context)
    return Decided(drafts, {"person": command.person})


def set_status(
    command: SetPersonStatus, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    person = _administered(command.person, who, facts, context)
    if isinstance(person, Refusal):
        return person
    if person.active == command.active:
        return Decided([], {"rev": person.status_rev})
    event = PersonStatusChanged(
        person=person.person,
        rev=person.status_rev + 1,
        active=command.active,
        reason=command.reason,
    )
    drafts = status_drafts(event, who.person, policy_of(context.region, facts))
    gone = [] if command.active else withdrawal(person.person, facts)
    return Decided([*drafts, *gone], {"rev": event.rev})


def set_person_role(
    command: SetPersonRole, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    person = _administered(command.person, who, facts, context)
    if isinstance(person, Refusal):
        return person
    return role_change(command, who.person, facts)


def role_change(command: SetPersonRole, actor: str, facts: Facts) -> Decided:
    now = facts.person_role(command.person, command.role)
    if now.on == command.on:
        return Decided([], {"rev": now.rev})
    event = PersonRoleChanged(
        person=command.person, role=command.role, rev=now.rev + 1, on=command.on
    )
    return Decided([Draft(GLOBAL, actor, event, ())], {"rev": event.rev})


def _administered(
    name: str, who: PersonFact, facts: Facts, context: Context
) -> PersonFact | Refusal:
    if "region_admin" not in who.roles:
        return refuse(Code.FORBIDDEN, "this is for region admins")
    person = facts.person(name)
    if person is None:
        return refuse(Code.NOT_FOUND, f"nobody is called {name}", "person")
    if person.home != context.region:
        return refuse(Code.WRONG_REGION, whereabouts(person), "person")
    return person


def whereabouts(person: PersonFact) -> str:
    """Which region to ask about somebody."""
    if person.moving_to:
        return f"{person.person} is moving from {person.previous} to {person.moving_to}"
    return f"{person.person} is at home in {person.home}"


def define_topic(
    command: DefineTopic, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    if not who.roles & {"region_admin", "communications_leader"}:
        return refuse(Code.FORBIDDEN, "the topic tree is kept by admins and communications leaders")
    topic = topic_named(command.topic)
    event = TopicDefined(
        topic=topic,
        rev=facts.topic_rev(topic) + 1,
        names=command.names,
        parent=topic_named(command.parent),
        synonyms=command.synonyms,
    )
    return Decided([Draft(GLOBAL, who.person, event, ())], {"rev": event.rev})


def flag(command: Flag, who: PersonFact, facts: Facts, context: Context) -> Decided | Refusal:
    post = readable_post(command.target, who, facts)
    if isinstance(post, Refusal):
        return post
    now = facts.flag(post.post, who.person)
    event = FlagRaised(
        target=post.post, root=post.root, place=post.place, rev=now.rev + 1, reason=command.reason
    )
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"rev": event.rev})


def resolve_flag(
    command: ResolveFlag, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = _moderated(command.target, who, facts, context)
    if isinstance(post, Refusal):
        return post
    if post.erased and (refusal := why_gone(post)):
        return refusal
    now = facts.reports(post.post)
    # What another moderator answered stays answered, whatever this one had before them.
    seen = max(now.seen, min(command.seen or now.raised, now.raised))
    event = FlagResolved(
        target=post.post,
        place=post.place,
        rev=now.rev + 1,
        upheld=command.upheld,
        note=command.note,
        seen=seen,
    )
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"rev": event.rev})


def moderate(
    command: Moderate, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = _moderated(command.target, who, facts, context)
    if isinstance(post, Refusal):
        return post
    if command.on and command.act in OF_THREADS and post.post != post.root:
        word = OF_THREADS[command.act]
        return refuse(Code.BAD_VALUE, f"only whole threads can be {word}", "target")
    # The thread goes on below a top that is gone.
    if command.on and command.act != "lock" and (refusal := why_gone(post)):
        return refusal
    if command.act == "hide" and command.on and not command.reason.strip():
        return refuse(Code.BAD_VALUE, "hiding needs a reason that the author can read", "reason")
    now = facts.moderation(post.post, command.act)
    if now.on == command.on:
        return Decided([], {"rev": now.rev})
    event = ModerationActed(
        target=post.post,
        root=post.root,
        place=post.place,
        act=command.act,
        rev=now.rev + 1,
        on=command.on,
        reason=command.reason,
    )
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"rev": event.rev})


def _moderated(target: str, who: PersonFact, facts: Facts, context: Context) -> PostFact | Refusal:
    """The post, gone or not, if this person moderates its community and this region writes for it (I7)."""
    post = known_post(target, who, facts)
    if isinstance(post, Refusal):
        return post
    community = facts.community(post.place[2:]) if post.place.startswith("c:") else None
    if community is None:
        return refuse(Code.FORBIDDEN, "conversations have no moderators", "target")
    if not may_moderate(community, facts.member(community.community, who.person), who):
        return refuse(Code.FORBIDDEN, "this is for the community's moderators", "target")
    if community.home != context.region:
        return refuse(
            Code.WRONG_REGION,
            f"this community is moderated from {community.home}; you can hide the post at home",
            "target",
        )
    return post


def hide_at_home(
    command: HideAtHome, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    if not who.roles & {"region_admin", "moderator"}:
        return refuse(Code.FORBIDDEN, "this is for the region's moderators and admins", "target")
    post = facts.post(command.target)
    if post is None or post.kind == "":
        return refuse(Code.NOT_FOUND, f"there is no post {command.target}", "target")
    now = facts.hidden_at_home(post.post)
    if now.on == command.on:
        return Decided([], {"rev": now.rev})
    event = HiddenAtHome(
        target=post.post,
        root=post.root,
        place=post.place,
        rev=now.rev + 1,
        on=command.on,
        reason=command.reason,
    )
    return Decided([Draft(LOCAL, who.person, event, (post.post,))], {"rev": event.rev})


RULES: dict[type, Rule] = {
    ChangeProfile: change_profile,
    RegisterPerson: register_person,
    SetPersonStatus: set_status,
    SetPersonRole: set_person_role,
    DefineTopic: define_topic,
    Flag: flag,
    ResolveFlag: resolve_flag,
    Moderate: moderate,
    HideAtHome: hide_at_home,
}
