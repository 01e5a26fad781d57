"""I12: may this person watch this channel? Every relation to every kind of channel; no by default.

Asked of both answers to ``Facts``: the writer's, inside its transaction, and the readers', loaded in a
snapshot. They must agree cell by cell.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.app.handle import Answer
from server.domain.events import CommunityRoleChanged, MembershipChanged, PersonRegistered
from server.domain.facts import Facts
from server.domain.visibility import (
    belongs_to_community,
    may_look,
    may_moderate,
    may_read_place,
    may_watch,
)
from server.storage.async_facts import load_facts
from server.storage.facts import TxFacts
from server.storage.sql import Tx
from tests.support.node import open_test_node
from tests.support.world import World, build_world

PEOPLE = (
    "asha",  # owner of Tea, Vault, Old and Home; in the chat; owner of Kaffee by de's word
    "bob",  # joined Tea; in the chat
    "cleo",  # belongs nowhere
    "vera",  # member of Vault by its owner's grant
    "vic",  # moderator of Vault
    "wendy",  # says she joined Vault, but nobody let her in
    "mod",  # administers and moderates the region
    "lead",  # leads communications
    "dora",  # at home in de
    "gone",  # has left; had been a member of Vault
)
EVERYBODY = frozenset(PEOPLE) - {"gone"}
IN_VAULT = frozenset({"asha", "vera", "vic"})
IN_CHAT = frozenset({"asha", "bob"})
NOBODY: frozenset[str] = frozenset()


def channels(w: World) -> dict[str, tuple[str, frozenset[str]]]:
    """What it is -> (the channel, who may watch it)."""
    return {
        "everybody's": ("g", EVERYBODY),
        "asha's own": ("u:asha", frozenset({"asha"})),
        "cleo's own": ("u:cleo", frozenset({"cleo"})),
        "one's own after leaving": ("u:gone", NOBODY),
        "an unknown person's": ("u:nobody", NOBODY),
        "an open community": (w.tea, EVERYBODY),
        "an open community of one region": (w.home, EVERYBODY),
        "an archived community": (w.old, EVERYBODY),
        "an open community abroad": (w.kaffee, EVERYBODY),
        "a private community": (w.vault, IN_VAULT),
        "an unknown community": ("c:" + w.nowhere, NOBODY),
        "a conversation": (w.chat, IN_CHAT),
        "an unknown conversation": ("d:" + w.nowhere, NOBODY),
        "a thread of an open community": ("t:" + w.post, EVERYBODY),
        "a thread below a reply": ("t:" + w.reply, EVERYBODY),
        "a thread abroad": ("t:" + w.german_post, EVERYBODY),
        "a deleted thread": ("t:" + w.deleted, EVERYBODY),
        "a thread of a private community": ("t:" + w.secret, IN_VAULT),
        "a thread of a conversation": ("t:" + w.message, IN_CHAT),
        "an unknown thread": ("t:" + w.nowhere, NOBODY),
        "nothing": ("", NOBODY),
        "a lone letter": ("c", NOBODY),
        "a kind without a name": ("c:", NOBODY),
        "a thread without a name": ("t:", NOBODY),
        "everybody's with a name": ("g:", NOBODY),
        "everybody's in capitals": ("G", NOBODY),
        "a kind that does not exist": ("x:" + w.tea[2:], NOBODY),
        "a private community under another kind": ("d:" + w.vault[2:], NOBODY),
        "a channel within a channel": ("t:" + w.vault, NOBODY),
    }


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_test_node(tmp_path) as node:
        world = await build_world(node)
        for person in ("vera", "vic", "wendy"):
            await node.register(person)
        roles = {"vera": "member", "vic": "moderator", "gone": "member"}
        for person, role in roles.items():
            await node.do(
                "asha", "community.set_role", community=world.vault[2:], person=person, role=role
            )
        # What her region wrote before the community turned private.
        await world.foreign(
            "wendy",
            MembershipChanged(community=world.vault[2:], person="wendy", rev=1, joined=True),
        )
        yield world


def asked(facts: Facts, person: str, names: list[str]) -> set[str]:
    who = facts.person(person)
    assert who is not None, person
    return {name for name in names if may_watch(facts, who, name)}


async def test_i12_who_may_watch_what(world: World) -> None:
    cells = channels(world)
    names = [channel for channel, _ in cells.values()]
    assert len(PEOPLE) * len(cells) > 250
    for person in PEOPLE:
        allowed = {channel for channel, who in cells.values() if person in who}

        def in_transaction(tx: Tx, person: str = person) -> set[str]:
            return asked(TxFacts().use(tx), person, names)

        assert await world.node.handler.run(in_transaction) == allowed, person
        async with world.node.reader.snapshot() as snapshot:
            facts = await load_facts(snapshot, person, names)
        assert asked(facts, person, names) == allowed, person


async def test_i12_who_may_see_who_is_there(world: World) -> None:
    """Anybody active here, of anybody in the directory."""
    watched = ["p:bob", "p:gone", "p:dora", "p:nobody", "p:", world.tea, world.vault]

    def answers(facts: Facts, person: str) -> list[bool]:
        who = facts.person(person)
        assert who is not None
        return [may_look(facts, who, name) for name in watched]

    expected: dict[str, list[bool]] = {
        "cleo": [True, True, True, False, False, True, False],
        "gone": [False] * len(watched),
    }
    for person, row in expected.items():

        def in_transaction(tx: Tx, person: str = person) -> list[bool]:
            return answers(TxFacts().use(tx), person)

        assert await world.node.handler.run(in_transaction) == row, person
        async with world.node.reader.snapshot() as snapshot:
            facts = await load_facts(snapshot, person, watched)
        assert answers(facts, person) == row, person


async def test_i12_the_answer_changes_with_the_facts(world: World) -> None:
    """Let in, put out, gone private: the next command is decided by the new answer, cached or not."""
    node, vault, tea = world.node, world.vault, world.tea
    moments = itertools.count(1)

    async def may(person: str, channel: str) -> bool:
        marked = await node.try_do(person, "read.mark", channel=channel, up_to=next(moments))
        return isinstance(marked, Answer)

    assert not await may("cleo", vault)
    role = {"community": vault[2:], "person": "cleo"}
    await node.do("asha", "community.set_role", role="member", **role)
    assert await may("cleo", vault)
    assert await may("cleo", "t:" + world.secret)
    await node.do("asha", "community.set_role", role="none", **role)
    assert not await may("cleo", "t:" + world.secret)
    assert await may("bob", tea)
    await node.do("asha", "community.change", community=tea[2:], name="Tea", visibility="private")
    assert not await may("bob", tea), "to have joined an open community is no key to a private one"
    assert await may("asha", tea)


async def test_belonging_is_narrower_than_reading(world: World) -> None:
    """An open community may be read by all and is part of the feed of those who joined or have a role."""

    def belong(tx: Tx) -> dict[str, set[str]]:
        facts = TxFacts().use(tx)
        return {
            place: {
                person
                for person in PEOPLE
                if belongs_to_community(facts.community(place[2:]), facts.member(place[2:], person))
            }
            for place in (world.tea, world.vault, "c:" + world.nowhere)
        }

    assert await world.node.handler.run(belong) == {
        world.tea: {"asha", "bob"},
        world.vault: {"asha", "vera", "vic", "gone"},
        "c:" + world.nowhere: set(),
    }


async def test_who_may_moderate(world: World) -> None:
    """Its moderators and owners; the region's own moderators where the region is home and all is open."""

    def moderate(tx: Tx) -> dict[str, set[str]]:
        facts = TxFacts().use(tx)
        people = [who for person in PEOPLE if (who := facts.person(person)) is not None]
        return {
            place: {
                who.person
                for who in people
                if may_moderate(
                    facts.community(place[2:]), facts.member(place[2:], who.person), who
                )
            }
            for place in (world.tea, world.vault, world.kaffee, "c:" + world.nowhere)
        }

    assert await world.node.handler.run(moderate) == {
        world.tea: {"asha", "mod"},
        world.vault: {"asha", "vic"},
        world.kaffee: {"asha"},
        "c:" + world.nowhere: set(),
    }


async def test_a_place_of_no_kind_is_read_by_nobody(world: World) -> None:
    def ask(tx: Tx) -> list[bool]:
        facts = TxFacts().use(tx)
        return [may_read_place(facts, "asha", place) for place in ("", "g", "u:asha", "t:x")]

    assert await world.node.handler.run(ask) == [False] * 4


async def test_a_role_that_arrives_before_its_community_opens_nothing(world: World) -> None:
    await world.foreign(
        "dora",
        PersonRegistered(person="emil", home="de", name="Emil"),
        CommunityRoleChanged(community=world.nowhere, person="cleo", rev=1, role="owner"),
    )
    async with world.node.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, "cleo", ["c:" + world.nowhere])
    assert asked(facts, "cleo", ["c:" + world.nowhere]) == set()
