"""``tap user move``, ``accept`` and ``moves``: people who change their region, on a stopped node.

What they write is in the log at once; the running node then does the rest by itself (``app/moves``)."""

from typing import Any

import click
from sqlalchemy import select

from server.app import luggage
from server.app.luggage import Preview, Route
from server.app.passwords import fresh_password
from server.domain.commands import HandOver
from server.domain.decide.people import whereabouts
from server.domain.errors import Code, Refusal
from server.ops import operator
from server.ops.accounts import Desk
from server.ops.commands import offline
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    look,
    print_json,
    print_table,
    quiet_config,
)
from server.ops.core import groups, make_moves
from server.storage import poll_facts
from server.storage import tables as t
from server.storage.async_facts import load_person
from server.storage.reader import Reader


@click.command()
@click.argument("person")
@click.option("--to", "region", default="", help="The region they move to.")
@click.option("--dry-run", is_flag=True, help="Only print what would go along and what would not.")
@click.option(
    "--cancel", is_flag=True, help="Call the move off, as long as they were not released."
)
@json_option
def move(person: str, region: str, dry_run: bool, cancel: bool, as_json: bool) -> None:
    """Hand PERSON over to another region. Said again, it goes on where it was cut short.

    Their sessions here read until the new home has taken them over, and then lead there."""
    config = quiet_config()
    if bool(region) == cancel:
        fail("Say --to REGION, or --cancel.", Exit.USAGE)
    if cancel:
        offline.work(config, "user", lambda desk: operator.call_off(desk.core.handler, person))
        click.echo(f"{person} stays.")
        return
    wish = offline.checked({"do": "person.hand_over", "person": person, "to": region}, HandOver)

    async def do(desk: Desk) -> Preview | Refusal:
        shown = await _preview(desk, person, region)
        if dry_run or isinstance(shown, Refusal):
            return shown
        outcome = await operator.hand_over(desk.core.handler, wish)
        if isinstance(outcome, Refusal):
            return outcome
        await make_moves(desk.core).catch_up()
        return shown

    shown = offline.work(config, "user", do)
    if as_json:
        print_json({"person": person, "to": region, "done": not dry_run, **shown._asdict()})
        return
    for line in _lines(shown, region):
        click.echo(line)
    if not dry_run:
        click.echo(f"{person} is released to {region}; until taken over there they can only read.")


async def _preview(desk: Desk, person: str, to: str) -> Preview | Refusal:
    config = desk.core.config
    if to not in config.regions:
        return Refusal(Code.BAD_VALUE, f"{to} is no region that this one knows", "to")
    route = Route(person, config.node.region, to, config.regions, groups(config))
    kept = await desk.core.handler.run(lambda tx: poll_facts.secret_ballots(tx, person))
    async with desk.core.reader.snapshot() as snapshot:
        who = await load_person(snapshot, person)
        if who is None:
            return Refusal(Code.NOT_FOUND, f"nobody is called {person}", "person")
        if config.node.region not in who.regions:
            return Refusal(Code.WRONG_REGION, whereabouts(who), "person")
        return await luggage.preview(snapshot, route, who.roles, len(kept))


def _lines(shown: Preview, to: str) -> list[str]:
    lost = ", ".join(name for _, name in shown.communities_lost) or "none"
    roles = ", ".join(shown.roles_ended) or "none"
    return [
        f"goes along: {shown.conversations} conversations, with all that was written in them",
        f"lost, because {to} may not see them: {lost}",
        f"secret ballots that stay here, counted and not to be changed: {shown.ballots_kept}",
        f"region-wide roles that end: {roles}",
        "a new password is given there; sessions and tokens of here end",
    ]


@click.command()
@click.argument("person")
@json_option
def accept(person: str, as_json: bool) -> None:
    """Take over PERSON, whom another region has released, and print a first password for them."""
    config, password = quiet_config(), fresh_password()

    async def do(desk: Desk) -> dict[str, Any] | Refusal:
        await make_moves(desk.core).catch_up()
        outcome = await operator.take_over(desk.core.handler, person)
        if isinstance(outcome, Refusal):
            return outcome
        return await desk.passwords.set(person, password) or outcome

    offline.work(config, "user", do)
    if as_json:
        print_json({"person": person, "home": config.node.region, "password": password})
    else:
        click.echo(f"{person} is at home in {config.node.region}. First password: {password}")


@click.command()
@json_option
def moves(as_json: bool) -> None:
    """Print who is between two regions."""
    found = look(quiet_config(), _moving)
    if as_json:
        print_json(found)
    elif not found:
        click.echo("Nobody is between two regions.")
    else:
        rows = [tuple(one.values()) for one in found]
        print_table(("PERSON", "FROM", "TO", "RELEASED"), rows)


async def _moving(reader: Reader) -> list[dict[str, Any]]:
    p, r = t.persons.c, t.releases.c
    query = (
        select(p.person, p.previous, p.moving_to, r.rev)
        .outerjoin(t.releases, (r.person == p.person) & (r.rev == p.home_rev))
        .where(p.moving_to != "")
        .order_by(p.person)
    )
    async with reader.snapshot() as snapshot:
        rows = await snapshot.rows(query)
    return [
        {
            "person": row.person,
            "from": row.previous,
            "to": row.moving_to,
            "released": "yes" if row.rev else "no",
        }
        for row in rows
    ]
