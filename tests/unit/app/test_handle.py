"""The one writer: nobody is told before the commit (I1), a key counts once (I2), commits are shared."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.app.handle import Answer
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import EpochOpened, TopicDefined
from server.domain.ids import Cursor
from server.domain.wire import LaneBatch
from server.storage import event_log
from server.storage.event_log import Record
from server.storage.sql import Tx
from tests.support.faults import SECONDS_MAX, Watched, held
from tests.support.node import START, ForeignLog, TestNode, open_test_node
from tests.support.shapes import FEW


def post(node: TestNode, place: str, key: str, text: str = "x", person: str = "asha") -> Any:
    return node.try_do(person, "post.publish", key, place=place, kind="update", text=text)


async def tea(node: TestNode) -> str:
    await node.register("asha")
    await node.register("bob")
    return await node.community("asha")


# ---------------------------------------------------------------- I1


async def test_i1_commit_then_readers_then_the_answer(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        on_disk: list[int] = []

        def told(records: Sequence[Record]) -> None:
            watched.said.append("told")
            other = sqlite3.connect(f"file:{tmp_path}/in.db?mode=ro", uri=True)
            on_disk.extend(other.execute("SELECT max(position) FROM events").fetchone())
            other.close()
            assert on_disk[-1] == records[-1].position

        node.tap.subscribe(told)
        watched.said.clear()
        answer = await post(node, place, "first-key")
        watched.said.append("answered")
        assert watched.said == ["BEGIN IMMEDIATE", "COMMIT", "told", "answered"]
        assert on_disk == [answer.position], "whoever is told finds it on the disk"


async def test_i1_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """NORMAL would lose acknowledged commits in a power cut (server/storage/connection.py)."""
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap):
        assert watched.connection.pragma("journal_mode") == ("wal",)
        assert watched.connection.pragma("synchronous") == (2,)


async def test_i1_nothing_is_told_while_the_transaction_is_open(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node, asyncio.TaskGroup() as group:
        place = await tea(node)
        before = node.tap.position
        told: list[Sequence[Record]] = []
        node.tap.subscribe(told.append)
        async with held(node.handler):
            waiting = group.create_task(post(node, place, "first-key"))
            moved = group.create_task(node.tap.moved(before))
            for _ in range(50):
                await asyncio.sleep(0)
            assert (told, waiting.done(), moved.done()) == ([], False, False)
        assert isinstance(await waiting, Answer)
        await moved
        assert [record.position for records in told for record in records] == [before + 1]


async def test_i1_what_is_rolled_back_is_told_to_nobody(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        before = node.tap.position
        told: list[Sequence[Record]] = []
        node.tap.subscribe(told.append)

        def fails(_tx: Tx) -> None:
            raise ZeroDivisionError

        async with held(node.handler):
            jobs = [asyncio.ensure_future(node.handler.run(fails))]
            jobs.append(asyncio.ensure_future(post(node, place, "first-key")))
            await asyncio.sleep(0)
        failed, answer = await asyncio.gather(*jobs, return_exceptions=True)
        assert isinstance(failed, ZeroDivisionError)
        assert isinstance(answer, Answer)
        assert [r.position for records in told for r in records] == [before + 1]


# ---------------------------------------------------------------- I2


async def test_i2_a_repeat_gets_the_first_answer_and_commits_no_event(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        first = await post(node, place, "first-key")
        await post(node, place, "other-key")
        position = node.tap.position
        again = await post(node, place, "first-key")
        assert not first.repeated
        assert again.repeated
        assert (again.result, again.position, again.cursor) == (
            first.result,
            first.position,
            first.cursor,
        )
        assert node.tap.position == position


async def test_i2_the_same_key_twice_in_one_batch(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        before, commits = node.tap.position, watched.commits
        first, again, other = await asyncio.gather(
            post(node, place, "first-key"),
            post(node, place, "first-key"),
            post(node, place, "first-key", "another text"),
        )
        assert watched.commits == commits + 1
        assert [first.repeated, again.repeated] == [False, True]
        assert first.result == again.result
        assert isinstance(other, Refusal)
        assert (other.code, other.field) == (Code.KEY_REUSED, "key")
        assert node.tap.position == before + 1


async def test_i2_a_key_is_each_persons_own(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        hers = await post(node, place, "first-key")
        his = await post(node, place, "first-key", "another text", person="bob")
        assert isinstance(his, Answer)
        assert his.result != hers.result


async def test_i2_a_refused_command_uses_up_no_key(tmp_path: Path) -> None:
    """It changed nothing, so the same key may come again, also with the mistake mended."""
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        assert isinstance(await post(node, place, "first-key", " "), Refusal)
        answer = await post(node, place, "first-key", "now with words")
        assert isinstance(answer, Answer)
        assert not answer.repeated


@FEW
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["asha", "bob"]),
                st.sampled_from(["key-number-1", "key-number-2", "key-number-3"]),
                st.sampled_from(["one", "two"]),
            ),
            min_size=1,
            max_size=5,
        ),
        max_size=5,
    )
)
def test_i2_however_keys_come_again(batches: list[list[tuple[str, str, str]]]) -> None:
    """Batches of commands with a restart after each, against a dictionary."""

    async def run(folder: Path) -> None:
        known: dict[tuple[str, str], tuple[str, Any]] = {}
        place = ""
        for batch in [[], *batches]:
            async with open_test_node(folder) as node:
                place = place or await tea(node)
                asked = [post(node, place, key, text, who) for who, key, text in batch]
                before = node.tap.position
                outcomes = await asyncio.gather(*asked)
                made = 0
                for (who, key, text), outcome in zip(batch, outcomes, strict=True):
                    first = known.get((who, key))
                    if first is None:
                        assert isinstance(outcome, Answer)
                        assert not outcome.repeated
                        known[who, key] = (text, outcome.result)
                        made += 1
                    elif first[0] == text:
                        assert isinstance(outcome, Answer)
                        assert (outcome.repeated, outcome.result) == (True, first[1])
                    else:
                        assert isinstance(outcome, Refusal)
                        assert outcome.code is Code.KEY_REUSED
                assert node.tap.position == before + made

    with tempfile.TemporaryDirectory(prefix="tap-keys-") as folder:
        asyncio.run(run(Path(folder)))


# ---------------------------------------------------------------- group commit


async def test_all_that_waits_shares_a_transaction(tmp_path: Path) -> None:
    """Up to WRITER_BATCH_JOBS_MAX jobs; three such crowds are three commits."""
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        crowd = limits.WRITER_BATCH_JOBS_MAX * 3
        batches: list[int] = []
        node.tap.subscribe(lambda records: batches.append(len(records)))
        async with held(node.handler):
            jobs = [asyncio.ensure_future(post(node, place, f"key-{n:06}")) for n in range(crowd)]
            await asyncio.sleep(0)
            commits = watched.commits
        answers = await asyncio.gather(*jobs)
        assert batches == [limits.WRITER_BATCH_JOBS_MAX] * 3
        assert watched.commits == commits + 1 + 3, "the one that was held, and three"
        positions = [answer.position for answer in answers]
        assert positions == list(range(positions[0], positions[0] + crowd))


async def test_a_bad_job_harms_only_itself(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        before = node.tap.position

        def fails(_tx: Tx) -> None:
            raise KeyError("a bug of ours")

        async with held(node.handler):
            jobs: list[asyncio.Future[Any]] = []
            for n in range(9):
                wish = node.handler.run(fails) if n == 4 else post(node, place, f"key-{n:06}")
                jobs.append(asyncio.ensure_future(wish))
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert isinstance(outcomes.pop(4), KeyError)
        positions = [outcome.position for outcome in outcomes if isinstance(outcome, Answer)]
        assert positions == list(range(before + 1, before + 9))
        records = await node.tap.read(before, 20)
        assert [record.position for record in records] == positions
        sequence = [record.id.seq for record in records]
        assert sequence == list(range(sequence[0], sequence[0] + 8)), "no number is lost (I5)"


async def test_a_refusal_raised_in_a_job_is_its_answer(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:

        def refuses(_tx: Tx) -> None:
            raise Refused(Code.EXPIRED, "this session is over")

        with pytest.raises(Refused) as refused:
            await node.handler.run(refuses)
        assert refused.value.refusal.code is Code.EXPIRED


async def test_a_refused_peer_leaves_the_rest_of_its_batch_alone(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        log = ForeignLog("de")
        log.batch(START, ("", TopicDefined(topic="tea", rev=1, names={})))
        gap = log.batch(START, ("", TopicDefined(topic="tea", rev=2, names={})))
        refused, answer = await asyncio.gather(
            node.handler.apply(gap), post(node, place, "first-key")
        )
        assert isinstance(refused, Refusal)
        assert refused.code is Code.BROKEN_CHAIN
        assert isinstance(answer, Answer)
        assert node.handler.lane_tip(log.key) == 0


async def test_a_peers_backlog_is_stored_in_parts_and_whoever_comes_goes_between(
    tmp_path: Path,
) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        log, size = ForeignLog("de"), limits.WRITER_SHORT_JOB_EVENTS_MAX + 1
        parts = [
            log.batch(
                START,
                *[("", TopicDefined(topic=f"tea-{p}-{n}", rev=1, names={})) for n in range(size)],
            )
            for p in range(limits.WRITER_LONG_JOBS_MAX + 1)
        ]
        whole = LaneBatch(
            log.key,
            0,
            parts[0].previous,
            tuple([event for part in parts for event in part.events]),
            parts[-1].head,
            tuple([part.head for part in parts[:-1]]),
        )
        assert list(whole.parts()) == parts
        before = node.tap.position
        async with held(node.handler):
            applying = asyncio.ensure_future(node.handler.apply(whole))
            answering = asyncio.ensure_future(post(node, place, "first-key"))
            for _ in range(3):
                await asyncio.sleep(0)
            commits = watched.commits
        tip, answer = await asyncio.gather(applying, answering)
        assert tip == len(whole.events)
        assert answer.position == before + 1, "before all of the backlog"
        assert watched.commits == commits + 1 + 1 + 2, "the one that was held, the post, and two"
        async with node.reader.snapshot() as snapshot:
            ends = [await event_log.lane_head(snapshot, log.key, 1, n * size) for n in (1, 2)]
        assert ends == [parts[0].head, parts[1].head], "a relay finds where each part ended"


async def test_of_a_backlog_in_parts_the_first_refusal_is_told(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        log = ForeignLog("de")
        log.batch(START, ("", TopicDefined(topic="tea", rev=1, names={})))
        gap, last = [
            log.batch(START, ("", TopicDefined(topic="tea", rev=rev, names={}))) for rev in (2, 3)
        ]
        events = (*gap.events, *last.events)
        whole = LaneBatch(log.key, gap.after, gap.previous, events, last.head, (gap.head,))
        refused = await node.handler.apply(whole)
        assert isinstance(refused, Refusal)
        assert (refused.code, node.handler.lane_tip(log.key)) == (Code.BROKEN_CHAIN, 0)
        assert "continues at 1" in refused.message


# ---------------------------------------------------------------- beginnings


async def test_a_new_log_opens_its_epoch_once(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_test_node(tmp_path) as node:
            async with node.reader.snapshot() as snapshot:
                assert await snapshot.position() == 1
            [record] = await node.tap.read(0, 5)
            assert record.id.lane == "control"
            assert isinstance(record.event, EpochOpened)
            assert record.event.previous == 0


async def test_an_answers_cursor_is_the_place_of_its_commit(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        place = await tea(node)
        answer = await post(node, place, "first-key")
        assert Cursor.parse(answer.cursor) == Cursor(node.handler.epoch, node.tap.position)
        nothing = await node.try_do("asha", "membership.set", community=place[2:], joined=False)
        assert isinstance(nothing, Answer)
        assert nothing.position == node.tap.position


async def test_whoever_is_answered_and_asks_again_joins_the_next_commit(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        place = await tea(node)
        commits = watched.commits

        async def author(n: int) -> None:
            for k in range(5):
                assert isinstance(await post(node, place, f"key-{n:03}-{k:03}"), Answer)

        async with asyncio.timeout(SECONDS_MAX):
            await asyncio.gather(*[author(n) for n in range(20)])
        assert watched.commits - commits <= 10, "100 posts by 20 people, 5 rounds"
