"""``tap serve``: the node, until it is told to stop."""

import asyncio
import gc
import resource

import click
import uvloop

from server.ops import running
from server.ops.commands.shared import Exit, fail, load
from server.ops.core import StartError
from server.ops.keys import KeyFileError
from server.ops.listener import ListenError


@click.command()
@click.option(
    "--anyway",
    is_flag=True,
    help="After a restore, do not wait for peers to tell what was erased since.",
)
def command(anyway: bool) -> None:
    """Run the node until SIGTERM or SIGINT; print one line when it is ready."""
    config = load().config
    allow_open_files()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(running.serve(config, _announce, anyway=anyway))
    except (StartError, ListenError, KeyFileError) as error:
        fail(str(error), Exit.MACHINE)


def allow_open_files() -> None:
    """As many files as this process may ever open: shells start programs with 1,024, one for each client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def calm_collector() -> None:
    """A full pass of the garbage collector walks all a node remembers: 0.1 to 0.2 s of a standing loop at 3,000
    connections. What goes is freed by counting references (a test holds connections to that); cycles that do
    come up die young, and young ones are still looked for. So what is there now is never walked again, and
    what grows old only rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 1_000)


def _announce(line: str) -> None:
    calm_collector()
    click.echo(f"tap: {line}")
