"""People move between regions: nothing lost, nothing twice, nobody decided about by two homes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select

from server.app.handle import Answer
from server.app.passwords import Passwords
from server.app.residency import OwnLog, Reach, check
from server.domain import events as e
from server.domain.decide import Decided, Draft, moves
from server.domain.decide.copies import adopt
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import ResidencyPolicy
from server.domain.ids import LaneKey, derived_object_id, incarnation
from server.domain.import_records import import_record
from server.domain.merge import raised
from server.storage import tables as t
from server.storage.digest import digests
from server.storage.event_log import lane_page, lane_tips
from server.storage.facts import KNOWN, known_of
from server.storage.rebuild import rebuild
from server.storage.sql import Tx, statement
from server.storage.tables import PROJECTIONS
from tests.support.regions import Regions, open_regions
from tests.support.restored import put_back

GROUPS = {"eu": frozenset({"de", "fr"})}


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Regions]:
    """India, Germany, France; Asha and Bob in India, Dora in Germany, Fred in France, an admin in each."""
    async with open_regions(tmp_path, "de", "fr", "in", groups=GROUPS) as regions:
        for region in regions.nodes:
            await regions[region].register(f"admin-{region}", "region_admin")
        for person, region in (("asha", "in"), ("bob", "in"), ("dora", "de"), ("fred", "fr")):
            await regions[region].register(person)
        await regions.everywhere()
        yield regions


async def hand_over(r: Regions, person: str, old: str, new: str) -> None:
    await r[old].do(f"admin-{old}", "person.hand_over", person=person, to=new)


async def move(r: Regions, person: str, old: str, new: str) -> None:
    await hand_over(r, person, old, new)
    await r.everywhere()
    assert await r.homes(person) == {new}


async def gone(r: Regions, person: str, old: str, new: str) -> None:
    """Handed over and taken over, before anybody else hears of it, the old home of the takeover included."""
    await hand_over(r, person, old, new)
    await r.moves[old].catch_up()
    await r.carry(old, new)
    await r.moves[new].catch_up()


async def code(r: Regions, region: str, person: str, do: str, /, **arguments: Any) -> str:
    outcome = await r[region].try_do(person, do, **arguments)
    return str(outcome.code) if isinstance(outcome, Refusal) else "ok"


async def rows(r: Regions, region: str, table: Any) -> list[Any]:
    async with r[region].reader.snapshot() as snapshot:
        return list(await snapshot.rows(select(table).order_by(*table.primary_key)))


async def texts(r: Regions, region: str, place: str) -> list[tuple[str, str, int]]:
    """(author, text, rev) of what stands in a place, oldest first."""
    found = [row for row in await rows(r, region, t.posts) if row.place == place]
    return [(row.author, row.text, row.rev) for row in sorted(found, key=lambda row: row.post)]


# ---------------------------------------------------------------- content


async def test_what_was_begun_at_home_goes_on_from_the_new_home(r: Regions) -> None:
    """Posts, reactions, memberships, follows, open ballots: the same registers, counted on (ADR 0002)."""
    tea = await r["in"].community("bob", "Tea")
    post = await r["in"].post("asha", tea, "leaves")
    other = await r["in"].post("bob", tea, "cups")
    poll = await r["in"].post(
        "bob", tea, "?", "poll", poll={"method": "single", "choices": ["a", "b"]}
    )
    await r["in"].do("asha", "membership.set", community=tea[2:], joined=True)
    await r["in"].do("asha", "reaction.set", target=other, reaction="helpful", on=True)
    await r["in"].do("asha", "ballot.cast", poll=poll, choices=[0])
    await r["in"].do("asha", "profile.change", name="Asha A")
    await move(r, "asha", "in", "de")
    de = r["de"]
    assert (await de.do("asha", "post.edit", post=post, text="better leaves"))["rev"] == 2
    react = {"target": other, "reaction": "helpful", "on": False}
    assert (await de.do("asha", "reaction.set", **react))["rev"] == 2
    assert (await de.do("asha", "ballot.cast", poll=poll, choices=[1]))["rev"] == 2
    await de.do("asha", "membership.set", community=tea[2:], joined=False)
    assert (await de.do("asha", "profile.change", name="Asha B"))["rev"] == 3
    await r.everywhere()
    for region in r.nodes:
        assert ("asha", "better leaves", 2) in await texts(r, region, tea), region
        votes = [(v.choice, v.votes) for v in await rows(r, region, t.poll_choices)]
        assert votes == [(0, 0), (1, 1)], "one vote, where it is by now"
        [tally] = await rows(r, region, t.polls)
        assert tally.voters == 1


async def test_between_handover_and_takeover_a_person_only_reads(r: Regions) -> None:
    tea = await r["in"].community("bob", "Tea")
    await hand_over(r, "asha", "in", "de")
    await r.everywhere(moving=False)
    assert await r.homes("asha") == {""}
    for region in r.nodes:
        wish = {"place": tea, "kind": "update", "text": "x"}
        assert await code(r, region, "asha", "post.publish", **wish) == "wrong_region"
    refused = await r["in"].try_do("asha", "profile.change", name="A")
    assert isinstance(refused, Refusal)
    assert "moving to de" in refused.message


async def test_whoever_asks_about_somebody_on_the_move_is_told_where_they_go(r: Regions) -> None:
    await hand_over(r, "asha", "in", "de")
    node = r["in"]
    passwords = Passwords(node.reader, node.handler, node.clock)
    source = {"system": "z", "id": "1"}
    person = {"import": "person", "person": "asha", "name": "A", "source": source}
    try:
        told = [
            await passwords.set("asha", "a long enough secret"),
            *await node.handler.import_records([import_record(msgspec.json.encode(person))]),
        ]
    finally:
        passwords.close()
    for refused in told:
        assert isinstance(refused, Refusal)
        assert refused.code is Code.WRONG_REGION
        assert "asha is moving from in to de" in refused.message


async def test_region_wide_roles_end_with_the_home(r: Regions) -> None:
    """An admin of one country must not arrive as an admin of another."""
    await r["in"].register("head", "region_admin", "moderator")
    await r.everywhere()
    await move(r, "head", "in", "de")
    assert (await r.person("de", "head")).roles == frozenset()
    assert await code(r, "de", "head", "person.set_status", person="dora", active=False) == (
        "forbidden"
    )


# ---------------------------------------------------------------- conversations


async def conversation(r: Regions, region: str, starter: str, *others: str) -> str:
    answer = await r[region].do(starter, "conversation.start", members=list(others))
    return "d:" + answer["conversation"]


async def test_conversations_come_along_whoever_wrote_in_them_and_wherever(r: Regions) -> None:
    """At home only (lane local), over two regions, and one that a third region started."""
    home = await conversation(r, "in", "asha", "bob")
    pair = await conversation(r, "in", "asha", "fred")
    await r.everywhere()
    theirs = await conversation(r, "fr", "fred", "asha", "bob")
    await r.everywhere()
    await r["in"].post("asha", home, "one", "message")
    message = await r["in"].post("bob", home, "two", "message")
    await r["in"].do("asha", "reaction.set", target=message, reaction="helpful", on=True)
    await r["in"].post("asha", pair, "three", "message")
    await r["fr"].post("fred", pair, "four", "message")
    await r["fr"].post("fred", theirs, "five", "message")
    await r.everywhere()
    before = {place: await texts(r, "in", place) for place in (home, pair, theirs)}
    assert await texts(r, "de", home) == []
    await move(r, "asha", "in", "de")
    for place, said in before.items():
        assert await texts(r, "de", place) == said
    told = {row.conversation for row in await rows(r, "de", t.conversations)}
    assert {home[2:], pair[2:], theirs[2:]} <= told
    assert (await r["de"].do("asha", "reaction.set", target=message, reaction="helpful", on=False))[
        "rev"
    ] == 2
    # What is said from now on reaches everybody who is in them, from both sides.
    await r["de"].post("asha", home, "six", "message")
    await r["in"].post("bob", home, "seven", "message")
    await r["fr"].post("fred", pair, "eight", "message")
    await r.everywhere()
    for region in ("de", "in"):
        assert [said for _, said, _ in await texts(r, region, home)] == [
            "one", "two", "six", "seven",
        ]  # fmt: skip
    assert [said for _, said, _ in await texts(r, "de", pair)] == ["three", "four", "eight"]
    assert [said for _, said, _ in await texts(r, "fr", home)] == [], (
        "France has no part in it (I8)"
    )


async def test_what_was_written_at_an_earlier_home_is_erased_there_too(r: Regions) -> None:
    """Nobody of the conversation lives there any more, but it was written there."""
    chat = await conversation(r, "in", "asha", "dora")
    message = await r["in"].post("asha", chat, "psst", "message")
    await r.everywhere()
    await move(r, "asha", "in", "fr")
    assert ("asha", "psst", 1) in await texts(r, "in", chat)
    await r["fr"].do("asha", "content.erase", scope="post", target=message)
    await r.everywhere()
    for region in r.nodes:
        assert await texts(r, region, chat) == [("asha", "", 2)], region


@pytest.mark.parametrize(
    ("audience", "region", "mover", "others"),
    [("local", "in", "asha", ["in"]), ("group.eu", "de", "dora", ["de", "fr"])],
)
async def test_what_stays_behind_is_erased_where_its_community_is_run(
    r: Regions, audience: str, region: str, mover: str, others: list[str]
) -> None:
    """The new home has it not, so neither they themselves nor an officer there could."""
    for node in r.nodes:
        await r[node].register(f"officer-{node}", "privacy_officer")
    place = await r[region].community(mover, "Tea", audience=audience)
    post = await r[region].post(mover, place, "leaves")
    wide = await r[region].post(mover, await r[region].community(mover, "All"), "for all")
    await r.everywhere()
    new = "in" if region == "de" else "fr"
    wish = {"scope": "post", "target": post}
    await hand_over(r, mover, region, new)
    await r.everywhere(moving=False)
    refused = await r[region].try_do(f"officer-{region}", "content.erase", **wish)
    assert isinstance(refused, Refusal)
    assert f"moving from {region} to {new}" in refused.message
    await r.everywhere()
    assert await r.homes(mover) == {new}
    assert await code(r, new, mover, "content.erase", **wish) == "not_found"
    for other in set(others) - {region}:
        refused = await r[other].try_do(f"officer-{other}", "content.erase", **wish)
        assert isinstance(refused, Refusal)
        assert f"run from {region}" in refused.message
    await r[region].do(f"officer-{region}", "content.erase", **wish)
    # What went along is still erased from where they live.
    assert await code(
        r, region, f"officer-{region}", "content.erase", scope="post", target=wide
    ) == ("wrong_region")
    await r.everywhere()
    for other in others:
        assert await texts(r, other, place) == [(mover, "", 2)], other


async def test_i8_whoever_left_a_conversation_is_not_told_of_what_is_erased_of_later(
    r: Regions,
) -> None:
    chat = await conversation(r, "in", "asha", "dora")
    message = await r["in"].post("asha", chat, "psst", "message")
    await r.everywhere()
    await move(r, "dora", "de", "fr")
    reply = await r["in"].reply("asha", message, "and")
    await r["in"].do("asha", "content.erase", scope="post", target=reply)
    await r.everywhere()
    assert [row.post for row in await rows(r, "de", t.posts)] == [message], "not even its id"
    assert await rows(r, "de", t.erasures) == []
    await r["in"].do("asha", "content.erase", scope="post", target=message)
    await r.everywhere()
    assert await texts(r, "de", chat) == [("asha", "", 2)]
    assert await texts(r, "fr", chat) == [("asha", "", 2), ("asha", "", 2)]


async def test_a_restored_home_releases_nobody_before_it_has_back_what_it_lost(r: Regions) -> None:
    """The release would name less than the old home wrote for them."""
    await hand_over(r, "asha", "in", "de")
    r["in"].handler.holding = Refusal(Code.RECOVERING, "not yet")
    with pytest.raises(Refused):
        await r.moves["in"].catch_up()
    r["in"].handler.holding = None
    await r.everywhere()
    assert await r.homes("asha") == {"de"}


async def units(r: Regions, person: str) -> list[str]:
    """Of the person, as each region shows it."""
    shown = select(known_of("unit")).select_from(KNOWN).where(t.persons.c.person == person)
    found = []
    for node in r.nodes.values():
        async with node.reader.snapshot() as snapshot:
            found.append((await snapshot.one(shown))[0])
    return found


async def test_whoever_was_registered_at_a_restored_home_is_shown_as_changed_at_the_next(
    tmp_path: Path,
) -> None:
    """The whole of their first profile is revision 1, as in any epoch, or no later one would ever replace it."""
    groups = {"both": frozenset({"de", "in"})}
    async with open_regions(tmp_path, "de", "in", groups=groups) as r:
        await r["in"].register("admin-in", "region_admin")
    put_back(tmp_path)
    async with open_regions(tmp_path, "de", "in", groups=groups) as r:
        inside = ResidencyPolicy(
            profile=("title",), in_groups={"both": ("unit",)}, audiences=("global", "group.*")
        )
        rule = partial(adopt, inside, list(r.nodes), groups)
        assert not isinstance(await r["in"].handler.append(rule), Refusal)
        await r["in"].register("cara", unit="Zebras")
        await move(r, "cara", "in", "de")
        assert await units(r, "cara") == ["Zebras", "Zebras"]
        await r["de"].do("cara", "profile.change", name="Cara", unit="Apes")
        await r.everywhere()
        assert await units(r, "cara") == ["Apes", "Apes"]


async def test_a_home_that_was_restored_since_releases_with_the_number_of_the_handover(
    tmp_path: Path,
) -> None:
    """And its copies have the numbers of what they are copies of, though it numbers above its past by now."""
    async with open_regions(tmp_path, "de", "in") as r:
        for person in ("admin-in", "asha", "bob"):
            await r["in"].register(person, *["region_admin"] * (person == "admin-in"))
        home = await conversation(r, "in", "asha", "bob")
        message = await r["in"].post("bob", home, "one", "message")
        await r["in"].do("bob", "post.edit", post=message, text="two")
        await r["in"].do("asha", "reaction.set", target=message, reaction="helpful", on=True)
        await r["in"].do("asha", "follow.set", kind="post", target=message, on=True)
        await r["in"].do("asha", "profile.change", name="Asha A")
        await hand_over(r, "asha", "in", "de")
    put_back(tmp_path)
    async with open_regions(tmp_path, "de", "in") as r:
        assert incarnation(r["in"].handler.epoch) == 2
        await r.everywhere()
        assert await r.homes("asha") == {"de"}
        for region in r.nodes:
            assert await texts(r, region, home) == [("bob", "two", 2)]
            assert [one.rev for one in await rows(r, region, t.reactions)] == [1]
            assert (await r.person(region, "asha")).home_rev == 2
        assert [one.rev for one in await rows(r, "de", t.follows)] == [1]
        follow = {"kind": "post", "target": message, "on": False}
        assert (await r["de"].do("asha", "follow.set", **follow))["rev"] == 2
        edited = await r["in"].do("bob", "post.edit", post=message, text="three")
        assert edited["rev"] == raised(3, r["in"].handler.epoch), "what is new is above the past"


async def test_copies_come_once_and_before_the_release(r: Regions) -> None:
    home = await conversation(r, "in", "asha", "bob")
    await r["in"].post("asha", home, "one", "message")
    await move(r, "asha", "in", "de")
    key = LaneKey("in", r["in"].handler.epoch, "pair.de.in")
    records = [
        record for record in await r["de"].tap.read(0, 500) if record.id.lane == "pair.de.in"
    ]
    assert [record.type for record in records] == [
        "conversation.started", "post.published", "person.released",
    ]  # fmt: skip
    tip = r["in"].handler.lane_tip(key)
    await r.fresh_moves("in").catch_up()
    assert r["in"].handler.lane_tip(key) == tip


async def test_a_third_region_that_heard_late_still_brings_what_it_wrote_meanwhile(
    r: Regions,
) -> None:
    """France goes on writing to India alone until it hears; then everything goes to Germany."""
    place = await conversation(r, "fr", "fred", "asha")
    await r.everywhere()
    await hand_over(r, "asha", "in", "de")
    await r.moves["in"].catch_up()
    for origin, to in itertools.permutations(("de", "in"), 2):
        await r.carry(origin, to)
    await r.moves["de"].catch_up()
    assert (await r.person("de", "asha")).home == "de"
    await r["fr"].post("fred", place, "are you there?", "message")
    await r.everywhere()
    assert await texts(r, "de", place) == [("fred", "are you there?", 1)]
    await r["de"].post("asha", place, "yes", "message")
    await r.everywhere()
    assert [said for _, said, _ in await texts(r, "fr", place)] == ["are you there?", "yes"]


async def test_what_was_done_at_a_home_before_comes_from_the_last_one(r: Regions) -> None:
    """India cannot reach France with the lane of the two; Germany tells what Asha did while at home there."""
    place = await conversation(r, "fr", "fred", "asha")
    message = await r["fr"].post("fred", place, "tea?", "message")
    await r.everywhere()
    await r["in"].do("asha", "reaction.set", target=message, reaction="helpful", on=True)
    await gone(r, "asha", "in", "de")
    await hand_over(r, "asha", "de", "fr")
    await r.moves["de"].catch_up()
    await r.carry("de", "fr")
    await r.carry("in", "fr", "global", "control")
    await r.moves["fr"].catch_up()
    assert (await r.person("fr", "asha")).home == "fr"
    off = {"target": message, "reaction": "helpful", "on": False}
    assert (await r["fr"].do("asha", "reaction.set", **off))["rev"] == 2
    await r.everywhere()
    assert [(one.rev, one.on_) for one in await rows(r, "fr", t.reactions)] == [(2, False)]


async def test_what_only_the_home_knew_comes_along_as_far_as_it_may(r: Regions) -> None:
    """Read marks and followed posts; nothing names what Germany may not see (I8)."""
    tea = await r["in"].community("bob", "Tea")
    secret = await r["in"].community("bob", "Home only", audience="local")
    post, hidden = await r["in"].post("bob", tea), await r["in"].post("bob", secret)
    for channel in (tea, secret, "t:" + post, "t:" + hidden):
        await r["in"].do("asha", "read.mark", channel=channel, up_to=7)
    for target in (post, hidden):
        await r["in"].do("asha", "follow.set", kind="post", target=target, on=True)
    await move(r, "asha", "in", "de")
    assert {row.channel for row in await rows(r, "de", t.read_marks)} == {tea, "t:" + post}
    assert [row.target for row in await rows(r, "de", t.follows)] == [post]
    wire = await everything_sent(r, "in", "de")
    assert secret[2:].encode() not in wire
    assert hidden.encode() not in wire
    follow = {"kind": "post", "target": post, "on": False}
    assert (await r["de"].do("asha", "follow.set", **follow))["rev"] == 2


async def test_the_whole_profile_goes_along_and_the_audit_finds_nothing_wrong(r: Regions) -> None:
    """What is withheld from all regions the new home must know; that and copies are where they may be (I8)."""
    about = {"name": "Asha", "about": "collects teapots"}
    await r["in"].do("asha", "profile.change", **about)
    chat = await conversation(r, "in", "asha", "bob")
    await r["in"].post("asha", chat, "one", "message")
    await r["in"].do("asha", "read.mark", channel=chat, up_to=7)
    await r.everywhere()
    assert b"teapots" not in await everything_sent(r, "in", "de")
    await move(r, "asha", "in", "de")
    [known] = [row for row in await rows(r, "de", t.fuller_profiles) if row.person == "asha"]
    assert known.about == "collects teapots"
    assert b"teapots" not in await everything_sent(r, "in", "fr")
    await r["de"].post("asha", chat, "two", "message")
    await r.everywhere()
    for region in r.nodes:
        reach = Reach(tuple(r.nodes), {name: tuple(them) for name, them in GROUPS.items()})
        verdict = await check(OwnLog(r[region].reader, region, reach))
        assert verdict.judged > 0
        assert verdict.wrong == [], region


async def test_i8_a_policy_that_keeps_conversations_in_keeps_copies_in(r: Regions) -> None:
    inside = ResidencyPolicy(profile=(), in_groups={}, audiences=("global",))
    rule = partial(adopt, inside, list(r.nodes), {})
    assert not isinstance(await r["in"].handler.append(rule), Refusal)
    chat = await conversation(r, "in", "asha", "bob")
    await r["in"].post("asha", chat, "for home alone", "message")
    await move(r, "asha", "in", "de")
    assert b"for home alone" not in await everything_sent(r, "in", "de")


async def everything_sent(r: Regions, origin: str, to: str) -> bytes:
    async with r[to].reader.snapshot() as snapshot:
        found = b""
        for key in await lane_tips(snapshot):
            if key.region == origin:
                for event in await lane_page(snapshot, key, 0):
                    found += event.header + (event.body or b"")
    return found


# ---------------------------------------------------------------- secret polls


async def test_a_policy_that_keeps_all_in_lets_those_go_who_voted_in_secret(r: Regions) -> None:
    poll = await german_secret_poll(r)
    await r["in"].do("asha", "ballot.cast", poll=poll, choices=[1])
    inside = ResidencyPolicy(profile=(), in_groups={}, audiences=())
    rule = partial(adopt, inside, list(r.nodes), {})
    assert not isinstance(await r["in"].handler.append(rule), Refusal)
    await move(r, "asha", "in", "de")
    assert await code(r, "de", "asha", "ballot.cast", poll=poll, choices=[0]) == "conflict"


async def test_i11_a_secret_ballot_stays_and_is_not_cast_twice(r: Regions) -> None:
    """The new home learns in which polls, never what; and says where the ballot is counted."""
    poll = await german_secret_poll(r)
    await r["in"].do("asha", "ballot.cast", poll=poll, choices=[1])
    await move(r, "asha", "in", "de")
    refused = await r["de"].try_do("asha", "ballot.cast", poll=poll, choices=[0])
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == ("conflict", "poll")
    assert "you voted before you moved" in refused.message
    assert await rows(r, "de", t.ballots) == []
    assert await rows(r, "fr", t.ballots) == []
    await r["de"].do("dora", "ballot.cast", poll=poll, choices=[0])
    # Over a third region, and home again, where the ballot is theirs to change.
    await move(r, "asha", "de", "fr")
    assert await code(r, "fr", "asha", "ballot.cast", poll=poll, choices=[0]) == "conflict"
    await move(r, "asha", "fr", "in")
    assert (await r["in"].do("asha", "ballot.cast", poll=poll, choices=[0]))["rev"] == 2


async def test_a_secret_ballot_that_was_taken_back_at_home_may_be_cast_again(r: Regions) -> None:
    """After a move that was called off, and after one there and back."""
    poll = await german_secret_poll(r)
    vote = partial(r["in"].try_do, "asha", "ballot.cast", poll=poll)
    await vote(choices=[1])
    await hand_over(r, "asha", "in", "de")
    await r["in"].do("admin-in", "person.call_off", person="asha")
    for rev in (2, 4):
        for number, wish in ((rev, {"withdrawn": True}), (rev + 1, {"choices": [0]})):
            answer = await vote(**wish)
            assert isinstance(answer, Answer), answer
            assert answer.result["rev"] == number
        await move(r, "asha", "in", "de")
        assert await code(r, "de", "asha", "ballot.cast", poll=poll, choices=[0]) == "conflict"
        await move(r, "asha", "de", "in")


async def test_i11_who_took_a_ballot_back_and_voted_elsewhere_does_not_vote_here(
    r: Regions,
) -> None:
    poll = await german_secret_poll(r)
    await r["in"].do("asha", "ballot.cast", poll=poll, choices=[1])
    await r["in"].do("asha", "ballot.cast", poll=poll, withdrawn=True)
    await move(r, "asha", "in", "de")
    await r["de"].do("asha", "ballot.cast", poll=poll, choices=[0])
    await move(r, "asha", "de", "in")
    for wish in ({"withdrawn": True}, {"choices": [1]}):
        assert await code(r, "in", "asha", "ballot.cast", poll=poll, **wish) == "conflict"


async def test_i11_no_digest_of_a_secret_ballot_travels(r: Regions) -> None:
    """Whoever holds one finds the choice by hashing each. The key does, so the ballot is not cast again (I2)."""
    poll = await german_secret_poll(r)
    await r["in"].try_do("asha", "ballot.cast", "cast", poll=poll, choices=[1])
    await r["in"].try_do("asha", "ballot.cast", "undone", poll=poll, withdrawn=True)
    await r["in"].try_do("asha", "profile.change", "other", name="A")
    known = {row.key: row.digest for row in await rows(r, "in", t.command_keys)}
    await move(r, "asha", "in", "de")
    told = {row.key: row.digest for row in await rows(r, "de", t.command_keys)}
    assert told.items() >= {"cast": b"", "undone": b"", "other": known["other"]}.items()
    wire = await everything_sent(r, "in", "de")
    assert known["other"] in wire
    assert known["cast"] not in wire
    again = await r["de"].try_do("asha", "ballot.cast", "cast", poll=poll, choices=[1])
    assert isinstance(again, Answer)
    assert again.repeated
    await move(r, "asha", "de", "fr")
    onwards = {row.key: row.digest for row in await rows(r, "fr", t.command_keys)}
    assert (onwards["cast"], onwards["undone"]) == (b"", b"")


async def test_i8_a_secret_poll_of_this_region_only_is_not_named(r: Regions) -> None:
    place = await r["in"].community("bob", "Home only", audience="local")
    spec = {"method": "single", "choices": ["a", "b"], "secret": True}
    poll = await r["in"].post("bob", place, "?", "poll", poll=spec)
    await r["in"].do("asha", "ballot.cast", poll=poll, choices=[1])
    await move(r, "asha", "in", "de")
    assert poll.encode() not in await everything_sent(r, "in", "de")


async def test_i11_a_secret_ballot_is_not_cast_twice_by_way_of_who_may_not_see_the_poll(
    r: Regions,
) -> None:
    """India is not told of the poll, and so cannot tell France that she voted in it."""
    poll = await german_secret_poll(r, audience="group.eu")
    await r["de"].do("dora", "ballot.cast", poll=poll, choices=[1])
    await move(r, "dora", "de", "in")
    assert poll.encode() not in await everything_sent(r, "de", "in")
    await move(r, "dora", "in", "fr")
    assert await code(r, "fr", "dora", "ballot.cast", poll=poll, choices=[0]) == "conflict"
    await move(r, "dora", "fr", "de")
    assert await code(r, "de", "dora", "ballot.cast", poll=poll, choices=[0]) == "ok"


async def test_i11_a_secret_ballot_is_not_cast_twice_by_way_of_who_has_not_heard_of_the_poll(
    r: Regions,
) -> None:
    """Nothing of France reaches India, which takes her over and hands her on all the same."""
    place = await r["fr"].community("fred", "All of us")
    spec = {"method": "single", "choices": ["a", "b"], "secret": True}
    poll = await r["fr"].post("fred", place, "?", "poll", poll=spec)
    await r.carry("fr", "de")
    await r["de"].do("dora", "ballot.cast", poll=poll, choices=[1])
    await hand_over(r, "dora", "de", "in")
    await r.moves["de"].catch_up()
    await r.carry("de", "in")
    await r.moves["in"].catch_up()
    await hand_over(r, "dora", "in", "fr")
    await r.everywhere()
    assert await r.homes("dora") == {"fr"}
    assert await code(r, "fr", "dora", "ballot.cast", poll=poll, choices=[0]) == "conflict"


async def german_secret_poll(r: Regions, audience: str = "global") -> str:
    """Told by its event, whatever the rules for publishing one are."""
    place = await r["de"].community("dora", "All of us", audience=audience)
    poll = derived_object_id(1, "secret poll")
    spec = e.PollSpec(method="single", choices=("a", "b"), secret=True)
    event = e.PostPublished(post=poll, kind="poll", place=place, at=1, title="?", poll=spec)
    drafts = [Draft(audience, "dora", event, (poll,))]
    await r["de"].handler.append(lambda facts, context: Decided(drafts, {}))
    await r.everywhere()
    return poll


# ---------------------------------------------------------------- who decides, and when


async def test_a_takeover_waits_for_all_that_the_person_wrote(r: Regions) -> None:
    """The release names how far each lane must be held; lanes do not wait for each other."""
    club = await r["de"].community("dora", "EU club", audience="group.eu")
    await r.everywhere()
    await r["de"].do("dora", "membership.set", community=club[2:], joined=True)
    post = await r["de"].post("dora", club, "bonjour")
    await hand_over(r, "dora", "de", "fr")
    await r.moves["de"].catch_up()
    await r.carry("de", "fr", "global", "control", "pair.de.fr")
    await r.moves["fr"].catch_up()
    assert (await r.person("fr", "dora")).home == ""
    taken = await r["fr"].try_do("admin-fr", "person.take_over", person="dora")
    assert isinstance(taken, Refusal)
    assert taken.code == "not_yet"
    await r.carry("de", "fr", "group.eu")
    await r.moves["fr"].catch_up()
    assert (await r.person("fr", "dora")).home == "fr"
    assert (await r["fr"].do("dora", "post.edit", post=post, text="salut"))["rev"] == 2


async def test_a_takeover_waits_for_what_was_written_at_every_home_before(r: Regions) -> None:
    """Asha was at home in Germany for a while, and France has not heard all of what she did there."""
    tea = await r["in"].community("bob", "Tea")
    post = await r["in"].post("bob", tea)
    await r.everywhere()
    await move(r, "asha", "in", "de")
    await r["de"].do("asha", "reaction.set", target=post, reaction="helpful", on=True)
    await hand_over(r, "asha", "de", "in")
    await r.moves["de"].catch_up()
    await r.carry("de", "in")
    await r.moves["in"].catch_up()
    await hand_over(r, "asha", "in", "fr")
    await r.moves["in"].catch_up()
    await r.carry("in", "fr")
    await r.moves["fr"].catch_up()
    assert await code(r, "fr", "admin-fr", "person.take_over", person="asha") == "not_yet"
    await r.carry("de", "fr")
    await r.moves["fr"].catch_up()
    off = {"target": post, "reaction": "helpful", "on": False}
    assert (await r["fr"].do("asha", "reaction.set", **off))["rev"] == 2


async def test_an_account_of_an_earlier_stay_opens_nothing(r: Regions) -> None:
    account = {"person": "asha", "password_hash": "x", "disabled": False, "created_at": 1}
    session = {"digest": b"d", "person": "asha", "kind": "device", "label": "phone"}
    times = {"created_at": 1, "expires_at": 2**50, "names": "shown"}

    def left_behind(tx: Tx) -> None:
        tx.execute(statement(insert(t.accounts)), account)
        tx.execute(statement(insert(t.sessions)), session | times)

    await r["in"].handler.run(left_behind)
    await move(r, "asha", "in", "de")
    assert len(await rows(r, "in", t.sessions)) == 1, "it leads there"
    await move(r, "asha", "de", "in")
    assert [row.password_hash for row in await rows(r, "in", t.accounts)] == [""]
    assert await rows(r, "in", t.sessions) == []


async def test_the_release_of_an_earlier_move_is_none_of_this(r: Regions) -> None:
    await move(r, "asha", "in", "de")
    await move(r, "asha", "de", "in")
    await hand_over(r, "asha", "in", "de")
    await r.carry("in", "de")
    await r.moves["de"].catch_up()
    assert await code(r, "de", "admin-de", "person.take_over", person="asha") == "not_yet"
    await r.everywhere()
    assert await r.homes("asha") == {"de"}


async def test_the_release_may_come_before_the_handover(r: Regions) -> None:
    await hand_over(r, "asha", "in", "de")
    await r.moves["in"].catch_up()
    await r.carry("in", "de", "pair.de.in")
    await r.moves["de"].catch_up()
    assert (await r.person("de", "asha")).home == "in"
    await r.carry("in", "de")
    await r.moves["de"].catch_up()
    assert (await r.person("de", "asha")).home == "de"


@pytest.mark.parametrize("order", list(itertools.permutations(("in", "de"))))
async def test_a_third_region_may_hear_of_the_takeover_first(
    r: Regions, order: tuple[str, ...]
) -> None:
    await gone(r, "asha", "in", "de")
    for origin in order:
        await r.carry(origin, "fr")
        await r.moves["fr"].catch_up()
    assert (await r.person("fr", "asha")).home == "de"
    assert await code(r, "fr", "asha", "profile.change", name="A") == "wrong_region"


async def test_an_operator_may_want_to_be_asked(r: Regions) -> None:
    r.moves["de"] = r.fresh_moves("de", accept=False)
    await hand_over(r, "asha", "in", "de")
    await r.everywhere()
    assert await r.homes("asha") == {""}
    assert await code(r, "de", "dora", "person.take_over", person="asha") == "forbidden"
    await r["de"].do("admin-de", "person.take_over", person="asha")
    await r.everywhere()
    assert await r.homes("asha") == {"de"}


async def test_a_move_is_called_off_as_long_as_nobody_was_released(r: Regions) -> None:
    await hand_over(r, "asha", "in", "de")
    await r.carry("in", "de")
    await r["in"].do("admin-in", "person.call_off", person="asha")
    await r.everywhere()
    assert await r.homes("asha") == {"in"}
    assert await code(r, "de", "admin-de", "person.take_over", person="asha") == "wrong_region"
    await r["in"].do("asha", "profile.change", name="Asha A")
    await move(r, "asha", "in", "de")


async def test_once_released_only_the_new_home_decides_and_may_send_back(r: Regions) -> None:
    """Also without ever having taken over: nothing is stuck when the new home declines."""
    r.moves["de"] = r.fresh_moves("de", accept=False)
    chat = await conversation(r, "in", "asha", "bob")
    await r["in"].post("asha", chat, "one", "message")
    await hand_over(r, "asha", "in", "de")
    await r.everywhere()
    assert await code(r, "in", "admin-in", "person.call_off", person="asha") == "conflict"
    again = {"person": "asha", "to": "fr"}
    assert await code(r, "in", "admin-in", "person.hand_over", **again) == "wrong_region"
    await hand_over(r, "asha", "de", "in")
    await r.everywhere()
    assert await r.homes("asha") == {"in"}
    assert [said for _, said, _ in await texts(r, "in", chat)] == ["one"]


async def test_who_is_sent_back_before_the_takeover_is_heard_of_is_not_called_off(
    r: Regions,
) -> None:
    """The release to come back is in the lane of the two, the takeover in that of all: here it comes later."""
    await gone(r, "asha", "in", "de")
    await hand_over(r, "asha", "de", "in")
    await r.moves["de"].catch_up()
    await r.carry("de", "in", "pair.de.in")
    assert (await r.person("in", "asha")).moving_to == "de"
    assert await code(r, "in", "admin-in", "person.call_off", person="asha") == "conflict"
    tip = r["in"].handler.lane_tip(LaneKey("in", r["in"].handler.epoch, "pair.de.in"))
    event = e.PersonReleased(person="asha", to="de", rev=1, cut=())
    await r["in"].handler.append(lambda facts, context: moves.release(event, facts, context))
    assert r["in"].handler.lane_tip(LaneKey("in", r["in"].handler.epoch, "pair.de.in")) == tip
    await r.everywhere()
    assert await r.homes("asha") == {"in"}


async def test_there_and_back_and_on(r: Regions) -> None:
    """Each home counts on where the last one stopped, and nothing is copied that is there already."""
    chat = await conversation(r, "in", "asha", "bob", "fred")
    await r.everywhere()
    homes, said = ["in", "de", "in", "fr", "de"], []
    for number, (old, new) in enumerate(itertools.pairwise(homes), 1):
        text = f"from {old} {number}"
        await r[old].post("asha", chat, text, "message")
        said.append(text)
        await r.everywhere()
        await move(r, "asha", old, new)
        assert [words for _, words, _ in await texts(r, new, chat)] == said
        assert (await r.person(new, "asha")).home_rev == 2 * number
    for region in ("in", "fr", "de"):
        assert [words for _, words, _ in await texts(r, region, chat)] == said
    started = [
        record.id.region
        for record in await r["de"].tap.read(0, 1_000)
        if record.type == "conversation.started"
    ]
    assert set(started) == {"in"}, "only its own region can say that a conversation began"


async def test_said_twice_it_happens_once(r: Regions) -> None:
    await hand_over(r, "asha", "in", "de")
    await hand_over(r, "asha", "in", "de")
    await r.everywhere()
    await r["de"].do("admin-de", "person.take_over", person="asha")
    await r.everywhere()
    assert (await r.person("fr", "asha")).home_rev == 2


async def test_i2_a_key_that_was_carried_out_at_the_old_home_is_not_carried_out_again(
    r: Regions,
) -> None:
    tea = await r["in"].community("bob", "Tea")
    wish = {"place": tea, "kind": "update", "text": "once"}
    first = await r["in"].try_do("asha", "post.publish", "a-key-of-hers", **wish)
    await move(r, "asha", "in", "de")
    second = await r["de"].try_do("asha", "post.publish", "a-key-of-hers", **wish)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (second.repeated, second.result) == (True, first.result)
    assert await code(
        r, "de", "asha", "post.publish", key="a-key-of-hers", **wish | {"text": "x"}
    ) == ("key_reused")


async def test_i8_keys_name_nothing_the_new_home_may_not_see(r: Regions) -> None:
    secret = await r["in"].community("asha", "Home only", audience="local")
    hidden = await r["in"].post("asha", secret)
    tea = await r["in"].community("asha", "Tea")
    shown = await r["in"].post("asha", tea)
    await r["in"].do("asha", "post.delete", post=shown)
    await move(r, "asha", "in", "de")
    wire = await everything_sent(r, "in", "de")
    assert secret[2:].encode() not in wire
    assert hidden.encode() not in wire
    keys = [row for row in await rows(r, "de", t.command_keys) if row.person == "asha"]
    assert len(keys) == 3, "making Tea, the post in it, its deletion"


# ---------------------------------------------------------------- cut short anywhere


@pytest.mark.parametrize("jobs", range(8))
async def test_a_crash_after_any_job_of_the_old_home_is_made_up_for(
    r: Regions, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between handover and release the node may stop after each commit; nothing is missing or twice."""
    monkeypatch.setattr("server.app.moves.COPIES_PER_JOB", 2)
    chat = await conversation(r, "in", "asha", "bob")
    for number in range(5):
        await r["in"].post("asha", chat, str(number), "message")
    await r["in"].do("asha", "read.mark", channel=chat, up_to=7)
    await hand_over(r, "asha", "in", "de")
    await stopped_after(r, "in", jobs)
    r.moves["in"] = r.fresh_moves("in")
    await r.everywhere()
    assert await r.homes("asha") == {"de"}
    assert [said for _, said, _ in await texts(r, "de", chat)] == ["0", "1", "2", "3", "4"]
    records = await r["de"].tap.read(0, 500)
    sent = [record.type for record in records if record.id.lane == "pair.de.in"]
    assert sorted(sent) == [
        "conversation.started", "person.released", *["post.published"] * 5, "read.marked",
    ]  # fmt: skip


