"""What a peer wants and what it is sent: order, ranks and credit."""

from __future__ import annotations

import msgspec
import pytest

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.federation.catchup import Page
from server.federation.frames import LaneRef, LeadAck, LeadTip, Tip, Want
from server.federation.lanes import Course
from server.federation.outbox import Rank
from server.federation.serving import BULK_SHARE, Serving
from server.federation.tracks import Load
from tests.unit.federation.lab import EPOCH, START

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
    serving = Serving("de", "fr")
    serving.wanted(want)
    return serving


def _page(key: LaneKey, after: int, last: int, size: int = 1000) -> Page:
    return Page(key, after, last, b"x" * size, START)


def _sent(serving: Serving) -> Page | None:
    turn = serving.next_send(START)
    return turn and turn[0]


def _loaded(serving: Serving, page: Page) -> None:
    assert serving.next_load() == Load(page.key, page.after)
    serving.loaded(page.key, page.after, page)


def test_it_begins_after_what_the_peer_holds() -> None:
    serving = _serving(_want((GLOBAL, 5)))
    assert serving.next_load() is None
    serving.moved({GLOBAL: 9})
    assert serving.next_load() == Load(GLOBAL, 5)
    assert serving.next_load() is None, "one page at a time"


def test_a_new_lane_and_a_new_epoch_flow_from_their_first_event() -> None:
    serving = _serving(_want((GLOBAL, 5)))
    newer = LaneKey("de", EPOCH + (1 << 32), "global")
    serving.moved({GLOBAL: 5, PAIR: 2, newer: 1})
    loads = []
    while load := serving.next_load():
        loads.append(load[:2])
        serving.loaded(*load[:2], _page(load[0], 0, 9))
        assert _sent(serving)
    assert sorted(loads) == sorted([(PAIR, 0), (newer, 0)])


def test_only_wanted_origins_are_served_and_no_forked_lane() -> None:
    serving = _serving(_want(without=(PAIR,)))
    serving.moved({LaneKey("fr", EPOCH, "global"): 3, PAIR: 3})
    assert serving.next_load() is None


def test_control_overtakes() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 900, PAIR: 900})
    _loaded(serving, _page(GLOBAL, 0, 256))
    assert _sent(serving)
    serving.moved({CONTROL: 1})
    assert serving.next_load() == Load(CONTROL, 0)


def test_lanes_take_turns() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 900, PAIR: 900})
    served = []
    for _ in range(4):
        load = serving.next_load()
        assert load
        serving.loaded(*load[:2], _page(*load[:2], load[1] + 100))
        assert _sent(serving)
        served.append(load[:2])
    assert served == [(GLOBAL, 0), (PAIR, 0), (GLOBAL, 100), (PAIR, 100)]


def test_credit_bounds_what_is_under_way() -> None:
    """Of a lane that catches up three quarters of it, so that 2,700 are 2,025."""
    serving = _serving(_want(credit=2700))
    serving.moved({GLOBAL: 900})
    for after in (0, 100):
        _loaded(serving, _page(GLOBAL, after, after + 100))
        assert _sent(serving)
    assert serving.next_load() == Load(GLOBAL, 200)
    serving.loaded(GLOBAL, 200, _page(GLOBAL, 200, 300))
    assert _sent(serving) is None
    assert serving.next_load() is None
    assert serving.bytes_under_way == 2000
    serving.acknowledge({GLOBAL: 100}, 2700, START)
    third = _sent(serving)
    assert third
    assert (third.after, third.last) == (200, 300)


# ---------------------------------------------------------------- ranks


def _filled(credit: int = 10_000) -> Serving:
    """A lane that catches up has taken all the room it may take."""
    serving = _serving(_want(credit=credit))
    serving.moved({GLOBAL: 90_000})
    after = 0
    while load := serving.next_load():
        serving.loaded(*load[:2], _page(GLOBAL, after, after + 256))
        if not (turn := serving.next_send(START)):
            break
        assert turn[1] is Rank.BULK
        after += 256
    assert serving.bytes_under_way == credit * BULK_SHARE - 500
    return serving


