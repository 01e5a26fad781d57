"""A bound that nothing enforces is a lie, and one that contradicts another a trap."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.domain import limits

SERVER = Path(limits.__file__).parents[1]
LIMITS = {name: value for name, value in vars(limits).items() if name.isupper()}
UNITS = re.compile(
    r"CHARS|BYTES|SECONDS|HOURS|DAYS|PER|JOBS|EVENTS|ITEMS|LANES|CONNECTIONS|BURST|_MAX$|_MIN$"
)


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_a_positive_number_with_its_unit_in_its_name(name: str) -> None:
    assert isinstance(LIMITS[name], int | float)
    assert LIMITS[name] > 0
    assert UNITS.search(name), "say what is counted"


def test_every_limit_is_enforced_somewhere() -> None:
    sources = [path.read_text("utf-8") for path in SERVER.rglob("*.py") if path.name != "limits.py"]
    whole = "\n".join(sources)
    unused = [name for name in LIMITS if not re.search(rf"\b{name}\b", whole)]
    assert unused == []


def test_limits_fit_into_one_another() -> None:
    assert limits.KEY_CHARS_MIN < limits.KEY_CHARS_MAX
    assert limits.PASSWORD_CHARS_MIN < limits.PASSWORD_CHARS_MAX
    assert limits.BACKOFF_SECONDS_MIN < limits.BACKOFF_SECONDS_MAX
    # The longest text in the widest characters is one command, and a command is one request.
    assert limits.POST_TEXT_CHARS_MAX * 4 < limits.COMMAND_BYTES_MAX
    assert limits.COMMAND_BYTES_MAX <= limits.CLIENT_FRAME_BYTES_MAX
    assert limits.COMMAND_BYTES_MAX < limits.HTTP_BODY_BYTES_MAX < limits.IMPORT_BODY_BYTES_MAX
    # A command's event fits a body, the largest body a frame between regions, and that the credit.
    assert limits.COMMAND_BYTES_MAX < limits.EVENT_BODY_BYTES_MAX
    assert limits.EVENT_BODY_BYTES_MAX + limits.BATCH_BYTES_MAX < limits.PEER_FRAME_BYTES_MAX
    assert limits.PEER_FRAME_BYTES_MAX <= limits.CREDIT_BYTES
    # A queue holds several batches, and a link is given up only after a ping went unanswered.
    assert limits.WRITER_BATCH_JOBS_MAX * 8 <= limits.WRITER_QUEUE_JOBS_MAX
    assert limits.WRITER_SHORT_JOB_EVENTS_MAX < limits.PAGE_EVENTS_MAX <= limits.BATCH_EVENTS_MAX
    assert limits.LINK_PING_SECONDS * 2 < limits.LINK_SILENCE_SECONDS_MAX
    assert limits.SYNC_PAGE_EVENTS <= limits.RING_EVENTS_PER_CHANNEL
