"""Every step of a connection's life, ended in every way; nothing is left behind, and the end is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from server.domain.ids import Cursor
from server.realtime.frames import Encoding
from tests.stress.acting import applied, wish
from tests.stress.device import Device
from tests.stress.steps import (
    SMALL_WINDOW,
    come,
    cut,
    fall_behind,
    gone,
    publish,
    reply,
    stop,
)
from tests.stress.wire import request
from tests.stress.world import PEOPLE, Scenario, Step, World
from tests.support.faults import held

# -- stages: a device comes as far as this ------------------------------------------------------------------


async def half_a_handshake(world: World, device: Device) -> None:
    wire = await device.connect()
    await wire.send(b"GET /api/v1/live HTTP/1.1\r\nHost: he")


async def opening(world: World, device: Device) -> None:
    await device.open()


async def _held_at(world: World, device: Device, gate: str) -> None:
    world.gates[gate].close()
    await device.hello()
    await world.until(f"{device} is held", lambda: world.gates[gate].waiting)


async def authenticating(world: World, device: Device) -> None:
    await _held_at(world, device, "authenticating")


async def asking_what_it_hears(world: World, device: Device) -> None:
    await _held_at(world, device, "interests")


async def catching_up(world: World, device: Device) -> None:
    here = world.node.tap.position
    await publish(6)(world)
    world.ring(1)
    device.cursor, device.base = Cursor(world.node.tap.epoch, here), here
    await _held_at(world, device, "page")


async def asking_to_watch(world: World, device: Device) -> None:
    await device.live()
    world.gates["authorize"].close()
    await device.say(t="watch", id=3, channels=[world.here.thread])
    await world.until(f"{device} is held", lambda: world.gates["authorize"].waiting)


async def replaying(world: World, device: Device) -> None:
    await device.live()
    since = world.cursor()
    await reply(6)(world)
    world.ring(1)
    world.gates["page"].close()
    device.asked.add(world.here.thread)  # and may hear it until it is told to go
    await device.say(t="watch", id=3, channels=[world.here.thread], since=since)
    await world.until(f"{device} is held", lambda: world.gates["page"].waiting)


async def live(world: World, device: Device) -> None:
    await device.live()


async def falling_behind(world: World, device: Device) -> None:
    device.receive_bytes = SMALL_WINDOW
    await device.live()
    device.stall()
    await fall_behind(1)(world)


STAGES = (
    half_a_handshake,
    opening,
    authenticating,
    asking_what_it_hears,
    catching_up,
    asking_to_watch,
    replaying,
    live,
    falling_behind,
)
Stage = Callable[[World, Device], Awaitable[None]]

# -- ends ------------------------------------------------------------------------------------------------


def _open_gates(world: World) -> None:
    for gate in world.gates.values():
        gate.open()


async def is_cut(world: World, device: Device, stage: Stage) -> None:
    device.cut()
    await gone(1)(world)


async def closes(world: World, device: Device, stage: Stage) -> None:
    """The websocket's closing handshake, or what comes before there is a websocket."""
    if stage is half_a_handshake:
        device.cut()
    else:
        device.leave()
    if stage is falling_behind:  # the node does not read from who does not read
        await world.pass_time(16)
    await gone(1)(world)


async def closes_its_half(world: World, device: Device, stage: Stage) -> None:
    assert device.wire is not None
    device.wire.transport.write_eof()
    if stage is falling_behind:
        await world.pass_time(16)
    await gone(1)(world)


async def is_drained(world: World, device: Device, stage: Stage) -> None:
    stopping = asyncio.ensure_future(world.stop())
    if stage is falling_behind:
        await world.until("the node stops", lambda: world.gateway.stopping)
        await world.pass_time(6)
    elif stage is half_a_handshake:
        device.cut()
    else:
        assert await device.end() == 1001
        (bye,) = [frame for frame in device.frames if frame["t"] == "bye"]
        assert (bye["code"], bye["retry_ms"] >= 500) == (1001, True)
    _open_gates(world)
    await stopping


async def is_signed_out(world: World, device: Device, stage: Stage) -> None:
    """Its token is revoked; whatever it was just waiting for, it is not let in and told nothing more."""
    assert await world.auth.revoke(device.person, device.session)
    _open_gates(world)
    if stage is half_a_handshake:
        device.cut()
        return
    if stage is opening:
        await device.say(t="hello", token=device.token)
    if stage is falling_behind:  # it cannot read that it is closed
        states = [one.session for one in world.gateway._connections]
        await world.until("it is told", lambda: any(one.state == "closed" for one in states))
        await world.pass_time(6)
        await gone(1)(world)
        return
    assert await device.end() == 4401
    await publish(1)(world)
    assert not [f for f in device.frames if f.get("position", 0) == world.node.tap.position]