def test_fresh_events_of_other_lanes_do_not_wait_for_a_lane_that_catches_up() -> None:
    serving = _filled()
    serving.moved({PAIR: 3, CONTROL: 5_000})
    assert serving.next_load() == Load(CONTROL, 0)
    serving.loaded(CONTROL, 0, _page(CONTROL, 0, 5_000))
    turn = serving.next_send(START)
    assert turn
    assert (turn[0].key, turn[1]) == (CONTROL, Rank.LIVE), "however much of it there is"
    assert serving.next_load() == Load(PAIR, 0)
    serving.loaded(PAIR, 0, _page(PAIR, 0, 3))
    turn = serving.next_send(START)
    assert turn
    assert (turn[0].key, turn[1]) == (PAIR, Rank.LIVE)


def test_a_lane_does_not_overtake_itself_when_it_has_caught_up() -> None:
    """Its last bulk batch may still lie in the outbox: a live one would come first, as a gap."""
    serving = _serving(_want(credit=10_000))
    serving.moved({GLOBAL: 300})
    _loaded(serving, _page(GLOBAL, 0, 256))
    assert serving.next_send(START) is not None
    _loaded(serving, _page(GLOBAL, 256, 300))
    turn = serving.next_send(START)
    assert turn
    assert turn[1] is Rank.BULK
    serving.acknowledge({GLOBAL: 300}, 10_000, START)
    serving.moved({GLOBAL: 301})
    _loaded(serving, _page(GLOBAL, 300, 301))
    turn = serving.next_send(START)
    assert turn
    assert turn[1] is Rank.LIVE


def _pump(serving: Serving, now: int) -> int:
    """Sends pages of 100,000 bytes while there is room; how many."""
    sent = 1 if serving.next_send(now) else 0
    while True:
        if not (load := serving.next_load()):
            return sent
        serving.loaded(*load[:2], _page(*load[:2], load[1] + 256, size=100_000))
        if not serving.next_send(now):
            return sent
        sent += 1


def test_the_window_holds_back_what_credit_would_allow() -> None:
    serving = _serving(_want(credit=limits.CREDIT_BYTES))
    serving.moved({GLOBAL: 90_000})
    first = _pump(serving, START)
    assert first == limits.WINDOW_BYTES_START * BULK_SHARE // 100_000
    serving.acknowledge({GLOBAL: 256 * first}, limits.CREDIT_BYTES, START + 100)
    assert _pump(serving, START + 100) > first, "the line has room for more"


def test_a_lone_page_may_exceed_the_credit_and_zero_pauses() -> None:
    serving = _serving(_want(credit=10))
    serving.moved({GLOBAL: 2})
    _loaded(serving, _page(GLOBAL, 0, 1))
    assert _sent(serving)
    assert serving.next_load() is None
    serving.acknowledge({GLOBAL: 1}, 0, START)
    assert serving.next_load() is None
    serving.acknowledge({}, 10, START)
    assert serving.next_load() == Load(GLOBAL, 1)


def test_half_an_acknowledgement_frees_whole_batches_only() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    _loaded(serving, _page(GLOBAL, 0, 50))
    _sent(serving)
    serving.acknowledge({GLOBAL: 49}, 10_000, START)
    assert serving.bytes_under_way == 1000
    serving.acknowledge({GLOBAL: 50}, 10_000, START)
    assert serving.bytes_under_way == 0


def test_what_another_peer_brought_is_not_sent_again() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    _loaded(serving, _page(GLOBAL, 0, 50))
    serving.acknowledge({GLOBAL: 80}, 10_000, START)
    assert _sent(serving) is None, "the page is stale"
    assert serving.next_load() == Load(GLOBAL, 80)


