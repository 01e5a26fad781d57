"""Giving what was heard to the application: one thing at a time, in order, then keeping the place.

Apart from the connection, because a callback may itself await a command's answer, which comes over the
connection. A callback that raises ``Again`` gets the same event once more, after a while that grows, and
what follows it after it: the node is asked to send it again, so that nothing piles up here.
"""

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tap_client.backoff import delay_seconds
from tap_client.effects import Hear, Move, Reset, Settle, Show, Typing
from tap_client.errors import Again, TapError
from tap_client.frames import Done, Event, Value
from tap_client.store import Store

UNHEARD_MAX = 2_000
"""Events waiting for the application before reading pauses and the node lets us catch up later."""

Heard = Callable[[Event], Awaitable[None] | None]
Shown = Callable[[Value], Awaitable[None] | None]
WasReset = Callable[[str, str], Awaitable[None] | None]
"""(reason, cursor)"""
Settled = Callable[[str, Done | TapError], Awaitable[None] | None]
"""(key, outcome) of every command, also those left over from an earlier run."""
Typed = Callable[[str, tuple[str, ...]], Awaitable[None] | None]
"""(channel, people) who type there now; nobody ends it."""

Told = Hear | Show | Move | Reset | Settle | Typing


class Callbacks(NamedTuple):
    """The application's side; each may be a plain function or a coroutine."""

    event: Heard | None
    value: Shown | None
    reset: WasReset | None
    settled: Settled | None
    typing: Typed | None = None


class Delivery:
    """The queue between connection and application. ``store`` gets the cursor after each callback, and loses the command
    whose fate was told;
    ``rewind`` is told the events that are to be given again, the failed one first."""

    def __init__(
        self,
        callbacks: Callbacks,
        store: Store,
        rewind: Callable[[list[Event]], None],
        chance: Callable[[], float],
    ) -> None:
        self._callbacks = callbacks
        self._store = store
        self._rewind = rewind
        self._chance = chance
        self._waiting: deque[Told] = deque()
        self._to_tell = asyncio.Event()
        self._has_room = asyncio.Event()
        self._to_drop: set[str] = set()
        self._failed: tuple[int, int] = (0, 0)  # position, how often in a row

    def put(self, told: Told) -> None:
        self._waiting.append(told)
        self._to_tell.set()

    def drop_when_told(self, key: str) -> None:
        """The command leaves the store once ``on_settled`` has heard of it."""
        self._to_drop.add(key)

    def keep(self, key: str) -> None:
        """It does not: it was given again."""
        self._to_drop.discard(key)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) > UNHEARD_MAX

    async def room(self) -> None:
        """Returns when everything was told, or somebody lets the reader go on."""
        self._has_room.clear()
        await self._has_room.wait()

    def let_reader_go_on(self) -> None:
        self._has_room.set()

    def take_back(self) -> list[Event]:
        """The events nobody has heard yet, which the node is asked for again.

        What was settled does not come again and stays; all else does."""
        unheard = [told.event for told in self._waiting if isinstance(told, Hear)]
        self._waiting = deque(told for told in self._waiting if isinstance(told, Settle))
        return unheard

    async def run(self) -> None:
        """For ever. Raises what a callback raises."""
        while True:
            while self._waiting:
                await self._tell(self._waiting.popleft())
            self._has_room.set()
            self._to_tell.clear()
            await self._to_tell.wait()

    async def _tell(self, told: Told) -> None:
        match told:
            case Hear(event, cursor):
                try:
                    await _call(self._callbacks.event, event)
                except Again:
                    await self._give_again(told)
                    return
                if cursor is not None:
                    self._store.move(cursor)
            case Show(value):
                await _call(self._callbacks.value, value)
            case Typing(channel, people):
                await _call(self._callbacks.typing, channel, people)
            case Reset(reason, cursor):
                await _call(self._callbacks.reset, reason, cursor)
                self._store.move(cursor)
            case Move(cursor):
                self._store.move(cursor)
            case Settle(key, outcome):
                await _call(self._callbacks.settled, key, outcome)
                if key in self._to_drop:
                    self._store.drop(key)
                    self.keep(key)

    async def _give_again(self, failed: Hear) -> None:
        position, times = self._failed
        times = times + 1 if position == failed.event.position else 1
        self._failed = (failed.event.position, times)
        await asyncio.sleep(delay_seconds(times - 1, self._chance))
        self._rewind([failed.event, *self.take_back()])


async def _call(callback: Callable[..., Awaitable[None] | None] | None, *values: Any) -> None:
    if callback is not None:
        result = callback(*values)
        if inspect.isawaitable(result):
            await result
