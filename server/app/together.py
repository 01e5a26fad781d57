"""Loading together what is asked for at the same time.

When a whole region comes back at once, thousands ask the same kind of question. While one load is on its
way the others' questions gather, and the next load answers them all: one set of statements instead of
one set each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

KEYS_MAX = 200
"""A load of 200 takes some 10 ms; what the database binds per statement is far above it."""

LOADS_MAX = 2
"""Loads on their way at once: one that is stuck does not hold up the next questions. More would share less."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class GivenUp(Exception):
    """Whoever loaded this was cancelled: ask again."""


class Together(Generic[K, V]):
    """``load`` answers every key it is given, or raises for all of them. ``loads_max``: of them at once."""

    def __init__(
        self,
        load: Callable[[Collection[K]], Awaitable[Mapping[K, V]]],
        loads_max: int | None = None,
    ) -> None:
        self._load = load
        self._turns = asyncio.Semaphore(loads_max or LOADS_MAX)
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
