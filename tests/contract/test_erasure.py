"""An erasure takes every word out of the log and the tables, in any order of arrival (I5, I6)."""

from __future__ import annotations

import asyncio
from itertools import permutations
from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from server.app.handle import Answer
from server.domain import events as e
from server.domain.decide import Context, Decided
from server.domain.decide.base import in_place
from server.domain.facts import Facts
from server.domain.ids import derived_object_id
from server.domain.wire import chain, decode_header, genesis
from server.storage import migrate
from server.storage.digest import shared_digests_at
from server.storage.rebuild import rebuild
from server.storage.tables import metadata
from tests.support.faults import held
from tests.support.node import START, ForeignLog, TestNode, open_test_node

WORDS = "Zimmermannsnagel"
POST, REPLY, PLACE = (derived_object_id(START, name) for name in ("post", "reply", "place"))
PLACE = "c:" + PLACE


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


def places_with(url: str, words: str) -> set[str]:
    """Tables in which a column of some row holds the words."""
    found = set()
    for table in metadata.sorted_tables:
        for row in rows(url, f"SELECT * FROM {table.name}"):
            values = [bytes(v) if isinstance(v, bytes | memoryview) else v for v in row]
            if any(
                words.encode() in v if isinstance(v, bytes) else words in str(v) for v in values
            ):
                found.add(table.name)
    return found


async def company(node: TestNode) -> str:
    for person in ("asha", "bob"):
        await node.register(person)
    return await node.community("asha", "Tea")


async def well_known(node: TestNode) -> str:
    """A post with a copy of its words wherever there can be one; its id."""
    tea = await company(node)
    idea = await node.post("asha", tea, WORDS, "idea", title=WORDS, topics=[WORDS.lower()])
    for number in range(2):
        edited: dict[str, Any] = {"post": idea, "title": WORDS, "text": f"{WORDS} {number}"}
        await node.do("asha", "post.edit", **edited, reason=WORDS)
    await node.do("bob", "flag.raise", target=idea, reason=f"it says {WORDS}")
    await node.do("asha", "flag.resolve", target=idea, upheld=True, note=WORDS)
    return idea


async def test_nothing_is_left_in_any_table(node: TestNode) -> None:
    post = await well_known(node)
    held = {"events", "posts", "post_revisions", "flags", "flag_resolutions"}
    assert places_with(node.url, WORDS) == held
    answer = await node.try_do("asha", "content.erase", scope="post", target=post)
    assert isinstance(answer, Answer)
    assert places_with(node.url, WORDS) == set()
    assert places_with(node.url, WORDS.lower()) == set()
    (request,) = answer.result["requests"]
    assert rows(node.url, "SELECT request, bodies FROM erasing") == [(request, 5)]


async def test_the_post_keeps_its_place_and_its_replies(node: TestNode) -> None:
    tea = await company(node)
    post = await node.post("asha", tea, WORDS)
    reply = await node.reply("bob", post, "indeed")
    await node.do("asha", "content.erase", scope="post", target=post)
    kept = "SELECT post, kind, place, root, parent, author, text, erased FROM posts ORDER BY at"
    found = [(*row[:-1], bool(row[-1])) for row in rows(node.url, kept)]
    assert found == [
        (post, "update", tea, post, "", "asha", "", True),
        (reply, "reply", tea, post, post, "bob", "indeed", False),
    ]


async def test_i5_every_chain_still_verifies(node: TestNode) -> None:
    post = await well_known(node)
    await node.do("asha", "content.erase", scope="post", target=post)
    query = """SELECT l.region, l.epoch, l.lane, e.header, e.hash, e.salt, e.body FROM events e
               JOIN lanes l ON l.id = e.lane_id ORDER BY e.position"""
    tips: dict[tuple[Any, ...], bytes] = {}
    erased = 0
    for *key, header, hash_, salt, body in rows(node.url, query):
        tips[tuple(key)] = chain(tips.get(tuple(key), genesis(*key)), bytes(header))
        assert bytes(hash_) == tips[tuple(key)]
        assert (salt is None) == (body is None), "both or neither"
        erased += body is None
    assert erased == 5


