"""The edge of ``asking``: who waits for which answer, and for how long.

At most ``ASKS_PER_PEER_MAX`` are under way in each direction (I9). An answer goes back over the connection its
question came by, so it can never be taken for another's.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from server.app import metrics
from server.app.handle import Answer
from server.domain import limits
from server.domain.commands import Command
from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import Cursor
from server.federation import asking
from server.federation.frames import Ask, Told

Outcome = Answer | Refusal
Answerer = Callable[[str, str, str, Command], Awaitable[Outcome]]
"""(asking region, person, key, command): ``app.handle.Handler.handle_asked``."""
Say = Callable[[str, Ask | Told, int | None], bool]
"""Send to a region's link, over one connection if it is named; False when nobody there is listening."""


class Questions:
    """``where``: up to where this node's log stands. ``first``: the first question's number, by chance,
    so that an answer meant for this node before a restart fits no question after it."""

    def __init__(
        self,
        *,
        say: Say,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        answer: Answerer,
        where: Callable[[], Cursor],
        first: int,
    ) -> None:
        self._say, self._spawn, self._answer, self._where = say, spawn, answer, where
        self._next = first
        self._open: dict[int, tuple[str, asyncio.Future[Outcome]]] = {}
        self._answering: Counter[str] = Counter()

    # -- asking ----------------------------------------------------------------------------------------

    async def ask(self, region: str, person: str, key: str, command: Command) -> Outcome:
        """The other region's decision, or ``peer_unreachable``: then nobody knows whether it was carried
        out, and the same key asks again."""
        outcome = await self._asked(region, person, key, command)
        code = outcome.code if isinstance(outcome, Refusal) else "ok"
        metrics.FEDERATION_ASKED.labels(region, code).inc()
        return outcome

    async def _asked(self, region: str, person: str, key: str, command: Command) -> Outcome:
        under_way = sum(asked == region for asked, _ in self._open.values())
        if under_way >= limits.ASKS_PER_PEER_MAX:
            metrics.LIMITS_HIT.labels("ASKS_PER_PEER_MAX").inc()
            return Refusal(Code.OVERLOADED, f"much is being asked of region {region}; try again")
        id, self._next = self._next, self._next + 1
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._open[id] = region, future
        try:
            if not self._say(region, asking.question(id, person, key, command), None):
                return _unreachable(region)
            async with asyncio.timeout(limits.ASK_SECONDS_MAX):
                return await future
        except TimeoutError:
            return _unreachable(region)
        finally:
            del self._open[id]

    def lost(self, region: str) -> None:
        """The connection to a region is gone: nobody needs to wait for the time-out."""
        for asked, future in self._open.values():
            if asked == region and not future.done():
                future.set_result(_unreachable(region))

    # -- answering -------------------------------------------------------------------------------------

    def heard(self, region: str, conn: int, frame: Ask | Told) -> None:
        if isinstance(frame, Told):
            self._told(region, frame)
        elif self._answering[region] >= limits.ASKS_PER_PEER_MAX:
            metrics.LIMITS_HIT.labels("ASKS_PER_PEER_MAX").inc()
            refusal = Refusal(Code.OVERLOADED, "too much is being asked at once; try again")
            self._say(region, asking.told(frame.id, refusal), conn)
        else:
            self._answering[region] += 1
            self._spawn(self._decide(region, conn, frame))

    def _told(self, region: str, frame: Told) -> None:
        asked, future = self._open.get(frame.id, ("", None))
        # What nobody asked this region, or no longer, is nobody's answer.
        if future is not None and asked == region and not future.done():
            here = self._where()
            future.set_result(asking.outcome_of(region, frame, here.position, str(here)))

    async def _decide(self, region: str, conn: int, ask: Ask) -> None:
        outcome: Outcome = Refusal(Code.INTERNAL, "the other region made a mistake; see its log")
        try:
            outcome = await self._answer(region, ask.person, ask.key, asking.command_of(ask))
        except Refused as refused:
            outcome = refused.refusal
        finally:
            self._answering[region] -= 1
            self._say(region, asking.told(ask.id, outcome), conn)


def _unreachable(region: str) -> Refusal:
    return Refusal(
        Code.PEER_UNREACHABLE, f"region {region} has to decide this and does not answer; try again"
    )


async def nobody(_region: str, person: str, _key: str, _command: Command) -> Outcome:
    """Where nothing is decided for others."""
    return Refusal(Code.FORBIDDEN, f"nothing is decided here for {person}")
