"""Versioned rules: weights, fixed-point tables and thresholds, each version with its effective day.

A version is a TOML file, published as it stands. Days before a version's effective day keep the rules
they had. Every fraction ships as a table of 32-bit fixed-point integers, so that two implementations
cannot differ by a rounding (docs/scoring.md section 3).
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

ONE = 1 << 32
"""1.0 in fixed point."""
DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


class Weight(NamedTuple):
    """What one kind of act is worth, in whole points."""

    points: int
    named: bool
    """The act was public, so its giver is named on the line."""
    own: bool
    """The one paid act of one's own: outside the counts of thanks given and received."""
    outside_unit: bool
    """Scores only when giver and author are of different units."""
    text: str
    """What happened, said to the receiver."""


class Status(NamedTuple):
    """What an act about the content itself does to the credits on it."""

    status: str
    text: str


class Mutual(NamedTuple):
    """m = 1 - weight * kappa * rho once both gave ``threshold`` to each other in a quarter."""

    threshold: int
    weight: tuple[int, int]
    prior: int


class Rules(NamedTuple):
    """One version of the rules."""

    id: str
    effective: int
    """The first day it holds for."""
    weights: Mapping[str, Weight]
    statuses: Mapping[str, Status]
    inverse: tuple[int, ...]
    """1/k for k = 1, 2 ...; past the end the last entry holds."""
    inverse_sqrt: tuple[int, ...]
    """1/sqrt(k), likewise."""
    mutual: Mutual
    border: tuple[int, int]
    half_life_days: int
    decay: tuple[int, ...]
    """2**(-d / half_life_days) for the days of one half-life."""
    levels: tuple[int, ...]
    """Milli-points of standing from which level 1, 2 ... is held."""

    def decayed(self, milli: int, days: int) -> int:
        """What ``milli`` points count after some days; each further half-life is one bit less."""
        halvings, rest = divmod(days, self.half_life_days)
        return milli * self.decay[rest] >> (32 + halvings)

    def level(self, standing: int) -> int:
        return sum([standing >= threshold for threshold in self.levels])


class Rulebook(NamedTuple):
    """All versions, oldest first."""

    versions: tuple[Rules, ...]

    def on(self, day: int) -> Rules:
        """The version in force on a day; days before the first version take the first."""
        held = [rules for rules in self.versions if rules.effective <= day]
        return held[-1] if held else self.versions[0]

    @property
    def fingerprint(self) -> str:
        """Changes whenever any rule does: stored ledgers of another fingerprint are built anew."""
        plain = [
            (*rules, *rules.weights.items(), *rules.statuses.items()) for rules in self.versions
        ]
        return f"{self.versions[-1].id}+{sha256(repr(plain).encode()).hexdigest()[:12]}"


def at(table: tuple[int, ...], k: int) -> int:
    """The k-th entry, counted from 1; past the end the last one holds."""
    return table[min(k, len(table)) - 1]


def day_of(milliseconds: int) -> int:
    return milliseconds // DAY_MS


def day_number(day: date) -> int:
    return day.toordinal() - _EPOCH


def quarter_of(milliseconds: int) -> str:
    """The UTC quarter of a moment: ``2026Q1``."""
    day = date.fromordinal(day_of(milliseconds) + _EPOCH)
    return f"{day.year:04}Q{(day.month + 2) // 3}"


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
    tables, mutual, standing = raw["tables"], raw["mutual"], raw["standing"]
    return Rules(
        id=raw["id"],
        effective=day_number(raw["effective"]),
        weights={kind: _weight(item) for kind, item in raw["acts"].items()},
        statuses={kind: Status(**item) for kind, item in raw["content"].items()},
        inverse=tuple(tables["inverse"]),
        inverse_sqrt=tuple(tables["inverse_sqrt"]),
        mutual=Mutual(mutual["threshold"], _ratio(mutual["weight"]), mutual["prior"]),
        border=_ratio(raw["border"]["factor"]),
        half_life_days=standing["half_life_days"],
        decay=tuple(tables["decay"]),
        levels=tuple(standing["levels"]),
    )


def _weight(item: Mapping[str, Any]) -> Weight:
    switches = {name: item.get(name, False) for name in ("named", "own", "outside_unit")}
    return Weight(points=item["points"], text=item["text"], **switches)


def _ratio(pair: list[int]) -> tuple[int, int]:
    numerator, denominator = pair
    return numerator, denominator


def _is_sound(rules: Rules) -> bool:
    tables = (rules.inverse, rules.inverse_sqrt, rules.decay)
    return (
        all(table and all(0 <= entry <= ONE for entry in table) for table in tables)
        and len(rules.decay) == rules.half_life_days
        and list(rules.levels) == sorted(set(rules.levels))
        and all(weight.points > 0 for weight in rules.weights.values())
        and rules.mutual.threshold > 0
        and 0 <= rules.mutual.weight[0] <= rules.mutual.weight[1]
        and rules.border[1] > 0
    )


def rulebook(versions: Iterable[Rules]) -> Rulebook:
    """Raises ValueError when there is no version, or two for the same day or of the same name."""
    ordered = tuple(sorted(versions, key=lambda rules: rules.effective))
    days = {rules.effective for rules in ordered}
    names = {rules.id for rules in ordered}
    if not ordered or len(days) < len(ordered) or len(names) < len(ordered):
        raise ValueError("a rulebook needs versions with different names and effective days")
    return Rulebook(ordered)


def shipped() -> Rulebook:
    """The versions that come with this release (``server/scoring/rules/*.toml``)."""
    folder = files("server.scoring") / "rules"
    texts = [item.read_text("utf-8") for item in folder.iterdir() if item.name.endswith(".toml")]
    return rulebook([parse(text) for text in texts])
