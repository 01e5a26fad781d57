"""``tap scoring``: the contribution ledger is a fold of the log; make it anew and see that it is the same.

The group's other verbs live in files of their own, each added to ``command`` at the end of this one.
"""

import asyncio
from typing import NamedTuple

import click
from sqlalchemy import func, select

from server.app.scores import Scores
from server.ops.commands import scoring_acts, scoring_cases, what_if
from server.ops.commands.scoring_audit import audit_command, publish_command
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    quiet_config,
    require_database,
)
from server.ops.config import Config
from server.ops.core import Core, StartError, now, opened
from server.storage import tables as t
from server.storage.digest import digests


class Ledger(NamedTuple):
    """``digest`` covers every line with its explanation."""

    lines: int
    people: int
    milli_points: int
    digest: str


@click.group()
def command() -> None:
    """Work with contribution scoring."""


@command.command()
@json_option
def replay(as_json: bool) -> None:
    """Forget every line, replay the log from its beginning, and compare. The node must be stopped."""
    config = quiet_config()
    require_database(config)
    try:
        before, after = asyncio.run(_replay(config))
    except StartError as error:
        fail(str(error), Exit.MACHINE)
    same = before.digest == after.digest
    if as_json:
        print_json({"before": before._asdict(), "after": after._asdict(), "same": same})
        return
    click.echo(
        f"{after.lines} lines of {after.people} people, {after.milli_points / 1000:.3f} points in all: "
        + ("the same as before." if same else f"before it were {before.lines} lines.")
    )


async def _replay(config: Config) -> tuple[Ledger, Ledger]:
    async with opened(config, "scores") as core:
        scores = Scores(core.tap, core.handler, core.reader, now=now)
        await scores.catch_up()
        before = await _ledger(core)
        await scores.rebuild()
        return before, await _ledger(core)


async def _ledger(core: Core) -> Ledger:
    lines = t.credits_.c
    async with core.reader.snapshot() as snapshot:
        count, people, total = await snapshot.one(
            select(
                func.count(),
                func.count(lines.person.distinct()),
                func.coalesce(func.sum(lines.milli_points), 0),
            )
        )
    found = await core.handler.run(lambda tx: digests(tx, [t.credits_]))
    return Ledger(count, people, total, found[t.credits_.name])


command.add_command(scoring_acts.command)
command.add_command(audit_command)
command.add_command(publish_command)
command.add_command(scoring_cases.command)
command.add_command(what_if.command)
