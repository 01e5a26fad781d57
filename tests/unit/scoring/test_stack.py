"""Rules can say what Stack Overflow's say; its own votes, scored by them, give its own scores.

A post's score is reproduced for every post. Reputation is not: on a site's meta it is copied from the
main site and cannot follow from these votes (the data's README), so totals are held against sums made here
from the published counts."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from server.scoring.model import Act, Line
from server.scoring.rules import day_number, day_of, parse, rulebook
from server.scoring.score import Book, ledgers, lines
from tests.support.archives import archive
from tests.unit.scoring.acts import DAY, act, gone

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "howto" / "rules-stack.toml").read_text("utf-8")
STACK = rulebook([parse(TEXT)])
KINDS = {"up": "upvote", "down": "downvote", "accepted": "accepted"}
LAST_DAY = day_number(date(2023, 12, 31))


def read(name: str) -> list[dict[str, Any]]:
    text = (archive("se-bicycles-meta") / f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def votes(posts: dict[int, dict[str, Any]]) -> Iterator[Act]:
    """The archive names no voters: each vote has one of its own, but an acceptance is the asker's."""
    for vote in read("votes"):
        post = posts.get(vote["post"])
        if post is None or vote["type"] not in KINDS:
            continue
        giver, own = f"voter {vote['id']}", vote["type"] == "accepted"
        if own:
            giver = author(posts[post["parent"]])
        day = day_number(date.fromisoformat(vote["day"]))
        marks = {"author": author(post), "day": day, "ms": vote["id"]}
        yield act(KINDS[vote["type"]], giver, str(post["id"]), **marks)


def author(post: dict[str, Any]) -> str:
    """Whose account is gone is told apart by the post."""
    return str(post["author"]) if post.get("author") is not None else f"gone {post['id']}"


@pytest.fixture(scope="module")
def posts() -> dict[int, dict[str, Any]]:
    return {post["id"]: post for name in ("questions", "answers") for post in read(name)}


def test_every_post_has_the_score_the_site_published(posts: dict[int, dict[str, Any]]) -> None:
    counted: Counter[str] = Counter()
    for ledger in ledgers(votes(posts), STACK, LAST_DAY):
        for line in ledger.lines:
            counted[line.content] += {"upvote": 1, "downvote": -1}.get(line.kind, 0)
    assert len(posts) == 1_424
    assert {str(post["id"]): post["score"] for post in posts.values()} == {
        str(number): counted[str(number)] for number in posts
    }


def test_every_total_is_ten_up_two_down_fifteen_accepted(posts: dict[int, dict[str, Any]]) -> None:
    """From the published counts; no day here reaches the cap."""
    wanted: Counter[str] = Counter()
    for post in posts.values():
        wanted[author(post)] += 10 * post["up"] - 2 * post["down"]
    for vote in read("votes"):
        if vote["type"] == "accepted" and vote["post"] in posts:
            answer = posts[vote["post"]]
            if author(answer) != author(posts[answer["parent"]]):
                wanted[author(answer)] += 15
    found = {one.person: one.total for one in ledgers(votes(posts), STACK, LAST_DAY)}
    assert found == {name: 1000 * wanted[name] for name in found}
    assert sum(wanted.values()) * 1000 == sum(found.values()) > 0


def test_a_days_cap_is_the_sum_or_the_cap_whichever_is_less(
    posts: dict[int, dict[str, Any]],
) -> None:
    tight = rulebook([parse(TEXT.replace("points = 200", "points = 30"))])
    acts = list(votes(posts))
    days: dict[str, Counter[int]] = defaultdict(Counter)
    for one in acts:
        days[one.author][day_of(one.at)] += {"upvote": 10, "downvote": -2}.get(one.kind, 0)
    hit = 0
    for ledger in ledgers(acts, tight, LAST_DAY):
        sums = days[ledger.person].values()
        hit += sum([total > 30 for total in sums])
        assert sum(capped_milli(ledger.lines)) == sum([min(total, 30) * 1000 for total in sums])
    assert hit > 100, "the cap was put to the test"


def capped_milli(lines: tuple[Line, ...]) -> list[int]:
    return [line.milli_points for line in lines if line.kind != "accepted"]


# ---------------------------------------------------------------- each rule by itself


def points(*acts: Act, person: str = "asha") -> list[int]:
    return [line.milli_points for line in lines(Book(acts, STACK), person)]


def ups(n: int, start: int = 0) -> list[Act]:
    return [act("upvote", f"p{i}", f"asha/{i}", ms=i) for i in range(start, start + n)]


def test_no_factor_applies() -> None:
    thanks = [act("upvote", "ben", f"asha/{n}", ms=n, unit="tea", country="DE") for n in range(5)]
    back = [act("upvote", "asha", f"ben/{n}", ms=n, country="IN") for n in range(5)]
    assert points(*thanks, *back) == [10_000] * 5


def test_votes_down_take_and_the_standing_has_a_floor() -> None:
    (ledger,) = ledgers([act("downvote", "ben", "asha/1")], STACK, DAY)
    assert (ledger.total, ledger.standing, ledger.level) == (-2_000, 1_000, 0)
    cast = act("downvote_cast", "ben", "ben/1", author="asha")
    assert points(cast) == [-1_000]


def test_what_is_over_the_cap_is_taken_from_the_days_last_lines() -> None:
    down = act("downvote", "yan", "asha/1", ms=1)
    acts = [*ups(22), act("accepted", "zoe", "asha/22", ms=23), down]
    assert points(*acts) == [10_000, -2_000] + [10_000] * 19 + [10_000 - 8_000, 0, 15_000]
    cut = lines(Book(acts, STACK), "asha")[-3]
    assert [(step.name, step.milli) for step in cut.factors] == [("cap", 2_000)]
    assert 10_000 * cut.factors[0].fixed >> 32 == 2_000, "a line replays alone"


def test_what_does_not_count_uses_up_no_cap() -> None:
    acts = [*ups(21), gone("deleted", "asha/0")]
    assert points(*acts) == [0] + [10_000] * 20


def test_days_do_not_share_a_cap() -> None:
    later = [one._replace(id=f"{one.id}b", register=f"{one.register}b") for one in ups(15, 30)]
    moved = [one._replace(at=one.at + 86_400_000) for one in later]
    assert sum(points(*ups(15), *moved)) == 300_000


def test_the_order_of_votes_changes_no_line() -> None:
    acts = [*ups(25), act("downvote", "yan", "asha/1", ms=7)]
    assert points(*reversed(acts)) == points(*acts)
    assert sum(points(*acts)) == 200_000
