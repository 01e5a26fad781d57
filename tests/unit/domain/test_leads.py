"""A lane in two pieces: what continues its lead, and what contradicts it."""

from __future__ import annotations

import pytest

from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.leads import Lead, contradiction, grown
from server.domain.wire import LaneBatch, SignedHead, WireEvent

KEY = LaneKey("de", 1 << 32, "global")


def _hash(seq: int, history: str = "") -> bytes:
    return f"{history}{seq}".encode().rjust(32, b"0")


def _batch(after: int, last: int, history: str = "") -> LaneBatch:
    events = tuple(
        [WireEvent(b"", _hash(n, history), None, None) for n in range(after + 1, last + 1)]
    )
    head = SignedHead(*KEY, last, _hash(last, history), "key", b"")
    return LaneBatch(KEY, after, _hash(after, history), events, head, early=True)


LEAD = Lead(90, _hash(90), 100, _hash(100), 20)


@pytest.mark.parametrize(
    ("lead", "batch", "after"),
    [
        (None, (90, 95), Lead(90, _hash(90), 95, _hash(95))),
        (LEAD, (100, 110), LEAD._replace(seq=110, hash=_hash(110))),
        (LEAD, (95, 110), LEAD._replace(seq=110, hash=_hash(110))),
        (LEAD, (90, 99), LEAD),
        (LEAD, (30, 33), LEAD._replace(listed=33)),
        (LEAD, (10, 12), LEAD),
        (LEAD, (80, 90), LEAD._replace(listed=90)),
    ],
    ids=[
        "begins",
        "goes on",
        "overlaps",
        "repeats",
        "listed",
        "listed again",
        "listed to the base",
    ],
)
def test_what_comes_early_makes_the_lead_longer(
    lead: Lead | None, batch: tuple[int, int], after: Lead
) -> None:
    assert grown(lead, _batch(*batch)) == after


@pytest.mark.parametrize(
    ("after", "last", "code"),
    [(101, 105, Code.CONFLICT), (80, 91, Code.BROKEN_CHAIN)],
    ids=["beyond its end", "over its base"],
)
def test_what_fits_nowhere_is_refused(after: int, last: int, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        grown(LEAD, _batch(after, last))
    assert refused.value.refusal.code is code


@pytest.mark.parametrize(
    ("batch", "known", "lead", "at"),
    [
        (_batch(80, 85), {}, LEAD, None),
        (_batch(80, 105), {82: _hash(82)}, LEAD, None),
        (_batch(80, 90, "x"), {}, LEAD, 90),
        (_batch(80, 105, "x"), {}, LEAD, 90),
        (_batch(90, 95, "x"), {}, LEAD, 90),
        (_batch(95, 100, "x"), {}, LEAD, 100),
        (_batch(80, 85, "x"), {82: _hash(82), 84: _hash(84)}, LEAD, 82),
        (_batch(80, 85, "x"), {80: _hash(80)}, None, 80),
    ],
)
def test_another_hash_for_the_same_number_is_found(
    batch: LaneBatch, known: dict[int, bytes], lead: Lead | None, at: int | None
) -> None:
    """I5: at the base, at the end of the lead, and at every event that came early."""
    assert contradiction(batch, known, lead) == at