async def test_i6_a_rebuild_of_an_erased_log_gives_the_same_tables(
    url: str, tmp_path: Path
) -> None:
    async with open_test_node(tmp_path, url=url) as node:
        post = await well_known(node)
        reply = await node.reply("bob", post, WORDS)
        await node.do("bob", "content.erase", scope="post", target=reply)
        await node.do("asha", "content.erase", scope="post", target=post)
        events = node.tap.position
    assert rebuild(url, check=True) == (events, ())


async def chat_abroad(node: TestNode, germany: ForeignLog) -> str:
    """A conversation of asha with colleagues in two other regions."""
    for log, person in ((germany, "dora"), (ForeignLog("fr"), "fred")):
        known = e.PersonRegistered(person=person, home=log.key.region, name=person)
        await node.handler.apply(log.batch(START, ("", known)))
    chat = await node.do("asha", "conversation.start", members=["dora", "fred"])
    return f"d:{chat['conversation']}"


async def message_abroad(node: TestNode) -> str:
    """A message in it: one copy in each pair lane."""
    chat = await chat_abroad(node, ForeignLog("de"))
    return await node.post("asha", chat, WORDS, "message")


async def test_every_copy_of_a_message_is_destroyed(node: TestNode) -> None:
    await company(node)
    message = await message_abroad(node)
    await node.do("asha", "content.erase", scope="post", target=message)
    assert places_with(node.url, WORDS) == set()
    assert rows(node.url, "SELECT bodies FROM erasing") == [(2,)]
    (lanes,) = rows(node.url, "SELECT lanes FROM erasures")
    assert lanes == ('["pair.de.in","pair.fr.in"]',)


async def test_the_same_commit_may_bring_words_and_their_erasure(node: TestNode) -> None:
    batch = ForeignLog("de").batch(START, ("dora", published()), ("dora", erased()))
    await node.handler.apply(batch)
    assert places_with(node.url, WORDS) == set()
    assert rows(node.url, "SELECT bodies FROM erasing") == [(1,)]


async def test_the_same_commit_may_bring_a_post_and_its_erasure_in_every_lane(
    node: TestNode,
) -> None:
    """Also in one where it went and would go no more: meanwhile fred has left his region for another."""
    await company(node)
    germany = ForeignLog("de")
    place = await chat_abroad(node, germany)
    message = derived_object_id(START, "message")
    event = e.PostPublished(post=message, kind="message", place=place, at=START, text=WORDS)
    gone = e.PersonTakenOver(person="fred", previous="fr", rev=2)

    def publish(facts: Facts, context: Context) -> Decided:
        return Decided(in_place(place, facts, context, "asha", event), {})

    async with held(node.handler):
        jobs = (
            node.handler.append(publish),
            node.handler.apply(germany.batch(START, ("", gone))),
            node.do("asha", "content.erase", scope="post", target=message),
        )
        together: list[asyncio.Future[Any]] = []
        for job in jobs:
            together.append(asyncio.ensure_future(job))
            while node.handler.waiting < len(together):  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0)
    await asyncio.gather(*together)
    (lanes,) = rows(node.url, "SELECT lanes FROM erasures")
    assert lanes == ('["pair.de.in","pair.fr.in"]',)
    assert places_with(node.url, WORDS) == set()


# ---------------------------------------------------------------- any order


def published() -> e.Event:
    return e.PostPublished(post=POST, kind="question", place=PLACE, at=START, text=WORDS, title="T")


def replied() -> e.Event:
    return e.ReplyPublished(
        post=REPLY, kind="answer", place=PLACE, root=POST, parent=POST, at=START, text=WORDS
    )


def edited() -> e.Event:
    return e.PostEdited(post=POST, root=POST, place=PLACE, rev=2, text=f"{WORDS}!", at=START)


