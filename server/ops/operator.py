"""What the operator of a node decides at its keyboard, where no person's permission is asked.

The rules of ``domain.decide`` apply to people; an operator has the machine itself. Events written here
carry no actor, so everybody can see that it was not a colleague.
"""

from typing import Any

from server.app.handle import Handler
from server.domain.commands import HandOver, RegisterPerson, SetPersonRole, SetPersonStatus
from server.domain.decide.base import Context, Decided, refuse
from server.domain.decide.copies import status_drafts
from server.domain.decide.moves import calling_off, handover, takeover
from server.domain.decide.people import registration, role_change, whereabouts
from server.domain.decide.scoring import withdrawal
from server.domain.errors import Code, Refusal
from server.domain.events import PersonStatusChanged
from server.domain.facts import Facts, PersonFact
from server.domain.residency import policy_of

OPERATOR = ""
"""The actor of what the command line does."""

Outcome = dict[str, Any] | Refusal


async def register(handler: Handler, command: RegisterPerson) -> Outcome:
    """A colleague whose home is this region."""
    return await handler.append(
        lambda facts, context: registration(command, OPERATOR, facts, context)
    )


async def set_role(handler: Handler, command: SetPersonRole) -> Outcome:
    """Grants or takes a region-wide role of somebody at home here."""

    def decide(facts: Facts, context: Context) -> Decided | Refusal:
        person = at_home(command.person, facts, context)
        return person if isinstance(person, Refusal) else role_change(command, OPERATOR, facts)

    return await handler.append(decide)


async def set_status(handler: Handler, command: SetPersonStatus) -> Outcome:
    """Activates or deactivates somebody at home here."""

    def decide(facts: Facts, context: Context) -> Decided | Refusal:
        person = at_home(command.person, facts, context)
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
        drafts = status_drafts(event, OPERATOR, policy_of(context.region, facts))
        gone = [] if command.active else withdrawal(person.person, facts)
        return Decided([*drafts, *gone], {"rev": event.rev})

    return await handler.append(decide)


async def hand_over(handler: Handler, command: HandOver) -> Outcome:
    """Somebody at home here moves to another region; said again it changes nothing."""
    return await handler.append(lambda facts, context: handover(command, OPERATOR, facts, context))


async def take_over(handler: Handler, person: str) -> Outcome:
    """Somebody whom their old home has released is at home here from now on."""
    return await handler.append(lambda facts, context: takeover(person, OPERATOR, facts, context))


async def call_off(handler: Handler, person: str) -> Outcome:
    """Somebody who was handed over and not yet released stays."""
    return await handler.append(
        lambda facts, context: calling_off(person, OPERATOR, facts, context)
    )


def at_home(name: str, facts: Facts, context: Context) -> PersonFact | Refusal:
    """The person, if this region writes for them (I7)."""
    person = facts.person(name)
    if person is None:
        return refuse(Code.NOT_FOUND, f"nobody is called {name}", "person")
    if person.home != context.region:
        return refuse(Code.WRONG_REGION, whereabouts(person), "person")
    return person
