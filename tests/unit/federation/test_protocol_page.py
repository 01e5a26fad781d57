"""docs/protocol/federation.md says what the code does: tables, numbers and examples are compared."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from server.domain import limits
from server.domain.errors import Code
from server.federation import frames
from server.federation.handshake import FEATURES
from server.federation.status import LinkStatus
from server.federation.steps import GOING_AWAY, REJECTIONS, TRANSITIONS, State, close_code

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/protocol/federation.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs/operations/federation.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\d+)\. [^\n]*\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def _rows(section: str) -> list[list[str]]:
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def test_the_sections_are_in_order() -> None:
    """The link's own, without a hole, and what builds on it after them."""
    numbers = [int(number) for number in SECTIONS]
    assert numbers[:13] == list(range(1, 14))
    assert numbers == sorted(set(numbers))


def test_sections_cited_by_code_and_tests_exist() -> None:
    cited = set()
    for path in [*(ROOT / "server").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for numbers in re.findall(
            r"docs/protocol/federation\.md (?:sections? )?([\d, toand]+)", path.read_text("utf-8")
        ):
            cited.update(re.findall(r"\d+", numbers))
    assert cited
    assert cited <= set(SECTIONS)


def test_the_table_of_states_is_the_code_s() -> None:
    written = {(start, told): then for start, told, then in _rows("10")}
    assert written == {(start, told): then for (start, told), then in TRANSITIONS.items()}


def test_every_state_and_number_is_explained_to_operators() -> None:
    numbers = ("lag_events", "behind_events", "oldest_unacked_ms", "rtt_ms", "skew_ms", "forked")
    numbers += ("relayed", "certificate_until")
    assert set(numbers) <= set(LinkStatus.__struct_fields__)
    for word in (*State, *numbers):
        assert f"`{word}`" in OPERATIONS


def test_every_frame_and_its_elements_are_listed() -> None:
    kinds = {
        (str(frame.__struct_config__.tag), name): frame for frame, name in frames.NAMES.items()
    }
    rows = {(kind, name): elements for kind, name, elements in _rows("8")}
    assert set(rows) == set(kinds)
    for key, frame in kinds.items():
        for field in frame.__struct_fields__:
            assert re.search(rf"\b{field}\b", rows[key]), f"{key} has an element {field}"


def test_every_feature_is_listed() -> None:
    assert {feature.strip("`") for feature, _ in _rows("12")} == set(FEATURES)


def test_codes_close_as_the_table_says() -> None:
    rows = {code.strip("`"): int(close) for code, close, _ in _rows("11")}
    assert rows.pop("stopping") == GOING_AWAY
    assert rows == {code: close_code(Code(code)) for code in rows}
    raised = set()
    for path in (ROOT / "server/federation").glob("*.py"):
        if path.stem in ("asking", "questions"):
            continue  # these answer a person; nothing closes
        raised.update(re.findall(r"Code\.([A-Z_]+)", path.read_text("utf-8")))
    assert {Code[name] for name in raised} - {Code.STOPPING} <= set(rows)
    assert set(REJECTIONS) <= set(rows)


def test_codes_are_explained_to_operators() -> None:
    about_links = {"unknown_peer", "bad_signature", "bad_commitment", "broken_chain", "wrong_lane"}
    about_links |= {"fork", "conflict", "unsupported_version", "overloaded", "expired", "internal"}
    for code in about_links:
        assert f"`{code}`" in OPERATIONS


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("PEER_FRAME_BYTES_MAX", "2 MiB"),
        ("EVENT_BODY_BYTES_MAX", "512 KiB"),
        ("LONG_POLL_SECONDS_MAX", "25 s"),
        ("WINDOW_BYTES_START", "2 MiB"),
        ("WINDOW_BYTES_MIN", "512 KiB"),
        ("QUEUEING_SECONDS_MAX", "0.1 s"),
        ("HELLO_SECONDS_MAX", "10 s"),
        ("BATCH_EVENTS_MAX", "at most 256"),
        ("BATCH_BYTES_MAX", "256 KiB"),
        ("BACKOFF_SECONDS_MIN", "0.25 s"),
        ("BACKOFF_SECONDS_MAX", "4 s"),
        ("REJECTED_SECONDS_MAX", "30 s"),
        ("GOSSIP_SECONDS_MIN", "1 s"),
        ("RELAY_SECONDS_MIN", "3 s"),
        ("RELAY_STALLED_SECONDS_MAX", "10 s"),
        ("RECOVERY_SETTLE_SECONDS", "3 s"),
        ("RECOVERY_SECONDS_MAX", "45 s"),
        ("ASK_SECONDS_MAX", "10 s"),
        ("ASKS_PER_PEER_MAX", "256"),
        ("LINK_PING_SECONDS", "4 s"),
        ("EPHEM_FRAME_BYTES_MAX", "4 KiB"),
        ("EPHEM_BYTES_PER_S", "1.5 KiB a second"),
        ("EPHEM_SECONDS_MIN", "1 s"),
        ("PRESENCE_KEPT_SECONDS", "30 s"),
        ("LINK_SILENCE_SECONDS_MAX", "25 s"),
    ],
)
def test_limits_are_named_with_their_value(name: str, words: str) -> None:
    number, unit = re.findall(r"([\d.]+)(?: (\w+))?", words)[0]
    factor = {"MiB": 1024 * 1024, "KiB": 1024}.get(unit, 1)
    assert getattr(limits, name) == float(number) * factor
    text = " ".join(PAGE.split())
    assert f"{words} (`{name}`)" in text


def test_the_examples_in_hexadecimal_are_vectors() -> None:
    vectors = json.loads((ROOT / "tests/vectors/federation/frames.json").read_text("utf-8"))
    known = {case["bytes"] for case in vectors["good"]}
    examples = [
        line.replace(" ", "")
        for line in SECTIONS["8"].splitlines()
        if re.fullmatch(r" {6}[0-9a-f ]+", line)
    ]
    assert len(examples) == 3
    assert set(examples) <= known


def test_the_vectors_are_all_described() -> None:
    folder = ROOT / "tests/vectors/federation"
    assert {row[0].strip("`") for row in _rows("13")} == {
        path.name for path in folder.glob("*.json")
    }
