"""The nightly look at small circles whose thanks stay among themselves; each is put before people once.

docs/scoring.md section 11. What is found follows from the acts alone (``scoring.rings``), so does the name of
its case: however often a node looks, restarts or is rebuilt, a circle is one case in a quarter. Nothing
is changed by looking.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from server.app import score_store
from server.app.cases import measure
from server.app.handle import Handler
from server.app.score_desk import Desk
from server.domain.decide.cases import Found, open_ring
from server.domain.errors import Refusal, Refused
from server.domain.events import CreditFlow
from server.domain.ids import derived_object_id
from server.scoring import rings
from server.scoring.local import Part, Scope, needs, partner_contents, scope_lines
from server.scoring.periods import bounds
from server.scoring.rings import Circle
from server.scoring.rules import DAY_MS, Rulebook, day_of, quarter_of, shipped
from server.storage.queries import cases
from server.storage.reader import Reader, Snapshot

EVERY_SECONDS = 3_600
"""So often it is asked whether a day has passed."""
START_SECONDS = 60
"""At a start everybody comes back at once: this can wait."""
SETTLED_MS = 9 * DAY_MS
"""A quarter is looked at until acts of a link that was cut have come, as views settle."""


class RingWatch:
    """Made by the composition root after scoring; ``run`` for ever, or ``look`` once.

    ``scored``: returns when every act committed so far is kept. ``now``: UTC milliseconds."""

    def __init__(
        self,
        handler: Handler,
        reader: Reader,
        *,
        scored: Callable[[], Awaitable[None]],
        now: Callable[[], int],
        rulebook: Rulebook | None = None,
    ) -> None:
        self._handler, self._reader = handler, reader
        self._scored, self._now = scored, now
        self._rulebook = rulebook or shipped()
        self._day = -1

    async def run(self) -> None:
        """At start and once a UTC day until cancelled; a node that cannot write is left alone."""
        await asyncio.sleep(START_SECONDS)
        while True:
            if day_of(self._now()) != self._day:
                with contextlib.suppress(Refused):
                    await self.look()
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> int:
        """Opens the cases there are; how many are new.

        Raises Refused when the node cannot write, or a restored log gets back what it lost: a case may be in it."""
        if self._handler.holding:
            raise Refused(self._handler.holding.code, self._handler.holding.message)
        now, count = self._now(), 0
        await self._scored()
        for quarter in sorted({quarter_of(now), quarter_of(now - SETTLED_MS)}):
            async with self._reader.snapshot() as snapshot:
                circles = await circles_of(snapshot, quarter, self._rulebook)
            for circle in rings.cases(circles):
                found = found_of(circle, self._handler.region)
                answer = await self._handler.append(partial(open_ring, found))
                if isinstance(answer, Refusal):
                    raise Refused(answer.code, answer.message)
                count += answer["opened"]
        self._day = day_of(now)
        async with self._reader.snapshot() as snapshot:
            measure(await cases.counts(snapshot, self._handler.region))
        return count


async def circles_of(snapshot: Snapshot, quarter: str, rulebook: Rulebook) -> list[Circle]:
    """Every small circle of a quarter with what it comes to, a case or not."""
    given = await score_store.given_often(snapshot, quarter, rings.STRENGTHS[0])
    sets = await asyncio.to_thread(rings.candidates, given)
    return [await _circle(snapshot, people, quarter, rulebook) for people in sets]


async def _circle(
    snapshot: Snapshot, people: Sequence[str], quarter: str, rulebook: Rulebook
) -> Circle:
    """From all acts on what these people wrote in the quarter, whoever they are at home with."""
    scopes = [Scope(person, quarter) for person in people]
    least = partner_contents(rulebook)
    partners = await score_store.partners(snapshot, scopes, least)
    asked = needs(Part(set(scopes), set()), partners)
    acts = await Desk(snapshot).acts(await score_store.needed(snapshot, asked))
    lines = await asyncio.to_thread(scope_lines, scopes, acts, rulebook)
    return rings.circle_of(
        people, quarter, [line for own in lines.values() for line in own], rulebook
    )


def found_of(circle: Circle, region: str) -> Found:
    """As a case; its name follows from region, quarter and people."""
    began = bounds(circle.quarter)[0]
    return Found(
        case=derived_object_id(began, "ring", region, circle.quarter, *circle.people),
        quarter=circle.quarter,
        people=circle.people,
        reason=rings.words(circle),
        received=circle.received,
        flows=tuple([msgspec.convert(flow._asdict(), CreditFlow) for flow in circle.flows]),
    )
