"""I4: snapshot + tail = a fresh snapshot, for every event kind and for several viewers."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tap_client.fold import RULES, SILENT, fold_answer, install, missing_people

from server.app.sync import Page, Sync
from server.app.tap import Tap
from server.domain.errors import Refusal
from server.domain.events import EVENTS
from server.domain.ids import Cursor
from server.storage.queries import people, posts
from server.storage.reader import Reader
from tests.support.node import Clock, TestNode, open_test_node
from tests.unit.app.fold_cases import CASES, VIEWERS, Case, World, build

WORLD = "world"
VECTORS = Path(__file__).parents[2] / "vectors" / "fold"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world every story begins in; its database is copied for each."""

    async def made(folder: Path) -> World:
        async with open_test_node(folder) as node:
            return await build(node)

    return asyncio.run(made(tmp_path_factory.mktemp("world")))


@pytest.fixture(scope="module")
def start(world: World) -> dict[str, Json]:
    """What each viewer has before any story; cases refer to it by the viewer's name."""

    async def loaded() -> dict[str, Json]:
        reader = Reader.open(world.node.url)
        tap = Tap(reader)
        async with reader.snapshot() as tx:
            tap.open(world.node.handler.epoch, await tx.position())
        sync = Sync(reader, tap, world.node.region, world.node.clock)
        loads = {viewer: await first_load(sync, viewer) for viewer in VIEWERS}
        await reader.close()
        return loads

    return asyncio.run(loaded())


@asynccontextmanager
async def open_copy(world: World, folder: Path) -> AsyncIterator[World]:
    await asyncio.to_thread(folder.mkdir)
    shutil.copy(world.node.url.removeprefix("sqlite:///"), folder)
    clock = Clock(world.node.clock.now)
    async with open_test_node(folder, clock=clock) as node:
        yield world._replace(node=node, abroad=copy.copy(world.abroad))


def test_every_event_kind_has_a_story() -> None:
    assert CASES.keys() == EVENTS.keys()


def test_every_event_kind_is_folded_or_says_why_not() -> None:
    assert RULES.keys() | SILENT.keys() == EVENTS.keys()
    assert not RULES.keys() & SILENT.keys()


async def first_load(sync: Sync, person: str) -> Json:
    found = await sync.snapshot(person)
    assert not isinstance(found, Refusal), found
    return as_json(found) | {"server_time": 0}


def as_json(value: Any) -> Json:
    decoded: Json = json.loads(msgspec.json.encode(value))
    return decoded


async def tail(sync: Sync, person: str, cursor: str, limit: int = 200) -> list[Json]:
    """The answers of ``GET /sync?since=``, page by page, until nothing is left."""
    pages: list[Json] = []
    while not pages or pages[-1]["more"]:
        page = await sync.since(person, Cursor.parse(cursor), limit=limit)
        assert isinstance(page, Page), page
        pages.append(as_json(page))
        cursor = page.cursor
    return pages


async def fetched(node: TestNode, person: str, snapshot: Json) -> list[Json]:
    """What the client would fetch: stale posts and missing people."""
    answers = []
    for name in snapshot.get("stale", ()):
        if name.startswith("post:"):
            async with node.reader.snapshot() as tx:
                found = await posts.bundle(tx, person, [name.removeprefix("post:")])
            answers.append(as_json(found))
    if missing := missing_people(snapshot):
        async with node.reader.snapshot() as tx:
            views = await people.by_ids(tx, missing)
        answers.append({"people": as_json(list(views.values()))})
    return answers


async def tell(world: World, case: Case, folder: Path, limit: int = 200) -> list[Json]:
    """Tells a story; for each viewer what they had, got, folded, fetched and ended with."""
    async with open_copy(world, folder) as w:
        if case.given is not None:
            await case.given(w)
        sync = Sync(w.node.reader, w.node.tap, w.node.region, w.node.clock)
        before = {viewer: await first_load(sync, viewer) for viewer in VIEWERS}
        await case.act(w)
        told = []
        for viewer in VIEWERS:
            fresh = await sync.snapshot(viewer)
            if not isinstance(fresh, Refusal):  # who left is signed out
                heard = await _hear(w.node, sync, case, viewer, before[viewer], limit)
                told.append(heard | {"fresh": as_json(fresh) | {"server_time": 0}})
        return told


