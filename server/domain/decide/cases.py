"""Cases about credits: who may open one, who decides it, and what a decision comes to in the ledgers.

docs/scoring.md section 11. House rules:

1. No node decides: it may put a circle before people, and people may dispute a line. Credits change by
   ``case.hold`` and ``case.decide`` alone, which somebody does who is no party.
2. What was decided is undone by deciding again: rulings are switches, so the same lines come back.
3. A region rules on the credits of its own people (I7). Parties at home elsewhere are told.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.domain.commands import DecideCase, HoldCase, OpenDispute
from server.domain.decide.base import Context, Decided, Draft, Rule, member_lanes, refuse
from server.domain.decide.scoring import NODE, policy_of
from server.domain.errors import Code, Refusal
from server.domain.events import (
    CaseDecided,
    CaseOpened,
    CreditFlow,
    CreditsRuled,
    Event,
    RuledPair,
)
from server.domain.facts import CaseFact, CreditFact, Facts, PersonFact
from server.domain.limits import DISPUTES_OPEN_MAX
from server.domain.visibility import GLOBAL, LOCAL, may_decide_cases

HELD, REVERSED, CLEARED, NONE = "held", "ring_reversed", "cleared", ""
"""Kinds of rulings in the scoring rules; ``CLEARED``: the two do not damp each other in the quarter."""
OUTCOMES = {"ring": ("dismissed", "reversed"), "dispute": ("upheld", "dismissed")}
DISPUTES_PER_LINE = 2
"""A dispute and one appeal."""


class Found(NamedTuple):
    """A circle that the nightly look puts before people. ``received``: thousandths of points."""

    case: str
    quarter: str
    people: tuple[str, ...]
    reason: str
    received: int
    flows: tuple[CreditFlow, ...]


# -- opening ---------------------------------------------------------------------------------------------


def open_ring(found: Found, facts: Facts, context: Context) -> Decided:
    """Once for each circle and quarter, and not again for a part of one, or while one it grew from is open.

    Nothing where none of them is at home and active here, or the region's scores are off."""
    if policy_of(context.region, facts).scores == "off" or not _ours(found.people, facts, context):
        return Decided([], {"opened": 0})
    people = set(found.people)
    for one in found.people:
        for case in facts.cases_about(one, context.region):
            if case.kind != "ring" or case.quarter != found.quarter:
                continue
            shared = people & set(case.parties)
            if shared == people or (len(shared) > 1 and not case.rev):
                return Decided([], {"opened": 0})
    event = CaseOpened(
        case=found.case,
        region=context.region,
        kind="ring",
        parties=found.people,
        quarter=found.quarter,
        reason=found.reason,
        at=context.now,
        received=found.received,
        flows=found.flows,
    )
    return Decided(_told(NODE, event, found.people, facts, context), {"opened": 1})


def _ours(people: Iterable[str], facts: Facts, context: Context) -> bool:
    known = [person for name in people if (person := facts.person(name)) is not None]
    return any(person.home == context.region and person.active for person in known)


