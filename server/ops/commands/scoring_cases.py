"""``tap scoring cases``: what is to be decided about credits, for whoever runs the node. Deciding is a person's
command, by their name; nothing here changes anything."""

from datetime import UTC, datetime

import click
from msgspec import to_builtins

from server.app.cases import whole
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    look,
    print_json,
    print_table,
    quiet_config,
)
from server.storage.queries import cases
from server.storage.queries.cases import Case
from server.storage.reader import Reader

SHOWN_MAX = 200
"""The newest; a node with more open ones has other worries than this list."""
NOBODY = ""
"""Reads as the operator, who is no party."""


@click.command(name="cases")
@click.argument("case", default="", metavar="[CASE]")
@click.option(
    "--state",
    type=click.Choice(["open", "decided", "all"]),
    default="open",
    show_default=True,
    help="Which ones to list.",
)
@json_option
def command(case: str, state: str, as_json: bool) -> None:
    """List cases about credits of this region, or show one of them. Works beside a running node."""
    config = quiet_config()
    region = config.node.region
    if case:
        _show(look(config, lambda reader: _one(reader, case, region)), case, as_json)
        return
    found = look(config, lambda reader: _newest(reader, region, state))
    if as_json:
        print_json([to_builtins(whole(one, NOBODY)) for one in found])
    elif not found:
        click.echo("No case is open." if state == "open" else "There are no such cases.")
    else:
        print_table(
            ("CASE", "KIND", "OPENED", "QUARTER", "PEOPLE", "STATE"),
            [
                (c.case, c.kind, _day(c.at), c.quarter, len(c.parties), c.outcome or "open")
                for c in found
            ],
        )
        click.echo(
            "Auditors and region admins decide them, by name. One of them: tap scoring cases CASE"
        )


async def _newest(reader: Reader, region: str, state: str) -> list[Case]:
    async with reader.snapshot() as snapshot:
        return await cases.newest(snapshot, region, state, cases.NEWEST, SHOWN_MAX)


async def _one(reader: Reader, case: str, region: str) -> Case | None:
    async with reader.snapshot() as snapshot:
        return await cases.one(snapshot, case, region)


def _show(found: Case | None, name: str, as_json: bool) -> None:
    if found is None:
        fail(f"There is no case {name} here.", Exit.FOUND)
    if as_json:
        print_json(to_builtins(whole(found, NOBODY)))
        return
    held = " (held)" if found.held else ""
    click.echo(
        f"{found.kind} {found.case} of {found.region}, {found.quarter}, opened {_day(found.at)}"
    )
    click.echo(f"about: {', '.join(found.parties)}{held}")
    click.echo(f"why: {found.reason}")
    if found.flows:
        print_table(
            ("GAVE", "GOT", "CREDITS", "POINTS BEFORE", "AFTER DAMPING"),
            [
                (f.giver, f.author, f.contents, f.base // 1000, f.counted // 1000)
                for f in found.flows
            ],
        )
    if found.rev:
        click.echo(f"{found.outcome} by {found.by} on {_day(found.decided_at)}: {found.why}")
    else:
        click.echo("not decided yet")


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"
