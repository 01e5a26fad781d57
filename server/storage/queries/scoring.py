"""What may be told of whose contributions, as the log says: ask ``scoring_policy.may_show`` with it."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, select

from server.domain.scoring_policy import UNDECIDED, ScoringChoice, ScoringPolicy
from server.storage import tables as t
from server.storage.reader import Snapshot

NAMES_PER_QUERY = 500
"""Well below the least number of bound parameters a driver takes (999)."""

_POLICIES = select(t.scoring_policies.c.region, t.scoring_policies.c.policy)
_CHOICES = select(t.scoring_choices.c.person, t.scoring_choices.c.choice).where(
    t.scoring_choices.c.person.in_(bindparam("people", expanding=True))
)

_policy = msgspec.json.Decoder(ScoringPolicy).decode
_choice = msgspec.json.Decoder(ScoringChoice).decode


async def policies(snapshot: Snapshot) -> dict[str, ScoringPolicy]:
    """By region; ``scoring_policy.CAUTIOUS`` holds for a region that is missing."""
    return {row.region: _policy(row.policy) for row in await snapshot.rows(_POLICIES)}


async def choices(snapshot: Snapshot, people: Iterable[str]) -> dict[str, ScoringChoice]:
    """Of each of these people; ``UNDECIDED`` of whoever chose nothing."""
    names = sorted(set(people))
    found = dict.fromkeys(names, UNDECIDED)
    for start in range(0, len(names), NAMES_PER_QUERY):
        part = names[start : start + NAMES_PER_QUERY]
        for row in await snapshot.rows(_CHOICES, {"people": part}):
            found[row.person] = _choice(row.choice)
    return found


async def choice(snapshot: Snapshot, person: str) -> ScoringChoice:
    return (await choices(snapshot, (person,)))[person]
