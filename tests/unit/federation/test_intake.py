"""The receiving half: one apply per lane, credit kept to, nothing for others accepted."""

from __future__ import annotations

import pytest

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.leads import Lead
from server.federation import frames
from server.federation.frames import Batch, LaneRef, LeadAck, LeadTip, Tip
from server.federation.intake import Intake
from server.federation.lanes import Held
from tests.unit.federation.lab import EPOCH, batch_of, events_after, reach_of, roster_of

GLOBAL = LaneKey("de", EPOCH, "global")
CONTROL = LaneKey("de", EPOCH, "control")
FOREIGN = LaneKey("fr", EPOCH, "global")


def _intake(held: dict[LaneKey, Held] | None = None, forked: tuple[LaneKey, ...] = ()) -> Intake:
    intake = Intake("in", reach_of("de", "fr", "in"), roster_of("de", "fr"))
    intake.ask(("de",), held or {}, forked)
    return intake


def _take(intake: Intake, batch: Batch) -> tuple[object, int]:
    return intake.receive(batch, len(frames.encode(batch)))


def _code(intake: Intake, batch: Batch, size: int = 100) -> Code:
    with pytest.raises(Refused) as refused:
        intake.receive(batch, size)
    return refused.value.refusal.code


def _two_in_a_row(key: LaneKey) -> tuple[Batch, Batch]:
    first = batch_of(key, [b"one", b"two"])
    return first, batch_of(key, [b"three"], Held(2, first.head.hash))


def test_it_wants_all_of_the_origin_after_what_is_held() -> None:
    forked = LaneKey("de", EPOCH, "pair.de.in")
    held = {GLOBAL: Held(5, b"h" * 32), FOREIGN: Held(3, b"f" * 32)}
    want = _intake().ask(("de",), held, (forked,))
    assert want.origins == ("de",)
    assert want.after == (Tip(*GLOBAL, 5),)
    assert want.without == (LaneRef(*forked),)
    assert want.credit == limits.CREDIT_BYTES
    assert _intake().ask(("fr", "de"), held, ()).after == (Tip(*GLOBAL, 5), Tip(*FOREIGN, 3))


def test_one_more_origin_goes_on_where_another_peer_ended() -> None:
    """Section 9.5."""
    intake = _intake()
    first, second = _two_in_a_row(FOREIGN)
    assert _code(intake, first) is Code.WRONG_LANE
    intake.ask(("de", "fr"), {FOREIGN: Held(2, first.head.hash)}, ())
    applying, fresh = _take(intake, second)
    assert (applying and applying.after, fresh) == (2, 1)
    # Another peer brought more meanwhile; the sender goes on from there as well.
    third = batch_of(FOREIGN, [b"four"], Held(3, second.head.hash))
    intake.ask(("de", "fr"), {FOREIGN: Held(4, third.head.hash)}, ())
    fourth = batch_of(FOREIGN, [b"five"], Held(4, third.head.hash))
    assert _take(intake, fourth) == (None, 1)
    # Given back: what is still under way is taken all the same.
    intake.ask(("de",), {FOREIGN: Held(2, first.head.hash)}, ())
    fifth = batch_of(FOREIGN, [b"six"], Held(5, fourth.head.hash))
    assert _take(intake, fifth) == (None, 1)


def test_a_lane_left_out_later_is_dropped_while_it_is_under_way() -> None:
    intake = _intake()
    intake.ask(("de",), {}, (GLOBAL,))
    assert _take(intake, batch_of(GLOBAL, [b"x"])) == (None, 0)
    assert intake.bytes_waiting == 0


def test_what_another_peer_brought_is_no_lag() -> None:
    intake = _intake()
    intake.announced({GLOBAL: 3})
    intake.committed({GLOBAL: 2, FOREIGN: 9})
    assert intake.lag_events == 1


def test_one_apply_per_lane_in_order() -> None:
    intake = _intake()
    first, second = _two_in_a_row(GLOBAL)
    applying, fresh = _take(intake, first)
    assert fresh == 2
    assert applying is not None
    assert _take(intake, second) == (None, 1)
    other, _ = _take(intake, batch_of(CONTROL, [b"x"]))
    assert other is not None, "lanes do not wait for each other"
    ack, following = intake.applied(GLOBAL, 2)
    assert ack.tips == (Tip(*GLOBAL, 2),)
    assert following is not None
    assert following.after == 2
    ack, following = intake.applied(GLOBAL, 3)
    assert (ack.tips, following) == ((Tip(*GLOBAL, 3),), None)