class Crash(Exception):
    pass


async def stopped_after(r: Regions, region: str, jobs: int) -> None:
    """The node's part in moves, cut before the writer gets one more job of it."""
    handler, left = r[region].handler, itertools.count(jobs, -1)

    class Cut:
        def __getattr__(self, name: str) -> Any:
            if name in ("append", "run") and next(left) <= 0:
                raise Crash
            return getattr(handler, name)

    moves = r.fresh_moves(region)
    moves._handler = Cut()  # type: ignore[assignment]
    try:
        await moves.catch_up()
    except Crash:
        return


@pytest.mark.parametrize("jobs", range(4))
async def test_a_crash_after_any_job_of_the_new_home_is_made_up_for(r: Regions, jobs: int) -> None:
    wish = {"name": "Tea"}
    await r["in"].try_do("asha", "community.create", "a-key-of-hers", **wish)
    await hand_over(r, "asha", "in", "de")
    await r.moves["in"].catch_up()
    await r.carry("in", "de")
    await stopped_after(r, "de", jobs)
    r.moves["de"] = r.fresh_moves("de")
    await r.everywhere()
    assert await r.homes("asha") == {"de"}
    again = await r["de"].try_do("asha", "community.create", "a-key-of-hers", **wish)
    assert isinstance(again, Answer)
    assert again.repeated


