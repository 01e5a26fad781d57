"""A full disk passes, a failed sync does not, a crowd is told to come back, a stop finishes what waits."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.app import metrics
from server.app.handle import Answer
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.storage.connection import Trouble, trouble
from server.storage.rebuild import rebuild
from tests.support.faults import SECONDS_MAX, Watched, held, sqlite_error
from tests.support.machine import cannot_run
from tests.support.node import TestNode, open_test_node

TEXT = "x" * 20_000


@pytest.fixture(autouse=True)
def writable() -> Iterator[None]:
    """The gauge is the process's own: no other test shall find it set."""
    yield
    metrics.READ_ONLY.set(0)


def post(node: TestNode, place: str, key: str, text: str = "x") -> Any:
    return node.try_do("asha", "post.publish", key, place=place, kind="update", text=text)


async def tea(node: TestNode) -> str:
    await node.register("asha")
    return await node.community("asha")


def code(outcome: object) -> Code | None:
    return outcome.code if isinstance(outcome, Refusal) else None


async def positions(node: TestNode) -> int:
    async with node.reader.snapshot() as snapshot:
        return await snapshot.position()


# ---------------------------------------------------------------- a full disk


async def fill(node: TestNode, place: str) -> tuple[str, int]:
    """Posts until one is refused; its key and the position before it."""
    for n in range(2_000):
        before = node.tap.position
        outcome = await post(node, place, f"filling-{n:06}", TEXT)
        if isinstance(outcome, Refusal):
            assert outcome.code is Code.DISK_FULL, outcome
            assert outcome.retryable
            assert node.tap.position == before == await positions(node), "nothing was changed"
            return f"filling-{n:06}", before
    raise AssertionError("the disk never filled")


