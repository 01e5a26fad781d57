"""The worked examples of docs/scoring.md, sections 2 to 8 and 11: the code gives what the page says."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from server.app.expert_pages import BUSY, Load
from server.app.working_hours import shared_minutes
from server.domain.limits import COHORT_PEOPLE_MIN
from server.scoring.influence import influence
from server.scoring.milestones import STARTED, medians
from server.scoring.rings import Circle, circle_of, words
from server.scoring.roots import leaf, root
from server.scoring.rules import DAY_MS, ONE, day_number, parse, rulebook, shipped
from server.scoring.score import Book, ledgers, lines
from server.scoring.topics import topic_standing
from server.scoring.whatif import Cause, Moved, what_if
from tests.unit.scoring.acts import DAY, act, gone
from tests.unit.scoring.ring_world import ledgers_of
from tests.unit.scoring.test_rules import TEXT as RULES_TEXT
from tests.unit.scoring.written import TEXT, equations, figures, places, value, worked

BOOK = shipped()
RULES = BOOK.versions[-1]
STACK = Path(__file__).resolve().parents[3] / "docs" / "howto" / "rules-stack.toml"
EQUATIONS = [
    sides
    for one in TEXT.split("\n\n")
    if one.startswith("Worked:")
    for sides in equations(" ".join(one.split()))
]


@pytest.mark.parametrize("sides", EQUATIONS, ids=" = ".join)
def test_the_arithmetic_of_the_page(sides: list[str]) -> None:
    """What is on the right is what is on the left; products and quotients are cut where the decimals end."""
    for left, right in pairwise(sides):
        may_be_cut = any(sign in left for sign in "·/√^")
        over = value(left) - value(right)
        assert -1e-9 < over < (10 ** -places(right) if may_be_cut else 1e-9)


# ---------------------------------------------------------------- 2 to 4


def test_one_line_of_several_acts() -> None:
    (text,) = worked("2")
    monday = day_number(date(2026, 2, 2))
    marked = act("helpful", "ben", "asha/1", day=monday)
    accepted = act("accepted", "ben", "asha/1", day=monday + 4)
    back = act("accepted", "ben", "asha/1", rev=2, on=False, day=monday + 5)
    again = act("accepted", "ben", "asha/1", rev=3, day=monday + 6)
    histories = ([marked, accepted], [marked, accepted, back], [marked, accepted, back, again])
    deleted = [*histories[-1], gone("deleted", "asha/1", day=monday + 7)]
    found = [line for one in (*histories, deleted) for line in lines(Book(one, BOOK), "asha")]
    assert [line.at // DAY_MS for line in found] == [monday] * 4
    said = figures(text, "one line of {} points, not of 5 + 15 = 20, and it stands on Monday")
    said += figures(
        text, "the line is one of {}; if he gives it again, one of {}; and once Asha deletes her"
    )
    said += figures(text, "answer one of {}, `lapsed`.")
    assert [line.milli_points for line in found] == [one * 1000 for one in said]
    assert [line.status for line in found] == ["counted"] * 3 + ["lapsed"]


def test_unit_and_border() -> None:
    text, _ = worked("3")
    abroad = {"author_country": "IN", "country": "DE"}
    team = [act("helpful", f"p{n}", "asha/1", unit="tea", ms=n, **abroad) for n in range(4)]
    found = lines(Book(team, BOOK), "asha")
    units = [5000, *[line.factors[0].milli for line in found[1:]]]
    assert [f"{5000}/√{n} = {milli}" in text for n, milli in enumerate(units, 1)] == [True] * 4
    borders = [line.milli_points for line in found]
    for unit, border in zip(units, borders, strict=True):
        assert figures(text, f"{unit} · 5/4 = {{}}") == [border]
    assert figures(text, "together {} points") == [Decimal(sum(borders)) / 1000]
    apart = [one._replace(giver_unit=one.giver) for one in team]
    said = figures(text, "Four of four teams there would give 4 · {} = {}.")
    each = [line.milli_points for line in lines(Book(apart, BOOK), "asha")]
    assert [one * 1000 for one in said] == [each[0], sum(each)]


def test_mutual() -> None:
    _, text = worked("3")
    both = [
        act("helpful", giver, f"{author}/{n}", ms=n)
        for giver, author in (("asha", "ben"), ("ben", "asha"))
        for n in range(3)
    ]
    found = lines(Book(both, BOOK), "asha")
    mutual = figures(text, "m = 1 − 0.9 · 0.375 · 1 = {}.")[0]
    assert [line.factors[-1].fixed * 10_000 // ONE for line in found] == [mutual * 10_000] * 3
    assert f"κ = 3/(3 + {RULES.mutual.prior}) = 0.375, ρ = 2 · 3/(3 + 3) = 1," in text
    pairs = [figures(text, f"5000/{k} = {{}} and")[0] for k in (2, 3)]
    assert pairs == [line.factors[0].milli for line in found[1:]]
    final = [figures(text, f"{milli} · {mutual} = {{}}")[0] for milli in (5000, *pairs)]
    assert final == [line.milli_points for line in found]


def test_total_standing_and_level() -> None:
    text, _ = worked("4")
    first, ago, second = figures(text, "{} points of {} days ago and {} of today")
    acts = [
        act("accepted", "ben", "asha/1", day=DAY - int(ago)),
        act("solved", "chen", "asha/2", day=DAY),
    ]
    (now,) = ledgers(acts, BOOK, DAY)
    assert [line.milli_points for line in now.lines] == [first * 1000, second * 1000]
    assert figures(text, "total is 15 + 8 = {}") == [Decimal(now.total) / 1000]
    standing, level = figures(text, "+ 8 = 7.5 + 8 = {}, level {}:")
    assert (standing * 1000, level) == (now.standing, now.level)
    reached = figures(text, "the {} of level {} are reached, the {} of level {} are not")
    assert reached == [
        one for n in (1, 2) for one in (Decimal(RULES.levels[n - 1]).scaleb(-3).normalize(), n)
    ]
    days, half, later, total = figures(
        text, "{} days later the standing is 15.5/2 = {}, level {}, and the total still {}."
    )
    (then,) = ledgers(acts, BOOK, DAY + int(days))
    assert (half * 1000, later, total * 1000) == (then.standing, then.level, then.total)


def test_standing_by_topic() -> None:
    _, text = worked("4")
    assert "the 15 are for a post about `tea` and `pots`" in text
    assert "the 8 for one about `oolong` (below `tea` in the tree), `pots` and `cups`" in text
    acts = [
        act("accepted", "ben", "asha/1", day=DAY - 180, topics=("tea", "pots")),
        act("solved", "chen", "asha/2", day=DAY, topics=("oolong", "pots", "cups")),
    ]
    found = lines(Book(acts, BOOK), "asha")
    by_topic = topic_standing(found, RULES, DAY, {"oolong": "tea"})
    alone = topic_standing(found[:1], RULES, DAY)
    left, share, pots, small = figures(
        text,
        "7.5/2 = {} is left today, and 8/3 = {}. So `pots` stands at 3.75 + 2.666 = {}, `tea` at as much "
        "with what is below it, `oolong` and `cups` at {} each",
    )
    assert alone == {"pots": left * 1000, "tea": left * 1000}
    assert share == small
    assert by_topic == {
        "cups": small * 1000,
        "oolong": small * 1000,
        "pots": pots * 1000,
        "tea": pots * 1000,
    }


# ---------------------------------------------------------------- 5


def test_the_cap_and_the_floor() -> None:
    (text,) = worked("5.1")
    stack = rulebook([parse(STACK.read_text("utf-8"))])
    cap, up, down = figures(
        text,
        "cap is {}, acceptances exempt, and a day brought {} votes up, {} down and an accepted",
    )
    votes = [act("upvote", f"u{n}", "asha/1", ms=n) for n in range(int(up))]
    votes += [act("downvote", f"d{n}", "asha/1", ms=100 + n) for n in range(int(down))]
    found = lines(Book([*votes, act("accepted", "ben", "asha/2", ms=999)], stack), "asha")
    total, bound, over, none, rest, day, accepted, whole = figures(
        text,
        "= {} is over by 226 − {} = {}: of the last three votes up two now count 10 − 10 = {} and the one "
        "before 10 − 6 = {}. The day gives {} + {} = {}.",
    )
    assert cap == bound == day == stack.versions[0].cap.points  # type: ignore[union-attr]
    assert total - over == cap
    assert total == sum([line.base for line in found if line.kind != "accepted"])
    ups = [line.milli_points for line in found if line.kind == "upvote"]
    assert ups == [10_000] * 20 + [rest * 1000, none * 1000, none * 1000]
    assert found[-1].milli_points == accepted * 1000
    assert sum([line.milli_points for line in found]) == whole * 1000
    (low,) = ledgers([votes[-1]], stack, DAY)
    said = figures(
        text, "one vote down and nothing else has a total of {} and is shown the floor, {}."
    )
    assert [one * 1000 for one in said] == [low.total, low.standing]


def test_the_causes_of_a_what_if() -> None:
    (text,) = worked("5.2")
    acts = [act("helpful", "ben", f"asha/{n}", ms=n) for n in range(2)]

    def moved(old: str, new: str) -> Moved:
        changed = parse(RULES_TEXT.replace('"2026-1"', '"new"').replace(old, new))
        (one,) = what_if(acts, BOOK, changed, DAY).moved
        return one

    new, old = figures(text, "By a version that says {} instead of {} she")
    dear = moved(f"points = {old}", f"points = {new}")
    plain = moved('factors = ["pair", ', "factors = [")
    now, was, more = figures(text, "the cause is `helpful`: {} − {} = {}")
    assert [one * 1000 for one in (was, now)] == [dear.before.total, dear.after.total]
    assert dear.causes == (Cause("helpful", int(more * 1000)),)
    now, was, more = figures(text, "the cause is `pair`: {} − {} = {}")
    assert [one * 1000 for one in (was, now)] == [plain.before.total, plain.after.total]
    assert plain.causes == (Cause("pair", int(more * 1000)),)


def test_the_root() -> None:
    (text,) = worked("5.3")
    years, leap, january, day = figures(text, "2026, which is day {} · 365 + {} + {} = {},")
    assert day == years * 365 + leap + january == day_number(date(2026, 2, 1))
    assert "on 1 February 2026, which" in text
    given = [act("helpful", giver, f"asha/{n}", day=int(day) + n) for n, giver in enumerate("bc")]
    (ours,) = ledgers(given, BOOK, int(day) + 1)
    (printed,) = re.findall(r"`printf '([^']*)' \| sha256sum`", text)
    plain = printed.replace(r"\n", "\n")
    assert leaf(ours) == sha256(plain.encode()).hexdigest()
    assert figures(text, "was given {} points")[0] * 1000 == ours.lines[0].milli_points
    assert figures(text, "and {} on the day after")[0] * 1000 == ours.lines[1].milli_points
    (less,) = figures(text, "With {} points on the second day")
    other = ours.lines[1]._replace(milli_points=int(less * 1000))
    changed = ours._replace(lines=(ours.lines[0], other))
    assert re.findall(r"`([0-9a-f]{12})\.\.\.`", text) == [
        one[:12] for one in (leaf(ours), root([ours]), leaf(changed))
    ]


# ---------------------------------------------------------------- 8


def test_shared_hours_and_load() -> None:
    (text,) = worked("8.4")
    begin, end = re.findall(r"nine to five in Kolkata is (\d+:\d+) to (\d+:\d+) in Berlin", text)[0]
    january = date(2026, 1, 15)
    for clock, theirs in ((9, begin), (17, end)):
        there = datetime.combine(january, time(clock), ZoneInfo("Asia/Kolkata"))
        here = there.astimezone(ZoneInfo("Europe/Berlin"))
        assert f"{here.hour}:{here.minute:02}" == theirs
    noon = day_number(january) * DAY_MS + DAY_MS // 2
    (hours,) = figures(text, "12.5 − 9 = {} hours of their day are shared")
    assert shared_minutes(noon, "Europe/Berlin", "Asia/Kolkata") == hours * 60
    assert figures(text, "where it is {} hours earlier") == [Decimal("4.5")]
    answers, calls, load, fewer = figures(
        text,
        "gave {} answers in the seven days and is named in {} open questions has 6 + 4 = {} and stands behind "
        "those who have less; named in {}, not yet.",
    )
    assert load == answers + calls == BUSY
    assert Load(int(answers), int(calls)).is_busy
    assert not Load(int(answers), int(fewer)).is_busy
    assert fewer == calls - 1


def test_influence() -> None:
    (text,) = worked("8.5")
    counts = figures(text, "solved a problem for {}, {} and {} people")
    home = {"b": "IN", "c": "IN", "d": "DE", "e": "DE", "f": "FR"}
    users = ("bcde", "bcd", "f")
    assert [len(people) for people in users] == counts
    acts = [
        act("solved", who, f"asha/{n}", unit=f"of {who}", country=home[who])
        for n, people in enumerate(users)
        for who in people
    ]
    found = influence(acts, "asha", BOOK, DAY)
    assert figures(text, "so h is {}.") == [found.breadth]
    uses, people, both = figures(text, "= {} uses are of {} people, as {} people used both")
    assert (uses, people, both) == (len(acts), found.people, len(set("bcde") & set("bcd")))
    *in_each, countries = figures(
        text, "{} of the five are in India, {} in Germany and {} in France: {} "
    )
    assert in_each == [list(home.values()).count(country) for country in ("IN", "DE", "FR")]
    assert countries == len(found.countries)
    (many,) = figures(text, "Were the first post of use to {} people")
    hit = [act("solved", f"x{n}", "asha/0", unit=f"of x{n}") for n in range(int(many) - 4)]
    wide = influence([*acts, *hit], "asha", BOOK, DAY)
    assert figures(text, "h would still be {}.") == [wide.breadth]


def test_medians() -> None:
    (text,) = worked("8.6")
    assert text.startswith("Worked: ten people agreed.")
    days = figures(text, "questions came {}, {}, {}, {}, {}, {}, {}, {}, {} and {} days after")
    paths = [{STARTED: 0, "question": int(day) * DAY_MS} for day in days]
    for path in paths[:9]:  # as the page says of papers
        path["paper"] = DAY_MS
    (only,) = medians(paths, COHORT_PEOPLE_MIN)
    assert figures(text, "median is {} days of {} people") == [only.days, only.people]
    assert only.name == "question"
    assert figures(text, "that one took {} days moves nothing") == [max(days)]
    assert "Nine of them have written a paper, so of papers no median is told." in text


# ---------------------------------------------------------------- 11


def pair(posts: int, outsiders: int) -> Circle:
    """Two who mark all of each other's posts; others whose problem one of these solved."""
    acts = [
        act("helpful", giver, f"{author}/{n}", ms=n)
        for giver, author in (("asha", "ben"), ("ben", "asha"))
        for n in range(posts)
    ]
    acts += [act("solved", f"x{n}", "asha/0", ms=100 + n) for n in range(outsiders)]
    found = ledgers_of(acts, BOOK)
    return circle_of(("asha", "ben"), "2026Q1", [*found["asha"], *found["ben"]], BOOK)


def test_the_share_of_a_ring() -> None:
    (text,) = worked("11.2")
    posts, credits, base = figures(
        text, "marked {} posts each of the other's as helpful, {} credits of 24 · 5 = {} "
    )
    three, four = pair(int(posts), 3), pair(int(posts), 4)
    assert (credits, base * 1000) == (three.credits, three.inside)
    outside, share = figures(
        text, "3 · 8 = {}: the share is 120/(120 + 24) = {}, a case. With a fourth"
    )
    assert outside * 1000 == three.received - three.inside
    assert (share * 1000, three.is_case) == (three.share, True)
    share = figures(text, "120/(120 + 32) = {}, and none;")[0]
    assert (share * 1000, four.is_case) == (four.share, False)
    (fewer,) = figures(text, "nor is it one with {} posts each, whatever the share")
    assert (pair(int(fewer), 0).is_case, pair(int(fewer) + 1, 0).is_case) == (False, True)
    left, of = figures(text, "both together {} of the {} points")
    assert f"of {of} points, of which {left} count after damping" in words(three)
    assert (left, of) == (three.counted // 1000, three.inside // 1000)
    last = figures(text, "of 5 · (1 + 1/2 + 1/3 + ... + 1/{})")[0]
    assert last == posts
