"""Whether what a region published of its people is what the log says (docs/scoring.md section 9).

Reads this node's log alone, up to the cut the region named. Nothing the region claims goes in but the cut.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from server.app.public_mirror import missing
from server.app.score_erased import Reach, reach
from server.app.score_public import PublicPart, differs, public_part
from server.scoring.rules import Rulebook, shipped
from server.storage.queries import scoring as queries
from server.storage.queries.scoring import Root, Standing
from server.storage.reader import Reader

Outcome = Literal["agrees", "differs", "not_here_yet", "other_rules", "erased_since", "nothing"]


class Wrong(NamedTuple):
    """Something published that the log does not say. ``person`` empty: about the region's root."""

    person: str
    day: int
    """UTC day it was published for, counted from 1970-01-01."""
    why: str
    erased: bool = False
    """It may be for what was erased after the cut."""


class Verdict(NamedTuple):
    """What an audit of one region came to."""

    region: str
    outcome: Outcome
    day: int = 0
    people: int = 0
    """Who has a public ledger."""
    shown: int = 0
    """Of whom a standing is shown, and was looked at."""
    why: str = ""
    """Why it could not be compared, or not all of it."""
    wrong: tuple[Wrong, ...] = ()
    """Also where it may be for an erasure: who is named in each audit is to be looked at."""


async def audit(reader: Reader, region: str, rulebook: Rulebook | None = None) -> Verdict:
    """Recomputes a region's last root and every standing it covers; by the rules of this release, unless given."""
    rulebook = rulebook or shipped()
    async with reader.snapshot() as snapshot:
        root = await queries.last_root(snapshot, region)
        published = await queries.standings_by(snapshot, region)
    if root is None:
        return Verdict(region, "nothing", why="it has published nothing that is here")
    if root.rules != rulebook.fingerprint:
        why = f"it computes by the rules {root.rules}, this node by {rulebook.fingerprint}"
        return Verdict(region, "other_rules", root.day, root.people, why=why)
    if lacking := await missing(reader, root.cut):
        lanes = ", ".join(sorted({f"{end.region}:{end.lane}" for end in lacking}))
        why = f"some of what it computed from has not arrived here: {lanes}"
        return Verdict(region, "not_here_yet", root.day, root.people, why=why)
    with TemporaryDirectory(prefix="tap-audit-") as folder:
        file = Path(folder, "mirror.db")
        part = await public_part(reader, file, region, root.cut, root.day, rulebook)
        covered = [one for one in published if one.shown and (one.epoch, one.seq) < root.place]
        touched = await reach(reader, file, root.cut, rulebook)
    wrong = tuple(wrongs(part, root, covered, rulebook, touched))
    why = _why(touched) if any(one.erased for one in wrong) else ""
    return Verdict(region, _outcome(wrong), root.day, root.people, len(covered), why, wrong)


def _outcome(wrong: Sequence[Wrong]) -> Outcome:
    if not wrong:
        return "agrees"
    return "erased_since" if all(one.erased for one in wrong) else "differs"


def _why(touched: Reach) -> str:
    erased = "1 post was" if touched.posts == 1 else f"{touched.posts} posts were"
    return f"{erased} erased since; its next publication can be compared again"


def wrongs(
    part: PublicPart,
    root: Root,
    covered: Iterable[Standing],
    rulebook: Rulebook,
    touched: Reach,
) -> Iterator[Wrong]:
    """What a region published that its public ledgers, computed here, do not say."""
    for one in covered:
        if part.homes.get(one.person) != part.region:
            yield Wrong(one.person, one.day, f"was published by {part.region}, not by their home")
        elif one.day > root.day:
            yield Wrong(one.person, one.day, "was published for a day after the root's")
        elif why := differs(part, one, rulebook):
            yield Wrong(one.person, one.day, why, touched.has(one.person))
    if part.root != root.root or len(part.credits) != root.people:
        yield Wrong(
            "",
            root.day,
            f"the root over {root.people} ledgers is {root.root[:12]}…; the log gives "
            f"{part.root[:12]}… over {len(part.credits)}",
            # It is over everybody at home there, shown or not.
            touched.anybody or any(part.homes.get(name) == part.region for name in touched.people),
        )
