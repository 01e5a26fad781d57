"""Reads on a real database, on both kinds: pages without gap or repeat, windows, tallies, searches."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.domain import events as e
from server.domain.errors import Mistake
from server.domain.ids import derived_object_id
from server.domain.visibility import may_read_community, may_watch
from server.storage.async_facts import load_facts, load_person
from server.storage.queries import listing, people, places, posts, records, values
from server.storage.queries.listing import NEWEST, OLDEST, Key
from server.storage.queries.shapes import Counts, PollValue
from tests.support.node import START, ForeignLog, TestNode, open_test_node
from tests.support.postgres import Postgres, running_postgres


@pytest.fixture(scope="module")
def server(postgres_bin: Path) -> Iterator[Postgres]:
    with running_postgres(postgres_bin) as found:
        yield found


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestNode]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("server").new_database()
    async with open_test_node(tmp_path, url=url) as opened:
        for person in ("asha", "bob", "cleo"):
            await opened.register(person)
        yield opened


async def foreign(node: TestNode, log: ForeignLog, actor: str, *events: e.Event) -> None:
    batch = log.batch(node.clock.now, *[(actor, event) for event in events])
    assert await node.handler.apply(batch) == log.seq


def published(number: int, place: str, at: int, **more: Any) -> e.PostPublished:
    post = derived_object_id(at, "de", str(number))
    return e.PostPublished(post=post, kind="update", place=place, at=at, text=str(number), **more)


async def walk(pages: Any, start: Key) -> list[str]:
    """All ids, page by page."""
    found: list[str] = []
    key = start
    while page := await pages(key):
        found += [one.post for one in page]
        key = page[-1]
    return found


# -- pages -----------------------------------------------------------------------------------------------


async def test_pages_over_many_places_are_the_whole_in_order(node: TestNode, seed: int) -> None:
    """Many posts at the same moment, spread over places: no page repeats or leaves out one."""
    chance, log = random.Random(seed), ForeignLog()
    made = [await node.community("asha", f"C{n}") for n in range(4)]
    chats = [await node.do("asha", "conversation.start", members=["bob"]) for _ in range(2)]
    every = made + ["d:" + chat["conversation"] for chat in chats]
    events = [
        published(number, chance.choice(every), START + chance.randrange(12))
        for number in range(120)
    ]
    await foreign(node, log, "dora", *events)
    mine = [place for place in every if place != made[0]]
    wanted = [event for event in events if event.place in mine]
    expected = [
        event.post for event in sorted(wanted, key=lambda one: (one.at, one.post), reverse=True)
    ]
    communities = [place[2:] for place in mine if place.startswith("c:")]
    conversations = [place[2:] for place in mine if place.startswith("d:")]
    async with node.reader.snapshot() as tx:
        for limit in (1, 7, 200):
            got = await walk(
                lambda key, n=limit: listing.newest(tx, communities, conversations, key, n), NEWEST
            )
            assert got == expected, limit
        for place in every:
            alone = [
                e.post for e in sorted(events, key=lambda o: (o.at, o.post)) if e.place == place
            ]
            got = await walk(lambda key, p=place: listing.in_place(tx, p, key, 5), NEWEST)
            assert got == alone[::-1]


async def test_a_thread_is_all_below_it_in_order(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    root = await node.post("asha", tea)
    first = await node.reply("asha", root)
    below = [await node.reply("asha", parent) for parent in (first, root, first)]
    await node.reply("asha", await node.post("asha", tea))
    async with node.reader.snapshot() as tx:
        got = await walk(lambda key: listing.below(tx, root, key, 2), OLDEST)
    assert got == [first, *below]


async def test_unanswered_are_questions_nobody_answered_to_the_askers_content(
    node: TestNode,
) -> None:
    tea = await node.community("asha", "Tea")
    asked = [
        await node.post("asha", tea, "?", "question", title=f"Q{number}") for number in range(5)
    ]
    await node.post("asha", tea)
    hide = {"target": asked[4], "act": "hide", "reason": "rude"}
    await node.do("asha", "moderation.act", on=True, **hide)
    answers = {question: await node.reply("asha", question) for question in asked}
    await node.do("asha", "answer.accept", question=asked[0], answer=answers[asked[0]])
    await node.do("asha", "answer.accept", question=asked[1], answer=answers[asked[1]])
    await node.do("asha", "answer.accept", question=asked[1], answer=None)
    await node.do("asha", "post.delete", post=asked[2])
    async with node.reader.snapshot() as tx:
        keys = await listing.unanswered(tx, [tea[2:]], NEWEST, 10)
        assert [key.post for key in keys] == [asked[3], asked[1]]
        assert await listing.unanswered(tx, [], NEWEST, 10) == []
    await node.do("asha", "moderation.act", on=False, **hide)
    async with node.reader.snapshot() as tx:
        keys = await listing.unanswered(tx, [tea[2:]], NEWEST, 1)
        assert [key.post for key in keys] == [asked[4]]


async def test_a_question_is_open_again_once_its_accepted_answer_is_gone(node: TestNode) -> None:
    tea, log = await node.community("asha", "Tea"), ForeignLog()
    asked = [
        await node.post("asha", tea, "?", "question", title=f"Q{number}") for number in range(4)
    ]
    given = [await node.reply("bob", question) for question in asked]
    for question, answer in zip(asked, given, strict=True):
        await node.do("asha", "answer.accept", question=question, answer=answer)
    # Of an answer that is still on its way nobody knows that it is gone.
    on_its_way = derived_object_id(1, "on its way")
    accepted = e.AnswerAccepted(question=asked[3], place=tea, rev=9, answer=on_its_way)
    await foreign(node, log, "asha", accepted)
    await node.do("bob", "post.delete", post=given[0])
    await node.do("bob", "content.erase", scope="post", target=given[1])
    async with node.reader.snapshot() as tx:
        keys = await listing.unanswered(tx, [tea[2:]], NEWEST, 10)
        assert [key.post for key in keys] == [asked[1], asked[0]]


async def test_who_is_out_again_is_no_member(node: TestNode) -> None:
    """Joined while it was open, or gone from the company."""
    await node.register("admin", "region_admin")
    tea = (await node.community("asha", "Tea"))[2:]
    for person in ("asha", "bob", "cleo"):
        await node.do(person, "membership.set", community=tea, joined=True)
    await node.do("asha", "community.set_role", community=tea, person="admin", role="member")

    async def members() -> int:
        async with node.reader.snapshot() as tx:
            return await places.members_count(tx, tea)

    assert await members() == 4
    await node.do("admin", "person.set_status", person="cleo", active=False)
    assert await members() == 3
    await node.do("asha", "community.change", community=tea, name="Tea", visibility="private")
    assert await members() == 2, "Bob may not read it any more"


async def test_what_arrived_before_its_post_is_listed_nowhere(node: TestNode) -> None:
    """An edit and a deletion of a post that is still on its way."""
    tea, log = await node.community("asha", "Tea"), ForeignLog()
    edited, gone = derived_object_id(1, "edited"), derived_object_id(1, "gone")
    await foreign(
        node,
        log,
        "dora",
        e.PostEdited(post=edited, root=edited, place=tea, rev=2, text="later", at=3),
        e.PostDeleted(post=gone, root=gone, place=tea, rev=2),
    )
    async with node.reader.snapshot() as tx:
        assert await listing.newest(tx, [tea[2:]], [], NEWEST, 9) == []
        assert await posts.by_ids(tx, [edited, gone]) == {}
    await foreign(
        node,
        log,
        "dora",
        e.PostPublished(post=edited, kind="update", place=tea, at=1, text="first"),
        e.PostPublished(post=gone, kind="update", place=tea, at=2, text="first"),
    )
    async with node.reader.snapshot() as tx:
        found = await posts.by_ids(tx, [edited, gone])
        assert (found[edited].text, found[edited].rev, found[edited].edited_at) == ("later", 2, 3)
        assert (found[gone].text, found[gone].deleted) == ("", True)
        history = await records.history(tx, edited, 10)
        assert [revision.text for revision in history] == ["later", "first"]


async def test_an_authors_posts_leave_out_conversations_and_what_is_gone(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    chat = await node.do("asha", "conversation.start", members=["bob"])
    await node.post("asha", "d:" + chat["conversation"], "hi", "message")
    kept, gone = await node.post("asha", tea), await node.post("asha", tea)
    reply = await node.reply("asha", kept)
    await node.do("asha", "post.delete", post=gone)
    async with node.reader.snapshot() as tx:
        found = await listing.by_author(tx, "asha", "bob", NEWEST, 10)
    assert [(key.post, place) for key, place in found] == [(reply, tea), (kept, tea)]


# -- counters and tallies --------------------------------------------------------------------------------


async def test_counters_and_tallies_as_of_now(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    spec = {"method": "multiple", "choices": ["a", "b", "c"]}
    poll = await node.post("asha", tea, "?", "poll", poll=spec)
    hidden = await node.post("asha", tea, "?", "poll", poll=spec | {"hidden_until_close": True})
    for person, choices in (("asha", [0, 2]), ("bob", [2])):
        await node.do(person, "ballot.cast", poll=poll, choices=choices)
        await node.do(person, "ballot.cast", poll=hidden, choices=choices)
    for emoji in ("👍", "🫖"):
        await node.do("bob", "reaction.set", target=poll, reaction="emoji", emoji=emoji, on=True)
    await node.do("bob", "reaction.set", target=poll, reaction="emoji", emoji="🫖", on=False)
    await node.reply("bob", poll)
    missing = derived_object_id(1, "missing")
    keys: list[tuple[Any, str]] = [("post", poll), ("poll", poll), ("poll", hidden)]
    keys += [("post", missing), ("poll", missing), ("post", poll)]
    position, found = await values.load_values(node.reader, keys)
    assert position == node.tap.position
    assert found == {
        ("post", poll): Counts(replies=1, emoji={"👍": 1}),
        ("poll", poll): PollValue(voters=2, counts=(1, 0, 2), closed=False),
        ("poll", hidden): PollValue(voters=2, counts=None, closed=False),
        ("post", missing): Counts(),
    }


async def test_i11_a_secret_poll_shows_no_votes_before_its_end(node: TestNode) -> None:
    """Not even their sum here: a bar that moves when a colleague votes tells what they voted."""
    home, abroad = await node.community("asha", "Home"), ForeignLog()
    spec = {"method": "single", "choices": ["a", "b"], "secret": True}
    poll = await node.post("asha", home, "?", "poll", poll=spec)
    await node.do("asha", "ballot.cast", poll=poll, choices=[1])
    tallied = e.PollTallied(poll=poll, place=home, region="de", rev=1, voters=4, counts=(1, 3))
    await foreign(node, abroad, "", tallied)
    async with node.reader.snapshot() as tx:
        assert await values.poll_values(tx, [poll]) == {
            poll: PollValue(voters=1, counts=None, closed=False)
        }


async def test_a_ranked_poll_shows_first_preferences_as_they_change(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    spec = {"method": "ranked", "choices": ["a", "b", "c"]}
    poll = await node.post("asha", tea, "?", "poll", poll=spec)
    for person, order in (("asha", [2, 0]), ("bob", [1]), ("asha", [0, 2]), ("bob", [0])):
        await node.do(person, "ballot.cast", poll=poll, choices=order)
    async with node.reader.snapshot() as tx:
        found = (await values.poll_values(tx, [poll]))[poll]
    assert (found.voters, found.counts) == (2, (2, 0, 0))


async def test_only_the_polls_home_says_what_it_came_to(node: TestNode) -> None:
    """Also when its word comes before the poll itself, and another region's before that."""
    tea, poll = await node.community("asha", "Tea"), derived_object_id(START, "poll")
    spec = e.PollSpec(method="single", choices=("a", "b"))

    def closed(*counts: int) -> e.PollClosed:
        return e.PollClosed(
            poll=poll, place=tea, voters=5, regions=1, quorum=True, digest=b"d", counts=counts
        )

    await foreign(node, ForeignLog("fr"), "", closed(5, 0))
    await foreign(node, ForeignLog("br", epoch=8 << 32), "", closed(1, 4))
    await foreign(node, ForeignLog("br"), "", closed(2, 3))
    post = e.PostPublished(post=poll, kind="poll", place=tea, at=START, poll=spec)
    await foreign(node, ForeignLog("br", "control"), "emil", post)
    async with node.reader.snapshot() as tx:
        found = (await values.poll_values(tx, [poll]))[poll]
    assert (found.closed, found.counts) == (True, (2, 3)), "the first epoch's word is final"


