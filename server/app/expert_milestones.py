"""When people first did what, and how long most need: read from what everybody in every region may read.

A date stands as long as its content does: taking a mark back rewrites nobody's past.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from server.app.expert_store import standings
from server.app.expert_touches import NEVER
from server.domain.events import ScoringChoice
from server.domain.scoring_policy import CAUTIOUS, may_show
from server.domain.visibility import GLOBAL
from server.scoring.milestones import MILESTONES, STARTED, Median, Milestone, firsts, medians
from server.storage import tables as t
from server.storage.queries import scoring
from server.storage.reader import Snapshot

_p, _c, _u, _o, _h = (
    t.posts.c,
    t.communities.c,
    t.first_uses.c,
    t.persons.c,
    t.scoring_histories.c,
)
_names: Any = bindparam("names", expanding=True)
_STANDING = (
    t.posts.join(t.communities, _c.community == func.substr(_p.place, 3)).outerjoin(
        t.scoring_histories, _h.person == _p.author
    ),
    (
        _c.visibility == "open",
        _c.audience == GLOBAL,
        ~_p.deleted,
        ~_p.erased,
        _p.at >= func.coalesce(_h.before, 0),
    ),
)
"""Posts that anybody may read, of histories that were not erased; with the condition that they are."""
_in_order = func.row_number().over(partition_by=(_p.author, _p.kind), order_by=(_p.at, _p.post))
_written = (
    select(_p.author, _p.kind, _p.at, _p.post, _in_order.label("nth"))
    .select_from(_STANDING[0])
    .where(_p.author.in_(_names), _p.source == "", *_STANDING[1])
    .subquery()
)
_FIRST_OF_KINDS = select(_written).where(_written.c.nth == 1)
_USES = (
    select(_u.person, _u.content, _u.region, _u.at, _u.accepted_at, _o.home)
    .select_from(
        _STANDING[0]
        .join(t.first_uses, (_u.content == _p.post) & (_u.person == _p.author))
        .join(t.persons, _o.person == _u.person)
    )
    .where(_u.person.in_(_names), *_STANDING[1])
)
_CHOICES = select(t.scoring_choices.c.person, t.scoring_choices.c.choice)
_choice = msgspec.json.Decoder(ScoringChoice).decode


async def of_people(snapshot: Snapshot, people: Collection[str]) -> dict[str, list[Milestone]]:
    """What each of them reached, in the order of time; ``started`` first. Nothing of who wrote nothing."""
    facts: dict[str, list[Milestone]] = defaultdict(list)
    for row in await snapshot.named(_FIRST_OF_KINDS, people):
        facts[row.author].append(Milestone(STARTED, row.at, row.post))
        if row.kind in MILESTONES:
            facts[row.author].append(Milestone(row.kind, row.at, row.post))
    for row in await snapshot.named(_USES, people):
        if row.accepted_at < NEVER:
            facts[row.person].append(Milestone("accepted", row.accepted_at, row.content))
        if row.region != row.home:
            facts[row.person].append(Milestone("abroad", row.at, row.content))
    return {person: firsts(found) for person, found in facts.items()}


async def medians_of_all(snapshot: Snapshot) -> list[Median]:
    """Over everybody who agreed to show their own; the strictest ``k`` of their regions.

    Whoever agreed shows each date beside its post, so the medians tell nothing that is not shown."""
    willing = await _consenting(snapshot)
    reached = await of_people(snapshot, willing)
    return medians(_paths(reached.values()), max(willing.values(), default=CAUTIOUS.k))


def _paths(reached: Iterable[list[Milestone]]) -> list[dict[str, int]]:
    paths = [{milestone.name: milestone.at for milestone in found} for found in reached]
    return [path for path in paths if STARTED in path]


async def _consenting(snapshot: Snapshot) -> dict[str, int]:
    """With the ``k`` of their region."""
    choices = {row.person: _choice(row.choice) for row in await snapshot.rows(_CHOICES)}
    willing = [person for person, choice in choices.items() if choice.milestones is True]
    people = await standings(snapshot, willing)
    policies = await scoring.policies(snapshot)
    policy = {person: policies.get(one.home, CAUTIOUS) for person, one in people.items()}
    return {
        person: policy[person].k
        for person, one in people.items()
        if one.active and not one.bot and may_show("milestones", policy[person], choices[person])
    }
