"""What lies between: bytes in any pieces, proxies, handshakes of all kinds, and HTTP on the same port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from server.domain.ids import Cursor
from server.realtime.frames import Encoding
from tests.stress.acting import many_through_cuts
from tests.stress.device import Device
from tests.stress.proxy import Proxy
from tests.stress.steps import (
    LONG,
    back,
    come,
    cut,
    known,
    publish,
    repeat,
    reply,
    settle,
    together,
)
from tests.stress.wire import BINARY, CONT, PING, TEXT, Chop, Wire, pack, request, single_bytes
from tests.stress.world import PEOPLE, Scenario, Step, World

# -- pieces -----------------------------------------------------------------------------------------------


def chopped(world: World, most: int) -> Chop:
    """Pieces of 1 to ``most`` bytes."""

    def chop(data: bytes) -> list[bytes]:
        found, at = [], 0
        while at < len(data):
            size = world.chance.randint(1, most)
            found.append(data[at : at + size])
            at += size
        return found

    return chop


def in_pieces(most: int) -> Step:
    async def step(world: World) -> None:
        for device in world.devices:
            assert device.wire is not None
            device.chop = device.wire.chop = chopped(world, most)

    return step


def packet(build: Callable[[Wire], bytes], pongs: int) -> Step:
    """Several frames in one write: each is answered."""

    async def step(world: World) -> None:
        for device in world.up:
            assert device.wire is not None
            await device.wire.send(build(device.wire))
            await device.until(
                "hears all", lambda d=device: sum(f["t"] == "pong" for f in d.frames) == pongs
            )

    return step


def pieced(wire: Wire) -> bytes:
    """A ping in five pieces of a message, with control frames between them."""
    data = pack(wire.encoding, {"t": "ping", "x": "é" * 9})
    first = wire.framed(BINARY if wire.encoding else TEXT, data[:1], fin=False)
    rest = [wire.framed(CONT, data[n : n + 1], fin=False) for n in range(1, len(data))]
    return wire.framed(PING, b"amid").join([first, *rest, wire.framed(CONT, b"")])


async def acts(world: World) -> None:
    """Every kind of frame, from everybody."""
    for device in world.up:
        await device.watch(world.here.thread)
        await device.unwatch(world.here.thread)
        key = f"acts-{device.person}-{device.encoding}"
        wish = {"do": "post.publish", "place": world.here.tea, "kind": "update", "text": "é" * 99}
        assert (await device.do(key, wish))["ok"]


PIECES = [
    Scenario("everything byte by byte", [come(4, chop=single_bytes), acts, publish(5), settle]),
    *[
        Scenario(f"everything in pieces of 1 to {most}", [come(6), in_pieces(most), acts, publish(5), settle])
        for most in (2, 7, 64)
    ],
    Scenario("a hundred frames in one packet", [come(4), packet(lambda w: w.packed(t="ping") * 100, 100), settle]),
    Scenario("a message in many pieces", [come(4), packet(pieced, 1), settle]),
    Scenario("a message in many pieces, byte by byte", [come(4, chop=single_bytes), packet(pieced, 1), settle]),
]  # fmt: skip

# -- proxies ----------------------------------------------------------------------------------------------


def proxied(*, turns: int = 0, most: int = 0, cut_between: tuple[int, int] | None = None) -> Step:
    async def step(world: World) -> None:
        more: dict[str, Any] = {"chop": chopped(world, most)} if most else {}
        if cut_between:
            more["cut_after"] = lambda: world.chance.randint(*cut_between)
        world.proxy = Proxy(world.port, world.steady, turns=turns, **more)
        await world.proxy.open()

    return step


def quiet(seconds: float, times: int) -> Step:
    """Nobody says a word but what the node asks for itself."""

    async def step(world: World) -> None:
        for _ in range(times):
            await world.pass_time(seconds)
            await world.until(
                "pings are answered", lambda: all(c._heard for c in world.gateway._connections)
            )

    return step


async def not_cut(world: World) -> None:
    assert world.proxy is not None
    assert world.proxy.cuts == 0
    assert len(world.up) == len(world.devices)


async def cut_for_silence(world: World) -> None:
    """The proxy does cut: a kept HTTP connection on which nothing is said for a minute."""
    assert world.proxy is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", world.proxy.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    assert b"200" in await reader.readuntil(b"\r\n\r\n")
    await world.pass_time(59)
    assert world.proxy.cuts == 0
    await world.pass_time(1)
    assert world.proxy.cuts == 1
    writer.close()


async def until_through(world: World) -> None:
    """Connections end after some bytes, in the middle of frames; in the end everybody has everything."""
    for device in world.devices:
        for _ in range(400):
            try:
                await device.live()
                await device.until("is level", lambda d=device: d.is_level() or not d.is_up)
            except AssertionError:
                if device.is_up:
                    raise
            if device.is_level():
                break
            device.cut()
        assert device.is_level()


PROXIES = [
    Scenario("a proxy that cuts silence", [proxied(), cut_for_silence]),
    Scenario("a proxy that cuts silence finds none", [proxied(), come(5), quiet(12.5, 20), not_cut, publish(3), settle]),
    Scenario("a proxy that delays", [proxied(turns=7), come(8), publish(30), settle, cut(), publish(9), back(), settle]),
    Scenario("a proxy that joins", [proxied(turns=60), come(8), publish(30), acts, settle]),
    Scenario("a proxy that splits", [proxied(most=3), come(4), publish(6), acts, settle]),
    Scenario("a proxy that delays, amid drops", [proxied(turns=5), come(10), repeat(4, together(publish(20), cut(0.5)), back()), settle]),
    Scenario("a proxy that joins large posts", [proxied(turns=40), come(4), publish(30, size=LONG), settle]),
    Scenario("a proxy that cuts mid-frame", [known(4, cursor=0), publish(30, size=300), proxied(cut_between=(900, 4000)), until_through]),
    Scenario("a proxy that cuts mid-handshake, too", [known(3, cursor=0), publish(12, size=300), proxied(cut_between=(1, 3000)), until_through]),
]  # fmt: skip

# -- handshakes -------------------------------------------------------------------------------------------


def handshake(
    status: str,
    close: int | None = None,
    *,
    first: str = "",
    changes: Mapping[str, str | None] | None = None,
    chop: Chop | None = None,
    more: bytes = b"",
) -> Step:
    """``status``: how the answer begins; with ``close`` it is a websocket and ends with this code."""

    async def step(world: World) -> None:
        device = await world.device(PEOPLE[9], Encoding.JSON)
        wire = await device.connect()
        if chop is not None:
            wire.chop = chop
        said = {k: v and v.replace("{port}", str(world.port)) for k, v in (changes or {}).items()}
        said = {k: v and v.replace("{token}", device.token) for k, v in said.items()}
        await wire.send(request(Encoding.JSON, said, first) + more)
        await device.until("is answered", lambda: wire.status or wire.ended)
        assert wire.status.startswith(status) or (not status and not wire.status), wire.status
        if close is not None:
            assert await device.end() == close
        elif not wire.is_open and status:
            await device.until(
                "is let go", lambda: wire.ended or "keep-alive" in wire.status or _stays(wire)
            )
        device.cut()

    return step


def _stays(wire: Wire) -> bool:
    return "connection: close" not in wire.status.lower()


async def by_cookie(world: World) -> None:
    device = await world.device(PEOPLE[9], Encoding.MSGPACK)
    wire = await device.open(Cookie=f"other=1; tap_session={device.token}", Origin=f"http://127.0.0.1:{world.port}", Host=f"127.0.0.1:{world.port}")  # fmt: skip
    await wire.say(t="hello")
    await device.until("is live", lambda: device.is_live)


async def second_offer(world: World) -> None:
    device = await world.device(PEOPLE[9], Encoding.JSON)
    wire = await device.open(**{"Sec-WebSocket-Protocol": "chat, tap.v1.json , tap.v1.msgpack"})
    await wire.say(t="hello", token=device.token)
    await device.until("is live", lambda: device.is_live)


FOREIGN = {"Cookie": "tap_session={token}", "Origin": "https://evil.example"}
HANDSHAKES = [
    Scenario(f"a handshake {name}", [come(1), handshake(status, close, **how), publish(1), settle])
    for name, status, close, how in (
        ("without a key", "HTTP/1.1 400", None, {"changes": {"Sec-WebSocket-Key": None}}),
        ("with a short key", "HTTP/1.1 400", None, {"changes": {"Sec-WebSocket-Key": "AAAA"}}),
        ("with a key that is no base64", "HTTP/1.1 400", None, {"changes": {"Sec-WebSocket-Key": "!" * 24}}),
        ("without a version", "HTTP/1.1 400", None, {"changes": {"Sec-WebSocket-Version": None}}),
        ("of version 8", "HTTP/1.1 400", None, {"changes": {"Sec-WebSocket-Version": "8"}}),
        ("for another path", "HTTP/1.1 404", None, {"first": "GET /api/v1/nowhere HTTP/1.1"}),
        ("for a path below", "HTTP/1.1 404", None, {"first": "GET /api/v1/live/ HTTP/1.1"}),
        ("with a query", "HTTP/1.1 101", 4406, {"first": "GET /api/v1/live?a=b HTTP/1.1", "changes": {"Sec-WebSocket-Protocol": None}}),
        ("without an upgrade", "HTTP/1.1 404", None, {"changes": {"Upgrade": None, "Connection": "close"}}),
        ("without a subprotocol", "HTTP/1.1 101", 4406, {"changes": {"Sec-WebSocket-Protocol": None}}),
        ("with unknown subprotocols", "HTTP/1.1 101", 4406, {"changes": {"Sec-WebSocket-Protocol": "chat, tap.v2.json"}}),
        ("of a page elsewhere with our cookie", "HTTP/1.1 101", 4403, {"changes": FOREIGN}),
        ("of no page with our cookie", "HTTP/1.1 101", 4403, {"changes": FOREIGN | {"Origin": None}}),
        ("of a page that is null", "HTTP/1.1 101", 4403, {"changes": FOREIGN | {"Origin": "null"}}),
        ("of another port's page", "HTTP/1.1 101", 4403, {"changes": FOREIGN | {"Origin": "http://127.0.0.1:1"}}),
        ("with large headers", "HTTP/1.1 431", None, {"changes": {"X": "y" * 70_000}}),
        ("byte by byte", "HTTP/1.1 101", 4406, {"chop": single_bytes, "changes": {"Sec-WebSocket-Protocol": None}}),
        ("with a null byte", "HTTP/1.1 400", None, {"changes": {"X": "a\0b"}}),
        ("with a broken first line", "HTTP/1.1 400", None, {"first": "GET  HTTP/1.1"}),
        ("of no HTTP", "HTTP/1.1 400", None, {"first": "\x16\x03\x01\x02\x00\x01"}),
    )
]  # fmt: skip
HANDSHAKES += [
    Scenario("a handshake of our own page with the cookie", [by_cookie, publish(2), settle]),
    Scenario("a handshake whose second offer fits", [second_offer, publish(2), settle]),
]

# -- HTTP beside --------------------------------------------------------------------------------------------


async def http(
    world: World, method: str, path: str, token: str, body: Any = None
) -> tuple[int, Any]:
    """One request on a connection of its own: status and JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.address)
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} /api/v1{path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + content)
    answer = await reader.read()
    writer.close()
    head_bytes, _, rest = answer.partition(b"\r\n\r\n")
    if b"chunked" in head_bytes.lower():
        rest = _dechunked(rest)
    return int(answer.split(b" ")[1]), json.loads(rest)


