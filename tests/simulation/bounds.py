"""Narrow bounds. What a small company never comes near, credit, window and size of a batch, binds in some schedules.

With the bounds of production a lane of a schedule fits into one batch, and a credit is never spent: whatever goes wrong
where one ends would not show.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from server.domain import limits

NARROW_EVERY = 3
"""Every so many schedules one, on average."""


class Bounds(NamedTuple):
    """The names of ``domain.limits``."""

    CREDIT_BYTES: int
    WINDOW_BYTES_START: int
    WINDOW_BYTES_MIN: int
    BATCH_BYTES_MAX: int
    PAGE_EVENTS_MAX: int


WIDE = Bounds(*[getattr(limits, name) for name in Bounds._fields])


def drawn(seed: int) -> Bounds:
    """A schedule's. An event has some 250 bytes here. What everybody holds from the start has one head only, and must
    fit into one batch."""
    chance = random.Random(f"bounds {seed}")
    if chance.randrange(NARROW_EVERY):
        return WIDE
    credit = chance.choice((600, 2_000, 8_000))
    window = max(1, credit // chance.choice((1, 2, 4)))
    batch = chance.choice((1_500, 4_000, WIDE.BATCH_BYTES_MAX))
    return Bounds(credit, window, window, batch, chance.choice((2, 5, WIDE.PAGE_EVENTS_MAX)))


@contextmanager
def bounded(bounds: Bounds) -> Iterator[None]:
    """These hold for every node of this process."""
    for name, value in bounds._asdict().items():
        setattr(limits, name, value)
    try:
        yield
    finally:
        for name, value in WIDE._asdict().items():
            setattr(limits, name, value)
