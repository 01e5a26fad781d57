"""Whatever comes when and how often, the lines equal those of a full replay."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from server.scoring.following import Following
from server.scoring.model import Act, Line
from server.scoring.rules import DAY_MS, Rulebook, quarter_of
from server.scoring.running import Changed
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import APRIL, DAY, across, act, act_sets, exchange, ruled
from tests.unit.scoring.books import BOOK, CAPPED_LATER, TWO, with_every_book, with_two_versions


def replayed(acts: Iterable[Act], rules: Rulebook) -> dict[str, Line]:
    book = Book(acts, rules)
    return {line.act: line for author in book.authors for line in lines(book, author)}


class Reader:
    """Who does with their own lines what a change says."""

    def __init__(self, rules: Rulebook = BOOK) -> None:
        self.following = Following(rules)
        self.lines: dict[str, Line] = {}

    def come(self, acts: Iterable[Act]) -> Changed:
        changed = self.following.come(acts)
        for gone in changed.gone:
            del self.lines[gone]
        self.lines |= {line.act: line for line in changed.lines}
        return changed


@with_every_book
@given(acts=act_sets, data=st.data())
def test_bit_by_bit_is_all_at_once(rules: Rulebook, acts: list[Act], data: st.DataObject) -> None:
    reader = Reader(rules)
    rest = list(acts)
    while rest:
        size = data.draw(st.integers(1, 9))
        part, rest = rest[:size], rest[size:]
        reader.come(part)
        so_far = acts[: len(acts) - len(rest)]
        assert reader.lines == replayed(so_far, rules)
    assert reader.come(acts) == Changed([], set())


@with_two_versions
@given(acts=across, data=st.data())
def test_each_credit_lives_by_the_version_of_its_quarter(
    rules: Rulebook, acts: list[Act], data: st.DataObject
) -> None:
    """Circles before and after: each closes at the threshold of its own version, and is damped by its weight."""
    reader = Reader(rules)
    rest = list(acts)
    while rest:
        size = data.draw(st.integers(1, 60))
        part, rest = rest[:size], rest[size:]
        reader.come(part)
    assert reader.lines == replayed(acts, rules)
    for line in reader.lines.values():
        assert line.rules == ("2026-1" if line.at < APRIL * DAY_MS else "2026-2")


def test_the_acts_of_these_tests_lie_on_both_sides_of_a_new_version() -> None:
    """And are damped on both: else they would show nothing about two versions."""
    counted, damped = [], []

    @settings(max_examples=100, database=None, derandomize=True)
    @given(acts=act_sets)
    def look(acts: list[Act]) -> None:
        lines = replayed(acts, TWO).values()
        counted.append({line.rules for line in lines if line.milli_points})
        steps = [(line.rules, step.name) for line in lines for step in line.factors]
        damped.append({version for version, name in steps if name == "mutual"})

    look()
    both = {"2026-1", "2026-2"}
    assert counted.count(both) > 20
    assert damped.count(both) > 5


def test_a_circle_closes_at_the_threshold_of_its_quarter() -> None:
    """Two each way are none before the second version, and one after."""
    counts = [0] * 20
    counts[0], counts[4] = 2, 2
    acts = [*exchange(counts), *exchange(counts, APRIL, "later")]
    reader = Reader(TWO)
    for one in acts:
        reader.come([one])
    assert reader.lines == replayed(acts, TWO)
    damped = [
        line.rules
        for line in reader.lines.values()
        for step in line.factors
        if step.name == "mutual"
    ]
    assert damped == ["2026-2"] * 4


def test_a_cap_of_the_second_version_holds_from_its_first_day() -> None:
    reader = Reader(CAPPED_LATER)
    for day in (APRIL - 1, APRIL):
        for giver in ("ben", "chen", "dora"):
            reader.come([act("helpful", giver, f"asha/{day}", day=day)])
    by_day = dict.fromkeys((APRIL - 1, APRIL), 0)
    for line in reader.lines.values():
        by_day[line.at // DAY_MS] += line.milli_points
    assert list(by_day.values()) == [15_000, 12_000]


def test_a_thanks_to_a_stranger_touches_that_line_alone() -> None:
    reader = Reader()
    reader.come([act("helpful", f"p{n}", f"asha/{n}", ms=n) for n in range(50)])
    changed = reader.come([act("helpful", "zoe", "asha/9", ms=99)])
    assert [line.giver for line in changed.lines] == ["zoe"]


def test_what_closes_a_circle_touches_both_sides() -> None:
    counts = [0] * 20
    counts[0], counts[4] = 3, 2
    reader = Reader()
    reader.come(exchange(counts))
    last_day = max(line.at for line in reader.lines.values()) // 86_400_000
    changed = reader.come([act("helpful", "ben", "asha/2", day=last_day, ms=5)])
    assert {(line.giver, line.person) for line in changed.lines} == {
        ("asha", "ben"),
        ("ben", "asha"),
    }
    assert all(step.name != "unit" for line in changed.lines for step in line.factors)


def test_a_ruling_touches_what_it_is_about_alone() -> None:
    reader = Reader()
    reader.come([act("helpful", giver, "asha/1") for giver in ("ben", "chen", "dora")])
    changed = reader.come([ruled("held", giver="chen", author="asha")])
    assert [(line.giver, line.status) for line in changed.lines] == [("chen", "held")]


QUARTER = 92


def test_an_old_content_counts_no_more_when_its_quarter_is_forgotten() -> None:
    """The second of a pair is the first of what is known."""
    early, later = (
        act("helpful", "ben", "asha/1"),
        act("helpful", "ben", "asha/2", day=DAY + QUARTER),
    )
    reader = Reader()
    reader.come([early])
    reader.following.keep(quarter_of(later.at))
    assert reader.come([later]).lines == list(replayed([later], BOOK).values())
    assert reader.come([act("solved", "chen", "asha/1")]) == Changed([], set())


@with_every_book
@given(acts=act_sets, data=st.data())
def test_forgetting_changes_no_line_of_what_is_kept(
    rules: Rulebook, acts: list[Act], data: st.DataObject
) -> None:
    """All of it once more half a year later, on the same contents: only lines of then are told, and the same."""
    later = [moved(one) for one in acts]
    since = min([quarter_of(one.at) for one in later], default="")
    reader, forgetful = Reader(rules), Reader(rules)
    for one in (reader, forgetful):
        one.come([*acts, *later])
    forgetful.following.keep(since)
    more = data.draw(st.lists(st.sampled_from([*acts, *later]), max_size=5)) if later else []
    for one in more:
        taken = one._replace(id=f"{one.register}@9", rev=9, on=False)
        kept = {act for act, line in forgetful.lines.items() if line.quarter >= since}
        whole, part = reader.come([taken]), forgetful.come([taken])
        assert {line for line in whole.lines if line.quarter >= since} == set(part.lines)
        assert part.gone == whole.gone & kept, "of what was let go nothing is told"


def test_what_comes_late_for_what_was_forgotten_is_held_until_the_next_time_alone() -> None:
    reader = Reader()
    reader.following.keep("2027Q1")
    late = [act("helpful", f"p{n}", f"asha/{n}") for n in range(100)]
    assert reader.come(late) == Changed([], set())
    reader.following.keep("2026Q1")
    assert reader.come([late[0]]) == Changed([], set()), "nothing that was forgotten comes back"
    reader.following.keep("2027Q2")
    assert not reader.following._on
    assert not reader.following._running._credits


def moved(one: Act) -> Act:
    """By somebody else: the first giver's acts on the content would be one credit."""
    register, giver = f"{one.register}+", one.giver and f"{one.giver}2"
    at = one.at + 2 * QUARTER * DAY_MS
    return one._replace(id=f"{register}@{one.rev}", register=register, giver=giver, at=at)
