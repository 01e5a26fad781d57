"""Standing by topic: shares, the tree above, decay; and that a topic never holds more than the whole."""

from __future__ import annotations

from hypothesis import given

from server.scoring.model import Act, Line
from server.scoring.rules import parse, rulebook, shipped
from server.scoring.score import Book, lines, standing
from server.scoring.topics import lineage, topic_standing
from tests.unit.scoring.acts import DAY, LAST_DAY, act, act_sets, gone

BOOK = shipped()
RULES = BOOK.versions[0]
TREE = {"oolong": "tea", "tea": "drinks", "pots": "kitchen"}


def lines_of(*acts: Act) -> list[Line]:
    return lines(Book(acts, BOOK), "asha")


def test_a_line_names_the_topics_of_its_content() -> None:
    (line,) = lines_of(act("helpful", "ben", "asha/1", topics=("tea", "pots")))
    assert line.topics == ("tea", "pots")


def test_a_line_is_split_equally_and_cut() -> None:
    three = lines_of(act("solved", "ben", "asha/1", topics=("tea", "pots", "cups")))
    assert topic_standing(three, RULES, DAY) == dict.fromkeys(("cups", "pots", "tea"), 2_666)


def test_a_topic_counts_for_every_one_above_it() -> None:
    one = lines_of(act("helpful", "ben", "asha/1", topics=("oolong", "pots")))
    assert topic_standing(one, RULES, DAY, TREE) == {
        "drinks": 2_500,
        "kitchen": 2_500,
        "oolong": 2_500,
        "pots": 2_500,
        "tea": 2_500,
    }
    both = lines_of(act("helpful", "ben", "asha/1", topics=("oolong", "tea")))
    assert topic_standing(both, RULES, DAY, TREE)["tea"] == 5_000, "its own share and the child's"


def test_it_decays_like_any_standing() -> None:
    old = lines_of(act("helpful", "ben", "asha/1", topics=("tea",)))
    assert topic_standing(old, RULES, DAY + 180) == {"tea": 2_500}
    assert topic_standing(old, RULES, DAY - 1) == {"tea": 0}


def test_what_does_not_count_is_in_no_topic() -> None:
    mine = act("helpful", "ben", "asha/1", topics=("tea",))
    assert topic_standing(lines_of(mine, gone("hidden", "asha/1")), RULES, DAY) == {}
    assert topic_standing(lines_of(act("helpful", "ben", "asha/1")), RULES, DAY) == {}


def test_what_is_lost_is_split_like_what_is_won() -> None:
    plain = rulebook([parse(DOWN)])
    down = lines(Book([act("downvote", "b", "asha/1", topics=("a", "b", "c"))], plain), "asha")
    assert topic_standing(down, plain.versions[0], DAY) == {"a": -666, "b": -666, "c": -666}


DOWN = """
id = "down"
effective = 2026-01-01
factors = []
[acts.downvote]
points = -2
text = "Down."
[rulings.hidden]
status = "reversed"
text = "Hidden."
[standing]
half_life_days = 0
levels = []
"""


def test_a_tree_that_bites_its_tail_ends() -> None:
    assert list(lineage("a", {"a": "b", "b": "a"})) == ["a", "b"]


@given(acts=act_sets)
def test_no_topic_holds_more_than_the_whole(acts: list[Act]) -> None:
    book = Book(acts, BOOK)
    for author in book.authors:
        found = lines(book, author)
        whole = standing([(line.at, line.milli_points) for line in found], RULES, LAST_DAY)
        by_topic = topic_standing(found, RULES, LAST_DAY, TREE)
        assert all(0 <= worth <= whole for worth in by_topic.values())
        leaves = topic_standing(found, RULES, LAST_DAY)
        assert sum(leaves.values()) <= whole
