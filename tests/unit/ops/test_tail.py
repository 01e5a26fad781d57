"""``tap tail``: which events, from where, each on a line; from the database, and from a node that goes away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx
import pytest
from click import unstyle
from click.testing import Result

from server.domain.commands import RegisterPerson
from server.ops import config_file, core, operator
from server.ops.commands import tail as verb
from server.ops.commands.shared import Exit
from server.ops.tail import Wanted, line, names, printable, since_of
from server.ops.tail_sources import Database, Denied, Lost, Node, Page, position_at
from tests.support.node import START, TestNode, open_test_node
from tests.unit.api.site import Site, found, open_site

Tap = Callable[..., Result]
NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


def event(**more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "in:1:global:7",
        "source": "/regions/in",
        "type": "company.tap.post.published",
        "time": "2026-01-01T00:00:00.000Z",
        "tapposition": "42",
        "tapactor": "asha",
        "subject": "p1",
        "data": {"place": "c:tea", "title": "Why?", "mentions": ["bob"]},
    } | more


# ---------------------------------------------------------------- which


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted(types=("post.published",)), True),
        (Wanted(types=("company.tap.post.*", "x")), True),
        (Wanted(types=("post",)), False),
        (Wanted(place="c:tea"), True),
        (Wanted(place="c:coffee"), False),
        (Wanted(person="asha"), True),
        (Wanted(person="bob"), True),
        (Wanted(person="cleo"), False),
        (Wanted(since=NOW), True),
        (Wanted(since=NOW + 1), False),
    ],
)
def test_each_term_narrows(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(event()) is taken


def test_what_happens_to_a_community_is_at_its_place() -> None:
    joined = event(data={"community": "tea", "person": "bob"})
    assert Wanted(place="c:tea").takes(joined)
    assert names(joined, "bob")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("15m", NOW - 900_000),
        ("2h", NOW - 7_200_000),
        ("3d", NOW - 3 * 86_400_000),
        ("2025-12-31T12:00:00Z", NOW - 43_200_000),
        ("2026-01-01T01:00+01:00", NOW),
        ("2026-01-01", NOW),
        ("yesterday", None),
        ("15", None),
        ("", None),
    ],
)
def test_since_is_an_age_or_a_time(text: str, moment: int | None) -> None:
    assert since_of(text, NOW) == moment


# ---------------------------------------------------------------- on a line


def test_a_line_says_when_what_who_and_where() -> None:
    text = unstyle(line(event(), UTC))
    assert text == (
        "2026-01-01 00:00:00       42  post.published          asha          p1  c:tea  “Why?”"
    )


def test_a_long_text_is_cut_and_nothing_commands_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[31mred\nnext\u202e" + "x" * 200
    text = unstyle(line(event(data={"text": evil}), UTC))
    assert text.endswith("…”")
    assert text.isprintable()
    assert printable("a\tb\x9bc") == "a b c"


# ---------------------------------------------------------------- the database


@pytest.fixture
async def living(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        yield node


async def test_a_moment_is_found_by_a_few_looks(living: TestNode) -> None:
    place = await living.community("asha")
    for _ in range(40):
        living.clock.advance(60_000)
        await living.post("asha", place)
    source = Database(living.reader)
    looks = 0

    class Counted(Database):
        async def read(self, after: int, limit: int = 500) -> Page:
            nonlocal looks
            looks += 1
            return await super().read(after, limit)

    position = await position_at(Counted(living.reader), START + 30 * 60_000)
    (first,) = (await source.read(position, 1)).events
    (before,) = (await source.read(position - 1, 1)).events
    assert before["time"] < "2026-01-01T00:30:00" <= first["time"]
    assert looks <= 7
    assert await position_at(source, 0) == 0
    assert await position_at(source, START * 2) == await source.tip()


def test_the_last_ones_are_shown_and_filters_hold(tap: Tap, started: Path) -> None:
    lines = tap("tail").stdout.splitlines()
    assert "person.registered" in lines[-1]
    assert "ada" in lines[-1]
    assert tap("tail", "--type", "post.*").stdout == ""
    assert len(tap("tail", "--person", "ada", "--json").stdout.splitlines()) == 1
    assert len(tap("tail", "--since", "1d").stdout.splitlines()) == len(lines)


async def test_what_is_written_while_it_follows_comes_and_ctrl_c_ends_it(started: Path) -> None:
    """As an operator has it: a process of its own beside whoever writes, and no node that runs."""
    words = ("-m", "server.ops.cli", "tail", "--follow", "--json", "--type", "person.*")
    follower = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=started, env=os.environ, stdout=asyncio.subprocess.PIPE
    )
    assert follower.stdout is not None

    async def next_person() -> str:
        shown = await asyncio.wait_for(follower.stdout.readline(), 60)  # type: ignore[union-attr]
        return str(json.loads(shown)["subject"])

    try:
        assert await next_person() == "ada"
        config = config_file.load(started / "tap.toml", {}).config
        for person in ("bob", "cleo"):
            async with core.opened(config, "test") as opened:
                await operator.register(opened.handler, RegisterPerson(person=person, name=person))
            assert await next_person() == person
    finally:
        follower.send_signal(signal.SIGINT)
        await follower.wait()
    assert follower.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--since", "soon"), Exit.USAGE),
        (("--url", "http://127.0.0.1:1"), Exit.USAGE),
        (("--url", "http://127.0.0.1:1", "--token", "x"), Exit.MACHINE),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    tap: Tap, started: Path, arguments: tuple[str, ...], code: Exit
) -> None:
    answer = tap("tail", *arguments)
    assert answer.exit_code == code
    assert answer.stderr.startswith("tap: ")


# ---------------------------------------------------------------- a node


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    async with open_site(tmp_path / "second", await found(tmp_path / "first")) as site:
        yield site


async def test_a_nodes_feed_is_read_with_its_own_filter(site: Site) -> None:
    token = await site.token("asha", "service")
    source = Node(site.http, token, ["company.tap.person.registered"])
    page = await source.read(0)
    assert {one["type"] for one in page.events} == {"company.tap.person.registered"}
    assert page.position == await source.tip() == site.node.tap.position
    waiting = asyncio.ensure_future(source.wait(page.position))
    await asyncio.sleep(0)
    await site.node.register("dora")
    async with asyncio.timeout(10):
        assert [one["subject"] for one in (await waiting).events] == ["dora"]


async def test_a_node_that_does_not_let_one_in_says_why(site: Site) -> None:
    with pytest.raises(Denied, match=r"token|session|sign"):
        await Node(site.http, "tap_guessed", []).read(0)
    with pytest.raises(Denied, match="this is for"):
        await Node(site.http, await site.token("asha"), []).read(0)


async def test_a_line_that_is_cut_costs_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The node is away twice; whoever follows sees each event once."""
    monkeypatch.setattr(verb, "RETRY_SECONDS", 0)
    answers = 0

    class Unsteady(Node):
        async def wait(self, after: int) -> Page:
            nonlocal answers
            answers += 1
            if answers in (2, 3):
                raise Lost("connection refused")
            return await super().wait(after)

    await site.node.community("asha", "Tea")
    source = Unsteady(site.http, await site.token("asha", "service"), [])
    tip = site.node.tap.position
    order = verb.Order(Wanted(), 0, tip + 1, follow=True, as_json=True)
    following = asyncio.ensure_future(verb._print(source, order))
    await site.node.register("dora")
    async with asyncio.timeout(10):
        await following
    printed = capsys.readouterr()
    positions = [json.loads(text)["tapposition"] for text in printed.out.splitlines()]
    assert positions == [str(position) for position in range(1, tip + 2)]


async def test_without_a_follower_a_cut_is_said(site: Site) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(refuse), base_url="http://x"
    ) as http:
        with pytest.raises(Lost, match="refused"):
            await verb._print(Node(http, "t", []), verb.Order(Wanted(), 5, 0, False, True))