def test_all_that_waits_in_a_lane_is_applied_and_acknowledged_at_once() -> None:
    """One by one, small batches would come quicker than a disk syncs."""
    intake = _intake()
    tip = Held.nothing(GLOBAL)
    sent = []
    for number in range(5):
        sent.append(batch_of(GLOBAL, [f"{number}".encode()] * 2, tip))
        tip = Held(2 * number + 2, sent[-1].head.hash)
    assert _take(intake, sent[0])[0]
    waiting = [intake.receive(batch, 100) for batch in sent[1:]]
    assert waiting == [(None, 2)] * 4
    _, following = intake.applied(GLOBAL, 2)
    assert following is not None
    assert (following.after, len(following.events), following.head.seq) == (2, 8, 10)
    assert following.previous == sent[0].head.hash
    assert following.events[-1].hash == following.head.hash
    assert list(following.parts()) == [following]
    intake.postponed(GLOBAL)
    assert intake.retry() == [following]
    ack, following = intake.applied(GLOBAL, 10)
    assert (ack.tips, following, intake.bytes_waiting) == ((Tip(*GLOBAL, 10),), None, 0)


def test_a_backlog_is_applied_in_parts_that_end_where_a_head_does() -> None:
    intake = _intake()
    tip, size = Held.nothing(GLOBAL), 30
    for number in range(12):
        batch = batch_of(GLOBAL, [b"x"] * size, tip)
        tip = Held(size * (number + 1), batch.head.hash)
        intake.receive(batch, 100)
    _, joined = intake.applied(GLOBAL, size)
    assert joined is not None
    assert len(joined.events) == 8 * size <= limits.BATCH_EVENTS_MAX
    parts = list(joined.parts())
    assert [len(part.events) for part in parts] == [2 * size] * 4
    assert [part.after for part in parts] == [size * n for n in (1, 3, 5, 7)]
    assert all(part.events[-1].hash == part.head.hash for part in parts)
    assert [part.previous for part in parts[1:]] == [part.head.hash for part in parts[:-1]]


