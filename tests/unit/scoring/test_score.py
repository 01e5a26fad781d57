"""The rules of docs/scoring.md sections 2 to 4, each as one worked example."""

from __future__ import annotations

import pytest

from server.scoring.model import Act, Line
from server.scoring.rules import DAY_MS, ONE, parse, rulebook, shipped
from server.scoring.score import Book, ledgers, lines, standing
from tests.unit.scoring.acts import DAY, LAST_DAY, act, gone
from tests.unit.scoring.test_rules import TEXT

BOOK = shipped()
RULES = BOOK.versions[0]


def lines_of(*acts: Act, author: str = "asha") -> list[Line]:
    return lines(Book(acts, BOOK), author)


def points(*acts: Act, author: str = "asha") -> list[int]:
    return [line.milli_points for line in lines_of(*acts, author=author)]


# ---------------------------------------------------------------- what counts


@pytest.mark.parametrize("kind", sorted(RULES.weights))
def test_each_kind_is_worth_its_weight(kind: str) -> None:
    assert points(act(kind, "ben", "asha/1")) == [RULES.weights[kind].points * 1000]


@pytest.mark.parametrize("kind", ["posted", "emoji", "read", "voted"])
def test_what_nobody_else_did_with_it_earns_nothing(kind: str) -> None:
    assert points(act(kind, "ben", "asha/1")) == []


@pytest.mark.parametrize("unscored", ["imported", "bot", "announcement"])
def test_imports_bots_and_announcements_never_score(unscored: str) -> None:
    assert points(act("accepted", "ben", "asha/1", unscored=unscored)) == []


def test_nobody_credits_themselves() -> None:
    assert points(act("helpful", "asha", "asha/1")) == []


def test_a_steward_checks_other_teams_work() -> None:
    same = act("verified", "ben", "asha/1", unit="tea", author_unit="tea")
    assert points(same) == []
    assert points(same._replace(giver_country="DE")) == [10_000], "a unit is team and country"
    assert points(same._replace(giver_unit="", author_unit="")) == [10_000]


# ---------------------------------------------------------------- one giver, one content, one credit


def test_the_strongest_act_counts_at_the_time_of_the_earliest() -> None:
    first = act("helpful", "ben", "asha/1", day=DAY)
    second = act("accepted", "ben", "asha/1", day=DAY + 40)
    (line,) = lines_of(second, first)
    assert (line.kind, line.milli_points, line.at, line.act) == (
        "accepted",
        15_000,
        first.at,
        first.id,
    )


def test_taking_the_strongest_back_leaves_the_next() -> None:
    helpful, solved = act("helpful", "ben", "asha/1"), act("solved", "ben", "asha/1", ms=1)
    back = act("solved", "ben", "asha/1", rev=2, on=False, ms=2)
    assert points(helpful, solved) == [8_000]
    assert points(helpful, solved, back) == [5_000]


def test_off_and_on_again_gives_the_same_line() -> None:
    on = act("helpful", "ben", "asha/1")
    off = act("helpful", "ben", "asha/1", rev=2, on=False, day=DAY + 9)
    again = act("helpful", "ben", "asha/1", rev=3, day=DAY + 90)
    assert lines_of(on, off) == []
    assert lines_of(on, off, again) == lines_of(on)


def test_an_older_revision_that_arrives_late_changes_nothing() -> None:
    on, off = act("helpful", "ben", "asha/1"), act("helpful", "ben", "asha/1", rev=2, on=False)
    assert lines_of(off, on) == lines_of(off) == []


def test_two_acts_of_one_revision_are_settled_alike_in_any_order() -> None:
    one = act("helpful", "ben", "asha/1")
    forged = one._replace(id="forged", kind="accepted")
    assert lines_of(one, forged) == lines_of(forged, one) != []
    copied = one._replace(kind="accepted")
    assert lines_of(one, copied) == lines_of(copied, one) != []


