"""The composition of hub, sessions and node: workers for what must be awaited, one timer, the fan-out.

The composition root makes one, starts it when the handler runs, and gives ``protocol_class`` to the
server as the owner of /api/v1/live. Everything here happens on the event loop; nothing blocks it for
longer than one slice of a fan-out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from server.app import metrics
from server.app.handle import Handler
from server.app.sync import load_interests as own_interests
from server.app.tap import Tap
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.facts import PersonFact
from server.domain.ids import presence_channel
from server.realtime import effects as fx
from server.realtime import frames, loads
from server.realtime.buckets import Addresses
from server.realtime.handshake import client_address, networks
from server.realtime.hub import Hub
from server.realtime.presence import Presence, State, Typing
from server.realtime.reading import Node
from server.realtime.refresh import Refresh
from server.realtime.ring import Part, doubtful
from server.realtime.values import Told
from server.realtime.websocket import CHANCE, Connection
from server.realtime.wheel import SLOT_MS, Wheel
from server.storage.event_log import Record
from server.storage.queries import values
from server.storage.reader import Reader

log = logging.getLogger(__name__)

WORKERS = 16
"""Reads in flight: enough to keep the reader's few connections busy, no crowd in front of them."""
COMMANDS_IN_FLIGHT_MAX = 4_096
"""Half of the writer's queue: HTTP and imports keep their share."""
RECONNECTS_PER_SECOND = 2_000
"""How fast a stopping node lets its clients come back: below what a node can greet."""
RETRY_MS_MIN = 500
CLOSES_PER_SECOND = 2_000
"""The same for closing: another node, or the next process, greets no more than that."""
CLOSES_PER_SLICE = 50
"""About 4 ms of the loop at 75 µs each, the socket included."""
CLOSING_SECONDS_MAX = 15.0
"""For telling everybody, however many: the rest of DRAIN_SECONDS_MAX is for what they still have to say."""
DRAIN_SECONDS_MAX = 25.0
"""Within the 30 s that service managers wait before they kill."""

INTERNAL = Refusal(Code.INTERNAL, "the node could not do this; try again")
OVERLOADED = Refusal(Code.OVERLOADED, "too many commands are waiting; try again shortly")
NO_SECRET = Refusal(Code.UNAUTHENTICATED, "sign in first: no token and no session came along")


