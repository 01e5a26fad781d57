"""Draws the views from time to time: boards and nominations, how leaders answer, figures about groups.

Whatever a request asks for is a look-up in what was drawn last. Three things are drawn:

- *merits*   of the running quarter and, until it has settled, the one before: anew each time
- *months*    of leaders: the settled ones once, for everybody; the open ones daily, for people at home here
- *figures*   about groups: once for each settled month or quarter, and never again, since whoever saw two drawings
  of one could take one from the other (``scoring.anonymity``)

Drawn again it comes to the same, whatever was interrupted. It takes a twentieth of a core at most: the pause
grows with the work.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from time import monotonic
from typing import Any

import msgspec

from server.app import metrics, recognition, views_leaders, views_place, views_store
from server.app.handle import Handler
from server.app.views_leaders import Leader, measured
from server.app.views_merits import listed, merits_in
from server.app.views_store import Row
from server.domain.errors import Refused
from server.domain.scoring_policy import CAUTIOUS
from server.scoring.leading import Peers, peers, span_of
from server.scoring.periods import last_settled, month_of, months_to, settled
from server.scoring.rules import Rulebook, day_of, quarter_of, shipped
from server.storage.queries import scoring
from server.storage.reader import Reader

log = logging.getLogger(__name__)

EVERY_SECONDS = 300.0
"""Boards are a month long: five minutes late is soon enough."""
PAUSES_PER_WORK = 20
MONTHS_SHOWN = 6
"""Of settled months; a leader compares with their own half year."""
ROWS_PER_JOB = 500
"""A few milliseconds of the writer's time."""
QUARTERS_KEPT = 5
"""The running one and a year."""
LEADER = "leader"

_encode = msgspec.json.Encoder().encode


