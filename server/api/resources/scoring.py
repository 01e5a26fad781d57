"""The rules of scoring, for everybody to read, and what of oneself may be told by them."""

from typing import Any

from server.api.resources.paging import as_of
from server.api.route import Call, NoQuery
from server.app.score_rules import rules_in_words
from server.domain.events import ScoringChoice, ScoringPolicy
from server.domain.scoring_policy import CAUTIOUS, WHAT, Stance, may_show, needs_agreement, stance
from server.storage.queries import scoring
from server.storage.queries.shapes import Shape


class Rules(Shape, frozen=True, kw_only=True):
    """Every version, the newest first; days keep the one that was in force on them.

    ``fingerprint`` changes whenever any rule does. A version: its id and first day; what each kind of act is
    worth and the sentence for who receives it; what rulings do; the factors that apply, with their
    numbers in thousandths; the daily cap; the half-life in days (0: none); from which milli-points of standing
    each level is held; how answers make an expert; what counts as a use, and how long."""

    fingerprint: str
    versions: tuple[dict[str, Any], ...]


class ShownOfMe(Shape, frozen=True, kw_only=True):
    """What of oneself may be told to others, and by whose word (docs/scoring.md 9.1).

    ``stances``: for each field of ``choice`` what the policy makes of one's silence; ``shown``: what holds now.
    ``needs_agreement``: the law of the region's country keeps it to the narrowest policy."""

    cursor: str
    policy: ScoringPolicy
    needs_agreement: bool
    choice: ScoringChoice
    stances: dict[str, Stance]
    shown: dict[str, bool]


async def rules(_call: Call[NoQuery, None]) -> Rules:
    fingerprint, versions = rules_in_words()
    return Rules(fingerprint=fingerprint, versions=tuple(versions))


async def mine(call: Call[NoQuery, None]) -> ShownOfMe:
    services = call.services
    async with services.reader.snapshot() as snapshot:
        policy = (await scoring.policies(snapshot)).get(services.region, CAUTIOUS)
        choice = await scoring.choice(snapshot, call.person)
        return ShownOfMe(
            cursor=await as_of(services, snapshot),
            policy=policy,
            needs_agreement=needs_agreement(services.country, policy.agreement),
            choice=choice,
            stances={what: stance(what, policy) for what in WHAT},
            shown={what: may_show(what, policy, choice) for what in WHAT},
        )
