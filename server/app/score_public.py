"""The public part of scoring: ledgers as any region computes them, and what may be published of one.

docs/scoring.md section 9. Given a cut, ``public_part`` is the same on every node that has reached it; a
region's publisher and its auditors elsewhere both ask it, and ``differs`` says whether what was published
of a person is still what their public ledger says.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from server.app import public_mirror
from server.app.public_mirror import Cut, PublicCredit
from server.scoring.roots import root
from server.scoring.rules import DAY_MS, Rulebook, day_of, quarter_of, shipped
from server.scoring.score import standing
from server.scoring.topics import topic_standing
from server.storage.queries.scoring import Standing
from server.storage.reader import Reader

Credits = Sequence[PublicCredit]


class PublicPart(NamedTuple):
    """What a region's public ledgers came to."""

    region: str
    day: int
    """UTC day, counted from 1970-01-01."""
    rules: str
    """Fingerprint of the rulebook."""
    quarter: str
    cut: Cut
    root: str
    credits: Mapping[str, tuple[PublicCredit, ...]]
    """By person: of everybody at home there who has a ledger, whatever of it may be shown."""
    homes: Mapping[str, str]
    """Where everybody was at home at the cut; empty for whoever moved just then."""


class _Ledger(NamedTuple):
    """As ``roots`` takes it."""

    person: str
    lines: tuple[PublicCredit, ...]


class Account(NamedTuple):
    """What a ledger says on a day: milli-points, also by topic."""

    standing: int
    level: int
    topics: dict[str, int]


async def public_part(
    source: Reader, file: Path, region: str, cut: Cut, day: int, rulebook: Rulebook
) -> PublicPart:
    """The ledgers of a region's people as of the end of a UTC day, from the log up to a cut.

    ``file``: where the mirror lies, or is to lie."""
    async with public_mirror.opened(file, region, rulebook, cut) as mirror:
        await mirror.follow(source, cut)
        credits, homes = await mirror.credits(), await mirror.homes()
    known = {person: _until(day, lines) for person, lines in credits.items()}
    ledgers = {person: lines for person, lines in known.items() if lines}
    return PublicPart(
        region=region,
        day=day,
        rules=rulebook.fingerprint,
        quarter=quarter_of(day * DAY_MS),
        cut=cut,
        root=root([_Ledger(person, lines) for person, lines in ledgers.items()]),
        credits=ledgers,
        homes=homes,
    )


def _until(day: int, credits: Iterable[PublicCredit]) -> tuple[PublicCredit, ...]:
    return tuple([credit for credit in credits if day_of(credit.at) <= day])


def rules_here() -> str:
    """Fingerprint of the rules this release computes by."""
    return shipped().fingerprint


def account_of(credits: Credits, day: int, rulebook: Rulebook) -> Account:
    rules = rulebook.on(day)
    worth = standing([(credit.at, credit.milli_points) for credit in credits], rules, day)
    return Account(worth, rules.level(worth), topic_standing(credits, rules, day))


def differs(part: PublicPart, published: Standing, rulebook: Rulebook) -> str:
    """Why a published standing is not what the public ledger says; empty when it is.

    It is, as long as the ledger says just this of the day it was published for, and nothing was credited
    since. So a standing is not written again for fading, and an auditor needs no cut but the last."""
    credits = part.credits.get(published.person, ())
    if published.rules != part.rules:
        return f"was computed by the rules {published.rules}"
    told = account_of(credits, published.day, rulebook)
    if (told.standing, told.level) != (published.standing, published.level):
        return (
            f"was published with {published.standing} milli-points and level {published.level}; the log "
            f"gives {told.standing} and {told.level}"
        )
    if published.topics and published.topics != told.topics:
        return "was published with other standings by topic than the log gives"
    if any(credit.milli_points and day_of(credit.at) > published.day for credit in credits):
        return "was credited since, and it was not published"
    return ""
