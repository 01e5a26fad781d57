"""One log after the other: what a restored node may write, and how it learns that it lost something (16)."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server.app.handle import Answer
from server.app.incarnations import lost
from server.domain import merge
from server.domain.decide.copies import adopt
from server.domain.errors import Code, Refusal
from server.domain.events import ResidencyPolicy
from server.domain.events.base import Source
from server.domain.ids import LaneKey, incarnation, new_epoch
from server.domain.import_records import ImportPerson
from server.domain.wire import LaneBatch, SignedHead
from server.storage import tables as t
from server.storage.connection import open_writer
from server.storage.epochs import begin_epoch, end_recovery
from server.storage.node import open_node
from tests.support.node import START, ForeignLog, TestNode, open_test_node
from tests.support.restored import agree, own, own_batch, restored

FIRST, SECOND = new_epoch(1, b"\0\0\0\7"), new_epoch(2, b"\0\0\0\7")


# ---------------------------------------------------------------- numbers of registers


@given(st.integers(1, 2**21 - 1), st.binary(min_size=4, max_size=4), st.integers(1, 2**20))
def test_a_later_incarnation_writes_above_all_earlier_ones(
    ordinal: int, entropy: bytes, rev: int
) -> None:
    before, after = new_epoch(ordinal, entropy), new_epoch(ordinal + 1, b"\0\0\0\0")
    raised = merge.raised(rev, after)
    assert raised > merge.raised(rev + 2**20, before)
    assert merge.raised(raised + 1, after) == raised + 1, "from then on one by one"
    assert merge.raised(raised, before) == raised, "whoever moved here keeps counting"
    assert raised < 2**53


@given(st.lists(st.binary(min_size=4, max_size=4), min_size=2, max_size=60), st.integers(1, 2**20))
def test_however_often_a_log_is_restored_no_lost_change_equals_a_new_one(
    chances: list[bytes], lost: int
) -> None:
    """Each time ``lost`` changes of one object are written, and lost, after the one that is kept."""
    rev = 0
    for ordinal, chance in enumerate(chances, 1):
        epoch = new_epoch(ordinal, chance)
        first = merge.raised(rev + 1, epoch)
        assert first > rev + (lost if ordinal > 1 else 0), "beyond all that was lost"
        rev = first
    assert rev + lost < 2**53


@given(st.integers(1, 2**40))
def test_the_first_incarnation_counts_from_one(rev: int) -> None:
    assert merge.raised(rev, FIRST) == rev


# ---------------------------------------------------------------- what says that events were lost


def _batch(key: LaneKey, after: int, seq: int) -> LaneBatch:
    events = tuple([object()] * (seq - after))
    return LaneBatch(key, after, b"", events, SignedHead(*key, seq, b"", "", b""))  # type: ignore[arg-type]


def test_a_log_learns_from_its_own_signature_that_it_is_not_the_newest() -> None:
    ours = LaneKey("in", SECOND, "global")
    assert lost(_batch(ours, 2, 5), ours, 4)
    assert not lost(_batch(ours, 2, 4), ours, 4), "a repeat"
    assert not lost(_batch(ours._replace(epoch=FIRST), 0, 9), ours, 4), (
        "an earlier epoch is welcome"
    )
    assert not lost(_batch(ours._replace(region="de"), 0, 9), ours, 4)
    first = ours._replace(epoch=FIRST)
    assert lost(_batch(first._replace(epoch=FIRST + 1), 0, 1), first, 4), "two first incarnations"
    assert not lost(_batch(ours._replace(epoch=SECOND + 1), 0, 1), ours, 4), "no race of two copies"


# ---------------------------------------------------------------- the writer


async def test_i5_nothing_is_written_once_others_hold_more_of_our_lane(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
    shutil.copy(tmp_path / "in.db", backup / "in.db")
    async with open_test_node(tmp_path) as node:
        await node.community("asha")
        batch = await own_batch(node, own(node))
    async with open_test_node(backup) as node:
        assert not node.handler.doubted.is_set()
        refusal = await node.handler.apply(batch)
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.retryable) == (Code.RECOVERING, True)
        await node.handler.doubted.wait()
        assert "our lane global" in node.handler.doubt
        assert node.handler.doubted_epoch == node.handler.epoch
        tip = node.handler.lane_tip(own(node))
        answer = await node.try_do("asha", "community.create", "another-key", name="Other")
        assert isinstance(answer, Refusal)
        assert answer.code is Code.RECOVERING
        node.handler.distrust("said again", 1)
        assert node.handler.doubted_epoch == node.handler.epoch, "the first reason stays"
        # What others write is stored on.
        abroad = ForeignLog()
        assert await node.handler.apply(abroad.batch(START)) == 0
        assert node.handler.lane_tip(own(node)) == tip


async def test_people_are_held_back_until_the_tail_is_there(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        hold = Refusal(Code.RECOVERING, "a moment")
        node.handler.holding = hold
        assert await node.try_do("asha", "community.create", "the-same-key", name="Tea") == hold
        record = ImportPerson(source=Source(system="zulip", id="1"), person="zoe", name="Zoe")
        assert await node.handler.import_records([record, record]) == [hold, hold]
        await node.register("bob")
        node.handler.holding = None
        answer = await node.try_do("asha", "community.create", "the-same-key", name="Tea")
        assert isinstance(answer, Answer)
        assert not answer.repeated, "what was held back was never decided"


async def test_i6_what_is_written_before_the_tail_is_back_wins_everywhere(tmp_path: Path) -> None:
    """The backup lacks two edits and a vote; all are changed again before peers bring them back."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    async with open_test_node(first) as node:
        await node.register("asha")
        await node.register("bob")
        place = await node.community("asha")
        post = await node.post("asha", place, "one")
    backup = tmp_path / "backup"
    shutil.copytree(first, backup)
    async with open_test_node(first) as node:
        for text in ("two", "three"):
            await node.do("asha", "post.edit", f"lost-{text}", post=post, text=text)
        await node.do("bob", "follow.set", "lost-follow", kind="person", target="asha", on=True)
        old = [own(node, lane) for lane in ("control", "global")]
        tail = [await own_batch(node, key) for key in old]
    async with restored(backup, second) as node:
        edited = await node.do("asha", "post.edit", "new-four", post=post, text="four")
        assert edited["rev"] == merge.raised(2, node.handler.epoch)
        again = await node.do("asha", "post.edit", "new-five", post=post, text="five")
        assert again["rev"] == edited["rev"] + 1
        for number, on in enumerate((True, False)):
            follow = {"kind": "person", "target": "asha", "on": on}
            await node.do("bob", "follow.set", f"new-follow-{number}", **follow)
        new = [await own_batch(node, own(node, lane)) for lane in ("control", "global")]
        for batch in tail:
            assert await node.handler.apply(batch) == batch.head.seq
        assert await _text(node, post) == "five"

    async def look(node: TestNode) -> None:
        assert await _text(node, post) == "five"

    await agree(second, tail, new, look=look)


