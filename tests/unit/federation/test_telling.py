"""How long commits wait for each other."""

from __future__ import annotations

import pytest

from server.domain import limits
from server.domain.ids import LaneKey
from server.federation.telling import Telling, pause

KEY = LaneKey("de", 1, "global")


@pytest.mark.parametrize(("links", "seconds"), [(0, 0.01), (1, 0.01), (16, 0.01), (40, 0.025)])
def test_more_links_are_told_less_often(links: int, seconds: float) -> None:
    assert pause(links) == seconds


async def test_the_first_is_told_at_once_and_what_follows_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the links there are now, not by those there were."""
    monkeypatch.setattr(limits, "BATCH_SECONDS_MIN", 0)
    monkeypatch.setattr(limits, "BATCHES_PER_SECOND_MAX", 0.001)
    told: list[dict[LaneKey, int]] = []
    links = [0]
    telling = Telling(lambda tips: told.append(dict(tips)), lambda: links[0])
    telling.moved([(KEY, 1)])
    assert told == [{KEY: 1}]
    telling.moved([(KEY, 2)])
    assert told == [{KEY: 1}, {KEY: 2}], "there is no pause"
    links[0] = 1
    telling.moved([(KEY, 3)])
    assert len(told) == 2, "with a link it waits a thousand seconds"
    telling.stop()