async def _hear(
    node: TestNode, sync: Sync, case: Case, viewer: str, before: Json, limit: int
) -> Json:
    pages = await tail(sync, viewer, before["cursor"], limit)
    folded = before
    for page in pages:
        folded = fold_answer(folded, page)
    answers = await fetched(node, viewer, folded)
    after = folded
    for answer in answers:
        after = install(after, answer)
    return {
        "case": case.name,
        "viewer": viewer,
        "before": before,
        "pages": pages,
        "folded": folded,
        "fetched": answers,
        "after": after,
    }


@pytest.mark.parametrize("kind", EVENTS)
async def test_snapshot_and_tail_are_a_fresh_snapshot(
    kind: str, world: World, start: dict[str, Json], tmp_path: Path
) -> None:
    """TAP_WRITE_VECTORS=1 writes tests/vectors/fold anew; the TypeScript SDK folds the same cases."""
    kept = []
    for number, case in enumerate(CASES[kind]):
        told = await tell(world, case, tmp_path / str(number))
        for story in told:
            check(case, story)
        types = {event["type"] for story in told for event in events(story)}
        assert kind in types or kind in SILENT, f"{case.name} tells nobody of {kind}"
        kept += [story for story in told if _worth_keeping(story, kind)]
    compare(kind, [_vector(story, start) for story in kept])


def check(case: Case, story: Json) -> None:
    viewer, stale = story["viewer"], story["folded"].get("stale", [])
    where = (case.name, viewer, stale)
    assert ("order" in stale) == (viewer in case.order), where
    assert any(name != "order" for name in stale) == (viewer in case.posts), where
    if viewer not in case.order:
        assert story["after"] == story["fresh"], where


@pytest.mark.parametrize("limit", [1, 3])
async def test_small_pages_lead_to_the_same_snapshot(
    limit: int, world: World, tmp_path: Path
) -> None:
    case = next(case for case in CASES["post.published"] if case.name.startswith("of every kind"))
    for story in await tell(world, case, tmp_path / "story", limit):
        check(case, story)
        assert len(story["pages"]) > 1 or story["viewer"] == "cleo"


def events(story: Json) -> list[Json]:
    return [event for page in story["pages"] for event in page["events"]]


def _worth_keeping(story: Json, kind: str) -> bool:
    """Viewers for whom something happened, but not the long story that fills the window."""
    if len(story["folded"]["order"]) >= 50:
        return False
    seen = any(event["type"] == kind for event in events(story))
    changed = any(page["values"] for page in story["pages"])
    return seen or (changed and story["viewer"] == "bob")


def _vector(story: Json, start: dict[str, Json]) -> Json:
    """``before`` is a viewer's name where it is the world's start; ``after`` only where it differs."""
    kept = {name: story[name] for name in ("case", "viewer", "before", "pages", "folded")}
    if story["before"] == start[story["viewer"]]:
        kept["before"] = story["viewer"]
    if story["fetched"]:
        kept |= {"fetched": story["fetched"], "after": story["after"]}
    return kept


def test_the_vectors_start_is_current(start: dict[str, Json]) -> None:
    compare(WORLD, [{"viewer": viewer, "before": before} for viewer, before in start.items()])


def compare(name: str, cases: list[Json]) -> None:
    """One case a line, so that a change is seen as the case it is."""
    lines = [
        json.dumps(case, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        for case in cases
    ]
    text = "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"
    path = VECTORS / f"{name}.json"
    if os.environ.get("TAP_WRITE_VECTORS"):
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, f"{path.name} is stale: see this test's module"
