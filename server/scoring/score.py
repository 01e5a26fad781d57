"""From credits to ledger lines, standing and level: integers only (docs/scoring.md sections 3 and 4).

Factors multiply in the order pair, unit, mutual, border, with a floor to milli-points after each.

What a line depends on is local: the credits on its content, its author's quarter, and the quarters of
the mutual circle between giver and author. A ``Book`` made of those alone gives the same lines as one
made of everybody's acts, so one author's quarter can be scored by itself (section 5 names the acts).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from server.scoring.caps import capped, has_cap
from server.scoring.credits import Credit, credits_of
from server.scoring.model import Act, Factor, Ledger, Line
from server.scoring.rules import DAY_MS, ONE, Mutual, Rulebook, Rules, at, scaled

NOTHING: Mapping[str, int] = {}
"""What somebody gave who gave nothing; and since when nobody began anew."""


class Shares(NamedTuple):
    """Of what somebody gave in a quarter, in public lanes."""

    inside: int
    """To those of their mutual circle: to whom they gave the threshold or more, and who gave as much back."""
    all: int


class Counts(Protocol):
    """What the line of one credit asks about what people gave."""

    def given(self, giver: str, quarter: str) -> Mapping[str, int]:
        """Author -> how many of their contents the giver credited in a quarter, in public lanes."""
        ...

    def shares(self, giver: str, quarter: str, threshold: int) -> Shares:
        """How much of it stayed inside."""
        ...


class Placed(NamedTuple):
    """A credit and its place in the two series it belongs to, from 1; 0 where it counts in none."""

    credit: Credit
    nth_of_pair: int
    """Which one of its giver's credits to this author in its quarter it is."""
    nth_of_unit: int
    """Which one of its unit's givers to this content it is from."""


