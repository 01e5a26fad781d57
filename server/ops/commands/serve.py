"""``tap serve``: the node, until it is told to stop."""

import asyncio
import resource

import click
import uvloop

from server.ops import bootstrap
from server.ops.commands.shared import Exit, fail, load
from server.ops.core import StartError
from server.ops.keys import KeyFileError
from server.ops.listener import ListenError


@click.command()
def command() -> None:
    """Run the node until SIGTERM or SIGINT; print one line when it is ready."""
    config = load().config
    allow_open_files()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(bootstrap.serve(config, _announce))
    except (StartError, ListenError, KeyFileError) as error:
        fail(str(error), Exit.MACHINE)


def allow_open_files() -> None:
    """As many files as this process may ever open: shells start programs with 1,024, one for each client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _announce(line: str) -> None:
    click.echo(f"tap: {line}")
