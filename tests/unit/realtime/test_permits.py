"""What is remembered of who may hear what is always what the database would say (I12)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from server.app.sync import load_interests
from server.domain.events import EVENTS
from server.realtime import loads
from server.realtime.permits import CHANNELS_PER_PERSON_MAX, Permit, Permits, interned
from server.storage.event_log import Record
from tests.support.node import TestNode, open_test_node
from tests.unit.app.fold_cases import CASES, Case, World, build
from tests.unit.app.test_sync_fold import open_copy
from tests.unit.realtime.scenes import joined, record

PEOPLE = ("asha", "bob", "cleo", "mod", "dora")


def channels(*names: str) -> frozenset[str]:
    return frozenset(names)


# -- against a real node ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    async def made(folder: Path) -> World:
        async with open_test_node(folder) as node:
            return await build(node)

    return asyncio.run(made(tmp_path_factory.mktemp("permits")))


async def asked_of(node: TestNode, w: World) -> dict[str, Permit]:
    """What each person may hear now, as the gateway loads it."""
    further = channels(w.tea, w.vault, w.home, w.chat, *["t:" + p for p in (w.post, w.secret_post)])
    found = await loads.interests(
        node.reader, load_interests, [(person, further) for person in PEOPLE]
    )
    return {person: permit for (person, _), permit in found.items()}


@pytest.mark.parametrize("kind", sorted(EVENTS))
async def test_no_event_leaves_a_stale_answer(world: World, kind: str, tmp_path: Path) -> None:
    """After each story, whatever is still remembered is what a fresh look says."""
    for number, case in enumerate(CASES[kind]):
        async with open_copy(world, tmp_path / str(number)) as w:
            await _told(w, case)


async def _told(w: World, case: Case) -> None:
    node = w.node
    if case.given is not None:
        await case.given(w)
    permits = Permits(node.tap.position)
    for person, permit in (await asked_of(node, w)).items():
        permits.keep(person, permit.position, permit.own, permit.allowed)
    node.tap.subscribe(permits.note)
    await case.act(w)
    for person, fresh in (await asked_of(node, w)).items():
        known = permits.find(person, ())
        if known is not None:
            assert (known.own, known.allowed) == (fresh.own, fresh.allowed), (case.name, person)


async def test_posts_cost_nobody_their_permit(world: World, tmp_path: Path) -> None:
    async with open_copy(world, tmp_path / "posts") as w:
        permits = Permits(w.node.tap.position)
        for person, permit in (await asked_of(w.node, w)).items():
            permits.keep(person, permit.position, permit.own, permit.allowed)
        w.node.tap.subscribe(permits.note)
        await w.node.reply("bob", await w.node.post("asha", w.tea), "yes")
        assert permits.find("asha", [w.tea, w.chat, "g"]) is not None
        await w.node.do("bob", "membership.set", community=w.tea[2:], joined=False)
        assert permits.find("bob", ()) is None
        assert permits.find("asha", ()) is not None


# -- alone -------------------------------------------------------------------------------------------------


def permits_with(*people: str, **options: int) -> Permits:
    permits = Permits(10, **options)
    for person in people:
        permits.keep(person, 10, channels("g", "u:" + person, "c:tea"), channels("t:why"))
    return permits


def records(*people: str, first: int = 11) -> Sequence[Record]:
    return [record(first + n, event=joined(person=person)) for n, person in enumerate(people)]


def test_it_answers_only_when_it_knows_every_channel_asked() -> None:
    permits = permits_with("asha")
    assert permits.find("asha", ["t:why", "c:tea"]) is not None
    assert permits.find("asha", ["t:other"]) is None
    assert permits.find("bob", ()) is None


def test_what_was_loaded_before_a_change_is_not_kept() -> None:
    permits = permits_with()
    permits.note(records("asha"))
    permits.keep("asha", 10, channels("g", "u:asha"), channels())
    assert permits.find("asha", ()) is None
    permits.keep("asha", 11, channels("g", "u:asha"), channels())
    assert permits.find("asha", ()) is not None


def test_what_already_contains_a_change_stays_when_it_is_announced() -> None:
    """The database shows a commit a moment before the tap announces it."""
    permits = permits_with()
    permits.keep("asha", 12, channels("g", "u:asha"), channels())
    permits.note(records("asha"))
    assert permits.find("asha", ()) is not None


def test_channels_asked_one_after_another_are_remembered_together() -> None:
    permits = permits_with("asha")
    permits.keep("asha", 10, channels("g", "u:asha", "c:tea"), channels("t:more"))
    assert permits.find("asha", ["t:why", "t:more"]) is not None


def test_memory_is_bounded() -> None:
    permits = permits_with("a", "b", "c", people_max=2)
    assert [permits.find(person, ()) is not None for person in "abc"] == [False, True, True]
    many = frozenset([f"t:{n}" for n in range(CHANNELS_PER_PERSON_MAX + 1)])
    permits.keep("b", 10, channels("g", "u:b"), many)
    known = permits.find("b", ())
    assert known is not None
    assert known.allowed == channels()
    permits.note(records("x", "y", "z"))  # more changes than it remembers people
    permits.keep("d", 12, channels("g", "u:d"), channels())
    assert permits.find("d", ()) is None  # whether one of those was theirs is forgotten


def test_nobody_of_that_name_is_not_remembered() -> None:
    permits = permits_with()
    permits.keep("ghost", 10, channels(), channels())
    assert permits.find("ghost", ()) is None


def test_one_string_serves_all_who_hear_a_channel() -> None:
    (one,), (other,) = interned(["c:" + "tea" * 1]), interned(["".join(["c:", "tea"])])
    assert one is other