async def test_a_full_database_refuses_and_recovers(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        (pages,) = watched.connection.pragma("page_count")
        watched.connection.pragma(f"max_page_count = {pages + 40}")
        key, before = await fill(node, place)
        assert code(await post(node, place, key, TEXT)) is Code.DISK_FULL
        watched.connection.pragma(f"max_page_count = {pages * 100}")
        answer = await post(node, place, key, TEXT)
        assert isinstance(answer, Answer)
        assert not answer.repeated, "the refused one left no key behind"
        assert answer.position == before + 1
        assert not node.handler.read_only
    assert rebuild(node.url, check=True) == (before + 1, ())


async def test_a_whole_batch_is_refused_by_a_full_database(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        (pages,) = watched.connection.pragma("page_count")
        watched.connection.pragma(f"max_page_count = {pages}")
        before = node.tap.position
        outcomes = await asyncio.gather(
            *[post(node, place, f"crowd-{n:06}", TEXT) for n in range(20)]
        )
        assert {code(outcome) for outcome in outcomes} == {Code.DISK_FULL}
        assert await positions(node) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of two megabytes; only root may mount one, and not in every container."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        cannot_run("a small disk can be mounted by root only, and not in every container")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    async with open_test_node(small_disk) as node:
        place = await tea(node)
        key, before = await fill(node, place)
        larger = ["mount", "-o", "remount,size=32m", str(small_disk)]
        await asyncio.to_thread(subprocess.run, larger, check=True)
        answer = await post(node, place, key, TEXT)
        assert isinstance(answer, Answer)
        assert (answer.repeated, answer.position) == (False, before + 1)
    assert rebuild(node.url, check=True) == (before + 1, ())


# ---------------------------------------------------------------- a failed sync


async def test_i1_after_a_failed_sync_nothing_is_ever_written_again(tmp_path: Path) -> None:
    """The kernel may have dropped the pages it could not write: a second sync would lie."""
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        told: list[object] = []
        before = node.tap.position
        node.tap.subscribe(told.append)
        watched.commit_fails = sqlite_error(sqlite3.SQLITE_IOERR_FSYNC)
        refused = await post(node, place, "first-key")
        assert isinstance(refused, Refusal)
        assert refused.code is Code.READ_ONLY
        assert "disk I/O error" in refused.message
        watched.commit_fails = None
        watched.said.clear()
        assert code(await post(node, place, "first-key")) is Code.READ_ONLY
        with pytest.raises(Refused, match="read-only"):
            await node.handler.run(lambda tx: None)
        assert watched.said == [], "the database is not touched any more"
        assert (told, node.tap.position) == ([], before)
        assert metrics.READ_ONLY._value.get() == 1
    async with open_test_node(tmp_path) as node:
        answer = await post(node, place, "first-key")
        assert isinstance(answer, Answer), "until somebody looked, and started the node again"
        assert answer.position == before + 1


async def test_what_waited_behind_a_failed_sync_is_refused_too(tmp_path: Path) -> None:
    """Several batches are queued; none may be tried after the first one's sync failed."""
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        crowd = limits.WRITER_BATCH_JOBS_MAX * 2 + 5
        told: list[object] = []
        node.tap.subscribe(told.append)
        async with held(node.handler):
            jobs = [asyncio.ensure_future(post(node, place, f"key-{n:06}")) for n in range(crowd)]
            await asyncio.sleep(0)
            begun = watched.said.count("BEGIN IMMEDIATE")
            watched.commit_fails = sqlite_error(sqlite3.SQLITE_IOERR_WRITE)
        outcomes = await asyncio.gather(*jobs)
        assert {code(outcome) for outcome in outcomes} == {Code.READ_ONLY}
        assert watched.said.count("BEGIN IMMEDIATE") == begun
        assert told == []


async def test_a_read_only_node_can_be_read_and_stopped(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        watched.commit_fails = sqlite_error(sqlite3.SQLITE_CORRUPT, "malformed")
        assert code(await post(node, place, "first-key")) is Code.READ_ONLY
        assert await positions(node) == node.tap.position
        assert len(await node.tap.read(0, 100)) == node.tap.position
        async with asyncio.timeout(SECONDS_MAX):
            await node.handler.close()


# ---------------------------------------------------------------- a database somebody else holds


async def test_a_busy_database_refuses_and_recovers(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        watched.connection.pragma("busy_timeout = 0")
        other = sqlite3.connect(tmp_path / "in.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        outcomes = await asyncio.gather(*[post(node, place, f"key-{n:06}") for n in range(5)])
        assert {code(outcome) for outcome in outcomes} == {Code.OVERLOADED}
        assert watched.said.count("BEGIN IMMEDIATE") > 0
        other.execute("ROLLBACK")
        other.close()
        answer = await post(node, place, "key-000001")
        assert isinstance(answer, Answer)
        assert not answer.repeated


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        (sqlite3.SQLITE_FULL, Trouble.FULL),
        (sqlite3.SQLITE_IOERR_SHMSIZE, Trouble.FULL),
        (sqlite3.SQLITE_BUSY, Trouble.BUSY),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Trouble.BUSY),
        (sqlite3.SQLITE_LOCKED, Trouble.BUSY),
        (sqlite3.SQLITE_IOERR, Trouble.BROKEN),
        (sqlite3.SQLITE_IOERR_FSYNC, Trouble.BROKEN),
        (sqlite3.SQLITE_IOERR_WRITE, Trouble.BROKEN),
        (sqlite3.SQLITE_IOERR_SHORT_READ, Trouble.BROKEN),
        (sqlite3.SQLITE_CORRUPT, Trouble.BROKEN),
        (sqlite3.SQLITE_NOTADB, Trouble.BROKEN),
        (sqlite3.SQLITE_READONLY_DBMOVED, Trouble.BROKEN),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
        (sqlite3.SQLITE_ERROR, None),
    ],
)
def test_whose_fault_an_error_is(number: int, meaning: Trouble | None) -> None:
    assert trouble(sqlite_error(number)) is meaning


def test_a_bug_of_ours_is_no_trouble_of_the_database() -> None:
    for error in (ValueError("x"), sqlite3.ProgrammingError("x"), KeyError("x")):
        assert trouble(error) is None


# ---------------------------------------------------------------- a crowd


async def test_beyond_the_queues_bound_a_node_says_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put off silently, and what was taken is done (I9)."""
    monkeypatch.setattr(limits, "WRITER_QUEUE_JOBS_MAX", 7)
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        async with held(node.handler):
            taken = [asyncio.ensure_future(post(node, place, f"key-{n:06}")) for n in range(7)]
            await asyncio.sleep(0)
            refused = await asyncio.gather(*[post(node, place, f"late-{n:06}") for n in range(3)])
            assert {code(outcome) for outcome in refused} == {Code.OVERLOADED}
            assert all(outcome.retryable for outcome in refused)
            with pytest.raises(Refused):
                await node.handler.run(lambda tx: None)
        assert all(isinstance(outcome, Answer) for outcome in await asyncio.gather(*taken))
        assert isinstance(await post(node, place, "late-000000"), Answer)


# ---------------------------------------------------------------- stopping


async def test_a_stop_finishes_what_waits_and_refuses_what_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the queue is full to its bound."""
    monkeypatch.setattr(limits, "WRITER_QUEUE_JOBS_MAX", 600)
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        async with held(node.handler):
            taken = [asyncio.ensure_future(post(node, place, f"key-{n:06}")) for n in range(600)]
            await asyncio.sleep(0)
            stopping = asyncio.ensure_future(node.handler.close())
            await asyncio.sleep(0)
            late = await post(node, place, "late-000000")
            assert code(late) is Code.STOPPING
            assert late.retryable
            assert not stopping.done()
        async with asyncio.timeout(SECONDS_MAX):
            answers = await asyncio.gather(*taken)
            await stopping
        assert all(isinstance(answer, Answer) for answer in answers)
        last = max(answer.position for answer in answers)
    async with open_test_node(tmp_path) as node:
        assert node.tap.position == last, "all of it is on the disk"


async def test_a_stop_ends_also_when_what_waits_cannot_be_written(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        async with held(node.handler):
            taken = [asyncio.ensure_future(post(node, place, f"key-{n:06}")) for n in range(600)]
            await asyncio.sleep(0)
            watched.commit_fails = sqlite_error(sqlite3.SQLITE_IOERR_FSYNC)
            stopping = asyncio.ensure_future(node.handler.close())
            await asyncio.sleep(0)
        async with asyncio.timeout(SECONDS_MAX):
            outcomes = await asyncio.gather(*taken)
            await stopping
        assert {code(outcome) for outcome in outcomes} == {Code.READ_ONLY}


# ---------------------------------------------------------------- callers who went away


async def test_a_caller_who_gave_up_harms_nobody(tmp_path: Path) -> None:
    """What they asked for may happen all the same; their key tells them when they ask again (I2)."""
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        before = node.tap.position
        async with held(node.handler):
            jobs = [asyncio.ensure_future(post(node, place, f"key-{n:06}")) for n in range(5)]
            await asyncio.sleep(0)
            jobs[1].cancel()
            jobs[3].cancel()
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert [isinstance(outcome, Answer) for outcome in outcomes] == [
            *(True, False, True, False, True)
        ]
        assert node.tap.position == before + 5
        again = await post(node, place, "key-000001")
        assert isinstance(again, Answer)
        assert again.repeated


async def test_a_reader_with_a_bug_keeps_nobody_from_their_answer(tmp_path: Path) -> None:
    """A listener that raises is logged, and keeps nobody else from hearing or being answered."""
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        told: list[object] = []

        def broken(_records: object) -> None:
            raise ZeroDivisionError

        node.tap.subscribe(broken)
        node.tap.subscribe(told.append)
        before = node.tap.position
        async with asyncio.timeout(SECONDS_MAX):
            assert isinstance(await post(node, place, "first-key"), Answer)
            await node.tap.moved(before)
        assert len(told) == 1
