"""What is told of people's contributions: a region's policy, a person's choice, what is published.

What becomes narrower is taken back in the commit that narrows it, so no moment passes in which the log
shows what is not allowed any more; what becomes wider is published when the node computes it next.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from server.domain.commands import ChooseScoring, EraseScoringHistory
from server.domain.decide.base import Context, Decided, Draft, Rule
from server.domain.events import (
    ScoringChoice,
    ScoringChoiceChanged,
    ScoringHistoryErased,
    ScoringPolicy,
    ScoringPolicyChanged,
    ScoringRootPublished,
    StandingPublished,
)
from server.domain.facts import Facts, PersonFact, StandingFact
from server.domain.scoring_policy import CAUTIOUS, publishes
from server.domain.visibility import CONTROL, GLOBAL

NODE = ""
"""The actor of what the region's node publishes."""


class Reached(NamedTuple):
    """What somebody's public ledger says on a day: milli-points, also by topic."""

    person: str
    standing: int
    level: int
    topics: dict[str, int]


# -- policies and choices ------------------------------------------------------------------------------


def choose(command: ChooseScoring, who: PersonFact, facts: Facts, context: Context) -> Decided:
    """The whole register anew. Nobody is asked why, and the policy never refuses a choice: what it does
    not allow stays unshown, and holds once it does."""
    choice = ScoringChoice(**msgspec.structs.asdict(command))
    known = facts.scoring_choice(who.person)
    if known.choice == choice:
        return Decided([], {"rev": known.rev})
    event = ScoringChoiceChanged(person=who.person, rev=known.rev + 1, choice=choice)
    drafts = [Draft(GLOBAL, who.person, event, ())]
    drafts += narrowed(who.person, policy_of(context.region, facts), choice, facts)
    return Decided(drafts, {"rev": event.rev})


def adopt(policy: ScoringPolicy, facts: Facts, context: Context) -> Decided:
    """The operator's policy, if it is not the one that holds."""
    known = facts.scoring_policy(context.region)
    if known and known.policy == policy:
        return Decided([], {"rev": known.rev})
    event = ScoringPolicyChanged(
        region=context.region, rev=known.rev + 1 if known else 1, policy=policy
    )
    drafts = [Draft(CONTROL, NODE, event, ())]
    for person in facts.shown_at(context.region):
        drafts += narrowed(person, policy, facts.scoring_choice(person).choice, facts)
    return Decided(drafts, {"rev": event.rev})


def erase_history(
    command: EraseScoringHistory, who: PersonFact, facts: Facts, context: Context
) -> Decided:
    """From this moment on; what was published is taken back, and published anew from what follows."""
    known = facts.scoring_history(who.person)
    event = ScoringHistoryErased(person=who.person, rev=known.rev + 1, before=context.now)
    drafts = [Draft(GLOBAL, who.person, event, ()), *withdrawal(who.person, facts)]
    return Decided(drafts, {"rev": event.rev, "before": event.before})


def policy_of(region: str, facts: Facts) -> ScoringPolicy:
    """The policy that holds for a region's people, as far as is known here."""
    known = facts.scoring_policy(region)
    return known.policy if known else CAUTIOUS


# -- taking back ---------------------------------------------------------------------------------------


def withdrawal(person: str, facts: Facts) -> list[Draft]:
    """Takes back whatever is published of somebody."""
    known = facts.standing(person)
    if known is None or not known.shown:
        return []
    event = StandingPublished(
        person=person, rev=known.rev + 1, day=known.day, rules=known.rules, standing=0, shown=False
    )
    return [Draft(GLOBAL, NODE, event, ())]


def narrowed(
    person: str, policy: ScoringPolicy, choice: ScoringChoice, facts: Facts
) -> list[Draft]:
    """Takes back what policy and choice do not allow any more."""
    points, by_topic = publishes(policy, choice)
    known = facts.standing(person)
    if not points:
        return withdrawal(person, facts)
    if known is None or not known.shown or not known.topics or by_topic:
        return []
    return [_published(person, known._replace(topics={}), known.rev + 1)]


# -- publishing ----------------------------------------------------------------------------------------


def publish(
    day: int, rules: str, reached: Iterable[Reached], facts: Facts, context: Context
) -> Decided:
    """What is news of those whom policy and choice allow to be shown, and who are at home and active here."""
    policy = policy_of(context.region, facts)
    drafts = []
    for one in reached:
        person = facts.person(one.person)
        if person is None or person.home != context.region or not person.active:
            continue
        points, by_topic = publishes(policy, facts.scoring_choice(one.person).choice)
        if not points:
            continue
        topics = one.topics if by_topic else {}
        known = facts.standing(one.person)
        fresh = StandingFact(0, day, rules, one.standing, one.level, topics, True)
        if known is None or known._replace(rev=0) != fresh:
            drafts.append(_published(one.person, fresh, known.rev + 1 if known else 1))
    return Decided(drafts, {"written": len(drafts)})


def sweep(people: Iterable[str], facts: Facts, context: Context) -> Decided:
    """Takes back of these people what is not allowed, whatever let it stand."""
    policy = policy_of(context.region, facts)
    drafts: list[Draft] = []
    for name in people:
        person = facts.person(name)
        if person is None or person.home != context.region:
            continue
        if person.active:
            drafts += narrowed(name, policy, facts.scoring_choice(name).choice, facts)
        else:
            drafts += withdrawal(name, facts)
    return Decided(drafts, {"written": len(drafts)})


def publish_root(event: ScoringRootPublished, facts: Facts, context: Context) -> Decided:
    """After the standings it covers: a node that ends in between has published nothing that is not covered."""
    return Decided([Draft(GLOBAL, NODE, event, ())], {})


def _published(person: str, fact: StandingFact, rev: int) -> Draft:
    event = StandingPublished(
        person=person,
        rev=rev,
        day=fact.day,
        rules=fact.rules,
        standing=fact.standing,
        level=fact.level,
        topics=fact.topics,
    )
    return Draft(GLOBAL, NODE, event, ())


RULES: dict[type, Rule] = {ChooseScoring: choose, EraseScoringHistory: erase_history}