@pytest.mark.parametrize("changes", [False, True], ids=["untouched", "changed since"])
async def test_i6_a_colleague_who_was_lost_and_is_registered_anew_is_the_same_everywhere(
    tmp_path: Path, changes: bool
) -> None:
    """People's ids are chosen, unlike those of all else: both epochs have a first word about one person."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    groups, lanes = {"asia": frozenset({"in", "r0", "r1"})}, ("control", "global", "group.asia")
    async with open_test_node(first, groups=groups) as node:
        await node.register("asha")
        told = ResidencyPolicy(
            profile=("title",), in_groups={"asia": ("unit",)}, audiences=("global", "group.*")
        )
        rule = partial(adopt, told, sorted(groups["asia"]), groups)
        assert not isinstance(await node.handler.append(rule), Refusal)
    backup = tmp_path / "backup"
    shutil.copytree(first, backup)
    async with open_test_node(first, groups=groups) as node:
        await node.register("cara", name="Cara Old", unit="Zebras", bot=True)
        lost_ones = [await own_batch(node, own(node, lane)) for lane in lanes]
    async with restored(backup, second, groups) as node:
        await node.register("cara", name="Cara New", unit="Apes", country="IN")
        if changes:
            await node.do("cara", "profile.change", "cara-changes", name="Cara")
        new_ones = [await own_batch(node, own(node, lane)) for lane in lanes]
        for batch in lost_ones:
            assert await node.handler.apply(batch) == batch.head.seq

    async def look(node: TestNode) -> None:
        assert changes or (await _fuller(node, "cara"))[0] == "Zebras"

    await agree(second, lost_ones, new_ones, groups=groups, look=look)


async def _fuller(node: TestNode, person: str) -> Any:
    known = t.fuller_profiles
    async with node.reader.snapshot() as snapshot:
        return await snapshot.one(select(known.c.unit).where(known.c.person == person))


async def _text(node: TestNode, post: str) -> str:
    async with node.reader.snapshot() as snapshot:
        row = await snapshot.one(select(t.posts.c.text).where(t.posts.c.post == post))
    return str(row[0])


# ---------------------------------------------------------------- the next incarnation


async def test_an_epoch_follows_all_that_is_known(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
    connection = open_writer(f"sqlite:///{tmp_path}/in.db")
    with connection.transaction() as tx:
        before = open_node(tx, "in", b"")
        second = begin_epoch(tx, before, START, os.urandom)
        assert incarnation(second.epoch) == incarnation(before.epoch) + 1
        assert second.recovering_since == START
    with connection.transaction() as tx:
        known = new_epoch(7, b"\0\0\0\0")
        third = begin_epoch(tx, open_node(tx, "in", b""), START + 5, os.urandom, known)
        assert incarnation(third.epoch) == 8
        assert third.recovering_since == START, "still what the first restore lacks"
        assert open_node(tx, "in", b"") == third
    with connection.transaction() as tx:
        end_recovery(tx)
        assert open_node(tx, "in", b"").recovering_since == 0
    connection.close()
    async with open_test_node(tmp_path) as node:
        assert node.handler.lane_tip(own(node, "control")) == 1
        assert await node.do("asha", "community.create", "another-key", name="Tea")


@pytest.mark.parametrize("ordinal", [1, 2, 2**21 - 1])
def test_an_epoch_says_which_incarnation_it_is(ordinal: int) -> None:
    assert incarnation(new_epoch(ordinal, os.urandom(4))) == ordinal
