"""What a node does by itself about polls and moves, driven in virtual time.

Polls are closed by the real ``app.polls``. People are moved by the real ``app.moves`` where the log is a database;
where it is a list, by the same rules and what little is left between them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

from server.app.moves import Moves
from server.app.polls import Polls
from server.domain.decide import moves
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import LaneEnd, PersonReleased
from server.domain.visibility import LOCAL
from server.federation.recovery import Phase
from tests.simulation.plainlog import Rule
from tests.simulation.sqllog import SqlLog, at_once
from tests.simulation.state import Written, audience_of

if TYPE_CHECKING:
    from tests.simulation.inhabited import Inhabited

ASLEEP_MS = 60_000
"""As ``app.polls.ASLEEP_SECONDS_MAX``."""


class Died(Exception):
    """The process ended in the middle of what it did."""


class Writer:
    """The handler, as drivers see it."""

    def __init__(self, node: Inhabited) -> None:
        self._node = node
        self.region, self.peers, self.groups = node.region, node.others, node.groups

    @property
    def holding(self) -> Refusal | None:
        is_open = self._node.recovery.phase is Phase.OPEN
        return None if is_open else Refusal(Code.RECOVERING, "not yet")

    async def append(self, rule: Rule) -> Any:
        return self._node.append(rule)

    async def run(self, work: Callable[[Any], Any]) -> Any:
        log = self._node.log
        assert isinstance(log, SqlLog)
        return log.run(work)


class Told:
    """The tap, as whoever listens to it sees it."""

    def __init__(self) -> None:
        self.listener: Any = None

    def subscribe(self, listener: Any) -> None:
        self.listener = listener


class PollsOnLists(Polls):
    """``app.polls``, which asks the model instead of tables."""

    node: Inhabited

    async def _unfinished(self) -> set[str]:
        return self.node.state.unchecked(self.node.region)

    async def _lanes_with_a_lead(self) -> frozenset[Hashable]:
        return frozenset(self.node.log.leads)


class MovesOnLists:
    """``app.moves`` without what only a database has: copies of conversations, marks, keys."""

    def __init__(self, node: Inhabited) -> None:
        self._node = node

    async def catch_up(self) -> None:
        node = self._node
        if node.recovery.phase is not Phase.OPEN:
            raise Refused(Code.RECOVERING, "not yet")
        for who in node.state.people():
            if who.moving_to == node.region:
                node.append(lambda f, c, p=who.person: moves.takeover(p, moves.NODE, f, c))  # type: ignore[misc]
            elif who.moving_to and who.previous == node.region:
                self._release(who.person, who.moving_to, who.home_rev)

    def _release(self, person: str, to: str, rev: int) -> None:
        node = self._node
        known = node.state.release(person)
        if known and known.rev >= rev:
            return
        homes = node.state.homes_of(person) | {node.region}
        cut = [
            LaneEnd(region=key.region, epoch=key.epoch, lane=key.lane, seq=len(events))
            for key, events in sorted(node.log.lanes.items())
            if key.region in homes
            and events
            and not (key.lane == LOCAL or key.lane.startswith("pair."))
            and to in audience_of(key.lane, key.region, node.world.regions)
        ]
        event = PersonReleased(person=person, to=to, rev=rev, cut=tuple(cut))
        node.append(lambda facts, context: moves.release(event, facts, context))


class Duties:
    """One process's."""

    def __init__(self, node: Inhabited) -> None:
        self._node, self._told = node, Told()
        writer: Any = Writer(node)
        tap: Any = self._told
        log: Any = node.log
        self._moves: Moves | MovesOnLists
        kind: type[Polls]
        if isinstance(log, SqlLog):
            kind, reader = Polls, log.reader
            self._moves = Moves(
                handler=writer, tap=log.tap, reader=reader, now=node.clock, accept=True
            )
        else:
            kind, reader = PollsOnLists, None
            self._moves = MovesOnLists(node)
        self._polls: Any = kind(tap, writer, reader, region=node.region, now=node.clock)
        self._polls.node = node

    def told(self, records: Sequence[Written]) -> None:
        self._told.listener(records)

    def do(self) -> int | None:
        """Whatever is due; when to come back, by the node's own clock. Raises Died."""
        now = self._node.clock()
        try:
            at_once(self._moves.catch_up())
        except Refused:
            return now + 5_000  # as a follower of the tap tries again
        due: int | None = at_once(self._polls.step(now))
        if self._polls._ending:
            due = min(due or now + ASLEEP_MS, now + ASLEEP_MS)
        return due