def open_dispute(
    command: OpenDispute, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    if policy_of(context.region, facts).scores == "off":
        return refuse(Code.FORBIDDEN, "in your region nothing is scored")
    line = facts.credit(who.person, command.line)
    if line is None:
        return refuse(Code.NOT_FOUND, f"there is no line {command.line} in your ledger", "line")
    cases = facts.cases_about(who.person, context.region)
    mine = [case for case in cases if case.person == who.person]
    before = [case for case in mine if case.disputes(line)]
    ruled = _ring_on(line, who.person, cases)
    if not line.content or (line.status in ("lapsed", "reversed") and ruled is None):
        return refuse(
            Code.CONFLICT, "its post is gone or hidden: ask the community's moderators", "line"
        )
    if any(not case.rev for case in before):
        return refuse(Code.CONFLICT, "this line is under review already", "line")
    if len(before) >= DISPUTES_PER_LINE:
        return refuse(Code.CONFLICT, "this line was disputed, and the appeal was decided", "line")
    if len([case for case in mine if not case.rev]) >= DISPUTES_OPEN_MAX:
        return refuse(
            Code.ALLOWANCE_SPENT, f"you have {DISPUTES_OPEN_MAX} open disputes: wait for one"
        )
    about = ruled.case if ruled else before[-1].case if before else ""
    event = CaseOpened(
        case=context.new_id(),
        region=context.region,
        kind="dispute",
        parties=tuple([name for name in (who.person, line.giver) if name]),
        quarter=line.quarter,
        reason=command.reason,
        at=context.now,
        person=who.person,
        line=command.line,
        content=line.content,
        about=about,
    )
    drafts = _told(who.person, event, event.parties, facts, context)
    return Decided(drafts, {"case": event.case})


def _ring_on(line: CreditFact, author: str, cases: Iterable[CaseFact]) -> CaseFact | None:
    """The case of a circle that touches the line's credit now."""
    for case in cases:
        if case.quarter == line.quarter and case.kind == "ring" and case.ruling(line.giver, author):
            return case
    return None


# -- deciding --------------------------------------------------------------------------------------------


def decide_case(
    command: DecideCase, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    case = _to_decide(command.case, who, facts, context)
    if isinstance(case, Refusal):
        return case
    if command.outcome not in OUTCOMES[case.kind]:
        allowed = " or ".join(OUTCOMES[case.kind])
        return refuse(Code.BAD_VALUE, f"a {case.kind} ends as {allowed}", "outcome")
    if who.person in _decided_before(case, facts, context):
        return refuse(Code.FORBIDDEN, "you decided what this appeals against: somebody else has to")
    rulings = _rulings(case, command.outcome, facts, context)
    if isinstance(rulings, Refusal):
        return rulings
    event = CaseDecided(
        case=case.case,
        region=context.region,
        rev=case.rev + 1,
        outcome=command.outcome,
        reason=command.reason,
        by=who.person,
        parties=case.parties,
        at=context.now,
    )
    drafts = _told(who.person, event, case.parties, facts, context)
    return Decided(drafts + rulings, {"case": case.case, "rev": event.rev})


def hold(command: HoldCase, who: PersonFact, facts: Facts, context: Context) -> Decided | Refusal:
    case = _to_decide(command.case, who, facts, context)
    if isinstance(case, Refusal):
        return case
    if case.kind != "ring" or case.rev:
        return refuse(Code.CONFLICT, "only what a circle gave is held, until it is decided", "case")
    drafts = _ruled(case, _pairs(case, HELD if command.on else NONE, facts, context), context)
    return Decided(drafts, {"case": case.case, "rev": case.ruled_rev + len(drafts)})


def _to_decide(name: str, who: PersonFact, facts: Facts, context: Context) -> CaseFact | Refusal:
    """The case, for somebody who may decide it. Who has not the role is not told that there is one."""
    case = facts.case(name, context.region)
    if case is None or not may_decide_cases(who, context.region):
        return refuse(Code.NOT_FOUND, f"there is no case {name} for you to decide", "case")
    if who.person in case.parties:
        return refuse(Code.FORBIDDEN, "it is about you too: somebody else has to decide it", "case")
    return case


def _decided_before(case: CaseFact, facts: Facts, context: Context) -> set[str]:
    """Who decided what this case appeals against."""
    if case.kind == "ring":
        return set()
    before = facts.case(case.about, context.region) if case.about else None
    same = [
        other
        for other in facts.cases_about(case.person, context.region)
        if (other.line, other.content, other.person) == (case.line, case.content, case.person)
        and other.case != case.case
    ]
    return {other.by for other in (*same, before) if other is not None and other.by}


# -- what it comes to ------------------------------------------------------------------------------------


def _rulings(case: CaseFact, outcome: str, facts: Facts, context: Context) -> list[Draft] | Refusal:
    if case.kind == "ring":
        wanted = REVERSED if outcome == "reversed" else NONE
        return _ruled(case, _pairs(case, wanted, facts, context), context)
    upheld = outcome == "upheld"
    if not upheld and case.outcome != "upheld":
        return []
    line = facts.credit(case.person, case.line)
    if line is None or not case.disputes(line):
        return refuse(Code.CONFLICT, "the line it is about is gone", "case")
    pair = (line.giver, case.person)
    ring = facts.case(case.about, context.region) if case.about else None
    if ring is not None and ring.kind == "ring":
        if upheld and not ring.ruling(*pair):
            return refuse(Code.CONFLICT, "nothing is held or reversed here any more", "outcome")
        again = REVERSED if ring.outcome == "reversed" else NONE
        # Both ways: lifted one way alone, there would be nothing to damp that way.
        between = {pair, pair[::-1]} & {(known.giver, known.author) for known in ring.pairs}
        return _ruled(ring, dict.fromkeys(between, NONE if upheld else again), context)
    if upheld and not line.damped:
        return refuse(
            Code.CONFLICT, "this line is not damped: dismiss, and say what it comes from", "outcome"
        )
    return _ruled(case, {pair: CLEARED if upheld else NONE}, context)


def _pairs(
    case: CaseFact, ruling: str, facts: Facts, context: Context
) -> dict[tuple[str, str], str]:
    """Every flow to somebody at home here. What an appeal lifted stays so until the appeal itself is decided anew."""
    home = {
        name
        for name in case.parties
        if (person := facts.person(name)) is not None and person.home == context.region
    }
    lifted = {
        frozenset(appeal.parties)
        for name in home
        for appeal in facts.cases_about(name, context.region)
        if appeal.about == case.case and appeal.outcome == "upheld"
    }
    return {
        pair: NONE if frozenset(pair) in lifted else ruling
        for pair in case.flows
        if pair[1] in home
    }


def _ruled(case: CaseFact, changed: Mapping[tuple[str, str], str], context: Context) -> list[Draft]:
    """The register of the case anew and whole, if anything in it is another."""
    known = {(pair.giver, pair.author): pair.ruling for pair in case.pairs}
    new = {**known, **changed}
    if all(known.get(pair, NONE) == ruling for pair, ruling in new.items()):
        return []
    event = CreditsRuled(
        case=case.case,
        region=context.region,
        rev=case.ruled_rev + 1,
        quarter=case.quarter,
        pairs=tuple(
            [
                RuledPair(giver=giver, author=author, ruling=new[giver, author])
                for giver, author in sorted(new)
            ]
        ),
    )
    return [Draft(GLOBAL, NODE, event, ())]


def _told(
    actor: str, event: Event, parties: Iterable[str], facts: Facts, context: Context
) -> list[Draft]:
    """Kept here, and sent to where parties live: their region tells them."""
    known = [person for name in parties if (person := facts.person(name)) is not None]
    homes = {home for person in known for home in person.regions}
    lanes = dict.fromkeys((LOCAL, *member_lanes(homes, context.region)))
    return [Draft(lane, actor, event, ()) for lane in lanes]


RULES: dict[type, Rule] = {OpenDispute: open_dispute, DecideCase: decide_case, HoldCase: hold}
