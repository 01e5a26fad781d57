"""``tap demo``: three federated regions with people who talk, until Ctrl-C."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from server.ops import lock
from server.ops.commands.shared import Exit, fail, print_table
from server.ops.demo import company, founding, nodes
from server.ops.demo.founding import Secrets
from server.ops.demo.nodes import Node, NodeFailed, Place
from server.ops.demo.stage import Stage

T = TypeVar("T")

PORT_BASE = 8421
FOLDER = ".demo"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESTARTS_MAX = 3
"""A node that dies is started again so often; one that dies at once again has a reason."""


@click.command()
@click.option("--port-base", type=click.IntRange(1024, 65_000), help="First of three ports.")
@click.option("--seed", type=int, help="Of the conversation; else each run has its own.")
@click.option("--silent", is_flag=True, help="Nobody talks; for looking around and for tests.")
def command(port_base: int | None, seed: int | None, silent: bool) -> None:
    """Start three regions of a made-up company and let its people talk. Ctrl-C ends all of it."""
    folder = Path(os.environ.get("TAP_DEMO_DIR") or FOLDER).resolve()
    try:
        with lock.hold(folder, "tap demo"):
            places = demo_places(folder, free_base(port_base))
            founding.clear_unfinished(folder, places)
            nodes.configure(places, demo=True)
            asyncio.run(run(folder, places, seed, silent))
    except (NodeFailed, lock.Locked, lock.NotOwner) as error:
        fail(str(error), Exit.MACHINE)
    except OSError as error:
        fail(f"The demo's folder {folder} cannot be used: {error.strerror}.", Exit.MACHINE)


demo_command = command


def demo_places(folder: Path, base: int) -> list[Place]:
    return [
        Place(
            region.code,
            region.name,
            region.country,
            folder / region.code,
            base + number,
            tuple(
                [
                    (key, getattr(region, key))
                    for key in ("scores", "boards")
                    if getattr(region, key)
                ]
            ),
        )
        for number, region in enumerate(company.REGIONS)
    ]


def free_base(wanted: int | None) -> int:
    """The ports asked for, else the usual or the next free ones; says so when they are taken."""
    count = len(company.REGIONS)
    base = wanted or PORT_BASE
    taken = [port for port in range(base, base + count) if not nodes.is_free(port)]
    if not taken:
        return base
    free = nodes.next_free_ports(base + 1, count)
    sentence = f"Port {taken[0]} is in use by another program"
    if wanted is not None or not free:
        fail(f"{sentence}. Free are {free} to {free + count - 1}: --port-base {free}", Exit.MACHINE)
    click.echo(f"{sentence}; taking {free} to {free + count - 1} instead.", err=True)
    return free


async def run(folder: Path, places: Sequence[Place], seed: int | None, silent: bool) -> None:
    """From the first start to the last process ended. Raises NodeFailed when a node does not start."""
    stop = stop_signal()
    if not founding.is_founded(folder):
        say("First start: people, keys and passwords are made; this takes a minute at most.")
    secrets = await unless(stop, founding.secrets(folder, places))
    if secrets is None:
        say("Stopping; the next start makes them anew.")
        return
    async with running(places, stop):
        if not stop.is_set():
            announce(places, secrets)
            if silent:
                await stop.wait()
            else:
                await talk_until(stop, folder, places, secrets, seed)
        say("Stopping.")


def stop_signal() -> asyncio.Event:
    """Set by the first signal; all later ones are ignored until the process has ended, which is after the loop and
    what it knows of signals."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def told(_number: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        loop.call_soon_threadsafe(stop.set)

    for number in STOP_SIGNALS:
        signal.signal(number, told)
    return stop


@contextlib.asynccontextmanager
async def running(places: Sequence[Place], stop: asyncio.Event) -> AsyncIterator[None]:
    """The nodes, watched while the block runs; all of them have ended afterwards."""
    started = [Node(place) for place in places]
    watching: list[asyncio.Task[None]] = []
    try:
        await unless(stop, nodes.start_all(started))
        watching = [asyncio.create_task(watch(node)) for node in started]
        yield
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await asyncio.gather(*(node.stop() for node in started))


async def unless(stop: asyncio.Event, working: Coroutine[Any, Any, T]) -> T | None:
    """What the work comes to, or None when we are told to stop first; raises what the work raises."""
    work = asyncio.create_task(working)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, work}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if work.done():
        return work.result()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return None


async def watch(node: Node) -> None:
    """Reports a node that ends by itself, and starts it again."""
    for _ in range(RESTARTS_MAX):
        code = await node.ended()
        say(f"The node of {node.place.name} ended ({how(code)}); starting it again.")
        say(node.last_lines())
        try:
            await node.start()
        except NodeFailed as error:
            say(str(error))
            return
        say(f"The node of {node.place.name} is back.")
    await node.ended()
    say(f"The node of {node.place.name} ended once more and stays down; see {node.place.log}.")


def how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


async def talk_until(
    stop: asyncio.Event,
    folder: Path,
    places: Sequence[Place],
    secrets: Secrets,
    seed: int | None,
) -> None:
    chance = random.Random(secrets.runs if seed is None else seed)
    addresses = {place.region: place.url for place in places}
    stage = Stage(addresses, secrets.tokens, chance, say)

    async def play() -> None:
        async with stage.open():
            communities = await stage.communities()
            if not founding.has_history(folder):
                await stage.history(communities)
                founding.keep_history(folder)
            await stage.talk(communities)

    await unless(stop, play())


def announce(places: Sequence[Place], secrets: Secrets) -> None:
    """One line for each region, and who may log in where."""
    for place in places:
        click.echo(f"ready {place.region} {place.url}")
    rows = []
    for place in places:
        for person in company.at_home(place.region)[:4]:
            role = ", ".join(role.replace("_", " ") for role in person.roles)
            address = f"http://{place.region}.localhost:{place.port}"
            rows.append((address, person.id, secrets.password, role or person.title))
    click.echo()
    print_table(("ADDRESS", "LOG-IN", "PASSWORD", "WHO"), rows)
    click.echo(
        "\nWhere to look: as tenzin.dorjee, who is new, People > Who knows > #firmware; as meera.iyer, My impact;"
        "\nas asha.rao, My impact > How I answer. As katharina.vogel the same page says why Germany compares nobody."
    )
    # Browsers keep cookies by name and not by port: with a name each, one browser holds all three.
    click.echo(
        "\nEverybody has this password. If your browser does not know the names ending in .localhost,"
        "\nuse the addresses above. Ctrl-C ends the demo; its data stays in place."
    )
    sys.stdout.flush()


def say(line: str) -> None:
    click.echo(line, err=True)
