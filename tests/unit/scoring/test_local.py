"""One author's quarter scored from its neighbourhood equals the full replay, and changes stay local."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from server.scoring.local import Given, Need, Received, Scope, affected, quarter_lines
from server.scoring.model import Act, Line
from server.scoring.rules import quarter_of, shipped
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import act, act_sets

BOOK = shipped()
T = TypeVar("T")


def answer(acts: Iterable[Act], need: Need) -> list[Act]:
    """What a store answers, from memory."""
    acts = list(acts)
    match need:
        case Received(author, quarter):
            contents = {
                a.content for a in acts if a.author == author and quarter_of(a.at) == quarter
            }
            return [a for a in acts if a.content in contents]
        case Given(giver, quarter):
            contents = {a.content for a in acts if a.giver == giver and quarter_of(a.at) == quarter}
            return [a for a in acts if a.content in contents and a.giver in (giver, "")]


def run(asking: Generator[Need, Iterable[Act], T], acts: Iterable[Act]) -> T:
    try:
        need = next(asking)
        while True:
            need = asking.send(answer(acts, need))
    except StopIteration as done:
        result: T = done.value
        return result


def ledger_of_all(acts: Iterable[Act]) -> dict[Scope, list[Line]]:
    book = Book(acts, BOOK)
    found: dict[Scope, list[Line]] = {}
    for author in book.authors:
        for line in lines(book, author):
            found.setdefault(Scope(author, line.quarter), []).append(line)
    return found


def scopes_of(acts: Iterable[Act]) -> set[Scope]:
    return {Scope(a.author, quarter_of(a.at)) for a in acts if a.author}


@given(acts=act_sets)
def test_a_quarter_needs_only_its_neighbourhood(acts: list[Act]) -> None:
    whole = ledger_of_all(acts)
    for scope in scopes_of(acts):
        assert run(quarter_lines(scope, BOOK), acts) == whole.get(scope, [])


@given(acts=act_sets, data=st.data())
def test_a_change_reaches_only_the_scopes_it_names(acts: list[Act], data: st.DataObject) -> None:
    if not acts:
        return
    late = data.draw(st.sampled_from(sorted(acts)))
    before = [one for one in acts if one is not late]
    on_content = [one for one in acts if one.content == late.content]
    givers = frozenset([late.giver]) if late.author else None
    named = run(affected(on_content, givers, BOOK), acts)
    old, new = ledger_of_all(before), ledger_of_all(acts)
    changed = {scope for scope in old.keys() | new.keys() if old.get(scope) != new.get(scope)}
    assert changed <= named


def test_needs_of_different_sorts_differ() -> None:
    """Answers are kept by their need."""
    assert len({Given("asha", "2026Q1"), Received("asha", "2026Q1")}) == 2


def test_a_thanks_reaches_the_givers_other_friends() -> None:
    """ben's thanks to a stranger changes how much of his giving stays in the circle with asha."""
    circle = [
        act("helpful", giver, f"{author}/{n}", ms=n)
        for giver, author in (("asha", "ben"), ("ben", "asha"))
        for n in range(3)
    ]
    late = act("helpful", "ben", "zoe/1")
    named = run(affected([late], frozenset(["ben"]), BOOK), [*circle, late])
    assert named == {Scope(person, "2026Q1") for person in ("asha", "ben", "zoe")}
