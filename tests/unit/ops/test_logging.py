"""What a log line may hold: never a secret, also not in the traceback of a mistake of ours."""

import logging

import pytest

from server.ops.logging import configure


def fail(token: str) -> None:
    raise RuntimeError(f"it went wrong after {len(token)} characters")


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_no_local_variables(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("info", style)
    try:
        fail("".join(("tap_s3", "cr3t")))
    except RuntimeError:
        logging.getLogger("test").exception("a request failed")
    said = capsys.readouterr().err
    assert "a request failed" in said
    assert "it went wrong after 10 characters" in said
    assert "s3cr3t" not in said
