"""Who waits for news: woken by what concerns them, by nothing else, and never too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.app.news import News
from server.app.tap import Tap
from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.visibility import Touched
from server.storage.event_log import Record
from tests.support.faults import SECONDS_MAX
from tests.support.node import TestNode, open_test_node

UNREAD: Any = None
"""In place of a reader: all of these tests is answered from memory."""


def record(position: int, *channels: str, touched: Touched | None = None) -> Record:
    return Record(position, None, "post.published", 1, "bob", None, b"", channels, touched)  # type: ignore[arg-type]


def open_tap() -> Tap:
    tap = Tap(UNREAD)
    tap.open(1, 0)
    return tap


async def woken(news: News, *channels: str, after: int = 0) -> asyncio.Future[None]:
    """Waits from now on."""
    waiting = asyncio.ensure_future(news.on(channels, after))
    await asyncio.sleep(0)
    return waiting


async def test_only_what_is_on_their_channels_wakes_them() -> None:
    tap = open_tap()
    news = News(tap)
    asha, bob = await woken(news, "g", "c:tea"), await woken(news, "g", "u:bob")
    tap.committed([record(1, "c:tea")])
    async with asyncio.timeout(SECONDS_MAX):
        await asha
    assert not bob.done()
    tap.committed([record(2, "c:chess"), record(3, "u:bob")])
    async with asyncio.timeout(SECONDS_MAX):
        await bob
    assert not news._waiters, "nobody is left behind"


async def test_what_came_before_they_sat_down_counts() -> None:
    """Between the answer's cursor and the waiting lies time."""
    tap = open_tap()
    news = News(tap)
    tap.committed([record(1, "c:chess"), record(2, "c:tea")])
    async with asyncio.timeout(SECONDS_MAX):
        await news.on(("c:tea",), 0)
    waiting = await woken(news, "c:tea", after=2)
    assert not waiting.done()
    tap.committed([record(3, "c:tea")])
    async with asyncio.timeout(SECONDS_MAX):
        await waiting


async def test_what_came_while_looking_back_counts() -> None:
    """A look into the log takes time, and the next commit does not wait for it."""
    tap = open_tap()
    news = News(tap)
    tap.committed([record(1, "c:chess")])

    async def slow(after: int, limit: int) -> list[Record]:
        if after == 0:
            tap.committed([record(2, "c:tea")])
            return [record(1, "c:chess")]
        return [record(2, "c:tea")]

    tap.read = slow  # type: ignore[method-assign]
    async with asyncio.timeout(SECONDS_MAX):
        await news.on(("c:tea",), 0)


async def test_a_value_wakes_a_moment_later_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tap = open_tap()
    news = News(tap)
    ballot = Touched("poll", "p", ("c:tea",))
    waiting = await woken(news, "c:tea")
    tap.committed([record(n, "u:bob", touched=ballot) for n in (1, 2)])
    await asyncio.sleep(0)
    assert not waiting.done()
    tap.committed([record(3, "c:tea")])
    async with asyncio.timeout(SECONDS_MAX):
        await waiting
    monkeypatch.setattr(limits, "VALUE_SECONDS_MIN", 0.0)
    async with asyncio.timeout(SECONDS_MAX):
        await news.on(("c:tea",), 1)


async def test_a_stopping_node_lets_nobody_wait() -> None:
    news = News(open_tap())
    waiting = await woken(news, "c:tea")
    news.close()
    async with asyncio.timeout(SECONDS_MAX):
        await waiting
        await news.on(("c:tea",), 0)


async def test_who_hangs_up_leaves_nothing_behind() -> None:
    news = News(open_tap())
    waiting, stays = await woken(news, "c:tea", "g"), await woken(news, "g")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert list(news._waiters) == ["g"]
    news.close()
    await stays


async def test_a_person_waits_so_often_and_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LONG_POLLS_PER_PERSON_MAX", 2)
    news = News(open_tap())
    with news.turn("asha"), news.turn("asha"), news.turn("bob"):
        with pytest.raises(Refused) as refused, news.turn("asha"):
            pass
        assert refused.value.refusal.code is Code.RATE_LIMITED
    with news.turn("asha"):
        pass
    assert not news._people


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as node:
        yield node


async def test_a_real_commit_wakes(node: TestNode) -> None:
    news = News(node.tap)
    await node.register("asha")
    place = await node.community("asha")
    waiting = await woken(news, place, after=node.tap.position)
    await node.post("asha", place)
    async with asyncio.timeout(SECONDS_MAX):
        await waiting
