"""I10: scores are a pure function of (event set, rules version, day); and rings gain little."""

from __future__ import annotations

import time
from collections import defaultdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.credits import credits_of
from server.scoring.model import Act
from server.scoring.rules import day_of, quarter_of, quarter_of_day, shipped
from server.scoring.score import ledgers
from tests.unit.scoring.acts import DAY, LAST_DAY, act, act_sets

BOOK = shipped()


@given(acts=act_sets, random=st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(acts: list[Act], random: Random) -> None:
    shuffled = acts + random.choices(acts, k=len(acts)) if acts else []
    random.shuffle(shuffled)
    assert ledgers(shuffled, BOOK, LAST_DAY) == ledgers(acts, BOOK, LAST_DAY)


@given(acts=act_sets)
def test_the_sum_of_the_lines_is_the_total(acts: list[Act]) -> None:
    for ledger in ledgers(acts, BOOK, LAST_DAY):
        assert ledger.total == sum(line.milli_points for line in ledger.lines)
        assert 0 <= ledger.standing <= ledger.total


@given(acts=act_sets)
def test_every_step_is_an_integer_and_no_step_but_the_border_adds(acts: list[Act]) -> None:
    for ledger in ledgers(acts, BOOK, LAST_DAY):
        for line in ledger.lines:
            last = line.base * 1000
            for factor in line.factors:
                assert type(factor.milli) is int
                assert 0 <= factor.milli <= (last * 5 // 4 if factor.name == "border" else last)
                last = factor.milli
            assert line.milli_points == (last if line.status == "counted" else 0)


@given(acts=act_sets)
def test_a_line_replays_alone(acts: list[Act]) -> None:
    """Its factors, applied to its base, give its points: nothing hidden is in it."""
    for ledger in ledgers(acts, BOOK, LAST_DAY):
        for line in ledger.lines:
            milli = line.base * 1000
            for factor in line.factors:
                milli = milli * factor.fixed >> 32
            assert milli == line.milli_points or line.status != "counted"


@given(acts=act_sets, data=st.data())
def test_taking_back_a_credit_removes_its_line_and_no_other(
    acts: list[Act], data: st.DataObject
) -> None:
    credits = credits_of(acts, BOOK)
    if not credits:
        return
    credit = data.draw(st.sampled_from(credits))
    gone = credit.strongest
    back = [
        one._replace(id=f"{one.register}@9", rev=9, on=False)
        for one in acts
        if (one.giver, one.content) == (gone.giver, gone.content)
    ]
    before = {line.act for ledger in ledgers(acts, BOOK, LAST_DAY) for line in ledger.lines}
    after = {line.act for ledger in ledgers(acts + back, BOOK, LAST_DAY) for line in ledger.lines}
    assert before - after == {credit.act}
    assert after <= before


@given(acts=act_sets, split=st.integers(0, 120))
def test_two_halves_merge_by_union(acts: list[Act], split: int) -> None:
    left, right = set(acts[:split]), set(acts[split:])
    assert ledgers(left | right, BOOK, LAST_DAY) == ledgers(right | left | left, BOOK, LAST_DAY)


@given(acts=act_sets, later=st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_standing_never_rises_by_waiting(acts: list[Act], later: list[int]) -> None:
    days = [LAST_DAY + day for day in sorted(later)]
    worth: dict[str, list[int]] = defaultdict(list)
    for day in days:
        for ledger in ledgers(acts, BOOK, day):
            worth[ledger.person].append(ledger.standing)
    for standings in worth.values():
        assert standings == sorted(standings, reverse=True)


HOUR_MS = 3_600_000


@given(acts=act_sets, hours=st.integers(-12, 14))
def test_hours_of_the_day_play_no_part(acts: list[Act], hours: int) -> None:
    """Shifting all clocks changes no line but its time while no act leaves its quarter, and no standing
    while none leaves its day."""
    shifted = [one._replace(at=one.at + hours * HOUR_MS) for one in acts]
    pairs = list(zip(acts, shifted, strict=True))
    if any(quarter_of(old.at) != quarter_of(new.at) for old, new in pairs):
        return
    before, after = ledgers(acts, BOOK, LAST_DAY), ledgers(shifted, BOOK, LAST_DAY)
    moved = [[line._replace(at=line.at + hours * HOUR_MS) for line in one.lines] for one in before]
    assert [list(one.lines) for one in after] == moved
    assert [one.total for one in after] == [one.total for one in before]
    if all(day_of(old.at) == day_of(new.at) for old, new in pairs):
        assert [one.standing for one in after] == [one.standing for one in before]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"])
def test_the_time_zone_of_the_machine_is_never_asked(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = ring(4, posts=9)
    wanted = ledgers(acts, BOOK, LAST_DAY)
    quarter_of_day.cache_clear()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        try:
            assert ledgers(acts, BOOK, LAST_DAY) == wanted
        finally:
            elsewhere.undo()
            time.tzset()


@given(acts=act_sets, random=st.randoms(use_true_random=False))
def test_what_is_taken_back_stays_taken_back_in_any_order(acts: list[Act], random: Random) -> None:
    """Each act and its retraction, shuffled and repeated: nothing but other registers' lines is left."""
    back = [one._replace(id=f"{one.register}@9", rev=9, on=False, at=one.at + 1) for one in acts]
    mixed = acts + back + random.choices(acts + back, k=len(acts)) if acts else []
    random.shuffle(mixed)
    assert ledgers(mixed, BOOK, LAST_DAY) == []


# ---------------------------------------------------------------- rings


def ring(size: int, posts: int, unit: str = "") -> list[Act]:
    """Everybody posts and thanks every other for every post."""
    people = [f"ring{n}" for n in range(size)]
    return [
        act("helpful", giver, f"{author}/{n}", day=DAY + n % 50, ms=n, unit=unit)
        for author in people
        for n in range(posts)
        for giver in people
        if giver != author
    ]


@pytest.mark.parametrize("size", [2, 5, 15])
def test_a_ring_keeps_next_to_nothing_of_its_thanks(size: int) -> None:
    acts = ring(size, posts=50)
    raw = 5_000 * 50 * (size - 1)
    totals = {ledger.total for ledger in ledgers(acts, BOOK, LAST_DAY)}
    assert max(totals) < raw * 3 // 100


def test_an_honest_helper_keeps_most() -> None:
    """Thanked by thirty people of ten teams, twice each, giving thanks elsewhere."""
    acts = [
        act("helpful", f"p{n}", f"asha/{n % 20}.{i}", ms=n, unit=f"team{n % 10}")
        for n in range(30)
        for i in range(2)
    ]
    acts += [act("helpful", "asha", f"p{n}/1", ms=n) for n in range(30)]
    (total,) = [line.total for line in ledgers(acts, BOOK, LAST_DAY) if line.person == "asha"]
    assert total >= 5_000 * 60 * 65 // 100
