"""The vocabulary of scenarios: each word makes a step, and a script is a list of them.

Devices are numbered in the order they came; ``share`` picks by the scenario's own chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from server.domain import limits
from server.domain.ids import Cursor
from server.realtime import reading
from server.realtime.frames import Encoding
from tests.stress.device import Device
from tests.stress.wire import Chop, whole
from tests.stress.world import PEOPLE, Step, World
from tests.support.faults import held

LONG = 30_000
FLOODS_MAX = 40
"""Of half a megabyte each."""
TURNS = 20
"""Of the loop, within which whoever wants something of the writer has asked it."""
BOTH = tuple(Encoding)
SMALL_WINDOW = 16_384
"""Of a client whose kernel takes little: it falls behind after a few hundred KiB."""


def steps(*made: Step) -> Step:
    """Several steps as one."""

    async def step(world: World) -> None:
        for one in made:
            await one(world)

    return step


def together(*made: Step) -> Step:
    async def step(world: World) -> None:
        async with asyncio.TaskGroup() as group:
            for one in made:
                group.create_task(one(world))  # type: ignore[arg-type]

    return step


def repeat(times: int, *made: Step) -> Step:
    return steps(*made * times)


# -- coming and going ----------------------------------------------------------------------------------


def come(
    count: int = 1,
    *,
    encodings: Iterable[Encoding] = BOTH,
    chop: Chop = whole,
    receive_bytes: int = 0,
    person: str = "",
    **hello: Any,
) -> Step:
    """New devices, of one person after the other; each is live afterwards."""

    async def step(world: World) -> None:
        speaks = tuple(encodings)
        people = [person or PEOPLE[n % len(PEOPLE)] for n in range(count)]
        made = await asyncio.gather(
            *[world.device(who, speaks[n % len(speaks)]) for n, who in enumerate(people)]
        )
        for device in made:
            device.chop, device.receive_bytes = chop, receive_bytes
        await asyncio.gather(*[device.live(**hello) for device in made])

    return step


def known(count: int = 1, encodings: Iterable[Encoding] = BOTH, cursor: int | None = None) -> Step:
    """Devices that exist, and are not connected. ``cursor``: they were at this many positions ago."""

    async def step(world: World) -> None:
        for n in range(count):
            device = await world.device(PEOPLE[n % len(PEOPLE)], tuple(encodings)[n % 2])
            if cursor is not None:
                device.cursor = Cursor.parse(world.cursor(cursor))
                device.base = device.cursor.position

    return step


def each(act: Callable[[Device], Any], share: float = 1.0) -> Step:
    """Something a share of those who are up do."""

    async def step(world: World) -> None:
        for device in world.some(share):
            act(device)
        await asyncio.sleep(0)

    return step


def cut(share: float = 1.0) -> Step:
    return each(Device.cut, share)


def vanish(share: float = 1.0) -> Step:
    return each(Device.vanish, share)


def stall(share: float = 1.0) -> Step:
    return each(Device.stall, share)


def read(share: float = 1.0) -> Step:
    return each(Device.read, share)


def leave(share: float = 1.0) -> Step:
    return each(Device.leave, share)


def back(**hello: Any) -> Step:
    """Everybody who is not up comes back with their cursor, all at once."""

    async def step(world: World) -> None:
        away = [device for device in world.devices if not device.is_up]
        assert away, "nobody is away"
        for device in away:
            device.cut()
        await asyncio.gather(*[device.live(**hello) for device in away])

    return step


def gone(count: int = 0) -> Step:
    """Waits until the node holds no more than so many connections."""

    async def step(world: World) -> None:
        await world.until(
            f"{count} are connected", lambda: len(world.gateway._connections) <= count
        )

    return step


# -- what happens --------------------------------------------------------------------------------------


def publish(count: int, *, size: int = 5, at_once: int = 8, place: str = "tea") -> Step:
    """Bob posts."""

    async def step(world: World) -> None:
        where, text = getattr(world.here, place), "x" * size
        for start in range(0, count, at_once):
            some = range(start, min(count, start + at_once))
            await asyncio.gather(*[world.node.post("bob", where, f"{n} {text}") for n in some])

    return step


def reply(count: int) -> Step:
    """Bob answers in the watched thread of the club."""

    async def step(world: World) -> None:
        for _ in range(count):
            await world.node.reply("bob", world.here.thread[2:])

    return step


def member(person: str, joined: bool, place: str = "tea") -> Step:
    async def step(world: World) -> None:
        community = getattr(world.here, place)[2:]
        await world.node.do(person, "membership.set", community=community, joined=joined)

    return step


def one_commit(*made: Step) -> Step:
    """What these steps ask of the writer lies in one commit, in this order."""

    async def step(world: World) -> None:
        async with held(world.node.handler):
            tasks = [asyncio.ensure_future(one(world)) for one in made]
            for _ in range(TURNS):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    return step


def passing(seconds: float, times: int = 1) -> Step:
    """Virtual time; between two moments of it everybody gets to answer."""

    async def step(world: World) -> None:
        for _ in range(times):
            await world.pass_time(seconds)
            for device in world.up:
                if device.wire and device.wire.transport.is_reading():
                    await device.barrier()

    return step


async def settle(world: World) -> None:
    await world.settle()


def ring(events: int) -> Step:
    """A node that remembers so little: whoever comes back is served from the log."""

    async def step(world: World) -> None:
        world.ring(events)

    return step


def bounds(*, page: int = 0, far: int = 0, people: int = 0) -> Step:
    """Smaller numbers: events of a page, events that are too many, connections of a person."""

    async def step(world: World) -> None:
        if page:
            world.bound(limits, SYNC_PAGE_EVENTS=page)
        if far:
            world.bound(reading, CATCH_UP_EVENTS_MAX=far)
        if people:
            world.bound(limits, CONNECTIONS_PER_PERSON_MAX=people)

    return step


def gate(name: str, *, open: bool) -> Step:
    async def step(world: World) -> None:
        (world.gates[name].open if open else world.gates[name].close)()

    return step


async def stop(world: World) -> None:
    await world.stop()


# -- what must be true ---------------------------------------------------------------------------------


def verdicts(*allowed: str, last: int = 1) -> Step:
    """The last connections' verdicts are among these, and all of these occur."""

    async def step(world: World) -> None:
        found = {verdict for device in world.devices for verdict in device.verdicts[-last:]}
        assert found == set(allowed), found

    return step


def ended(code: int | None) -> Step:
    """Everybody was closed with this code (None: cut off without a word)."""

    async def step(world: World) -> None:
        assert [await device.end() for device in world.devices] == [code] * len(world.devices)

    return step


def fall_behind(count: int) -> Step:
    """Posts until so many connections have fallen behind: how much that takes is the kernel's to say."""

    async def step(world: World) -> None:
        for _ in range(FLOODS_MAX):
            await publish(16, size=LONG, at_once=16)(world)
            if sum(one.session.state == "behind" for one in world.gateway._connections) == count:
                return
        raise AssertionError(f"{count} should be behind")

    return step


def holding_at_most(bytes_each: int) -> Step:
    """I9: whatever was published, no connection holds more than this."""

    async def step(world: World) -> None:
        held = [one._transport.get_write_buffer_size() for one in world.gateway._connections]
        assert max(held) <= bytes_each, held

    return step
