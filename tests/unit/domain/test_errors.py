"""A code is a promise to machines: it has a status, and says whether to try again."""

from __future__ import annotations

import msgspec
import pytest

from server.domain.errors import RETRYABLE, STATUS, Code, Refusal, Refused


def test_every_code_has_a_status() -> None:
    assert STATUS.keys() == set(Code)


@pytest.mark.parametrize("code", Code)
def test_a_code_is_its_name_in_lower_case(code: Code) -> None:
    assert code.value == code.name.lower()
    assert 400 <= STATUS[code] <= 599


def test_try_again_is_said_of_what_passes_by_itself_and_of_nothing_else() -> None:
    """Everything of 5xx and the rate limit; with any other the same command fails again."""
    passing = {code for code in Code if STATUS[code] >= 500 or code is Code.RATE_LIMITED}
    assert passing == RETRYABLE


@pytest.mark.parametrize("code", Code)
def test_a_refusal_knows_its_status_and_whether_to_try_again(code: Code) -> None:
    refusal = Refusal(code, "because")
    assert (refusal.status, refusal.retryable) == (STATUS[code], code in RETRYABLE)


def test_a_refusal_travels_as_code_message_and_field() -> None:
    refused = Refused(Code.BAD_VALUE, "too long", "text")
    assert msgspec.to_builtins(refused.refusal) == {
        "code": "bad_value",
        "message": "too long",
        "field": "text",
        "url": None,
    }
    assert str(refused) == "bad_value: too long"