def test_the_idea_board_moves_one_switch() -> None:
    def stage(kind: str, rev: int) -> Act:
        moved = act(kind, "ben", "asha/1", rev=rev, day=DAY + rev)
        return moved._replace(id=f"idea:asha/1@{rev}", register="idea:asha/1")

    listed, shipped_ = stage("idea_shortlisted", 1), stage("idea_shipped", 2)
    (line,) = lines_of(listed, shipped_)
    assert (line.kind, line.milli_points, line.at) == ("idea_shipped", 40_000, listed.at)


def test_closing_the_loop_stands_beside_a_thanks_of_the_same_colleague() -> None:
    acts = [act("loop_closed", "ben", "asha/q"), act("helpful", "ben", "asha/q", ms=1)]
    assert points(*acts) == [2_000, 5_000]


# ---------------------------------------------------------------- factors


def test_thanks_from_one_colleague_saturate() -> None:
    acts = [act("helpful", "ben", f"asha/{n}", ms=n) for n in range(200)]
    got = points(*acts)
    assert got[:4] == [5_000, 2_500, 1_666, 1_250]
    assert got[127:] == [0] * 73
    assert sum(got[:90]) == pytest.approx(5_000 * 5.08, rel=0.001), "90 thanks count about five"


def test_a_new_quarter_starts_the_count_anew() -> None:
    acts = [act("helpful", "ben", "asha/1"), act("helpful", "ben", "asha/2", day=DAY + 80)]
    assert points(*acts) == [5_000, 5_000]


def test_closing_loops_does_not_use_up_thanks() -> None:
    acts = [act("loop_closed", "ben", "asha/1"), act("helpful", "ben", "asha/2", ms=1)]
    assert points(*acts) == [2_000, 5_000]


def test_one_team_saturates_on_one_content() -> None:
    team = [act("helpful", f"p{n}", "asha/1", unit="tea", ms=n) for n in range(4)]
    other = act("helpful", "zoe", "asha/1", unit="rice", ms=9)
    alone = act("helpful", "yan", "asha/1", ms=8)
    assert points(*team, other, alone) == [5_000, 3_535, 2_886, 2_500, 5_000, 5_000]


def test_use_in_another_country_counts_a_quarter_more() -> None:
    abroad = act("helpful", "ben", "asha/1", country="de", author_country="in")
    assert points(abroad) == [6_250]
    assert points(abroad._replace(giver_country="")) == [5_000], "unknown is not abroad"
    assert lines_of(abroad)[0].abroad


def exchange(a: str, b: str, n: int, public: bool = True) -> list[Act]:
    """Both thank each other for n contents."""
    return [
        act("helpful", giver, f"{author}/{i}", ms=i, public=public)
        for giver, author in ((a, b), (b, a))
        for i in range(n)
    ]


def test_two_who_mostly_thank_each_other_are_damped() -> None:
    # kappa = 3 / (3 + 5), rho = 1: m = 1 - 0.9 * 0.375 = 0.6625
    first = lines_of(*exchange("asha", "ben", 3))[0]
    assert [factor.name for factor in first.factors] == ["mutual"]
    assert first.milli_points == 5_000 * 6625 // 10_000
    assert first.factors[0].fixed * 10_000 // ONE == 6_625


def test_below_the_threshold_thanks_are_just_thanks() -> None:
    assert points(*exchange("asha", "ben", 2)) == [5_000, 2_500]


def test_what_is_given_elsewhere_weakens_the_damping() -> None:
    elsewhere = [act("helpful", "ben", f"p{n}/1", ms=n) for n in range(40)]
    circle = exchange("asha", "ben", 3)
    # kappa = 3 / (43 + 5): m = 1 - 0.9 * 0.0625 = 0.94375
    assert lines_of(*circle, *elsewhere)[0].milli_points == 4_718


