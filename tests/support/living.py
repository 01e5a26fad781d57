"""A node that lives through a company's history: its own events, and those of the other regions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from server.domain.decide import Context, Decided, Draft
from server.domain.errors import Refusal
from server.domain.facts import Facts
from tests.support.company import Written
from tests.support.node import ForeignLog, TestNode


class Abroad:
    """The other regions' logs, as far as they come here."""

    def __init__(self, *logs: ForeignLog) -> None:
        self._logs = {(log.key.region, log.key.lane): log for log in logs}

    def of(self, region: str, lane: str) -> ForeignLog:
        return self._logs.setdefault((region, lane), ForeignLog(region, lane))


async def live(node: TestNode, events: Iterable[Written], abroad: Abroad | None = None) -> Abroad:
    """Every event in its turn: own ones appended, foreign ones arriving as their region's batch."""
    abroad = abroad or Abroad()
    for (origin, lane), group in groupby(
        events, key=lambda written: (written.origin, written.lane)
    ):
        part = list(group)
        node.clock.advance(len(part))
        if origin == node.region:
            await append(node, part)
            continue
        if lane == "local":
            continue
        log = abroad.of(origin, lane)
        batch = log.batch(node.clock.now, *[(written.actor, written.event) for written in part])
        assert await node.handler.apply(batch) == log.seq
    return abroad


async def append(node: TestNode, events: list[Written]) -> None:
    drafts = [Draft(written.lane, written.actor, written.event, ()) for written in events]

    def decided(_facts: Facts, _context: Context) -> Decided:
        return Decided(drafts, {})

    assert not isinstance(await node.handler.append(decided), Refusal)
