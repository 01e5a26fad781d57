"""New rules beside the old: who moves, by how much, why; and that old days stay as they were."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.__main__ import main
from server.scoring.explain import act_map
from server.scoring.model import Act
from server.scoring.rules import Rules, day_number, parse, quarter_start, shipped
from server.scoring.score import ledgers
from server.scoring.whatif import (
    Amounts,
    Cause,
    Change,
    changes,
    moved_map,
    outcome_map,
    trial,
    what_if,
)
from tests.unit.scoring.acts import DAY, act, act_sets, gone
from tests.unit.scoring.test_rules import TEXT
from tests.unit.scoring.test_stack import TEXT as STACK_TEXT

BOOK = shipped()
JUNE = day_number(date(2026, 6, 30))
APRIL = day_number(date(2026, 4, 1))


def version(*edits: tuple[str, str]) -> Rules:
    text = TEXT.replace('id = "2026-1"', 'id = "new"')
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return parse(text)


DEARER = version(("points = 5", "points = 9"))
STACK = parse(STACK_TEXT)
ACTS = [
    act("helpful", "ben", "asha/1"),
    act("helpful", "ben", "asha/2", day=APRIL),
    act("helpful", "ben", "asha/3", day=APRIL, ms=1),
    act("accepted", "ben", "chen/1", day=APRIL, ms=2),
]


def test_who_moves_by_how_much_and_why() -> None:
    outcome = what_if(ACTS, BOOK, DEARER, JUNE)
    (moved,) = outcome.moved
    assert moved.person == "asha"
    assert moved.before.total == 5_000 + 5_000 + 2_500
    assert moved.after.total == 5_000 + 9_000 + 4_500
    assert moved.causes == (Cause("helpful", 6_000),)
    assert outcome.changes == (Change("points of helpful", 5, 9),)
    assert (outcome.people, outcome.since, outcome.old_lines_changed) == (2, APRIL, 0)


def test_a_factor_that_falls_away_is_the_cause() -> None:
    plain = version(('factors = ["pair", ', "factors = ["))
    (moved,) = what_if(ACTS, BOOK, plain, JUNE).moved
    assert moved.causes == (Cause("pair", 2_500),)


def test_a_kind_that_falls_away_and_a_ruling_are_causes() -> None:
    poor = version(
        ("[acts.accepted]", "[acts.unknown]"),
        ('uses = ["accepted", ', "uses = ["),
        ("[rulings.hidden]", "[rulings.gone]"),
    )
    hidden = [*ACTS, gone("hidden", "asha/2")]
    causes = {one.person: one.causes for one in what_if(hidden, BOOK, poor, JUNE).moved}
    assert causes["chen"] == (Cause("accepted", -15_000),)
    assert causes["asha"] == (Cause("ruling", 5_000), Cause("pair", -2_500))


def test_standing_may_move_alone() -> None:
    lasting = version(("half_life_days = 180", "half_life_days = 0"))
    first = what_if(ACTS, BOOK, lasting, JUNE).moved[0]
    assert first.before.total == first.after.total
    assert first.before.standing < first.after.standing
    assert first.causes == ()


def test_another_quarter_can_be_asked_about() -> None:
    outcome = what_if(ACTS, BOOK, DEARER, JUNE, DAY)
    assert outcome.since == quarter_start(DAY) == day_number(date(2026, 1, 1))
    assert outcome.moved[0].after.total == 9_000 + 9_000 + 4_500


def test_what_comes_later_gives_way_and_days_before_stay() -> None:
    book = trial(BOOK, DEARER, APRIL)
    assert [rules.id for rules in book.versions] == ["2026-1", "new"]
    assert trial(book, STACK, APRIL).on(APRIL).id == "stack"
    early = trial(BOOK, DEARER, quarter_start(DAY))
    assert early.on(quarter_start(DAY) - 1).id == "2026-1"


def test_a_version_needs_a_name_of_its_own() -> None:
    with pytest.raises(ValueError, match="different names"):
        what_if(ACTS, BOOK, parse(TEXT), JUNE)


@given(
    acts=act_sets,
    new=st.sampled_from([DEARER, STACK, version(("prior = 5", "prior = 50"))]),
    start=st.sampled_from([DAY, JUNE]),
)
def test_old_days_are_never_touched_and_causes_add_up(
    acts: list[Act], new: Rules, start: int
) -> None:
    outcome = what_if(acts, BOOK, new, JUNE, start)
    assert outcome.old_lines_changed == 0
    for moved in outcome.moved:
        assert sum(cause.milli for cause in moved.causes) == moved.after.total - moved.before.total
    still = {one.person for one in ledgers(acts, BOOK, JUNE)} - {
        moved.person for moved in outcome.moved
    }
    after = {one.person: one for one in ledgers(acts, trial(BOOK, new, outcome.since), JUNE)}
    for ledger in ledgers(acts, BOOK, JUNE):
        if ledger.person in still:
            # Whose only lines count nothing, and are of no kind of the new rules, has no ledger under these.
            found = after.get(ledger.person)
            assert (found.standing if found else 0) == ledger.standing


def test_changes_name_what_differs() -> None:
    found = {change.what: change for change in changes(BOOK.versions[0], STACK)}
    assert found["points of accepts"] == Change("points of accepts", None, 2)
    assert found["points of helpful"] == Change("points of helpful", 5, None)
    assert found["table decay"] == Change("table decay", 180, 0)
    assert changes(STACK, STACK) == ()


def test_maps_for_programs() -> None:
    outcome = what_if(ACTS, BOOK, DEARER, JUNE)
    summary = outcome_map(outcome)
    assert summary["milli_by_cause"] == {"helpful": 6_000}
    assert (summary["up"], summary["down"], summary["moved"]) == (1, 0, 1)
    assert "asha" not in json.dumps(summary)
    moved = moved_map(outcome.moved[0])
    assert moved["causes"] == [{"what": "helpful", "milli": 6_000}]
    assert Amounts(**moved["before"]) == outcome.moved[0].before


def test_from_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "new.toml"
    rules.write_text(TEXT.replace("2026-1", "new").replace("points = 5", "points = 9"), "utf-8")
    lines = "".join([json.dumps(act_map(one)) + "\n" for one in ACTS])
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    asked = ["what-if", "-", str(rules), "--day", "2026-06-30", "--since", "2026-02-03"]
    assert main(asked) == 0
    summary, asha = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (summary["since"], summary["after"], summary["people"]) == ("2026-01-01", "new", 2)
    assert (asha["person"], asha["after"]["total"]) == ("asha", 22_500)
