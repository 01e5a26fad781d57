"""One author's quarter scored from its neighbourhood equals the full replay, and changes stay local."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from server.scoring.local import (
    Between,
    Given,
    Need,
    Part,
    Received,
    Scope,
    Series,
    Touched,
    affected,
    needs,
    part_lines,
    partner_contents,
    people_of,
    scope_lines,
    series_of,
)
from server.scoring.model import Act, Line
from server.scoring.rules import Rulebook, quarter_of
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import act, act_sets
from tests.unit.scoring.books import BOOK, with_every_book


def answer(acts: Iterable[Act], need: Need) -> set[Act]:
    """What a store answers, from memory."""
    acts = list(acts)
    match need:
        case Received(author, quarter):
            contents = {
                a.content for a in acts if a.author == author and quarter_of(a.at) == quarter
            }
            found = {a for a in acts if a.content in contents}
        case Given(giver, quarter):
            contents = {a.content for a in acts if a.giver == giver and quarter_of(a.at) == quarter}
            found = {a for a in acts if a.content in contents and a.giver == giver}
        case Between(giver, author, quarter):
            contents = {
                a.content
                for a in acts
                if (a.giver, a.author, quarter_of(a.at)) == (giver, author, quarter)
            }
            found = {a for a in acts if a.content in contents}
    return found | {a for a in acts if any(is_about(a, judgement) for judgement in found)}


def is_about(ruling: Act, judgement: Act) -> bool:
    if ruling.kind not in BOOK.rulings:
        return False
    named = [(ruling.giver, judgement.giver), (ruling.author, judgement.author)]
    named.append((ruling.content, judgement.content))
    return all(name in ("", other) for name, other in named)


def partners(
    acts: Iterable[Act], scopes: Iterable[Scope], rules: Rulebook = BOOK
) -> dict[Scope, frozenset[str]]:
    """As a store counts them: contents with any act, each way."""
    contents: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for one in acts:
        if one.author and one.giver and one.content:
            contents[one.giver, one.author, quarter_of(one.at)].add(one.content)
    least = partner_contents(rules)
    close = {key for key, found in contents.items() if len(found) >= least}
    return {
        Scope(person, quarter): frozenset(
            author
            for giver, author, when in close
            if (giver, when) == (person, quarter) and (author, giver, when) in close
        )
        for person, quarter in scopes
    }


def scored(
    scopes: Iterable[Scope],
    acts: Iterable[Act],
    more: Iterable[Act] = (),
    rules: Rulebook = BOOK,
) -> dict[Scope, list[Line]]:
    """The lines of the scopes from what they need, with ``more`` acts than that."""
    scopes = list(scopes)
    asked = needs(Part(set(scopes), set()), partners(acts, scopes, rules))
    return scope_lines(scopes, set(more).union(*[answer(acts, need) for need in asked]), rules)


def ledger_of_all(acts: Iterable[Act], rules: Rulebook = BOOK) -> dict[Scope, list[Line]]:
    book = Book(acts, rules)
    found: dict[Scope, list[Line]] = {}
    for author in book.authors:
        for line in lines(book, author):
            found.setdefault(Scope(author, line.quarter), []).append(line)
    return found


def scopes_of(acts: Iterable[Act]) -> set[Scope]:
    return {Scope(a.author, quarter_of(a.at)) for a in acts if a.author}


@with_every_book
@given(acts=act_sets, data=st.data())
def test_a_quarter_needs_only_its_neighbourhood(
    rules: Rulebook, acts: list[Act], data: st.DataObject
) -> None:
    whole = ledger_of_all(acts, rules)
    more = data.draw(st.lists(st.sampled_from(acts))) if acts else []
    for scope in scopes_of(acts):
        assert scored([scope], acts, more, rules) == {scope: whole.get(scope, [])}


@with_every_book
@given(acts=act_sets, data=st.data())
def test_many_quarters_are_scored_at_once(
    rules: Rulebook, acts: list[Act], data: st.DataObject
) -> None:
    whole = ledger_of_all(acts, rules)
    all_scopes = sorted(scopes_of(acts))
    scopes = data.draw(st.sets(st.sampled_from(all_scopes))) if all_scopes else set[Scope]()
    assert scored(scopes, acts, rules=rules) == {scope: whole.get(scope, []) for scope in scopes}


Key = tuple[str, str]
"""Act and quarter of a line."""


def all_lines(acts: Iterable[Act], rules: Rulebook) -> dict[Key, Line]:
    book = Book(acts, rules)
    return {(line.act, line.quarter): line for who in book.authors for line in lines(book, who)}


def is_in(line: Line, part: Part) -> bool:
    return (line.person, line.quarter) in part.scopes or (
        line.giver,
        line.person,
        line.quarter,
    ) in part.series


@with_every_book
@given(acts=act_sets, data=st.data())
def test_a_change_changes_the_part_it_names_and_nothing_else(
    rules: Rulebook, acts: list[Act], data: st.DataObject
) -> None:
    if not acts:
        return
    late = data.draw(st.lists(st.sampled_from(sorted(acts)), min_size=1, max_size=3, unique=True))
    more = data.draw(st.lists(st.sampled_from(acts)))
    part = touch(acts, late, rules)
    asked = needs(part, partners(acts, part.scopes | people_of(part.series), rules))
    answers = set(more).union(*[answer(acts, need) for need in asked])
    stored = all_lines([one for one in acts if one not in late], rules)
    kept = {key: line for key, line in stored.items() if not is_in(line, part)}
    scored = {(line.act, line.quarter): line for line in part_lines(part, answers, rules)}
    assert kept | scored == all_lines(acts, rules)


def touch(acts: list[Act], late: list[Act], rules: Rulebook = BOOK) -> Part:
    """What is named when the late acts have just joined the others."""
    about = [
        (one.content, frozenset([one.giver]))
        for act in late
        for one in acts
        if act.kind in BOOK.rulings and is_about(act, one) and one.kind not in BOOK.rulings
    ]
    about += [(act.content, frozenset([act.giver])) for act in late if act.kind not in BOOK.rulings]
    touched = [
        Touched([one for one in acts if one.content == content], givers)
        for content, givers in about
    ]
    return affected(touched, partners(acts, people_of(series_of(touched)), rules), rules)


def test_needs_of_different_sorts_differ() -> None:
    """Answers are kept by their need."""
    assert len({Given("asha", "2026Q1"), Received("asha", "2026Q1")}) == 2


def test_a_thanks_reaches_the_givers_other_friends_and_nobody_else() -> None:
    """ben's thanks to a stranger changes how much of his giving stays in the circle with asha."""
    circle = [
        act("helpful", giver, f"{author}/{n}", ms=n)
        for giver, author in (("asha", "ben"), ("ben", "asha"))
        for n in range(3)
    ]
    late = act("helpful", "ben", "zoe/1")
    part = touch([*circle, late], [late])
    assert part == Part(set(), {Series("ben", name, "2026Q1") for name in ("asha", "zoe")})
    stranger = act("helpful", "yan", "zoe/2")
    assert touch([*circle, stranger], [stranger]) == Part(set(), {Series("yan", "zoe", "2026Q1")})


def test_a_thanks_inside_a_circle_reaches_what_both_gave() -> None:
    circle = [
        act("helpful", giver, f"{author}/{n}", ms=n)
        for giver, author in (("asha", "ben"), ("ben", "asha"))
        for n in range(3)
    ]
    part = touch(circle, circle[-1:])
    both = {Series("asha", "ben", "2026Q1"), Series("ben", "asha", "2026Q1")}
    assert part == Part(set(), both)
