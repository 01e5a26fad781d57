"""Facts about cases: somebody disputes a line of their ledger, or a circle of thanks is put before people."""

from typing import Annotated, Literal

from msgspec import Meta

from server.domain import limits
from server.domain.events.base import Event, Id, Number, Part, Rev

CaseKind = Literal["dispute", "ring"]
CaseOutcome = Literal["upheld", "dismissed", "reversed"]
Parties = Annotated[tuple[Id, ...], Meta(max_length=limits.CASE_PARTIES_MAX)]


class CreditFlow(Part, frozen=True, kw_only=True):
    """What one gave another in a quarter: contents, thousandths of points before any factor, and after all."""

    giver: Id
    author: Id
    contents: Number
    base: Number
    counted: Number


class RuledPair(Part, frozen=True, kw_only=True):
    """What holds for what one gave another: a kind of ruling of the scoring rules, or empty for none.

    Free text, so that a kind of a later version does not keep an older node from the others."""

    giver: Id
    author: Id
    ruling: Id = ""


class CaseOpened(Event, frozen=True, kw_only=True):
    """Somebody of the region is to look at how some credits were counted. Written once.

    ``parties``: whom it is about. ``person``: who opened it, empty for the node's nightly look; ``line``, ``content``:
    which line of their ledger they dispute; ``about``: the case they appeal against. ``received``: what the
    parties of a ring got in all, ``flows``: what they gave each other.
    Lane: local, and the pair lanes of parties at home elsewhere. Writer: ``region``."""

    case: Id
    region: Id
    kind: CaseKind
    parties: Parties
    quarter: Id
    reason: str
    at: Number
    person: Id = ""
    line: Id = ""
    content: Id = ""
    about: Id = ""
    received: Number = 0
    flows: Annotated[tuple[CreditFlow, ...], Meta(max_length=limits.CASE_FLOWS_MAX)] = ()


class CaseDecided(Event, frozen=True, kw_only=True):
    """Somebody who is no party decided, and says why. Merge: higher rev. Lanes and writer as of the case."""

    case: Id
    region: Id
    rev: Rev
    outcome: CaseOutcome
    reason: str
    by: Id
    parties: Parties
    at: Number


class CreditsRuled(Event, frozen=True, kw_only=True):
    """What a case comes to in everybody's arithmetic, whole and without a word: each pair it ever ruled on.

    Lane: global, since public ledgers are recomputed everywhere. Writer: ``region``, whose ruling counts for the
    credits of its own people (I7). Merge: higher rev."""

    case: Id
    region: Id
    rev: Rev
    quarter: Id
    pairs: Annotated[tuple[RuledPair, ...], Meta(max_length=limits.CASE_FLOWS_MAX)]
