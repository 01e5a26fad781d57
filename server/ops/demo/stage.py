"""The demo's people at their desks: each signed in to their own node, saying the director's lines.

Everything goes the way of any other program: the SDK, over websockets, with a device token. Whatever a
node refuses because it has not heard of something yet is said again a little later.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from random import Random
from typing import Any

from tap_client import Client, Ended, Http, Refused, TapError, Unreachable

from server.ops.demo import company, conversations
from server.ops.demo.director import Beat, Cue, Director
from server.ops.demo.stories import STORIES
from server.ops.demo.story import Story

ACTING_MAX = 8
"""Cues performed at once: enough to fill a page in seconds, few enough for a laptop."""
WAIT_SECONDS = 0.1
PAUSE_SECONDS_MEAN = 2.5
PAUSE_SECONDS_MAX = 8.0
HISTORY_SCENES = 26


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Stage:
    """``addresses``: region -> the node's URL; ``tokens``: person -> device token."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        tokens: Mapping[str, str],
        chance: Random,
        said: Callable[[str], None],
    ) -> None:
        self._addresses = addresses
        self._tokens = tokens
        self._chance = chance
        self._said = said
        self._clients: dict[str, Client] = {}
        self._acting: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Everybody is connected while the block runs."""
        async with contextlib.AsyncExitStack() as stack:
            for person in company.PEOPLE:
                client = Client(
                    self._addresses[person.region], self._tokens[person.id], name="tap-demo/1"
                )
                self._clients[person.id] = await stack.enter_async_context(client)
            stack.push_async_callback(self._stop)
            yield

    async def _stop(self) -> None:
        for task in self._acting:
            task.cancel()
        await asyncio.gather(*self._acting, return_exceptions=True)

    # -- the company's places ------------------------------------------------------------------------

    async def communities(self) -> dict[str, str]:
        """The demo's communities by key; those missing are created by their owners."""
        found: dict[str, str] = {}
        for community in company.COMMUNITIES:
            known = await self._known(community.owner)
            name = known.get(community.name)
            if name is None:
                create = {
                    "do": "community.create",
                    "name": community.name,
                    "about": community.about,
                }
                owner = self._clients[community.owner]
                name = str((await owner.do(create, f"demo-{community.key}")).answer["community"])
                await owner.do(company.settings(community, name), f"demo-{community.key}-mode")
            found[community.key] = name
        return found

    async def _known(self, person: str) -> dict[str, str]:
        """Name -> id. A node that ended is started again: it is asked until it answers."""
        while True:
            try:
                return await asyncio.to_thread(self._ask, person)
            except (Unreachable, Refused) as error:
                if isinstance(error, Refused) and not error.retry:
                    raise
            await asyncio.sleep(WAIT_SECONDS)

    def _ask(self, person: str) -> dict[str, str]:
        region = company.PERSON[person].region
        with Http(self._addresses[region], self._tokens[person]) as http:
            communities = http.get("/communities")["communities"]
        return {row["name"]: row["id"] for row in communities}

    def arrivals(self, communities: Mapping[str, str]) -> list[list[Beat]]:
        """Joining, profiles and follows of the first day, one scene a person."""
        return [self._arrival(person, communities) for person in company.PEOPLE]

    def _arrival(self, person: company.Person, communities: Mapping[str, str]) -> list[Beat]:
        joined = {"news", "controls", *self._chance.sample(sorted(communities), 4)}
        wishes: list[dict[str, Any]] = [profile(person)]
        for key, name in communities.items():
            if key in joined and company.COMMUNITY[key].owner != person.id:
                wishes.append({"do": "membership.set", "community": name, "joined": True})
        others = [other.id for other in company.PEOPLE if other.id != person.id]
        follow = {"do": "follow.set", "kind": "person", "on": True}
        wishes += [follow | {"target": other} for other in self._chance.sample(others, 3)]
        return [Beat(person.id, wish) for wish in wishes]

    # -- playing -----------------------------------------------------------------------------------------

    async def history(self, communities: Mapping[str, str]) -> None:
        """What was said before anybody looks: every kind of post at least once."""
        director = Director(dict(communities), self._chance)
        for arrival in self.arrivals(communities):
            director.play(arrival)
        for story in scenes(self._chance):
            director.open(story, now_ms())
        for talk in conversations.TALKS:
            director.play(conversations.beats(talk))
        while not director.is_quiet:
            await self._advance(director)

    async def talk(self, communities: Mapping[str, str]) -> None:
        """For ever: something every few seconds."""
        director = Director(dict(communities), self._chance)
        while True:
            director.keep_open(now_ms())
            await self._advance(director)
            pause = self._chance.expovariate(1 / PAUSE_SECONDS_MEAN)
            await asyncio.sleep(min(pause, PAUSE_SECONDS_MAX))

    async def _advance(self, director: Director) -> None:
        """Start the next cue, or wait until one may be started."""
        cue = director.next(now_ms()) if len(self._acting) < ACTING_MAX else None
        if cue is not None:
            task = asyncio.create_task(self._perform(cue, director))
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)
        elif self._acting:
            await asyncio.wait(self._acting, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(WAIT_SECONDS)

    async def _perform(self, cue: Cue, director: Director) -> None:
        try:
            done = await self._clients[cue.person].do(cue.command)
        except Refused as refusal:
            if refusal.code == "not_found":
                director.too_early(cue, now_ms())
            else:
                self._said(f"{cue.person} may not {cue.command['do']}: {refusal}")
                director.refused(cue)
        except Ended:
            return
        except TapError as error:
            self._said(f"{cue.person} could not {cue.command['do']}: {error}")
            director.refused(cue)
        else:
            director.done(cue, done.answer)


def profile(person: company.Person) -> dict[str, Any]:
    """The profile command with everything the company knows of a person."""
    region = next(region for region in company.REGIONS if region.code == person.region)
    return {
        "do": "profile.change",
        "name": person.name,
        "title": person.title,
        "unit": person.unit,
        "country": region.country,
        "skills": list(person.skills),
        "locale": region.locale,
        "timezone": region.timezone,
    }


def scenes(chance: Random) -> list[Story]:
    """Stories for the history: one of each kind for certain, the rest by chance."""
    stories = list(STORIES)
    chance.shuffle(stories)
    first = {story.kind: story for story in stories}
    rest = [story for story in stories if story not in first.values()]
    return [*first.values(), *rest][:HISTORY_SCENES]
