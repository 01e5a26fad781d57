"""The composition of hub, sessions and node: workers for what must be awaited, one timer, the fan-out.

The composition root makes one, starts it when the handler runs, and gives ``protocol_class`` to the
server as the owner of /api/v1/live. Everything here happens on the event loop; nothing blocks it for
longer than one slice of a fan-out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from operator import length_hint
from typing import Any

from server.app import metrics
from server.app.auth import Identity
from server.app.handle import Handler
from server.app.sync import load_interests as own_interests
from server.app.tap import Tap
from server.app.together import InTurn, Together
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.realtime import effects as fx
from server.realtime import loads
from server.realtime.abroad import Abroad
from server.realtime.buckets import Buckets
from server.realtime.connection import CHANCE, Connection
from server.realtime.handshake import client_address, networks
from server.realtime.hub import Hub
from server.realtime.interest import presences
from server.realtime.loads import INTERNAL
from server.realtime.measures import Measures
from server.realtime.outlet import broadcast
from server.realtime.permits import Permit, Permits
from server.realtime.present import Present
from server.realtime.reading import Node
from server.realtime.refresh import Refresh
from server.realtime.ring import doubtful
from server.realtime.signing import Signing
from server.realtime.websocket import WebSocket
from server.realtime.wheel import SLOT_MS, Wheel
from server.realtime.workers import Workers
from server.storage.event_log import Record
from server.storage.queries import values
from server.storage.reader import Reader

log = logging.getLogger(__name__)

RECALLED_EVENTS = 5_000
"""What a started node takes back into its ring, half a minute at the design's peak: who was connected
when it went down is not sent to the database. About 0.3 s of a start."""
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

OVERLOADED = Refusal(Code.OVERLOADED, "too many commands are waiting; try again shortly")


class Gateway(Signing):
    """``clock``: UTC milliseconds. ``steady``: milliseconds that never jump (default: the loop's).
    ``pause``: waits for some seconds. ``presence``: whether it is known and shown who is there. ``abroad``:
    the people of other regions. ``hidden``: why nobody is let in at the moment."""

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
        abroad: Abroad | None = None,
        hidden: Callable[[], Refusal | None] = lambda: None,
        steady: Callable[[], int] | None = None,
        chance: Callable[[], float] = CHANCE,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._workers = Workers()
        super().__init__(auth, self._workers.put)
        self.clock, self.chance, self.public_url = clock, chance, public_url
        self._pause = pause
        self._steady = steady
        self.stopping = False
        self.hidden = hidden
        self._keeps_presence, self._abroad = presence, abroad
        self._proxies = networks(trusted_proxies)
        self._addresses = Buckets(limits.HANDSHAKES_PER_10_S, limits.HANDSHAKES_BURST)
        self.commands = Buckets(limits.COMMANDS_PER_10_S, limits.COMMANDS_BURST)
        """By person, for every way a command may come."""
        self._region, self._tap, self._handler, self._reader = region, tap, handler, reader
        self._load_interests, self._load_values = load_interests, load_values
        self._commands = 0
        self._fanning: Any = None
        self._reaching: list[tuple[int, Connection, fx.Input]] = []
        self._all_gone = asyncio.Event()

    # -- life ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begins to follow the tap; the handler must have been started."""
        now = asyncio.get_running_loop().time  # asked a dozen times by each who connects
        self.steady = self._steady or (lambda: int(now() * 1000))
        self.node = Node(self._region, self._tap.epoch)
        self.permits = Permits(self._tap.position)
        self._interests = Together(partial(loads.interests, self._reader, self._load_interests))
        # One at a time: a second would fight the first for the interpreter, and share less.
        self._newcomers = InTurn(self._look_up, self._job)
        self.hub = await self._recalled()
        self.measures = Measures(self.hub, asyncio.get_running_loop().time)
        self.present = Present(self.hub, self._keeps_presence, self._abroad)
        if self._abroad:
            self._abroad.attach(
                self.hub, self.present.presence, self.present.typing, self._job, self.steady
            )
        self.wheel: Wheel[Connection] = Wheel(self.steady())
        self.refresh = Refresh(self.hub, self._reader, self._load_values, self._job, self._fan_out)
        self._tap.subscribe(self._committed)
        ready = asyncio.Event()
        # The gateway holds its one task; everything else runs in that task's group.
        self._life = asyncio.create_task(self._live(ready), name="gateway")  # noqa: TID251
        await ready.wait()
        if self._abroad:
            await self._abroad.begin()
        self._arm()

    async def _recalled(self) -> Hub:
        """A hub that remembers the newest events, as if it had been there."""
        start = max(0, self._tap.position - RECALLED_EVENTS)
        hub = Hub(start, epoch=self._tap.epoch, region=self._region)
        hub.fault = _noted
        while hub.position < self._tap.position:
            hub.recall(await self._tap.read(hub.position, limits.SYNC_PAGE_EVENTS))
        return hub

    async def _live(self, ready: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._workers.start(group)
            ready.set()

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
        self._workers.stop()
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

    @property
    def log_position(self) -> int:
        """Where the log is, which the hub may not have handed out yet."""
        return self._tap.position

    def retry_ms(self) -> int:
        """When one of the present clients should come back, so that they do not all at once."""
        spread = len(self._connections) * 1000 / RECONNECTS_PER_SECOND
        return RETRY_MS_MIN + int(self.chance() * spread)

    # -- connections -----------------------------------------------------------------------------------

    def protocol_class(self, **context: Any) -> WebSocket:
        """What uvicorn calls for an upgrade to our path: ``(config=, server_state=, app_state=)``."""
        return WebSocket(self, context["server_state"].connections)

    def admits(self, peer: str, forwarded: Sequence[str]) -> bool:
        """Whether one more handshake is taken from whoever asks: ``peer`` is the other end of the socket,
        ``forwarded`` what it says of itself (X-Forwarded-For)."""
        if self._addresses.take(client_address(peer, forwarded, self._proxies), self.steady()):
            return True
        metrics.LIMITS_HIT.labels("HANDSHAKES_PER_10_S").inc()
        return False

    def opened(self, connection: Connection) -> None:
        self._connections[connection] = None
        self._all_gone.clear()

    def lost(self, connection: Connection) -> None:
        """The socket is gone; nobody refers to the connection afterwards."""
        self._connections.pop(connection, None)
        self.measures.slow.pop(connection, None)
        self.wheel.remove(connection)
        connection.appear("offline")
        devices = self._people.get(connection.session.person)
        if devices is not None:
            devices.pop(connection, None)
            if not devices:
                del self._people[connection.session.person]
        if not self._connections:
            self._all_gone.set()

    # -- following the tap -------------------------------------------------------------------------------

    def _committed(self, records: Sequence[Record]) -> None:
        self.permits.note(records)
        if self._abroad:
            self._abroad.committed(records)
        self.hub.publish(records)
        self.measures.published(records[-1].position)
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
            part.deliver(_to_each)
            asyncio.get_running_loop().call_soon(self._next_slice)
        if self._reaching:
            self._reached()
        self.measures.delivered()

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

    async def _look_up(self, secrets: Collection[str]) -> dict[str, Identity | Refusal]:
        return await loads.newcomers(self._auth, self._load_interests, self.permits, secrets)

    def load_interests(self, connection: Connection, effect: fx.LoadInterests) -> None:
        none: frozenset[str] = frozenset()
        failure = fx.Interests(effect.ticket, 0, none, none, none, INTERNAL)
        self._permit(
            connection, effect.person, effect.asked, partial(loads.greeted, effect), failure
        )

    def authorize(self, connection: Connection, effect: fx.Authorize) -> None:
        internal = tuple([(name, str(Code.INTERNAL)) for name in effect.channels])
        failure = fx.Authorized(effect.id, None, self.hub.position, (), effect.refused + internal)
        asked = frozenset(effect.channels)
        self._permit(connection, effect.person, asked, partial(loads.authorized, effect), failure)

    def _permit(
        self,
        connection: Connection,
        person: str,
        asked: frozenset[str],
        answer: Callable[[Permit], fx.Input],
        failure: fx.Input,
    ) -> None:
        """What somebody may hear, at once if it is remembered (house rule 5)."""
        if not self._keeps_presence:
            asked = asked.difference([name for name in asked if presences((name,))])
        known = self.permits.find(person, asked)
        metrics.of(metrics.PERMITS, "miss" if known is None else "hit").inc()
        if known is not None:
            # True as of everything that was noted, so as of the log. A client's cursor may be from there:
            # a first load, a thread and a page of GET /sync do not wait for the hub.
            position = max(known.position, self._tap.position)
            self._tell(position, connection, answer(known._replace(position=position)))
            return

        async def work() -> None:
            loaded = await self._interests.get((person, asked))
            self.permits.keep(person, loaded.position, loaded.own, loaded.allowed)
            self._tell(loaded.position, connection, answer(loaded))

        self._job(work, lambda: connection.feed(failure))

    def catch_up(self, connection: Connection, effect: fx.CatchUp) -> None:
        """From the ring at once, so that nothing can happen in between; else from the log."""
        upto = self.hub.position if effect.upto is None else effect.upto
        found = self.hub.ring.since(effect.channels, effect.after, upto)
        metrics.of(metrics.RING_READS, "miss" if found is None else "hit").inc()
        if found is not None and not doubtful(found.entries, effect.channels):
            connection.feed(fx.Page(effect.ticket, found.entries, found.upto, ready=True))
            return
        work = partial(self._page, connection, effect, upto)
        self._job(work, lambda: connection.feed(fx.PageFailed(effect.ticket, INTERNAL)))

    async def _page(self, connection: Connection, effect: fx.CatchUp, upto: int) -> None:
        person = connection.session.person
        while True:
            erasures = self._tap.erasures
            found = self.hub.ring.since(effect.channels, effect.after, upto)
            ready = found is not None
            if found is None:
                found = await loads.page(self._tap, effect.channels, effect.after, upto)
            seen = await loads.readable(self._reader, person, effect.channels, found.entries)
            if erasures == self._tap.erasures:
                break
            # Perhaps what is in hand was erased meanwhile: it is read again.
        connection.feed(fx.Page(effect.ticket, seen, found.upto, ready))

    def submit(self, connection: Connection, effect: fx.Submit) -> None:
        if self._commands >= limits.COMMANDS_IN_FLIGHT_MAX:
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
        metrics.LIVE_TIMER_LATE_SECONDS.observe(max(0.0, late))
        # After a stall of our own, what clients sent meanwhile is still unread: do not judge them yet.
        self.tick(judge=late < limits.VALUE_SECONDS_MIN)

    def tick(self, judge: bool = True) -> None:
        """Everything that happens with time: deadlines, pings, marks, values, measurements."""
        # Deadlines count from the turned slot: counted from here, each would add what the timer is late.
        now = self.steady() // SLOT_MS * SLOT_MS
        for connection in self.wheel.due(now) if judge else ():
            connection.wake(now)
        self.refresh.flush()
        self.present.tell(now)
        self._fan_out()
        self.measures.measure(self.present.typing, self.present.presence)


def _noted(error: Exception) -> None:
    log.error("a part of a fan-out failed", exc_info=error)
    metrics.of(metrics.LIVE_FAILURES, "fan_out").inc()


def _to_each(data: bytes, seats: Sequence[Connection]) -> None:
    """``broadcast``, where one that fails costs its own connection: the others' turn comes all the same."""
    waiting = iter(seats)
    while True:
        try:
            return broadcast(data, waiting)
        except Exception:
            seats[~length_hint(waiting)].fail()  # the last one that was taken
