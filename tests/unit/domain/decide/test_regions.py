"""I7: each object has one region that writes it; the others are told where to ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from server.domain import events as e
from server.domain.commands import COMMANDS
from server.domain.errors import Code, Refusal
from server.domain.events.base import Event
from server.storage.digest import digests
from server.storage.facts import TxFacts
from server.storage.sql import Tx
from tests.support.node import ForeignLog
from tests.support.world import START, World

Wish = tuple[str, str, dict[str, Any]]

OTHER_HOMES: dict[str, Callable[[World], Wish]] = {
    "settings of a community": lambda w: (
        "asha",
        "community.change",
        {"community": w.kaffee[2:], "name": "Mine"},
    ),
    "roles of a community": lambda w: (
        "asha",
        "community.set_role",
        {"community": w.kaffee[2:], "person": "bob", "role": "member"},
    ),
    "moderation": lambda w: (
        "asha",
        "moderation.act",
        {"target": w.german_post, "act": "hide", "on": True, "reason": "rude"},
    ),
    "flags": lambda w: ("asha", "flag.resolve", {"target": w.german_post, "upheld": True}),
    "an idea's stages": lambda w: (
        "asha",
        "idea.move",
        {"post": w.german_idea, "stage": "accepted"},
    ),
    "a person's status": lambda w: (
        "mod",
        "person.set_status",
        {"person": "dora", "active": False},
    ),
    "a person's roles": lambda w: (
        "mod",
        "person.set_role",
        {"person": "dora", "role": "auditor", "on": True},
    ),
}


async def test_what_another_home_writes_is_asked_for_there(w: World) -> None:
    found = await w.refusals({name: wish(w) for name, wish in OTHER_HOMES.items()})
    assert {name: code for name, (code, _) in found.items()} == dict.fromkeys(
        OTHER_HOMES, "wrong_region"
    )
    for wish in OTHER_HOMES.values():
        actor, do, arguments = wish(w)
        refused = await w.node.try_do(actor, do, **arguments)
        assert isinstance(refused, Refusal)
        assert re.search(r"\bde\b", refused.message), "which region to ask"


async def test_what_the_actors_home_writes_is_written_here_about_things_abroad(w: World) -> None:
    """Replies, reactions, follows, joins: ours, although place and post are Germany's."""
    for do, arguments in {
        "reply.publish": {"parent": w.german_post, "text": "ja"},
        "reaction.set": {"target": w.german_post, "reaction": "helpful", "on": True},
        "flag.raise": {"target": w.german_post, "reason": "rude"},
        "follow.set": {"kind": "person", "target": "dora", "on": True},
        "membership.set": {"community": w.kaffee[2:], "joined": True},
        "read.mark": {"channel": w.kaffee, "up_to": 5},
        "post.publish": {"place": w.kaffee, "kind": "update", "text": "hallo"},
    }.items():
        assert await w.node.do("cleo", do, **arguments) is not None


EVERY_COMMAND: dict[str, dict[str, Any]] = {
    "post.publish": {"place": "tea", "kind": "update", "text": "x"},
    "reply.publish": {"parent": "post", "text": "x"},
    "post.edit": {"post": "german_post", "text": "x"},
    "post.delete": {"post": "german_post"},
    "reaction.set": {"target": "post", "reaction": "helpful", "on": True},
    "answer.accept": {"question": "question", "answer": "answer"},
    "verification.set": {"target": "reply", "on": True},
    "ballot.cast": {"poll": "poll", "choices": [0]},
    "poll.close": {"poll": "poll"},
    "follow.set": {"kind": "topic", "target": "tea", "on": True},
    "announcement.acknowledge": {"post": "notice"},
    "idea.move": {"post": "idea", "stage": "accepted"},
    "community.create": {"name": "Mine"},
    "community.change": {"community": "nowhere", "name": "Mine"},
    "membership.set": {"community": "nowhere", "joined": True},
    "community.set_role": {"community": "nowhere", "person": "bob", "role": "member"},
    "conversation.start": {"members": ["bob"]},
    "read.mark": {"channel": "tea", "up_to": 5},
    "profile.change": {"name": "Dora D"},
    "flag.raise": {"target": "post", "reason": "rude"},
    "flag.resolve": {"target": "post", "upheld": True},
    "content.erase": {"scope": "person", "target": "bob"},
    "moderation.act": {"target": "post", "act": "pin", "on": True},
    "moderation.hide_at_home": {"target": "post", "on": True},
    "person.register": {"person": "eve", "name": "Eve"},
    "person.set_status": {"person": "bob", "active": False},
    "person.set_role": {"person": "bob", "role": "auditor", "on": True},
    "person.hand_over": {"person": "bob", "to": "de"},
    "person.take_over": {"person": "bob"},
    "person.call_off": {"person": "bob"},
    "scoring.choose": {"profile": True},
    "scoring.erase_history": {},
    "dispute.open": {"line": "1", "reason": "why?"},
    "case.decide": {"case": "nowhere", "outcome": "dismissed", "reason": "fine"},
    "case.hold": {"case": "nowhere", "on": True},
    "topic.define": {"topic": "tea", "names": {}},
}


