"""The window settles where the line is full and no queue grows (docs/protocol/federation.md 9.2)."""

from __future__ import annotations

import pytest

from server.domain import limits
from server.federation.window import Window
from tests.unit.federation.lab import START

BATCH = limits.BATCH_BYTES_MAX


def _settled(
    rtt_ms: int, bytes_per_ms: int, seconds: int = 60, window: Window | None = None
) -> Window:
    """A sender that always has more, on a line of this delay and bandwidth with any queue."""
    window = window or Window()
    now, free_at, flights = START, START, []
    while now < START + seconds * 1000:
        while sum(size for size, _, _ in flights) + BATCH <= window.bytes:
            free_at = max(free_at, now) + BATCH // bytes_per_ms
            flights.append((BATCH, now, free_at + rtt_ms))
        size, sent_at, acked_at = flights.pop(0)
        now = max(now, acked_at)
        window.acknowledged(size, now - sent_at, now, full=True)
    return window


@pytest.mark.parametrize(("rtt_ms", "bytes_per_ms"), [(40, 10_000), (250, 4_000), (250, 10_000)])
def test_it_covers_the_line_and_at_most_the_queueing_allowed(
    rtt_ms: int, bytes_per_ms: int
) -> None:
    window = _settled(rtt_ms, bytes_per_ms)
    full = rtt_ms * bytes_per_ms
    allowed = full + int(limits.QUEUEING_SECONDS_MAX * 1000) * bytes_per_ms
    assert (
        min(full, limits.CREDIT_BYTES)
        <= window.bytes
        <= min(allowed + 2 * BATCH, limits.CREDIT_BYTES)
    )


def test_a_long_line_is_filled_within_a_few_round_trips() -> None:
    assert _settled(250, 20_000, seconds=1).bytes > 0.95 * limits.CREDIT_BYTES


def test_a_longer_line_takes_more_batches() -> None:
    assert _settled(250, 4_000).bytes > _settled(40, 4_000).bytes


def test_a_slow_line_is_left_with_two_batches() -> None:
    assert _settled(40, 100).bytes == limits.WINDOW_BYTES_MIN


def test_stalls_of_the_machine_do_not_close_it() -> None:
    """For 0.4 s of each second nobody gets the processor: what comes after looks like a queue, and is none."""
    window, now, free_at, flights = Window(), START, START, []
    least = limits.CREDIT_BYTES
    while now < START + 60_000:
        while sum(size for size, _, _ in flights) + BATCH // 8 <= window.bytes:
            free_at = max(free_at, now + 250) + BATCH // 8 // 6_000
            free_at += max(0, 400 - free_at % 1000)
            flights.append((BATCH // 8, now, free_at))
        size, sent_at, acked_at = flights.pop(0)
        now = max(now, acked_at)
        window.acknowledged(size, now - sent_at, now, full=True)
        least = min(least, window.bytes)
    assert least >= 250 * 6_000, "the line stays full while it moves"


def test_a_line_that_became_slower_is_believed_soon() -> None:
    window = _settled(250, 10_000)
    assert window.bytes > 2_500_000
    assert _settled(250, 1_000, window=window).bytes < 2 * 250 * 1_000 + 2 * BATCH


def test_it_does_not_grow_on_no_evidence() -> None:
    window = Window()
    for step in range(1000):
        window.acknowledged(1000, 20, START + step, full=False)
    assert window.bytes == limits.WINDOW_BYTES_START


def test_a_line_that_became_longer_is_believed_in_the_end() -> None:
    window = Window()
    window.acknowledged(BATCH, 20, START, full=True)
    for step in range(400):
        window.acknowledged(BATCH, 300, START + step * 1000, full=True)
    assert window.bytes > limits.WINDOW_BYTES_START


def test_a_clock_set_back_is_no_delay() -> None:
    window = Window()
    window.acknowledged(BATCH, -3_600_000, START, full=True)
    assert limits.WINDOW_BYTES_MIN <= window.bytes <= limits.CREDIT_BYTES


def test_a_clock_set_back_is_no_shorter_way() -> None:
    """Under way just then was what seems to have arrived before it was sent."""
    window = _settled(250, 10_000)
    now, before = START + 60_000, window.bytes
    window.acknowledged(BATCH, -1_000, now - 1_250, full=True)
    for _ in range(100):
        now += 25
        window.acknowledged(BATCH, 250, now - 1_250, full=True)
    assert window.bytes >= before