def test_a_part_of_a_backlog_is_no_larger_than_others_can_send_it_on() -> None:
    """A relay ends its batches where a head is: with none within a batch's bytes it would send nothing, ever."""
    intake = _intake()
    tip = Held.nothing(GLOBAL)
    for number in range(6):
        batch = batch_of(GLOBAL, [b"x" * (limits.BATCH_BYTES_MAX // 3)], tip)
        tip = Held(number + 1, batch.head.hash)
        intake.receive(batch, 100)
    _, joined = intake.applied(GLOBAL, 1)
    assert joined is not None
    assert [len(part.events) for part in joined.parts()] == [2, 2, 1]


def test_only_what_continues_is_joined() -> None:
    """Another peer brought what lies between."""
    intake = _intake()
    first, second = _two_in_a_row(GLOBAL)
    _take(intake, first)
    _take(intake, second)
    between = batch_of(GLOBAL, [b"four"], Held(3, second.head.hash))
    last = batch_of(GLOBAL, [b"five"], Held(4, between.head.hash))
    intake.ask(("de",), {GLOBAL: Held(4, between.head.hash)}, ())
    _take(intake, last)
    _, following = intake.applied(GLOBAL, 4)
    assert following is not None
    assert (following.after, following.head.seq) == (2, 3)
    _, following = intake.applied(GLOBAL, 4)
    assert following is not None
    assert (following.after, following.head.seq) == (4, 5)


def test_repeats_are_skipped_without_an_apply() -> None:
    intake = _intake()
    first, _ = _two_in_a_row(GLOBAL)
    _take(intake, first)
    assert _take(intake, first) == (None, 0)
    assert intake.applied(GLOBAL, 2)[1] is None


def test_memory_is_bounded_by_the_credit_given() -> None:
    """I9: a batch counts from its arrival until it is applied."""
    intake = _intake()
    first, second = _two_in_a_row(GLOBAL)
    intake.receive(first, limits.CREDIT_BYTES)
    assert _code(intake, second) is Code.TOO_LARGE
    intake.applied(GLOBAL, 2)
    intake.receive(second, limits.CREDIT_BYTES)
    assert intake.bytes_waiting == limits.CREDIT_BYTES


@pytest.mark.parametrize(
    "key",
    [
        LaneKey("fr", EPOCH, "global"),
        LaneKey("de", EPOCH, "group.eu"),
        LaneKey("de", EPOCH, "pair.de.fr"),
        LaneKey("de", EPOCH, "local"),
    ],
)
def test_i8_a_lane_that_is_not_for_us_is_refused(key: LaneKey) -> None:
    intake = _intake()
    assert _code(intake, batch_of(key, [b"x"])) is Code.WRONG_LANE
    assert intake.lag_events == 0


def test_i9_an_origin_cannot_open_lanes_without_end() -> None:
    held = {LaneKey("de", epoch, "global"): Held(1, b"h" * 32) for epoch in range(1, 257)}
    assert len(held) == limits.LANES_PER_PEER_MAX
    intake = _intake(held)
    assert _code(intake, batch_of(GLOBAL, [b"x"])) is Code.TOO_LARGE
    intake.announced({GLOBAL: 7})
    assert intake.lag_events == 0


def test_a_refused_batch_leaves_no_trace() -> None:
    intake = _intake()
    bad = batch_of(GLOBAL, [b"x"], Held(4, b"h" * 32))
    assert _code(intake, bad) is Code.BROKEN_CHAIN
    assert (intake.bytes_waiting, intake.lag_events) == (0, 0)


def test_lag_is_what_was_told_and_is_not_applied() -> None:
    intake = _intake()
    intake.announced({GLOBAL: 3})
    assert intake.lag_events == 3
    _take(intake, batch_of(GLOBAL, [b"one", b"two", b"three"]))
    assert intake.lag_events == 3
    intake.applied(GLOBAL, 3)
    assert intake.lag_events == 0


def test_a_wrong_word_is_mended_by_the_next() -> None:
    intake = _intake({GLOBAL: Held(2, b"h" * 32)})
    intake.announced({GLOBAL: 900})
    intake.announced({GLOBAL: 1})
    assert intake.lag_events == 0


def test_a_postponed_batch_stays_first() -> None:
    intake = _intake()
    first, second = _two_in_a_row(GLOBAL)
    applying, _ = _take(intake, first)
    _take(intake, second)
    intake.postponed(GLOBAL)
    [again] = intake.retry()
    assert applying is not None
    assert (again.after, again.head.seq) == (applying.after, 3), "with what came meanwhile"
    assert intake.retry() == []
    ack, following = intake.applied(GLOBAL, 3)
    assert (ack.tips, following) == ((Tip(*GLOBAL, 3),), None)


def test_what_another_peer_brought_is_not_acknowledged_before_it_came_here_too() -> None:
    """The sender would go on from there, and leave a gap in what this connection verifies."""
    intake = _intake()
    first, second = _two_in_a_row(GLOBAL)
    _take(intake, first)
    ack, _ = intake.applied(GLOBAL, 9)
    assert ack.tips == (Tip(*GLOBAL, 2),)
    _take(intake, second)
    assert intake.applied(GLOBAL, 9)[0].tips == (Tip(*GLOBAL, 3),)


# ---------------------------------------------------------------- the newest first (section 19)

FRESH = 10
HISTORY = events_after(GLOBAL, Held.nothing(GLOBAL), [b"%d" % number for number in range(1, 41)])


def _at(seq: int) -> Held:
    return Held(seq, HISTORY[seq - 1].hash) if seq else Held.nothing(GLOBAL)


def _part(after: int, last: int) -> Batch:
    return batch_of(GLOBAL, [b"%d" % number for number in range(after + 1, last + 1)], _at(after))


def _fresh(held: Held | None = None, fresh: int = FRESH) -> Intake:
    intake = Intake("in", reach_of("de", "fr", "in"), roster_of("de", "fr"), fresh)
    intake.ask(("de",), {GLOBAL: held} if held else {}, ())
    return intake


def test_what_came_early_is_acknowledged_apart_from_what_is_whole() -> None:
    intake = _fresh(_at(2))
    for batch in (_part(30, 35), _part(10, 12), _part(2, 10)):
        _take(intake, batch)
    acks = [intake.applied(GLOBAL, whole)[0] for whole in (2, 2, 10)]
    assert [ack.tips for ack in acks] == [(Tip(*GLOBAL, n),) for n in (2, 2, 10)]
    assert [ack.leads for ack in acks] == [
        (LeadAck(*GLOBAL, 35, 0),),
        (LeadAck(*GLOBAL, 35, 12),),
        (),
    ]
    assert intake.filling == (30, 10)


def test_a_lane_filled_up_to_its_lead_is_acknowledged_to_its_end() -> None:
    intake = _fresh(_at(2))
    for batch in (_part(30, 35), _part(2, 30)):
        _take(intake, batch)
    intake.applied(GLOBAL, 2)
    ack, _ = intake.applied(GLOBAL, 35)
    assert (ack.tips, ack.leads) == ((Tip(*GLOBAL, 35),), ())
    assert intake.filling == (0, 0)
    _take(intake, _part(35, 36))
    assert intake.applied(GLOBAL, 36)[0].tips == (Tip(*GLOBAL, 36),)


def test_a_want_names_the_lead_and_how_many_may_come_first() -> None:
    lead = Lead(30, _at(30).hash, 35, _at(35).hash, 12)
    intake = _fresh()
    want = intake.ask(("de",), {GLOBAL: _at(2)._replace(lead=lead)}, ())
    assert want.fresh == FRESH
    assert want.after == (Tip(*GLOBAL, 2),)
    assert want.leads == (LeadTip(*GLOBAL, 30, 35, _at(35).hash, 12),)
    _take(intake, _part(35, 40))
    assert intake.applied(GLOBAL, 2)[0].leads == (LeadAck(*GLOBAL, 40, 12),)


@pytest.mark.parametrize("lead", [None, Lead(30, _at(30).hash, 32, _at(32).hash)])
def test_what_was_read_before_the_last_commit_takes_nothing_back(lead: Lead | None) -> None:
    """We ask anew: while the log is read, what comes early goes on being committed and acknowledged."""
    intake = _fresh(_at(2))
    for batch in (_part(30, 32), _part(32, 35)):
        _take(intake, batch)
        intake.applied(GLOBAL, 2)
    intake.ask(("de",), {GLOBAL: _at(2)._replace(lead=lead)}, ())
    for batch, ack in ((_part(10, 12), (35, 12)), (_part(35, 36), (36, 12))):
        _take(intake, batch)
        assert intake.applied(GLOBAL, 2)[0].leads == (LeadAck(*GLOBAL, *ack),)
    assert intake.filling == (30, 2)


def test_a_lead_that_another_peer_began_before_ours_reaches_as_far_as_ours() -> None:
    """We ask anew, and the log was read before what this connection brought of it was committed."""
    intake = _fresh(_at(2))
    _take(intake, _part(30, 35))
    theirs = Lead(28, _at(28).hash, 33, _at(33).hash)
    intake.ask(("de",), {GLOBAL: _at(2)._replace(lead=theirs)}, ())
    assert _take(intake, _part(35, 36))[1] == 1
    for last in (35, 36):
        assert intake.applied(GLOBAL, 2)[0].leads == (LeadAck(*GLOBAL, last, 0),)
    assert intake.filling == (28, 2)


@pytest.mark.parametrize(("after", "fresh"), [(12, FRESH), (5, FRESH), (30, 0)])
def test_a_gap_that_was_not_asked_for_is_refused(after: int, fresh: int) -> None:
    """Also a small one where large ones may be left: that is no lead but a loss."""
    assert _code(_fresh(_at(2), fresh), _part(after, after + 2)) is Code.BROKEN_CHAIN


def test_lag_counts_what_is_missing_wherever_it_is() -> None:
    intake = _fresh(_at(2))
    intake.announced({GLOBAL: 40})
    assert intake.lag_events == 38
    _take(intake, _part(30, 40))
    intake.applied(GLOBAL, 2)
    assert intake.lag_events == 28
    intake.announced({GLOBAL: 38})
    assert intake.lag_events == 28, "an older word than the batch"


def test_what_nobody_has_any_more_is_not_waited_for() -> None:
    """The origin sent its newest first, lost what lies before them with its disk, and got back what others hold."""
    intake = _fresh(_at(2)._replace(lead=Lead(30, _at(30).hash, 35, _at(35).hash)))
    intake.announced({GLOBAL: 2})
    assert (intake.lag_events, intake.filling) == (0, (0, 0))
    intake.announced({GLOBAL: 40})
    assert (intake.lag_events, intake.filling) == (33, (30, 2))


def test_i9_what_comes_early_counts_against_the_credit_too() -> None:
    intake = _fresh(_at(2))
    intake.receive(_part(30, 35), limits.CREDIT_BYTES)
    assert _code(intake, _part(35, 36)) is Code.TOO_LARGE
