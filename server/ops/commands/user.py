"""``tap user``: people at home in this region, on a stopped node, by its operator; moving is ``moving``'s."""

from typing import Any, get_args

import click
from sqlalchemy import select

from server.domain import limits
from server.domain.commands import RegisterPerson, SetPersonRole, SetPersonStatus
from server.domain.errors import Refusal
from server.domain.events import RegionRole
from server.ops import operator
from server.ops.accounts import Desk
from server.ops.commands import moving, offline
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    look,
    print_json,
    print_table,
    quiet_config,
)
from server.storage import tables as t
from server.storage.reader import Reader

ROLES = get_args(RegionRole)
password_option = click.option(
    "--password-file",
    type=click.File(encoding="utf-8"),
    help="Read the password's one line from a file, - for standard input; asked for otherwise.",
)


@click.group()
def command() -> None:
    """Add people; set their passwords, roles and status; move them. The node must be stopped."""


for verb in (moving.move, moving.accept, moving.moves):
    command.add_command(verb)


@command.command()
@click.argument("person")
@click.option("--name", required=True, help="As colleagues read it.")
@click.option("--title", default="", help="What they do.")
@click.option("--unit", default="", help="Their team.")
@click.option("--country", default="", help="Two capital letters; the region's if absent.")
@click.option("--locale", default="en", help="Language of the client for them.")
@click.option("--timezone", default="UTC", help="Such as Europe/Berlin.")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="May be repeated.")
@click.option("--bot", is_flag=True, help="A program, shown as such.")
@click.option("--no-password", is_flag=True, help="They sign in another way, or not at all.")
@password_option
@json_option
def add(
    person: str,
    roles: tuple[RegionRole, ...],
    no_password: bool,
    password_file: Any,
    as_json: bool,
    **profile: Any,
) -> None:
    """Register PERSON, whose home is this region, and give them an account."""
    config = quiet_config()
    profile["country"] = profile["country"] or config.country
    wish = offline.checked({"do": "person.register", "person": person, **profile}, RegisterPerson)
    password = "" if no_password else ask_password(password_file)

    async def do(desk: Desk) -> dict[str, Any] | Refusal:
        outcome = await operator.register(desk.core.handler, wish)
        for role in roles:
            if not isinstance(outcome, Refusal):
                grant = SetPersonRole(person=person, role=role, on=True)
                outcome = await operator.set_role(desk.core.handler, grant)
        if isinstance(outcome, Refusal) or not password:
            return outcome
        return await desk.passwords.set(person, password) or outcome

    offline.work(config, "user", do)
    _done({"person": person, "home": config.node.region, "roles": roles}, as_json)


@command.command()
@click.argument("person")
@password_option
def passwd(person: str, password_file: Any) -> None:
    """Give PERSON another password and end their sessions."""
    config = quiet_config()
    password = ask_password(password_file)

    async def do(desk: Desk) -> Refusal | None:
        refusal = await desk.passwords.set(person, password)
        if refusal is None:
            await desk.auth.revoke_all(person)
        return refusal

    offline.work(config, "user", do)
    click.echo(f"{person} has another password; every session ended.")


@command.command()
@click.argument("person")
@click.argument("role", type=click.Choice(ROLES))
@click.option("--off", is_flag=True, help="Take the role away.")
def role(person: str, role: RegionRole, off: bool) -> None:
    """Give PERSON a region-wide ROLE."""
    wish = SetPersonRole(person=person, role=role, on=not off)
    offline.work(quiet_config(), "user", lambda desk: operator.set_role(desk.core.handler, wish))
    click.echo(f"{person} is {'no longer' if off else 'now'} {role}.")


@command.command()
@click.argument("person")
@click.option("--enable", is_flag=True, help="Let them in again.")
@click.option("--reason", default="", help="Kept in the log, for those who audit.")
def disable(person: str, enable: bool, reason: str) -> None:
    """Lock PERSON out and end their sessions."""
    wish = offline.checked(
        {"do": "person.set_status", "person": person, "active": enable, "reason": reason},
        SetPersonStatus,
    )

    async def do(desk: Desk) -> dict[str, Any] | Refusal:
        outcome = await operator.set_status(desk.core.handler, wish)
        if not isinstance(outcome, Refusal):
            await desk.passwords.disable(person, not enable)
            await desk.auth.revoke_all(person)
        return outcome

    offline.work(quiet_config(), "user", do)
    click.echo(f"{person} {'may sign in again' if enable else 'is locked out'}.")


@command.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """Print who is at home here."""
    config = quiet_config()
    people = look(config, lambda reader: _people(reader, config.node.region))
    if as_json:
        print_json(people)
    else:
        heads = ("PERSON", "NAME", "ACTIVE", "ROLES")
        print_table(heads, [_row(person) for person in people])


async def _people(reader: Reader, region: str) -> list[dict[str, Any]]:
    p, r = t.persons.c, t.person_roles.c
    async with reader.snapshot() as snapshot:
        roles: dict[str, list[str]] = {}
        for person, role in await snapshot.rows(select(r.person, r.role).where(r.on_)):
            roles.setdefault(person, []).append(role)
        rows = await snapshot.rows(
            select(p.person, p.name, p.active, p.bot).where(p.home == region).order_by(p.person)
        )
    return [row._asdict() | {"roles": sorted(roles.get(row.person, ()))} for row in rows]


def _row(person: dict[str, Any]) -> tuple[object, ...]:
    active = "yes" if person["active"] else "no"
    return person["person"], person["name"], active, ", ".join(person["roles"])


def ask_password(file: Any) -> str:
    """From the file's first line, or asked for twice; of a length the node takes."""
    if file is not None:
        password = str(file.readline().rstrip("\r\n"))
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if not limits.PASSWORD_CHARS_MIN <= len(password) <= limits.PASSWORD_CHARS_MAX:
        fail(
            f"A password has {limits.PASSWORD_CHARS_MIN} to {limits.PASSWORD_CHARS_MAX} characters.",
            Exit.USAGE,
        )
    return password


def _done(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['person']} is at home in {answer['home']}.")
