"""A command that another region has to decide: asked over the link, decided there once, answered here (I7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.app.handle import Answer
from server.domain import limits
from server.domain.commands import COMMANDS, Command, from_builtins
from server.domain.decide.asking import ASKABLE
from server.domain.errors import RETRYABLE, Code, Refusal
from server.domain.ids import Cursor
from server.federation import frames
from server.federation.asking import outcome_of, question, told
from server.federation.frames import Ask, Told
from server.federation.questions import Questions, nobody
from server.federation.steps import State
from tests.support.regions import Regions, open_regions
from tests.unit.federation.lab import World

POST = "01kdvdna0275jf7ezfage1wbqy"
WISH = from_builtins({"do": "idea.move", "post": POST, "stage": "accepted"})
HERE = Cursor(7, 42)


# ---------------------------------------------------------------- the frames


def test_an_answer_is_as_of_where_our_own_log_stands() -> None:
    answer = Answer(9, "1.9", {"rev": 3}, repeated=True)
    assert outcome_of("de", told(1, answer), 42, "7.2a") == Answer(42, "7.2a", {"rev": 3}, True)


def test_a_refusal_travels_whole_and_an_unknown_code_is_no_riddle() -> None:
    refusal = Refusal(Code.FORBIDDEN, "this is for moderators", "target")
    assert outcome_of("de", told(1, refusal), 42, "") == refusal
    strange = outcome_of("de", Told(1, None, code="of_a_later_version", message="no"), 42, "")
    assert strange == Refusal(Code.INTERNAL, "no")


@pytest.mark.parametrize(
    "result",
    [
        b"\xc1",
        msgspec.msgpack.encode(["rev", 3]),
        msgspec.msgpack.encode({"rev": msgspec.msgpack.Ext(5, b"x")}),
        b"\x81\xa3rev" + b"\x91" * 900 + b"\xc0",
    ],
    ids=["no MessagePack", "no map", "nothing JSON has", "deep"],
)
def test_an_answer_no_client_could_be_told_is_none(result: bytes) -> None:
    """Written to a client as it is, it would end the connection of whoever asked, each time they ask again."""
    outcome = outcome_of("de", Told(1, result), 42, "")
    if isinstance(outcome, Answer):
        msgspec.json.encode(outcome.result)
    else:
        assert outcome.code is Code.INTERNAL


def test_a_long_sentence_is_cut_to_what_a_frame_holds() -> None:
    frame = told(1, Refusal(Code.CONFLICT, "x" * 2_000))
    assert frames.decode(frames.encode(frame)) == frame


# ---------------------------------------------------------------- who waits for what


class Line:
    """What one region's questions say to the other's, and the tasks that answer."""

    def __init__(self, connected: bool = True, answer: Any = nobody) -> None:
        self.connected, self.said = connected, list[tuple[str, Ask | Told, int | None]]()
        self.tasks = set[asyncio.Task[None]]()
        self.questions = Questions(
            say=self._say, spawn=self._spawn, answer=answer, where=lambda: HERE, first=5
        )

    def _say(self, region: str, frame: Ask | Told, conn: int | None) -> bool:
        if self.connected:
            self.said.append((region, frame, conn))
        return self.connected

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def asks(self, n: int = 1) -> list[asyncio.Task[Answer | Refusal]]:
        found = [
            asyncio.ensure_future(self.questions.ask("de", "asha", f"a-key-{i:08}", WISH))
            for i in range(n)
        ]
        await asyncio.sleep(0)
        return found


async def test_the_answer_goes_to_whoever_asked() -> None:
    line = Line()
    one, other = await line.asks(2)
    line.questions.heard("de", 3, told(6, Answer(1, "", {"rev": 2})))
    line.questions.heard("de", 3, told(5, Refusal(Code.FORBIDDEN, "not you")))
    assert await one == Refusal(Code.FORBIDDEN, "not you")
    assert await other == Answer(HERE.position, str(HERE), {"rev": 2})


async def test_what_was_asked_of_another_or_of_nobody_is_no_answer() -> None:
    line = Line()
    (asked,) = await line.asks()
    line.questions.heard("fr", 3, told(5, Answer(1, "", {})))
    line.questions.heard("de", 3, told(6, Answer(1, "", {})))
    assert not asked.done()
    line.questions.heard("de", 3, told(5, Answer(1, "", {"rev": 2})))
    line.questions.heard("de", 3, told(5, Answer(1, "", {"rev": 9})))
    assert await asked == Answer(HERE.position, str(HERE), {"rev": 2})


async def test_without_a_connection_a_person_is_told_to_try_again() -> None:
    line = Line(connected=False)
    (asked,) = await line.asks()
    outcome = await asked
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.PEER_UNREACHABLE
    assert outcome.retryable
    assert Code.PEER_UNREACHABLE in RETRYABLE


async def refused(code: Code, words: str) -> Refusal:
    """What a person is told when the other region refuses with this."""
    line = Line()
    (asked,) = await line.asks()
    line.questions.heard("de", 3, told(5, Refusal(code, words)))
    outcome = await asked
    assert isinstance(outcome, Refusal)
    return outcome


@pytest.mark.parametrize("code", sorted(RETRYABLE - {Code.INTERNAL}))
async def test_what_a_region_says_of_itself_is_not_said_of_the_asker_s_own(code: Code) -> None:
    """A client keeps back all that its person writes while their node is read-only, restored or full."""
    outcome = await refused(code, "this node cannot write")
    assert outcome.code is Code.PEER_UNREACHABLE
    assert "region de" in outcome.message
    assert "this node cannot write" in outcome.message


async def test_whom_the_other_region_does_not_know_is_not_signed_out_at_home() -> None:
    outcome = await refused(Code.UNAUTHENTICATED, "nobody here is called asha")
    assert outcome.code is Code.NOT_YET
    assert "region de" in outcome.message


async def test_a_lost_connection_ends_the_waiting_at_once() -> None:
    line = Line()
    (asked,) = await line.asks()
    line.questions.lost("fr")
    assert not asked.done()
    line.questions.lost("de")
    outcome = await asked
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.PEER_UNREACHABLE


async def test_silence_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ASK_SECONDS_MAX", 0)
    line = Line()
    (asked,) = await line.asks()
    outcome = await asked
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.PEER_UNREACHABLE


async def test_i9_what_is_under_way_is_bounded_both_ways() -> None:
    line = Line()
    asked = await line.asks(limits.ASKS_PER_PEER_MAX + 1)
    outcome = await asked[-1]
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.OVERLOADED
    line.questions.lost("de")
    await asyncio.gather(*asked)
    assert len(line.said) == limits.ASKS_PER_PEER_MAX

    stuck: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def answer(*_: Any) -> Answer:
        await stuck
        return Answer(1, "", {})

    line = Line(answer=answer)
    for id in range(1, limits.ASKS_PER_PEER_MAX + 2):
        line.questions.heard("de", 3, question(id, "dora", "a-key-of-hers", WISH))
    ((region, frame, conn),) = line.said
    assert (region, conn) == ("de", 3)
    assert isinstance(frame, Told)
    assert (frame.id, frame.code) == (limits.ASKS_PER_PEER_MAX + 1, "overloaded")
    stuck.set_result(None)
    await asyncio.gather(*line.tasks)
    assert len(line.said) == limits.ASKS_PER_PEER_MAX + 1


async def test_an_answer_goes_back_over_the_connection_of_its_question() -> None:
    line = Line()
    line.questions.heard("de", 3, question(1, "dora", "a-key-of-hers", WISH))
    await asyncio.gather(*line.tasks)
    assert [(region, conn) for region, _, conn in line.said] == [("de", 3)]


async def test_a_question_that_makes_no_sense_or_finds_our_mistake_is_answered() -> None:
    async def broken(*_: Any) -> Answer:
        raise RuntimeError("our mistake")

    line = Line(answer=broken)
    line.questions.heard("de", 3, Ask(1, "dora", "a-key-of-hers", b"\xc1"))
    line.questions.heard("de", 3, Ask(2, "dora", "a-key-of-hers", b"\x80"))
    line.questions.heard("de", 3, question(3, "dora", "a-key-of-hers", WISH))
    await asyncio.gather(*line.tasks, return_exceptions=True)
    codes = {frame.id: frame.code for _, frame, _ in line.said if isinstance(frame, Told)}
    assert codes == {1: "bad_encoding", 2: "unknown_kind", 3: "internal"}


# ---------------------------------------------------------------- deciding


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Regions]:
    """Dora's community and idea are at home in Germany; Asha of India is one of its owners."""
    async with open_regions(tmp_path, "de", "in") as regions:
        await regions["de"].register("dora")
        await regions["in"].register("asha")
        await regions["in"].register("bob")
        await regions.everywhere()
        yield regions


