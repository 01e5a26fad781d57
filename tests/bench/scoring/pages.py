"""How long a page takes, asked for over HTTP in this process: on the clock, and of the processor.

The clock's figure has a goal and is worth something on a quiet machine alone; the processor's carries over.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

from tests.bench.figures import Figure, at_most
from tests.unit.api.site import PREFIX, Site

P99_MS_MAX = 20.0


class Took(NamedTuple):
    """Milliseconds of one request."""

    clock: float
    cpu: float


async def timed(site: Site, path: str, person: str) -> Took:
    headers = {"Authorization": f"Bearer {await site.token(person)}"}
    clock, cpu = time.perf_counter(), time.process_time()
    response = await site.http.get(PREFIX + path, headers=headers)
    took = Took((time.perf_counter() - clock) * 1000, (time.process_time() - cpu) * 1000)
    assert response.status_code == 200, response.text
    return took


def page_figure(name: str, times: Iterable[Took]) -> Figure:
    clocks, cpus = map(sorted, zip(*times, strict=True))
    beside = {"median": _share(clocks, 50), "cpu_median": _share(cpus, 50)}
    beside["cpu_p99"] = _share(cpus, 99)
    return at_most(name, "ms", P99_MS_MAX, [_share(clocks, 99)], beside)


def _share(ordered: list[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100]
