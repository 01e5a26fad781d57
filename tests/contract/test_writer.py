"""Writing and reading on every database: all or nothing, once, and no body that stops a lane."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from server.app.handle import Answer
from server.domain import events as e
from server.domain.errors import Code, Refusal
from server.domain.events import EVENTS
from server.domain.events.base import Event
from server.domain.ids import next_hlc
from server.domain.wire import Header, WireEvent, chain, commitment, encode_header
from server.storage import tables as t
from server.storage.connection import WriterConnection
from server.storage.event_log import lane_page
from server.storage.log_writer import LogWriter
from server.storage.sql import Tx, statement
from tests.support.node import START, ForeignLog, TestNode, open_test_node
from tests.support.shapes import values


async def someone(node: TestNode) -> str:
    await node.register("asha")
    return await node.community("asha")


async def topics(node: TestNode) -> list[str]:
    async with node.reader.snapshot() as snapshot:
        rows = await snapshot.rows(select(t.topics.c.topic).order_by(t.topics.c.topic))
    return [topic for (topic,) in rows]


def define(topic: str) -> Any:
    row = {"topic": topic, "names": "{}", "parent": "", "synonyms": "[]", "rev": 1}
    put = statement(insert(t.topics))
    return lambda tx: tx.execute(put, row)


# ---------------------------------------------------------------- all or nothing


async def test_a_failing_job_leaves_nothing_and_the_others_of_its_batch_everything(
    node: TestNode,
) -> None:
    def fails(tx: Tx) -> None:
        define("half")(tx)
        raise ZeroDivisionError

    outcomes = await asyncio.gather(
        node.handler.run(define("before")),
        node.handler.run(fails),
        node.handler.run(define("after")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [int, ZeroDivisionError, int]
    assert await topics(node) == ["after", "before"]


async def test_a_statement_the_database_refuses_harms_its_own_job_alone(node: TestNode) -> None:
    outcomes = await asyncio.gather(
        node.handler.run(define("tea")),
        node.handler.run(define("tea")),
        node.handler.run(define("cup")),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert await topics(node) == ["cup", "tea"]


# ---------------------------------------------------------------- I2


async def test_i2_a_key_is_applied_once_also_after_a_restart(url: str, tmp_path: Path) -> None:
    wish = {"kind": "update", "text": "hello"}
    async with open_test_node(tmp_path, url=url) as node:
        place = await someone(node)
        first = await node.try_do("asha", "post.publish", "the-same-key", place=place, **wish)
        position = node.tap.position
    async with open_test_node(tmp_path, url=url) as node:
        again = await node.try_do("asha", "post.publish", "the-same-key", place=place, **wish)
        assert isinstance(first, Answer)
        assert isinstance(again, Answer)
        assert again.repeated
        assert (again.result, again.position) == (first.result, first.position)
        assert again.cursor == first.cursor
        assert node.tap.position == position
        other = await node.try_do(
            "asha", "post.publish", "the-same-key", place=place, kind="update", text="no"
        )
        assert isinstance(other, Refusal)
        assert other.code is Code.KEY_REUSED


# ---------------------------------------------------------------- readers


async def test_i3_a_snapshot_stands_still_while_the_writer_goes_on(node: TestNode) -> None:
    place = await someone(node)
    async with node.reader.snapshot() as snapshot:
        before = await snapshot.position()
        post = await node.post("asha", place)
        assert await snapshot.position() == before
        assert await snapshot.one(select(t.posts).where(t.posts.c.post == post)) is None
    async with node.reader.snapshot() as snapshot:
        assert await snapshot.position() == before + 1
        assert await snapshot.one(select(t.posts).where(t.posts.c.post == post)) is not None


async def test_a_reader_sees_at_once_what_was_answered(node: TestNode) -> None:
    place = await someone(node)
    for _ in range(20):
        post = await node.post("asha", place)
        async with node.reader.snapshot() as snapshot:
            assert await snapshot.one(select(t.posts).where(t.posts.c.post == post)) is not None


async def test_more_readers_than_connections_wait_for_one_another(node: TestNode) -> None:
    await someone(node)

    async def read() -> int:
        async with node.reader.snapshot() as snapshot:
            return await snapshot.position()

    async with asyncio.timeout(30):
        found = await asyncio.gather(*[read() for _ in range(50)])
    assert set(found) == {node.tap.position}


async def test_a_reader_cannot_write(node: TestNode) -> None:
    with pytest.raises(DBAPIError):
        async with node.reader.snapshot() as snapshot:
            await snapshot.rows(text("DELETE FROM persons"))


async def test_a_reader_may_look_for_what_no_text_can_hold(node: TestNode) -> None:
    async with node.reader.snapshot() as snapshot:
        assert await snapshot.rows(select(t.persons).where(t.persons.c.name == "a\0b")) == []


# ---------------------------------------------------------------- whatever a region signs

wild_events = st.sampled_from(sorted(EVENTS)).flatmap(lambda kind: values(EVENTS[kind], wild=True))


class _Enough(Exception):
    pass


@given(st.lists(st.tuples(st.sampled_from(["", "asha"]), wild_events), min_size=1, max_size=8))
def test_no_event_another_region_may_sign_stops_its_lane(
    scratch: WriterConnection, signed: list[tuple[str, Event]]
) -> None:
    """Wild numbers, endless keys, characters no database likes: stored in full, folded where it fits."""
    log = ForeignLog("de")
    batch = log.batch(START, *signed)
    with suppress(_Enough), scratch.transaction() as tx:
        writer = LogWriter("in", 1)
        writer.load(tx)
        records = writer.store(tx, batch)
        writer.flush(tx)
        assert [record.body for record in records] == [event.body for event in batch.events]
        raise _Enough


async def test_a_body_no_reader_can_decode_is_stored_and_passed_on(node: TestNode) -> None:
    log = ForeignLog("de")
    nested = b"\x84\xa4post\xa1p\xa4root\xa1p\xa5place\xa3c:x\xa3rev\x01"
    whole = log.batch(START, ("", e.TopicDefined(topic="tea", rev=1, names={})))
    bad = [b"", b"\xc1", b"\xa2\xff\xff", nested + b"\xa1z" + b"\x91" * 50_000 + b"\xc0"]
    events = whole.events
    for body in bad:
        part = ForeignLogOf(log).raw("post.deleted", body)
        events = (*events, part)
    batch = whole._replace(events=events)
    assert await node.handler.apply(batch) == 1 + len(bad)
    async with node.reader.snapshot() as snapshot:
        assert tuple(await lane_page(snapshot, log.key, 0)) == events
    records = await node.tap.read(node.tap.position - len(bad), 10)
    assert [(record.event, record.channels) for record in records] == [(None, ())] * len(bad)


class ForeignLogOf:
    """Events with bodies by hand at the end of a lane."""

    def __init__(self, log: ForeignLog) -> None:
        self._log = log

    def raw(self, name: str, body: bytes) -> Any:
        log, salt = self._log, bytes(16)
        log.seq += 1
        log.hlc = next_hlc(log.hlc, START)
        header = encode_header(
            Header(1, *log.key, log.seq, name, 1, log.hlc, "", (), commitment(salt, body))
        )
        log.hash = chain(log.hash, header)
        return WireEvent(header, log.hash, salt, body)


async def test_what_text_cannot_hold_is_replaced_and_the_body_is_kept(node: TestNode) -> None:
    place = await someone(node)
    log = ForeignLog("de")
    post = e.PostPublished(post="p", kind="update", place=place, at=1, text="a\0b")
    assert await node.handler.apply(log.batch(START, ("asha", post))) == 1
    [record] = await node.tap.read(node.tap.position - 1, 1)
    assert record.event == post
    async with node.reader.snapshot() as snapshot:
        row = await snapshot.one(select(t.posts.c.text).where(t.posts.c.post == "p"))
    assert row.text.replace("\N{REPLACEMENT CHARACTER}", "\0") == "a\0b"