@pytest.mark.parametrize("acked", [{GLOBAL: 101}, {PAIR: 1}])
def test_nobody_acknowledges_what_does_not_exist(acked: dict[LaneKey, int]) -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    with pytest.raises(Refused) as refused:
        serving.acknowledge(acked, 0, START)
    assert refused.value.refusal.code is Code.BAD_VALUE


def test_another_want_repeats_nothing_that_was_sent() -> None:
    """Sections 9.1 and 9.5: a relay is asked for one more origin, and later no more for it."""
    serving = _serving(_want(credit=3000))
    tips = {GLOBAL: 300, FOREIGN: 300}
    serving.moved(tips)
    _loaded(serving, _page(GLOBAL, 0, 100))
    assert _sent(serving)
    serving.wanted(Want(("de", "fr"), (Tip(*GLOBAL, 0), Tip(*FOREIGN, 40)), 3000))
    serving.moved(tips)
    _loaded(serving, _page(FOREIGN, 40, 90))
    assert _sent(serving)
    _loaded(serving, _page(GLOBAL, 100, 200))
    assert _sent(serving) is None, "under way is what it was"
    serving.acknowledge({FOREIGN: 90}, 3000, START)
    assert _sent(serving)
    serving.wanted(_want(credit=3000))
    serving.moved(tips)
    assert serving.next_load() == Load(GLOBAL, 200), "nothing of fr is wanted any more"


def test_a_page_that_waited_for_room_is_not_sent_when_it_is_wanted_no_more() -> None:
    serving = _serving(Want(("de", "fr"), (), 1500))
    serving.moved({GLOBAL: 300, FOREIGN: 300})
    _loaded(serving, _page(GLOBAL, 0, 256))
    assert _sent(serving)
    _loaded(serving, _page(FOREIGN, 0, 256))
    assert _sent(serving) is None
    serving.wanted(_want(credit=1500))
    serving.acknowledge({GLOBAL: 256}, 1500, START)
    assert _sent(serving) is None
    assert serving.bytes_under_way == 0


def test_what_is_left_out_from_now_on_needs_no_acknowledgement() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 100})
    _loaded(serving, _page(GLOBAL, 0, 50))
    _sent(serving)
    serving.wanted(_want(without=(GLOBAL,)))
    assert serving.bytes_under_way == 0
    assert serving.next_load() is None


def test_who_has_more_of_another_region_than_we_is_ahead_and_not_wrong() -> None:
    serving = _serving(Want(("fr",), (), 10_000))
    serving.moved({FOREIGN: 10})
    serving.acknowledge({FOREIGN: 500, LaneKey("fr", EPOCH, "control"): 3}, 10_000, START)
    assert serving.next_load() is None
    serving.moved({FOREIGN: 501})
    assert serving.next_load() == Load(FOREIGN, 500)


def test_an_empty_load_is_not_repeated_until_the_lane_moves() -> None:
    """A relay may hold events beyond the last head it was given."""
    serving = _serving(_want())
    serving.moved({GLOBAL: 3})
    assert serving.next_load() == Load(GLOBAL, 0)
    serving.loaded(GLOBAL, 0, None)
    assert serving.next_load() is None
    serving.moved({GLOBAL: 4})
    assert serving.next_load() == Load(GLOBAL, 0)


def test_a_lane_that_moved_while_it_was_read_is_read_again() -> None:
    """The read may have seen the log as it was before, and nothing else might come of the lane."""
    serving = _serving(_want())
    serving.moved({GLOBAL: 3})
    assert serving.next_load() == Load(GLOBAL, 0)
    serving.moved({GLOBAL: 4})
    serving.loaded(GLOBAL, 0, None)
    assert serving.next_load() == Load(GLOBAL, 0)
    serving.try_again()
    serving.loaded(GLOBAL, 0, None)
    assert serving.next_load() == Load(GLOBAL, 0), "a key that was learned meanwhile counts as well"
    serving.loaded(GLOBAL, 0, None)
    assert serving.next_load() is None


