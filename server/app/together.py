"""Loading together what is asked for at the same time.

When a whole region comes back at once, thousands ask the same kind of question. While one load is on its
way the others' questions gather, and the next load answers them all: one set of statements instead of
one set each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

KEYS_MAX = 200
"""A load of 200 takes some 10 ms; what the database binds per statement is far above it."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Together(Generic[K, V]):
    """``load`` answers every key it is given, or raises for all of them."""

    def __init__(self, load: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._load = load
        self._turn = asyncio.Lock()
        self._waiting: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K) -> V:
        """The answer as of a moment after the call; raises what its load raised."""
        answer = self._waiting.get(key)
        if answer is None:
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
        async with self._turn:
            while not answer.done():
                await self._answer()
        return answer.result()

    async def _answer(self) -> None:
        """One load, for the keys that have waited longest."""
        keys = list(self._waiting)[:KEYS_MAX]
        asked = {key: self._waiting.pop(key) for key in keys}
        try:
            found = await self._load(keys)
        except asyncio.CancelledError:
            self._waiting = asked | self._waiting  # only this caller gave up: the next one loads
            raise
        except Exception as error:
            for answer in asked.values():
                answer.set_exception(error)
                answer.exception()  # whoever asked may be gone: nobody has to fetch it
            return
        for key, answer in asked.items():
            answer.set_result(found[key])
