"""The rules in words, and what others would change: for the edges, which know no scoring themselves."""

from typing import Any, NamedTuple

from server.app.score_desk import Desk
from server.app.score_store import began_anew
from server.domain.errors import Code, Refusal
from server.scoring.page import rules_map
from server.scoring.rules import DAY_MS, day_of, parse, shipped
from server.scoring.whatif import Moved, Outcome, moved_map, outcome_map, what_if
from server.storage.reader import Reader


class Answer(NamedTuple):
    """``summary`` names nobody; ``people``: who moves furthest first (docs/scoring.md section 5.2)."""

    summary: dict[str, Any]
    people: list[dict[str, Any]]


def rules_in_words() -> tuple[str, list[dict[str, Any]]]:
    """The fingerprint of all versions, and each in words, the newest first."""
    book = shipped()
    return book.fingerprint, [rules_map(rules) for rules in reversed(book.versions)]


async def compared(
    reader: Reader, region: str, text: str, now: int, since: int | None = None
) -> Answer | Refusal:
    """A rules file beside the rules in force, on the acts of this node, for people at home in the region.

    ``since``: a moment of the quarter with which it would have come, by default the quarter of ``now``."""
    try:
        version = parse(text)
        async with reader.snapshot() as snapshot:
            desk = Desk(snapshot)
            acts = await desk.all_acts()
            home = await desk.at_home({act.author for act in acts} - {""}, region)
            anew = await began_anew(snapshot, home)
        first = None if since is None else day_of(since)
        end = (day_of(now) + 1) * DAY_MS
        known = [act for act in acts if act.at < end]
        outcome = what_if(known, shipped(), version, day_of(now), first, anew)
    except ValueError as error:
        return Refusal(Code.BAD_VALUE, str(error))
    ours = _of(outcome, home)
    return Answer(outcome_map(ours), [moved_map(one) for one in ours.moved])


def _of(outcome: Outcome, people: set[str]) -> Outcome:
    """Ledgers are written by the home region (I7): of others not all is known here."""
    moved: tuple[Moved, ...] = tuple([one for one in outcome.moved if one.person in people])
    return outcome._replace(moved=moved, people=len(people))
