"""Lines say why in sentences, and name nobody whose act was not public."""

from __future__ import annotations

import json

import pytest

from server.scoring.explain import factor_text, line_map, ordinal, reason
from server.scoring.model import Act, Factor
from server.scoring.rules import ONE, shipped
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import act, gone

BOOK = shipped()
CROWDS = {"quorum": "the voters", "report_upheld": "a moderator"}


def explained(*acts: Act, title: str = "") -> dict[str, object]:
    return line_map(lines(Book(acts, BOOK), "asha")[-1], BOOK, title)


def test_a_line_holds_everything_a_client_shows() -> None:
    helpful = act("helpful", "ben", "asha/1", country="de", author_country="in")
    assert explained(helpful, title="Why is it red?") == {
        "act": helpful.id,
        "at": helpful.at,
        "kind": "helpful",
        "what": "Somebody found it helpful.",
        "content": "asha/1",
        "content_title": "Why is it red?",
        "by": None,
        "by_text": "a colleague in another country",
        "base": 5,
        "factors": [
            {
                "name": "border",
                "factor_text": "× 1.25",
                "reason": "It was of use in another country.",
                "milli": 6_250,
            }
        ],
        "milli_points": 6_250,
        "rules": "2026-1",
        "status": "counted",
        "status_text": "",
        "topics": [],
    }


@pytest.mark.parametrize("kind", sorted(BOOK.versions[0].weights))
def test_only_public_acts_name_their_giver(kind: str) -> None:
    line = explained(act(kind, "benedict", "asha/1"))
    named = kind in ("accepted", "praised", "loop_closed")
    assert (line["by"], line["by_text"]) == (
        ("benedict", "benedict") if named else (None, CROWDS.get(kind, "a colleague"))
    )
    if not named:
        line.pop("act")  # the caller gives lines names of their own
        assert "benedict" not in json.dumps(line)


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("deleted", "lapsed", "Its author deleted this."),
        (
            "hidden",
            "reversed",
            "The community's moderators hid this; the reason stands with the post.",
        ),
    ],
)
def test_a_loss_is_a_line_with_a_reason(kind: str, status: str, text: str) -> None:
    line = explained(act("helpful", "ben", "asha/1"), gone(kind, "asha/1"))
    assert (line["status"], line["status_text"], line["milli_points"]) == (status, text, 0)


@pytest.mark.parametrize(
    ("factor", "text", "words"),
    [
        (Factor("pair", 2, ONE // 2, 0), "× 1/2", "2nd credit from the same colleague"),
        (Factor("pair", 200, 0, 0), "× 0.00", "200th credit"),
        (Factor("pair", 2, ONE * 3 // 4, 0), "× 0.75", "2nd credit"),  # another version's table
        (
            Factor("unit", 3, BOOK.versions[0].inverse_sqrt[2], 0),
            "× 1/√3",
            "3rd person of the same team",
        ),
        (Factor("unit", 3, ONE // 2, 0), "× 0.50", "3rd person"),
        (Factor("mutual", 0, ONE * 6625 // 10000, 0), "× 0.66", "until the quarter ends"),
        (Factor("border", 0, ONE * 5 // 4, 0), "× 1.25", "another country"),
        (Factor("cap", 0, ONE // 4, 0), "× 0.25", "so many points a day"),
    ],
)
def test_each_factor_has_a_figure_and_a_reason(factor: Factor, text: str, words: str) -> None:
    assert factor_text(factor) == text
    assert words in reason(factor)


def test_ordinals() -> None:
    numbers = (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111)
    assert " ".join(map(ordinal, numbers)) == "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 101st 111th"
