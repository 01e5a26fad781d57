"""One real node in this process: database, writer, sign-in, HTTP and gateway on one loopback port.

Time for clients (``steady``) passes when a scenario says so. ``log`` is what was committed, the truth that
clients are held against; ``leftovers`` names what a node without clients must not hold any more.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

import uvloop
from argon2 import PasswordHasher
from prometheus_client import REGISTRY

from server.api.app import create_app
from server.api.services import Services
from server.app.auth import Auth
from server.app.news import News
from server.app.passwords import Passwords
from server.app.sync import Sync
from server.app.sync import load_interests as own_interests
from server.domain.events import MembershipChanged
from server.domain.ids import Cursor
from server.ops import listener
from server.realtime.frames import Encoding
from server.realtime.gateway import Gateway
from server.realtime.ring import Ring
from server.realtime.streams import Streams
from server.realtime.websocket import PATH
from server.storage.event_log import Record
from server.storage.reader import Reader, Snapshot
from tests.stress.device import SECONDS_MAX, Device
from tests.stress.proxy import Proxy
from tests.support.node import START, Clock, Entropy, Steady, TestNode, open_test_node
from tests.support.receivers import SEAL, webhooks_of

ASK_SECONDS = 0.001
PEOPLE = tuple(f"p{n:02}" for n in range(20))
"""All of them in Tea, beside its owner bob: 20 people with 20 connections each may be there at once."""
DAY_MS = 24 * 60 * 60 * 1000
"""The beginning was a day before."""
KEYS_BEFORE = 1_000
"""More commands than the beginning took: their keys are not used again."""
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Beginning(NamedTuple):
    """The database every scenario begins with."""

    database: bytes
    tea: str
    club: str
    """Open; only bob is in it."""
    vault: str
    """Private; only bob is in it."""
    thread: str
    """``t:`` of a question in the club."""


async def _begin() -> Beginning:
    with TemporaryDirectory(prefix="tap-stress-") as folder:
        async with open_test_node(Path(folder)) as node:
            await node.register("bob")
            await node.register("boss", "region_admin")
            tea = await node.community("bob")
            for person in PEOPLE:
                await node.register(person)
                await node.do(person, "membership.set", community=tea[2:], joined=True)
            club = await node.community("bob", "Club")
            vault = await node.community("bob", "Vault", visibility="private")
            question = await node.post("bob", club, "why?", "question", title="Why?")
        database = await asyncio.to_thread(Path(folder, "in.db").read_bytes)
        return Beginning(database, tea, club, vault, "t:" + question)


@cache
def beginning() -> Beginning:
    return uvloop.run(_begin())


class Gate:
    """A place where the node can be made to wait: closed, everything stops there until it is opened."""

    def __init__(self) -> None:
        self.waiting = 0
        self._open = asyncio.Event()
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def guard(self, ask: Callable[..., Awaitable[Any]], *, after: bool = False) -> Any:
        """``ask`` behind the gate; ``after``: the answer is known, and held back."""

        async def guarded(*args: Any, **more: Any) -> Any:
            found = await ask(*args, **more) if after else None
            self.waiting += 1
            await self._open.wait()
            self.waiting -= 1
            return found if after else await ask(*args, **more)

        return guarded

    def forgets(self, ask: Callable[..., Any]) -> Any:
        """``ask`` from memory, as long as the gate is open: what is remembered would pass it by."""
        return lambda *args: ask(*args) if self._open.is_set() else None


class World:
    """What a scenario acts on."""

    def __init__(self, node: TestNode, chance: random.Random, patches: ExitStack) -> None:
        self.node, self.chance, self.steady = node, chance, Steady()
        self.here = beginning()
        self.devices: list[Device] = []
        self.log: list[Record] = []
        self._own: dict[str, tuple[int, dict[str, int], dict[str, int]]] = {}
        self._counted_before = _connections_counted()
        self.gates = {name: Gate() for name in ("authenticating", "interests", "page")}
        self.gates["authorize"] = self.gates["interests"]
        """One question, asked in two places."""
        self.port = 0
        self.proxy: Proxy | None = None
        """Between all devices and the node, if there is one."""
        self.stopped = False
        self._patches = patches
        self.gateway: Gateway
        self.auth: Auth

    # -- time and bounds -----------------------------------------------------------------------------

    async def pass_time(self, seconds: float) -> None:
        """Time passes, and the timer with it; then the loop gets its turn."""
        self.steady.now += int(seconds * 1000)
        self.gateway.tick()
        if self.proxy is not None:
            self.proxy.judge()
        await asyncio.sleep(0)

    def bound(self, module: Any, **values: Any) -> None:
        """Other numbers than the real ones, for this scenario."""
        for name, value in values.items():
            self._patches.enter_context(patch.object(module, name, value))

    def ring(self, events: int) -> None:
        self.gateway.hub.ring = Ring(self.node.tap.position, events_max=events)

    async def until(self, what: str, holds: Callable[[], Any]) -> None:
        """Waits for what the loop will bring about; fails naming it. A node's state rings no bell."""
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while not holds():  # noqa: ASYNC110
                    await asyncio.sleep(ASK_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not within {SECONDS_MAX:.0f} s: {what}") from None

    # -- people --------------------------------------------------------------------------------------

    @property
    def address(self) -> int:
        """The port devices connect to."""
        return self.proxy.port if self.proxy else self.port

    async def device(self, person: str, encoding: Encoding) -> Device:
        issued = await self.auth.issue(person, "device", "stress")
        made = Device(self, person, encoding, issued.secret, issued.session)
        self.devices.append(made)
        return made

    @property
    def up(self) -> list[Device]:
        return [device for device in self.devices if device.is_up]

    def some(self, share: float) -> list[Device]:
        """This share of the devices that are up, at least one."""
        up = self.up
        return self.chance.sample(up, max(1, round(share * len(up))))

    def cursor(self, back: int = 0) -> str:
        return str(Cursor(self.node.tap.epoch, self.node.tap.position - back))

    # -- what must be true ---------------------------------------------------------------------------

    def own(self, person: str) -> tuple[dict[str, int], dict[str, int]]:
        """Channels a person has without asking: those of today, each with the position since when; and
        those they ever had, each with the last position after which they had it."""
        known = self._own.get(person)
        if known is None or known[0] != len(self.log):
            known = self._own[person] = (len(self.log), *self._fold(person))
        return known[1:]

    def _fold(self, person: str) -> tuple[dict[str, int], dict[str, int]]:
        since, last = {"g": 0, "u:" + person: 0}, {}
        for record in self.log:
            event = record.event
            if isinstance(event, MembershipChanged) and event.person == person:
                place = "c:" + event.community
                if event.joined:
                    since.setdefault(place, record.position)
                elif since.pop(place, None) is not None:
                    last[place] = record.position - 1
        return since, last | dict.fromkeys(since, len(self.log))

    async def settle(self) -> None:
        """Everybody who is up hears everything that is theirs, and then nothing more."""
        for device in self.up:
            await device.until("is level", lambda d=device: d.is_level() or not d.is_up)
        await asyncio.gather(*[device.barrier() for device in self.up])
        for device in self.devices:
            device.check()

    def leftovers(self) -> dict[str, int]:
        """What is still held of clients; empty when nobody is there."""
        gateway, hub = self.gateway, self.gateway.hub
        held = {
            "connections": len(gateway._connections),
            "people": len(gateway._people),
            "deadlines": len(gateway.wheel),
            "heard channels": len(hub._channels),
            "owed": len(hub._owed),
            "commands": gateway._commands,
            "jobs": gateway._workers._jobs.qsize(),
            "results": len(gateway._reaching),
            "sockets": len(self.server.server_state.connections),
            "requests": len(self.server.server_state.tasks),
            "metric": _connections_counted() - self._counted_before,
        }
        return {name: count for name, count in held.items() if count}

    async def nothing_left(self) -> None:
        for gate in self.gates.values():
            gate.open()
        for device in self.devices:
            device.cut()
        await self.until("nobody is connected", lambda: not self.leftovers())

    async def stop(self) -> None:
        """As the node stops (ops/running.py): clients first, then what HTTP still answers."""
        if not self.stopped:
            self.stopped = True
            if self.proxy is not None:
                await self.proxy.close()
            await self.gateway.close()
            assert not self.gateway._connections, "the gateway closed before its clients were gone"
            await self._stop_serving()

    async def serve(self, app: Any) -> None:
        """As uvicorn's ``Server`` does, without its tenths of seconds between looking round."""
        sock = listener.bind("127.0.0.1", 0)
        self.port = sock.getsockname()[1]
        self.server = listener.server(app, {PATH: self.gateway.protocol_class})
        config, state = self.server.config, self.server.server_state
        config.load()
        protocol = partial(
            config.http_protocol_class, config=config, server_state=state, app_state={}
        )
        self._listening = await asyncio.get_running_loop().create_server(protocol, sock=sock)

    async def _stop_serving(self) -> None:
        self._listening.close()
        state = self.server.server_state
        for connection in list(state.connections):
            connection.shutdown()
        await self.until("HTTP is done", lambda: not state.connections and not state.tasks)
        await self._listening.wait_closed()


def _connections_counted() -> int:
    """What the gauge says of websockets; other tests of this process leave some of theirs in it."""
    name = "tap_websocket_connections"
    labels = [{"encoding": encoding.subprotocol} for encoding in Encoding]
    return int(sum(REGISTRY.get_sample_value(name, label) or 0 for label in labels))


@asynccontextmanager
async def open_world(folder: Path, chance: random.Random) -> AsyncIterator[World]:
    (folder / "in.db").write_bytes(beginning().database)
    with ExitStack() as patches:
        async with open_test_node(folder, clock=Clock(START + DAY_MS)) as node:
            node._keys = itertools.count(KEYS_BEFORE)
            world = World(node, chance, patches)
            world.log += await node.tap.read(0, 10_000)
            node.tap.subscribe(world.log.extend)
            passwords = Passwords(node.reader, node.handler, node.clock, QUICK)
            world.auth = _auth(node, passwords, chance)
            world.gateway = _gateway(world)
            world.auth.on_revoked(world.gateway.recheck)
            await world.gateway.start()
            permits = world.gateway.permits
            world.bound(permits, find=world.gates["interests"].forgets(permits.find))
            await world.serve(create_app(_services(world, passwords)))
            try:
                yield world
            finally:
                for device in world.devices:
                    device.cut()
                await world.stop()
                passwords.close()


def _auth(node: TestNode, passwords: Passwords, chance: random.Random) -> Auth:
    return Auth(
        region=node.region,
        reader=node.reader,
        handler=node.handler,
        tap=node.tap,
        authenticators={"password": passwords},
        now=node.clock,
        entropy=Entropy(f"secrets {chance.random()}"),
    )


async def _awaited(reader: Reader, load: Callable[[Snapshot], Awaitable[Any]]) -> Any:
    """As on PostgreSQL: on the loop, so that gates can hold it."""
    async with reader.snapshot() as snapshot:
        return await load(snapshot)


def _gateway(world: World) -> Gateway:
    node, gates = world.node, world.gates
    world.bound(node.tap, channel_page=gates["page"].guard(node.tap.channel_page))
    world.bound(node.reader, load=partial(_awaited, node.reader))
    world.bound(
        world.auth,
        look_up=gates["authenticating"].guard(world.auth.look_up, after=True),
        identify=gates["authenticating"].guard(world.auth.identify, after=True),
        remembered=gates["authenticating"].forgets(world.auth.remembered),
    )
    return Gateway(
        region=node.region,
        tap=node.tap,
        handler=node.handler,
        reader=node.reader,
        auth=world.auth,
        clock=node.clock,
        steady=world.steady,
        chance=world.chance.random,
        load_interests=gates["interests"].guard(own_interests),
    )


def _services(world: World, passwords: Passwords) -> Services:
    node = world.node
    no_files: Any = None
    return Services(
        region=node.region,
        name="India",
        public_url="http://127.0.0.1",
        reader=node.reader,
        handler=node.handler,
        tap=node.tap,
        sync=Sync(node.reader, node.tap, node.region, node.clock),
        news=News(node.tap),
        live=Streams(world.gateway, Entropy("streams")),
        auth=world.auth,
        passwords=passwords,
        media=no_files,
        webhooks=webhooks_of(node),
        seal=SEAL,
        now=node.clock,
        stopping=lambda: world.gateway.stopping,
    )


Step = Callable[[World], Awaitable[None]]


class Scenario(NamedTuple):
    name: str
    steps: Sequence[Step]
