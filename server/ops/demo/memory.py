"""The past is lived through on a stopped node, by a clock that is set to each moment of it."""

from collections import defaultdict
from random import Random
from typing import Any

from server.app.handle import Answer
from server.app.scores import Scores
from server.app.views import Views
from server.domain.commands import from_builtins
from server.ops import operator
from server.ops.accounts import Desk, desk
from server.ops.config import Config
from server.ops.core import now
from server.ops.demo import company, past
from server.ops.demo.director import DAY_MS, filled
from server.ops.demo.enrolment import checked, registration

LOOK_DAYS = 9
"""How often the node of that time drew its views: a month is published by a node that saw it settle. Seldom, for
each time takes a second or so."""


async def remember(config: Config) -> None:
    """Everything of ``past``, in the log and in what is drawn from it. Raises StartError, NodeFailed."""
    today = now()
    clock = past.Clock(today - past.DAYS * DAY_MS)
    async with desk(config, "tap demo", clock) as node:
        for person in past.people():
            checked(await operator.register(node.core.handler, registration(person)))
        places = await settle(node, clock)
        eyes = Eyes(node, clock)
        made: dict[int, dict[int, str]] = defaultdict(dict)
        for moment in past.moments(places, today, Random(config.node.region)):
            await eyes.glance(moment.at)
            clock.go_to(moment.at)
            command = from_builtins(filled(moment.said.command, made[moment.scene]))
            key = f"demo-past-{moment.scene}-{moment.beat}"
            answer = checked(await node.core.handler.handle(moment.said.person, key, command))
            if isinstance(answer, Answer) and "post" in answer.result:
                made[moment.scene][moment.beat] = str(answer.result["post"])
        await eyes.look(today)


async def settle(node: Desk, clock: past.Clock) -> dict[str, str]:
    """The region's own communities with their members and moderators: the demo's keys with their ids."""
    places: dict[str, str] = {}

    async def do(person: str, /, **wish: Any) -> dict[str, Any]:
        clock.go_to(clock.at)
        handler = node.core.handler
        answer = checked(await handler.handle(person, f"demo-{clock.at}", from_builtins(wish)))
        return answer.result if isinstance(answer, Answer) else {}

    for community in past.communities():
        owner, key = community.owner, community.key
        made = await do(owner, do="community.create", name=community.name, about=community.about)
        places[key] = name = str(made["community"])
        await do(owner, **company.settings(community, name))
        for person in past.people():
            if person.id != owner and (key == "news" or person not in company.SITE_LEADS):
                await do(person.id, do="membership.set", community=name, joined=True)
    for lead in company.SITE_LEADS:
        role = {"community": places["news"], "person": lead.id, "role": "moderator"}
        await do("asha.rao", do="community.set_role", **role)
    return places


class Eyes:
    """What a node that ran then would have credited and drawn."""

    def __init__(self, node: Desk, clock: past.Clock) -> None:
        core = node.core
        self._clock = clock
        self._scores = scores = Scores(core.tap, core.handler, core.reader, now=clock)
        self._views = Views(core.handler, core.reader, now=clock, scored=lambda: scores.position)
        self._looked = 0

    async def glance(self, at: int) -> None:
        """Looks, if it is time again."""
        if at - self._looked >= LOOK_DAYS * DAY_MS:
            await self.look(at)

    async def look(self, at: int) -> None:
        self._clock.go_to(at)
        self._looked = at
        await self._scores.catch_up()
        await self._views.draw()