async def test_changed_values_come_in_order_and_in_bounded_pages(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    made = [await node.post("asha", tea, str(n)) for n in range(6)]
    reply = await node.reply("asha", made[0])
    start = node.tap.position
    for post in (*made, reply, made[2]):
        await node.do("bob", "reaction.set", target=post, reaction="helpful", on=True)
        await node.do("cleo", "reaction.set", target=post, reaction="helpful", on=True)
    upto = node.tap.position
    async with node.reader.snapshot() as tx:
        every = await values.changed_since(tx, [tea], start, upto, 100)
        # A place shows its tops of threads; the reply's counter is the thread's.
        assert {one.id for one in every} == set(made)
        assert [one.position for one in every] == sorted({one.position for one in every})
        thread = await values.changed_since(tx, [tea, f"t:{made[0]}"], start, upto, 100)
        assert {one.id for one in thread} == {*made, reply}
        paged, after = [], start
        while page := await values.changed_since(tx, [tea], after, upto, 2):
            paged += page
            after = page[-1].position
        assert paged == every
        assert await values.changed_since(tx, ["g", "u:asha"], start, upto, 100) == []


async def test_values_that_changed_together_come_together(node: TestNode) -> None:
    """A page that ended between them would be the end of the rest: a cursor is a position."""
    tea = await node.community("asha", "Tea")
    roots = [await node.post("asha", tea, str(n)) for n in range(5)]
    for root in roots:
        await node.reply("bob", root)
    await node.do("cleo", "reaction.set", target=roots[0], reaction="helpful", on=True)
    await node.register("olga", "privacy_officer")
    start = node.tap.position
    await node.do("cleo", "reaction.set", target=roots[0], reaction="helpful", on=False)
    await node.do("olga", "content.erase", scope="person", target="bob")
    await node.do("cleo", "reaction.set", target=roots[1], reaction="helpful", on=True)
    async with node.reader.snapshot() as tx:
        every = await values.changed_since(tx, [tea], start, node.tap.position, 100)
        assert len({one.position for one in every}) < len(every)
        for limit in (1, 2, 3, 4):
            paged, after = [], start
            while page := await values.changed_since(tx, [tea], after, node.tap.position, limit):
                paged += page
                after = page[-1].position
            assert paged == every


# -- people and places -----------------------------------------------------------------------------------


async def test_people_are_found_by_any_of_their_words(node: TestNode) -> None:
    await node.do(
        "asha",
        "profile.change",
        name="Asha Rao",
        title="Brewer",
        unit="R&D",
        skills=["100% oolong"],
    )
    async with node.reader.snapshot() as tx:
        for words in ("rao", "BREW", "r&d", "oolong", "100%", "ash"):
            found, more = await people.search(tx, words, "", 10)
            assert (list(found), more) == (["asha"], None), words
        assert (await people.search(tx, "10_%", "", 10))[0] == {}
        assert (await people.by_ids(tx, ["asha", "nobody"])).keys() == {"asha"}


@pytest.mark.parametrize("name", ["Øyvind Ångström", "Łukasz Żak", "ÉLODIE ÇELİK", "Ольга Щукина"])
async def test_names_are_found_in_large_and_small_letters_of_every_alphabet(
    node: TestNode, name: str
) -> None:
    await node.register("dora", name=name)
    place = await node.community("dora", name, about="x")
    for words in (name, name.lower(), name.split()[1].lower(), name[:4].upper()):
        async with node.reader.snapshot() as tx:
            assert list((await people.search(tx, words, "", 10))[0]) == ["dora"], words
            found = await places.page(tx, "asha", words, "8", 9)
            assert [one.id for one in found] == [place[2:]], words


async def test_people_are_paged_and_those_who_left_are_not_found(node: TestNode) -> None:
    await node.register("admin", "region_admin")
    await node.handler.handle(
        "admin", "bob-leaves", _command("person.set_status", person="bob", active=False)
    )
    async with node.reader.snapshot() as tx:
        first, more = await people.search(tx, "", "", 2)
        assert (sorted(first), more) == (["admin", "asha"], "asha")
        rest, more = await people.search(tx, "", "asha", 2)
        assert (sorted(rest), more) == (["bob", "cleo"], None)
        assert (await people.search(tx, "b", "", 10))[0].keys() == set()


def _command(do: str, **arguments: Any) -> Any:
    from server.domain.commands import from_builtins

    return from_builtins({"do": do, **arguments})


async def test_a_person_of_whom_only_the_status_arrived_is_not_shown_yet(node: TestNode) -> None:
    log = ForeignLog()
    await foreign(node, log, "", e.PersonStatusChanged(person="dora", rev=1, active=True))
    async with node.reader.snapshot() as tx:
        assert await people.by_ids(tx, ["dora"]) == {}
    await foreign(node, log, "", e.PersonRegistered(person="dora", home="de", name="Dora"))
    async with node.reader.snapshot() as tx:
        assert (await people.by_ids(tx, ["dora"]))["dora"].name == "Dora"


async def test_what_is_a_persons_own_follows_from_wish_role_and_visibility(node: TestNode) -> None:
    open_, private = (
        await node.community("asha", "Open"),
        await node.community("asha", "Private", visibility="private"),
    )
    await node.do("bob", "membership.set", community=open_[2:], joined=True)
    chat = await node.do("asha", "conversation.start", members=["bob"])

    async def own(person: str) -> tuple[str, ...]:
        async with node.reader.snapshot() as tx:
            return (await places.belonging(tx, await load_facts(tx, person), person)).places

    talk = "d:" + chat["conversation"]
    assert await own("asha") == (*sorted([open_, private]), talk)
    assert await own("bob") == (open_, talk)
    assert await own("cleo") == ()
    await node.do("bob", "membership.set", community=open_[2:], joined=False)
    assert await own("bob") == (talk,)


async def test_a_role_that_came_before_its_community_waits(node: TestNode) -> None:
    log, name = ForeignLog(), derived_object_id(1, "club")
    role = e.CommunityRoleChanged(community=name, person="bob", rev=1, role="member")
    await foreign(node, log, "", role)
    async with node.reader.snapshot() as tx:
        assert (await places.belonging(tx, await load_facts(tx, "bob"), "bob")).communities == ()
    created = e.CommunityCreated(community=name, home="de", name="Club", audience="global")
    await foreign(node, log, "dora", created)
    async with node.reader.snapshot() as tx:
        found = await places.belonging(tx, await load_facts(tx, "bob"), "bob")
        assert found.communities == (name,)
        assert await places.members_count(tx, name) == 1


async def test_the_directory_is_searched_and_paged_newest_first(node: TestNode) -> None:
    names = [(await node.community("asha", f"Club {n}", about="x"))[2:] for n in range(5)]
    await node.community("bob", "Cellar", visibility="private")
    async with node.reader.snapshot() as tx:
        found = [one.id for one in await places.page(tx, "cleo", "", "8", 3)]
        assert found == names[::-1][:3]
        rest = [one.id for one in await places.page(tx, "cleo", "", found[-1], 9)]
        assert rest == names[::-1][3:]
        assert [one.name for one in await places.page(tx, "cleo", "UB 3", "8", 9)] == ["Club 3"]
        assert await places.page(tx, "cleo", "%", "8", 9) == []


# -- facts for readers -------------------------------------------------------------------------------------


async def test_loaded_facts_answer_what_was_loaded_and_nothing_else(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    post = await node.post("asha", tea)
    missing = derived_object_id(1, "missing")
    async with node.reader.snapshot() as tx:
        facts = await load_facts(tx, "bob", [f"t:{post}", f"t:{missing}", "g", "u:bob", "x:y"])
        assert facts.who == await load_person(tx, "bob")
    who = facts.who
    assert who is not None
    assert may_watch(facts, who, f"t:{post}")
    assert not may_watch(facts, who, f"t:{missing}")
    assert not may_watch(facts, who, "x:y")
    assert may_read_community(facts.community(tea[2:]), facts.member(tea[2:], "bob"))
    for asked in (
        lambda: facts.person("asha"),
        lambda: facts.community(missing),
        lambda: facts.member(tea[2:], "asha"),
        lambda: facts.conversation(missing),
        lambda: facts.post(derived_object_id(2, "other")),
        lambda: facts.reaction(post, "bob", "helpful", ""),
    ):
        with pytest.raises(Mistake):
            asked()


async def test_nobody_has_no_facts(node: TestNode) -> None:
    async with node.reader.snapshot() as tx:
        assert (await load_facts(tx, "nobody")).who is None


async def test_my_marks_are_those_of_the_posts_asked_for(node: TestNode) -> None:
    tea = await node.community("asha", "Tea")
    one, other = await node.post("asha", tea), await node.post("asha", tea)
    for target, reaction in itertools.product((one, other), ("helpful", "solved")):
        await node.do("bob", "reaction.set", target=target, reaction=reaction, on=True)
    await node.do("bob", "reaction.set", target=one, reaction="solved", on=False)
    await node.do("bob", "follow.set", kind="topic", target="leaf", on=True)
    await node.do("bob", "read.mark", channel=f"t:{one}", up_to=5)
    async with node.reader.snapshot() as tx:
        mine = (await posts.bundle(tx, "bob", [one])).mine
        assert mine.reactions == {one: ("helpful",)}
        assert mine.follows == ("topic:leaf",)
        assert mine.read == {f"t:{one}": 5}
        assert (await posts.bundle(tx, "cleo", [one])).mine.reactions == {}
