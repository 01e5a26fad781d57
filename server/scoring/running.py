"""Ledgers that are kept up to date: one content more costs what it changes, not what there is.

For whoever can hold the credits of the quarters at hand in memory. A content's acts are put whole, as often as
anything about them changes; what comes back are the lines that this may have changed, on any content. They
equal those of a full replay (tests/unit/scoring/test_following.py). What a credit can change of others:

- a later ordinal for the giver's next credits to the same author in the quarter (``pair``)
- a later ordinal for the next of its unit on the same content (``unit``)
- how much the giver gave in all, and whether two people form a circle (``mutual``): the lines inside the
  circles of these two
- where rules have a daily cap: the other lines of the author's day
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from server.scoring.caps import capped, has_cap
from server.scoring.credits import Credit, Rulings, credits_of, standing_acts
from server.scoring.model import Act, Line
from server.scoring.rules import Rulebook, day_of
from server.scoring.score import Placed, Shares, line_of

Pair = tuple[str, str, bool]
"""Giver, author, and whether it is an act of the author's own."""
Series = list[tuple[int, str, str]]
"""(time, act, content) of credits, in canonical order."""
Place = tuple[str, str]
"""Content and act: where a credit is found."""
NONE: Mapping[str, int] = {}
NO_CREDITS: Mapping[str, Credit] = {}


class Changed(NamedTuple):
    """What putting contents may have changed. A line that is as it was may be among them."""

    lines: list[Line]
    gone: set[str]
    """Acts whose lines are no more."""


class Quarter:
    """What is counted within one."""

    __slots__ = ("circles", "contents", "days", "given", "pairs", "shares")

    def __init__(self) -> None:
        self.pairs: dict[Pair, Series] = {}
        """The credits that count."""
        self.given: dict[str, dict[str, int]] = {}
        self.circles: dict[str, set[str]] = {}
        self.shares: dict[str, Shares] = {}
        """Of givers whose lines were asked for since they gave."""
        self.days: dict[tuple[str, int], set[Place]] = {}
        """Where rules have a daily cap: the credits of an author's day."""
        self.contents: set[str] = set()
        """Those that were credited."""