def test_an_uneven_exchange_is_damped_less() -> None:
    more = [act("helpful", "ben", f"asha/{n}", ms=n) for n in range(3, 9)]
    # ben gave 9, got 3: rho = 6/12, kappa = 9/14: m = 1 - 0.9 * 9/14 / 2
    first = lines_of(*exchange("asha", "ben", 3), *more)[0]
    assert first.milli_points == 5_000 - -(-5_000 * 9 * 9 * 6 // (10 * 14 * 12))


def test_circles_are_drawn_from_what_every_region_can_audit() -> None:
    assert points(*exchange("asha", "ben", 3, public=False)) == [5_000, 2_500, 1_666]


def test_each_quarter_has_its_own_circles() -> None:
    later = [
        one._replace(
            id=one.id + "b",
            register=one.register + "b",
            content=one.content + "b",
            at=one.at + 80 * DAY_MS,
        )
        for one in exchange("asha", "ben", 2)
    ]
    assert points(*exchange("asha", "ben", 3), *later)[3:] == [5_000, 2_500]


def test_each_product_is_floored_in_order() -> None:
    acts = [
        act("helpful", "cho", "asha/2", unit="tea", country="in", author_country="de"),
        act("helpful", "ben", "asha/1", unit="tea", country="in", author_country="de", ms=1),
        act("helpful", "ben", "asha/2", unit="tea", country="in", author_country="de", ms=2),
    ]
    last = lines_of(*acts)[-1]
    assert [(f.name, f.ordinal, f.milli) for f in last.factors] == [
        ("pair", 2, 2_500),
        ("unit", 2, 1_767),
        ("border", 0, 2_208),
    ]


# ---------------------------------------------------------------- what happens to the content


def test_deleting_lapses_ones_own_credits_and_no_others() -> None:
    mine, other = act("helpful", "ben", "asha/1"), act("accepted", "asha", "chen/1")
    both = [mine, other, gone("deleted", "asha/1")]
    assert [(line.status, line.milli_points, line.factors) for line in lines_of(*both)] == [
        ("lapsed", 0, ())
    ]
    assert points(*both, author="chen") == [15_000]


def test_a_hidden_post_shown_again_gives_the_same_lines() -> None:
    mine, hidden = act("helpful", "ben", "asha/1"), gone("hidden", "asha/1")
    assert [line.status for line in lines_of(mine, hidden)] == ["reversed"]
    assert lines_of(mine, hidden, gone("hidden", "asha/1", rev=2, on=False)) == lines_of(mine)


def test_what_lapsed_makes_room_in_every_count() -> None:
    first = act("helpful", "ben", "asha/1")
    second = act("helpful", "ben", "asha/2", ms=1)
    assert points(first, second, gone("deleted", "asha/1")) == [0, 5_000]


# ---------------------------------------------------------------- ledgers


def test_a_ledger_adds_up_and_decays_apart_from_its_lines() -> None:
    acts = [act("accepted", "ben", "asha/1"), act("helpful", "chen", "asha/2", day=DAY + 180)]
    (ledger,) = ledgers(acts, BOOK, DAY + 180)
    assert (ledger.person, ledger.total, ledger.standing) == ("asha", 20_000, 12_500)
    assert ledger.level == RULES.level(12_500) == 1
    assert ledger.rules == "2026-1"


def test_a_ledger_of_a_day_knows_nothing_later() -> None:
    on = act("helpful", "ben", "asha/1")
    off = act("helpful", "ben", "asha/1", rev=2, on=False, day=DAY + 1)
    assert [ledger.total for ledger in ledgers([on, off], BOOK, DAY)] == [5_000]
    assert ledgers([on, off], BOOK, DAY + 1) == []


def test_standing_counts_from_whole_days_and_not_the_future() -> None:
    ms = DAY * 86_400_000
    assert standing([(ms, 1_000), (ms + 86_399_999, 1_000)], RULES, DAY) == 2_000
    assert standing([(ms, 1_000)], RULES, DAY - 1) == 0


def test_old_days_keep_their_rules_when_new_ones_come() -> None:
    dearer = parse(
        TEXT.replace('"2026-1"', '"2026-2"')
        .replace("2026-01-01", "2026-04-01")
        .replace("points = 5", "points = 9")
    )
    acts = [act("helpful", "ben", "asha/1"), act("helpful", "chen", "asha/2", day=DAY + 60)]
    before = ledgers(acts, BOOK, LAST_DAY)[0].lines
    after = ledgers(acts, rulebook([RULES, dearer]), LAST_DAY)[0].lines
    assert after[0] == before[0]
    assert (after[1].milli_points, after[1].rules) == (9_000, "2026-2")
