"""The client's input and output: one link at a time, callbacks in order, timers, the store.

Everything that decides stands in ``session``; this file performs its effects. Three tasks: one keeps
the connection, one writes frames, one gives what was heard to the application. The last is apart
because a callback may itself await a command's answer.
"""

import asyncio
import contextlib
import json
import logging
import random
import secrets
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NoReturn, assert_never

from tap_client import frames
from tap_client.address import live_address
from tap_client.choice import Remembered
from tap_client.clock import now_ms, onward
from tap_client.conversation import Conversation, first
from tap_client.delivery import Callbacks, Delivery, Heard, Settled, Shown, Typed, WasReset
from tap_client.effects import (
    Cut,
    Effect,
    Fail,
    Hear,
    Live,
    Move,
    Remember,
    Renew,
    Reset,
    Retry,
    Send,
    Settle,
    Show,
    Typing,
    Warn,
)
from tap_client.errors import Ended, Full, TapError, Unreachable
from tap_client.frames import Done, Encoding, Event, Frame
from tap_client.link import End, Link, LinkEnded
from tap_client.link_events import EventsLink
from tap_client.link_poll import PollLink
from tap_client.link_websocket import WebsocketLink
from tap_client.outbox import COMMANDS_IN_FLIGHT, OUTBOX_MAX
from tap_client.renewal import Provider, Renewal
from tap_client.session import Session
from tap_client.store import MemoryStore, Store, Waiting

log = logging.getLogger("tap_client")


