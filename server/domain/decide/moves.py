"""Moving a colleague to another region (docs/protocol/federation.md 18).

One register says who writes for a person, and its ``rev`` says whose turn it is: the home hands over, then
the old home alone decides (it releases, or calls off), and once it has released the new home alone does
(it takes over, or hands on). So no count is ever written by two regions.
"""

from server.domain.commands import CallOff, HandOver, TakeOver
from server.domain.decide.base import Context, Decided, Draft, Rule, refuse
from server.domain.decide.closing import keep_ballots
from server.domain.decide.people import whereabouts
from server.domain.decide.scoring import withdrawal
from server.domain.errors import Code, Refusal
from server.domain.events import (
    PersonHandedOver,
    PersonReleased,
    PersonRoleChanged,
    PersonTakenOver,
)
from server.domain.facts import Facts, PersonFact
from server.domain.visibility import GLOBAL, pair_lane

NODE = ""
"""The actor of what the node does by itself."""


def hand_over(
    command: HandOver, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    return _admin(who) or handover(command, who.person, facts, context)


def take_over(
    command: TakeOver, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    return _admin(who) or takeover(command.person, who.person, facts, context)


def call_off(
    command: CallOff, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    return _admin(who) or calling_off(command.person, who.person, facts, context)


def _admin(who: PersonFact) -> Refusal | None:
    if "region_admin" in who.roles:
        return None
    return refuse(Code.FORBIDDEN, "people are moved by a region admin")


def handover(command: HandOver, actor: str, facts: Facts, context: Context) -> Decided | Refusal:
    """Also the operator's. Said again it changes nothing; region-wide roles end with the home."""
    person = _known(command.person, facts)
    if isinstance(person, Refusal):
        return person
    if command.to == context.region or command.to not in context.peers:
        return refuse(Code.BAD_VALUE, f"{command.to} is no other region that this one knows", "to")
    if person.moving_to == command.to and person.previous == context.region:
        return Decided([], {"rev": person.home_rev})
    refusal = None if person.home == context.region else why_not_arrived(person, facts, context)
    if refusal is not None:
        return refusal
    roles = [
        PersonRoleChanged(
            person=person.person,
            role=role,  # type: ignore[arg-type]
            rev=facts.person_role(person.person, role).rev + 1,
            on=False,
        )
        for role in sorted(person.roles)
    ]
    gone = PersonHandedOver(person=person.person, to=command.to, rev=person.home_rev + 1)
    drafts = [Draft(GLOBAL, actor, event, ()) for event in (*roles, gone)]
    kept = keep_ballots(person.person, command.to, facts, context)
    shown = withdrawal(person.person, facts)
    return Decided([*kept, *shown, *drafts], {"rev": gone.rev})


def release(event: PersonReleased, facts: Facts, context: Context) -> Decided | Refusal:
    """The old home's last word. Said once: what came to be known since then is not its business."""
    person = _known(event.person, facts)
    if isinstance(person, Refusal):
        return person
    if (person.moving_to, person.previous, person.home_rev) != (
        event.to,
        context.region,
        event.rev,
    ):
        return refuse(
            Code.CONFLICT, f"{event.person} is not moving to {event.to} any more", "person"
        )
    if _let_go(person, facts):
        return Decided([], {"rev": event.rev})
    draft = Draft(pair_lane(context.region, event.to), NODE, event, (), new_rev=False)
    return Decided([draft], {"rev": event.rev})


def takeover(person: str, actor: str, facts: Facts, context: Context) -> Decided | Refusal:
    """Also the operator's, and the node's own where moves are accepted without asking."""
    found = _known(person, facts)
    if isinstance(found, Refusal):
        return found
    if found.home == context.region:
        return Decided([], {"rev": found.home_rev})
    return why_not_arrived(found, facts, context) or _taken(found, found.previous, actor)


def calling_off(person: str, actor: str, facts: Facts, context: Context) -> Decided | Refusal:
    """Also the operator's."""
    found = _known(person, facts)
    if isinstance(found, Refusal):
        return found
    if found.home == context.region:
        return Decided([], {"rev": found.home_rev})
    if not found.moving_to or found.previous != context.region:
        return refuse(Code.WRONG_REGION, whereabouts(found), "person")
    if _let_go(found, facts):
        return refuse(
            Code.CONFLICT,
            f"{person} was released: only {found.moving_to} can send them back now",
            "person",
        )
    return _taken(found, context.region, actor)


def _taken(person: PersonFact, previous: str, actor: str) -> Decided:
    event = PersonTakenOver(person=person.person, previous=previous, rev=person.home_rev + 1)
    return Decided([Draft(GLOBAL, actor, event, ())], {"rev": event.rev})


def _known(name: str, facts: Facts) -> PersonFact | Refusal:
    return facts.person(name) or refuse(Code.NOT_FOUND, f"nobody is called {name}", "person")


def _released(person: PersonFact, facts: Facts) -> bool:
    found = facts.release(person.person)
    return found is not None and (found.origin, found.rev) == (person.previous, person.home_rev)


def _let_go(person: PersonFact, facts: Facts) -> bool:
    """Whether the old home, which asks this, has released them: also where a later release by the new home is known
    before its takeover is, for these come in different lanes."""
    found = facts.release(person.person)
    return found is not None and found.rev >= person.home_rev


def why_not_arrived(person: PersonFact, facts: Facts, context: Context) -> Refusal | None:
    """Why this region may not decide about somebody who comes here; None: it may."""
    if person.moving_to != context.region:
        return refuse(Code.WRONG_REGION, whereabouts(person), "person")
    found = facts.release(person.person)
    if not _released(person, facts) or found is None:
        return refuse(
            Code.NOT_YET, f"{person.previous} has not released {person.person} yet", "person"
        )
    for tip in found.cut:
        if facts.lane_seq(tip.region, tip.epoch, tip.lane) < tip.seq:
            return refuse(
                Code.NOT_YET,
                f"some of what {person.person} wrote has not arrived from {tip.region} yet",
                "person",
            )
    return None


RULES: dict[type, Rule] = {
    HandOver: hand_over,
    TakeOver: take_over,
    CallOff: call_off,
}