class Gateway:
    """``clock``: UTC milliseconds. ``steady``: milliseconds that never jump (default: the loop's).
    ``pause``: waits for some seconds. ``presence``: whether it is known and shown who is there."""

    def __init__(
        self,
        *,
        region: str,
        tap: Tap,
        handler: Handler,
        reader: Reader,
        auth: loads.Auth,
        clock: Callable[[], int],
        load_interests: loads.LoadInterests = own_interests,
        load_values: loads.LoadValues = values.load_values,
        public_url: str = "",
        trusted_proxies: Sequence[str] = (),
        presence: bool = True,
        steady: Callable[[], int] | None = None,
        chance: Callable[[], float] = CHANCE,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.clock, self.chance, self.public_url = clock, chance, public_url
        self._pause = pause
        self.steady = steady or (lambda: int(asyncio.get_running_loop().time() * 1000))
        self.stopping = False
        self._keeps_presence = presence
        self._proxies, self._addresses = networks(trusted_proxies), Addresses()
        self._region, self._tap, self._handler, self._reader = region, tap, handler, reader
        self._auth, self._load_interests, self._load_values = auth, load_interests, load_values
        self._connections: dict[Connection, None] = {}
        self._people: dict[str, dict[Connection, None]] = {}
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]] | None] = asyncio.Queue()
        self._commands = 0
        self._revoked = 0
        """How often somebody was signed out."""
        self._fanning: Any = None
        self._reaching: list[tuple[int, Connection, fx.Input]] = []
        self._all_gone = asyncio.Event()

    # -- life ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begins to follow the tap; the handler must have been started."""
        self.node = Node(self._region, self._tap.epoch)
        self.hub = Hub(self._tap.position)
        self.typing = Typing()
        self.presence = Presence(self.hub.hears) if self._keeps_presence else None
        self.wheel: Wheel[Connection] = Wheel(self.steady())
        self.refresh = Refresh(self.hub, self._reader, self._load_values, self._job, self._fan_out)
        self._tap.subscribe(self._committed)
        ready = asyncio.Event()
        # The gateway holds its one task; everything else runs in that task's group.
        self._life = asyncio.create_task(self._live(ready), name="gateway")  # noqa: TID251
        await ready.wait()
        self._arm()

    async def _live(self, ready: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            for _ in range(WORKERS):
                group.create_task(self._work())
            ready.set()

    async def _work(self) -> None:
        while (job := await self._jobs.get()) is not None:
            await job()

    async def close(self) -> None:
        """Says when to come back, lets commands in flight finish, closes everything. Those whose turn has
        not come are served on."""
        self.stopping = True
        try:
            async with asyncio.timeout(DRAIN_SECONDS_MAX):
                await self._drain()
                if self._connections:
                    await self._all_gone.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
        self._timer.cancel()
        for _ in range(WORKERS):
            self._jobs.put_nowait(None)
        await self._life

    async def _drain(self) -> None:
        """Slice by slice, so that the loop, the network and whoever takes these clients keep up."""
        waiting = list(self._connections)
        seconds = min(len(waiting) / CLOSES_PER_SECOND, CLOSING_SECONDS_MAX)
        for start in range(0, len(waiting), CLOSES_PER_SLICE):
            if start:
                await self._pause(seconds * CLOSES_PER_SLICE / len(waiting))
            for connection in waiting[start : start + CLOSES_PER_SLICE]:
                connection.feed(fx.Drain(self.retry_ms()))

    def retry_ms(self) -> int:
        """When one of the present clients should come back, so that they do not all at once."""
        spread = len(self._connections) * 1000 / RECONNECTS_PER_SECOND
        return RETRY_MS_MIN + int(self.chance() * spread)

    # -- connections -----------------------------------------------------------------------------------

    def protocol_class(self, **context: Any) -> Connection:
        """What uvicorn calls for an upgrade to our path: ``(config=, server_state=, app_state=)``."""
        return Connection(self, context["server_state"].connections)

    def admits(self, peer: str, forwarded: Sequence[str]) -> bool:
        """Whether one more handshake is taken from whoever asks: ``peer`` is the other end of the socket,
        ``forwarded`` what it says of itself (X-Forwarded-For)."""
        if self._addresses.take(client_address(peer, forwarded, self._proxies), self.steady()):
            return True
        metrics.LIMITS_HIT.labels("HANDSHAKES_PER_10_S").inc()
        return False

    def opened(self, connection: Connection) -> None:
        self._connections[connection] = None

    def lost(self, connection: Connection) -> None:
        """The socket is gone; nobody refers to the connection afterwards."""
        self._connections.pop(connection, None)
        self.wheel.remove(connection)
        if connection.seen != "offline":
            self.appear(connection, "offline")
        devices = self._people.get(connection.session.person)
        if devices is not None:
            devices.pop(connection, None)
            if not devices:
                del self._people[connection.session.person]
        if not self._connections:
            self._all_gone.set()

    # -- following the tap -------------------------------------------------------------------------------

    def _committed(self, records: Sequence[Record]) -> None:
        self.hub.publish(records)
        self._fan_out()

    def push_value(
        self, of: str, id: str, position: int, value: Any, channels: tuple[str, ...]
    ) -> None:
        """The latest of a value that events do not name (a person's impact); later positions win."""
        self.hub.push_value(of, id, position, value, channels)
        self._fan_out()

    def _fan_out(self) -> None:
        if self._fanning is None:
            self._fanning = self.hub.fan_out()
            self._next_slice()

    def _next_slice(self) -> None:
        part = next(self._fanning, None)
        if part is None:
            self._fanning = None
        else:
            part.deliver()
            asyncio.get_running_loop().call_soon(self._next_slice)
        if self._reaching:
            self._reached()

    def _tell(self, position: int, connection: Connection, result: fx.Input) -> None:
        """Hands a result in once the hub is where the result is from (``effects.Moment``)."""
        if position <= self.hub.position:
            connection.feed(result)
        else:
            self._reaching.append((position, connection, result))

    def _reached(self) -> None:
        waiting, self._reaching = self._reaching, []
        for position, connection, result in waiting:
            self._tell(position, connection, result)

    # -- what sessions ask for -----------------------------------------------------------------------------

    def _job(self, work: Callable[[], Awaitable[None]], failed: Callable[[], None]) -> None:
        """Runs on a worker; whatever goes wrong is our mistake, and ``failed`` says so to the session."""

        async def guarded() -> None:
            try:
                await work()
            except Exception:
                log.exception("a session's request failed")
                failed()

        self._jobs.put_nowait(guarded)

    def authenticate(self, connection: Connection, secret: str) -> None:
        if not secret:
            connection.feed(fx.SignedIn(NO_SECRET, 0, 0))
            return

        async def work() -> None:
            revoked = self._revoked
            who, expires_at = await self._holder(secret)
            devices = 0 if isinstance(who, Refusal) else len(self._people.get(who.person, ()))
            connection.feed(fx.SignedIn(who, devices, expires_at))
            if connection.session.person and connection in self._connections:
                self._people.setdefault(connection.session.person, {})[connection] = None
                self._recheck_since(revoked, connection)

        self._job(work, lambda: connection.feed(fx.SignedIn(INTERNAL, 0, 0)))

    def renew(self, connection: Connection, token: str) -> None:
        async def work() -> None:
            revoked = self._revoked
            connection.feed(fx.Renewed(token, *await self._holder(token)))
            self._recheck_since(revoked, connection)

        self._job(work, lambda: connection.feed(fx.Renewed(token, INTERNAL, 0)))

    async def _holder(self, secret: str) -> tuple[PersonFact | Refusal, int]:
        """Whose a secret is, and until when."""
        found = await self._auth.identify(secret)
        return (found, 0) if isinstance(found, Refusal) else (found.who, found.expires_at)

    def recheck(self, person: str) -> None:
        """Some secret of the person may be worth less: whoever's is worth nothing any more must go, the
        others stay."""
        self._revoked += 1
        for connection in list(self._people.get(person, ())):
            # What cannot be checked is not believed: the client signs in again at once.
            self.recheck_one(connection, partial(connection.feed, fx.Expelled()))

    def _recheck_since(self, revoked: int, connection: Connection) -> None:
        """Somebody was signed out while a secret was looked up, perhaps its holder: ask once more."""
        if self._revoked != revoked:
            self.recheck_one(connection, partial(connection.feed, fx.Expelled()))

    def recheck_one(self, connection: Connection, failed: Callable[[], None]) -> None:
        async def work() -> None:
            found = await self._auth.identify(connection.secret)
            # What merely ended by itself has its grace: the session watches that.
            if isinstance(found, Refusal) and found.code is not Code.EXPIRED:
                connection.feed(fx.Expelled())

        self._job(work, failed)

    def load_interests(self, connection: Connection, effect: fx.LoadInterests) -> None:
        async def work() -> None:
            loaded = await loads.interests(
                self._reader, self._load_interests, effect, self._keeps_presence
            )
            self._tell(loaded.position, connection, loaded)

        none: frozenset[str] = frozenset()
        failure = fx.Interests(effect.ticket, 0, none, none, none, INTERNAL)
        self._job(work, lambda: connection.feed(failure))

    def authorize(self, connection: Connection, effect: fx.Authorize) -> None:
        async def work() -> None:
            result = await loads.authorized(self._reader, effect, self._keeps_presence)
            self._tell(result.position, connection, result)

        internal = tuple([(name, str(Code.INTERNAL)) for name in effect.channels])
        failure = fx.Authorized(effect.id, None, self.hub.position, (), effect.refused + internal)
        self._job(work, lambda: connection.feed(failure))

    def catch_up(self, connection: Connection, effect: fx.CatchUp) -> None:
        """From the ring at once, so that nothing can happen in between; else from the log."""
        upto = self.hub.position if effect.upto is None else effect.upto
        found = self.hub.ring.since(effect.channels, effect.after, upto)
        metrics.RING_READS.labels("miss" if found is None else "hit").inc()
        if found is not None and not doubtful(found.entries, effect.channels):
            connection.feed(fx.Page(effect.ticket, found.entries, found.upto, ready=True))
            return
        work = partial(self._page, connection, effect, upto, found)
        self._job(work, lambda: connection.feed(fx.PageFailed(effect.ticket, INTERNAL)))

    async def _page(
        self, connection: Connection, effect: fx.CatchUp, upto: int, found: Part | None
    ) -> None:
        ready = found is not None
        if found is None:
            found = await loads.page(self._tap, effect.channels, effect.after, upto)
        person = connection.session.person
        seen = await loads.readable(self._reader, person, effect.channels, found.entries)
        connection.feed(fx.Page(effect.ticket, seen, found.upto, ready))

    def appear(self, connection: Connection, state: State) -> None:
        """A connection shows its person in another state than before."""
        if self.presence:
            person = connection.session.person
            self.presence.moved(person, connection.seen, state, self.steady())
            connection.seen = state

    def present(self, people: Sequence[str]) -> list[frames.Value]:
        return [self.presence.value(person) for person in people] if self.presence else []

    def submit(self, connection: Connection, effect: fx.Submit) -> None:
        if self._commands >= COMMANDS_IN_FLIGHT_MAX:
            metrics.LIMITS_HIT.labels("COMMANDS_IN_FLIGHT_MAX").inc()
            connection.feed(fx.Answered(effect.key, OVERLOADED))
            return
        self._commands += 1
        self._group.create_task(self._submit(connection, effect))

    async def _submit(self, connection: Connection, effect: fx.Submit) -> None:
        try:
            outcome = await self._handler.handle(effect.person, effect.key, effect.command)
        except Exception:
            log.exception("a command failed")
            outcome = INTERNAL
        finally:
            self._commands -= 1
        connection.feed(fx.Answered(effect.key, outcome))

    # -- time ----------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._expected = loop.time() + limits.VALUE_SECONDS_MIN
        self._timer = loop.call_at(self._expected, self._timed)

    def _timed(self) -> None:
        late = asyncio.get_running_loop().time() - self._expected
        self._arm()
        # After a stall of our own, what clients sent meanwhile is still unread: do not judge them yet.
        self.tick(judge=late < limits.VALUE_SECONDS_MIN)

    def tick(self, judge: bool = True) -> None:
        """Everything that happens with time: deadlines, pings, marks, values, measurements."""
        # Deadlines count from the turned slot: counted from here, each would add what the timer is late.
        now = self.steady() // SLOT_MS * SLOT_MS
        for connection in self.wheel.due(now) if judge else ():
            connection.wake(now)
        self.refresh.flush()
        self._tell_present(now)
        self._measure()

    def _tell_present(self, now: int) -> None:
        typing = [
            Told(frames.TypingNow(channel=channel, people=people), (channel,))
            for channel, people in self.typing.due(now)
        ]
        if typing:
            self.hub.tell(typing, spare_slow=True)
        changed = self.presence.due(now) if self.presence else ()
        if changed:
            shown = [Told(value, (presence_channel(value.id),)) for value in changed]
            self.hub.tell(shown, spare_slow=False)
        self._fan_out()

    def _measure(self) -> None:
        hub = self.hub
        metrics.WEBSOCKET_FRAMES_SENT.labels("event").inc(hub.frames)
        metrics.WEBSOCKET_BYTES_SENT.inc(hub.bytes)
        hub.frames = hub.bytes = 0
        metrics.RING_BYTES.set(hub.ring.bytes)
