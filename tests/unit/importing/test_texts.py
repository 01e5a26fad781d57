"""Nothing is lost on the way into our bounds."""

from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.ops.importing import texts
from server.ops.importing.report import Report

words = st.text(alphabet="ab \n", max_size=200)


@given(words, st.integers(1, 20))
def test_parts_fit_and_make_the_text_again(text: str, chars_max: int) -> None:
    pieces = texts.parts(text, chars_max)
    assert "".join(pieces) == text
    assert all(len(piece) <= chars_max for piece in pieces)


def test_a_text_is_cut_where_a_reader_would() -> None:
    assert texts.parts("one two\n\nthree four\nfive", 12) == ["one two\n\n", "three four\n", "five"]
    assert texts.parts("abcdef", 4) == ["abcd", "ef"]


def test_a_long_title_stands_whole_above_its_text() -> None:
    report = Report()
    title, text = texts.titled("t" * 201, "body", report)
    assert len(title) == limits.TITLE_CHARS_MAX
    assert text == "**" + "t" * 201 + "**\n\nbody"
    assert report.noted.total() == 1
    assert texts.titled("short", "body", report) == ("short", "body")


def test_tags_become_topics() -> None:
    report = Report()
    tags = ["Road Bike", "#brakes", "a,b", "x" * 60, "road bike", " "]
    assert texts.topics(tags, report) == ("road-bike", "brakes", "a-b")
    assert sum(report.noted.values()) == 1
    assert len(texts.topics([f"t{n}" for n in range(20)], report)) == limits.TOPICS_PER_POST_MAX


def test_mentions_are_each_told_once() -> None:
    report = Report()
    assert texts.mentions(["b", "a", "b"], report) == ("b", "a")
    many = [f"p{n}" for n in range(60)]
    assert len(texts.mentions(many, report)) == limits.MENTIONS_PER_POST_MAX
    assert report.noted.total() == 10