class Client:
    """A person's or bot's connection to their node; see the package's docstring for its guarantees.

    ``url`` is the node's http(s) address, ``token`` a token or who gives one. Callbacks may be plain
    functions or coroutines and run one at a time; an exception in one ends the client and is raised from
    ``async with``, except ``Again`` from ``on_event``. The store belongs to the client, which closes it.
    ``network`` names the network in use, under which the store remembers what transport worked."""

    def __init__(
        self,
        url: str,
        token: str | Provider,
        *,
        on_event: Heard | None = None,
        on_value: Shown | None = None,
        on_reset: WasReset | None = None,
        on_settled: Settled | None = None,
        on_typing: Typed | None = None,
        store: Store | None = None,
        encoding: Encoding = "msgpack",
        name: str = "tap-client/1",
        in_flight_max: int = COMMANDS_IN_FLIGHT,
        network: str = "any",
        clock: Callable[[], int] = now_ms,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._url = url
        self._address = live_address(url)
        self._renewal = None if isinstance(token, str) else Renewal(token, self._take, chance)
        self._store = store or MemoryStore()
        self._network = network
        callbacks = Callbacks(on_event, on_value, on_reset, on_settled, on_typing)
        self._delivery = Delivery(callbacks, self._store, self._rewind, chance)
        self._encoding: Encoding = encoding
        self._clock = onward(clock)
        self._session = Session(
            token if isinstance(token, str) else None,
            self._store.cursor(),
            self._store.waiting(),
            chance,
            client=name,
            in_flight_max=in_flight_max,
            is_renewable=self._renewal is not None,
        )
        self._session.network_changed(self._remembered(), self._clock())
        self.waiting = asyncio.Event()
        """Set while there is no connection, and none is made before its time or ``network_changed``."""
        self._answers: dict[str, asyncio.Future[Done]] = {}
        self._talk: Conversation | None = None
        self._hurry = asyncio.Event()
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

        Raises Refused when the node says no, Full, Stale, Ended when the client ends first; a
        command that Ended stays in the store and is sent at the next start. ValueError for what no
        encoding carries."""
        self._check_running()
        frames.require_plain(command)
        if self._session.unsettled >= OUTBOX_MAX:
            raise Full(f"{OUTBOX_MAX} commands wait already")
        key = key or secrets.token_hex(12)
        waiting = Waiting(key, command, self._clock())
        self._store.put(waiting)
        self._delivery.keep(key)
        answer = self._answers.setdefault(key, asyncio.get_running_loop().create_future())
        self._perform(self._session.do(waiting, self._clock()))
        # The reader may be waiting for the application, which may be waiting for this answer.
        self._delivery.let_reader_go_on()
        return await asyncio.shield(answer)

    def watch(self, *channels: str, since: str | None = None) -> None:
        """Hear these channels from now on, also after reconnects; with ``since`` (a cursor) first
        what they held after it, which may repeat events already heard. ``p:<person>`` is presence."""
        self._perform(self._session.watch(channels, since))

    def unwatch(self, *channels: str) -> None:
        self._perform(self._session.unwatch(channels))

    def typing(self, channel: str) -> None:
        """This person types there; to be called at every key, said every three seconds."""
        self._perform(self._session.typing(channel, self._clock()))

    def typed(self, channel: str) -> None:
        """What was typed there is sent or thrown away: the next key counts at once."""
        self._session.typed(channel)

    def rewind(self, cursor: str) -> None:
        """What came after this cursor was lost by whoever keeps it: hear it again, in place."""
        self._delivery.take_back()
        self._store.move(cursor)
        self._perform(self._session.rewind(cursor, []))

    def presence(self, person: str) -> str | None:
        """``online``, ``away`` or ``offline`` of somebody whose ``p:`` is watched; None: unknown."""
        return self._session.presence.get(person)

    def network_changed(self, network: str | None = None) -> None:
        """The network came back or is another one, or the machine woke: connect now if we are waiting
        to, else find out within three seconds whether we are still connected."""
        self._network = network or self._network
        self._perform(self._session.network_changed(self._remembered(), self._clock()))
        self._hurry.set()

    def background(self) -> None:
        """Nobody looks: hear nothing until ``foreground``, and do not come back when cut off."""
        self._perform(self._session.background())

    def foreground(self) -> None:
        self._perform(self._session.foreground(self._clock()))
        self._hurry.set()

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

    @property
    def transport(self) -> str:
        """``websocket``, ``events`` or ``poll``."""
        return self._session.choice.transport

    # -- life ------------------------------------------------------------------------------------------

    async def _main(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._delivery.run())
                tasks.create_task(self._stay_connected())
        except BaseExceptionGroup as group:
            self._answer_all(first(group))
            raise

    async def _stop(self) -> BaseException | None:
        """End all tasks; the error that had ended them before, if there was one."""
        failure: BaseException | None = None
        if self._renewal is not None:
            self._renewal.stop()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await self._task
                except BaseExceptionGroup as group:
                    failure = first(group)
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
        raise first(error) if error is not None else Ended("the client was closed")

    # -- the connection ----------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while True:
            effects = await self._renewed_or_later()
            if effects is None:
                end = await self._connection()
                self._is_live.clear()
                log.info("connection lost: %s", end)
                effects = self._session.lost(end, self._clock())
            for effect in effects:
                if isinstance(effect, Retry):
                    await self._pause(effect.seconds)
                else:
                    self._perform([effect])

    async def _pause(self, seconds: float | None) -> None:
        """Until it is time, or the network or the person is back."""
        self._hurry.clear()
        self.waiting.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        self.waiting.clear()

    async def _connection(self) -> End:
        """One connection from start to end."""
        link = self._link()
        self._talk = Conversation(link, self._delivery)
        try:
            async with asyncio.timeout(self._session.choice.patience_ms / 1000) as patience:
                await link.open()
                self._perform(self._session.opened())
                await self._talk.run(lambda frame: self._heard(frame, patience), self._may_read)
        except TimeoutError:
            return End(None, "no welcome", is_late=True)
        except LinkEnded as ended:
            return ended.end
        finally:
            await link.close()

    def _heard(self, frame: Frame | None, patience: asyncio.Timeout) -> None:
        if frame is None:
            self._session.heard_something(self._clock())
            self._set_timer()
            return
        if frame["t"] == "welcome":
            patience.reschedule(None)
        self._perform(self._session.received(frame, self._clock()))

    def _may_read(self, may: bool) -> bool:
        """The application keeps up again, or does not. Whoever waits for an answer is always read for."""
        if may:
            self._session.read_on(self._clock())
        elif self._session.unsettled:
            return False
        else:
            self._session.stop_reading()
        self._set_timer()
        return True

    def _link(self) -> Link:
        match self._session.choice.transport:
            case "websocket":
                return WebsocketLink(self._address, self._encoding)
            case "events":
                return EventsLink(self._url, self._token)
            case "poll":
                return PollLink(self._url, self._token)

    def _token(self) -> str | None:
        return self._session.credentials.token

    def _give_up(self, error: TapError) -> NoReturn:
        self._session.fail(error)
        raise error

    async def _renewed_or_later(self) -> list[Effect] | None:
        """A good token before connecting: None, or what to do as there is none yet."""
        if self._renewal is None or not self._session.credentials.is_due(self._clock()):
            return None
        try:
            await self._renewal.now()
        except (Unreachable, OSError) as error:
            log.info("no new token: %s", error)
            return self._session.token_failed()
        except TapError as error:
            self._give_up(error)
        return None

    # -- effects -------------------------------------------------------------------------------------------

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    assert self._talk is not None  # a session without a connection says nothing
                    self._talk.say(frame)
                case Hear() | Show() | Typing() | Move() | Reset():
                    self._delivery.put(effect)
                case Settle(key, outcome):
                    if self._answer(key, outcome):
                        self._store.drop(key)
                    else:  # an earlier run gave it: who then ends before it is told tells it in the next
                        self._delivery.drop_when_told(key)
                    self._delivery.put(effect)
                case Live():
                    self._is_live.set()
                case Cut(reason):
                    assert self._talk is not None
                    self._talk.cut(reason)
                case Renew():
                    assert self._renewal is not None  # only then is the session renewable
                    self._renewal.in_time()
                case Remember(transport, at):
                    self._store.note(self._memory, json.dumps([transport, at]))
                case Warn(message):
                    log.warning("%s", message)
                case Retry():
                    raise AssertionError("only a lost connection is made again")
                case Fail(error):
                    self._give_up(error)
                case _:
                    assert_never(effect)
        self._set_timer()

    def _take(self, token: str) -> None:
        self._perform(self._session.take(token))

    def _rewind(self, unheard: list[Event]) -> None:
        cursor = self._store.cursor()
        if cursor is not None:
            self._perform(self._session.rewind(cursor, unheard))

    @property
    def _memory(self) -> str:
        return f"transport:{self._network}"

    def _remembered(self) -> Remembered | None:
        noted = self._store.noted(self._memory)
        return None if noted is None else Remembered(*json.loads(noted))

    def _answer(self, key: str, outcome: Done | TapError) -> bool:
        """Whether somebody waited for it."""
        answer = self._answers.pop(key, None)
        if answer is None or answer.done():
            return False
        if isinstance(outcome, Done):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)
            answer.exception()  # the caller may have stopped waiting
        return True

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
