"""What only a database server can do to a node: go away, come back, and lose a connection mid-commit."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from server.app import metrics
from server.app.handle import Answer
from server.domain.errors import Code, Refusal
from server.ops import restoring, running
from server.storage import tables as t
from server.storage.connection import (
    CommitInDoubt,
    InUse,
    PostgresConnection,
    Trouble,
    WriterConnection,
    open_writer,
    trouble,
)
from tests.support.faults import SECONDS_MAX
from tests.support.node import TestNode, open_test_node
from tests.support.postgres import Postgres

pytestmark = pytest.mark.postgres


def hang_up(postgres: Postgres, url: str) -> None:
    """The server ends every connection to this database, as a restart of it would."""
    name = make_url(url).database
    postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


async def test_i1_commits_are_on_the_disk_whatever_the_server_is_configured_to(
    postgres: Postgres,
) -> None:
    url = postgres.new_database()
    name = make_url(url).database
    postgres.sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    connection = open_writer(url)
    with connection.transaction() as tx:
        tx.cursor.execute("SHOW synchronous_commit")
        assert tx.cursor.fetchone() == ("on",)
    connection.close()


async def test_a_restarted_server_is_found_again(postgres: Postgres, tmp_path: Path) -> None:
    """The commands under way are refused and may be sent again; readers and writer then go on."""
    url = postgres.new_database()
    async with open_test_node(tmp_path, url=url) as node:
        await node.register("asha")
        place = await node.community("asha")
        hang_up(postgres, url)
        wish = {"place": place, "kind": "update", "text": "x"}
        refused = await node.try_do("asha", "post.publish", "sent-again", **wish)
        assert isinstance(refused, Refusal)
        assert refused.code is Code.OVERLOADED
        assert refused.retryable
        answer = await node.try_do("asha", "post.publish", "sent-again", **wish)
        assert isinstance(answer, Answer)
        assert not answer.repeated
        async with node.reader.snapshot() as snapshot:
            rows = await snapshot.rows(select(t.events.c.position).order_by(t.events.c.position))
        assert [position for (position,) in rows] == list(range(1, answer.position + 1))


async def test_one_node_at_a_time_has_a_database(postgres: Postgres, tmp_path: Path) -> None:
    """Two machines, two data folders: what holds a folder tells nothing of the other."""
    url = postgres.new_database()
    connection = open_writer(url, alone=True)
    with pytest.raises(InUse) as refused:
        open_writer(url, alone=True)
    assert trouble(refused.value) is Trouble.BUSY
    open_writer(url).close()  # `tap forks resolve`, beside the node
    connection.close()
    open_writer(url, alone=True).close()


async def test_i3_who_lost_the_database_to_another_node_writes_no_more(
    postgres: Postgres, tmp_path: Path
) -> None:
    """It would give its readers positions with a hole in them, and decide by what it remembers."""
    url = postgres.new_database()
    async with open_test_node(tmp_path, url=url) as node:
        await node.register("asha")
        hang_up(postgres, url)
        async with open_test_node(tmp_path, url=url) as other:
            await other.register("bob")
        refused = [await node.try_do("asha", "community.create", name="Tea") for _ in range(3)]
        codes = [answer.code for answer in refused if isinstance(answer, Refusal)]
        assert codes == [Code.OVERLOADED, Code.READ_ONLY, Code.READ_ONLY]
        assert "another node" in node.handler.read_only


async def test_a_session_the_server_still_holds_is_ended_by_who_lost_it(postgres: Postgres) -> None:
    """A line that broke without a word: the server may believe in it for hours."""
    connection = PostgresConnection(postgres.new_database(), alone=True)
    lost = connection._connection
    connection._connection = connection._connect()
    with pytest.raises(psycopg.OperationalError):
        lost.execute("SELECT 1")
    with connection.transaction() as tx:
        tx.cursor.execute("SELECT 1")
    connection.close()


async def test_what_runs_beside_goes_on_after_the_server_was_away(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting open forks reads every ten seconds: a restart of the server must not be the node's end."""
    monkeypatch.setattr(running, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(restoring, "COUNT_SECONDS", 0.01)
    failed = asyncio.Event()

    class Failures(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            failed.set()

    listening = Failures(logging.ERROR)
    running.log.addHandler(listening)
    async with open_test_node(tmp_path, url=postgres.new_database()) as node:
        await node.register("asha")
        forks = restoring.Forks(node.handler, node.reader, node.clock)
        task = asyncio.create_task(running.kept("forks", forks.run))
        try:
            async with asyncio.timeout(SECONDS_MAX):
                postgres.stop()
                try:
                    await failed.wait()
                finally:
                    postgres.start()
                metrics.FORKS.set(7)
                while REGISTRY.get_sample_value("tap_federation_forks") == 7:
                    async with node.reader.snapshot() as snapshot:
                        await snapshot.position()
            assert not task.done()
        finally:
            running.log.removeHandler(listening)
            task.cancel()
            await asyncio.wait([task])


class LosesCommit(PostgresConnection):
    """The line breaks after the commit was sent and before its answer came."""

    armed = False

    def _commit(self) -> None:
        if self.armed:
            self.armed = False
            real = self._connection
            real.commit()
            real.close()
            self._connection = Broken(real)
        super()._commit()


class Broken:
    def __init__(self, real: Any) -> None:
        self._real = real
        self.closed = True

    def commit(self) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def rollback(self) -> None:
        raise psycopg.OperationalError("the connection is closed")

    def close(self) -> None:
        """It is."""


async def test_a_commit_nobody_knows_about_makes_the_node_read_only(
    postgres: Postgres, tmp_path: Path
) -> None:
    """It may have happened: to go on could number an event twice or leave a gap in what was told (I3, I5)."""
    url = postgres.new_database()
    made: list[LosesCommit] = []

    def wrap(connection: WriterConnection) -> WriterConnection:
        connection.close()
        made.append(LosesCommit(url))
        return made[0]

    async with open_test_node(tmp_path, url=url, wrap=wrap) as node:
        await node.register("asha")
        told = node.tap.position
        made[0].armed = True
        outcome = await node.try_do("asha", "profile.change", "in-doubt-key", name="Asha A")
        assert isinstance(outcome, Refusal)
        assert outcome.code is Code.READ_ONLY
        assert node.tap.position == told, "what is in doubt is told to nobody"
        assert node.handler.read_only
    async with open_test_node(tmp_path, url=url) as node:
        again = await node.try_do("asha", "profile.change", "in-doubt-key", name="Asha A")
        assert isinstance(again, Answer)
        assert again.repeated, "it had happened, and after the restart that is known"


async def test_two_writers_of_one_database_never_give_a_number_twice(
    postgres: Postgres, tmp_path: Path
) -> None:
    """A second process that should not be there loses every race, and its event with it (I5)."""
    url = postgres.new_database()
    async with open_test_node(tmp_path, url=url) as one, open_test_node(tmp_path, url=url) as two:
        await one.register("asha")

        async def write(node: TestNode, n: int) -> object:
            wish = {"name": f"Asha {n}"}
            return await node.try_do("asha", "profile.change", f"key-of-writer-{n}", **wish)

        jobs = [write((one, two)[n % 2], n) for n in range(20)]
        async with asyncio.timeout(60):
            await asyncio.gather(*jobs, return_exceptions=True)
        async with one.reader.snapshot() as snapshot:
            rows = await snapshot.rows(
                text("SELECT lane_id, seq, count(*) FROM events GROUP BY lane_id, seq")
            )
        assert {count for _, _, count in rows} == {1}


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (psycopg.errors.DiskFull("x"), Trouble.FULL),
        (psycopg.errors.OutOfMemory("x"), Trouble.BUSY),
        (psycopg.errors.TooManyConnections("x"), Trouble.BUSY),
        (psycopg.errors.InsufficientResources("x"), Trouble.BUSY),
        (psycopg.errors.ConfigurationLimitExceeded("x"), None),
        (psycopg.errors.AdminShutdown("x"), Trouble.BUSY),
        (psycopg.errors.LockNotAvailable("x"), Trouble.BUSY),
        (psycopg.OperationalError("server closed the connection unexpectedly"), Trouble.BUSY),
        (psycopg.errors.IoError("x"), Trouble.BROKEN),
        (psycopg.errors.ReadOnlySqlTransaction("x"), Trouble.BROKEN),
        (psycopg.errors.DataCorrupted("x"), Trouble.BROKEN),
        (CommitInDoubt("x"), Trouble.BROKEN),
        (psycopg.errors.UniqueViolation("x"), None),
        (psycopg.errors.SyntaxError("x"), None),
        (psycopg.DataError("x"), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_whose_fault_an_error_is(error: Exception, meaning: Trouble | None) -> None:
    assert trouble(error) is meaning
