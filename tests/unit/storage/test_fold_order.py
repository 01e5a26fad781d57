"""I6: projections of the same events are equal, whatever the order of arrival and however often.

Events are folded in any order at all, wilder than any network could bring them: an edit before its post,
a later revision before an earlier one, everything twice.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from server.domain.events import EVENTS
from server.storage.projections import FOLDS
from tests.support.company import HAPPENINGS, Company, Written, history
from tests.support.folding import Scratch, apply, everything, shared

SILENT = {"epoch.opened", "key.rotated", "key.retired", "roster.changed", "log.closed"}
"""Facts about the log itself: nothing is folded from them."""


@pytest.fixture(scope="module")
def scratch() -> Scratch:
    return Scratch()


@st.composite
def histories(draw: st.DrawFn) -> list[Written]:
    company = Company(draw(st.randoms(use_true_random=True)))
    for happening in draw(st.lists(st.sampled_from(HAPPENINGS), min_size=1, max_size=25)):
        happening(company)
    return company.written


def folded(scratch: Scratch, events: Sequence[Written]) -> dict[str, str]:
    with scratch.empty() as tx:
        apply(tx, events)
        return shared(tx)


def different(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return [table for table in one if one[table] != other[table]]


def test_every_kind_that_is_folded_happens() -> None:
    """Otherwise the properties below would say nothing about it."""
    seen = {type(written.event) for written in history(1, 300)}
    assert FOLDS.keys() <= seen
    assert set(EVENTS.values()) - FOLDS.keys() == {EVENTS[name] for name in SILENT}


@given(histories(), st.randoms(use_true_random=True))
def test_i6_any_order_gives_the_same_tables(
    scratch: Scratch, events: list[Written], chance: random.Random
) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)
    in_order, out_of_order = folded(scratch, events), folded(scratch, shuffled)
    note(f"arrived: {shuffled}")
    assert different(in_order, out_of_order) == []


@given(histories(), st.randoms(use_true_random=True))
def test_i6_repeats_in_between_give_the_same_tables(
    scratch: Scratch, events: list[Written], chance: random.Random
) -> None:
    repeated = [*events, *chance.choices(events, k=len(events))]
    chance.shuffle(repeated)
    assert different(folded(scratch, events), folded(scratch, repeated)) == []


@given(histories())
def test_i6_a_repeat_changes_nothing_and_says_so(scratch: Scratch, events: list[Written]) -> None:
    """Also nothing of this node's own: to nobody is a counter shown that did not move."""
    with scratch.empty() as tx:
        apply(tx, events)
        before = everything(tx)
        again = apply(tx, events, position=len(events))
        assert [written for written, news in zip(events, again, strict=True) if news] == []
        assert different(before, everything(tx)) == []


@given(histories(), st.integers(0, 1_000))
def test_i6_a_history_cut_anywhere_is_a_beginning_of_the_whole(
    scratch: Scratch, events: list[Written], cut: int
) -> None:
    """A node that stops and goes on later ends where one ends that never stopped."""
    at = cut % len(events)
    with scratch.empty() as tx:
        apply(tx, events[:at])
        apply(tx, events[at:], position=at)
        whole = everything(tx)
    with scratch.empty() as tx:
        apply(tx, events)
        assert different(whole, everything(tx)) == []


@pytest.mark.parametrize("n", range(4))
def test_i6_long_histories_shuffled_by_a_seed(scratch: Scratch, seed: int, n: int) -> None:
    events = history(seed + n, 400)
    chance = random.Random(seed - n)
    first = folded(scratch, events)
    shuffled = [*events, *chance.choices(events, k=len(events) // 5)]
    chance.shuffle(shuffled)
    assert different(first, folded(scratch, shuffled)) == []
    assert different(first, folded(scratch, events[::-1])) == []
