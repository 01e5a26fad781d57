"""A disk is lost, or a copy is put in its place: what a whole node does about it, and what its peer sees."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest
from tap_client import Client, Refused
from websockets.exceptions import InvalidStatus

from server.ops.demo.nodes import Node, Place
from tests.support.processes import rows, until
from tests.unit.ops.pairs import PROGRAM, ask, at, doctor, findings, live, ready, sign_in

pytestmark = pytest.mark.e2e


async def test_a_database_put_back_gets_everything_back(nodes: dict[str, Node]) -> None:
    """Nobody tells the node: the extent beside the database does."""
    de, india = nodes["de"], nodes["in"]
    await de.stop()
    backup = de.place.database.read_bytes()
    await de.start()
    for name in ("Lost", "Lost too"):
        await create(de, name)
    await until("India has heard of it", lambda: len(community_names(india)) == 2)
    await de.kill()
    put_back(de.place, backup)
    await de.start()
    await until("all is back", lambda: community_names(de) == {"Lost", "Lost too"})
    await until("people may write", lambda: ready(de))
    await create(de, "After")
    await until("India hears what is new", lambda: "After" in community_names(india))
    assert len(epochs(de)) == len(epochs(india)) == 2
    await until("all is well", lambda: doctor_is_content(de))
    await de.stop()
    answer = json.loads(await asyncio.to_thread(at, de.place, "rebuild", "--check", "--json"))
    assert answer["different"] == []


async def test_a_restored_node_shows_nothing_before_a_peer_was_heard(
    nodes: dict[str, Node],
) -> None:
    de, india = nodes["de"], nodes["in"]
    await create(de, "Tea")
    token = await sign_in(de, "ada")
    await asyncio.gather(de.stop(), india.stop())
    (de.place.database.parent / "tap.extent").unlink()
    await de.start()
    assert not await ready(de)
    with pytest.raises(Refused) as refused:
        await ask(de, token, "/me")
    assert (refused.value.code, refused.value.status) == ("recovering", 503)
    with pytest.raises(InvalidStatus) as turned_away:
        async with live(de, token):
            pass
    assert turned_away.value.response.status_code == 503
    assert (await ask(de, "", "/node"))["region"] == "de", "operators see it all the same"
    assert set(findings(await asyncio.to_thread(doctor, de.place))) >= {"database.restored"}
    await india.start()
    await until("what India knows is known", lambda: ready(de))
    assert (await ask(de, token, "/me"))["person"]["id"] == "ada"


async def test_a_folder_put_back_whole_is_told_by_peers_while_it_runs(
    nodes: dict[str, Node],
) -> None:
    de, india = nodes["de"], nodes["in"]
    backup = await told_after_a_backup(de, india, "Lost")
    await de.stop()
    put_back(de.place, *backup)
    await de.start()
    await until("it goes on in another epoch", lambda: len(epochs(de)) == 2)
    await until("all is back", lambda: community_names(de) == {"Lost"})
    await until("people may write", lambda: ready(de))
    await create(de, "After")
    await until("India hears what is new", lambda: "After" in community_names(india))
    assert "Traceback" not in de.place.log.read_text()


async def test_a_copy_that_wrote_on_is_proven_and_its_lane_left_out(
    nodes: dict[str, Node],
) -> None:
    de, india = nodes["de"], nodes["in"]
    backup = await told_after_a_backup(de, india, "One")
    await asyncio.gather(de.stop(), india.stop())
    put_back(de.place, *backup)
    await de.start()
    await create(de, "Other")
    await india.start()
    for node in (de, india):
        await until("both have the proof", lambda node=node: len(forks(node)) == 1)
    ((region, _, lane),) = forks(de)
    assert (region, lane) == ("de", "global")
    assert forks(de) == forks(india)
    # Nobody chose: each shows the history it had. And both go on.
    await until("people may write", lambda: ready(de))
    await create(de, "After")
    await until("India hears what is new", lambda: "After" in community_names(india))
    assert community_names(india) == {"One", "After"}
    assert community_names(de) == {"Other", "After"}
    # Until an operator has seen to it, also over a restart.
    await india.stop()
    await india.start()
    found = await asyncio.to_thread(tap_exit, india.place, "forks", "--json")
    assert found[0] == 1
    (fork,) = json.loads(found[1])
    assert "database.forks" in findings(await asyncio.to_thread(doctor, india.place))
    await asyncio.to_thread(at, india.place, "forks", "resolve", fork["fork"])
    assert "database.forks" not in findings(await asyncio.to_thread(doctor, india.place))
    again = await asyncio.to_thread(tap_exit, india.place, "forks", "resolve", fork["fork"])
    assert again[0] == 1
    assert len(forks(india)) == 1


async def told_after_a_backup(de: Node, india: Node, name: str) -> tuple[bytes, bytes]:
    """The backup, since when Germany told India something."""
    await de.stop()
    backup = kept(de.place)
    await de.start()
    await create(de, name)
    await until("India has heard of it", lambda: community_names(india) == {name})
    return backup


def kept(place: Place) -> tuple[bytes, bytes]:
    """Database and extent of a stopped node."""
    return place.database.read_bytes(), (place.database.parent / "tap.extent").read_bytes()


def put_back(place: Place, database: bytes, extent: bytes | None = None) -> None:
    for rest in place.database.parent.glob("tap.db*"):
        rest.unlink()
    place.database.write_bytes(database)
    if extent is not None:
        (place.database.parent / "tap.extent").write_bytes(extent)


def epochs(node: Node) -> set[int]:
    found = rows(node.place, "SELECT DISTINCT epoch FROM lanes WHERE region = 'de'")
    return {epoch for (epoch,) in found}


def forks(node: Node) -> list[tuple[Any, ...]]:
    return rows(node.place, "SELECT region, epoch, lane FROM forks")


def tap_exit(place: Place, *verb: str) -> tuple[int, str]:
    program = [*PROGRAM, "--config", str(place.config), *verb]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


async def doctor_is_content(node: Node) -> bool:
    return findings(await asyncio.to_thread(doctor, node.place)) == {}


async def create(node: Node, name: str) -> None:
    async with Client(node.place.url, await sign_in(node, "ada")) as client:
        await client.do({"do": "community.create", "name": name})


def community_names(node: Node) -> set[str]:
    return {name for (name,) in rows(node.place, "SELECT name FROM communities")}
