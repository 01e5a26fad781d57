"""A ready page, and the age of what a peer has not confirmed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.domain.ids import LaneKey
from server.federation import frames
from server.federation.catchup import MARKS_MAX, Backlog
from server.federation.frames import Packed
from server.federation.packing import unpack
from tests.unit.federation.lab import EPOCH, START, ListLog

GLOBAL = LaneKey("de", EPOCH, "global")


def test_a_page_is_a_frame_within_its_limits() -> None:
    log = ListLog("de")
    for _ in range(300):
        log.append("global", b"x" * 100, START + 5)
    page = log.page(GLOBAL, 0)
    assert page is not None
    assert (page.after, page.last, page.first_at) == (0, limits.PAGE_EVENTS_MAX, START + 5)
    assert len(page) == len(page.frame) < limits.PEER_FRAME_BYTES_MAX
    packed = frames.decode(page.packed)
    assert isinstance(packed, Packed)
    assert unpack(packed) == (frames.decode(page.frame), len(page.frame))
    assert page.packed is page.packed, "once for all peers"


# ---------------------------------------------------------------- Backlog


def test_the_age_is_that_of_the_oldest_unconfirmed_event() -> None:
    backlog = Backlog(10)
    assert (backlog.events, backlog.since) == (0, None)
    backlog.moved(11, START)
    backlog.moved(12, START + 500)
    assert (backlog.events, backlog.since) == (2, START)
    backlog.acknowledge(11)
    assert (backlog.events, backlog.since) == (1, START + 500)
    backlog.acknowledge(12)
    assert (backlog.events, backlog.since) == (0, None)


def test_an_event_under_way_tells_its_own_age() -> None:
    backlog = Backlog(0)
    backlog.moved(100, START)
    backlog.sent(0, START - 5000)
    assert backlog.since == START - 5000
    backlog.sent(50, START - 9000)
    assert backlog.since == START - 5000


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=2000))
def test_i9_a_day_of_silence_costs_a_few_numbers(pauses: list[int]) -> None:
    backlog, now = Backlog(0), START
    for seq, pause in enumerate(pauses, 1):
        now += pause
        backlog.moved(seq, now)
    assert len(backlog._marks) <= MARKS_MAX
    assert backlog.since == START + pauses[0]
    assert backlog.events == len(pauses)