async def germany(r: Regions) -> tuple[str, str]:
    """(community, idea)."""
    place = await r["de"].community("dora", "Kaffee")
    idea = await r["de"].post("dora", place, "mehr", "idea", title="Mehr")
    role = {"community": place[2:], "person": "asha", "role": "owner"}
    await r["de"].do("dora", "community.set_role", **role)
    await r.everywhere()
    return place[2:], idea


def connect(r: Regions) -> list[tuple[str, str, str]]:
    """India asks Germany without a link between; what was asked."""
    asked: list[tuple[str, str, str]] = []

    async def ask(region: str, person: str, key: str, command: Command) -> Answer | Refusal:
        asked.append((region, person, key))
        return await r[region].handler.handle_asked("in", person, key, command)

    r["in"].handler.ask_with(ask)
    return asked


def wishes(community: str, idea: str) -> dict[str, dict[str, Any]]:
    return {
        "community.change": {"community": community, "name": "Kaffee und Kuchen"},
        "community.set_role": {"community": community, "person": "bob", "role": "member"},
        "moderation.act": {"target": idea, "act": "pin", "on": True},
        "flag.resolve": {"target": idea, "upheld": False},
        "idea.move": {"post": idea, "stage": "accepted"},
    }


async def test_i7_every_wish_another_home_has_to_decide_is_decided_there(r: Regions) -> None:
    found = wishes(*await germany(r))
    assert {COMMANDS[do] for do in found} == set(ASKABLE)
    for do, arguments in found.items():
        refused = await r["in"].try_do("asha", do, **arguments)
        assert isinstance(refused, Refusal)
        assert refused.code is Code.WRONG_REGION, "nobody to ask"
    asked = connect(r)
    before = r["in"].tap.position
    for do, arguments in found.items():
        answer = await r["in"].do("asha", do, **arguments)
        assert answer["rev"] >= 1
    assert [(region, person) for region, person, _ in asked] == [("de", "asha")] * len(found)
    assert r["in"].tap.position == before, "nothing is written here: the events come by their lane"
    await r.everywhere()
    records = [record for record in await r["in"].tap.read(before, 100) if record.actor == "asha"]
    assert {record.id.region for record in records} == {"de"}
    assert len(records) == len(found)