async def test_a_move_called_off_while_copies_were_written_brings_no_more(
    r: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.app.moves.COPIES_PER_JOB", 1)
    chat = await conversation(r, "in", "asha", "bob")
    for number in range(5):
        await r["in"].post("asha", chat, str(number), "message")
    await hand_over(r, "asha", "in", "de")
    await stopped_after(r, "in", 2)
    await r["in"].do("admin-in", "person.call_off", person="asha")
    key = LaneKey("in", r["in"].handler.epoch, "pair.de.in")
    await r.everywhere()
    assert await r.homes("asha") == {"in"}
    assert r["in"].handler.lane_tip(key) == 2


async def test_a_move_called_off_between_two_jobs_ends_the_copying(
    r: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.app.moves.COPIES_PER_JOB", 1)
    chat = await conversation(r, "in", "asha", "bob")
    for number in range(5):
        await r["in"].post("asha", chat, str(number), "message")
    await hand_over(r, "asha", "in", "de")
    handler, jobs = r["in"].handler, itertools.count(1)

    class Meanwhile:
        def __getattr__(self, name: str) -> Any:
            return getattr(handler, name)

        async def append(self, decide: Any) -> Any:
            if next(jobs) == 3:
                await r["in"].do("admin-in", "person.call_off", person="asha")
            return await handler.append(decide)

    moves = r.fresh_moves("in")
    moves._handler = Meanwhile()  # type: ignore[assignment]
    await moves.catch_up()
    assert handler.lane_tip(LaneKey("in", handler.epoch, "pair.de.in")) == 2
    await r.everywhere()
    assert await r.homes("asha") == {"in"}


# ---------------------------------------------------------------- refusals


async def test_what_cannot_be_is_refused(r: Regions) -> None:
    found = {
        (who, do, person, to): await code(
            r, "in", who, do, person=person, **({"to": to} if to else {})
        )
        for who, do, person, to in (
            ("asha", "person.hand_over", "bob", "de"),
            ("admin-in", "person.hand_over", "nobody", "de"),
            ("admin-in", "person.hand_over", "bob", "in"),
            ("admin-in", "person.hand_over", "bob", "xx"),
            ("admin-in", "person.hand_over", "dora", "fr"),
            ("admin-in", "person.take_over", "nobody", ""),
            ("admin-in", "person.take_over", "dora", ""),
            ("asha", "person.take_over", "dora", ""),
            ("admin-in", "person.call_off", "nobody", ""),
            ("admin-in", "person.call_off", "dora", ""),
            ("asha", "person.call_off", "asha", ""),
        )
    }
    assert list(found.values()) == [
        "forbidden", "not_found", "bad_value", "bad_value", "wrong_region",
        "not_found", "wrong_region", "forbidden",
        "not_found", "wrong_region", "forbidden",
    ]  # fmt: skip


async def test_i6_after_moves_every_node_holds_the_same_and_a_rebuild_too(r: Regions) -> None:
    tea = await r["in"].community("bob", "Tea")
    await r["in"].post("asha", tea, "leaves")
    await conversation(r, "in", "asha", "bob")
    await move(r, "asha", "in", "de")
    await r["de"].post("asha", tea, "more")
    await move(r, "asha", "de", "fr")
    private = {"conversations", "conversation_members", "releases", "read_marks", "hidden_at_home"}
    shared = [table for table in PROJECTIONS if table.name not in private]
    found = [
        await node.handler.run(lambda tx: digests(tx, shared, local=False))
        for node in r.nodes.values()
    ]
    assert found[0] == found[1] == found[2]
    url = r["de"].url
    await r["de"].handler.close()
    assert rebuild(url, check=True).different == ()
