"""A question site becomes questions, answers, replies, acceptances and votes without voters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from server.domain.import_records import ImportPerson, import_record
from server.ops.importing import archives, files
from server.ops.importing.naming import Naming, millis
from server.ops.importing.report import Report
from server.ops.importing.stackexchange import markdown
from tests.support.archives import archive
from tests.unit.importing import samples

NAMING = Naming("bike-site", "bike")


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def site(tmp_path: Path, report: Report) -> dict[str, Any]:
    folder = samples.write(tmp_path / "bike-site", samples.SITE)
    names = archives.Names("bike-site", "bike", "Bikes")
    records = list(archives.read("stackexchange", [folder], names, report))
    for record in records:
        import_record(files.encoded(record))
    return {record.source.id: record for record in records}


def post(number: int, ts: str) -> str:
    return NAMING.object(millis(ts), "post", number)


QUESTION = post(1, "2010-08-25T19:50:51.187")
ANSWER = post(2, "2010-08-25T20:00:00")


def test_people_have_names_even_when_the_archive_gives_none(site: dict[str, Any]) -> None:
    people = {r.person: r for r in site.values() if isinstance(r, ImportPerson)}
    assert people["bike.community"].bot
    assert people["bike.7"].name == "bike.7"
    assert len(people["bike.8"].name) == 120


def test_a_question_keeps_title_topics_and_text(site: dict[str, Any]) -> None:
    question = site["post/1"]
    assert (question.post, question.kind, question.title) == (QUESTION, "question", "Brakes?")
    assert question.topics == ("road-bike", "brakes")
    assert question.text.startswith("Which *brakes*?")
    assert "a_b" in question.text


def test_answers_and_comments_hang_where_they_were(site: dict[str, Any]) -> None:
    answer, comment, under_question = site["post/2"], site["comment/1"], site["comment/2"]
    assert (answer.kind, answer.parent, answer.root) == ("answer", QUESTION, QUESTION)
    assert (comment.kind, comment.parent, comment.root) == ("reply", ANSWER, QUESTION)
    assert under_question.parent == QUESTION
    assert under_question.author == "bike.community"


def test_an_acceptance_is_the_askers(site: dict[str, Any]) -> None:
    accepted = site["acceptance/1"]
    assert (accepted.by, accepted.question) == ("bike.7", QUESTION)
    assert (accepted.answer, accepted.author) == (ANSWER, "bike.8")


def test_votes_keep_their_kind_and_go_to_the_authors_home(site: dict[str, Any]) -> None:
    votes = {name: r for name, r in site.items() if name.startswith("vote/")}
    assert {name: (v.vote, v.target, v.by) for name, v in votes.items()} == {
        "vote/1": ("up", ANSWER, "bike.8"),
        "vote/2": ("down", QUESTION, "bike.7"),
        "vote/3": ("accepted", ANSWER, "bike.8"),
    }


def test_what_is_left_out_is_said(site: dict[str, Any], report: Report) -> None:
    assert report.skipped == {
        ("acceptance", "the accepted answer is not in the archive"): 1,
        ("answer", "its question is not in the archive"): 1,
        ("comment", "its post is not in the archive"): 2,
        ("vote up", "its post is not in the archive"): 2,
    }
    assert report.made.total() == len(site)
    text = "\n".join(report.lines())
    assert "badges" in text
    assert "closed" in text


def test_html_becomes_markdown() -> None:
    html = '<h2>Note</h2><ul><li>one</li></ul><p><a href="https://x.example">x</a> &amp; y</p>'
    assert markdown(html) == "## Note\n\n- one\n\n[x](https://x.example) & y"


def test_the_real_archive_arrives_whole(report: Report) -> None:
    folder = archive("se-bicycles-meta")
    records = list(archives.read("stackexchange", [folder], archives.Names(), report))
    kinds = Counter(str(record.__struct_config__.tag) for record in records)
    assert kinds == {
        "person": 312,
        "community": 1,
        "post": 453,
        "reply": 971 + 2_448,
        "acceptance": 157,
        "vote": 5_671 - 181,
    }
    votes = Counter(record.vote for record in records if record.__struct_config__.tag == "vote")
    assert (votes["up"], votes["down"]) == (5_066, 235)  # score = up - down, as the archive says
    assert sum(n for (kind, _), n in report.skipped.items() if kind.startswith("vote")) == 181
