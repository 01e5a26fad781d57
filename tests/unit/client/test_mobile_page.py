"""docs/howto/mobile-client.md: its program is run as it stands there, against a scripted node."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tap_client.address import live_address

from tests.unit.client.fake_node import SECONDS_MAX, Line, fake_node

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "mobile-client.md"
POST = {"do": "post.publish", "place": "c:a", "kind": "update", "text": "Guten Tag"}


def program() -> SimpleNamespace:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(text, str(PAGE), "exec"), names)
    names["STEADY"] = 0.0
    return SimpleNamespace(**names)


class Hand:
    """Somebody's phone: what it was given and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.program = program()
        self.kept = self.program.Kept(folder / "phone.db")
        self.tokens = ["one", "two"]
        self.loads = 0
        self.told: list[tuple[str, str]] = []

    async def give_token(self) -> str:
        return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]

    async def load_anew(self) -> None:
        self.loads += 1

    def refused(self, key: str, error: dict[str, Any]) -> None:
        self.told.append((key, error["code"]))

    @asynccontextmanager
    async def phone(self, url: str) -> AsyncIterator[Any]:
        phone = self.program.Phone(
            live_address(url), self.give_token, self.kept, self.refused, self.load_anew
        )
        # Waits of the program itself are not this test's: it is always in a hurry.
        phone.pause = self._no_pause
        async with asyncio.TaskGroup() as tasks:  # an error of the program fails its test at once
            running = tasks.create_task(phone.run())
            yield phone
            running.cancel()

    async def _no_pause(self) -> None:
        await asyncio.sleep(0)


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hand:
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # a proxy cannot reach this machine's own node
    return Hand(tmp_path)


async def test_it_loses_nothing_and_doubles_nothing(hand: Hand) -> None:
    keys: list[str] = []
    done = asyncio.Event()

    async def first(line: Line) -> None:
        assert (await line.welcome())["token"] == "one"
        await line.event(11)
        await line.event(12)
        keys.append((await line.heard("do"))["key"])
        line.cut()

    async def second(line: Line) -> None:
        hello = await line.welcome("1.14", "complete")
        assert hello["cursor"] == "1.12"
        keys.append((await line.heard("do"))["key"])
        for position in (12, 13, 14):
            await line.event(position)
        await line.say(t="mark", cursor="1.14")
        await line.say(t="done", key=keys[0], ok=True, answer={}, cursor="1.15")
        refused = await line.heard("do")
        error = {"code": "locked", "message": "no", "retry": False}
        await line.say(t="done", key=refused["key"], ok=False, error=error)
        await line.close(4401, "expired")

    async def third(line: Line) -> None:
        hello = await line.welcome("1.14", "complete")
        assert (hello["token"], hello["cursor"]) == ("two", "1.14")
        done.set()
        await line.gone()

    async with fake_node(first, second, third) as url, hand.phone(url) as phone:
        await phone.do("key-0001", POST)
        await phone.do("key-0002", POST)
        await asyncio.wait_for(done.wait(), SECONDS_MAX)
    assert keys == ["key-0001", "key-0001"]
    assert hand.told == [("key-0002", "locked")]
    assert hand.loads == 1
    rows = hand.kept.db.execute("SELECT position FROM event").fetchall()
    assert [position for (position,) in rows] == [11, 12, 13, 14]
    assert hand.kept.first() is None


async def test_it_renews_its_token_and_rests_in_the_background(hand: Hand) -> None:
    rested, renewed = asyncio.Event(), asyncio.Event()

    async def node(line: Line) -> None:
        await line.welcome()
        await line.say(t="expiring", expires_at=1)
        assert (await line.heard("token"))["token"] == "two"
        renewed.set()
        await line.heard("background")
        await line.heard("foreground")
        assert (await line.heard("ping"))["t"] == "ping"
        await line.say(t="pong", server_time=0)
        rested.set()
        await line.gone()

    async with fake_node(node) as url, hand.phone(url) as phone:
        await asyncio.wait_for(renewed.wait(), SECONDS_MAX)
        await phone.background()
        await phone.foreground()
        await asyncio.wait_for(rested.wait(), SECONDS_MAX)


async def test_the_same_token_again_is_for_the_person(hand: Hand) -> None:
    hand.tokens = ["one"]

    async def node(line: Line) -> None:
        await line.heard("hello")
        await line.close(4401, "expired")

    async with fake_node(node) as url:
        phone = hand.program.Phone(
            live_address(url), hand.give_token, hand.kept, hand.refused, hand.load_anew, lambda: 0.0
        )
        phone.pause = hand._no_pause
        with pytest.raises(hand.program.SignIn):
            await asyncio.wait_for(phone.run(), SECONDS_MAX)


