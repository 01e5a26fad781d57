"""Catching up while others write: nothing missed, nothing twice, no cursor that leads nowhere."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.app import sync as sync_module
from server.app.sync import Interests, Page, Reset, Sync, event_map, load_interests, seen_by
from server.app.tap import TAIL_RECORDS
from server.domain import events as e
from server.domain.errors import Refusal
from server.domain.events import ReactionChanged, ReplyPublished
from server.domain.ids import Cursor, derived_object_id
from server.storage.queries.shapes import Counts, FirstLoad
from tests.support.node import START, ForeignLog, TestNode, open_test_node

SECONDS_MAX = 30


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as opened:
        for person in ("asha", "bob", "cleo"):
            await opened.register(person)
        yield opened


def of(node: TestNode) -> Sync:
    return Sync(node.reader, node.tap, node.region, node.clock)


async def page_of(sync: Sync, person: str, cursor: str, *channels: str, **more: Any) -> Page:
    found = await sync.since(person, Cursor.parse(cursor), channels, **more)
    assert isinstance(found, Page), found
    return found


def cursor_at(node: TestNode, position: int) -> str:
    return str(Cursor(node.tap.epoch, position))


async def test_a_cursor_of_another_log_or_ahead_of_this_one_is_reset(node: TestNode) -> None:
    sync = of(node)
    for cursor, reason in (
        (Cursor(1, 1), "unknown_epoch"),
        (Cursor(node.tap.epoch, node.tap.position + 1), "ahead"),
    ):
        found = await sync.since("asha", cursor)
        assert isinstance(found, Reset)
        assert found.reset.reason == reason
        # From the cursor that came with it, reading goes on.
        assert isinstance(await sync.since("asha", Cursor.parse(found.cursor)), Page)


async def test_who_is_not_here_gets_nothing(node: TestNode) -> None:
    sync, cursor = of(node), Cursor(node.tap.epoch, 0)
    assert isinstance(await sync.snapshot("nobody"), Refusal)
    assert isinstance(await sync.since("nobody", cursor), Refusal)
    async with node.reader.snapshot() as tx:
        asked = ("nobody", frozenset(["g"]))
        assert await load_interests(tx, [asked]) == {asked: Interests(frozenset(), frozenset())}


async def test_readers_that_poll_while_others_write_miss_nothing(node: TestNode, seed: int) -> None:
    """I3, with pages of random sizes against commits in flight."""
    chance, sync = random.Random(seed), of(node)
    places = [await node.community("asha", f"C{n}") for n in range(3)]
    for place in places[:2]:
        await node.do("bob", "membership.set", community=place[2:], joined=True)
    start = node.tap.position
    writing = asyncio.Event()

    async def write(writer: int) -> None:
        for number in range(30):
            place = places[(writer + number) % 3]
            await node.post("asha", place, "x", key=f"writer-{writer}-{number}")

    async def read() -> list[int]:
        seen: list[int] = []
        cursor = cursor_at(node, start)
        while True:
            last_round = writing.is_set()
            page = await page_of(sync, "bob", cursor, limit=chance.randrange(1, 9))
            assert Cursor.parse(page.cursor).position <= node.tap.position
            seen += [event.position for event in page.events]
            cursor = page.cursor
            if last_round and not page.more:
                return seen
            await asyncio.sleep(0)

    async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read()) for _ in range(3)]
        async with asyncio.TaskGroup() as writers:
            for writer in range(3):
                writers.create_task(write(writer))
        writing.set()
    records = await node.tap.read(start, 1000)
    owed = [record.position for record in records if {*places[:2], "u:bob"} & set(record.channels)]
    assert len(owed) == 60
    for reader in readers:
        assert reader.result() == owed


async def test_a_first_load_amid_commits_goes_on_without_a_reset(node: TestNode) -> None:
    """The database shows a commit before the tap announces it: its cursor must not go out earlier."""
    sync = of(node)
    tea = await node.community("asha", "Tea")

    async def write() -> None:
        for number in range(40):
            await node.post("asha", tea, str(number))

    async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(write())
        while not writer.done():
            first = await sync.snapshot("asha")
            assert isinstance(first, FirstLoad)
            assert Cursor.parse(first.cursor).position <= node.tap.position
            page = await page_of(sync, "asha", first.cursor)
            for event in page.events:
                assert event.body.get("post") not in first.posts


async def test_no_value_is_lost_between_pages(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_module, "VALUES_PER_PAGE", 3)
    sync, tea = of(node), await node.community("asha", "Tea")
    made = [await node.post("asha", tea, str(n)) for n in range(8)]
    start = cursor_at(node, node.tap.position)
    for post in (*made, *made[:4]):
        await node.do("bob", "reaction.set", target=post, reaction="helpful", on=True)
        await node.do("cleo", "reaction.set", target=post, reaction="helpful", on=True)
        await node.post("asha", tea, "in between")
    latest: dict[str, Counts] = {}
    cursor, pages = start, 0
    while True:
        page = await page_of(sync, "asha", cursor, limit=5)
        latest |= {
            value.id: value.value for value in page.values if isinstance(value.value, Counts)
        }
        cursor, pages = page.cursor, pages + 1
        if not page.more:
            break
    assert pages > 2
    assert {post: counts.helpful for post, counts in latest.items()} == dict.fromkeys(made, 2)


async def test_a_reply_comes_with_what_was_said_of_it_before_it_came(node: TestNode) -> None:
    """As on a socket: whoever was told its counters earlier knew no such reply."""
    sync, tea = of(node), await node.community("asha", "Tea")
    root = await node.post("asha", tea, "hello")
    reply, at = derived_object_id(1, "reply"), node.clock.now
    helpful = ReactionChanged(
        target=reply, root=root, place=tea, author="emil", reaction="helpful", rev=1, on=True
    )
    await node.handler.apply(ForeignLog("fr").batch(at, ("dora", helpful)))
    before = cursor_at(node, node.tap.position)
    said = ReplyPublished(
        post=reply, kind="reply", place=tea, root=root, parent=root, at=at, text="hi"
    )
    await node.handler.apply(ForeignLog("de").batch(at, ("emil", said)))
    page = await page_of(sync, "asha", before, f"t:{root}")
    told = {value.id: value.value for value in page.values if isinstance(value.value, Counts)}
    assert told[reply].helpful == 1


async def test_further_channels_are_watched_if_they_may_be(node: TestNode) -> None:
    sync = of(node)
    tea = await node.community("asha", "Tea")
    vault = await node.community("asha", "Vault", visibility="private")
    root = await node.post("asha", tea)
    hidden = await node.post("asha", vault)
    start = cursor_at(node, node.tap.position)
    reply = await node.reply("asha", root)
    await node.reply("asha", hidden)
    asked = [f"t:{root}", f"t:{hidden}", vault, "u:asha", "nonsense", f"t:{root}"]
    page = await page_of(sync, "cleo", start, *asked)
    assert [event.body["post"] for event in page.events] == [reply]
    assert page.channels == ("g", "u:cleo", f"t:{root}")
    assert [one.channel for one in page.refused] == [f"t:{hidden}", vault, "u:asha", "nonsense"]


async def test_records_of_places_one_may_not_read_are_left_out(node: TestNode) -> None:
    """Whatever another region's node put on a person's own channel."""
    vault = await node.community("asha", "Vault", visibility="private")
    post = await node.post("asha", vault)
    records = await node.tap.read(0, 100)
    async with node.reader.snapshot() as tx:
        seen = await seen_by(tx, "cleo", ["g", "u:cleo"], records)
        assert {record.type for record in records} - {record.type for record in seen} == {
            "post.published"
        }
        assert await seen_by(tx, "asha", ["g", "u:asha", vault], records) == list(records)
        # Who may watch the thread was asked about its place.
        assert await seen_by(tx, "cleo", ["g", "u:cleo", f"t:{post}"], records) == list(records)


async def test_a_frame_is_plain_json(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    post = await node.post("asha", tea, "hello")
    (record,) = [r for r in await node.tap.read(0, 100) if r.type == "post.published"]
    frame = msgspec.json.decode(msgspec.json.encode(event_map(record)))
    assert frame == {
        "t": "event",
        "position": record.position,
        "id": str(record.id),
        "type": "post.published",
        "at": record.at,
        "by": "asha",
        "channels": [tea, f"t:{post}"],
        "body": {"post": post, "kind": "update", "place": tea, "at": record.at, "text": "hello"},
    }
    opened = (await node.tap.read(0, 1))[0]
    assert isinstance(
        msgspec.json.decode(msgspec.json.encode(event_map(opened)))["body"]["nonce"], str
    )
    erased = record._replace(event=None, body=b"")
    assert event_map(erased)["body"] == {}


async def test_a_page_says_nothing_of_what_is_erased_while_it_is_made(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, tea = of(node), await node.community("asha", "Tea")
    before = cursor_at(node, node.tap.position)
    post = await node.post("asha", tea, "regretted")
    read = node.tap.channel_page

    async def erased_after(*asked: Any) -> Any:
        monkeypatch.setattr(node.tap, "channel_page", read)
        found = await read(*asked)
        await node.do("asha", "content.erase", scope="post", target=post)
        return found

    monkeypatch.setattr(node.tap, "channel_page", erased_after)
    page = await page_of(sync, "asha", before)
    assert [event.type for event in page.events] == ["erasure.requested"]


async def test_a_hundred_places_cost_no_more_than_their_newest(node: TestNode) -> None:
    """The window is found whatever the number of places; an empty one costs nothing."""
    sync = of(node)
    places = [await node.community("asha", f"C{n}") for n in range(20)]
    made = [await node.post("asha", places[n % 20], str(n)) for n in range(60)]
    first = await sync.snapshot("asha")
    assert isinstance(first, FirstLoad)
    assert list(first.order) == made[::-1][:50]
    assert derived_object_id(1, "x") not in first.posts


@pytest.mark.parametrize("tail_records", [1, TAIL_RECORDS])
@pytest.mark.parametrize("in_one_commit", [True, False])
async def test_a_post_that_came_after_what_was_said_about_it_says_so(
    tmp_path: Path, tail_records: int, in_one_commit: bool
) -> None:
    """From memory and from the log alike. A reply is no such thing: counters come as a value."""
    async with open_test_node(tmp_path, tail_records=tail_records) as node:
        await node.register("asha")
        tea = await node.community("asha", "Tea")
        posts = {name: derived_object_id(START, name) for name in ("hidden", "answered", "plain")}
        hidden, answered = posts["hidden"], posts["answered"]
        early = [
            e.ModerationActed(target=hidden, root=hidden, place=tea, act="hide", rev=1, on=True),
            e.ReplyPublished(
                post=derived_object_id(START, "reply"),
                kind="reply",
                place=tea,
                root=answered,
                parent=answered,
                at=START,
                text="so it is",
            ),
        ]
        published = [
            e.PostPublished(post=post, kind="update", place=tea, at=START, text="x")
            for post in posts.values()
        ]
        abroad, start = ForeignLog("de"), node.tap.position
        bunches = [early + published] if in_one_commit else [[event] for event in early + published]
        for bunch in bunches:
            batch = abroad.batch(node.clock.now, *[("dora", event) for event in bunch])
            assert await node.handler.apply(batch) == abroad.seq
        await node.register("bob")
        sync = Sync(node.reader, node.tap, node.region, node.clock)
        page = await sync.since("asha", Cursor(node.handler.epoch, start))
        assert isinstance(page, Page)
        told = [event for event in page.events if event.type == "post.published"]
        assert [event.late for event in told] == [True, msgspec.UNSET, msgspec.UNSET]
