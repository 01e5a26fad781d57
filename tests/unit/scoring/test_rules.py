"""The shipped tables are the fractions they claim to be, and a broken rules file is refused."""

from __future__ import annotations

from datetime import date
from importlib.resources import files

import pytest

from server.scoring.rules import (
    DAY_MS,
    ONE,
    Rulebook,
    Rules,
    at,
    day_number,
    day_of,
    parse,
    quarter_of,
    rulebook,
    scaled,
    shipped,
)

TEXT = (files("server.scoring") / "rules" / "2026-1.toml").read_text("utf-8")
RULES = parse(TEXT)
APRIL = day_number(date(2026, 4, 1))


def is_ceiling(value: int, power: int, over: int, under: int) -> bool:
    """Whether value = ceil(2^32 * (over/under)^(1/power)), in integers alone."""
    target = over << 32 * power
    return (value - 1) ** power * under < target <= value**power * under


def test_each_weight_of_the_product_is_there() -> None:
    assert {kind: weight.points for kind, weight in RULES.weights.items()} == {
        "accepted": 15,
        "verified": 10,
        "solved": 8,
        "cited": 6,
        "praised": 6,
        "helpful": 5,
        "idea_shortlisted": 10,
        "idea_accepted": 20,
        "idea_shipped": 40,
        "welcomed": 6,
        "quorum": 3,
        "report_upheld": 2,
        "loop_closed": 2,
    }
    assert {kind for kind, weight in RULES.weights.items() if weight.named} == {
        "accepted",
        "praised",
        "loop_closed",
    }


def test_inverse_is_one_over_k_rounded_up_and_ends_in_nothing() -> None:
    *fractions, last = RULES.inverse
    assert all(is_ceiling(value, 1, 1, k) for k, value in enumerate(fractions, 1))
    assert last == 0, "one colleague's credits to another must be bounded in a quarter"
    assert at(RULES.inverse, 10_000) == 0


def test_inverse_sqrt_is_one_over_root_k_rounded_up() -> None:
    assert all(is_ceiling(value, 2, 1, k) for k, value in enumerate(RULES.inverse_sqrt, 1))
    assert at(RULES.inverse_sqrt, 10_000) == RULES.inverse_sqrt[-1]


def test_decay_halves_in_180_days() -> None:
    assert RULES.half_life_days == len(RULES.decay) == 180
    for day, value in enumerate(RULES.decay):
        assert is_ceiling(value, 180, 1, 2**day)


def test_a_record_of_answers_halves_in_540_days() -> None:
    expertise = RULES.expertise
    assert expertise is not None
    assert expertise.half_life_days == len(expertise.decay) == 540
    for day, value in enumerate(expertise.decay):
        assert is_ceiling(value, 540, 1, 2**day)


def test_rounding_up_lets_a_third_of_fifteen_be_five() -> None:
    assert 15_000 * at(RULES.inverse, 3) >> 32 == 5_000
    for points in range(1, 41):
        for k in range(1, 128):
            assert points * 1000 * at(RULES.inverse, k) >> 32 == points * 1000 // k


def test_levels_are_the_least_standing_for_them() -> None:
    for level, threshold in enumerate(RULES.levels, 1):
        assert (25_000 + threshold) ** 2 >= 2**level * 25_000**2 > (24_999 + threshold) ** 2
        assert RULES.level(threshold) == level
        assert RULES.level(threshold - 1) == level - 1
    assert RULES.level(0) == 0


@pytest.mark.parametrize(
    ("days", "left"), [(0, 8_000), (180, 4_000), (360, 2_000), (540, 1_000), (20_000, 0)]
)
def test_standing_halves_each_half_life(days: int, left: int) -> None:
    assert RULES.decayed(8_000, days) == left


def version(name: str, day: str) -> Rules:
    return parse(TEXT.replace('id = "2026-1"', f'id = "{name}"').replace("2026-01-01", day))


def test_old_days_keep_the_version_they_had() -> None:
    book = rulebook([version("b", "2026-04-01"), version("a", "2026-01-15")])
    assert book.on(APRIL).id == "b"
    assert book.on(APRIL - 1).id == "a"
    assert book.on(0).id == "a", "days before the first version take the first"


