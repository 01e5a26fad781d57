"""``tap token``: secrets for devices and services, on a stopped node, by its operator."""

from typing import Any

import click

from server.app.auth import Issued, Kind
from server.app.naming import Names
from server.domain.commands import RegisterPerson
from server.domain.errors import Code, Refusal
from server.ops import operator
from server.ops.accounts import Desk
from server.ops.commands import offline
from server.ops.commands.offline import checked
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    print_table,
    quiet_config,
)
from server.storage.async_facts import load_person


@click.group()
def command() -> None:
    """Make, list and end tokens. The node must be stopped."""


@command.command()
@click.argument("label")
@click.option("--person", default="", help="Whose token it is; they act with it.")
@click.option("--service", is_flag=True, help="Reads the event feed, and imports.")
@click.option(
    "--names",
    type=click.Choice(["shown", "pseudonyms", "none"]),
    default="pseudonyms",
    help="Whom a service reads about in the feed. With shown it also acts as a colleague.",
)
@click.option("--days", default=0, type=click.IntRange(0, 3650), help="How long it is good for.")
@json_option
def create(label: str, person: str, service: bool, names: Names, days: int, as_json: bool) -> None:
    """Print a new secret, once: only its hash is kept.

    A service without --person becomes a bot of the name LABEL."""
    if not person and not service:
        fail("Say whose token it is: --person, or --service.", Exit.USAGE)
    kind: Kind = "service" if service else "device"
    name = person or label

    async def do(desk: Desk) -> Issued | Refusal:
        refusal = await _holder(desk, name, make=service and not person)
        known: Names = names if service else "shown"
        return refusal or await desk.auth.issue(name, kind, label, days, known)

    issued = offline.work(quiet_config(), "token", do)
    if as_json:
        print_json({"person": name, "kind": kind, "token": issued.secret, **_ends(issued)})
    else:
        click.echo(issued.secret)


async def _holder(desk: Desk, name: str, make: bool) -> Refusal | None:
    """None when a token may be made for this person; ``make`` registers a bot where nobody is."""
    async with desk.core.reader.snapshot() as snapshot:
        fact = await load_person(snapshot, name)
    if fact is None and make:
        wish = {"do": "person.register", "person": name, "name": name, "bot": True}
        outcome = await operator.register(desk.core.handler, checked(wish, RegisterPerson))
        return outcome if isinstance(outcome, Refusal) else None
    if fact is None:
        return Refusal(Code.NOT_FOUND, f"nobody is called {name}")
    if fact.home != desk.core.identity.region:
        return Refusal(Code.WRONG_REGION, f"{name} is at home in region {fact.home}")
    return None


def _ends(issued: Issued) -> dict[str, Any]:
    return {"id": issued.session, "expires_at": issued.expires_at}


@command.command(name="list")
@click.argument("person")
@json_option
def list_(person: str, as_json: bool) -> None:
    """Print where PERSON is signed in, and their tokens."""
    found = offline.work(quiet_config(), "token", lambda desk: desk.auth.sessions(person))
    if as_json:
        print_json([{"id": one.id, "kind": one.kind, "label": one.label} for one in found])
    else:
        print_table(("ID", "KIND", "LABEL"), [(one.id, one.kind, one.label) for one in found])


@command.command()
@click.argument("person")
@click.argument("id")
def revoke(person: str, id: str) -> None:
    """End one session or token of PERSON by its ID."""

    async def do(desk: Desk) -> bool:
        return await desk.auth.revoke(person, id)

    if not offline.work(quiet_config(), "token", do):
        fail(f"{person} has no session {id}.")
    click.echo(f"{id} is worth nothing any more.")
