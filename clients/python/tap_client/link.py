"""One attempt to talk to the node, whatever carries it: the small interface behind the transports.

The first frame sent is the ``hello``. ``receive`` gives the frames of the protocol in order and None for
a sign of life that is none; it raises ``LinkEnded`` once. ``send`` may raise it too.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from tap_client.frames import Frame

Token = Callable[[], str | None]
"""The token of the moment: it may be renewed while the link stands."""


class End(NamedTuple):
    """How a link ended. ``code``: the websocket's close code, None when nobody answered.

    ``retry_ms``: not before so long. ``is_absent``: the node, or something before it, does not offer
    this transport. ``is_late``: no welcome came in time."""

    code: int | None
    reason: str
    retry_ms: int = 0
    is_absent: bool = False
    is_late: bool = False


class LinkEnded(Exception):
    def __init__(self, end: End) -> None:
        super().__init__(end.reason)
        self.end = end


class Link(Protocol):
    async def open(self) -> None: ...
    async def send(self, frame: Frame) -> None: ...
    async def receive(self) -> Frame | None: ...
    async def close(self) -> None: ...


CODES = {401: 4401, 429: 4429, 503: 4503}
"""HTTP statuses that a websocket would close with."""


def end_of(status: int, retry_after: str | None = None) -> End:
    """What a refused request means for the link."""
    seconds = int(retry_after) if retry_after and retry_after.isdecimal() else 0
    code = CODES.get(status)
    return End(code, f"status {status}", seconds * 1000, code is None and status < 500)
