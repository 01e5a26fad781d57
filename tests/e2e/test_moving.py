"""Somebody moves between two running nodes; and what another region has to decide is asked there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest
from tap_client import Client, Http, Refused, login

from server.domain.commands import SetPersonRole
from server.ops import config_file, operator
from server.ops.accounts import desk
from server.ops.demo.nodes import Node, Place
from tests.support.processes import do_when_known, enrol, places, running, until

pytestmark = pytest.mark.e2e

PASSWORD = "correct horse battery"


async def enrolled(place: Place, *people: str) -> dict[str, str]:
    """Person -> token; the first one is a region admin."""
    tokens = await enrol(place, people)
    async with desk(config_file.load(place.config, {}).config, "test") as node:
        grant = SetPersonRole(person=people[0], role="region_admin", on=True)
        await operator.set_role(node.core.handler, grant)
        for person in people:
            await node.passwords.set(person, PASSWORD)
    return tokens


class Two:
    """Germany with ada, India with isha and asha; ada and isha are their admins."""

    def __init__(self, nodes: dict[str, Node], tokens: dict[str, str]) -> None:
        self.de, self.india, self.tokens = nodes["de"], nodes["in"], tokens


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    made = places(tmp_path, "de", "in")
    tokens = await enrolled(made["de"], "ada") | await enrolled(made["in"], "isha", "asha")
    async with running(made.values()) as nodes:
        yield Two(nodes, tokens)


async def http(node: Node, token: str, method: str, path: str, body: Any = None) -> Any:
    def ask() -> Any:
        with Http(node.place.url, token) as api:
            return api.get(path) if method == "GET" else api.post(path, body or {})

    return await asyncio.to_thread(ask)


async def code(wish: Awaitable[Any], *patience: str) -> str:
    """What a wish was refused with, one of ``patience``; empty: it came true."""
    try:
        await wish
    except Refused as refusal:
        refused = refusal
    else:
        return ""
    assert refused.code in patience
    return refused.code


async def test_somebody_moves_while_both_nodes_run(two: Two) -> None:
    de, india = two.de, two.india
    old = two.tokens["asha"]
    async with (
        Client(india.place.url, two.tokens["isha"]) as isha,
        Client(de.place.url, two.tokens["ada"]) as ada,
    ):
        async with Client(india.place.url, old) as asha:
            made = await asha.do({"do": "community.create", "name": "Tea"})
            place = "c:" + made.answer["community"]
            wish = {"do": "post.publish", "place": place, "kind": "update", "text": "leaves"}
            post = (await asha.do(wish)).answer["post"]
            chat = (await asha.do({"do": "conversation.start", "members": ["isha"]})).answer
            said = {"do": "post.publish", "place": f"d:{chat['conversation']}", "kind": "message"}
            message = (await asha.do(said | {"text": "I am going to Germany"})).answer["post"]
        await isha.do({"do": "person.hand_over", "person": "asha", "to": "de"})

        async def taken() -> bool:
            wish = ada.do({"do": "person.take_over", "person": "asha"})
            return not await code(wish, "not_yet", "wrong_region", "not_found")

        await until("asha is at home in Germany", taken)

        async def moved() -> bool:
            return bool(await code(http(india, old, "GET", "/me"), "moved"))

        await until("India has heard of it", moved)
        given = await http(de, two.tokens["ada"], "POST", "/people/asha/invitation")
    with pytest.raises(Refused) as caught:
        await login(india.place.url, "asha", PASSWORD, "test")
    assert (caught.value.code, caught.value.url) == ("moved", de.place.url)
    token = await login(de.place.url, "asha", given["password"], "test")
    async with Client(de.place.url, token) as asha:
        edit = {"do": "post.edit", "post": post, "text": "better leaves"}
        assert (await asha.do(edit)).answer["rev"] == 2
        assert (await asha.do(edit | {"post": message, "text": "Hello"})).answer["rev"] == 2

    async def edited() -> bool:
        page = await http(india, two.tokens["isha"], "GET", f"/posts/{message}")
        return bool(page["posts"][message]["text"] == "Hello")

    await until("her colleague in India reads what she says from Germany", edited)


async def test_what_another_home_has_to_decide_is_asked_there(two: Two) -> None:
    de, india = two.de, two.india
    async with (
        Client(de.place.url, two.tokens["ada"]) as ada,
        Client(india.place.url, two.tokens["asha"]) as asha,
    ):
        community = (await ada.do({"do": "community.create", "name": "Kaffee"})).answer["community"]
        role = {"do": "community.set_role", "community": community, "person": "asha"}
        await do_when_known(ada, role | {"role": "owner"}, "ada-lets-asha-in")
        change = {"do": "community.change", "community": community, "name": "Kaffee und Kuchen"}

        async def decided() -> bool:
            # Until India has heard of her role.
            return not await code(asha.do(change, "a-key-of-ashas"), "not_found", "forbidden")

        await until("Germany decided it", decided)
        found = await http(de, two.tokens["ada"], "GET", f"/communities/{community}")
        assert found["community"]["name"] == "Kaffee und Kuchen"
        await de.kill()
        wish = {"key": "another-key-of-ashas", "command": change | {"name": "Tee"}}

        def ask() -> Awaitable[Any]:
            return http(india, two.tokens["asha"], "POST", "/commands", wish)

        async def unreachable() -> bool:
            return bool(await code(ask(), "peer_unreachable"))

        await until("she is told that nobody answers", unreachable)
        await de.start()

        async def carried() -> bool:
            return not await code(ask(), "peer_unreachable")

        await until("the same key is carried out once Germany is back", carried)
        assert (await ask())["repeated"] is True