ENDS = (is_cut, closes, closes_its_half, is_drained, is_signed_out)
End = Callable[[World, Device, Stage], Awaitable[None]]


def teardown(stage: Stage, end: End) -> Step:
    async def step(world: World) -> None:
        device = await world.device(PEOPLE[7], world.chance.choice(list(Encoding)))
        await stage(world, device)
        await end(world, device, stage)
        device.cut()
        _open_gates(world)
        if not world.stopped:
            await publish(2)(world)
            await world.settle()

    return step


SCENARIOS = [
    Scenario(f"{stage.__name__} {end.__name__}".replace("_", " "), [come(1), teardown(stage, end)])
    for stage in STAGES
    for end in ENDS
]


# -- stopping with work under way --------------------------------------------------------------------------


async def drain_in_flight(world: World) -> None:
    """Commands taken are answered after ``bye``; new ones are refused, and may be sent again."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(held(world.node.handler))
        up = world.up
        for n, device in enumerate(up):
            await device.say(t="do", key=f"taken-key-{n}", command=wish(world, f"taken {n}"))
        await world.until("all wait", lambda: world.gateway._commands == len(up))
        stopping = asyncio.ensure_future(world.stop())
        for device in up:
            await device.next("bye")
        refused = await up[0].do("too-late-key", wish(world, "late"))
        assert (refused["ok"], refused["error"]["retry"]) == (False, True)
    for n, device in enumerate(up):
        assert await device.end() == 1001
        done = [f for f in device.frames if f["t"] == "done" and f["key"] == f"taken-key-{n}"]
        assert [one["ok"] for one in done] == [True], done
        assert applied(world, f"taken {n}") == 1
    await stopping
    assert applied(world, "late") == 0


async def drain_with_a_lost_author(world: World) -> None:
    """The author of a command in flight is gone before its answer: it is committed all the same."""
    (device,) = world.up
    async with held(world.node.handler):
        await device.say(t="do", key="orphaned-key", command=wish(world, "orphan"))
        await world.until("it waits", lambda: world.gateway._commands == 1)
        stopping = asyncio.ensure_future(world.stop())
        await device.next("bye")
        device.cut()
        await gone()(world)
    await stopping
    assert applied(world, "orphan") == 1


async def refused_while_stopping(world: World) -> None:
    (device,) = world.up
    late = await world.device(PEOPLE[2], Encoding.JSON)
    async with held(world.node.handler):
        await device.say(t="do", key="keeps-it-open", command=wish(world, "open"))
        await world.until("it waits", lambda: world.gateway._commands == 1)
        stopping = asyncio.ensure_future(world.stop())
        await device.next("bye")
        wire = await late.connect()
        await wire.send(request(Encoding.JSON, {}))
        await late.until("is refused", lambda: wire.status)
        assert wire.status.startswith("HTTP/1.1 503 ")
        assert "retry-after:" in wire.status.lower()
    await stopping


async def drain_the_deaf(world: World) -> None:
    """Who does not answer our close has five seconds; then the stop goes on without them."""
    deaf = world.up
    for device in deaf:
        assert device.wire is not None
        device.wire.answers = False
    stopping = asyncio.ensure_future(world.stop())
    for device in deaf:
        assert device.wire is not None
        await device.until("is told", lambda wire=device.wire: wire.code == 1001)
    for _ in range(100):  # a stop that did not wait for them would be through by now
        await asyncio.sleep(0)
    assert not stopping.done()
    await world.pass_time(6)
    await stopping


EMPTY_HOUR = (come(2), cut(), gone())
"""Everybody has been gone once before."""

SCENARIOS += [
    Scenario("a stop with commands in flight", [come(6), drain_in_flight]),
    Scenario("a stop with commands in flight, after an empty hour", [*EMPTY_HOUR, come(6), drain_in_flight]),
    Scenario("a stop of those who do not answer", [come(3), drain_the_deaf]),
    Scenario("a stop of those who do not answer, after an empty hour", [*EMPTY_HOUR, come(3), drain_the_deaf]),
    Scenario("a stop whose author is lost", [come(1), drain_with_a_lost_author]),
    Scenario("a stop refuses who comes", [come(1), refused_while_stopping]),
    Scenario("a stop of a hundred", [come(100), stop]),
    Scenario("a stop amid publishing", [come(10), publish(20), stop]),
]  # fmt: skip
