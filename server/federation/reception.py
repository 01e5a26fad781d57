"""Who is at the door: an inbound connection says which peer it claims to be. Part of the edge."""

import asyncio
from collections.abc import Container

import structlog

from server.app import metrics
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.federation import frames
from server.federation.connection import Gone, Socket, turn_away
from server.federation.frames import Hello

log = structlog.get_logger(__name__)

STRANGERS_MAX = 64
"""Connections that have not said who they are; three times the company."""


class Reception:
    """``peers``: the regions in the roster."""

    def __init__(self, peers: Container[str]) -> None:
        self._peers = peers
        self._strangers = 0

    async def introduced(self, socket: Socket) -> tuple[str, bytes] | None:
        """The peer a stranger claims to be, and its HELLO; None when it was turned away."""
        if self._strangers >= STRANGERS_MAX:
            await turn_away(socket, Refusal(Code.OVERLOADED, "too many unknown connections"))
            return None
        self._strangers += 1
        try:
            async with asyncio.timeout(limits.HELLO_SECONDS_MAX):
                first = await socket.receive()
            return self._claimed(first), first
        except TimeoutError:
            await turn_away(socket, Refusal(Code.EXPIRED, "no HELLO came in time"))
        except Gone:
            pass  # nobody is there to be told
        except Refused as error:
            log.warning("a stranger was refused", reason=error.refusal.message)
            metrics.FEDERATION_REJECTED.labels("unknown", error.refusal.code).inc()
            await turn_away(socket, error.refusal)
        finally:
            self._strangers -= 1
        return None

    def _claimed(self, first: bytes) -> str:
        hello = frames.decode(first)
        if not isinstance(hello, Hello):
            raise Refused(Code.BAD_FRAME, "HELLO comes first")
        if hello.region not in self._peers:
            raise Refused(Code.UNKNOWN_PEER, f"region {hello.region} is not in the roster here")
        return hello.region