def test_an_answer_nobody_asked_for_is_ignored() -> None:
    serving = _serving(_want())
    serving.moved({GLOBAL: 3})
    serving.loaded(PAIR, 0, _page(PAIR, 0, 1))
    assert _sent(serving) is None


# ---------------------------------------------------------------- the newest first (section 19)

FRESH = 100


def _fresh(
    *after: tuple[LaneKey, int], leads: tuple[LeadTip, ...] = (), tip: int = 2_000
) -> Serving:
    want = msgspec.structs.replace(_want(*after, credit=1 << 22), fresh=FRESH, leads=leads)
    serving = _serving(want)
    serving.moved({GLOBAL: tip})
    return serving


def _serve(serving: Serving, last: int, size: int = 1000) -> Load:
    """The next page is loaded, ends at ``last`` and is sent."""
    load = serving.next_load()
    assert load
    serving.loaded(load.key, load.after, _page(load.key, load.after, last, size), load.course)
    assert _sent(serving)
    return load


def test_the_newest_go_first_then_what_is_listed_then_the_rest() -> None:
    serving = _fresh((GLOBAL, 50))
    assert _serve(serving, 1_950) == Load(GLOBAL, 1_900, Course.FRESH)
    assert _serve(serving, 2_000) == Load(GLOBAL, 1_950, Course.FRESH)
    assert _serve(serving, 60) == Load(GLOBAL, 50, Course.LISTED, 1_900)
    load = serving.next_load()
    assert load == Load(GLOBAL, 60, Course.LISTED, 1_900)
    serving.loaded(GLOBAL, 60, None, Course.LISTED)
    assert _serve(serving, 300) == Load(GLOBAL, 50, Course.WHOLE, 1_900)
    serving.moved({GLOBAL: 2_001})
    assert _serve(serving, 2_001) == Load(GLOBAL, 2_000, Course.FRESH), "what happens now, now"


def test_a_listed_page_may_begin_further_on() -> None:
    serving = _fresh()
    _serve(serving, 2_000)
    load = serving.next_load()
    assert load
    serving.loaded(GLOBAL, 0, _page(GLOBAL, 700, 701), Course.LISTED)
    assert _sent(serving)
    assert serving.next_load() == Load(GLOBAL, 701, Course.LISTED, 1_900)


def test_nothing_lies_behind_a_lead_that_has_not_begun() -> None:
    """The receiver would take a listed event for its beginning; but a lead that cannot begin holds up nothing."""
    serving = _fresh()
    load = serving.next_load()
    assert load == Load(GLOBAL, 1_900, Course.FRESH)
    assert serving.next_load() is None
    serving.loaded(GLOBAL, 1_900, None, Course.FRESH)
    assert serving.next_load() == Load(GLOBAL, 0, Course.WHOLE, 1_900)


@pytest.mark.parametrize("tip", [200, 150])
def test_what_is_not_much_goes_in_order(tip: int) -> None:
    assert _fresh(tip=tip).next_load() == Load(GLOBAL, 0)


def test_lanes_that_must_be_whole_go_in_order() -> None:
    serving = _fresh(tip=0)
    serving.moved({CONTROL: 2_000, PAIR: 2_000})
    assert serving.next_load() == Load(CONTROL, 0)
    assert serving.next_load() == Load(PAIR, 0)
    own = _serving(msgspec.structs.replace(_want(), origins=("fr",), fresh=FRESH))
    own.moved({FOREIGN: 2_000})
    assert own.next_load() == Load(FOREIGN, 0), "the receiver's own past"


def test_a_lead_that_is_held_goes_on_where_it_ended() -> None:
    lead = LeadTip(*GLOBAL, 1_500, 1_990, b"h" * 32, 40)
    serving = _fresh((GLOBAL, 50), leads=(lead,))
    assert _serve(serving, 2_000) == Load(GLOBAL, 1_990, Course.FRESH)
    assert _serve(serving, 60) == Load(GLOBAL, 50, Course.LISTED, 1_500), "held without a hole"
    serving = _fresh((GLOBAL, 10), leads=(lead,), tip=1_990)
    assert _serve(serving, 60) == Load(GLOBAL, 40, Course.LISTED, 1_500)


