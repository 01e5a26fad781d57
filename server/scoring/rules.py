"""Versioned rules: weights, fixed-point tables and thresholds, each version with its effective day.

A version is a TOML file, published as it stands. Days before a version's effective day keep the rules
they had. Every fraction ships as a table of 32-bit fixed-point integers, so that two implementations
cannot differ by a rounding (docs/scoring.md section 3).
"""

import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from server.scoring import knowledge
from server.scoring.knowledge import Expertise, Influence

ONE = knowledge.ONE
"""1.0 in fixed point."""
DAY_MS = 86_400_000
FACTORS = ("pair", "unit", "mutual", "border")
"""Every factor there is, in the order in which they apply."""
_EPOCH = date(1970, 1, 1).toordinal()
DAYS_REMEMBERED = 4_096
"""Eleven years of days whose quarter need not be worked out again."""


class Weight(NamedTuple):
    """What one kind of act is worth, in whole points; less than nothing where rules say so."""

    points: int
    named: bool
    """The act was public, so its giver is named on the line."""
    own: bool
    """The one paid act of one's own: outside the counts of thanks given and received."""
    outside_unit: bool
    """Scores only when giver and author are of different units."""
    text: str
    """What happened, said to the receiver."""
    by: str = ""
    """Who did it where "a colleague" is not the word: the voters, a moderator."""


class Status(NamedTuple):
    """What a ruling does to the credits it is about."""

    status: str
    text: str


class Mutual(NamedTuple):
    """m = 1 - weight * kappa * rho once both gave ``threshold`` to each other in a quarter."""

    threshold: int
    weight: tuple[int, int]
    prior: int


class Cap(NamedTuple):
    """The kinds that are not exempt give a person ``points`` at most on a UTC day."""

    points: int
    exempt: tuple[str, ...]


class Rules(NamedTuple):
    """One version of the rules. A factor that does not apply has no table and no numbers."""

    id: str
    effective: int
    """The first day it holds for."""
    weights: Mapping[str, Weight]
    statuses: Mapping[str, Status]
    """Kind of ruling -> status; of two rulings on one credit the earlier in the file is the reason given."""
    factors: tuple[str, ...]
    """The factors that apply, in their order."""
    inverse: tuple[int, ...]
    """1/k for k = 1, 2 ...; past the end the last entry holds."""
    inverse_sqrt: tuple[int, ...]
    """1/sqrt(k), likewise."""
    mutual: Mutual
    border: tuple[int, int]
    cap: Cap | None
    half_life_days: int
    """0: standing never decays."""
    decay: tuple[int, ...]
    """2**(-d / half_life_days) for the days of one half-life."""
    levels: tuple[int, ...]
    """Milli-points of standing from which level 1, 2 ... is held."""
    floor: int | None
    """Milli-points below which nobody's standing is shown."""
    expertise: Expertise | None
    influence: Influence

    def decayed(self, milli: int, days: int) -> int:
        """What ``milli`` points count after some days."""
        return decayed(milli, days, self.decay) if self.half_life_days else milli

    def level(self, standing: int) -> int:
        return bisect_right(self.levels, standing)


