"""Cases about credits as people read them: whole for who decides, without others' names for who is a party.

Whom thanks came from is told to nobody (docs/scoring.md 6), in a case neither: a party reads whom they thanked
themselves, and of what they got the figures alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from server.app import metrics
from server.app.tap import Tap
from server.domain.decide.cases import OUTCOMES
from server.domain.events import CaseDecided, CaseKind, CaseOpened, CaseOutcome, CreditsRuled
from server.storage.event_log import Record
from server.storage.queries import cases as queries
from server.storage.queries.cases import Case
from server.storage.queries.shapes import Shape
from server.storage.reader import Reader, Snapshot

UNDER_REVIEW = "Disputed, under review."
Tell = Callable[[str, int, dict[str, Any]], None]
"""(person, position, their view of a case)."""


class FlowView(Shape, frozen=True, kw_only=True):
    """Milli-points before any factor and after all. ``giver``: null where a party is not to know."""

    giver: str | None
    author: str
    contents: int
    base: int
    counted: int


class Evidence(Shape, frozen=True, kw_only=True):
    """Milli-points before any factor that the parties got from each other, and in all; ``share`` in thousandths."""

    inside: int
    received: int
    share: int
    flows: tuple[FlowView, ...]


class DecisionView(Shape, frozen=True, kw_only=True):
    outcome: CaseOutcome
    reason: str
    by: str
    at: int
    rev: int


class CaseView(Shape, frozen=True, kw_only=True):
    """``people``: how many it is about; ``parties``: those of them the reader may know. ``opened_by``: null for
    the nightly look, and for a colleague. ``about``: the case it appeals against. ``yours``: you are a party."""

    case: str
    region: str
    kind: CaseKind
    state: Literal["open", "decided"]
    opened_at: int
    opened_by: str | None
    people: int
    parties: tuple[str, ...]
    quarter: str
    reason: str
    line: str | None
    content: str | None
    about: str | None
    held: bool
    evidence: Evidence | None
    decision: DecisionView | None
    yours: bool


def whole(case: Case, reader: str) -> CaseView:
    """As those read it who decide."""
    flows = [_flow(flow, flow.giver) for flow in case.flows]
    return _view(case, reader, case.parties, case.person, flows)


def own(case: Case, party: str) -> CaseView:
    """As a party reads it: nobody is named but themselves and those they thanked."""
    given = [_flow(flow, flow.giver) for flow in case.flows if flow.giver == party]
    got = [_flow(flow, None) for flow in case.flows if flow.author == party]
    thanked = {flow.author for flow in given}
    if case.kind == "dispute" and case.person != party:
        thanked.add(case.person)  # a line in whose ledger they gave
    parties = tuple([name for name in case.parties if name == party or name in thanked])
    mine = case.person == party
    view = _view(case, party, parties, party if mine else "", [*given, *_unordered(got)])
    return view if mine else msgspec.structs.replace(view, line=None)


def _unordered(flows: list[FlowView]) -> list[FlowView]:
    """By size: in the order of givers their names could be guessed."""
    return sorted(flows, key=lambda flow: (-flow.base, -flow.counted, flow.contents))


def _flow(flow: Any, giver: str | None) -> FlowView:
    return FlowView(
        giver=giver,
        author=flow.author,
        contents=flow.contents,
        base=flow.base,
        counted=flow.counted,
    )


def _view(
    case: Case, reader: str, parties: tuple[str, ...], opener: str, flows: list[FlowView]
) -> CaseView:
    return CaseView(
        case=case.case,
        region=case.region,
        kind="ring" if case.kind == "ring" else "dispute",
        state="decided" if case.rev else "open",
        opened_at=case.at,
        opened_by=opener or None,
        people=len(case.parties),
        parties=parties,
        quarter=case.quarter,
        reason=case.reason,
        line=case.line or None,
        content=case.content or None,
        about=case.about or None,
        held=case.held,
        evidence=_evidence(case, flows) if case.kind == "ring" else None,
        decision=_decision(case),
        yours=reader in case.parties,
    )


def _evidence(case: Case, flows: list[FlowView]) -> Evidence:
    inside = sum([flow.base for flow in case.flows])
    share = inside * 1000 // case.received if case.received else 0
    return Evidence(inside=inside, received=case.received, share=share, flows=tuple(flows))


def _decision(case: Case) -> DecisionView | None:
    if not case.rev:
        return None
    return msgspec.convert(
        {
            "outcome": case.outcome,
            "reason": case.why,
            "by": case.by,
            "at": case.decided_at,
            "rev": case.rev,
        },
        DecisionView,
    )


# -- ledger lines ----------------------------------------------------------------------------------------


async def with_cases(
    snapshot: Snapshot, person: str, region: str, lines: Sequence[dict[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """Ledger lines with the dispute about each, if there was one; one under review says so."""
    found = await queries.disputes_on(snapshot, person, region, [line["act"] for line in lines])
    # A line that is old says no more what it was about.
    bare = {(name, ""): dispute for (name, _), dispute in found.items()}
    known = bare | found
    return tuple([line | _of_line(known.get((line["act"], line["content"]))) for line in lines])


def _of_line(dispute: tuple[str, str] | None) -> dict[str, Any]:
    if dispute is None:
        return {"case": None}
    case, outcome = dispute
    state = "decided" if outcome else "open"
    told = {"case": {"case": case, "state": state, "outcome": outcome or None}}
    return told if outcome else told | {"status_text": UNDER_REVIEW}


# -- telling ---------------------------------------------------------------------------------------------


class CaseNews:
    """Tells the parties of a case, after the commit: those who are connected here hear it at once, others read
    it in their cases. ``run`` for ever, or ``announce`` what came so far."""

    def __init__(self, tap: Tap, reader: Reader, tell: Tell, *, region: str) -> None:
        self._reader, self._tell, self._region = reader, tell, region
        self._changed: dict[str, int] = {}
        """Case -> position of what changed it last."""
        self._news = asyncio.Event()
        tap.subscribe(self._committed)

    def _committed(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record.event, CaseOpened | CaseDecided | CreditsRuled):
                self._changed[record.event.case] = record.position
                self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._news.wait()
            await self.announce()
            if not self._changed:
                self._news.clear()

    async def announce(self) -> None:
        """What cannot be read now is told the next time."""
        changed = dict(self._changed)
        async with self._reader.snapshot() as snapshot:
            for name, position in changed.items():
                case = await queries.one(snapshot, name, self._region)
                if case is None:  # of another region, and about nobody here
                    continue
                for party in case.parties:
                    self._tell(party, position, msgspec.to_builtins(own(case, party)))
            counts = await queries.counts(snapshot, self._region)
        measure(counts)
        self._changed = dict(self._changed.items() - changed.items())


def measure(counts: dict[tuple[str, str], int]) -> None:
    """Sets the figures of cases from what the tables say."""
    for kind, outcomes in OUTCOMES.items():
        for outcome in ("", *outcomes):
            metrics.CASES.labels(kind, outcome or "open").set(counts.get((kind, outcome), 0))
