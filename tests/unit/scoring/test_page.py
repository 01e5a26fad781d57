"""The rules in words say what the rules file says; docs/scoring-rules.md is that page."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.scoring.__main__ import main
from server.scoring.page import markdown, rules_map
from server.scoring.rules import Rulebook, parse, shipped
from tests.unit.scoring.test_stack import STACK

DOCS = Path(__file__).resolve().parents[3] / "docs"
BOOK = shipped()
RULES = BOOK.versions[-1]


def test_the_page_in_the_docs_is_the_one_the_program_writes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """python -m server.scoring page > docs/scoring-rules.md"""
    assert main(["page"]) == 0
    assert (DOCS / "scoring-rules.md").read_text("utf-8") == capsys.readouterr().out


def test_every_act_ruling_and_level_is_in_the_map() -> None:
    shown = rules_map(RULES)
    assert {one["kind"]: one["points"] for one in shown["acts"]} == {
        kind: weight.points for kind, weight in RULES.weights.items()
    }
    assert [one["kind"] for one in shown["rulings"]] == list(RULES.statuses)
    assert (shown["effective"], shown["half_life_days"]) == ("2026-01-01", 180)
    assert shown["levels_milli"] == list(RULES.levels)
    assert shown["mutual"] == {"threshold": 3, "share": 900, "prior": 5}
    assert (shown["border_share"], shown["pair_credits"], shown["cap"]) == (1250, 127, None)
    assert shown["pair_shares"] == [1000, 500, 333, 250, 200]
    assert shown["unit_shares"] == [1000, 707, 577, 500, 447]


def test_who_knows_and_whose_work_is_used_are_in_the_map() -> None:
    shown = rules_map(RULES)
    assert shown["expertise"] == {
        "half_life_days": 540,
        "prior_answers": 3,
        "other_topics_share": 250,
        "answers": 3,
        "askers": 3,
        "units": 2,
    }
    assert shown["influence"] == {"days": 180, "uses": ["accepted", "solved", "cited"]}


def test_every_sentence_is_on_the_page() -> None:
    page = markdown(BOOK)
    for kind, weight in RULES.weights.items():
        assert f"| `{kind}` | {weight.points} | {weight.text} |" in page
    for one in RULES.statuses.values():
        assert one.text in page
    assert "beyond the 127th credit" in page
    assert "count 1.25 times" in page
    assert "in a quarter they count 1, 0.5, 0.333, 0.25, 0.2 ..." in page


def test_a_page_of_other_tables_says_what_they_say() -> None:
    kept = RULES._replace(inverse=(*RULES.inverse[:1], *RULES.inverse[3:]), border=(3, 2))
    page, shown = markdown(Rulebook((kept,))), rules_map(kept)
    assert "in a quarter they count 1, 0.25, 0.2, 0.166, 0.142 ..." in page
    assert "count 1.5 times" in page
    assert (shown["pair_shares"][1], shown["border_share"]) == (250, 1500)


def test_a_page_of_other_rules_says_what_they_leave_out() -> None:
    page, shown = markdown(STACK), rules_map(STACK.versions[0])
    assert "give 200 points at most, accepted, accepts aside" in page
    assert "standing never decays" in page
    assert "no standing is shown below 1" in page
    assert "| `downvote` | -2 |" in page
    assert (shown["factors"], shown["mutual"], shown["pair_credits"]) == ([], None, 0)
    assert shown["cap"] == {"points": 200, "exempt": ["accepted", "accepts"]}
    assert (shown["pair_shares"], shown["unit_shares"]) == ([], [])
    assert (shown["expertise"], shown["influence"]) == (None, None)


def test_rules_that_change_nothing_say_so() -> None:
    plain = parse(
        'id = "p"\neffective = 2026-01-01\nfactors = []\n[acts.a]\npoints = 1\ntext = "A."\n'
        "[rulings]\n[standing]\nhalf_life_days = 0\nlevels = []\n"
    )
    page = markdown(Rulebook((plain,)))
    assert "every act is worth its points" in page
    assert "levels begin" not in page


def test_the_newest_version_comes_first() -> None:
    later = RULES._replace(id="2027-1", effective=RULES.effective + 365)
    page = markdown(Rulebook((RULES, later)))
    assert page.index("## 2027-1, in force from 2027-01-01") < page.index("## 2026-1")
