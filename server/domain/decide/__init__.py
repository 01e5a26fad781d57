"""decide(command, who, facts, context) -> events to append, or a refusal. Pure; nothing is written here.

- ``content``  posts, replies, edits, deletions, direct messages
- ``judge``    reactions, acceptance, verification, follows, idea stages, acknowledgements
- ``polls``    ballots, and the author's end of a poll
- ``closing``  what a region's node owes a poll that ends: no command, but events all the same
- ``places``   communities, memberships, roles, conversations, read marks
- ``people``   profiles, people, roles, topics, flags, moderation
- ``imports``  records of other systems; never scored

Three checks stand before every rule: the caller exists and is active, and this region is their home
(I7: the actor's home writes what the actor does; a community's home writes its settings, roles and
moderation). Rules read top to bottom: find, permit, fit, then the events.
"""

from server.domain.commands import Command, ImportRecord
from server.domain.decide import content, imports, judge, people, places, polls
from server.domain.decide.base import Context, Decided, Draft, refuse
from server.domain.errors import Code, Mistake, Refusal
from server.domain.facts import Facts

__all__ = ["Context", "Decided", "Draft", "decide", "decide_import"]

RULES = content.RULES | judge.RULES | polls.RULES | places.RULES | people.RULES
"""Command type -> the function that decides it."""


def decide(command: Command, person: str, facts: Facts, context: Context) -> Decided | Refusal:
    """The events a command becomes, with the answer for its author, or why it becomes none."""
    who = facts.person(person)
    if who is None:
        return refuse(Code.UNAUTHENTICATED, f"nobody here is called {person}")
    if not who.active:
        return refuse(Code.FORBIDDEN, "this account is not active")
    if who.home != context.region:
        return refuse(
            Code.WRONG_REGION, f"your home region is {who.home}: sign in there to write", "person"
        )
    rule = RULES.get(type(command))
    if rule is None:
        raise Mistake(f"no rule for {type(command).__name__}")
    return rule(command, who, facts, context)


def decide_import(record: ImportRecord, facts: Facts, context: Context) -> Decided | Refusal:
    """As ``decide``, for one record of an archive; ``Decided`` with no drafts: known already."""
    return imports.RULES[type(record)](record, facts, context)
