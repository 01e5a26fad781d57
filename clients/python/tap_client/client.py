"""The client's input and output: one connection at a time, callbacks in order, timers, the store.

Everything that decides stands in ``session``; this file performs its effects. Three tasks: one keeps
the connection, one writes frames, one gives what was heard to the application. The last is apart
because a callback may itself await a command's answer.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NoReturn, assert_never

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    NegotiationError,
)
from websockets.typing import Subprotocol

from tap_client import frames
from tap_client.address import is_loopback, live_address
from tap_client.delivery import Callbacks, Delivery, Heard, Settled, Shown, WasReset
from tap_client.effects import (
    Effect,
    Fail,
    Hear,
    Live,
    Move,
    Reset,
    Retry,
    Send,
    Settle,
    Show,
    Warn,
)
from tap_client.errors import Ended, ProtocolError, TapError, Unauthenticated
from tap_client.frames import Done, Encoding, Frame
from tap_client.outbox import COMMANDS_IN_FLIGHT
from tap_client.session import Session
from tap_client.store import MemoryStore, Store, Waiting

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""One event may be a whole article; nothing a node sends is near this."""
OPEN_SECONDS_MAX = 10

log = logging.getLogger("tap_client")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Client:
    """A person's or bot's connection to their node; see the package's docstring for its guarantees.

    ``url`` is the node's http(s) address. Callbacks may be plain functions or coroutines and run one
    at a time; an exception in one ends the client and is raised from ``async with``. The store belongs
    to the client, which closes it."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        on_event: Heard | None = None,
        on_value: Shown | None = None,
        on_reset: WasReset | None = None,
        on_settled: Settled | None = None,
        store: Store | None = None,
        encoding: Encoding = "msgpack",
        name: str = "tap-client/1",
        in_flight_max: int = COMMANDS_IN_FLIGHT,
        clock: Callable[[], int] = now_ms,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._address = live_address(url)
        self._store = store or MemoryStore()
        callbacks = Callbacks(on_event, on_value, on_reset, on_settled)
        self._delivery = Delivery(callbacks, self._store)
        self._encoding: Encoding = encoding
        self._encode = frames.encoder(encoding)
        self._clock = clock
        self._session = Session(
            token,
            self._store.cursor(),
            self._store.waiting(),
            chance,
            client=name,
            in_flight_max=in_flight_max,
        )
        self._answers: dict[str, asyncio.Future[Done]] = {}
        self._outgoing: asyncio.Queue[Frame] = asyncio.Queue()
        self._is_live = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    # -- for the application --------------------------------------------------------------------------

    async def __aenter__(self) -> "Client":
        self._task = asyncio.create_task(self._main())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await self._stop()
        if failure is not None and error is None:
            raise failure

    async def do(self, command: dict[str, Any], key: str | None = None) -> Done:
        """Give a command and wait for its answer, over as many connections as it takes.

        Raises Refused when the node says no, Stale, Ended when the client ends first; a
        command that Ended stays in the store and is sent at the next start."""
        self._check_running()
        key = key or secrets.token_hex(12)
        waiting = Waiting(key, command, self._clock())
        self._store.put(waiting)
        answer = self._answers.setdefault(key, asyncio.get_running_loop().create_future())
        self._perform(self._session.do(waiting, self._clock()))
        # The reader may be waiting for the application, which may be waiting for this answer.
        self._delivery.let_reader_go_on()
        return await asyncio.shield(answer)

    def watch(self, *channels: str, since: str | None = None) -> None:
        """Hear these channels from now on, also after reconnects; with ``since`` (a cursor) first
        what they held after it, which may repeat events already heard."""
        self._perform(self._session.watch(channels, since))

    def unwatch(self, *channels: str) -> None:
        self._perform(self._session.unwatch(channels))

    async def live(self) -> None:
        """Returns once the client has caught up. Raises what ended it, if that comes first."""
        await self._or_end(self._is_live.wait())

    async def ended(self) -> None:
        """Waits until the client ends, and raises why."""
        await self._or_end(asyncio.Event().wait())

    @property
    def cursor(self) -> str | None:
        """The last position received (the store holds the last one heard)."""
        return self._session.cursor

    @property
    def person(self) -> str:
        """Whom the node took us for."""
        return self._session.person

    @property
    def channels(self) -> frozenset[str]:
        """What is being heard."""
        return self._session.channels

    # -- life ------------------------------------------------------------------------------------------

    async def _main(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._delivery.run())
                tasks.create_task(self._stay_connected())
        except BaseExceptionGroup as group:
            self._answer_all(_first(group))
            raise

    async def _stop(self) -> BaseException | None:
        """End all tasks; the error that had ended them before, if there was one."""
        failure: BaseException | None = None
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await self._task
                except BaseExceptionGroup as group:
                    failure = _first(group)
        if self._timer is not None:
            self._timer.cancel()
        self._answer_all(Ended("the client was closed"))
        self._store.close()
        return failure

    def _answer_all(self, error: BaseException) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # nobody may be waiting any more

    def _check_running(self) -> None:
        if self._task is None or self._task.done():
            raise Ended("the client is not running")

    async def _or_end(self, waiting: Any) -> None:
        self._check_running()
        assert self._task is not None
        wish = asyncio.ensure_future(waiting)
        await asyncio.wait({wish, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if wish.done():
            return
        wish.cancel()
        error = None if self._task.cancelled() else self._task.exception()
        raise _first(error) if error is not None else Ended("the client was closed")

    # -- the connection ----------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while True:
            code, reason = await self._connection()
            self._is_live.clear()
            for effect in self._session.lost(code, reason):
                match effect:
                    case Retry(seconds):
                        log.info("connection lost (%s %s): again in %.1f s", code, reason, seconds)
                        await asyncio.sleep(seconds)
                    case Fail(error):
                        self._give_up(error)
                    case _:
                        self._perform([effect])

    async def _connection(self) -> tuple[int | None, str]:
        """One connection from start to end; its close code and reason, None if it never stood."""
        try:
            async with connect(
                self._address,
                subprotocols=[Subprotocol(frames.SUBPROTOCOLS[self._encoding])],
                max_size=MESSAGE_BYTES_MAX,
                open_timeout=OPEN_SECONDS_MAX,
                proxy=None if is_loopback(self._address) else True,
            ) as socket:
                return await self._converse(socket)
        except InvalidStatus as error:
            status = error.response.status_code
            if status == 401:
                self._give_up(Unauthenticated("unauthenticated", str(error), status=status))
            return None, str(error)
        except NegotiationError as error:
            self._give_up(ProtocolError(str(error)))
        except (OSError, TimeoutError, InvalidHandshake) as error:
            return None, str(error) or type(error).__name__

    async def _converse(self, socket: ClientConnection) -> tuple[int | None, str]:
        self._outgoing = asyncio.Queue()
        writing = asyncio.create_task(self._write(socket))
        try:
            self._perform(self._session.opened())
            await self._read(socket)
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "cut off")
        except ProtocolError as error:
            log.warning("%s: closing", error)
            await socket.close(1002, "protocol error")
            return 1002, str(error)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return 1000, ""

    async def _read(self, socket: ClientConnection) -> None:
        async for message in socket:
            self._perform(self._session.received(frames.decode(message), self._clock()))
            while self._delivery.is_full and not self._session.unsettled:
                await self._delivery.room()
        raise socket.protocol.close_exc  # both sides said goodbye: iteration ends without an error

    async def _write(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.send(self._encode(await self._outgoing.get()))

    def _give_up(self, error: TapError) -> NoReturn:
        self._session.fail(error)
        raise error

    # -- effects -------------------------------------------------------------------------------------------

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    self._outgoing.put_nowait(frame)
                case Hear() | Show() | Move() | Reset():
                    self._delivery.put(effect)
                case Settle(key, outcome):
                    self._settle(key, outcome)
                    self._delivery.put(effect)
                case Live():
                    self._is_live.set()
                case Warn(message):
                    log.warning("%s", message)
                case Retry():
                    raise AssertionError("only `lost` asks to retry")
                case Fail(error):
                    self._give_up(error)
                case _:
                    assert_never(effect)
        self._set_timer()

    def _settle(self, key: str, outcome: Done | TapError) -> None:
        self._store.drop(key)
        answer = self._answers.pop(key, None)
        if answer is None or answer.done():
            return
        if isinstance(outcome, Done):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)
            answer.exception()  # the caller may have stopped waiting

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._session.wake_at()
        if at is not None:
            delay = max(0, at - self._clock()) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._perform(self._session.woken(self._clock()))


def _first(error: BaseException) -> BaseException:
    """The error itself, out of the groups task groups wrap around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