class Running:
    """The credits of an act set. ``rulings``: those that name people; what happened to a content is put
    with its acts. When a ruling comes, ``rule`` and put every content it may be about again."""

    def __init__(self, rulebook: Rulebook, rulings: Iterable[Act] = ()) -> None:
        self.rulebook = rulebook
        self.rule(rulings)
        self._credits: dict[str, Mapping[str, Credit]] = {}
        self._nth_of_unit: dict[str, dict[str, int]] = {}
        """Content -> act -> which one of its unit's it is, where it is not the first."""
        self._quarters: dict[str, Quarter] = {}
        self._since = ""
        """Quarters before this one are forgotten."""
        self._capped = has_cap(rulebook)
        self._touched: set[Place] = set()

    def rule(self, rulings: Iterable[Act]) -> None:
        """From now on these rulings hold, and no others."""
        standing = standing_acts(rulings)
        self._rulings = Rulings(standing) if standing else None

    def put(self, contents: Mapping[str, Collection[Act]]) -> Changed:
        """These are all acts on these contents, whatever they were before."""
        self._touched = set()
        gone: set[str] = set()
        for content, acts in contents.items():
            gone |= self._replace(content, acts)
        self._touch_days()
        found = [
            credit
            for content, act in self._touched
            if (credit := self._credit(content, act)) is not None
        ]
        return Changed(self._lines(found), gone - {credit.act for credit in found})

    def keep(self, since: str) -> None:
        """Forgets every quarter before this one: what is placed there changes no line any more. Never comes back."""
        self._since = max(self._since, since)
        since = self._since
        old = [self._quarters.pop(name) for name in list(self._quarters) if name < since]
        left = set[str]().union(*[quarter.contents for quarter in old])
        for content in left.difference(*[kept.contents for kept in self._quarters.values()]):
            self._credits.pop(content, None)
            self._nth_of_unit.pop(content, None)

    def _credit(self, content: str, act: str) -> Credit | None:
        """Of a quarter that is not forgotten."""
        found = self._credits.get(content, NO_CREDITS).get(act)
        return found if found and found.quarter >= self._since else None

    # -- what a line asks (score.Counts) -----------------------------------------------------------------

    def given(self, giver: str, quarter: str) -> Mapping[str, int]:
        return self._quarter(quarter).given.get(giver, NONE)

    def shares(self, giver: str, quarter: str, _threshold: int) -> Shares:
        """Kept until the giver's exchange changes: most lines that one act changes are of one giver.

        The threshold is the one by which the quarter's circles were formed: versions begin with a quarter, so
        every credit of a quarter has the same."""
        counted = self._quarter(quarter)
        found = counted.shares.get(giver)
        if found is None:
            given = counted.given.get(giver, NONE)
            inside = sum([given[other] for other in counted.circles.get(giver, ())])
            found = counted.shares[giver] = Shares(inside, sum(given.values()))
        return found

    def _quarter(self, name: str) -> "Quarter":
        found = self._quarters.get(name)
        if found is None:
            found = self._quarters[name] = Quarter()
        return found

    # -- one content -------------------------------------------------------------------------------------

    def _replace(self, content: str, acts: Collection[Act]) -> set[str]:
        credits = {credit.act: credit for credit in credits_of(acts, self.rulebook, self._rulings)}
        old, new = self._kept(self._credits.get(content, NO_CREDITS)), self._kept(credits)
        if new:
            self._credits[content] = credits
        else:
            credits = {}
            self._credits.pop(content, None)
        for act, credit in old.items():
            if new.get(act) != credit:
                self._take(credit)
        for act, credit in new.items():
            if old.get(act) != credit:
                self._give(credit)
        self._count_units(content, credits)
        return old.keys() - new.keys()

    def _kept(self, credits: Mapping[str, Credit]) -> Mapping[str, Credit]:
        """Those of quarters that are not forgotten."""
        if not self._since:
            return credits
        return {act: credit for act, credit in credits.items() if credit.quarter >= self._since}

    def _give(self, credit: Credit) -> None:
        place = (credit.strongest.content, credit.act)
        self._touched.add(place)
        quarter = self._quarter(credit.quarter)
        quarter.contents.add(place[0])
        if self._capped:
            quarter.days.setdefault(_day(credit), set()).add(place)
        if not credit.ruling:
            entry = (credit.at, credit.act, place[0])
            entries = quarter.pairs.setdefault(_pair(credit), [])
            nth = bisect_left(entries, entry) if entries else 0
            entries.insert(nth, entry)
            self._touch_from(entries, nth + 1)
            self._exchange(credit, quarter, 1)

    def _take(self, credit: Credit) -> None:
        quarter = self._quarter(credit.quarter)
        if self._capped:
            day = quarter.days[_day(credit)]
            day.discard((credit.strongest.content, credit.act))
            self._touched |= day
        if not credit.ruling:
            pair = _pair(credit)
            entries = quarter.pairs[pair]
            nth = bisect_left(entries, (credit.at, credit.act))
            del entries[nth]
            self._touch_from(entries, nth)
            if not entries:
                del quarter.pairs[pair]
            self._exchange(credit, quarter, -1)

    def _count_units(self, content: str, credits: Mapping[str, Credit]) -> None:
        """Notes who is not the first of their unit, which on most contents is nobody."""
        old = self._nth_of_unit.get(content, NONE)
        new = _later_of_units(credits) if len(credits) > 1 else {}
        if new == old:
            return
        for act in old.keys() | new.keys():
            if act in credits and old.get(act) != new.get(act):
                self._touched.add((content, act))
        if new:
            self._nth_of_unit[content] = new
        else:
            del self._nth_of_unit[content]

    # -- what others' lines notice -------------------------------------------------------------------------

    def _touch_from(self, entries: list[tuple[int, str, str]], nth: int) -> None:
        """From here on in a pair's series every ordinal is another."""
        if nth < len(entries):
            self._touched |= {(content, act) for _, act, content in entries[nth:]}

    def _exchange(self, credit: Credit, counted: Quarter, more: int) -> None:
        """The giver gave the author one more, or one less."""
        act = credit.strongest
        if credit.weight.own or not act.public:
            return
        giver, author = act.giver, act.author
        counted.shares.pop(giver, None)
        row = counted.given.setdefault(giver, {})
        count = row[author] = row.get(author, 0) + more
        if not count:
            del row[author]
        circle = counted.circles.get(giver)
        least = credit.rules.mutual.threshold
        mutual = count >= least and counted.given.get(author, NONE).get(giver, 0) >= least
        if not circle and not mutual:
            return
        if (circle is not None and author in circle) != mutual:
            self._touch_circle(author, counted)  # as it was
            self._touch_circle(giver, counted)
            _turn(giver, author, counted, mutual)
        if mutual:
            self._touch_circle(author, counted)
        self._touch_circle(giver, counted)

    def _touch_circle(self, person: str, counted: Quarter) -> None:
        for other in counted.circles.get(person, ()):
            for _, act, content in counted.pairs.get((person, other, False), ()):
                self._touched.add((content, act))

    # -- lines ---------------------------------------------------------------------------------------------

    def _touch_days(self) -> None:
        if not self._capped:
            return
        for content, act in list(self._touched):
            if credit := self._credit(content, act):
                self._touched |= self._quarter(credit.quarter).days[_day(credit)]

    def _line(self, credit: Credit) -> Line:
        if credit.ruling:
            return line_of(Placed(credit, 0, 0), self)
        entries = self._quarter(credit.quarter).pairs[_pair(credit)]
        k = 1 if len(entries) == 1 else bisect_left(entries, (credit.at, credit.act)) + 1
        n = self._nth_of_unit.get(credit.strongest.content, NONE).get(credit.act, 1)
        return line_of(Placed(credit, k, n), self)

    def _lines(self, credits: list[Credit]) -> list[Line]:
        if not self._capped:
            return [self._line(credit) for credit in credits]
        by_author: dict[str, list[Credit]] = {}
        for credit in sorted(credits, key=lambda credit: (credit.at, credit.act)):
            by_author.setdefault(credit.strongest.author, []).append(credit)
        return [
            line
            for found in by_author.values()
            for line in capped([self._line(credit) for credit in found], self.rulebook)
        ]


def _pair(credit: Credit) -> Pair:
    act = credit.strongest
    return act.giver, act.author, credit.weight.own


def _turn(one: str, other: str, counted: Quarter, mutual: bool) -> None:
    for person, friend in ((one, other), (other, one)):
        counted.shares.pop(person, None)
        circle = counted.circles.setdefault(person, set())
        if mutual:
            circle.add(friend)
        else:
            circle.discard(friend)


def _later_of_units(credits: Mapping[str, Credit]) -> dict[str, int]:
    """Act -> which one of its unit's it is, of the second and later ones on one content."""
    units: dict[str, int] = {}
    later: dict[str, int] = {}
    for act, credit in credits.items():
        unit = "" if credit.ruling or credit.weight.own else credit.unit
        if unit:
            nth = units[unit] = units.get(unit, 0) + 1
            if nth > 1:
                later[act] = nth
    return later


def _day(credit: Credit) -> tuple[str, int]:
    return credit.strongest.author, day_of(credit.at)
