"""What a peer wants and what it is sent: order, credit, and the age of what it has not confirmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.federation.catchup import MARKS_MAX, Backlog, Page, Serving
from server.federation.frames import LaneRef, Tip, Want
from tests.unit.federation.lab import EPOCH, START, ListLog

GLOBAL = LaneKey("de", EPOCH, "global")
CONTROL = LaneKey("de", EPOCH, "control")
PAIR = LaneKey("de", EPOCH, "pair.de.fr")
FOREIGN = LaneKey("fr", EPOCH, "global")


def _want(
    *after: tuple[LaneKey, int], credit: int = 10_000, without: tuple[LaneKey, ...] = ()
) -> Want:
    tips = tuple([Tip(*key, seq) for key, seq in after])
    return Want(("de",), tips, credit, tuple([LaneRef(*key) for key in without]))


def _serving(want: Want) -> Serving:
    serving = Serving("de")
    serving.wanted(want)
    return serving


def _page(key: LaneKey, after: int, last: int, size: int = 1000) -> Page:
    return Page(key, after, last, b"x" * size, START)


def _loaded(serving: Serving, page: Page) -> None:
    assert serving.next_load() == (page.key, page.after)
    serving.loaded(page.key, page.after, page)


def test_it_begins_after_what_the_peer_holds() -> None:
    serving = _serving(_want((GLOBAL, 5)))
    assert serving.next_load() is None
    serving.moved({GLOBAL: 9})
    assert serving.next_load() == (GLOBAL, 5)
    assert serving.next_load() is None, "one page at a time"


def test_a_new_lane_and_a_new_epoch_flow_from_their_first_event() -> None:
    serving = _serving(_want((GLOBAL, 5)))
    newer = LaneKey("de", EPOCH + (1 << 32), "global")
    serving.moved({GLOBAL: 5, PAIR: 2, newer: 1})
    loads = []
    while load := serving.next_load():
        loads.append(load)
        serving.loaded(*load, _page(load[0], 0, 9))
        assert serving.next_send()
    assert sorted(loads) == sorted([(PAIR, 0), (newer, 0)])


def test_only_wanted_origins_are_served_and_no_forked_lane() -> None:
    serving = _serving(_want(without=(PAIR,)))
    serving.moved({LaneKey("fr", EPOCH, "global"): 3, PAIR: 3})
    assert serving.next_load() is None


def test_control_overtakes() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 900, PAIR: 900})
    _loaded(serving, _page(GLOBAL, 0, 256))
    assert serving.next_send()
    serving.moved({CONTROL: 1})
    assert serving.next_load() == (CONTROL, 0)


def test_lanes_take_turns() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 900, PAIR: 900})
    served = []
    for _ in range(4):
        load = serving.next_load()
        assert load
        serving.loaded(*load, _page(*load, load[1] + 100))
        assert serving.next_send()
        served.append(load)
    assert served == [(GLOBAL, 0), (PAIR, 0), (GLOBAL, 100), (PAIR, 100)]


def test_credit_bounds_what_is_under_way() -> None:
    serving = _serving(_want(credit=2500))
    serving.moved({GLOBAL: 900})
    for after in (0, 100):
        _loaded(serving, _page(GLOBAL, after, after + 100))
        assert serving.next_send()
    _loaded(serving, _page(GLOBAL, 200, 300))
    assert serving.next_send() is None
    assert serving.next_load() is None
    assert serving.bytes_under_way == 2000
    serving.acknowledge({GLOBAL: 100}, 2500)
    assert serving.next_send() == _page(GLOBAL, 200, 300)


def test_a_lone_page_may_exceed_the_credit_and_zero_pauses() -> None:
    serving = _serving(_want(credit=10))
    serving.moved({GLOBAL: 2})
    _loaded(serving, _page(GLOBAL, 0, 1))
    assert serving.next_send()
    assert serving.next_load() is None
    serving.acknowledge({GLOBAL: 1}, 0)
    assert serving.next_load() is None
    serving.acknowledge({}, 10)
    assert serving.next_load() == (GLOBAL, 1)


def test_half_an_acknowledgement_frees_whole_batches_only() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    _loaded(serving, _page(GLOBAL, 0, 50))
    serving.next_send()
    serving.acknowledge({GLOBAL: 49}, 10_000)
    assert serving.bytes_under_way == 1000
    serving.acknowledge({GLOBAL: 50}, 10_000)
    assert serving.bytes_under_way == 0


def test_what_another_peer_brought_is_not_sent_again() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    _loaded(serving, _page(GLOBAL, 0, 50))
    serving.acknowledge({GLOBAL: 80}, 10_000)
    assert serving.next_send() is None, "the page is stale"
    assert serving.next_load() == (GLOBAL, 80)


@pytest.mark.parametrize("acked", [{GLOBAL: 101}, {PAIR: 1}])
def test_nobody_acknowledges_what_does_not_exist(acked: dict[LaneKey, int]) -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    with pytest.raises(Refused) as refused:
        serving.acknowledge(acked, 0)
    assert refused.value.refusal.code is Code.BAD_VALUE


def test_another_want_repeats_nothing_that_was_sent() -> None:
    """Sections 9.1 and 9.5: a relay is asked for one more origin, and later no more for it."""
    serving = _serving(_want(credit=2000))
    tips = {GLOBAL: 300, FOREIGN: 300}
    serving.moved(tips)
    _loaded(serving, _page(GLOBAL, 0, 100))
    assert serving.next_send()
    serving.wanted(Want(("de", "fr"), (Tip(*GLOBAL, 0), Tip(*FOREIGN, 40)), 2000))
    serving.moved(tips)
    loads = [serving.next_load()]
    assert loads[0]
    serving.loaded(*loads[0], _page(*loads[0], loads[0][1] + 50))
    assert serving.next_send()
    loads.append(serving.next_load())
    assert loads == [(FOREIGN, 40), None], "credit is what it was"
    serving.acknowledge({FOREIGN: 90}, 2000)
    assert serving.next_load() == (GLOBAL, 100)
    serving.loaded(GLOBAL, 100, None)
    serving.wanted(_want(credit=2000))
    serving.moved(tips)
    assert serving.next_load() is None, "nothing of fr is wanted any more"


def test_what_is_left_out_from_now_on_needs_no_acknowledgement() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    _loaded(serving, _page(GLOBAL, 0, 50))
    serving.next_send()
    serving.wanted(_want(without=(GLOBAL,)))
    assert serving.bytes_under_way == 0
    assert serving.next_load() is None


def test_who_has_more_of_another_region_than_we_is_ahead_and_not_wrong() -> None:
    serving = _serving(Want(("fr",), (), 10_000))
    serving.moved({FOREIGN: 10})
    serving.acknowledge({FOREIGN: 500, LaneKey("fr", EPOCH, "control"): 3}, 10_000)
    assert serving.next_load() is None
    serving.moved({FOREIGN: 501})
    assert serving.next_load() == (FOREIGN, 500)


def test_an_empty_load_is_not_repeated_until_the_lane_moves() -> None:
    """A relay may hold events beyond the last head it was given."""
    serving = _serving(_want())
    serving.moved({GLOBAL: 3})
    assert serving.next_load() == (GLOBAL, 0)
    serving.loaded(GLOBAL, 0, None)
    assert serving.next_load() is None
    serving.moved({GLOBAL: 4})
    assert serving.next_load() == (GLOBAL, 0)


def test_an_answer_nobody_asked_for_is_ignored() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 3})
    serving.loaded(PAIR, 0, _page(PAIR, 0, 1))
    assert serving.next_send() is None


def test_a_page_is_a_frame_within_its_limits() -> None:
    log = ListLog("de")
    for _ in range(300):
        log.append("global", b"x" * 100, START + 5)
    page = log.page(GLOBAL, 0)
    assert page is not None
    assert (page.after, page.last, page.first_at) == (0, limits.BATCH_EVENTS_MAX, START + 5)
    assert len(page.frame) < limits.PEER_FRAME_BYTES_MAX


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
