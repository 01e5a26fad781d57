"""What an earlier version could not read is folded at the first start of one that can (federation.md section 12)."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from server.app import webhook_store
from server.app.experts import Experts
from server.app.feed import Feed
from server.app.scores import Scores
from server.app.sync import Page, Reset, Sync
from server.app.webhooks import Wish
from server.domain.events import EVENTS, CommunityCreated, Event, PersonProfileChanged, decode_known
from server.domain.ids import Cursor, EventId
from server.storage import event_log, log_writer, vocabulary
from server.storage import tables as t
from server.storage.connection import open_writer
from server.storage.digest import REBUILT, digests
from server.storage.rebuild import Report, rebuild, upgrade_on
from tests.support.company import history
from tests.support.faults import SECONDS_MAX
from tests.support.living import Abroad, live
from tests.support.node import TestNode, open_test_node
from tests.support.receivers import Scripted, webhooks_of, working
from tests.support.world import build_world

LIFE = history(11, 300)
READ_BY = (t.score_acts, t.credits_, t.expertise_answers, t.expertise)
"""What the readers inside the node made of the log."""


class Seen(NamedTuple):
    cursor: Cursor
    tables: dict[str, str]


def older(name: str, body: bytes) -> Event | None:
    """A version that knows no reactions, and of profiles no skills."""
    event = None if name == "reaction.changed" else decode_known(name, body)
    if isinstance(event, PersonProfileChanged):
        return msgspec.structs.replace(event, skills=())
    return event


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for module in (event_log, log_writer):
        monkeypatch.setattr(module, "decode_known", older)
    monkeypatch.setattr(vocabulary, "fingerprint", lambda: "older")
    return monkeypatch


async def read(node: TestNode) -> Seen:
    """Every reader inside the node has caught up."""
    parts = (node.tap, node.handler, node.reader)
    await Scores(*parts, now=node.clock).catch_up()
    await Experts(*parts, now=node.clock).catch_up()
    tables = await node.handler.run(lambda tx: digests(tx, (*REBUILT, *READ_BY)))
    return Seen(Cursor(node.tap.epoch, node.tap.position), tables)


async def lived(folder: Path, url: str = "") -> Seen:
    async with open_test_node(folder, url=url) as node:
        world = await build_world(node)
        await live(node, LIFE, Abroad(world.abroad))
        return await read(node)


async def missed(node: TestNode, since: Cursor) -> Page | Reset:
    sync = Sync(node.reader, node.tap, node.region, node.clock)
    answer = await sync.since("mod", since)
    assert isinstance(answer, Page | Reset)
    return answer


def start(url: str) -> Report | None:
    with closing(open_writer(url)) as connection:
        return upgrade_on(connection)


async def test_an_upgrade_reads_what_was_kept_and_everybody_anew(
    url: str, tmp_path: Path, before: pytest.MonkeyPatch
) -> None:
    then = await lived(tmp_path, url)
    assert start(url) is None, "the same version at its next start"
    before.undo()
    now = await lived(tmp_path)
    assert then.tables != now.tables

    report = start(url)
    assert report is not None
    assert {"reactions", "persons", "event_channels"} <= set(report.different)
    assert start(url) is None
    assert rebuild(url, check=True).different == ()
    async with open_test_node(tmp_path, url=url) as node:
        assert isinstance(await missed(node, then.cursor), Reset), "reactions were never shown"
        upgraded = await read(node)
        assert upgraded.tables == now.tables
        assert upgraded.cursor.position == then.cursor.position
        assert isinstance(await missed(node, upgraded.cursor), Page)


async def test_an_upgrade_that_reads_no_more_disturbs_nobody(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where all was read before, nor where what was not cannot be read now either."""
    then = await lived(tmp_path, url)
    monkeypatch.setattr(vocabulary, "fingerprint", lambda: "newer")
    assert start(url) is None
    async with open_test_node(tmp_path, url=url) as node:
        assert isinstance(await missed(node, then.cursor), Page)
        await node.handler.run(vocabulary.note_unread)
    monkeypatch.setattr(vocabulary, "fingerprint", lambda: "newest")
    report = start(url)
    assert report is not None
    assert report.different == ()
    async with open_test_node(tmp_path, url=url) as node:
        assert isinstance(await missed(node, then.cursor), Page)
        assert (await read(node)).tables == then.tables


async def everything(node: TestNode, sender: Scripted) -> None:
    """All webhooks have sent the whole log, and it is written down that they have."""
    async with asyncio.timeout(SECONDS_MAX), working(webhooks_of(node, sender)) as webhooks:
        if not await webhooks.seen():
            await webhooks.add(Wish("https://sink.example.com/", mode="batch", beginning=True), "")
        while True:
            async with node.reader.snapshot() as snapshot:
                found = await webhook_store.hooks(snapshot)
            if {place.position for _, place in found} == {node.tap.position}:
                return


async def test_what_an_upgrade_can_read_waits_for_receivers_of_webhooks_to_ask_for_it(
    url: str, tmp_path: Path, before: pytest.MonkeyPatch
) -> None:
    """It was sent without data, and once: to say again years of news would alarm people (tap.md section 8.2)."""
    then, sender = await lived(tmp_path, url), Scripted()
    async with open_test_node(tmp_path, url=url) as node:
        await everything(node, sender)
    sent = [event for request in sender.requests for event in request.events]
    unread = next(event for event in sent if event["type"] == "company.tap.reaction.changed")
    assert "data" not in unread
    before.undo()
    assert start(url)
    sender.requests.clear()
    async with open_test_node(tmp_path, url=url) as node:
        await node.register("newcomer")
        await everything(node, sender)
        assert [one.positions for one in sender.requests] == [[then.cursor.position + 1]]
        assert node.tap.epoch > then.cursor.epoch, "who reads the feed begins anew"
        async with node.reader.snapshot() as snapshot:
            record = await event_log.by_id(snapshot, EventId.parse(unread["id"]))
        assert record is not None
        (read_now,) = (await Feed(node.tap).show([record], 1)).events
        assert (read_now["id"], read_now["time"]) == (unread["id"], unread["time"])
        assert read_now["data"]["reaction"]


def test_a_vocabulary_is_of_shapes_not_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary.fingerprint.cache_clear()
    before = vocabulary.fingerprint()
    explained = CommunityCreated.__doc__
    try:
        CommunityCreated.__doc__ = "Otherwise explained."
        vocabulary.fingerprint.cache_clear()
        assert vocabulary.fingerprint() == before
        monkeypatch.delitem(EVENTS, "log.closed")
        vocabulary.fingerprint.cache_clear()
        assert vocabulary.fingerprint() != before
    finally:
        CommunityCreated.__doc__ = explained
        vocabulary.fingerprint.cache_clear()