async def test_nobody_writes_away_from_home_whatever_they_may_do_there(w: World) -> None:
    """Dora signs in in India: every command there is sends her home, and none changes anything."""
    assert EVERY_COMMAND.keys() == COMMANDS.keys()
    things = w._asdict()

    def named(value: object) -> object:
        return things.get(value, value) if isinstance(value, str) else value

    cases: dict[str, Wish] = {
        do: ("dora", do, {name: named(value) for name, value in arguments.items()})
        for do, arguments in EVERY_COMMAND.items()
    }
    assert await w.refusals(cases) == dict.fromkeys(COMMANDS, ("wrong_region", "person"))


async def test_a_person_on_the_move_writes_nowhere_and_then_at_the_new_home(w: World) -> None:
    wish = ("dora", "profile.change", {"name": "Dora"})
    await w.foreign("dora", e.PersonHandedOver(person="dora", to="in", rev=1))
    assert await w.refusals({"between": wish}) == {"between": ("wrong_region", "person")}
    other = ForeignLog("in", epoch=9 << 32)  # a part of our own log that a peer gave back to us
    taken = other.batch(START, ("dora", e.PersonTakenOver(person="dora", previous="de", rev=2)))
    assert await w.node.handler.apply(taken) == 1
    assert await w.node.do("dora", "profile.change", name="Dora")
    await w.foreign("dora", e.PersonHandedOver(person="dora", to="fr", rev=1))
    assert await w.node.do("dora", "profile.change", name="Dora D"), "an old word is no news"


def _foreign_claims(w: World) -> dict[str, Event]:
    member = e.Member(person="eve", region="in")
    return {
        "a person of ours": e.PersonRegistered(person="eve", home="in", name="Mallory"),
        "a person of a third region": e.PersonRegistered(person="eve", home="fr", name="Mallory"),
        "a community of ours": e.CommunityCreated(
            community=w.nowhere, home="in", name="Mine", audience="global"
        ),
        "a conversation of ours": e.ConversationStarted(
            conversation=w.nowhere, home="in", members=(member,)
        ),
        "our tally": e.PollTallied(
            poll=w.poll, place=w.tea, region="in", rev=9, voters=99, counts=(99, 0, 0)
        ),
        "our closing": e.PollRegionClosed(poll=w.poll, place=w.tea, region="in"),
        "our check": e.PollChecked(poll=w.poll, place=w.tea, region="in", agrees=True),
        "a ballot we kept": e.BallotKept(poll=w.poll, place=w.tea, person="bob", region="in"),
        "our receipt": e.ErasureCompleted(request="r", region="in", bodies=0),
        "a person it keeps": e.PersonHandedOver(person="dora", to="de", rev=9),
    }


async def test_an_event_that_names_another_writer_is_stored_and_never_folded(w: World) -> None:
    before = await w.node.handler.run(digests)
    for name, event in _foreign_claims(w).items():
        position = w.node.tap.position
        await w.foreign("mallory", event)
        assert w.node.tap.position == position + 1, f"{name} is stored and relayed"
        [record] = await w.node.tap.read(position, 5)
        assert record.channels == (), name
        assert record.touched is None, name
    assert await w.node.handler.run(digests) == before

    def eve(tx: Tx) -> object:
        return TxFacts().use(tx).person("eve")

    assert await w.node.handler.run(eve) is None


async def test_the_same_claims_by_the_region_they_name_are_folded(w: World) -> None:
    """The other side of the rule: it is the origin that decides, nothing else about the event."""
    registered = e.PersonRegistered(person="eve", home="fr", name="Eve")
    batch = ForeignLog("fr").batch(START, ("eve", registered))
    assert await w.node.handler.apply(batch) == 1

    def home(tx: Tx) -> str | None:
        person = TxFacts().use(tx).person("eve")
        return person.home if person else None

    assert await w.node.handler.run(home) == "fr"


async def test_two_regions_claim_one_person_the_lower_code_wins_in_any_order(w: World) -> None:
    claims = {
        region: ForeignLog(region).batch(
            START, ("", e.PersonRegistered(person="eve", home=region, name=region))
        )
        for region in ("fr", "br", "jp")
    }

    def home(tx: Tx) -> tuple[Any, ...]:
        person = TxFacts().use(tx).person("eve")
        assert person is not None
        return (person.home,)

    for region in ("fr", "br", "jp"):
        await w.node.handler.apply(claims[region])
    assert await w.node.handler.run(home) == ("br",)
    refused = await w.node.try_do("mod", "person.register", person="eve", name="Eve")
    assert isinstance(refused, Refusal)
    assert refused.code is Code.CONFLICT
