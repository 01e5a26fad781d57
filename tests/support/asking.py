"""What a command made of the log: its events as the tap shows them, without positions and clocks."""

from __future__ import annotations

from typing import Any

from server.app.handle import Answer
from server.domain.events.base import Event
from server.storage.event_log import Record
from tests.support.node import TestNode


async def does(node: TestNode, person: str, do: str, /, **arguments: Any) -> list[Record]:
    """Runs a command that is allowed; the records it committed, in order."""
    before = node.tap.position
    outcome = await node.try_do(person, do, **arguments)
    assert isinstance(outcome, Answer), outcome
    return list(await node.tap.read(before, 100))


def facts(records: list[Record]) -> list[tuple[str, str, Event | None]]:
    """(lane, actor, event) of each."""
    return [(record.id.lane, record.actor, record.event) for record in records]
