"""What a batch is to a lane of which something is missing (docs/protocol/federation.md 19.3)."""

from __future__ import annotations

import msgspec
import pytest

from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.leads import Lead
from server.federation.frames import Batch
from server.federation.lanes import Course, Held, may_lead
from server.federation.leading import joined, latest, verified_part
from server.federation.trust import Contradicted
from tests.unit.federation.lab import EPOCH, batch_of, events_after, roster_of

KEY = LaneKey("de", EPOCH, "global")
ROSTER = roster_of("de")
NOTHING = Held.nothing(KEY)
EVERY = events_after(KEY, NOTHING, [b"%d" % number for number in range(1, 31)])


def at(seq: int, lead: Lead | None = None) -> Held:
    """The lane held up to ``seq``."""
    return Held(seq, EVERY[seq - 1].hash if seq else NOTHING.hash, lead)


def lead(base: int, seq: int, listed: int = 0) -> Lead:
    return Lead(base, at(base).hash, seq, at(seq).hash, listed)


def batch(after: int, last: int) -> Batch:
    return batch_of(KEY, [b"%d" % number for number in range(after + 1, last + 1)], at(after))


def other(after: int, last: int) -> Batch:
    """The same numbers of another history."""
    before = events_after(KEY, NOTHING, [b"another"] * after) if after else []
    tip = Held(after, before[-1].hash) if before else NOTHING
    return batch_of(KEY, [b"another"] * (last - after), tip)


LED = at(5, lead(20, 25, 10))


@pytest.mark.parametrize(
    ("held", "given", "course", "then"),
    [
        (at(5), (5, 9), Course.WHOLE, at(9)),
        (at(0), (20, 25), Course.FRESH, at(0, lead(20, 25))),
        (LED, (25, 30), Course.FRESH, at(5, lead(20, 30, 10))),
        (LED, (22, 30), Course.FRESH, at(5, lead(20, 30, 10))),
        (LED, (12, 14), Course.LISTED, at(5, lead(20, 25, 14))),
        (LED, (5, 12), Course.WHOLE, at(12, lead(20, 25, 10))),
        (LED, (5, 20), Course.WHOLE, at(25)),
        (LED, (5, 23), Course.WHOLE, at(25)),
        (LED, (3, 28), Course.WHOLE, at(28)),
    ],
    ids=[
        "in order",
        "begins a lead",
        "continues it",
        "overlaps it",
        "listed",
        "behind it",
        "up to it",
        "into it",
        "over it",
    ],
)
def test_a_batch_finds_its_place(
    held: Held, given: tuple[int, int], course: Course, then: Held
) -> None:
    verified, after, found = verified_part(batch(*given), held, True, ROSTER)
    assert (found, after) == (course, then)
    assert verified.early == (course is not Course.WHOLE)
    assert verified.head.seq == given[1]


@pytest.mark.parametrize(
    ("held", "given", "code"),
    [
        (LED, (26, 30), Code.BROKEN_CHAIN),
        (LED, (12, 21), Code.BROKEN_CHAIN),
    ],
    ids=["behind a gap in the lead", "listed ones that reach into it"],
)
def test_a_gap_is_a_gap(held: Held, given: tuple[int, int], code: Code) -> None:
    with pytest.raises(Refused) as refused:
        verified_part(batch(*given), held, True, ROSTER)
    assert refused.value.refusal.code is code


def test_nothing_comes_early_that_was_not_asked_for() -> None:
    with pytest.raises(Refused, match="a gap"):
        verified_part(batch(20, 25), at(5), False, ROSTER)


@pytest.mark.parametrize(
    "given", [(5, 20), (5, 23), (5, 30), (5, 25), (23, 28), (25, 28), (15, 20)]
)
def test_i5_what_does_not_lead_to_the_base_is_another_history(given: tuple[int, int]) -> None:
    after, last = given
    tampered = other(after, last)
    held = LED
    if after == 5:  # their histories part behind what both hold
        tampered = batch_of(KEY, [b"another"] * (last - after), at(5))
    with pytest.raises(Contradicted) as refused:
        verified_part(tampered, held, True, ROSTER)
    assert refused.value.evidence.events, "there is something to prove it by"


def test_19_1_a_base_cannot_be_made_up() -> None:
    """The head is over a chain that begins at the base's hash: any other leads elsewhere."""
    lie = msgspec.structs.replace(batch(20, 25), previous=b"\x07" * 32)
    with pytest.raises(Refused) as refused:
        verified_part(lie, at(0), True, ROSTER)
    assert refused.value.refusal.code is Code.BROKEN_CHAIN
    forged = msgspec.structs.replace(
        batch(20, 25), head=msgspec.structs.replace(batch(20, 25).head, signature=b"\x07" * 64)
    )
    with pytest.raises(Refused) as refused:
        verified_part(forged, at(0), True, ROSTER)
    assert refused.value.refusal.code is Code.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("lane", "receiver", "may"),
    [
        ("global", "in", True),
        ("group.eu", "fr", True),
        ("global", "de", False),
        ("control", "in", False),
        ("pair.de.in", "in", False),
        ("local", "in", False),
    ],
)
def test_which_lanes_may_come_early(lane: str, receiver: str, may: bool) -> None:
    """Nothing whose later events vouch for earlier ones, and nothing of one's own."""
    assert may_lead(LaneKey("de", EPOCH, lane), receiver) is may


def test_a_lane_that_reaches_its_lead_is_whole() -> None:
    assert joined(at(19, lead(20, 25))) == at(19, lead(20, 25))
    assert joined(at(20, lead(20, 25))) == at(25)
    assert joined(at(28, lead(20, 25))) == at(28)


@pytest.mark.parametrize(
    ("verified", "durable", "both"),
    [
        (at(9), at(5), at(9)),
        (at(5), at(9), at(9)),
        (at(5, lead(20, 25)), at(5), at(5, lead(20, 25))),
        (at(5, lead(20, 25, 9)), at(7, lead(20, 22, 11)), at(7, lead(20, 25, 11))),
        (at(5), at(5, lead(20, 25)), at(5, lead(20, 25))),
        (at(5, lead(20, 25)), at(5, lead(15, 18)), at(5, lead(15, 18))),
        (at(5, lead(20, 25)), at(5, lead(15, 22)), at(5, lead(15, 25))),
        (at(5, lead(20, 25)), at(25), at(25)),
        (at(22), at(5, lead(20, 25)), at(25)),
    ],
    ids=[
        "it waits for the disk",
        "another peer was quicker",
        "the lead waits for the disk",
        "the further of both",
        "another peer began a lead",
        "another peer began it elsewhere",
        "another peer began it before",
        "another peer filled it",
        "what fills it waits for the disk",
    ],
)
def test_what_was_verified_and_what_the_disk_says(
    verified: Held, durable: Held, both: Held
) -> None:
    assert latest(verified, durable) == both
