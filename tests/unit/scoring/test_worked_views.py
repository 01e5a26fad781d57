"""The worked examples of docs/scoring.md section 10: what views show is what the page says."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from server.domain.scoring_policy import DEFAULT
from server.scoring.anonymity import Cell, Name, Shown, publish, rounded, rounded_down
from server.scoring.bands import band_of, bands
from server.scoring.leading import STEPS, Asked, Written, month, peers, span_of
from server.scoring.merits import (
    NOMINEES_OF,
    Merit,
    Place,
    givers_of,
    merits,
    nominated,
    per_region,
)
from server.scoring.model import Act, Line
from server.scoring.rules import shipped
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import act
from tests.unit.scoring.written import figures, worked

BOOK = shipped()
K = DEFAULT.k
KOLKATA = ZoneInfo("Asia/Kolkata")
HOUR, MINUTE = 3_600_000, 60_000


def test_bands() -> None:
    (text,) = worked("10.2")
    people, last, k = figures(
        text, "{} people have standing, 1, 2, 3 ... {} points, and `k` is {}."
    )
    assert (people, k) == (last, K)
    found = bands(range(1, int(people) + 1), K)
    assert found is not None
    assert list(found.floors) == ["top_quarter", "upper_half"]
    tenth, quarter, quarter_floor, half, half_floor = figures(
        text,
        "A tenth is 47/10 = {} people, too few to be told. A quarter is 47/4 = {} people, those from {} points "
        "on; half is 47/2 = {}, those from {} on.",
    )
    assert tenth < K
    assert found.floors == {"top_quarter": quarter_floor, "upper_half": half_floor}
    assert [people - floor + 1 for floor in found.floors.values()] == [quarter, half]
    best, middle, low, told, of = figures(
        text,
        'at {} points one reads "top quarter", at {} "upper half", at {} nothing, and beside it that there are '
        "{} people, which is {} rounded down",
    )
    read = [band_of(int(points), found.floors) for points in (best, middle, low)]
    assert read == ["top_quarter", "upper_half", ""]
    assert (told, of, best) == (found.people, people, last)
    assert band_of(int(middle) + 1, found.floors) == "top_quarter"
    assert band_of(int(low) + 1, found.floors) == "upper_half"


def ledger(acts: list[Act]) -> list[Line]:
    return lines(Book(acts, BOOK), "asha")


def test_boards() -> None:
    (text,) = worked("10.3")
    near = [
        act("helpful", who, "asha/1", ms=n, unit=who, country="IN", author_country="IN")
        for n, who in enumerate("bcd")
    ]
    far = act("helpful", "e", "asha/1", ms=9, unit="e", country="DE", author_country="IN")
    acts = [*near, far]
    *each, whole = figures(text, "In the ledger that is {} + {} + {} + {} = {} points.")
    assert [one * 1000 for one in each] == [line.milli_points for line in ledger(acts)]
    assert whole == sum(each)
    regional = ledger([per_region(one, BOOK) for one in acts])
    found = merits(regional, {"asha/1": Place("help", ("tea", "pots"))}, givers_of(acts), BOOK)
    *each, sum_, people, countries = figures(
        text, "On a board it is {} + {} + {} + {} = {}, for {} people helped in {} countries"
    )
    assert [one * 1000 for one in each] == [line.milli_points for line in regional]
    assert "and as much on the board of `tea` and on that of `pots`" in text
    assert {key.topic for key in found} == {"", "tea", "pots"}
    assert {merit[:2] + merit[3:4] for merit in found.values()} == {
        (sum_ * 1000, people, countries)
    }


def at(day: int, clock: str) -> int:
    """A moment in March 2026, whose 2nd is a Monday, by Asha's colleague's clock."""
    moment = datetime.fromisoformat(f"2026-03-{day:02}T{clock}").replace(tzinfo=KOLKATA)
    return int(moment.timestamp()) * 1000


def test_a_month_of_a_leader() -> None:
    (text,) = worked("10.4")
    moments = (
        (at(6, "16:00"), at(9, "10:00"), "on Friday at 16:00 and replied to on Monday at 10:00"),
        (at(9, "10:00"), at(9, "13:00"), "Monday 10:00 to 13:00"),
        (at(9, "16:30"), at(10, "10:00"), "Monday 16:30 to Tuesday 10:00"),
        (at(9, "10:00"), at(17, "10:00"), "the fourth got her reply after 8 days"),
    )
    assert [words for *_, words in moments if words not in text] == []
    replies, updates = figures(text, "With {} replies and {} updates")
    written = Written(int(replies), int(updates), countries=1, heard=1, returned=1)
    asked = [Asked(when, KOLKATA, then, closed=n < 2) for n, (when, then, _) in enumerate(moments)]
    assert "Two have an accepted answer" in text
    found = month(asked, written)
    first, second, third = [month([one], written).reply_ms for one in asked[:3]]
    waits = figures(
        text, "1 + 1 = {} hours of the asker's working time; Monday 10:00 to 13:00 is {}; Mon"
    )
    waits += figures(text, "Tuesday 10:00 is 0.5 + 1 = {};")
    assert [one * HOUR for one in waits] == [first, second, third]
    said = figures(
        text, "`replied` is {}, `reply_rate` 1000 · 3/4 = {} and `reply_ms` {} hours."
    ) + figures(text, "`closed_rate` 1000 · 2/4 = {}.")
    assert [said[0], said[1], said[2] * HOUR, said[3]] == [
        found.replied,
        found.reply_rate,
        found.reply_ms,
        found.closed_rate,
    ]
    assert figures(text, "`reply_share` is 1000 · 6/8 = {}.") == [found.reply_share]


def test_quartiles_of_peers() -> None:
    (text,) = worked("10.4")
    members, low, high = figures(
        text, "She leads {} people, and is compared with those who lead {} to {}:"
    )
    span = span_of(int(members))
    assert span == f"{low}-{high}"
    first, second, third, last = figures(text, "eleven, at rates of {}, {}, {} ... {},")
    rates = range(int(first), int(last) + 1, int(second - first))
    assert (len(rates), rates[2], rates[-1]) == (11, third, last)
    blank = month([], Written(0, 0, 0, 0, 0))
    shown = peers({f"p{rate}": (span, blank._replace(reply_rate=rate)) for rate in rates}, K)
    quartiles = figures(text, "have the quartiles {}, {} and {}, as a quarter of the way")
    assert shown[span].quartiles["reply_rate"] == tuple(quartiles)
    assert figures(text, "the {}st to the {}th is the middle of {} and {}") == [1, 11, 200, 300]
    assert [2 * quartiles[0]] == [200 + 300]
    minutes, told = figures(text, "A median of {} minutes is told as {}.")
    assert told * MINUTE == rounded(int(minutes) * MINUTE, STEPS["reply_ms"])


def test_nominees() -> None:
    (text,) = worked("10.5")
    people, of, seats = figures(
        text,
        "{} of a region's people were credited in a community and may be named, and 45/{} = 2.25 makes {} seats",
    )
    assert of == NOMINEES_OF
    *points, few = [
        *figures(text, "have six people: {} (who helped"),
        *figures(text, "people), {}, {} (of one team only), {}, {} and {};"),
        *figures(text, "(who helped {} people)"),
    ]
    helped = [int(few), 9, 9, 9, 9, 9]
    units = [3, 3, 1, 3, 3, 3]
    best = {
        f"{milli}": Merit(int(milli), helped[n], units[n], 1, {}) for n, milli in enumerate(points)
    }
    rest = {f"rest {n}": Merit(n, 9, 3, 1, {}) for n in range(int(people) - len(best))}
    assert max([one.milli for one in rest.values()]) < min(points)
    chosen = figures(text, "Nominated are those with {}, {} and {}.")
    assert nominated(best | rest) == sorted([str(one) for one in chosen])
    assert len(chosen) == seats
    silent, told = figures(text, "Of {} nominees who did not consent the list says {}.")
    assert (silent >= K, told) == (True, rounded_down(int(silent)))


def crowd(name: str, amounts: list[int]) -> Cell:
    return Cell(Name("region", name), {f"{name}{n}": one for n, one in enumerate(amounts)})


def only(amounts: list[int]) -> Shown:
    (found,) = publish([crowd("a", amounts)], K).values()
    return found


def test_a_group_that_would_give_another_away() -> None:
    (text,) = worked("10.6")
    k, whole, *sizes = figures(
        text, "`k` is {}, and a company of {} has regions of {}, {} and {} people."
    )
    regions = [crowd(f"r{size}.", [10] * int(size)) for size in sizes]
    everybody = {who: amount for one in regions for who, amount in one.amounts.items()}
    assert (k, whole) == (K, len(everybody))
    shown = publish([Cell(Name("all", ""), everybody), *regions], K)
    assert [one.why for one in shown.values()] == ["", "too_few", "", "would_expose"]
    few, seen, held, left = figures(
        text,
        "The figure of all is shown, that of the {} is too few, that of the {} is shown, and that of the {} is "
        "held back: 55 − 30 − 20 = {} would be left over.",
    )
    assert [few, seen, held, left] == [*sizes, whole - seen - held]


def test_a_group_that_one_dominates_and_figures_that_are_rounded() -> None:
    (text,) = worked("10.6")
    many, together, big, half = figures(
        text,
        "Of {} people who contribute {} together a group is not shown where one contributes {}, as",
    ) + figures(text, "it is where one contributes {}.")
    others = int(many) - 1

    def shared(most: Decimal) -> list[int]:
        """One with so much, the others as equal as can be."""
        each, more = divmod(int(together - most), others)
        return [int(most), *[each + (n < more) for n in range(others)]]

    assert [only(shared(most)).why for most in (big, half)] == ["one_dominates", ""]
    assert only(shared(half + 1)).why == "one_dominates"
    assert figures(text, "as {}/{} = 0.545 is more than half") == [big, together]
    total, people, told = figures(
        text, "Thirteen people with {} between them are shown as {} people and {}."
    )
    found = only([int(total) // 13] * 13)
    assert (found.people, found.total, total % 13) == (people, told, 0)
