"""Every region of the demo is killed in its turn under a crowd: nobody misses or repeats a thing.

The same with 5,000 is ``make crowd``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.realtime.processes import Skipped
from tests.e2e.crowd import REPLIES, survive
from tests.support.machine import cannot_run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLIENTS = 300


async def test_nothing_is_lost_or_doubled_and_the_page_shows_no_gap(
    tmp_path: Path, chromium: Path
) -> None:
    try:
        survived = await survive(tmp_path, chromium, CLIENTS)
    except Skipped as skipped:
        cannot_run(str(skipped))
    assert survived.clients == CLIENTS
    assert survived.replies >= REPLIES * 4
    assert set(survived.seconds) == {"in", "de", "br"}
