"""What a new version of the rules would change: replayed beside the ones in force, before it is switched on.

The new version stands in from the first day of a quarter on; days before keep their rules, and the answer
says so: ``old_lines_changed`` is 0 or the module has a fault. Who moves, by how much and why comes
from comparing the two ledgers line by line.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server.scoring.model import Act, Ledger, Line
from server.scoring.rules import (
    FACTORS,
    ONE,
    Rulebook,
    Rules,
    date_of,
    day_of,
    quarter_start,
    rulebook,
)
from server.scoring.score import NOTHING, ledgers

RULING = "ruling"
STEPS = (*FACTORS, "cap")


class Cause(NamedTuple):
    """Part of why a total moved. ``what``: a kind of act whose worth changed, a factor, ``cap`` or ``ruling``."""

    what: str
    milli: int


class Amounts(NamedTuple):
    total: int
    standing: int
    level: int


class Moved(NamedTuple):
    """Somebody whose total, standing or level differs. The causes add up to the difference of the totals."""

    person: str
    before: Amounts
    after: Amounts
    causes: tuple[Cause, ...]


class Change(NamedTuple):
    """One thing that two versions say differently; of a table how many entries it has."""

    what: str
    before: Any
    after: Any


class Outcome(NamedTuple):
    """The answer. ``people``: with a ledger under either; ``moved``: who moves furthest first."""

    day: int
    since: int
    before: str
    after: str
    changes: tuple[Change, ...]
    people: int
    moved: tuple[Moved, ...]
    old_lines_changed: int


def what_if(
    acts: Iterable[Act],
    book: Rulebook,
    version: Rules,
    day: int,
    since: int | None = None,
    anew: Mapping[str, int] = NOTHING,
) -> Outcome:
    """``since``: a day of the quarter with which the version would have come; by default that of ``day``.
    ``anew``: since when (UTC milliseconds) the ledger holds anything, of those who began anew."""
    start = quarter_start(day if since is None else since)
    tried = trial(book, version, start)
    given = list(acts)
    before = {ledger.person: ledger for ledger in ledgers(given, book, day, anew)}
    after = {ledger.person: ledger for ledger in ledgers(given, tried, day, anew)}
    people = sorted(before.keys() | after.keys())
    pairs = [(name, before.get(name), after.get(name)) for name in people]
    moved = [_moved(*pair) for pair in pairs if _amounts(pair[1]) != _amounts(pair[2])]
    return Outcome(
        day=day,
        since=start,
        before=book.on(start).id,
        after=version.id,
        changes=changes(book.on(start), version),
        people=len(people),
        moved=tuple(sorted(moved, key=_furthest)),
        old_lines_changed=sum([_old_changed(old, new, start) for _, old, new in pairs]),
    )


def trial(book: Rulebook, version: Rules, start: int) -> Rulebook:
    """The rulebook as it would be had the version come on a day: what was before stays, what came after goes.

    Where nothing was in force before, the oldest version keeps those days. Raises ValueError as a rulebook
    does: a version needs a name of its own."""
    kept = [rules for rules in book.versions if rules.effective < start]
    kept = kept or [book.versions[0]._replace(effective=start - 1)]
    return rulebook([*kept, version._replace(effective=start)])


def changes(old: Rules, new: Rules) -> tuple[Change, ...]:
    """What two versions say differently, kinds of acts first."""
    kinds = sorted(old.weights.keys() | new.weights.keys())
    worth = [(f"points of {kind}", _points(old, kind), _points(new, kind)) for kind in kinds]
    worth += [
        (name.replace("_", " "), getattr(old, name), getattr(new, name))
        for name in ("factors", "cap", "mutual", "border", "half_life_days", "floor")
    ]
    found = [Change(*one) for one in worth if one[1] != one[2]]
    tables = ("inverse", "inverse_sqrt", "decay", "levels", "statuses")
    return (
        *found,
        *[
            Change(f"table {name}", len(getattr(old, name)), len(getattr(new, name)))
            for name in tables
            if getattr(old, name) != getattr(new, name)
        ],
    )


def _points(rules: Rules, kind: str) -> int | None:
    weight = rules.weights.get(kind)
    return weight.points if weight else None


def _amounts(ledger: Ledger | None) -> Amounts:
    return Amounts(ledger.total, ledger.standing, ledger.level) if ledger else Amounts(0, 0, 0)


def _furthest(moved: Moved) -> tuple[int, str]:
    return -abs(moved.after.standing - moved.before.standing), moved.person


def _moved(person: str, before: Ledger | None, after: Ledger | None) -> Moved:
    old, new = _by_act(before), _by_act(after)
    causes: Counter[str] = Counter()
    for act in old.keys() | new.keys():
        was, now = old.get(act), new.get(act)
        milli = (now.milli_points if now else 0) - (was.milli_points if was else 0)
        if milli:
            causes[_cause(was, now)] += milli
    found = [Cause(what, milli) for what, milli in causes.items() if milli]
    found.sort(key=lambda cause: (-abs(cause.milli), cause.what))
    return Moved(person, _amounts(before), _amounts(after), tuple(found))


def _by_act(ledger: Ledger | None) -> dict[str, Line]:
    return {line.act: line for line in ledger.lines} if ledger else {}


def _cause(was: Line | None, now: Line | None) -> str:
    """The first thing that differs between two lines of one act, in the order in which they are made."""
    if was is None or now is None:
        return next(line.kind for line in (was, now) if line is not None)
    if was.status != now.status:
        return RULING
    if (was.kind, was.base) != (now.kind, now.base):
        return now.kind
    old, new = [{step.name: step.fixed for step in line.factors} for line in (was, now)]
    return next(name for name in STEPS if old.get(name, ONE) != new.get(name, ONE))


def _old_changed(before: Ledger | None, after: Ledger | None, start: int) -> int:
    """How many lines of days before the start are not the same on both sides."""
    old, new = [
        {line for line in (side.lines if side else ()) if day_of(line.at) < start}
        for side in (before, after)
    ]
    return len(old ^ new)


# -- as maps -----------------------------------------------------------------------------------------------


def outcome_map(outcome: Outcome) -> dict[str, Any]:
    """The answer without the people: how many move, which way, and what of it comes from which cause."""
    causes: Counter[str] = Counter()
    for moved in outcome.moved:
        for cause in moved.causes:
            causes[cause.what] += cause.milli
    standings = [one.after.standing - one.before.standing for one in outcome.moved]
    return {
        "day": date_of(outcome.day).isoformat(),
        "since": date_of(outcome.since).isoformat(),
        "before": outcome.before,
        "after": outcome.after,
        "changes": [change._asdict() for change in outcome.changes],
        "people": outcome.people,
        "moved": len(outcome.moved),
        "up": sum([shift > 0 for shift in standings]),
        "down": sum([shift < 0 for shift in standings]),
        "levels_changed": sum([one.before.level != one.after.level for one in outcome.moved]),
        "milli_by_cause": dict(sorted(causes.items())),
        "old_lines_changed": outcome.old_lines_changed,
    }


def moved_map(moved: Moved) -> dict[str, Any]:
    return {
        "person": moved.person,
        "before": moved.before._asdict(),
        "after": moved.after._asdict(),
        "causes": [cause._asdict() for cause in moved.causes],
    }