def _dechunked(data: bytes) -> bytes:
    found, at = bytearray(), 0
    while size := int(data[at : (end := data.index(b"\r\n", at))], 16):
        found += data[end + 2 : end + 2 + size]
        at = end + 4 + size
    return bytes(found)


async def polled(world: World) -> None:
    """By HTTP the same events come in the same order as by the sockets."""
    device = world.devices[0]
    cursor, heard = str(Cursor(world.node.tap.epoch, device.base)), []
    while True:
        status, page = await http(world, "GET", f"/sync?since={cursor}", device.token)
        assert status == 200, page
        heard += [event["position"] for event in page["events"]]
        cursor = page["cursor"]
        if not page["more"] and heard and heard[-1] >= device.heard[-1]:
            break
    assert heard == device.heard


async def acted(world: World) -> None:
    """Commands by HTTP and by the socket share their keys."""
    device = world.devices[0]
    wish = {"do": "post.publish", "place": world.here.tea, "kind": "update", "text": "either way"}
    (status, first), second = await asyncio.gather(
        http(world, "POST", "/commands", device.token, {"key": "either-way", "command": wish}),
        device.do("either-way", wish),
    )
    assert status == 200, first
    assert second["ok"]
    assert first["answer"] == second["answer"]
    assert {first["repeated"], second["repeated"]} == {True, False}


