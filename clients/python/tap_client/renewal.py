"""Asking for tokens: one question at a time, however many want the answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tap_client.backoff import delay_seconds
from tap_client.errors import Refused, TapError, Unreachable

Provider = Callable[[], Awaitable[str]]
"""Gives a token that is good for a while. Raises Unauthenticated when only a person can help, and
Unreachable or OSError when it should be asked again."""

log = logging.getLogger("tap_client")


class Renewal:
    """``take``: who gets the token; raises Unauthenticated for one that was refused before."""

    def __init__(
        self, provider: Provider, take: Callable[[str], None], chance: Callable[[], float]
    ) -> None:
        self._provider = provider
        self._take = take
        self._chance = chance
        self._asking: asyncio.Task[None] | None = None
        self._in_time: asyncio.Task[None] | None = None

    async def now(self) -> None:
        """Before connecting. Raises Unreachable, OSError to ask again later, else a final TapError."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    def in_time(self) -> None:
        """While connected: until there is one, or nobody can help."""
        if self._in_time is None or self._in_time.done():
            self._in_time = asyncio.create_task(self._ask_until_given())

    def stop(self) -> None:
        for task in (self._asking, self._in_time):
            if task is not None:
                task.cancel()

    async def _ask(self) -> None:
        try:
            self._take(await self._provider())
        except Refused as error:
            if error.retry:
                raise Unreachable(str(error)) from error
            raise

    async def _ask_until_given(self) -> None:
        attempt = 0
        while True:
            try:
                await self.now()
                return
            except (Unreachable, OSError) as error:
                log.info("no new token: %s", error)
            except TapError as error:
                log.warning("no new token: %s", error)  # the node closes when the old one ends
                return
            await asyncio.sleep(delay_seconds(attempt, self._chance))
            attempt += 1
