"""Commands are applied once (I2), whatever becomes of the socket; and what a person may do is bounded."""

from __future__ import annotations

import asyncio
from typing import Any

from server.domain import limits
from server.realtime.frames import Encoding
from server.realtime.session import STRIKES_MAX
from tests.stress.device import Device
from tests.stress.steps import back, bounds, come, cut, publish, settle, together
from tests.stress.world import PEOPLE, Scenario, Step, World
from tests.support.faults import held

ONE = PEOPLE[0]
BURST = limits.COMMANDS_BURST


def wish(world: World, text: str) -> dict[str, Any]:
    return {"do": "post.publish", "place": world.here.tea, "kind": "update", "text": text}


def applied(world: World, text: str) -> int:
    """How often a post stands in the log."""
    return sum(getattr(record.event, "text", None) == text for record in world.log)


# -- the same key ----------------------------------------------------------------------------------------


async def same_key_everywhere(world: World) -> None:
    """Every socket of a person says the same at once: one is the first, all get its answer."""
    done = await asyncio.gather(*[d.do("the-same-key", wish(world, "once")) for d in world.up])
    assert [one["ok"] for one in done] == [True] * len(done)
    assert sorted(one["repeated"] for one in done) == [False] + [True] * (len(done) - 1)
    assert len({str(one["answer"]) + one["cursor"] for one in done}) == 1
    assert applied(world, "once") == 1


async def same_key_other_body(world: World) -> None:
    done = await asyncio.gather(
        *[d.do("the-same-key", wish(world, f"body {n}")) for n, d in enumerate(world.up)]
    )
    assert [one["ok"] for one in done].count(True) == 1
    refused = {one["error"]["code"] for one in done if not one["ok"]}
    assert refused == {"key_reused"}
    assert sum(applied(world, f"body {n}") for n in range(len(done))) == 1


async def same_key_other_person(world: World) -> None:
    """Keys are each person's own."""
    done = await asyncio.gather(
        *[d.do("the-same-key", wish(world, f"by {d.person}")) for d in world.up]
    )
    assert [(one["ok"], one["repeated"]) for one in done] == [(True, False)] * len(done)


# -- the socket dies -------------------------------------------------------------------------------------


def dies_after(share: float) -> Step:
    """The cable is pulled when this share of the command's bytes is out; the retry is on the next socket."""

    async def step(world: World) -> None:
        for n, device in enumerate(world.devices * 4):
            text, key = f"through {n}", f"through-the-cut-{n}"
            assert device.wire is not None
            data = device.wire.packed(t="do", key=key, command=wish(world, text))
            await device.wire.send(data[: round(share * len(data))])
            device.cut()
            await device.live()
            done = await device.do(key, wish(world, text))
            assert done["ok"]
            assert applied(world, text) == 1

    return step


async def dies_in_flight(world: World) -> None:
    """The first try waits in the writer when the socket dies, and still does when the second one comes."""
    (device,) = world.devices
    async with held(world.node.handler):
        await device.say(t="do", key="in-flight-1", command=wish(world, "in flight"))
        await world.until("it waits", lambda: world.gateway._commands == 1)
        device.cut()
        await device.live()
        await device.say(t="do", key="in-flight-1", command=wish(world, "in flight"))
        await world.until("both wait", lambda: world.gateway._commands == 2)
    done = await device.next("done")
    assert (done["ok"], done["repeated"]) == (True, True)
    assert applied(world, "in flight") == 1


async def many_through_cuts(world: World) -> None:
    """An outbox: each command again and again over dying sockets, until it is answered."""

    async def outbox(number: int, device: Device) -> None:
        for n in range(8):
            key, text = f"outbox-{number}-{n}", f"outbox {number} {n}"
            for _ in range(world.chance.randrange(3)):
                await device.say(t="do", key=key, command=wish(world, text))
                for _ in range(world.chance.randrange(6)):
                    await asyncio.sleep(0)
                device.cut()
                await device.live()
            assert (await device.do(key, wish(world, text)))["ok"]
            assert applied(world, text) == 1

    await asyncio.gather(*[outbox(n, device) for n, device in enumerate(world.devices)])


# -- bounds ------------------------------------------------------------------------------------------------


