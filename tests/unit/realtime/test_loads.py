"""What sessions wait for, against real tables: which channels, and with which code not."""

from __future__ import annotations

from pathlib import Path

from server.app.auth import Identity
from server.app.sync import load_interests
from server.domain.errors import Code, Refusal
from server.realtime import effects as fx
from server.realtime import loads
from server.realtime.permits import Permits
from tests.support.node import open_test_node
from tests.support.world import build_world
from tests.unit.realtime.live import Secrets


async def test_anybody_s_presence_may_be_watched_and_nobody_s_who_is_not_there(
    tmp_path: Path,
) -> None:
    async with open_test_node(tmp_path) as node:
        world = await build_world(node)
        asked = ("p:bob", "p:dora", "p:nobody", world.vault)
        key = ("cleo", frozenset(asked))
        permit = (await loads.interests(node.reader, load_interests, [key]))[key]
        refused = (("p:nobody", "forbidden"), (world.vault, "forbidden"))
        answer = loads.authorized(fx.Authorize(7, None, "cleo", asked), permit)
        assert answer.allowed == ("p:bob", "p:dora"), "of another region"
        assert answer.refused == refused
        greeted = loads.greeted(fx.LoadInterests(1, "cleo", frozenset(asked)), permit)
        assert greeted.allowed == {"p:bob", "p:dora"}


async def test_what_newcomers_may_hear_is_remembered_before_it_is_asked(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        world = await build_world(node)
        permits = Permits(0)
        auth = Secrets(node.reader, node.clock)
        found = await loads.newcomers(auth, load_interests, permits, ["cleo", "nobody"])
        assert isinstance(found["nobody"], Refusal)
        assert isinstance(found["cleo"], Identity)
        permit = permits.find("cleo", ())
        key = ("cleo", frozenset[str]())
        assert permit == (await loads.interests(node.reader, load_interests, [key]))[key]
        assert world.vault not in permit.own


async def test_what_is_remembered_already_is_not_read_for_newcomers(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await build_world(node)
        permits = Permits(0)
        permits.keep("cleo", 1, frozenset({"g"}), frozenset())
        auth = Secrets(node.reader, node.clock)
        await loads.newcomers(auth, load_interests, permits, ["cleo"])
        assert permits.find("cleo", ()) == (1, {"g"}, frozenset())


async def test_a_service_that_may_not_know_names_hears_nothing(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await build_world(node)
        auth = Secrets(node.reader, node.clock)
        known = (await loads.newcomers(auth, load_interests, Permits(0), ["cleo"]))["cleo"]
        assert isinstance(known, Identity)
        assert loads.holder(known) == (known.who, known.expires_at)
        refused, _ = loads.holder(known._replace(names="pseudonyms"))
        assert isinstance(refused, Refusal)
        assert refused.code is Code.FORBIDDEN