def after_a_request(pipelined: bool) -> Step:
    """A kept HTTP connection becomes a websocket."""

    async def step(world: World) -> None:
        device = await world.device(PEOPLE[4], Encoding.JSON)
        wire = await device.connect()
        ask = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
        upgrade = request(Encoding.JSON, {})
        await wire.send(ask + upgrade if pipelined else ask)
        await device.until("is answered", lambda: "200" in wire.status)
        wire.status = ""
        if not pipelined:
            await device.until("is read", lambda: True)
            wire._buffer.clear()
            await wire.send(upgrade)
        await device.until("is a websocket", lambda: "101" in wire.status)
        wire.status = wire.status[wire.status.index("HTTP/1.1 101") :]
        await wire.say(t="hello", token=device.token)
        await device.until("is live", lambda: device.is_live)

    return step


BESIDE = [
    Scenario("HTTP and sockets hear the same", [come(3), publish(30), settle, polled]),
    Scenario("HTTP and sockets, in pages, amid publishing", [come(3), together(publish(60), acts), settle, polled]),
    Scenario("a command by HTTP and by the socket", [come(2), acted, settle]),
    Scenario("an upgrade after a request", [after_a_request(pipelined=False), publish(2), settle]),
    Scenario("outboxes through a proxy", [proxied(turns=3), come(4), many_through_cuts, settle]),
]  # fmt: skip

