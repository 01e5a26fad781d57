"""``tap forks``: lanes of which their origin signed two histories, and the end of the alarm about one."""

from contextlib import closing
from datetime import UTC, datetime

import click

from server.domain.ids import EventId, LaneKey
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
from server.ops.core import StartError, explained, now
from server.ops.place import database_url
from server.storage import forks
from server.storage.connection import open_writer
from server.storage.forks import Fork
from server.storage.reader import Reader


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Print lanes left out because their origin signed two histories. Exit code 1 while one is open."""
    if ctx.invoked_subcommand:
        return
    found = _found()
    if as_json:
        print_json([_plain(fork) for fork in found])
    elif found:
        heads = ("FORK", "TWO EVENTS", "HELD HERE UP TO", "FOUND", "RESOLVED")
        print_table(heads, [tuple(_plain(fork).values()) for fork in found])
    else:
        click.echo("No origin has signed two histories.")
    ctx.exit(Exit.DONE if all(fork.resolved_at for fork in found) else Exit.FOUND)


@command.command()
@click.argument("fork")
def resolve(fork: str) -> None:
    """End the alarm about a fork, once only one node of that region runs. Also while this node runs.

    The lane stays left out, and what is held of it is kept: its origin goes on in a new epoch."""
    config = quiet_config()
    require_database(config)
    key = _key(fork)
    try:
        with (
            explained(config),
            closing(open_writer(database_url(config))) as connection,
            connection.transaction() as tx,
        ):
            done = forks.resolve(tx, key, now())
    except StartError as error:
        fail(str(error), Exit.MACHINE)
    if not done:
        fail(f"There is no open fork {fork}: `tap forks` lists them.")
    click.echo(f"{fork} is resolved. The lane stays left out.")


def _key(text: str) -> LaneKey:
    try:
        region, epoch, lane, _ = EventId.parse(f"{text}:0")
    except ValueError:
        fail(f"{text} names no lane: write it as `tap forks` does.", Exit.USAGE)
    return LaneKey(region, epoch, lane)


def _found() -> list[Fork]:
    async def read(reader: Reader) -> list[Fork]:
        async with reader.snapshot() as snapshot:
            return await forks.every(snapshot)

    return look(quiet_config(), read)


def _plain(fork: Fork) -> dict[str, object]:
    return {
        "fork": fork.id,
        "seq": fork.seq,
        "held": fork.held,
        "found_at": _time(fork.found_at),
        "resolved_at": _time(fork.resolved_at) if fork.resolved_at else "",
    }


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
