"""Loading together what is asked for at the same time.

When a whole region comes back at once, thousands ask the same kind of question. While one load is on its
way the others' questions gather, and the next load answers them all: one set of statements instead of
one set each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

KEYS_MAX = 200
"""A load of 200 takes some 10 ms; what the database binds per statement is far above it."""

LOADS_MAX = 2
"""Loads on their way at once: one that is stuck does not hold up the next questions. More would share less."""

EVERY_SECONDS = 0.03
"""For one person a load takes 0.4 ms, for each further one 0.07: in a crowd it pays to wait for some more, and
nobody notices. Who comes alone does not wait."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class GivenUp(Exception):
    """Whoever loaded this was cancelled: ask again."""


class Together(Generic[K, V]):
    """``load`` answers every key it is given, or raises for all of them."""

    def __init__(self, load: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._load = load
        self._turns = asyncio.Semaphore(LOADS_MAX)
        self._waiting: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K) -> V:
        """The answer as of a moment after the call; raises what its load raised."""
        while True:
            answer = self._waiting.get(key)
            if answer is None:
                answer = self._waiting[key] = asyncio.get_running_loop().create_future()
            async with self._turns:
                while self._waiting.get(key) is answer:
                    await self._answer()
            try:
                return await asyncio.shield(answer)
            except GivenUp:
                continue

    async def _answer(self) -> None:
        """One load, for the keys that have waited longest."""
        keys = list(self._waiting)[:KEYS_MAX]
        asked = {key: self._waiting.pop(key) for key in keys}
        try:
            found = await self._load(keys)
        except asyncio.CancelledError:
            _fail(asked.values(), GivenUp())
            raise
        except Exception as error:
            _fail(asked.values(), error)
            return
        for key, answer in asked.items():
            answer.set_result(found[key])


def _fail(answers: Iterable["asyncio.Future[V]"], error: Exception) -> None:
    for answer in answers:
        answer.set_exception(error)
        answer.exception()  # whoever asked may be gone: nobody has to fetch it


class _Asking(NamedTuple, Generic[V]):
    told: Callable[[V], None]
    failed: Callable[[], None]


class InTurn(Generic[K, V]):
    """One load after the other, and who asks is called: no future, no task and no turn of the loop for each of a
    crowd. ``job``: runs a load in the background, (work, what to do should it fail). ``every``: seconds between
    the beginnings of two loads."""

    def __init__(
        self,
        load: Callable[[Collection[K]], Awaitable[Mapping[K, V]]],
        job: Callable[[Callable[[], Awaitable[None]], Callable[[], None]], None],
        every: float = EVERY_SECONDS,
    ) -> None:
        self._load, self._job, self._every = load, job, every
        self._waiting: dict[K, list[_Asking[V]]] = {}
        self._asked: dict[K, list[_Asking[V]]] = {}
        """Whose answers are being loaded."""
        self._busy = False
        """Whether a load is under way, or due."""
        self._due = 0.0
        """When the next may begin, in the loop's time."""

    def ask(self, key: K, told: Callable[[V], None], failed: Callable[[], None]) -> None:
        """``told`` gets the answer as of a moment after the call, unless its load failed. Neither may raise."""
        self._waiting.setdefault(key, []).append(_Asking(told, failed))
        if not self._busy:
            self._go_on()

    def _go_on(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            asyncio.get_running_loop().call_at(self._due, self._begin)

    def _begin(self) -> None:
        self._due = asyncio.get_running_loop().time() + self._every
        self._job(self._answer, self._fail)

    async def _answer(self) -> None:
        """One load, for the keys that have waited longest."""
        keys = list(islice(self._waiting, KEYS_MAX))
        self._asked = {key: self._waiting.pop(key) for key in keys}
        found = await self._load(keys)
        for key, asking in self._end():
            asking.told(found[key])

    def _fail(self) -> None:
        for _, asking in self._end():
            asking.failed()

    def _end(self) -> list[tuple[K, _Asking[V]]]:
        """Who asked for what was loaded; the next load may begin."""
        asked, self._asked = self._asked, {}
        self._go_on()
        return [(key, one) for key, asking in asked.items() for one in asking]