def test_a_fingerprint_follows_every_number() -> None:
    changed = parse(TEXT.replace("points = 8", "points = 9"))
    assert shipped().fingerprint == Rulebook((RULES,)).fingerprint
    assert Rulebook((changed,)).fingerprint != shipped().fingerprint
    assert shipped().fingerprint.startswith("2026-1+")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('id = "2026-1"', ""),
        ("[mutual]", "[mutal]"),
        ("half_life_days = 180", "half_life_days = 181"),
        ("points = 15", "points = 0"),
        ("points = 15", "points = 1.5"),
        ("[rulings.held]", "[rulings.helpful]"),
        ('factors = ["pair"', 'factors = ["pear"'),
        ("[border]", "[cap]\npoints = 0\n[border]"),
        ("[border]", '[cap]\npoints = 9\nexempt = ["posted"]\n[border]'),
        ("points = 15", 'points = "many"'),
        ("threshold = 3", "threshold = 0"),
        ("factor = [5, 4]", "factor = [5, 0]"),
        ("factor = [5, 4]", "factor = [5]"),
        ("weight = [9, 10]", "weight = [11, 10]"),
        ("4294967296, 2147483648, 1431655766", "4294967297, 2147483648, 1431655766"),
        ("half_life_days = 540", "half_life_days = 541"),
        ("prior_answers = 3", "prior_answers = 0"),
        ("other_topics = [1, 4]", "other_topics = [4, 1]"),
        ('uses = ["accepted"', 'uses = ["liked"'),
        ("effective = 2026-01-01", "effective = 1"),
        ("[tables]", "[tables"),
    ],
)
def test_a_broken_rules_file_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(ValueError, match=r"rules|Expected|tables"):
        parse(TEXT.replace(old, new, 1))


def test_a_rulebook_needs_distinct_versions() -> None:
    with pytest.raises(ValueError, match="different names"):
        rulebook([])
    with pytest.raises(ValueError, match="different names"):
        rulebook([version("a", "2026-01-01"), version("a", "2026-04-01")])
    with pytest.raises(ValueError, match="different names"):
        rulebook([version("a", "2026-01-01"), version("b", "2026-01-01")])


def test_a_later_version_begins_with_a_quarter() -> None:
    """Factors count in quarters: within one they would tie old days to new rules."""
    with pytest.raises(ValueError, match="begins with a quarter"):
        rulebook([version("a", "2026-01-01"), version("b", "2026-04-02")])


def test_versions_agree_on_what_a_kind_is() -> None:
    swapped = TEXT.replace("[acts.quorum]", "[acts.held]").replace(
        "[rulings.held]", "[rulings.quorum]"
    )
    later = parse(swapped.replace("2026-01-01", "2026-04-01").replace("2026-1", "2026-2"))
    with pytest.raises(ValueError, match="what a kind"):
        rulebook([RULES, later])


def test_what_is_lost_is_cut_like_what_is_won() -> None:
    third = at(RULES.inverse, 3)
    assert scaled(10_000, third) == 3_333 == -scaled(-10_000, third)
    assert scaled(7, ONE, 1) == 3 == -scaled(-7, ONE, 1)


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        (date(2026, 1, 1), "2026Q1"),
        (date(2026, 3, 31), "2026Q1"),
        (date(2026, 4, 1), "2026Q2"),
        (date(2026, 12, 31), "2026Q4"),
        (date(1970, 1, 1), "1970Q1"),
    ],
)
def test_quarters_are_utc(day: date, quarter: str) -> None:
    number = day_number(day)
    assert quarter_of(number * DAY_MS) == quarter_of(number * DAY_MS + DAY_MS - 1) == quarter
    assert day_of(number * DAY_MS + DAY_MS - 1) == number


def test_one_is_thirty_two_bits() -> None:
    assert ONE == 4_294_967_296 == at(RULES.inverse, 1) == at(RULES.inverse_sqrt, 1)
