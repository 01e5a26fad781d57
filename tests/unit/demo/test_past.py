"""The demo's past: nothing of it lies ahead, everything of it is in order, and people of that time said it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from server.ops import config_file
from server.ops.core import now
from server.ops.demo import company, nodes, past
from server.ops.demo.command import demo_places
from server.ops.demo.memory import remember
from server.scoring.leading import span_of
from server.scoring.periods import last_settled
from tests.support.processes import rows

NOW = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp() * 1000)
PLACES = {community.key: f"{n:026}" for n, community in enumerate(past.communities())}


def test_moments_come_in_order_and_none_is_to_come() -> None:
    found = past.moments(PLACES, NOW, Random(1))
    assert [one.at for one in found] == sorted([one.at for one in found])
    assert found[0].at >= NOW - past.DAYS * past.DAY_MS
    assert found[-1].at < NOW
    said = {(one.scene, one.beat): one.at for one in found}
    assert all(said[scene, beat] >= said[scene, 0] for scene, beat in said)


def test_the_newcomer_said_nothing_and_everybody_else_lived_then() -> None:
    speakers = {one.said.person for one in past.moments(PLACES, NOW, Random(1))}
    assert past.NEWCOMER not in speakers
    assert speakers <= {person.id for person in past.people()}
    assert {"asha.rao", "meera.iyer", "fatima.sheikh"} <= speakers


def test_there_is_a_community_of_each_mode() -> None:
    assert {one.mode for one in company.COMMUNITIES} == {
        "quiet",
        "feedback",
        "friendly",
        "programme",
    }
    assert {one.mode for one in past.communities()} >= {"quiet", "friendly", "programme"}


@pytest.mark.timeout(120)
async def test_ten_others_stand_behind_the_quartiles_of_who_leads(tmp_path: Path) -> None:
    """With the one who looks they are eleven; the newest settled month is the one everybody sees first."""
    place = demo_places(tmp_path, 8421)[0]
    nodes.configure([place])
    await remember(config_file.load(place.config, {}).config)
    (members,) = rows(
        place,
        "SELECT members FROM leader_months WHERE person = 'asha.rao' AND month = ?",
        last_settled(now()),
    )[0]
    (figures,) = rows(
        place,
        "SELECT figures FROM published_figures WHERE view = 'leader' AND period = ? AND cell = ?",
        last_settled(now()),
        span_of(members),
    )[0]
    assert '"reply_rate":{"q1"' in figures
    assert rows(place, "SELECT count(*) FROM credits WHERE person = 'meera.iyer'") > [(10,)]
    assert rows(
        place, "SELECT DISTINCT person FROM merits WHERE listed AND person = ?", "meera.iyer"
    )
