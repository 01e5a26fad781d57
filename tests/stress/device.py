"""One person's device: keeps its cursor over connections as section 6.1 of the protocol says.

Every frame is judged as it comes: nothing twice, nothing out of order, nothing of places that are not
the person's. ``check`` says at the end that nothing is missing either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from server.domain.ids import Cursor
from server.realtime.frames import Encoding
from server.storage.event_log import Record
from tests.stress.wire import CLOSE, Chop, Wire, accept_of, connected, request, whole

if TYPE_CHECKING:
    from tests.stress.world import World


SECONDS_MAX = 30.0


class Device:
    def __init__(
        self, world: World, person: str, encoding: Encoding, token: str, session: str
    ) -> None:
        self.world, self.person, self.encoding = world, person, encoding
        self.token, self.session = token, session
        self.cursor: Cursor | None = None
        self.base = 0
        """Everything of mine after this position is in ``heard``."""
        self.heard: list[int] = []
        self.wire: Wire | None = None
        self.chop: Chop = whole
        self.receive_bytes = 0
        self.is_live = False
        self.frames: list[dict[str, Any]] = []
        """Everything of this connection."""
        self.verdicts: list[str] = []
        self.watched: dict[str, int] = {}
        """Channel -> everything after this position is owed."""
        self.asked: set[str] = set()
        self.high = 0
        self._replaying = 0
        self._bell = asyncio.Event()
        self._seen: set[int] = set()
        self._judged: tuple[Any, ...] = ()
        self._must: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"{self.person} in {self.encoding.name}, at {self.cursor}"

    async def until(self, what: str, holds: Callable[[], Any]) -> None:
        """Waits for what the node will say or do; fails naming it."""
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while not holds():
                    self._bell.clear()
                    await self._bell.wait()
        except TimeoutError:
            raise AssertionError(f"not within {SECONDS_MAX:.0f} s: {self} {what}") from None

    # -- connecting ----------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether there is a connection on which something may still come."""
        wire = self.wire
        return bool(wire and wire.is_open and not wire.ended and wire.code is None and wire.answers)

    async def connect(self) -> Wire:
        """A socket, and nothing said yet."""
        self.is_live, self.high = False, 0
        self.watched, self.asked, self.frames = {}, set(), []
        mask = self.world.chance.randbytes(4)
        self.wire = Wire(self.encoding, self._hear, mask, self._bell.set)
        self.wire.chop = self.chop
        return await connected(self.wire, self.world.address, self.receive_bytes)

    async def open(self, **headers: str | None) -> Wire:
        """The handshake done: the socket is a websocket."""
        wire = await self.connect()
        await wire.send(request(self.encoding, headers))
        await self.until("is answered its handshake", lambda: wire.status or wire.ended)
        assert wire.is_open, wire.status
        assert accept_of("c2l4dGVlbiBieXRlcy4uLg==") in wire.status
        assert f"protocol: {self.encoding.subprotocol}" in wire.status.replace(
            "Protocol", "protocol"
        )
        return wire

    async def hello(self, **more: Any) -> None:
        """Opens and says hello, with what is known."""
        wire = await self.open()
        said: dict[str, Any] = {"t": "hello", "token": self.token}
        if self.cursor is not None:
            said["cursor"] = str(self.cursor)
        self.asked.update(more.get("channels", ()))
        await wire.say(**said | more)

    async def live(self, **more: Any) -> None:
        await self.hello(**more)
        await self.until("is live", lambda: self.is_live or not self.is_up)
        assert self.is_live, (self.frames[-2:], self.wire and self.wire.code)

    async def say(self, **said: Any) -> None:
        assert self.wire is not None
        await self.wire.say(**said)

    async def ask(self, name: str, **said: Any) -> dict[str, Any]:
        """Says something; the next frame of a name."""
        before = len(self.frames)
        await self.say(**said)
        return await self.next(name, before)

    async def next(self, name: str, after: int = 0) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [frame for frame in self.frames[after:] if frame["t"] == name]

        await self.until(f"hears {name}", lambda: found() or not self.is_up)
        assert found(), f"{self} did not hear {name}, but {[f['t'] for f in self.frames[-9:]]}"
        return found()[0]

    async def barrier(self) -> None:
        """What the node had said before this was asked has been heard."""
        if self.is_up:
            await self.ask("pong", t="ping")

    async def do(self, key: str, command: dict[str, Any]) -> dict[str, Any]:
        before = len(self.frames)
        await self.say(t="do", key=key, command=command)

        def found() -> list[dict[str, Any]]:
            return [f for f in self.frames[before:] if f["t"] == "done" and f["key"] == key]

        await self.until(f"is answered {key}", found)
        return found()[0]

    # -- ends ----------------------------------------------------------------------------------------

    def cut(self) -> None:
        """The cable is pulled: what has not been read is lost (RST)."""
        if self.wire is not None and not self.wire.ended:
            self.wire.transport.abort()
            self.wire.ended = True
            self._bell.set()

    def vanish(self) -> None:
        """The device is gone without a word: it reads nothing, answers nothing, closes nothing."""
        assert self.wire is not None
        self.wire.answers = False
        self.wire.transport.pause_reading()

    def stall(self) -> None:
        assert self.wire is not None
        self.wire.transport.pause_reading()

    def read(self) -> None:
        assert self.wire is not None
        self.wire.transport.resume_reading()

    def leave(self) -> None:
        """The closing handshake, from our side."""
        assert self.wire is not None
        self.wire.write(self.wire.framed(CLOSE, (1000).to_bytes(2, "big")))

    async def end(self) -> int | None:
        """How the node closed: its code, None without one."""
        wire = self.wire
        assert wire is not None
        await self.until("is closed", lambda: wire.ended or wire.code is not None)
        return wire.code

    # -- hearing (section 6.1) -----------------------------------------------------------------------

    def _hear(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        match frame["t"]:
            case "welcome":
                self.verdicts.append(frame["resume"])
                self._welcome(frame)
            case "event":
                self._event(frame)
            case "mark":
                self.is_live = True
                self._reached(Cursor.parse(frame["cursor"]))
            case "reset":
                self._begin(Cursor.parse(frame["cursor"]))
            case "watching":
                self._watching(frame)

    def _welcome(self, frame: dict[str, Any]) -> None:
        cursor = Cursor.parse(frame["cursor"])
        if frame["resume"] in ("fresh", "reset"):
            self._begin(cursor)
        assert cursor == self.cursor
        self.high = cursor.position
        named = self.asked.intersection(frame["channels"])
        self.watched = dict.fromkeys(named, cursor.position)

    def _begin(self, cursor: Cursor) -> None:
        self.cursor, self.base = cursor, cursor.position
        self.heard.clear()
        self._seen.clear()
        self.high = cursor.position

    def _reached(self, cursor: Cursor) -> None:
        assert self.cursor is not None
        self.cursor = max(self.cursor, cursor)
        self.high = max(self.high, cursor.position)

    def _event(self, frame: dict[str, Any]) -> None:
        position = frame["position"]
        assert self.cursor is not None, "events follow the welcome"
        assert position not in self._seen, f"{self} heard {position} twice"
        assert position > self.high or self._replaying, f"{self} heard {position} after {self.high}"
        self._seen.add(position)
        self.heard.append(position)
        self._reached(Cursor(self.cursor.epoch, position))

    # -- watching ------------------------------------------------------------------------------------

    async def watch(self, *channels: str, since: str | None = None) -> dict[str, Any]:
        self.asked.update(channels)
        more = {} if since is None else {"since": since}
        self._replaying += since is not None
        answer = await self.ask("watching", t="watch", id=7, channels=channels, **more)
        self._replaying -= since is not None
        if since is not None:
            after = Cursor.parse(since).position
            self.watched |= dict.fromkeys(answer["channels"], after)
        return answer

    def _watching(self, frame: dict[str, Any]) -> None:
        here = self.world.node.tap.position
        for name in frame["channels"]:
            self.watched.setdefault(name, here)
        for refused in frame["refused"]:
            self.watched.pop(refused["channel"], None)

    async def unwatch(self, *channels: str) -> None:
        for name in channels:
            self.watched.pop(name, None)
        await self.say(t="unwatch", channels=channels)

    # -- what must be true ---------------------------------------------------------------------------

    def must(self) -> frozenset[int]:
        """Positions that are this person's for certain: the channel was theirs from then until now."""
        since, _ = self.world.own(self.person)
        return frozenset(
            record.position
            for record in self.world.log
            if (record.position > self.base and self._among(since, record))
            or self._among(self.watched, record)
        )

    @staticmethod
    def _among(since: Mapping[str, int], record: Record) -> bool:
        at = record.position
        return any(since.get(name, at) < at for name in record.channels)

    def may(self, position: int) -> bool:
        """Whether the channel was this person's then or later, or is one that was asked for."""
        _, last = self.world.own(self.person)
        channels = self.world.log[position - 1].channels
        return any(name in self.asked or last.get(name, -1) >= position - 1 for name in channels)

    def is_level(self) -> bool:
        """Live, and nothing missing."""
        state = (len(self.world.log), self.base, *self.watched.items())
        if state != self._judged:
            self._judged, self._must = state, self.must()
        return self.is_live and self._seen.issuperset(self._must)

    def check(self) -> None:
        """Nothing of another's; and while up, nothing missing."""
        strange = [at for at in self.heard if not self.may(at)]
        assert not strange, f"{self} heard {strange}"
        if self.is_up:
            assert self.is_level(), f"{self} misses {sorted(self._must - self._seen)}"
