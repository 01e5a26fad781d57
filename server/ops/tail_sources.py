"""Where ``tap tail`` reads: the database on this machine, or a node's event feed anywhere.

Both are cursors: ``read`` goes on from a position, so a node that restarts or a line that is cut costs nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

import httpx

from server.app.cloudevents import CloudEvent, cloud_event
from server.domain.ids import Cursor
from server.ops.tail import at
from server.storage import event_log
from server.storage import tables as t
from server.storage.reader import Reader, Snapshot

PAGE_EVENTS = 500
LOOK_SECONDS = 0.5
"""How often the database is looked at: another process cannot be told of a commit."""
WAIT_SECONDS = 25
"""How long a node holds a request that finds nothing."""


class Lost(Exception):
    """The source cannot be reached just now; the text says why."""


class Denied(Exception):
    """The source will not answer, now or later; the text says why."""


class Page(NamedTuple):
    events: list[CloudEvent]
    position: int
    """Where to go on."""


class Source(Protocol):
    async def tip(self) -> int:
        """The last position there is."""

    async def read(self, after: int, limit: int = PAGE_EVENTS) -> Page:
        """What comes after a position, now."""

    async def wait(self, after: int) -> Page:
        """The same, but it waits a while for something to come."""


class Database:
    """The log itself, whether the node runs or not. Shown as the feed shows it, with all names."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def tip(self) -> int:
        async with self._reader.snapshot() as snapshot:
            return await snapshot.position()

    async def read(self, after: int, limit: int = PAGE_EVENTS) -> Page:
        async with self._reader.snapshot() as snapshot:
            epoch = await _epoch(snapshot)
            records = await event_log.page(snapshot, after, limit)
        events = [cloud_event(record, epoch) for record in records]
        return Page(events, records[-1].position if records else after)

    async def wait(self, after: int) -> Page:
        page = await self.read(after)
        if page.position == after:
            await asyncio.sleep(LOOK_SECONDS)
        return page


async def _epoch(snapshot: Snapshot) -> int:
    row = await snapshot.one(t.node.select())
    return int(row.epoch + row.reading) if row else 0


class Node:
    """A running node's feed; with the names that its token may know. ``types``: the feed's own filter."""

    def __init__(self, http: httpx.AsyncClient, token: str, types: Sequence[str]) -> None:
        self._http, self._types = http, types
        self._headers = {"Authorization": f"Bearer {token}"}
        self._epoch = 0

    async def tip(self) -> int:
        said = (await self._ask("/api/v1/node", {})).json()
        self._epoch = int(said["epoch"], 16)
        return int(said["position"])

    async def read(self, after: int, limit: int = PAGE_EVENTS) -> Page:
        return await self._page(after, limit, 0)

    async def wait(self, after: int) -> Page:
        return await self._page(after, PAGE_EVENTS, WAIT_SECONDS * 1000)

    async def _page(self, after: int, limit: int, wait_ms: int) -> Page:
        if not self._epoch:
            await self.tip()
        query: dict[str, str | list[str]] = {
            "after": str(Cursor(self._epoch, after)) if after else "",
            "limit": str(limit),
            "wait_ms": str(wait_ms),
            "type": list(self._types),
        }
        answer = await self._ask("/api/v1/tap", query)
        return Page(answer.json(), Cursor.parse(answer.headers["tap-cursor"]).position)

    async def _ask(self, path: str, query: dict[str, str | list[str]]) -> httpx.Response:
        try:
            answer = await self._http.get(path, params=query, headers=self._headers)
        except httpx.HTTPError as error:
            raise Lost(str(error) or type(error).__name__) from None
        if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Lost(f"it answers {answer.status_code}")
        if answer.is_error:
            raise Denied(_reason(answer))
        return answer


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"it answers {answer.status_code}, and is perhaps no Tap node"


@asynccontextmanager
async def node_at(url: str, token: str, types: Sequence[str]) -> AsyncIterator[Node]:
    async with httpx.AsyncClient(base_url=url, timeout=WAIT_SECONDS + 10) as http:
        yield Node(http, token, types)


async def position_at(source: Source, moment: int) -> int:
    """About where the events written since a moment (UTC ms) begin: some 25 looks at the log, however long it is.

    Events of other regions come later than they were written, so it is where the times pass the moment first."""
    low, high = 0, await source.tip()
    while low < high:
        middle = (low + high) // 2
        page = await source.read(middle, 1)
        if page.events and at(page.events[0]) < moment:
            low = page.position
        else:
            high = middle
    return low
