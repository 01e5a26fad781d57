"""A region's log as lists, and decisions of the real rules written into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.app.incarnations import raised
from server.domain.decide import Context, Decided
from server.domain.errors import Refusal
from server.domain.facts import Facts
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch
from server.federation.trust import Roster
from tests.unit.federation.lab import ListLog

Rule = Callable[[Facts, Context], Decided | Refusal]
Place = tuple[LaneKey, int]
"""Where an event stands."""


class PlainLog(ListLog):
    def decide(
        self, rule: Rule, facts: Any, context: Context
    ) -> tuple[dict[str, Any] | Refusal, list[Place]]:
        """One commit: the answer, and where its events stand."""
        decision = raised(rule(facts, context), self.epoch)
        if isinstance(decision, Refusal):
            return decision, []
        places = []
        for draft in decision.drafts:
            key = self.append(draft.lane, draft.event, context.now, actor=draft.actor)
            places.append((key, len(self.lanes[key])))
        return decision.answer, places

    def take(self, batch: LaneBatch) -> None:
        """A foreign lane from its beginning, as it was long ago: nothing about it is in question."""
        self.lanes[batch.key] = list(batch.events)
        self.heads[batch.key, batch.head.seq] = batch.head

    def go_by(self, roster: Roster) -> None:
        """Whose keys count; a list is told with each page."""

    def sign_by(self, private: Any) -> None:
        self.private = private
