"""What is told of people's contributions: a region's policy, a person's choice."""

import msgspec

from server.domain.commands import ChooseScoring
from server.domain.decide.base import Context, Decided, Draft, Rule
from server.domain.events import (
    ScoringChoice,
    ScoringChoiceChanged,
    ScoringPolicy,
    ScoringPolicyChanged,
)
from server.domain.facts import Facts, PersonFact
from server.domain.visibility import CONTROL, GLOBAL


def choose(command: ChooseScoring, who: PersonFact, facts: Facts, context: Context) -> Decided:
    """The whole register anew. Nobody is asked why, and the policy never refuses a choice: what it does
    not allow stays unshown, and holds once it does."""
    choice = ScoringChoice(**msgspec.structs.asdict(command))
    known = facts.scoring_choice(who.person)
    if known.choice == choice:
        return Decided([], {"rev": known.rev})
    event = ScoringChoiceChanged(person=who.person, rev=known.rev + 1, choice=choice)
    return Decided([Draft(GLOBAL, who.person, event, ())], {"rev": event.rev})


def adopt(policy: ScoringPolicy, facts: Facts, context: Context) -> Decided:
    """The operator's policy, if it is not the one that holds."""
    known = facts.scoring_policy(context.region)
    if known and known.policy == policy:
        return Decided([], {"rev": known.rev})
    event = ScoringPolicyChanged(
        region=context.region, rev=known.rev + 1 if known else 1, policy=policy
    )
    return Decided([Draft(CONTROL, "", event, ())], {"rev": event.rev})


RULES: dict[type, Rule] = {ChooseScoring: choose}
