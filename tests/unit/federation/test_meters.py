"""What of links stands in the log: whoever reads it in the morning finds what happened, not each attempt."""

from __future__ import annotations

from structlog.testing import capture_logs

from server.domain.errors import Code, Refusal
from server.federation.meters import AGAIN_MS, Told
from server.federation.steps import Report, State

REFUSED = "ConnectionRefusedError: [Errno 111] Connection refused"
NIGHT_MS = 8 * 3_600_000


def test_a_link_that_is_down_all_night_is_told_of_once_an_hour() -> None:
    told = Told()
    with capture_logs() as lines:
        for now in range(0, NIGHT_MS, 2_000):
            told.record("fr", Report(State.DIALING), now)
            told.record("fr", Report(State.BACKING_OFF, note=REFUSED), now + 1)
    assert AGAIN_MS == 3_600_000
    said = [line for line in lines if line["log_level"] != "debug"]
    assert len(said) == 2 * 8
    assert {line["state"] for line in said} == {"dialing", "backing_off"}


def test_what_is_new_about_it_is_said_at_once() -> None:
    told = Told()
    refusal = Refusal(Code.BAD_SIGNATURE, "another key")
    with capture_logs() as lines:
        for now in range(3):
            told.record("fr", Report(State.BACKING_OFF, note=REFUSED), now)
            told.record("fr", Report(State.REFUSED, refusal), now)
        told.record("fr", Report(State.BACKING_OFF, note="TimeoutError"), 4)
        told.record("fr", Report(State.LIVE), 5)
        told.record("fr", Report(State.BACKING_OFF, note=REFUSED), 6)
    said = [(line["state"], line["log_level"]) for line in lines if line["log_level"] != "debug"]
    assert said == [
        ("backing_off", "info"),
        ("refused", "warning"),
        ("backing_off", "info"),
        ("live", "info"),
        ("backing_off", "info"),
    ]


def test_what_is_remembered_is_bounded() -> None:
    told = Told()
    for number in range(1_000):
        told.record("fr", Report(State.BACKING_OFF, note=f"error {number}"), number)
    assert len(told) <= 32
