"""An archive comes in slices, so that people's own commands are never far behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from server.app.handle import Answer
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.events import PersonRegistered, Source
from server.domain.ids import derived_object_id
from server.domain.import_records import ImportPost, ImportRecord
from server.storage.event_log import Record
from tests.support.faults import SECONDS_MAX, held
from tests.support.node import START, ForeignLog, open_test_node

SLICES = 3
COMMUNITY = derived_object_id(START, "forum")


def archive(count: int, author: str = "asha") -> list[ImportRecord]:
    return [
        ImportPost(
            source=Source(system="forum", id=str(n)),
            post=derived_object_id(START, "post", str(n)),
            author=author,
            community=COMMUNITY,
            kind="update",
            at=START,
            text=f"post {n}",
        )
        for n in range(count)
    ]


async def test_a_command_gets_in_between_two_slices(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        commits: list[Sequence[Record]] = []
        node.tap.subscribe(commits.append)
        records = archive(limits.IMPORT_RECORDS_PER_JOB * SLICES)
        async with asyncio.timeout(SECONDS_MAX):
            async with held(node.handler):
                importing = asyncio.ensure_future(node.handler.import_records(records))
                await asyncio.sleep(0)
                mine = asyncio.ensure_future(node.try_do("asha", "profile.change", name="Asha A"))
                await asyncio.sleep(0)
            answer, outcomes = await asyncio.gather(mine, importing)
        assert outcomes == ["new"] * len(records)
        assert isinstance(answer, Answer)
        assert len(commits) == 1 + SLICES, "each slice is a commit of its own"
        assert answer.position == commits[0][-1].position, "before the first of them"


async def test_every_record_has_its_own_outcome(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        dora = PersonRegistered(person="dora", home="de", name="Dora")
        await node.handler.apply(ForeignLog("de").batch(START, ("", dora)))
        first, second, third = archive(3)
        assert isinstance(second, ImportPost)
        abroad = ImportPost(
            source=second.source,
            post=second.post,
            author="dora",
            community=COMMUNITY,
            kind="update",
            at=START,
            text="hallo",
        )
        outcomes = await node.handler.import_records([first, abroad, first, third])
        assert [outcome if isinstance(outcome, str) else outcome.code for outcome in outcomes] == [
            *("new", Code.WRONG_REGION, "known", "new")
        ]


async def test_an_import_that_is_run_again_changes_nothing(tmp_path: Path) -> None:
    """Also when it was cut in the middle, and the node was restarted meanwhile."""
    records = archive(limits.IMPORT_RECORDS_PER_JOB + 10)
    half = len(records) // 2
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        assert set(await node.handler.import_records(records[:half])) == {"new"}
    async with open_test_node(tmp_path) as node:
        outcomes = await node.handler.import_records(records)
        assert outcomes == ["known"] * half + ["new"] * (len(records) - half)
        position = node.tap.position
        assert await node.handler.import_records(records) == ["known"] * len(records)
        assert node.tap.position == position


async def test_a_node_that_stops_refuses_every_record_left(tmp_path: Path) -> None:
    records = archive(limits.IMPORT_RECORDS_PER_JOB * 2)
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        async with held(node.handler):
            importing = asyncio.ensure_future(node.handler.import_records(records))
            await asyncio.sleep(0)
            stopping = asyncio.ensure_future(node.handler.close())
            await asyncio.sleep(0)
        async with asyncio.timeout(SECONDS_MAX):
            outcomes = await importing
            await stopping
        half = len(records) // 2
        assert outcomes[:half] == ["new"] * half
        assert {o.code for o in outcomes[half:] if isinstance(o, Refusal)} == {Code.STOPPING}
        assert len(outcomes) == len(records)


async def test_no_records_are_no_commit(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        position = node.tap.position
        assert await node.handler.import_records([]) == []
        assert node.tap.position == position
