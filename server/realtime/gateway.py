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
from server.realtime import effects as fx
from server.realtime import loads
from server.realtime.hub import Hub
from server.realtime.reading import Node
from server.realtime.refresh import Refresh
from server.realtime.ring import Part, doubtful
from server.realtime.websocket import CHANCE, Connection
from server.realtime.wheel import Wheel
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
DRAIN_SECONDS_MAX = 25.0
"""Within the 30 s that service managers wait before they kill."""

INTERNAL = Refusal(Code.INTERNAL, "the node could not do this; try again")
OVERLOADED = Refusal(Code.OVERLOADED, "too many commands are waiting; try again shortly")
NO_SECRET = Refusal(Code.UNAUTHENTICATED, "sign in first: no token and no session came along")


class Gateway:
    """``clock``: UTC milliseconds. ``steady``: milliseconds that never jump (default: the loop's)."""

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
        steady: Callable[[], int] | None = None,
        chance: Callable[[], float] = CHANCE,
    ) -> None:
        self.clock, self.chance, self.public_url = clock, chance, public_url
        self.steady = steady or (lambda: int(asyncio.get_running_loop().time() * 1000))
        self.stopping = False
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
        """Says when to come back, lets commands in flight finish, closes everything."""
        self.stopping = True
        for index, connection in enumerate(list(self._connections)):
            connection.feed(fx.Drain(self.retry_ms()))
            if index % 250 == 249:
                await asyncio.sleep(0)
        if self._connections:
            try:
                await asyncio.wait_for(self._all_gone.wait(), DRAIN_SECONDS_MAX)
            except TimeoutError:
                for connection in list(self._connections):
                    connection.abort()
        self._timer.cancel()
        for _ in range(WORKERS):
            self._jobs.put_nowait(None)
        await self._life

    def retry_ms(self) -> int:
        """When one of the present clients should come back, so that they do not all at once."""
        spread = len(self._connections) * 1000 / RECONNECTS_PER_SECOND
        return RETRY_MS_MIN + int(self.chance() * spread)

    # -- connections -----------------------------------------------------------------------------------

    def protocol_class(self, **context: Any) -> Connection:
        """What uvicorn calls for an upgrade to our path: ``(config=, server_state=, app_state=)``."""
        return Connection(self, context["server_state"].connections)

    def opened(self, connection: Connection) -> None:
        self._connections[connection] = None
        self._all_gone.clear()

    def lost(self, connection: Connection) -> None:
        """The socket is gone; nobody refers to the connection afterwards."""
        self._connections.pop(connection, None)
        self.wheel.remove(connection)
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
            connection.feed(fx.SignedIn(NO_SECRET, 0))
            return

        async def work() -> None:
            revoked = self._revoked
            who = await self._auth.person_of_secret(secret)
            devices = 0 if isinstance(who, Refusal) else len(self._people.get(who.person, ()))
            connection.feed(fx.SignedIn(who, devices))
            if connection.session.person and connection in self._connections:
                self._people.setdefault(connection.session.person, {})[connection] = None
                self._recheck_since(revoked, connection)

        self._job(work, lambda: connection.feed(fx.SignedIn(INTERNAL, 0)))

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
            who = await self._auth.person_of_secret(connection.secret)
            if isinstance(who, Refusal):
                connection.feed(fx.Expelled())

        self._job(work, failed)

    def load_interests(self, connection: Connection, effect: fx.LoadInterests) -> None:
        async def work() -> None:
            loaded = await loads.interests(self._reader, self._load_interests, effect)
            self._tell(loaded.position, connection, loaded)

        none: frozenset[str] = frozenset()
        failure = fx.Interests(effect.ticket, 0, none, none, none, INTERNAL)
        self._job(work, lambda: connection.feed(failure))

    def authorize(self, connection: Connection, effect: fx.Authorize) -> None:
        async def work() -> None:
            result = await loads.authorized(self._reader, effect)
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
        now = self.steady()
        for connection in self.wheel.due(now) if judge else ():
            connection.wake(now)
        self.refresh.flush()
        self._measure()

    def _measure(self) -> None:
        hub = self.hub
        metrics.WEBSOCKET_FRAMES_SENT.labels("event").inc(hub.frames)
        metrics.WEBSOCKET_BYTES_SENT.inc(hub.bytes)
        hub.frames = hub.bytes = 0
        metrics.RING_BYTES.set(hub.ring.bytes)