class Book:
    """The credits of an act set with their ordinals, found by author and giver."""

    def __init__(self, acts: Iterable[Act], rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._placed: dict[str, list[Placed]] = {}
        self._given: dict[tuple[str, str], dict[str, int]] = {}
        self._shares: dict[tuple[str, str, int], Shares] = {}
        self._enter(credits_of(acts, rulebook))

    def _enter(self, credits: Iterable[Credit]) -> None:
        """In canonical order, so that an ordinal is a count so far."""
        pairs: dict[tuple[str, str, str, bool], int] = {}
        units: dict[tuple[str, str], int] = {}
        for credit in credits:
            act, own = credit.strongest, credit.weight.own
            nth_of_pair = nth_of_unit = 0
            if not credit.ruling:
                pair = (act.giver, act.author, credit.quarter, own)
                nth_of_pair = pairs[pair] = pairs.get(pair, 0) + 1
                nth_of_unit = 1
                if act.giver_unit and not own:
                    unit = (act.content, credit.unit)
                    nth_of_unit = units[unit] = units.get(unit, 0) + 1
                # Only what every region sees may enter the circles: any of them can audit the damping.
                if act.public and not own:
                    row = self._given.setdefault((act.giver, credit.quarter), {})
                    row[act.author] = row.get(act.author, 0) + 1
            placed = Placed(credit, nth_of_pair, nth_of_unit)
            self._placed.setdefault(act.author, []).append(placed)

    @property
    def authors(self) -> list[str]:
        return sorted(self._placed)

    def placed(self, author: str) -> list[Placed]:
        """What the author was credited with, in canonical order."""
        return self._placed.get(author, [])

    def given(self, giver: str, quarter: str) -> Mapping[str, int]:
        return self._given.get((giver, quarter), NOTHING)

    def shares(self, giver: str, quarter: str, threshold: int) -> Shares:
        key = (giver, quarter, threshold)
        found = self._shares.get(key)
        if found is None:
            given = self.given(giver, quarter)
            inside = [
                count
                for other, count in given.items()
                if count >= threshold and self.given(other, quarter).get(giver, 0) >= threshold
            ]
            found = self._shares[key] = Shares(sum(inside), sum(given.values()))
        return found


def lines(book: Book, author: str, quarter: str | None = None) -> list[Line]:
    """The author's ledger lines in canonical order, of one quarter or of all."""
    found = [
        line_of(placed, book)
        for placed in book.placed(author)
        if quarter is None or placed.credit.quarter == quarter
    ]
    if has_cap(book.rulebook):
        return capped(found, book.rulebook)
    return found


def line_of(placed: Placed, counts: Counts) -> Line:
    """A credit's line but for what a daily cap takes off."""
    credit = placed.credit
    act, weight, abroad = credit.strongest, credit.weight, _abroad(credit.strongest)
    milli = 0
    factors: tuple[Factor, ...] = ()
    if not credit.ruling:
        milli = weight.points * 1000
        # With most credits there are none.
        if multipliers := _multipliers(placed, counts, weight.own, abroad):
            factors = _factors(milli, multipliers)
            milli = factors[-1].milli
    # By position, in the order of the fields: naming fifteen takes as long as all the rest of this function.
    return Line(
        credit.act,
        act.author,
        credit.at,
        act.kind,
        act.content,
        act.giver,
        abroad,
        weight.points,
        factors,
        milli,
        credit.quarter,
        credit.rules.id,
        credit.status,
        act.topics,
        credit.ruling,
    )


def _abroad(act: Act) -> bool:
    giver, author = act.giver_country, act.author_country
    return giver != author and giver != "" and author != ""


def _factors(milli: int, multipliers: Iterable[tuple[str, int, int]]) -> tuple[Factor, ...]:
    """The steps, each with the milli-points after it."""
    steps = []
    for name, ordinal, fixed in multipliers:
        milli = scaled(milli, fixed)
        steps.append(Factor(name, ordinal, fixed, milli))
    return tuple(steps)


def _multipliers(
    placed: Placed, counts: Counts, own: bool, abroad: bool
) -> list[tuple[str, int, int]]:
    """Name, ordinal and multiplier of each factor that applies and is not 1."""
    credit, k, n = placed
    rules = credit.rules
    found = []
    if (fixed := at(rules.inverse, k)) != ONE:
        found.append(("pair", k, fixed))
    if own:
        return found
    if (fixed := at(rules.inverse_sqrt, n)) != ONE:
        found.append(("unit", n, fixed))
    if not credit.undamped and (fixed := _mutual(credit, rules.mutual, counts)) != ONE:
        found.append(("mutual", 0, fixed))
    if abroad and (fixed := rules.border[0] * ONE // rules.border[1]) != ONE:
        found.append(("border", 0, fixed))
    return found


def _mutual(credit: Credit, mutual: Mutual, counts: Counts) -> int:
    """m = 1 - weight * kappa * rho in fixed point; 1 outside a mutual circle.

    kappa: the share of all the giver gave that stayed inside their mutual circle, with a prior against
    small numbers. rho: how even the exchange between the two was."""
    giver, author, quarter = credit.strongest.giver, credit.strongest.author, credit.quarter
    there = counts.given(giver, quarter).get(author, 0)
    if there < mutual.threshold:
        return ONE
    back = counts.given(author, quarter).get(giver, 0)
    if back < mutual.threshold:
        return ONE
    inside, every = counts.shares(giver, quarter, mutual.threshold)
    over = mutual.weight[0] * inside * 2 * min(there, back)
    under = mutual.weight[1] * (every + mutual.prior) * (there + back)
    return ONE - ONE * over // under


def standing(points: Iterable[tuple[int, int]], rules: Rules, day: int) -> int:
    """The decayed sum of (time, milli-points) on a day: B[d] * 2^(-(day - d) / half-life).

    Summed from whole-day buckets, so it never depends on when or how often it was computed; what is
    placed after the day does not count yet. Never below the rules' floor, where they have one."""
    buckets: dict[int, int] = {}
    for moment, milli in points:
        d = moment // DAY_MS
        buckets[d] = buckets.get(d, 0) + milli
    worth = sum([rules.decayed(milli, day - d) for d, milli in buckets.items() if d <= day])
    return worth if rules.floor is None else max(worth, rules.floor)


def ledger(book: Book, author: str, rulebook: Rulebook, day: int, since: int = 0) -> Ledger:
    """A person's whole account as of a day; of lines from ``since`` (UTC milliseconds), where they began anew."""
    credited = tuple([line for line in lines(book, author) if line.at >= since])
    rules = rulebook.on(day)
    worth = standing([(line.at, line.milli_points) for line in credited], rules, day)
    total = sum([line.milli_points for line in credited])
    return Ledger(author, day, rules.id, total, worth, rules.level(worth), credited)


def ledgers(
    acts: Iterable[Act], rulebook: Rulebook, day: int, anew: Mapping[str, int] = NOTHING
) -> list[Ledger]:
    """Everybody's account at the end of a UTC day, by person; acts of later days are not known yet.

    ``anew``: since when (UTC milliseconds) the ledger holds anything, of those who began anew."""
    end = (day + 1) * DAY_MS
    book = Book([act for act in acts if act.at < end], rulebook)
    return [ledger(book, author, rulebook, day, anew.get(author, 0)) for author in book.authors]
