"""Clients of one region who look at people of another: two whole live layers, and a real link between them.

The link's pauses are cut short; how long they are is tests/unit/federation/test_ephemeral.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from server.app.audiences import Audiences
from server.domain import limits, visibility
from server.domain.ids import LaneKey
from server.domain.residency import DEFAULT
from server.federation import presence
from server.federation.links import Links
from server.federation.steps import State
from server.ops import listener
from server.realtime.abroad import LEFT_MS, Abroad
from server.realtime.presence import GRACE_MS
from tests.support.cables import Cable
from tests.support.node import open_test_node
from tests.support.processes import until
from tests.unit.federation.nodes import GROUPS, links_of, served
from tests.unit.realtime.live import Device, LiveNode, live_of

SECONDS_MAX = 30


class Side(NamedTuple):
    live: LiveNode
    links: Links

    @asynccontextmanager
    async def device(self, person: str) -> AsyncIterator[Device]:
        async with self.live.device() as device:
            await device.live(person)
            yield device


class Company(NamedTuple):
    """``dora`` lives in de, ``anna`` and ``arno`` in fr; ``thread`` is for everybody, ``ours`` for fr alone."""

    de: Side
    fr: Side
    thread: str
    ours: str
    cable: Cable
    """Between the two; de dials."""

    async def pass_time(self, seconds: float) -> None:
        for side in (self.de, self.fr):
            side.live.pass_time(seconds)

    async def state(self, device: Device, person: str, state: str) -> None:
        """Waits until a client is shown a state; time passes meanwhile."""
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                heard = await device.hear("value")
                told = (heard["of"], heard["id"], heard["value"].get("state"))
                if told == ("presence", person, state):
                    return


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EPHEM_SECONDS_MIN", 0.02)
    monkeypatch.setattr(limits, "PRESENCE_SECONDS_MIN", 0.02)
    monkeypatch.setattr(limits, "PRESENCE_SECONDS_MAX", 0.05)
    monkeypatch.setattr(presence, "KEPT_MS", 300)


@asynccontextmanager
async def _side(
    folder: Path, region: str, socks: dict[str, Any], port: int, **options: Any
) -> AsyncIterator[Side]:
    """``port``: where the other one answers."""
    groups = {name: frozenset(them) for name, them in GROUPS.items()}
    ports = dict.fromkeys(socks, port)
    async with open_test_node(folder, region, groups=groups) as node:
        links = links_of(node, ports)

        def audience(lane: str) -> frozenset[str]:
            return visibility.lane_audience(lane, region, frozenset(socks), GROUPS)

        places = Audiences(node.reader, region, audience, DEFAULT)
        abroad = Abroad(region, links.onlookers, places, **options)
        links.onlookers.live = abroad
        async with live_of(node, abroad=abroad) as live, served(links, socks[region]):
            yield Side(live, links)


@asynccontextmanager
async def company(folder: Path, **of_fr: Any) -> AsyncIterator[Company]:
    socks = {region: listener.bind("127.0.0.1", 0) for region in ("de", "fr")}
    try:
        async with AsyncExitStack() as stack:
            cable = Cable("de-fr", socks["fr"].getsockname()[1], overhear=True)
            await cable.open()
            stack.push_async_callback(cable.close)
            de = await stack.enter_async_context(_side(folder, "de", socks, cable.port))
            fr = await stack.enter_async_context(_side(folder, "fr", socks, 1, **of_fr))
            await de.live.node.register("dora")
            for person in ("anna", "arno"):
                await fr.live.node.register(person)
            node = fr.live.node
            place = await node.community("anna", "Thé")
            thread = await node.post("anna", place)
            local = await node.community("anna", "Chez nous", audience="local")
            ours = await node.post("anna", local)
            await de.links.reached("fr", State.LIVE)
            await fr.links.reached("de", State.LIVE)
            await until("de has the thread", partial(_knows, de, fr))
            yield Company(de, fr, "t:" + thread, "t:" + ours, cable)
    finally:
        for sock in socks.values():
            sock.close()


def _knows(side: Side, other: Side) -> bool:
    handler = other.live.node.handler
    keys = [LaneKey(other.live.node.region, handler.epoch, lane) for lane in ("control", "global")]
    tips = [side.live.node.handler.lane_tip(key) >= handler.lane_tip(key) for key in keys]
    return all(tips)


async def test_a_colleague_abroad_is_seen_to_come_go_and_type(tmp_path: Path) -> None:
    async with company(tmp_path) as c, c.de.device("dora") as dora:
        await dora.say(t="watch", id=1, channels=["p:anna", c.thread])
        assert (await dora.hear("watching"))["refused"] == []
        await c.state(dora, "anna", "offline")
        async with c.fr.device("anna") as anna:
            await c.state(dora, "anna", "online")
            await anna.say(t="watch", id=1, channels=[c.thread])
            await anna.hear("watching")
            await anna.say(t="typing", channel=c.thread)
            heard = await dora.hear("typing")
            assert (heard["channel"], heard["people"]) == (c.thread, ["anna"])
            await anna.say(t="background")
            await c.state(dora, "anna", "away")
            await anna.say(t="foreground")
            await c.state(dora, "anna", "online")
        await until("she is gone", lambda: not c.fr.live.gateway._people.get("anna"))
        await c.pass_time(GRACE_MS / 1000)
        await c.state(dora, "anna", "offline")


async def test_everybody_there_is_offline_once_the_link_has_died(tmp_path: Path) -> None:
    async with company(tmp_path) as c, c.de.device("dora") as dora, c.fr.device("anna"):
        await dora.say(t="watch", id=1, channels=["p:anna"])
        await c.state(dora, "anna", "online")
        await c.fr.links.close()
        await c.state(dora, "anna", "offline")
        await dora.say(t="watch", id=2, channels=["p:arno"])
        await dora.hear("watching")
        await dora.say(t="ping")
        assert await dora.hear() == {"t": "pong", "server_time": c.de.live.node.clock()}, (
            "of whom nobody said anything nothing is said"
        )


async def test_who_is_looked_at_no_more_is_not_asked_about(tmp_path: Path) -> None:
    async with company(tmp_path) as c, c.fr.device("anna"):
        async with c.de.device("dora") as dora:
            await dora.say(t="watch", id=1, channels=["p:anna"])
            await c.state(dora, "anna", "online")
            assert c.fr.links.onlookers.looks_at("p:anna")
        await until("she is gone", lambda: not c.de.live.gateway.hub.hears(["p:anna"]))
        await c.pass_time(1)
        await c.pass_time(LEFT_MS / 1000)
        await until("nobody looks", lambda: not c.fr.links.onlookers.looks_at("p:anna"))
        present = c.de.live.gateway.present.presence
        assert present is not None
        assert not present.has_word("anna")


async def test_a_region_may_keep_it_to_itself(tmp_path: Path) -> None:
    async with (
        company(tmp_path, tells=False) as c,
        c.fr.device("anna") as anna,
        c.de.device("dora") as dora,
    ):
        await dora.say(t="watch", id=1, channels=["p:anna", c.thread])
        await dora.hear("watching")
        await until("it is asked", lambda: c.fr.links.onlookers.looks_at("p:anna"))
        await until("it is asked", lambda: c.fr.links.onlookers.looks_at(c.thread))
        await anna.say(t="background")
        await anna.say(t="foreground")
        await anna.say(t="watch", id=1, channels=[c.thread])
        await anna.hear("watching")
        await anna.say(t="typing", channel=c.thread)
        heard = [await dora.hear()]
        while heard[-1]["t"] != "typing":
            heard.append(await dora.hear())
        assert not [frame for frame in heard if frame.get("of") == "presence"]


async def test_i8_of_a_place_of_one_region_nobody_else_is_asked_or_told(tmp_path: Path) -> None:
    async with company(tmp_path) as c, c.fr.device("anna") as anna:
        await anna.say(t="watch", id=1, channels=[c.ours, c.thread])
        await anna.hear("watching")
        await until("de is asked", lambda: c.de.links.onlookers.looks_at(c.thread))
        assert not c.de.links.onlookers.looks_at(c.ours)
        # Asked about it all the same, nothing is told, also not that there is such a place.
        c.de.links.onlookers.look("fr", [c.ours, c.thread], [])
        await until("fr is asked", lambda: c.fr.links.onlookers.looks_at(c.ours))
        heard: list[tuple[str, ...]] = []
        live = c.de.links.onlookers.live
        assert isinstance(live, Abroad)
        live.seen = lambda _region, _states, typing: heard.append(tuple(typing))  # type: ignore[method-assign]
        await anna.say(t="typing", channel=c.ours)
        await anna.say(t="typing", channel=c.thread)
        await until("something is told", lambda: bool(heard))
        assert heard == [(c.thread,)]
        assert c.cable.back.overheard
        assert c.thread in c.cable.back.overheard.channels
        assert c.ours not in c.cable.back.overheard.channels


async def test_a_region_speaks_for_its_own_people_only(tmp_path: Path) -> None:
    async with company(tmp_path) as c, c.de.device("dora") as dora:
        await dora.say(t="watch", id=1, channels=["p:anna", "p:dora", c.thread])
        await c.state(dora, "anna", "offline")
        await until("fr is asked", lambda: c.fr.links.onlookers.looks_at(c.thread))
        live = c.de.links.onlookers.live
        assert live is not None
        live.seen("fr", {"p:dora": "away", "p:arno": "online"}, {c.thread: ("dora", "arno")})
        heard = await dora.hear("typing")
        assert heard["people"] == ["arno"]
        present = c.de.live.gateway.present.presence
        assert present is not None
        assert present.state("dora") == "online"
        assert present.state("arno") == "offline", "nobody looks at him"
