"""``tap scoring audit`` and ``publish``: what regions say of their people, and whether the log agrees."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from server.app.public_mirror import discard
from server.app.publishing import Publisher, computed
from server.app.score_audit import Verdict, audit
from server.domain.errors import Refused
from server.ops import lock
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    look,
    print_json,
    print_table,
    quiet_config,
    require_database,
)
from server.ops.config import Config
from server.ops.core import StartError, now, opened
from server.ops.place import public_mirror_file
from server.storage.queries.scoring import publishing_regions
from server.storage.reader import Reader

WORDS = {
    "agrees": "the log says the same",
    "differs": "the log says something else",
    "not_here_yet": "cannot be compared yet",
    "other_rules": "cannot be compared",
    "erased_since": "cannot be compared any more",
    "nothing": "nothing to compare",
}


@click.command(name="audit")
@click.option("--region", default="", metavar="REGION", help="Only this region.")
@json_option
@click.pass_context
def audit_command(ctx: click.Context, region: str, as_json: bool) -> None:
    """Recompute what regions published of their people from this node's log, and compare.

    Works beside a running node. Exit code 1 when something published is not what the log says, 3 when
    something could not be compared."""
    config = quiet_config()
    verdicts = look(config, lambda reader: _audit(reader, region))
    if as_json:
        print_json([verdict._asdict() | {"wrong": _wrong(verdict)} for verdict in verdicts])
    else:
        _print(verdicts)
    ctx.exit(_exit_code(verdicts))


async def _audit(reader: Reader, region: str) -> list[Verdict]:
    """One region after the other: each has a cut of its own."""
    if region:
        regions = [region]
    else:
        async with reader.snapshot() as snapshot:
            regions = await publishing_regions(snapshot)
    return [await audit(reader, name) for name in regions]


def _exit_code(verdicts: list[Verdict]) -> Exit:
    outcomes = {verdict.outcome for verdict in verdicts}
    if "differs" in outcomes:
        return Exit.FOUND
    return Exit.MACHINE if outcomes - {"agrees"} else Exit.DONE


def _print(verdicts: list[Verdict]) -> None:
    if not verdicts:
        click.echo("No region has published anything that is here.")
        return
    print_table(
        ("REGION", "DAY", "LEDGERS", "SHOWN", "VERDICT"),
        [(v.region, _day(v.day), v.people, v.shown, WORDS[v.outcome]) for v in verdicts],
    )
    for verdict in verdicts:
        if verdict.why:
            click.echo(f"{verdict.region}: {verdict.why}.")
        for wrong in verdict.wrong:
            who = wrong.person or f"the root of {verdict.region}"
            perhaps = " (perhaps for what was erased since)" if wrong.erased else ""
            click.echo(f"{verdict.region}: {who}, {_day(wrong.day)}: {wrong.why}{perhaps}.")


def _wrong(verdict: Verdict) -> list[dict[str, object]]:
    return [wrong._asdict() for wrong in verdict.wrong]


def _day(day: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y-%m-%d}" if day else "-"


@click.command(name="publish")
def publish_command() -> None:
    """Publish now what may be told of this region's people. A running node is asked to do it."""
    config = quiet_config()
    require_database(config)
    held = lock.holder(Path(config.node.data_dir))
    if held is not None:
        _ask(held)
        return
    try:
        count = asyncio.run(_publish(config))
    except StartError as error:
        fail(str(error), Exit.MACHINE)
    except Refused as refused:
        fail(str(refused))
    click.echo(f"{count} standings are news and were published.")


def _ask(held: str) -> None:
    """Tells the node's process; whoever else holds the data folder is left alone."""
    pid, _, purpose = held.partition(" ")
    if purpose != "serve" or not pid.isdigit():
        fail(f"The data folder is in use by process {held}: try again later.", Exit.MACHINE)
    try:
        os.kill(int(pid), signal.SIGUSR1)
    except OSError as error:
        fail(f"The running node cannot be told: {error.strerror}.", Exit.MACHINE)
    click.echo("The running node was asked to publish; its log says what came of it.")


async def _publish(config: Config) -> int:
    async with opened(config, "scoring") as core:
        file, region = public_mirror_file(config), core.identity.region
        publisher = Publisher(
            core.tap,
            core.handler,
            core.reader,
            now=now,
            compute=partial(computed, core.reader, file, region),
            forget=partial(discard, file),
        )
        return await publisher.publish(now())
