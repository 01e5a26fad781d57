"""200 cuts, and nodes killed, stopped and frozen: nothing lost, doubled, or on a wrong wire.

The same with 1,000 is ``make chaos``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.chaos import survive

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CUTS = 200


async def test_i2_i6_i8_hold_on_lines_that_break_under_nodes_that_are_killed(
    tmp_path: Path, seed: int
) -> None:
    survived = await survive(tmp_path, CUTS, seed)
    tally = survived.tally
    assert tally["cuts"] >= CUTS
    assert {"SIGKILL", "SIGTERM", "SIGSTOP", "held one way", "half open"} <= set(tally)
    assert survived.down