async def test_who_may_not_is_refused_by_the_homes_own_facts(r: Regions) -> None:
    """Asha is no owner any more; India has not heard of it."""
    community, _ = await germany(r)
    connect(r)
    role = {"community": community, "person": "asha", "role": "none"}
    await r["de"].do("dora", "community.set_role", **role)
    change = {"community": community, "name": "Mine"}
    refused = await r["in"].try_do("asha", "community.change", **change)
    assert isinstance(refused, Refusal)
    assert refused.code is Code.FORBIDDEN


async def test_a_region_asks_for_its_own_people_only(r: Regions) -> None:
    """And only what is not theirs to decide: nothing that a home writes for its people."""
    community, _ = await germany(r)
    change = from_builtins({"do": "community.change", "community": community, "name": "Mine"})
    profile = from_builtins({"do": "profile.change", "name": "Mallory"})
    before, germans = r["de"].tap.position, r["de"].handler
    for asker, person, command, code in (
        ("in", "dora", change, Code.FORBIDDEN),
        ("fr", "asha", change, Code.FORBIDDEN),
        ("in", "asha", profile, Code.FORBIDDEN),
        ("in", "nobody", change, Code.UNAUTHENTICATED),
    ):
        outcome = await germans.handle_asked(asker, person, "a-key-of-theirs", command)
        assert isinstance(outcome, Refusal)
        assert outcome.code is code
    assert r["de"].tap.position == before


