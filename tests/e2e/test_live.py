"""People of three regions write at once while nodes are killed: nothing lost, nothing double."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tap_client import Client, Done, Event, FileStore

from server.ops.demo.nodes import Place
from server.ops.importing.homes import zipf20
from server.storage.digest import shared_digests_at
from tests.e2e.replay import Line, topics
from tests.support.archives import archive
from tests.support.processes import (
    do_when_known,
    enrol,
    places,
    rows,
    running,
    tap,
    until,
    until_level,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

REGIONS = ("in", "de", "br")
MESSAGES = 240
KILL_AFTER = (60, 150)
"""So many messages are answered when a node is killed."""
CHOICES = ("yes", "no", "later")


class Ear:
    """A colleague who follows everything in one region, and notes each post they hear of."""

    def __init__(self, place: Place, name: str, token: str, folder: Path) -> None:
        self.name = name
        self.heard: list[str] = []
        self.began: str | None = None
        store = FileStore(folder / f"{name}.db")
        # The others speak MessagePack: both encodings are at work here.
        self.client = Client(place.url, token, on_event=self._event, store=store, encoding="json")

    def _event(self, event: Event) -> None:
        if event.type == "post.published":
            self.client.watch("t:" + event.body["post"], since=self.began)
        if event.type in ("post.published", "reply.published"):
            self.heard.append(event.body["post"])


class Company:
    """Everybody's clients, and what they wrote: message number -> post."""

    def __init__(self, clients: Mapping[str, Client], community: str) -> None:
        self.clients = clients
        self.community = community
        self.posts: dict[int, str] = {}
        self._said = asyncio.Condition()

    async def write(self, lines: Iterable[Line]) -> None:
        """One topic, in order."""
        for line in lines:
            done = await self._say(line)
            async with self._said:
                self.posts[line.number] = done.answer["post"]
                self._said.notify_all()

    async def _say(self, line: Line) -> Done:
        if line.parent is None:
            command = {
                "do": "post.publish",
                "place": self.community,
                "kind": "update",
                "title": line.title,
                "text": line.text,
            }
        else:
            parent = self.posts[line.parent]
            command = {"do": "reply.publish", "parent": parent, "text": line.text}
        key = f"live-{line.number}"
        return await do_when_known(self.clients[line.author], command, key)

    async def until_said(self, n: int) -> None:
        async with self._said:
            await self._said.wait_for(lambda: len(self.posts) >= n)

    async def vote(self, poll: str) -> Counter[int]:
        """Everybody votes, and every third thinks again; the tally that must come out."""
        final: dict[str, int] = {}

        async def one(number: int, person: str) -> None:
            for choice in [number % 3, (number + 1) % 3][: 1 + (number % 3 == 0)]:
                ballot = {"do": "ballot.cast", "poll": poll, "choices": [choice]}
                await do_when_known(self.clients[person], ballot, f"vote-{person}-{choice}")
                final[person] = choice

        await asyncio.gather(*(one(n, name) for n, name in enumerate(self.clients)))
        return Counter(final.values())


async def test_nothing_is_lost_or_doubled_when_nodes_are_killed(tmp_path: Path) -> None:
    slice_ = topics(archive("ncar-zulip"), MESSAGES, skip=200)
    lines = {line.number: line for topic in slice_ for line in topic}
    where = places(tmp_path, *REGIONS)
    home = zipf20(REGIONS)
    authors = sorted({line.author for line in lines.values()})
    tokens: dict[str, str] = {}
    for region, place in where.items():
        people = [name for name in authors if home(name) == region]
        tokens |= await enrol(place, [f"ear.{region}", *people])
    assert {home(name) for name in authors} == set(REGIONS)

    async with AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(running(where.values()))
        ears = [Ear(place, f"ear.{r}", tokens[f"ear.{r}"], tmp_path) for r, place in where.items()]
        for ear in ears:
            await stack.enter_async_context(ear.client)
        clients = {
            name: await stack.enter_async_context(Client(where[home(name)].url, tokens[name]))
            for name in authors
        }
        community = await found(ears)
        company = Company(clients, "c:" + community)
        writing = asyncio.gather(*(company.write(topic) for topic in slice_))
        for region, after in zip(("de", "in"), KILL_AFTER, strict=True):
            await company.until_said(after)
            await nodes[region].kill()
            await nodes[region].start()
        await writing
        poll = await open_poll(clients, company)
        tally = await company.vote(poll)
        # Each node's own last word of the day: written later, it would reach some and not all before they stop.
        await until(
            "every region's root is known everywhere", lambda: have_all_roots(where.values())
        )
        await until_level(where.values())
        posts = {*company.posts.values(), poll}
        for ear in ears:
            await until(f"{ear.name} has heard all", lambda ear=ear: len(ear.heard) >= len(posts))
            assert Counter(ear.heard) == Counter(posts)
        for place in where.values():
            check(place, lines, company.posts, poll, tally)

    digests = [shared_digests_at(f"sqlite:///{place.database}") for place in where.values()]
    assert digests[0] == digests[1] == digests[2]
    for place in where.values():
        tap("--config", place.config, "rebuild", "--check")


def have_all_roots(where: Iterable[Place]) -> bool:
    query = "SELECT count(DISTINCT region) FROM scoring_roots"
    return all(rows(place, query) == [(len(REGIONS),)] for place in where)


async def found(ears: list[Ear]) -> str:
    """A community of the first ear's, which the others have joined."""
    first, *others = ears
    create = {"do": "community.create", "name": "Replay"}
    community = str((await first.client.do(create)).answer["community"])
    join = {"do": "membership.set", "community": community, "joined": True}
    for ear in others:
        await do_when_known(ear.client, join, "join-replay")
    for ear in ears:
        await ear.client.live()
        ear.began = ear.client.cursor
    return community


async def open_poll(clients: Mapping[str, Client], company: Company) -> str:
    author = next(iter(clients))
    command = {
        "do": "post.publish",
        "place": company.community,
        "kind": "poll",
        "title": "Shall we?",
        "poll": {"method": "single", "choices": list(CHOICES)},
    }
    return str((await do_when_known(clients[author], command, "the-poll")).answer["post"])


def check(
    place: Place,
    lines: Mapping[int, Line],
    posts: Mapping[int, str],
    poll: str,
    tally: Counter[int],
) -> None:
    """This node has each message once, where it belongs, and the poll's result."""
    expected = {}
    for number, line in lines.items():
        parent = posts[line.parent] if line.parent is not None else ""
        expected[posts[number]] = (line.author, parent, line.text)
    query = "SELECT post, author, parent, text FROM posts WHERE kind <> 'poll'"
    assert {post: tuple(rest) for post, *rest in rows(place, query)} == expected
    votes = rows(place, "SELECT choice, votes FROM poll_choices WHERE poll = ?", poll)
    assert {choice: n for choice, n in votes if n} == dict(tally)
    assert rows(place, "SELECT voters FROM polls WHERE poll = ?", poll) == [(tally.total(),)]
