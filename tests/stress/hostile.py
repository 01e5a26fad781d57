"""What no well-meaning client sends: each ends as the protocol says (section 8), and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from server.domain import limits
from server.realtime.frames import Encoding
from tests.stress.steps import BOTH, come, known, publish, settle
from tests.stress.wire import BINARY, CLOSE, CONT, PING, TEXT, Wire, single_bytes
from tests.stress.world import PEOPLE, Scenario, Step, World

J, M = Encoding.JSON, Encoding.MSGPACK
MAX = limits.CLIENT_FRAME_BYTES_MAX


class Bad(NamedTuple):
    """``error``: the code of the ``error`` frame, if there is one. ``close``: None when the connection stays."""

    name: str
    encodings: tuple[Encoding, ...]
    bytes: Callable[[Wire], bytes]
    error: str
    close: int | None


def text(payload: bytes) -> Callable[[Wire], bytes]:
    return lambda wire: wire.framed(TEXT, payload)


def binary(payload: bytes) -> Callable[[Wire], bytes]:
    return lambda wire: wire.framed(BINARY, payload)


def own(payload: bytes, *, fin: bool = True) -> Callable[[Wire], bytes]:
    """A message of the wire's own kind."""
    return lambda wire: wire.framed(BINARY if wire.encoding else TEXT, payload, fin=fin)


def control(opcode: int, payload: bytes, *, fin: bool = True) -> Callable[[Wire], bytes]:
    return lambda wire: wire.framed(opcode, payload, fin=fin)


def both(*parts: Callable[[Wire], bytes]) -> Callable[[Wire], bytes]:
    return lambda wire: b"".join(part(wire) for part in parts)


def changed(first: int) -> Callable[[Wire], bytes]:
    """A ping frame of ours with another first byte."""

    def made(wire: Wire) -> bytes:
        data = wire.packed(t="ping")
        return bytes([first | data[0] & 0x0F]) + data[1:]

    return made


def unmasked(wire: Wire) -> bytes:
    return bytes((0x82 if wire.encoding else 0x81, 2)) + b"{}"


DEEP = 50_000
ENDS = [
    Bad("JSON that stops", (J,), text(b'{"t":"ping"'), "bad_encoding", 4400),
    Bad("JSON with something behind it", (J,), text(b'{"t":"ping"} x'), "bad_encoding", 4400),
    Bad("no number of JSON", (J,), text(b'{"t":NaN}'), "bad_encoding", 4400),
    Bad("deep JSON", (J,), text(b'{"t":"ping","x":' + b"[" * DEEP + b"]" * DEEP + b"}"), "bad_encoding", 4400),
    Bad("deep JSON left open", (J,), text(b'{"t":"ping","x":' + b"[" * DEEP), "bad_encoding", 4400),
    Bad("bytes that are no UTF-8", (J,), text(b'{"t":"ping","x":"\xff"}'), "", 1007),
    Bad("half a character", (J,), text(b'{"t":"ping"}\xc3'), "", 1007),
    Bad("a character too long", (J,), text(b'{"t":"ping","x":"\xc0\xaf"}'), "", 1007),
    Bad("MessagePack that stops", (M,), binary(b"\x82\xa1t\xa4ping"), "bad_encoding", 4400),
    Bad("MessagePack with something behind it", (M,), binary(b"\x81\xa1t\xa4ping\x00"), "bad_encoding", 4400),
    Bad("a byte MessagePack never uses", (M,), binary(b"\xc1"), "bad_encoding", 4400),
    Bad("deep MessagePack", (M,), binary(b"\x82\xa1t\xa4ping\xa1x" + b"\x91" * DEEP + b"\xc0"), "bad_encoding", 4400),
    Bad("a map that claims 4 billion fields", (M,), binary(b"\xdf\xff\xff\xff\xff"), "bad_encoding", 4400),
    Bad("nothing", BOTH, own(b""), "bad_encoding", 4400),
    Bad("the other's messages, text", (M,), text(b'{"t":"ping"}'), "bad_encoding", 4400),
    Bad("the other's messages, binary", (J,), binary(b"\x81\xa1t\xa4ping"), "bad_encoding", 4400),
    Bad("one byte too many", BOTH, own(b"x" * (MAX + 1)), "", 1009),
    Bad("a length of 2 to the 62", BOTH, lambda _: b"\x81\xff" + (1 << 62).to_bytes(8, "big") + bytes(4), "", 1009),
    Bad("pieces of too many bytes", BOTH, both(own(b"x" * MAX, fin=False), control(CONT, b"x")), "", 1009),
    Bad("no mask", BOTH, unmasked, "", 1002),
    Bad("a compressed frame unasked", BOTH, changed(0xC0), "", 1002),
    Bad("a reserved bit", BOTH, changed(0x90), "", 1002),
    Bad("an unknown opcode", BOTH, control(3, b""), "", 1002),
    Bad("an unknown control opcode", BOTH, control(11, b""), "", 1002),
    Bad("a piece of nothing", BOTH, control(CONT, b"x"), "", 1002),
    Bad("a message amid another", BOTH, both(own(b"x", fin=False), own(b"y")), "", 1002),
    Bad("a long ping", BOTH, control(PING, b"x" * 126), "", 1002),
    Bad("a ping in pieces", BOTH, control(PING, b"x", fin=False), "", 1002),
    Bad("a close of one byte", BOTH, control(CLOSE, b"x"), "", 1002),
    Bad("a close with a code nobody may send", BOTH, control(CLOSE, b"\x03\xed"), "", 1002),
]  # fmt: skip
STAYS = [
    Bad("a list", (J,), text(b"[]"), "bad_frame", None),
    Bad("a number", (M,), binary(b"\x01"), "bad_frame", None),
    Bad("an unknown frame", (J,), text(b'{"t":"sing"}'), "unknown_kind", None),
    Bad("no name", (M,), binary(b"\x80"), "unknown_kind", None),
    Bad("a wrong type", BOTH, lambda wire: wire.packed(t="watch", id="7", channels=[]), "bad_value", None),
    Bad("a field missing", BOTH, lambda wire: wire.packed(t="watch", id=7), "bad_frame", None),
    Bad("257 channels", BOTH, lambda wire: wire.packed(t="watch", id=7, channels=["g"] * 257), "bad_value", None),
    Bad("hello twice", BOTH, lambda wire: wire.packed(t="hello", token="x"), "bad_frame", None),
]  # fmt: skip