# -- watching amid publishing -------------------------------------------------------------------------------


async def watch_now(world: World) -> None:
    for device in world.up:
        answer = await device.watch(world.here.thread)
        assert answer["channels"] == [world.here.thread]


def watch_since(back_by: int) -> Step:
    """Watches from so many positions ago, all at once."""

    async def step(world: World) -> None:
        since = world.cursor(back_by)
        await asyncio.gather(*[d.watch(world.here.thread, since=since) for d in world.up])

    return step


def flicker(times: int) -> Step:
    async def step(world: World) -> None:
        async def one(device: Device) -> None:
            for _ in range(times):
                await device.watch(world.here.thread)
                await device.unwatch(world.here.thread)
            await device.watch(world.here.thread)

        await asyncio.gather(*[one(device) for device in world.up])

    return step


async def unheard_after_unwatch(world: World) -> None:
    for device in world.up:
        await device.unwatch(world.here.thread)
        await device.barrier()
    before = [len(device.heard) for device in world.up]
    await reply(3)(world)
    await world.settle()
    assert [len(device.heard) for device in world.up] == before


async def with_the_thread(world: World) -> None:
    for device in world.devices:
        device.cut()
    await asyncio.gather(*[d.live(channels=[world.here.thread]) for d in world.devices])


async def refused(world: World) -> None:
    """What may not be watched is refused, and not heard."""
    for device in world.up:
        answer = await device.watch(world.here.vault, "t:nope", world.here.club)
        assert answer["channels"] == [world.here.club]
        codes = {one["channel"]: one["code"] for one in answer["refused"]}
        assert codes == {world.here.vault: "forbidden", "t:nope": "bad_value"}
        device.asked.discard(world.here.vault)


WATCHING = [
    Scenario("watching amid replies", [come(6), together(reply(30), watch_now), settle]),
    Scenario("watching and unwatching amid replies", [come(6), together(reply(30), flicker(10)), settle]),
    Scenario("watching, unwatched", [come(4), watch_now, reply(3), settle, unheard_after_unwatch]),
    Scenario("replaying a thread", [reply(12), come(4), watch_since(12), settle]),
    Scenario("replaying a thread amid replies", [reply(12), come(4), together(watch_since(12), reply(20), publish(20)), settle]),
    Scenario("replaying a thread amid drops", [reply(9), come(6), together(watch_since(9), reply(9)), repeat(3, reply(5), with_the_thread), settle]),
    Scenario("watching what is not for them", [come(4), together(refused, publish(9, place="vault"), publish(9, place="club")), settle]),
    Scenario("watching named in hello", [come(4), repeat(3, together(reply(9), publish(9)), with_the_thread), settle]),
]  # fmt: skip

SCENARIOS = [*PIECES, *PROXIES, *HANDSHAKES, *BESIDE, *WATCHING]