async def test_nothing_is_asked_for_who_is_not_at_home_or_what_is_nobodys(r: Regions) -> None:
    community, _ = await germany(r)
    asked = connect(r)
    change = {"community": community, "name": "Mine"}
    for person, do, arguments in (
        ("dora", "community.change", change),
        ("bob", "community.change", change),
        ("asha", "community.change", {"community": POST, "name": "Mine"}),
        ("asha", "idea.move", {"post": POST, "stage": "accepted"}),
    ):
        assert isinstance(await r["in"].try_do(person, do, **arguments), Refusal)
    assert asked == []


async def test_i2_the_same_key_is_carried_out_once_and_gets_the_first_answer(r: Regions) -> None:
    """Also when the first answer was lost on the way: the person asks again with the same key."""
    community, _ = await germany(r)
    connect(r)
    change = {"community": community, "name": "Kaffee!"}
    first = await r["in"].try_do("asha", "community.change", "a-key-of-hers", **change)
    again = await r["in"].try_do("asha", "community.change", "a-key-of-hers", **change)
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert (again.result, again.repeated) == (first.result, True)
    other = await r["in"].try_do(
        "asha", "community.change", "a-key-of-hers", **change | {"name": "x"}
    )
    assert isinstance(other, Refusal)
    assert other.code is Code.KEY_REUSED


async def test_i2_who_gave_a_role_away_gets_the_first_answer_when_asking_again(r: Regions) -> None:
    """The answer was lost and the event was not: by what is known here by then, she might not ask at all."""
    community, _ = await germany(r)
    losing = True

    async def ask(region: str, person: str, key: str, command: Command) -> Answer | Refusal:
        told = await r[region].handler.handle_asked("in", person, key, command)
        return Refusal(Code.PEER_UNREACHABLE, "no answer") if losing else told

    r["in"].handler.ask_with(ask)
    role = {"community": community, "person": "asha", "role": "none"}
    first = await r["in"].try_do("asha", "community.set_role", "a-key-of-hers", **role)
    assert isinstance(first, Refusal)
    assert first.code is Code.PEER_UNREACHABLE
    await r.everywhere()
    losing = False
    again = await r["in"].try_do("asha", "community.set_role", "a-key-of-hers", **role)
    assert isinstance(again, Answer)
    assert again.repeated
    # With any other key she is refused at home.
    other = await r["in"].try_do("asha", "community.set_role", **role)
    assert isinstance(other, Refusal)
    assert other.code in (Code.FORBIDDEN, Code.NOT_FOUND)


# ---------------------------------------------------------------- over a link


def test_only_a_live_link_whose_peer_understands_is_asked() -> None:
    world = World("de", "in").start()
    assert not world.link("in", "de").may_ask
    world.run(2_000)
    assert world.link("in", "de").may_ask
    assert world.link("in", "de").state is State.LIVE
    world.cuts.add(frozenset(("de", "in")))
    world.live_wires()[0].cut()
    world.run(2_000)
    assert not world.link("in", "de").may_ask


@pytest.mark.parametrize("visibility", ["open", "private"])
async def test_an_admin_of_another_region_runs_no_community_there(
    r: Regions, visibility: str
) -> None:
    """Whoever a region makes its admin would else make themselves owner of what is private in every other."""
    await r["in"].register("mod", "region_admin")
    place = await r["de"].community("dora", "Tresor", visibility=visibility)
    await r.everywhere()
    asked = connect(r)
    role = {"community": place[2:], "person": "mod", "role": "owner"}
    change = {"community": place[2:], "name": "Mine", "visibility": "open"}
    code = Code.FORBIDDEN if visibility == "open" else Code.NOT_FOUND
    for do, arguments in {"community.set_role": role, "community.change": change}.items():
        refused = await r["in"].try_do("mod", do, **arguments)
        assert isinstance(refused, Refusal)
        assert refused.code is code
        # Also where the other region passes it on all the same.
        wish = from_builtins({"do": do, **arguments})
        there = await r["de"].handler.handle_asked("in", "mod", f"a-key-{do}", wish)
        assert isinstance(there, Refusal)
        assert there.code is code
    assert asked == []
