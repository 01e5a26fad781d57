"""Kept up to date content by content, the lines equal those of a full replay, whatever comes when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.model import Act, Line
from server.scoring.rules import Rulebook, shipped
from server.scoring.running import Changed, Running
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import act, act_sets, exchange, ruled
from tests.unit.scoring.test_local import CAPPED

BOOK = shipped()


def replayed(acts: Iterable[Act], rules: Rulebook) -> dict[str, Line]:
    book = Book(acts, rules)
    return {line.act: line for author in book.authors for line in lines(book, author)}


class Kept:
    """What a store does with what a change gives it."""

    def __init__(self, rules: Rulebook) -> None:
        self.rules = rules
        self.running = Running(rules)
        self.on: dict[str, set[Act]] = defaultdict(set)
        self.rulings: set[Act] = set()
        self.lines: dict[str, Line] = {}

    def come(self, acts: Iterable[Act]) -> Changed:
        contents: set[str] = set()
        for one in acts:
            if one.kind in self.rules.rulings and (one.giver or one.author):
                self.rulings.add(one)
                contents |= self.on.keys()
            else:
                self.on[one.content].add(one)
                contents.add(one.content)
        self.running.rule(self.rulings)
        changed = self.running.put({content: self.on[content] for content in sorted(contents)})
        for gone in changed.gone:
            del self.lines[gone]
        self.lines |= {line.act: line for line in changed.lines}
        return changed


@pytest.mark.parametrize("rules", [BOOK, CAPPED], ids=["shipped", "with a daily cap"])
@given(acts=act_sets, data=st.data())
def test_bit_by_bit_is_all_at_once(rules: Rulebook, acts: list[Act], data: st.DataObject) -> None:
    kept = Kept(rules)
    rest = list(acts)
    while rest:
        size = data.draw(st.integers(1, 9))
        part, rest = rest[:size], rest[size:]
        kept.come(part)
        so_far = acts[: len(acts) - len(rest)]
        assert kept.lines == replayed(so_far, rules)


def test_a_thanks_to_a_stranger_touches_that_line_alone() -> None:
    kept = Kept(BOOK)
    kept.come([act("helpful", f"p{n}", f"asha/{n}", ms=n) for n in range(50)])
    changed = kept.come([act("helpful", "zoe", "asha/9", ms=99)])
    assert [line.giver for line in changed.lines] == ["zoe"]


def test_what_closes_a_circle_touches_both_sides() -> None:
    counts = [0] * 20
    counts[0], counts[4] = 3, 2
    kept = Kept(BOOK)
    kept.come(exchange(counts))
    last = act("helpful", "ben", "asha/2", day=kept_day(kept), ms=5)
    changed = kept.come([last])
    assert {(line.giver, line.person) for line in changed.lines} == {
        ("asha", "ben"),
        ("ben", "asha"),
    }
    assert all(step.name != "unit" for line in changed.lines for step in line.factors)


def kept_day(kept: Kept) -> int:
    return max(line.at for line in kept.lines.values()) // 86_400_000


def test_putting_the_same_again_changes_nothing() -> None:
    kept = Kept(BOOK)
    acts = [act("helpful", "ben", "asha/1"), ruled("held", giver="chen")]
    kept.come(acts)
    assert kept.come(acts) == Changed([], set())
