"""How somebody of the company becomes somebody of a node; shared by the founding and its past."""

from typing import TypeVar

from server.domain.commands import RegisterPerson
from server.domain.errors import Code, Refusal
from server.ops.demo import company
from server.ops.demo.nodes import NodeFailed

T = TypeVar("T")


def registration(person: company.Person) -> RegisterPerson:
    region = next(region for region in company.REGIONS if region.code == person.region)
    return RegisterPerson(
        person=person.id,
        name=person.name,
        title=person.title,
        unit=person.unit,
        country=region.country,
        locale=region.locale,
        timezone=region.timezone,
    )


def checked(outcome: T, *expected: Code) -> T:
    """The outcome. Raises NodeFailed for a refusal nobody expects."""
    if isinstance(outcome, Refusal) and outcome.code not in expected:
        raise NodeFailed(outcome.message)
    return outcome
