"""When a webhook is tried again, given up on or passed over: days of it, in no time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.app.webhook_steps import (
    ABOUT_THE_RECEIVER,
    BACKOFF_MS_MAX,
    PAUSE_MS,
    RETRY_AFTER_MS_MAX,
    Answered,
    Outcome,
    Place,
    Sent,
    State,
    Unreached,
    Verdict,
    after,
    backoff,
    resumed,
    verdict,
)
from server.domain import limits

NOW = 1_767_225_600_000
ONE = Sent(1, 7)
HOUR_MS = 3_600_000

# ---------------------------------------------------------------- whose fault it is


@pytest.mark.parametrize(
    ("outcome", "meant"),
    [
        *((Answered(status), Verdict.DELIVERED) for status in (200, 201, 202, 204)),
        *((Answered(status), Verdict.REFUSED) for status in (400, 409, 413, 415, 418, 422)),
        *((Answered(status), Verdict.FAILED) for status in ABOUT_THE_RECEIVER),
        *((Answered(status), Verdict.FAILED) for status in (100, 301, 302, 307, 500, 503, 599)),
        (Answered(410), Verdict.GONE),
        (Unreached("refused"), Verdict.FAILED),
    ],
)
def test_whose_fault_an_outcome_is(outcome: Outcome, meant: Verdict) -> None:
    assert verdict(outcome) is meant


def test_what_common_servers_say_when_they_are_away_is_never_the_events_fault() -> None:
    """A dead letter for each event of a weekend would be a loss; a wait is none."""
    for status in (401, 403, 404, 405, 408, 425, 429, 500, 502, 503, 504, 521):
        assert after(Place(position=6), Answered(status), ONE, NOW, 0.5).place.position == 6


# ---------------------------------------------------------------- one bad event does not block


def test_an_event_the_receiver_will_not_have_is_a_dead_letter_and_the_next_has_its_turn() -> None:
    step = after(Place(position=6), Answered(422, words="no such kind"), ONE, NOW, 0.5)
    assert step.dead
    assert step.place == Place(position=7, next_at=NOW, reason="422: no such kind")


@given(
    st.sets(st.integers(1, 300), max_size=12),
    st.integers(1, 300),
    st.integers(1, limits.WEBHOOK_BATCH_EVENTS_MAX),
)
def test_of_batches_exactly_the_events_at_fault_become_dead_letters(
    bad: set[int], last: int, size: int
) -> None:
    place, dead, delivered, requests = Place(size=size), [], [], 0
    while place.position < last:
        batch = list(range(place.position + 1, min(place.position + place.size, last) + 1))
        at_fault = bad & set(batch)
        step = after(
            place,
            Answered(400 if at_fault else 200),
            Sent(len(batch), batch[-1]),
            NOW,
            0.5,
        )
        if step.dead:
            dead += batch
        elif step.place.position > place.position:
            delivered += batch
        place, requests = step.place, requests + 1
    assert dead == sorted(bad & set(range(1, last + 1)))
    assert delivered == sorted(set(range(1, last + 1)) - bad)
    assert requests <= last * 2 + 20


# ---------------------------------------------------------------- a receiver that is away is waited for


def test_a_receiver_that_is_away_is_asked_less_and_less_and_then_an_operator_is() -> None:
    place, now, attempts = Place(position=6), NOW, 0
    while place.state is not State.PAUSED:
        place = after(place, Unreached("refused"), ONE, now, 0.999).place
        now = max(now, place.next_at)
        attempts += 1
        assert place.position == 6
        assert place.next_at - now <= BACKOFF_MS_MAX
    assert PAUSE_MS <= now - NOW <= PAUSE_MS + BACKOFF_MS_MAX
    assert place.reason == "it failed for 72 hours, last: refused"
    # Ten minutes apart but for the first ten: what it costs to wait for somebody.
    assert attempts < PAUSE_MS / BACKOFF_MS_MAX + 20


def test_one_success_forgets_all_failures() -> None:
    failing = after(Place(position=6), Answered(503), ONE, NOW, 0.5).place
    assert (failing.state, failing.failures, failing.failing_since) == (State.FAILING, 1, NOW)
    again = after(failing, Answered(503), ONE, NOW + 1, 0.5).place
    assert (again.failures, again.failing_since) == (2, NOW)
    assert after(again, Answered(200), ONE, NOW + 2, 0.5).place == Place(
        position=7, next_at=NOW + 2
    )


@given(st.integers(0, 10_000), st.floats(0, 0.999_999))
def test_waits_are_jittered_from_nothing_to_a_bound_that_doubles(
    failures: int, draw: float
) -> None:
    most = min(BACKOFF_MS_MAX, 1_000 * 2 ** min(failures, 30))
    assert 0 <= backoff(failures, draw) <= most
    assert backoff(failures, 0.0) == 0


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(0, 500), (90_000, 90_000), (RETRY_AFTER_MS_MAX * 9, RETRY_AFTER_MS_MAX)],
)
def test_a_receiver_that_says_when_is_not_asked_before(asked: int, waited: int) -> None:
    place = after(Place(position=6), Answered(429, retry_after_ms=asked), ONE, NOW, 0.5).place
    assert place.next_at == NOW + waited


def test_a_receiver_that_is_gone_is_left_alone() -> None:
    place = after(Place(position=6), Answered(410), ONE, NOW, 0.5).place
    assert (place.state, place.position) == (State.PAUSED, 6)
    assert "410" in place.reason


def test_a_rate_is_kept() -> None:
    step = after(Place(position=6), Answered(200), ONE, NOW, 0.5, rate=120)
    assert step.place.next_at == NOW + 500


def test_resuming_starts_afresh_where_it_stood_or_beyond_one_event() -> None:
    paused = Place(State.PAUSED, 6, 1, 9, NOW - HOUR_MS, NOW + HOUR_MS, "long ago")
    assert resumed(paused) == Place(position=6)
    assert resumed(paused, skip_to=8) == Place(position=8)