async def burst(world: World) -> None:
    """30 at once, then one for each sixth of a second."""
    (device,) = world.devices
    command = {"do": "nothing.known"}
    codes = [
        (await device.do(f"burst-key-{n}", command))["error"]["code"] for n in range(BURST + 5)
    ]
    assert codes == ["unknown_kind"] * BURST + ["rate_limited"] * 5
    await world.pass_time(1)
    codes = [(await device.do(f"later-key-{n}", command))["error"]["code"] for n in range(8)]
    assert codes == ["unknown_kind"] * 6 + ["rate_limited"] * 2
    await world.pass_time(5)
    assert (await device.do("the-last-one", wish(world, "late")))["ok"]


async def strikes(world: World) -> None:
    device = await world.device(PEOPLE[3], Encoding.JSON)
    await device.live()
    for n in range(BURST + STRIKES_MAX):
        await device.do(f"struck-key-{n}", {"do": "nothing.known"})
    await device.say(t="do", key="one-too-many", command={"do": "nothing.known"})
    assert await device.end() == 4429


async def noise(world: World) -> None:
    """Malformed frames have a bucket of their own."""
    device = await world.device(PEOPLE[3], Encoding.MSGPACK)
    await device.live()
    assert device.wire is not None
    await device.wire.send(device.wire.packed(t="sing") * limits.CHANNELS_PER_CONNECTION_MAX)
    await device.barrier()
    await device.wire.send(device.wire.packed(t="sing"))
    assert await device.end() == 4429


async def watches(world: World) -> None:
    device = await world.device(PEOPLE[3], Encoding.JSON)
    await device.live()
    for n in range(limits.CHANNELS_PER_CONNECTION_MAX):
        await device.say(t="watch", id=n, channels=["g"])
    await device.barrier()
    assert len([f for f in device.frames if f["t"] == "watching"]) == 256
    await device.say(t="watch", id=1, channels=["g"])
    assert await device.end() == 4429


def one_too_many(people: int) -> Step:
    """So many connections are there already; another is refused, until one of them leaves."""

    async def step(world: World) -> None:
        late = await world.device(ONE, Encoding.JSON)
        await late.hello()
        assert await late.end() == 4409
        assert (await late.next("bye"))["retry_ms"] > 0
        world.devices[0].cut()
        await world.until("one has left", lambda: len(world.gateway._people[ONE]) < people)
        await late.live()

    return step


async def crowd(world: World) -> None:
    """Ten at once where three may be: exactly three get in."""
    made = [await world.device(ONE, Encoding(n % 2)) for n in range(10)]
    await asyncio.gather(*[device.hello() for device in made])
    for device in made:
        await device.until("is in or out", lambda d=device: d.is_live or not d.is_up)
    assert sorted(d.wire.code or 0 for d in made if d.wire) == [0] * 3 + [4409] * 7


SCENARIOS = [
    Scenario("the same key from two sockets", [come(2, person=ONE), same_key_everywhere, settle]),
    Scenario("the same key from twelve sockets", [come(12, person=ONE), same_key_everywhere, settle]),
    Scenario("the same key for something else", [come(6, person=ONE), same_key_other_body, settle]),
    Scenario("the same key from other people", [come(6), same_key_other_person, settle]),
    *[
        Scenario(f"the socket dies at {share:.0%} of a command", [come(2), dies_after(share), settle])
        for share in (0.0, 0.3, 0.97, 1.0)
    ],
    Scenario("the socket dies with a command in flight", [come(1), dies_in_flight, settle]),
    Scenario("outboxes over dying sockets", [come(6), many_through_cuts, settle]),
    Scenario("outboxes over dying sockets amid publishing", [come(6), together(many_through_cuts, publish(40)), settle]),
    Scenario("commands above their rate", [come(1), burst, settle]),
    Scenario("commands far above their rate", [come(2), strikes, publish(2), settle]),
    Scenario("malformed frames above their rate", [come(2), noise, publish(2), settle]),
    Scenario("watches above their rate", [come(2), watches, publish(2), settle]),
    Scenario("one connection too many", [bounds(people=3), come(3, person=ONE), one_too_many(3), settle]),
    Scenario("the twenty-first connection", [come(20, person=ONE), one_too_many(20), settle]),
    Scenario("a crowd of one person", [bounds(people=3), crowd, publish(2), settle]),
    Scenario("a person's connections drop and return", [bounds(people=3), come(3, person=ONE), cut(), back(), settle]),
]  # fmt: skip