def said_live(bad: Bad, encoding: Encoding) -> Step:
    async def step(world: World) -> None:
        device = await world.device(PEOPLE[5], encoding)
        device.chop = world.chance.choice([single_bytes, device.chop])
        await device.live()
        assert device.wire is not None
        data = bad.bytes(device.wire)
        device.wire.chop = device.chop if len(data) < 2_000 else device.wire.chop
        if device.chop is single_bytes and len(data) >= 2_000:
            device.wire.chop = lambda many: (many[:1], many[1:7], many[7:])
        await device.wire.send(data)
        if bad.error:
            assert (await device.next("error"))["error"]["code"] == bad.error
        if bad.close is None:
            await device.barrier()
        else:
            assert await device.end() == bad.close
            device.cut()

    return step


def said_first(bad: Bad, encoding: Encoding) -> Step:
    """Before hello any error ends the connection."""

    async def step(world: World) -> None:
        device = await world.device(PEOPLE[5], encoding)
        wire = await device.open()
        await wire.send(bad.bytes(wire))
        assert await device.end() == (bad.close or 4400)
        device.cut()

    return step


SCENARIOS = [
    Scenario(
        f"{bad.name} in {' and '.join(e.name for e in bad.encodings)}",
        [come(2), *[said_live(bad, e) for e in bad.encodings], publish(3), settle],
    )
    for bad in ENDS + STAYS
]
SCENARIOS += [
    Scenario(f"first of all {bad.name}", [come(1), *[said_first(bad, e) for e in bad.encodings], publish(1), settle])
    for bad in (*ENDS[::9], *STAYS[:-1:3])
]  # fmt: skip


# -- out of order ----------------------------------------------------------------------------------------


def out_of_place(stage: str, **said: object) -> Step:
    """A frame before the welcome: an error, and before hello the end."""

    async def step(world: World) -> None:
        (device,) = world.devices
        if stage == "opening":
            wire = await device.open()
            await wire.say(**said)
            assert (await device.next("error"))["error"]["code"] == "bad_frame"
            assert await device.end() == 4400
            return
        world.gates["authenticating"].close()
        await device.hello()
        await device.say(**said)
        assert (await device.next("error"))["error"]["code"] == "bad_frame"
        world.gates["authenticating"].open()
        await device.until("is live", lambda: device.is_live)

    return step


WATCH = {"t": "watch", "id": 1, "channels": ["g"]}
UNWATCH = {"t": "unwatch", "channels": ["g"]}
DO = {"t": "do", "key": "too-early", "command": {"do": "nothing"}}
HELLO = {"t": "hello", "token": "another"}

SCENARIOS += [
    Scenario(f"{said['t']} while {stage}", [known(), out_of_place(stage, **said)])
    for stage in ("opening", "authenticating")
    for said in ((WATCH, UNWATCH, DO) if stage == "opening" else (WATCH, UNWATCH, DO, HELLO))
]


async def silent(world: World) -> None:
    device = await world.device(PEOPLE[5], Encoding.JSON)
    wire = await device.open()
    await world.pass_time(limits.UNAUTHENTICATED_SECONDS_MAX - 1)
    await device.ask("pong", t="ping")
    assert wire.code is None
    await world.pass_time(2)
    assert await device.end() == 4408


async def silent_and_deaf(world: World) -> None:
    """Who does not answer our close either is cut off."""
    device = await world.device(PEOPLE[5], Encoding.JSON)
    wire = await device.open()
    wire.answers = False
    await world.pass_time(limits.UNAUTHENTICATED_SECONDS_MAX + 1)
    assert await device.end() == 4408
    await world.pass_time(6)
    await device.until("is cut off", lambda: wire.ended)


SCENARIOS += [
    Scenario("no hello", [come(2), silent, settle]),
    Scenario("no hello, and no end", [come(2), silent_and_deaf, settle]),
]
