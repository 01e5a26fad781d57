"""One link's two directions, until one of them ends."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from tap_client.delivery import Delivery
from tap_client.errors import ProtocolError, TapError
from tap_client.frames import Frame
from tap_client.link import End, Link, LinkEnded

log = logging.getLogger("tap_client")


class Conversation:
    """``say`` and ``cut`` may be called from anywhere; frames go out in the order of ``say``."""

    def __init__(self, link: Link, delivery: Delivery) -> None:
        self._link = link
        self._delivery = delivery
        self._outgoing: asyncio.Queue[Frame] = asyncio.Queue()
        self._cut: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def say(self, frame: Frame) -> None:
        self._outgoing.put_nowait(frame)

    def cut(self, reason: str) -> None:
        """End it from our side."""
        if not self._cut.done():
            self._cut.set_result(reason)

    async def run(
        self, heard: Callable[[Frame | None], None], may_read: Callable[[bool], bool]
    ) -> NoReturn:
        """``heard`` gets each frame, None for a sign of life. ``may_read`` is told False before reading
        pauses because the application has too much to do (and may object), and True after it.

        Raises LinkEnded, and what ``heard`` raises."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(heard, may_read))
                tasks.create_task(self._write())
                tasks.create_task(self._end_when_cut())
        except* (LinkEnded, TapError) as group:
            raise first(group) from None
        raise AssertionError("a conversation ends by an error")

    async def _read(
        self, heard: Callable[[Frame | None], None], may_read: Callable[[bool], bool]
    ) -> None:
        while True:
            try:
                heard(await self._link.receive())
            except ProtocolError as error:
                log.warning("%s: closing", error)
                raise LinkEnded(End(1002, str(error))) from error
            while self._delivery.is_full and may_read(False):
                await self._delivery.room()
                may_read(True)

    async def _write(self) -> None:
        while True:
            await self._link.send(await self._outgoing.get())

    async def _end_when_cut(self) -> None:
        raise LinkEnded(End(None, await self._cut))


def first(error: BaseException) -> BaseException:
    """The error itself, out of the groups task groups wrap around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
