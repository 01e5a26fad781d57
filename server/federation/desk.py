"""What links ask of the log and the writer, and their answers. Part of the edge."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from server.domain.errors import Code, Refusal
from server.domain.events import Event
from server.domain.ids import EventId, LaneKey
from server.domain.wire import LaneBatch
from server.federation import meters
from server.federation.pages import Pages
from server.federation.peers import Peer
from server.federation.relay import Relay
from server.federation.steps import (
    Applied,
    ApplyRefused,
    Input,
    LoadPage,
    PageLoaded,
    TipsLoaded,
)

log = structlog.get_logger(__name__)


class Writer(Protocol):
    """``app.handle.Handler``: answers only once the events are committed (I1), with up to where the lane is whole;
    skips known ones."""

    async def apply(self, batch: LaneBatch) -> int | Refusal: ...


class CommittedEvent(Protocol):
    """``storage.event_log.Record``, as far as links care."""

    @property
    def id(self) -> EventId: ...
    @property
    def event(self) -> Event | None: ...


class Log(Protocol):
    """``app.tap.Tap``: calls the listener on the loop after each commit, in order."""

    @property
    def epoch(self) -> int: ...
    @property
    def position(self) -> int: ...
    def subscribe(self, listener: Callable[[Sequence[CommittedEvent]], None]) -> None: ...


class Desk:
    """One per node. ``spawn`` starts a task of the links; ``feed`` gives an answer to a link; ``moved`` is told up to
    where a lane of another region is whole."""

    def __init__(
        self,
        pages: Pages,
        handler: Writer,
        relay: Relay,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        feed: Callable[[Peer, Input], None],
        moved: Callable[[LaneKey, int], None],
    ) -> None:
        self.pages = pages
        self._handler, self._relay = handler, relay
        self._spawn, self._feed, self._moved = spawn, feed, moved
        self._loads: dict[LoadPage, list[Peer]] = {}

    def load_page(self, peer: Peer, wanted: LoadPage) -> None:
        """Peers that live at the tip ask for the same page: read, sign, encode and pack it once."""
        waiting = self._loads.setdefault(wanted, [])
        waiting.append(peer)
        if len(waiting) == 1:
            self._spawn(self._page(wanted))

    async def _page(self, wanted: LoadPage) -> None:
        key, after, course, _ = wanted
        try:
            page = await self.pages.page(*wanted)
        except Exception:
            log.exception("a page of the log cannot be read", lane=key.lane, after=after)
            for peer in self._loads.pop(wanted):
                peer.hang_up()
            return
        for peer in self._loads.pop(wanted):
            self._feed(peer, PageLoaded(key, after, page, course))

    def load_tips(self, peer: Peer, conn: int) -> None:
        self._spawn(self._tips(peer, conn))

    async def _tips(self, peer: Peer, conn: int) -> None:
        try:
            tips = await self.pages.tips()
        except Exception:
            log.exception("the tips of the log cannot be read")
            peer.hang_up()
            return
        self._relay.loaded({key: tip.seq for key, tip in tips.items()})
        self._feed(peer, TipsLoaded(conn, tips))

    def apply(self, peer: Peer, batch: LaneBatch) -> None:
        self._spawn(self._applied(peer, batch))

    async def _applied(self, peer: Peer, batch: LaneBatch) -> None:
        try:
            outcome = await self._handler.apply(batch)
        except Exception:
            log.exception("a batch cannot be applied", peer=peer.region, lane=batch.key.lane)
            outcome = Refusal(Code.INTERNAL, "the batch cannot be applied; see the log")
        if isinstance(outcome, Refusal):
            self._feed(peer, ApplyRefused(batch.key, outcome))
        else:
            meters.count(peer.region, "in", 0, len(batch.events))
            if batch.early:
                self._relay.came(batch.key)
            self._moved(batch.key, outcome)
            self._feed(peer, Applied(batch.key, outcome))


async def guarded(work: Coroutine[Any, Any, None]) -> None:
    """Our own mistake in one task must not take the others along."""
    try:
        await work
    except Exception:
        log.exception("a task of the links failed")
