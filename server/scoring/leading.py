"""How somebody who leads answers people, month by month; beside it quartiles of anonymous peers. Pure.

A leader's own months are theirs alone. Peers lead groups of like size (``span_of``); of them only quartiles are
shown, and only where ten others stand behind each: the one who looks is one of them, and knows their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple

from server.scoring.anonymity import Cell, Name, Quartiles, Shown, publish, rounded_down
from server.scoring.rules import DAY_MS
from server.scoring.working_time import working_ms

ANSWER_MS_MAX = 7 * DAY_MS
"""A reply within a week answers; later ones came after somebody else, or nobody, did."""
RETURN_MS_MAX = 7 * DAY_MS
"""Who writes again within a week of a leader's reply has come back; a month stands soon after (``periods``)."""
STEPS: Mapping[str, int] = {
    "reply_rate": 5,
    "reply_ms": 300_000,
    "reply_share": 5,
    "countries": 1,
    "closed_rate": 5,
}
"""What peers are compared by, and to what the quartiles are rounded: thousandths, five minutes, countries."""


class Asked(NamedTuple):
    """A question that was the leader's to answer: in one of their communities, or it named them."""

    at: int
    zone: tzinfo
    """The asker's."""
    replied_at: int | None
    """The leader's first reply in the thread."""
    closed: bool
    """An answer was accepted, whoever wrote it."""


class Written(NamedTuple):
    """What a leader wrote in a month, and who was on the other side."""

    replies: int
    broadcasts: int
    """Posts of their own that ask nothing."""
    countries: int
    """Of the people they replied to."""
    heard: int
    """People they replied to."""
    returned: int
    """Of these, who wrote again within RETURN_MS_MAX."""


class Month(NamedTuple):
    """Rates and shares in thousandths, times in milliseconds; None where there was nothing to measure."""

    questions: int
    replied: int
    reply_rate: int | None
    reply_ms: int | None
    replies: int
    broadcasts: int
    reply_share: int | None
    countries: int
    closed: int
    closed_rate: int | None
    heard: int
    returned: int


class Peers(NamedTuple):
    """``people`` is rounded down; quartiles by measure, None where too few have it or they would tell."""

    people: int
    why: str
    quartiles: Mapping[str, Quartiles | None]


NO_PEERS = Peers(0, "too_few", dict.fromkeys(STEPS))


def month(asked: Sequence[Asked], written: Written) -> Month:
    """One leader's month."""
    waits = [
        working_ms(question.at, question.replied_at, question.zone)
        for question in asked
        if question.replied_at is not None and question.replied_at - question.at <= ANSWER_MS_MAX
    ]
    closed = sum([question.closed for question in asked])
    return Month(
        questions=len(asked),
        replied=len(waits),
        reply_rate=share(len(waits), len(asked)),
        reply_ms=median(waits),
        replies=written.replies,
        broadcasts=written.broadcasts,
        reply_share=share(written.replies, written.replies + written.broadcasts),
        countries=written.countries,
        closed=closed,
        closed_rate=share(closed, len(asked)),
        heard=written.heard,
        returned=written.returned,
    )


def share(part: int, whole: int) -> int | None:
    """Thousandths, to the nearest; None of nothing."""
    return (2000 * part + whole) // (2 * whole) if whole else None


def median(values: Iterable[int]) -> int | None:
    """Of an even number the middle between the two in the middle, cut."""
    ordered = sorted(values)
    if not ordered:
        return None
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2


def span_of(members: int) -> str:
    """The power of two that a number of people led lies in: ``64-127``."""
    low = 1 << max(members, 1).bit_length() - 1
    return f"{low}-{2 * low - 1}"


def peers(months: Mapping[str, tuple[str, Month]], k: int) -> dict[str, Peers]:
    """Of one month: from leader -> (span, month) to what may be shown of each span.

    Each measure is a table of its own, its groups apart from each other, so nothing can be subtracted; and
    ``k`` others beside the one who looks."""
    spans = sorted({span for span, _ in months.values()})
    by_measure = {
        name: publish(_cells(months, spans, name), k + 1, step=step) for name, step in STEPS.items()
    }
    return {span: _peers(span, months, by_measure, k + 1) for span in spans}


def _cells(
    months: Mapping[str, tuple[str, Month]], spans: Sequence[str], measure: str
) -> list[Cell]:
    values = {person: (span, getattr(one, measure)) for person, (span, one) in months.items()}
    return [
        Cell(
            Name("span", span),
            {who: value for who, (of, value) in values.items() if of == span and value is not None},
        )
        for span in spans
    ]


def _peers(
    span: str,
    months: Mapping[str, tuple[str, Month]],
    by_measure: Mapping[str, Mapping[Name, Shown]],
    k: int,
) -> Peers:
    people = sum([of == span for of, _ in months.values()])
    if people < k:
        return NO_PEERS
    name = Name("span", span)
    quartiles = {measure: shown[name].quartiles for measure, shown in by_measure.items()}
    return Peers(rounded_down(people), "", quartiles)