def test_an_ack_of_a_lead_frees_what_belongs_to_it() -> None:
    serving = _fresh()
    _serve(serving, 2_000)
    _serve(serving, 60)
    assert serving.bytes_under_way == 2_000
    serving.acknowledge({GLOBAL: 0}, 1 << 22, START, [LeadAck(*GLOBAL, 2_000, 0)])
    assert serving.bytes_under_way == 1_000
    serving.acknowledge({GLOBAL: 0}, 1 << 22, START, [LeadAck(*GLOBAL, 2_000, 60)])
    assert serving.bytes_under_way == 0


def test_an_ack_of_the_whole_lane_frees_everything() -> None:
    serving = _fresh()
    _serve(serving, 2_000)
    _serve(serving, 60)
    assert serving.next_load() == Load(GLOBAL, 60, Course.LISTED, 1_900)
    serving.loaded(GLOBAL, 60, None, Course.LISTED)
    serving.acknowledge({GLOBAL: 2_000}, 1 << 22, START)
    assert serving.bytes_under_way == 0
    serving.moved({GLOBAL: 2_001})
    assert _serve(serving, 2_001) == Load(GLOBAL, 2_000, Course.FRESH)


@pytest.mark.parametrize("ack", [LeadAck(*GLOBAL, 2_001, 0), LeadAck(*GLOBAL, 2_000, 2_001)])
def test_a_lead_that_does_not_exist_cannot_be_acknowledged(ack: LeadAck) -> None:
    with pytest.raises(Refused) as refused:
        _fresh().acknowledge({}, 1 << 22, START, [ack])
    assert refused.value.refusal.code is Code.BAD_VALUE


def test_a_later_want_repeats_nothing_of_a_lead() -> None:
    serving = _fresh()
    _serve(serving, 1_990)
    serving.wanted(msgspec.structs.replace(_want(credit=1 << 22), fresh=FRESH))
    assert _serve(serving, 2_000) == Load(GLOBAL, 1_990, Course.FRESH), "it is under way"
    lead = LeadTip(*GLOBAL, 1_900, 1_990, b"h" * 32, 30)
    serving.wanted(msgspec.structs.replace(_want(credit=1 << 22), fresh=FRESH, leads=(lead,)))
    assert _serve(serving, 60) == Load(GLOBAL, 30, Course.LISTED, 1_900)


def test_another_peer_that_began_the_lead_is_followed() -> None:
    serving = _fresh()
    _serve(serving, 2_000)
    lead = LeadTip(*GLOBAL, 1_000, 1_950, b"h" * 32, 0)
    serving.wanted(msgspec.structs.replace(_want(credit=1 << 22), fresh=FRESH, leads=(lead,)))
    assert _serve(serving, 2_000) == Load(GLOBAL, 1_950, Course.FRESH), "ours fitted nowhere"
    assert _serve(serving, 60) == Load(GLOBAL, 0, Course.LISTED, 1_000)


def test_a_long_lead_goes_at_once_beside_lanes_that_catch_up() -> None:
    """However many batches it has: it takes its turn with fresh events of other lanes."""
    want = msgspec.structs.replace(_want(credit=1 << 22), fresh=4 * limits.BATCH_EVENTS_MAX)
    serving = _serving(want)
    serving.moved({PAIR: 2_000, GLOBAL: 9_000})
    for load in (serving.next_load(), serving.next_load()):
        assert load
        serving.loaded(*load[:2], _page(*load[:2], load.after + 256), load.course)
    first, second = serving.next_send(START), serving.next_send(START)
    assert first
    assert second
    assert (first[0].key, first[1]) == (GLOBAL, Rank.LIVE)
    assert (second[0].key, second[1]) == (PAIR, Rank.BULK)