class Views:
    """Made by the composition root; ``run`` for ever, or ``draw`` once. ``now``: UTC milliseconds."""

    def __init__(
        self,
        handler: Handler,
        reader: Reader,
        *,
        now: Callable[[], int],
        scored: Callable[[], int],
        rulebook: Rulebook | None = None,
    ) -> None:
        """``scored``: up to which position acts are kept (``Scores.position``)."""
        self._handler, self._reader, self._now = handler, reader, now
        self._scored, self._rulebook = scored, rulebook or shipped()
        self._drawn = (-1, -1)
        self._leaders_day = -1

    async def run(self) -> None:
        """Draws at start and after each pause, until cancelled; what fails is logged and tried again."""
        while True:
            begun = monotonic()
            try:
                await self.draw()
            except Refused as refused:
                log.warning("views wait: %s", refused)
            except Exception:
                log.exception("views were not drawn")
            await asyncio.sleep(max(EVERY_SECONDS, PAUSES_PER_WORK * (monotonic() - begun)))

    async def draw(self) -> None:
        """All that may have changed since the last time.

        Raises Refused while a restored log gets back what it lost: what is published of a period is never
        published again, and would be of a part; to be tried again."""
        if self._handler.holding:
            raise Refused(self._handler.holding.code, self._handler.holding.message)
        now = self._now()
        state = (self._scored(), day_of(now))
        if state == self._drawn:
            return
        await self._merits(now)
        if self._leaders_day != day_of(now):
            await self._months(now)
            self._leaders_day = day_of(now)
        await self._release(now)
        self._drawn = state
        metrics.VIEWS_DRAWN_AT.set(now / 1000)

    # -- boards and nominations --------------------------------------------------------------------------

    async def _merits(self, now: int) -> None:
        kept = _kept(now)
        for quarter in _open_quarters(now):
            found = await merits_in(self._reader, quarter, self._rulebook)
            periods = {quarter, *months_to(*_months_of(quarter))}
            await self._replace(periods, await listed(self._reader, found))
        async with self._reader.snapshot() as snapshot:
            old = set(await views_store.periods(snapshot)) - kept
            # Of a period that is not drawn any more.
            gone = await views_store.merits_of_before(snapshot)
        for period in sorted(old):
            await self._handler.run(partial(views_store.forget_merits, period=period))
        for start in range(0, len(gone), ROWS_PER_JOB):
            part = gone[start : start + ROWS_PER_JOB]
            await self._handler.run(partial(views_store.write_merits, gone=part, written=()))

    async def _replace(self, periods: Collection[str], rows: Iterable[Row]) -> None:
        async with self._reader.snapshot() as snapshot:
            before = await views_store.merits(snapshot, periods)
        after = {row.key: row for row in rows}
        gone = [row for key, row in before.items() if key not in after]
        written = [row for key, row in after.items() if before.get(key) != row]
        for start in range(0, max(len(gone), len(written)), ROWS_PER_JOB):
            part = slice(start, start + ROWS_PER_JOB)
            job = partial(views_store.write_merits, gone=gone[part], written=written[part])
            await self._handler.run(job)

    # -- leaders -------------------------------------------------------------------------------------------

    async def _months(self, now: int) -> None:
        """Open months of people at home here; settled ones that are not published yet also of those who may be
        compared. Nobody else's are drawn."""
        async with self._reader.snapshot() as snapshot:
            everybody = await views_leaders.leaders(snapshot)
            homes = await views_store.homes(snapshot)
            published = await views_store.published(snapshot, LEADER)
            policies = await scoring.policies(snapshot)
            compared = await views_leaders.comparable(snapshot, everybody)
        scored = policies.get(self._handler.region, CAUTIOUS).scores != "off"
        ours = {who for who in everybody if scored and homes[who] == self._handler.region}
        for month in months_to(month_of(now), MONTHS_SHOWN + 2):
            if month not in published:
                who = ours | compared.keys() if settled(month, now) else ours
                await self._write_months(month, {name: everybody[name] for name in who})

    async def _write_months(self, period: str, who: Mapping[str, Leader]) -> None:
        async with self._reader.snapshot() as snapshot:
            found = await views_leaders.months(snapshot, period, who)
        rows = [
            {
                "person": person,
                "month": period,
                "members": who[person].members,
                "measures": _encode(month._asdict()).decode(),
            }
            for person, month in found.items()
        ]
        for start in range(0, len(rows), ROWS_PER_JOB):
            part = rows[start : start + ROWS_PER_JOB]
            await self._handler.run(partial(views_store.write_months, rows=part))

    # -- figures about groups ------------------------------------------------------------------------------

    async def _release(self, now: int) -> None:
        """What settled before this node first looked is published as nothing: it may not have had all of it."""
        async with self._reader.snapshot() as snapshot:
            leaders = await views_store.published(snapshot, LEADER)
            places = await views_store.published(snapshot, views_place.VIEW)
            nominees = await views_store.published(snapshot, recognition.VIEW)
        for month in months_to(last_settled(now), MONTHS_SHOWN):
            if month not in leaders:
                await self._publish(LEADER, month, await self._peers(month) if leaders else {})
        month = last_settled(now)
        if month not in places:
            await self._publish(views_place.VIEW, month, await self._bands(month) if places else {})
        for quarter, still in open_or_kept_quarters(now).items():
            if not still and quarter not in nominees:
                unnamed = await self._unnamed(quarter) if nominees else {}
                await self._publish(recognition.VIEW, quarter, unnamed)

    async def _bands(self, month: str) -> dict[str, bytes]:
        return await views_place.cells(self._reader, self._handler.region, month, self._rulebook)

    async def _unnamed(self, quarter: str) -> dict[str, bytes]:
        return await recognition.cells(self._reader, self._handler.region, quarter)

    async def _publish(self, view: str, period: str, cells: Mapping[str, bytes]) -> None:
        at = self._now()
        await self._handler.run(lambda tx: views_store.publish(tx, view, period, cells, at))

    async def _peers(self, month: str) -> dict[str, bytes]:
        """Of those whose region and who themselves let their figures be compared; the strictest ``k`` of all."""
        async with self._reader.snapshot() as snapshot:
            rows = await views_store.leader_months(snapshot, month)
            may = await views_leaders.comparable(snapshot, [row.person for row in rows])
        months = {
            row.person: (span_of(row.members), measured(row.measures))
            for row in rows
            if row.person in may
        }
        least = max(may.values(), default=CAUTIOUS.k)
        return {span: _encode(_shown(one)) for span, one in peers(months, least).items()}


def _shown(one: Peers) -> dict[str, Any]:
    quartiles = {
        measure: None if found is None else found._asdict()
        for measure, found in one.quartiles.items()
    }
    return one._asdict() | {"quartiles": quartiles}


def _open_quarters(now: int) -> list[str]:
    """The running one, and the one before until it has settled."""
    return [quarter for quarter, still in open_or_kept_quarters(now).items() if still]


def _quarter_before(quarter: str) -> str:
    year, number = int(quarter[:4]), int(quarter[5:])
    return f"{year:04}Q{number - 1}" if number > 1 else f"{year - 1:04}Q4"


def _months_of(quarter: str) -> tuple[str, int]:
    """What ``months_to`` takes for the three months of a quarter."""
    return f"{quarter[:4]}-{int(quarter[5:]) * 3:02}", 3


def open_or_kept_quarters(now: int) -> dict[str, bool]:
    """The running quarter and the four before, newest first, and whether each is still open."""
    quarters = [quarter_of(now)]
    for _ in range(QUARTERS_KEPT - 1):
        quarters.append(_quarter_before(quarters[-1]))
    return {quarter: not settled(quarter, now) for quarter in quarters}


def _kept(now: int) -> set[str]:
    """Of what is older only ledgers speak."""
    return {*open_or_kept_quarters(now), *months_to(month_of(now), 3 * QUARTERS_KEPT)}
