"""decide(command, who, facts, context) -> events to append, or a refusal. Pure; nothing is written here.

- ``content``  posts, replies, edits, deletions, direct messages
- ``files``    which uploads become part of a post
- ``judge``    reactions, acceptance, verification, follows, idea stages, acknowledgements
- ``polls``    ballots, and the author's end of a poll
- ``closing``  what a region's node owes a poll that ends: no command, but events all the same
- ``places``   communities, memberships, roles, conversations, read marks
- ``people``   profiles, people, roles, topics, flags, moderation
- ``erase``    erasure in every region, and this region's receipts
- ``asking``   what another region is asked to decide, and for whom
- ``moves``    colleagues who move to another region
- ``scoring``  what is told of contributions: policies and choices
- ``cases``    disputes and circles that people look at, and what they decide
- ``imports``  records of other systems; never scored
- ``copies``   a fact about a person, in a copy for each audience that may know another part of it
- ``base``     what every rule shares

Three checks stand before every rule: the caller exists and is active, and this region is their home
(I7: the actor's home writes what the actor does; a community's home writes its settings, roles and
moderation). Rules read top to bottom: find, permit, fit, then the events. A last check stands behind
them: what a rule decided may leave the region in the lanes it chose (residency).
"""

from server.domain.commands import Command
from server.domain.decide import (
    asking,
    cases,
    content,
    erase,
    imports,
    judge,
    moves,
    people,
    places,
    polls,
    scoring,
)
from server.domain.decide.base import Context, Decided, Draft, refuse
from server.domain.errors import Code, Mistake, Refusal
from server.domain.facts import Facts, PersonFact
from server.domain.import_records import ImportRecord
from server.domain.residency import may_leave_in, policy_of

__all__ = ["Context", "Decided", "Draft", "decide", "decide_asked", "decide_import"]

RULES = (
    content.RULES
    | erase.RULES
    | judge.RULES
    | polls.RULES
    | places.RULES
    | people.RULES
    | moves.RULES
    | scoring.RULES
    | cases.RULES
)
"""Command type -> the function that decides it."""


def decide(command: Command, person: str, facts: Facts, context: Context) -> Decided | Refusal:
    """The events a command becomes, with the answer for its author, or why it becomes none."""
    who = _active(person, facts)
    if isinstance(who, Refusal):
        return who
    if who.moving_to:
        return refuse(
            Code.WRONG_REGION,
            f"you are moving to {who.moving_to}: until you have arrived you can only read",
            "person",
        )
    if who.home != context.region:
        return refuse(
            Code.WRONG_REGION, f"your home region is {who.home}: sign in there to write", "person"
        )
    return _ruled(command, who, facts, context)


def decide_asked(
    command: Command, person: str, asker: str, facts: Facts, context: Context
) -> Decided | Refusal:
    """As ``decide``, for a person at home in the region that asks; only what is this region's to write."""
    who = _active(person, facts)
    if isinstance(who, Refusal):
        return who
    if not asking.may_be_asked(command, who, asker):
        return refuse(Code.FORBIDDEN, f"region {asker} cannot ask this for {person}")
    return _ruled(command, who, facts, context)


def _active(person: str, facts: Facts) -> PersonFact | Refusal:
    who = facts.person(person)
    if who is None:
        return refuse(Code.UNAUTHENTICATED, f"nobody here is called {person}")
    if not who.active:
        return refuse(Code.FORBIDDEN, "this account is not active")
    return who


def _ruled(command: Command, who: PersonFact, facts: Facts, context: Context) -> Decided | Refusal:
    rule = RULES.get(type(command))
    if rule is None:
        raise Mistake(f"no rule for {type(command).__name__}")
    return _kept_in(rule(command, who, facts, context), facts, context)


def decide_import(record: ImportRecord, facts: Facts, context: Context) -> Decided | Refusal:
    """As ``decide``, for one record of an archive; ``Decided`` with no drafts: known already."""
    return _kept_in(imports.RULES[type(record)](record, facts, context), facts, context)


def _kept_in(outcome: Decided | Refusal, facts: Facts, context: Context) -> Decided | Refusal:
    """The decision, unless the region's policy keeps such content in (I8)."""
    if isinstance(outcome, Refusal):
        return outcome
    policy = policy_of(context.region, facts)
    for draft in outcome.drafts:
        if not may_leave_in(draft.lane, draft.event, policy):
            return refuse(
                Code.NOT_EXPORTED,
                f"by its residency policy {context.region} lets nothing leave in the lane {draft.lane}",
            )
    return outcome
