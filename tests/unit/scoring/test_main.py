"""``python -m server.scoring``: the vectors, and files that are not what they should be."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from server.scoring.__main__ import main
from server.scoring.explain import act_map
from tests.unit.scoring.acts import act
from tests.unit.scoring.test_rules import TEXT

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "scoring"
CASES = sorted(VECTORS.glob("*.acts.jsonl"))


@pytest.mark.parametrize("acts", CASES, ids=lambda path: path.name.split(".")[0])
def test_vectors(acts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``<case>.acts.jsonl`` replayed to the end of 2026 prints ``<case>.ledgers.jsonl``."""
    assert main(["replay", str(acts), "--day", "2026-12-31"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wanted = acts.with_name(acts.name.replace(".acts.", ".ledgers."))
    assert printed == [json.loads(line) for line in wanted.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("acts", CASES, ids=lambda path: path.name.split(".")[0])
def test_following_ends_where_a_replay_does(acts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line as it was last printed, unless it was said to be gone, is a line of ``<case>.ledgers.jsonl``."""
    assert main(["follow", str(acts)]) == 0
    last = {told["act"]: told for told in map(json.loads, capsys.readouterr().out.splitlines())}
    followed = [told for told in last.values() if "gone" not in told]
    wanted = acts.with_name(acts.name.replace(".acts.", ".ledgers."))
    replayed = [
        {"person": ledger["person"], **line}
        for ledger in map(json.loads, wanted.read_text("utf-8").splitlines())
        for line in ledger["lines"]
    ]
    assert sorted(followed, key=_act) == sorted(replayed, key=_act)


def _act(line: dict[str, Any]) -> str:
    return str(line["act"])


def test_following_says_what_was_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, taken = act("helpful", "ben", "asha/1"), act("helpful", "ben", "asha/1", rev=2, on=False)
    acts = tmp_path / "acts.jsonl"
    acts.write_text("".join([json.dumps(act_map(one)) + "\n" for one in (given, taken)]))
    assert main(["follow", str(acts)]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["person"], first["milli_points"]) == ("asha", 5_000)
    assert second == {"act": given.id, "gone": True}


def test_following_prints_up_to_the_line_that_is_no_act(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acts = tmp_path / "acts.jsonl"
    acts.write_text(json.dumps(GOOD) + "\n{\n")
    assert main(["follow", str(acts)]) == 2
    printed = capsys.readouterr()
    assert [json.loads(line)["act"] for line in printed.out.splitlines()] == [GOOD["id"]]
    assert "line 2: Expecting" in printed.err


def test_there_are_vectors() -> None:
    assert len(CASES) >= 5


def test_reads_standard_input_and_a_rules_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(TEXT.replace("points = 5", "points = 7"), "utf-8")
    line = json.dumps(act_map(act("helpful", "ben", "asha/1")))
    monkeypatch.setattr("sys.stdin", io.StringIO(line + "\n"))
    assert main(["replay", "-", "--day", "2026-02-01", "--rules", str(rules)]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 7_000


def test_prints_nothing_for_no_acts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "acts.jsonl").write_text("")
    assert main(["replay", str(tmp_path / "acts.jsonl"), "--day", "2026-02-01"]) == 0
    assert capsys.readouterr().out == ""


GOOD = act_map(act("helpful", "ben", "asha/1"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1: Expecting"),
        ("[]", "line 1: an act is a JSON map"),
        (json.dumps({**GOOD, "points": 5}), "line 1: points: unknown"),
        (json.dumps({**GOOD, "at": 1.5}), "line 1: at: unknown, or not of its type"),
        (json.dumps({**GOOD, "rev": True}), "line 1: rev: unknown, or not of its type"),
        (json.dumps({**GOOD, "topics": "tea"}), "line 1: topics: unknown, or not of its type"),
        (json.dumps({**GOOD, "topics": ["tea", 1]}), "line 1: topics: unknown, or not of its type"),
        (json.dumps({**GOOD, "kind": ["x"]}), "line 1: kind: unknown, or not of its type"),
        (json.dumps({"id": "x"}), "line 1: missing"),
    ],
)
def test_names_the_line_that_is_no_act(
    line: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "acts.jsonl").write_text(line)
    assert main(["replay", str(tmp_path / "acts.jsonl"), "--day", "2026-02-01"]) == 2
    assert words in capsys.readouterr().err


def test_says_which_file_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "nowhere.jsonl", "--day", "2026-02-01"]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err