async def test_a_token_the_node_never_heard_of_was_not_refused(hand: Hand) -> None:
    """The node closed over the first one while the second was on its way."""
    hand.tokens = ["one", "two", "two"]
    hellos: list[str] = []
    done = asyncio.Event()

    async def first(line: Line) -> None:
        hellos.append((await line.welcome())["token"])
        await line.say(t="expiring", expires_at=1)
        await line.heard("token")
        await line.close(4401, "expired")

    async def second(line: Line) -> None:
        hellos.append((await line.welcome("1.10", "complete"))["token"])
        done.set()
        await line.gone()

    async with fake_node(first, second) as url, hand.phone(url):
        await asyncio.wait_for(done.wait(), SECONDS_MAX)
    assert hellos == ["one", "two"]


async def test_a_dead_connection_is_found_out_soon_after_the_network_changed(hand: Hand) -> None:
    begun, again = asyncio.Event(), asyncio.Event()

    async def dead(line: Line) -> None:
        await line.welcome()
        begun.set()
        await line.heard("ping")
        await line.gone()

    async def alive(line: Line) -> None:
        await line.welcome("1.10", "complete")
        again.set()
        await line.gone()

    async with fake_node(dead, alive) as url, hand.phone(url) as phone:
        await asyncio.wait_for(begun.wait(), SECONDS_MAX)
        # It has begun to wait for 30 s of silence.
        phone.network_changed.__globals__["PROBE"] = 0.05
        await phone.network_changed()
        await asyncio.wait_for(again.wait(), SECONDS_MAX)


async def test_what_finds_no_room_comes_again(hand: Hand) -> None:
    full, heard = asyncio.Event(), asyncio.Event()

    async def first(line: Line) -> None:
        await line.welcome()
        hand.kept.db.execute("PRAGMA max_page_count=1")  # no more than there is
        await line.event(11, text="x" * 20_000)
        await line.gone()
        hand.kept.db.execute("PRAGMA max_page_count=1000")
        full.set()

    async def second(line: Line) -> None:
        assert (await line.welcome("1.11", "complete"))["cursor"] == "1.10"
        await line.event(11)
        await line.say(t="mark", cursor="1.11")
        assert (await line.heard("do"))["key"] == "key-0001"
        heard.set()
        await line.gone()

    async with fake_node(first, second) as url, hand.phone(url) as phone:
        await asyncio.wait_for(full.wait(), SECONDS_MAX)
        await phone.do("key-0001", POST)
        await asyncio.wait_for(heard.wait(), SECONDS_MAX)
    assert hand.kept.cursor() == "1.11"


@pytest.mark.parametrize("code", [1009, 4400, 4413])
async def test_a_command_the_node_closes_over_holds_up_nobody(hand: Hand, code: int) -> None:
    keys: list[str] = []
    done = asyncio.Event()

    async def first(line: Line) -> None:
        await line.welcome()
        keys.append((await line.heard("do"))["key"])
        await line.close(code, "too much")

    async def second(line: Line) -> None:
        await line.welcome("1.10", "complete")
        keys.append((await line.heard("do"))["key"])
        done.set()
        await line.gone()

    async with fake_node(first, second) as url, hand.phone(url) as phone:
        await phone.do("key-0001", POST)
        await phone.do("key-0002", POST)
        await asyncio.wait_for(done.wait(), SECONDS_MAX)
    assert keys == ["key-0001", "key-0002"]
    assert [key for key, _ in hand.told] == ["key-0001"]


async def test_a_command_the_node_fails_at_holds_up_nobody(hand: Hand) -> None:
    hand.program.Phone.answered.__globals__["AGAIN"] = 0.0
    done = asyncio.Event()

    async def node(line: Line) -> None:
        await line.welcome()
        for code in ("internal", "overloaded", "internal", "internal"):
            key = (await line.heard("do"))["key"]
            error = {"code": code, "message": "", "retry": True}
            assert key == "key-0001"
            await line.say(t="done", key=key, ok=False, error=error)
        assert (await line.heard("do"))["key"] == "key-0002"
        done.set()
        await line.gone()

    async with fake_node(node) as url, hand.phone(url) as phone:
        await phone.do("key-0001", POST)
        await phone.do("key-0002", POST)
        await asyncio.wait_for(done.wait(), SECONDS_MAX)
    assert hand.told == [("key-0001", "internal")]


async def test_a_command_the_node_may_have_forgotten_is_not_sent(hand: Hand) -> None:
    keys: list[str] = []
    done = asyncio.Event()

    async def node(line: Line) -> None:
        await line.welcome()
        keys.append((await line.heard("do"))["key"])
        done.set()
        await line.gone()

    hand.kept.put("key-0001", POST)
    hand.kept.db.execute("UPDATE outbox SET since = since - 7 * 86400")
    hand.kept.put("key-0002", POST)
    async with fake_node(node) as url, hand.phone(url):
        await asyncio.wait_for(done.wait(), SECONDS_MAX)
    assert keys == ["key-0002"]
    assert hand.told == [("key-0001", "stale")]
