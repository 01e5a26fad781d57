"""Credits by community, topic and period; regions weighed alike; who is nominated."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from server.scoring.merits import (
    NOMINEES_OF,
    Giver,
    Key,
    Merit,
    Place,
    givers_of,
    merits,
    nominated,
    per_region,
)
from server.scoring.model import Act
from server.scoring.rules import shipped
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import DAY, act, act_sets

BOOK = shipped()
HERE = Place("help", ("leaf",))


def board(acts: list[Act], places: dict[str, Place] | None = None) -> dict[Key, Merit]:
    regional = [per_region(one, BOOK) for one in acts]
    book = Book(regional, BOOK)
    every = [line for author in book.authors for line in lines(book, author)]
    where = places or {one.content: HERE for one in acts}
    return merits(every, where, givers_of(acts), BOOK)


def test_a_credit_stands_in_its_month_its_quarter_and_its_topics() -> None:
    found = board([act("helpful", "ben", "asha/1", unit="tea", country="IN", author_country="DE")])
    merit = Merit(6250, 1, 1, 1, {"helpful": 1})
    assert found == {
        Key("2026-02", "help", "", "asha"): merit,
        Key("2026-02", "help", "leaf", "asha"): merit,
        Key("2026Q1", "help", "", "asha"): merit,
    }


def test_elsewhere_and_ones_own_loops_are_no_part_of_it() -> None:
    closed = act("loop_closed", "ben", "asha/1")
    other = act("helpful", "ben", "asha/2")
    assert board([closed, other], {"asha/1": HERE}) == {}


def test_givers_of_one_country_share_whatever_their_team() -> None:
    teams = [
        act("helpful", giver, "asha/1", ms=n, unit=giver, country="IN", author_country="IN")
        for n, giver in enumerate(["ben", "chen", "dora", "emil"])
    ]
    apart = [one._replace(giver_country=f"C{n}", author_country="") for n, one in enumerate(teams)]
    key = Key("2026-02", "help", "", "asha")
    assert board(teams)[key].milli < board(apart)[key].milli == 20_000
    assert board(teams)[key][1:4] == (4, 4, 1)
    assert board(apart)[key][1:4] == (4, 4, 4)


def test_a_steward_of_the_own_team_still_verifies_nothing() -> None:
    same = act("verified", "ben", "asha/1", unit="tea", country="IN")
    same = same._replace(author_unit="tea", author_country="IN")
    assert board([same]) == {}
    assert board([same._replace(giver_unit="rice")]) != {}


@given(acts=act_sets, random=st.randoms(use_true_random=False))
def test_order_changes_no_merit(acts: list[Act], random: Random) -> None:
    shuffled = random.sample(acts, k=len(acts))
    assert board(shuffled) == board(acts)


@given(acts=act_sets)
def test_months_add_up_to_their_quarter(acts: list[Act]) -> None:
    found = board(acts)
    for key, merit in found.items():
        if "Q" in key.period:
            months = [
                other.milli
                for (period, community, topic, person), other in found.items()
                if "Q" not in period
                and (community, topic, person) == (key.community, "", key.person)
                and (int(period[-2:]) + 2) // 3 == int(key.period[-1])
            ]
            assert sum(months) == merit.milli


def merit(milli: int, people: int = 5, units: int = 2) -> Merit:
    return Merit(milli, people, units, 1, {})


def test_one_in_twenty_is_nominated_and_one_at_least() -> None:
    crowd = {f"p{n:02}": merit(1000 + n) for n in range(2 * NOMINEES_OF)}
    assert nominated(crowd) == ["p38", "p39"]
    assert nominated({"solo": merit(1)}) == ["solo"]
    assert nominated({}) == []


def test_thanks_of_few_people_or_of_one_team_do_not_nominate() -> None:
    assert nominated({"few": merit(90_000, people=4), "team": merit(90_000, units=1)}) == []


def test_of_equals_those_who_helped_more_people_then_by_id() -> None:
    equal = {"c": merit(9), "b": merit(9), "a": merit(9, people=6), "d": merit(9)}
    assert nominated(equal) == ["a"]
    del equal["a"]
    assert nominated(equal) == ["b"]


def test_the_latest_team_of_a_giver_counts() -> None:
    early = act("helpful", "ben", "asha/1", unit="tea", country="IN")
    late = act("helpful", "ben", "asha/2", day=DAY + 1, unit="rice", country="IN")
    assert givers_of([late, early]) == {"ben": Giver("IN/rice", "IN")}
