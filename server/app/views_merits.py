"""Boards and nominations of a quarter: everybody's public credits in the communities that have boards.

From acts of the lane every region holds alone, and every region's people alike, so that all regions draw the
same board. A few authors' quarters at a time, scored as ledgers are (``scoring.local``) and in a thread.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from server.app import score_store, views_store
from server.app.score_desk import Desk
from server.app.views_store import Row
from server.domain.scoring_policy import CAUTIOUS, may_show
from server.scoring.local import Part, Scope, needs, partner_contents, scope_lines
from server.scoring.merits import Key, Merit, Place, givers_of, merits, per_region
from server.scoring.model import Act
from server.scoring.rules import Rulebook
from server.storage.queries import scoring
from server.storage.reader import Reader, Snapshot, parts

AUTHORS_PER_ROUND = 64
"""What one read transaction and one turn of a thread are for."""


async def merits_in(reader: Reader, quarter: str, rulebook: Rulebook) -> dict[Key, Merit]:
    """Every merit of a quarter and its months."""
    async with reader.snapshot() as snapshot:
        authors, places = await _credited(snapshot, quarter)
    found: dict[Key, Merit] = {}
    for part in parts(authors, AUTHORS_PER_ROUND):
        scopes = [Scope(author, quarter) for author in part]
        async with reader.snapshot() as snapshot:
            acts = await _public_acts(snapshot, scopes, rulebook)
            anew = await score_store.began_anew(snapshot, part)
        found |= await asyncio.to_thread(_scored, scopes, acts, anew, places, rulebook)
    return found


async def listed(reader: Reader, found: Mapping[Key, Merit]) -> list[Row]:
    """The rows of ``merits``: who may stand on a board is looked up once for all.

    Of who left, or whose region's scores are off, there are none."""
    people = {key.person for key in found}
    async with reader.snapshot() as snapshot:
        homes = await views_store.homes(snapshot)
        policies = await scoring.policies(snapshot)
        choices = await scoring.choices(snapshot, people)
    policy = {person: policies.get(homes[person], CAUTIOUS) for person in people & homes.keys()}
    return [
        Row.of(key, merit, may_show("boards", policy[key.person], choices[key.person]))
        for key, merit in found.items()
        if key.person in policy and policy[key.person].scores != "off"
    ]


async def _credited(snapshot: Snapshot, quarter: str) -> tuple[set[str], dict[str, Place]]:
    authors: set[str] = set()
    places: dict[str, Place] = {}
    for part in parts(await views_store.homes(snapshot)):
        some, where = await views_store.credited_there(snapshot, part, quarter)
        authors |= some
        places |= where
    return authors, places


async def _public_acts(
    snapshot: Snapshot, scopes: Collection[Scope], rulebook: Rulebook
) -> Sequence[Act]:
    desk = Desk(snapshot, public=True)
    partners = await score_store.partners(snapshot, scopes, partner_contents(rulebook))
    acts = await desk.acts(
        await score_store.needed(snapshot, needs(Part(set(scopes), set()), partners))
    )
    return [act for act in acts if act.public]


def _scored(
    scopes: Sequence[Scope],
    acts: Sequence[Act],
    anew: Mapping[str, int],
    places: Mapping[str, Place],
    rulebook: Rulebook,
) -> dict[Key, Merit]:
    """``anew``: since when somebody's ledger holds anything, of those who began anew."""
    by_scope = scope_lines(scopes, [per_region(act, rulebook) for act in acts], rulebook)
    lines = [
        line for found in by_scope.values() for line in found if line.at >= anew.get(line.person, 0)
    ]
    return merits(lines, places, givers_of(acts), rulebook)