def erased() -> e.Event:
    posts = (
        e.ErasedPost(
            post=POST, kind="question", place=PLACE, root=POST, author="dora", at=START, rev=3
        ),
        e.ErasedPost(
            post=REPLY,
            kind="answer",
            place=PLACE,
            root=POST,
            parent=POST,
            author="dora",
            at=START,
            rev=2,
        ),
    )
    return e.ErasureRequested(request="r", scope="person", target="dora", posts=posts)


def deleted() -> e.Event:
    return e.PostDeleted(post=REPLY, root=POST, place=PLACE, rev=5)


def reported() -> e.Event:
    return e.FlagRaised(target=POST, root=POST, place=PLACE, rev=1, reason=WORDS)


STORY = (published, replied, edited, erased, deleted, reported)
"""Each from a lane of its own, so that any order is one that links can bring."""
ORDERS = sorted(permutations(range(len(STORY))))[::17]


async def test_i6_whatever_comes_first_nothing_is_kept_and_the_tables_are_equal(
    tmp_path: Path,
) -> None:
    found = set()
    for number, order in enumerate(ORDERS):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with open_test_node(folder) as node:
            for index in order:
                log = ForeignLog("de", lane=f"group.g{index}")
                await node.handler.apply(log.batch(START, ("dora", STORY[index]())))
            assert places_with(node.url, WORDS) == set(), order
            digests = shared_digests_at(node.url)
        assert rebuild(node.url, check=True).different == (), order
        found.add(tuple(digests.items()))
    assert len(ORDERS) > 40
    assert len(found) == 1


async def test_what_comes_after_its_erasure_is_stored_without_its_words(node: TestNode) -> None:
    """With header and hash, so that the lane goes on (I5); nobody is shown it."""
    before, log = node.tap.position, ForeignLog("de")
    await node.handler.apply(ForeignLog("de", lane="control").batch(START, ("dora", erased())))
    batch = log.batch(START, ("dora", published()), ("dora", replied()))
    assert await node.handler.apply(batch) == 2
    assert node.handler.lane_tip(log.key) == 2
    *_, first, second = await node.tap.read(before, 10)
    for record, sent in zip((first, second), batch.events, strict=True):
        assert (record.event, record.body, record.channels) == (None, b"", ())
        (row,) = rows(
            node.url,
            f"SELECT header, hash, salt, body FROM events WHERE position = {record.position}",
        )
        assert (bytes(row[0]), bytes(row[1]), *row[2:]) == (sent.header, sent.hash, None, None)
    assert decode_header(batch.events[0].header).type == "post.published"
    assert await node.handler.apply(batch) == 2, "a repeat is a repeat"


# ---------------------------------------------------------------- the last steps


async def test_the_connection_works_on_after_its_last_steps(node: TestNode) -> None:
    post = await well_known(node)
    await node.do("asha", "content.erase", scope="post", target=post)
    assert await node.handler.apart(lambda connection: connection.settle())
    await node.handler.apart(lambda connection: connection.compact())
    assert await node.handler.apart(lambda connection: connection.settle())
    assert places_with(node.url, WORDS) == set()
    await node.post("asha", await node.community("asha", "After"), "still here")


def earlier() -> str:
    """The revision before the one that made the index."""
    script = ScriptDirectory.from_config(migrate.config())
    (own,) = [one for one in script.walk_revisions() if one.path.endswith("_erasure.py")]
    return str(own.down_revision)


async def test_a_log_of_an_earlier_version_is_indexed_when_it_is_upgraded(
    url: str, tmp_path: Path
) -> None:
    """Or an erasure would find nothing of what was written before."""
    async with open_test_node(tmp_path, url=url) as node:
        await well_known(node)
        await message_abroad(node)
    before = rows(url, "SELECT post, position FROM bodies ORDER BY post, position")
    assert len(before) == 5, "two edits, two reports, a copy in a further lane"
    engine = create_engine(url)
    with engine.begin() as connection:
        command.downgrade(migrate.config(connection), earlier())
        assert "bodies" not in inspect(connection).get_table_names()
    engine.dispose()
    migrate.upgrade(url)
    assert rows(url, "SELECT post, position FROM bodies ORDER BY post, position") == before
    assert rebuild(url, check=True).different == ()