@dataclass(frozen=True)
class Rulebook:
    """All versions, oldest first."""

    versions: tuple[Rules, ...]

    def on(self, day: int) -> Rules:
        """The version in force on a day; days before the first version take the first."""
        if len(self.versions) == 1:
            return self.versions[0]
        return self.versions[max(bisect_right(self._effective, day) - 1, 0)]

    @cached_property
    def _effective(self) -> list[int]:
        return [rules.effective for rules in self.versions]

    @cached_property
    def judgements(self) -> dict[str, bool]:
        """Every kind of judgement of any version, and whether it is one's own act."""
        return {kind: w.own for rules in self.versions for kind, w in rules.weights.items()}

    @cached_property
    def rulings(self) -> frozenset[str]:
        """Every kind of ruling of any version."""
        return frozenset().union(*[rules.statuses for rules in self.versions])

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever any rule does: stored ledgers of another fingerprint are built anew. Kept, as it takes
        0.2 ms and those who follow the tap compare it in every round."""
        plain = [
            (*rules, *rules.weights.items(), *rules.statuses.items()) for rules in self.versions
        ]
        return f"{self.versions[-1].id}+{sha256(repr(plain).encode()).hexdigest()[:12]}"


def scaled(milli: int, fixed: int, halvings: int = 0) -> int:
    """``milli`` times a fraction in fixed point, cut to whole milli-points towards nothing: what is lost and
    what is won are cut alike."""
    if milli < 0:
        return -(-milli * fixed >> 32 + halvings)
    return milli * fixed >> 32 + halvings


def at(table: tuple[int, ...], k: int) -> int:
    """The k-th entry, counted from 1; past the end the last one holds."""
    return table[min(k, len(table)) - 1]


def decayed(amount: int, days: int, decay: tuple[int, ...]) -> int:
    """What is left after some days; ``decay`` is one half-life, each further one is one bit less."""
    halvings, rest = divmod(days, len(decay))
    return scaled(amount, decay[rest], halvings)


def day_of(milliseconds: int) -> int:
    return milliseconds // DAY_MS


def day_number(day: date) -> int:
    return day.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """The date of a day counted from 1970-01-01."""
    return date.fromordinal(day + _EPOCH)


def quarter_of(milliseconds: int) -> str:
    """The UTC quarter of a moment: ``2026Q1``."""
    return quarter_of_day(milliseconds // DAY_MS)


def quarter_start(number: int) -> int:
    """The first day of the quarter in which a day lies."""
    day = date_of(number)
    return day_number(date(day.year, (day.month - 1) // 3 * 3 + 1, 1))


@lru_cache(DAYS_REMEMBERED)
def quarter_of_day(number: int) -> str:
    day = date_of(number)
    return f"{day.year:04}Q{(day.month + 2) // 3}"


# -- reading rules --------------------------------------------------------------------------------------

_UNDAMPED = Mutual(threshold=1, weight=(0, 1), prior=0)
_PLAIN = (ONE,)
"""The table of a factor that does not apply."""


def parse(text: str) -> Rules:
    """One version from its TOML text. Raises ValueError when it is no rules file."""
    raw = tomllib.loads(text)
    try:
        rules = _build(raw)
        sound = _is_sound(rules)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a rules file: {error!r}") from None
    if not sound:
        raise ValueError(f"rules {rules.id}: a table is empty, too short or outside its bounds")
    return rules


def _build(raw: Mapping[str, Any]) -> Rules:
    factors, tables, standing = set(raw["factors"]), raw.get("tables", {}), raw["standing"]
    if factors - set(FACTORS):
        raise ValueError(f"factors are {', '.join(FACTORS)}")
    half_life = standing["half_life_days"]
    return Rules(
        id=raw["id"],
        effective=day_number(raw["effective"]),
        weights={kind: _weight(item) for kind, item in raw["acts"].items()},
        statuses={kind: Status(**item) for kind, item in raw["rulings"].items()},
        factors=tuple([name for name in FACTORS if name in factors]),
        inverse=tuple(tables["inverse"]) if "pair" in factors else _PLAIN,
        inverse_sqrt=tuple(tables["inverse_sqrt"]) if "unit" in factors else _PLAIN,
        mutual=_mutual(raw["mutual"]) if "mutual" in factors else _UNDAMPED,
        border=_ratio(raw["border"]["factor"]) if "border" in factors else (1, 1),
        cap=_cap(raw["cap"]) if "cap" in raw else None,
        half_life_days=half_life,
        decay=tuple(tables["decay"]) if half_life else (),
        levels=tuple(standing["levels"]),
        floor=standing["floor"] * 1000 if "floor" in standing else None,
        expertise=knowledge.expertise(raw),
        influence=knowledge.influence(raw, raw["acts"]),
    )


def _weight(item: Mapping[str, Any]) -> Weight:
    switches = {name: item.get(name, False) for name in ("named", "own", "outside_unit")}
    return Weight(points=item["points"], text=item["text"], by=item.get("by", ""), **switches)


def _mutual(item: Mapping[str, Any]) -> Mutual:
    return Mutual(item["threshold"], _ratio(item["weight"]), item["prior"])


def _cap(item: Mapping[str, Any]) -> Cap:
    return Cap(item["points"], tuple(sorted(item.get("exempt", ()))))


def _ratio(pair: list[int]) -> tuple[int, int]:
    numerator, denominator = pair
    return numerator, denominator


def _is_sound(rules: Rules) -> bool:
    tables = [rules.inverse, rules.inverse_sqrt]
    tables += [rules.decay] if rules.half_life_days else []
    cap = rules.cap
    return (
        all(table and all(0 <= entry <= ONE for entry in table) for table in tables)
        and len(rules.decay) == rules.half_life_days
        and list(rules.levels) == sorted(set(rules.levels))
        and all(type(weight.points) is int and weight.points for weight in rules.weights.values())
        and not rules.weights.keys() & rules.statuses.keys()
        and rules.mutual.threshold > 0
        and 0 <= rules.mutual.weight[0] <= rules.mutual.weight[1]
        and rules.border[1] > 0
        and (cap is None or (cap.points > 0 and rules.weights.keys() >= set(cap.exempt)))
    )


def rulebook(versions: Iterable[Rules]) -> Rulebook:
    """Raises ValueError when there is no version, when two have one day or one name, when a later one does
    not begin with a quarter (factors count in quarters, and old days stay as they were), or when versions
    disagree on what a kind is."""
    ordered = tuple(sorted(versions, key=lambda rules: rules.effective))
    days = {rules.effective for rules in ordered}
    names = {rules.id for rules in ordered}
    if not ordered or len(days) < len(ordered) or len(names) < len(ordered):
        raise ValueError("a rulebook needs versions with different names and effective days")
    for rules in ordered[1:]:
        if quarter_of_day(rules.effective) == quarter_of_day(rules.effective - 1):
            raise ValueError(f"rules {rules.id}: a later version begins with a quarter")
    book = Rulebook(ordered)
    if book.rulings & book.judgements.keys() or any(
        weight.own != book.judgements[kind]
        for rules in ordered
        for kind, weight in rules.weights.items()
    ):
        raise ValueError("versions disagree on what a kind of act is")
    return book


@cache
def shipped() -> Rulebook:
    """The versions that come with this release (``server/scoring/rules/*.toml``)."""
    folder = files("server.scoring") / "rules"
    texts = [item.read_text("utf-8") for item in folder.iterdir() if item.name.endswith(".toml")]
    return rulebook([parse(text) for text in texts])
