"""Acts that more than one event makes: a newcomer welcomed, a quorum met, a report upheld; and rulings."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from server.app.score_parts import ruling
from server.app.score_store import put_rows
from server.app.score_welcome import HOUR_MS, HOURS_TO_REPLY, in_time
from server.domain.events import (
    PersonRegistered,
    PollClosed,
    PollSpec,
    PostEdited,
    PostPublished,
    ReactionChanged,
    ReplyPublished,
)
from server.domain.import_records import import_record
from server.scoring.rules import parse, rulebook, shipped
from server.storage import tables as t
from tests.support.node import START, ForeignLog
from tests.unit.app.score_world import ScoreWorld, helpful, open_world, tables
from tests.unit.scoring.test_rules import TEXT

DAY = 86_400_000
POST, EARLY, LATE = [f"01kdvdna{n}{n}aaaaaaaaaaaaaaaa" for n in "123"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ScoreWorld]:
    async with open_world(tmp_path) as world:
        yield world


# ---------------------------------------------------------------- a newcomer's first post


async def test_the_first_useful_reply_welcomes_a_newcomer(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place, "Hello!")
    first = await world.node.reply("chen", post)
    world.node.clock.advance(1)
    second = await world.node.reply("dora", post)
    await world.react("asha", second)
    assert await world.points("dora") == [("welcomed", 6_000)]
    await world.react("asha", first)
    assert await world.points("chen") == [("welcomed", 6_000)]
    assert await world.points("dora") == [("helpful", 5_000)], "the earlier reply was of use too"
    await world.react("asha", first, on=False)
    assert await world.points("chen") == []
    assert await world.points("dora") == [("welcomed", 6_000)]


async def test_a_stronger_act_stays_what_it_is(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    reply = await world.node.reply("chen", post)
    await world.react("asha", reply, "solved")
    assert await world.points("chen") == [("solved", 8_000)]


async def test_only_the_first_post_makes_a_newcomer(world: ScoreWorld) -> None:
    await world.node.post("asha", world.place)
    world.node.clock.advance(1)
    reply = await world.node.reply("chen", await world.node.post("asha", world.place))
    await world.react("asha", reply)
    assert await world.points("chen") == [("helpful", 5_000)]


async def test_only_the_newcomer_can_say_so(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    reply = await world.node.reply("chen", post)
    await world.react("dora", reply)
    own = await world.node.reply("asha", post)
    await world.react("dora", own)
    assert await world.points("chen") == [("helpful", 5_000)]


async def test_a_reply_after_four_days_is_just_a_reply(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    world.node.clock.advance(4 * DAY)
    reply = await world.node.reply("chen", post)
    await world.react("asha", reply)
    assert await world.points("chen") == [("helpful", 5_000)]


@pytest.mark.parametrize("hour", range(168))
def test_there_are_two_working_days_to_reply_in_whenever_somebody_posts(hour: int) -> None:
    """``hour``: of the week, by the clock of the place. Two working days are sixteen hours, nine to five."""
    monday = 4 * DAY
    posted = monday + hour * HOUR_MS
    working = [n for n in range(hour, hour + 24 * 14) if n // 24 % 7 < 5 and n % 24 in range(9, 17)]
    last = monday + (working[2 * 8 - 1] + 1) * HOUR_MS
    assert in_time(posted, last)
    assert in_time(posted, posted + HOURS_TO_REPLY * HOUR_MS)
    assert not in_time(posted, posted + HOURS_TO_REPLY * HOUR_MS + 1)


def test_the_rules_say_how_long_there_is_to_reply() -> None:
    """So that another span is another rule: every ledger is then scored anew."""
    assert f"within {HOURS_TO_REPLY} hours" in shipped().versions[-1].weights["welcomed"].text


async def _welcomed(folder: Path, order: tuple[int, ...]) -> list[tuple[str, int]]:
    """A newcomer abroad: an earlier post, a thread, two replies and two marks, each in any order."""
    async with open_world(folder) as world:
        place = world.place

        def mark(target: str, author: str) -> ReactionChanged:
            return helpful(target, place, root=POST, author=author)

        def reply(post: str, at: int) -> ReplyPublished:
            return ReplyPublished(
                post=post, kind="reply", place=place, root=POST, parent=POST, at=at, text="!"
            )

        facts = [
            ("emil", PersonRegistered(person="emil", home="de", name="Emil", country="IN")),
            ("emil", PostPublished(post=POST, kind="update", place=place, at=START, text="x")),
            ("chen", reply(EARLY, START + 1)),
            ("dora", reply(LATE, START + 2)),
            ("emil", mark(EARLY, "chen")),
            ("emil", mark(LATE, "dora")),
        ]
        for number in order:
            log = ForeignLog("de", "global", epoch=100 + number)
            await world.node.handler.apply(log.batch(START + number * 1_000, facts[number]))
            await world.scores.catch_up()
        found = [one for person in ("chen", "dora") for one in await world.points(person)]
        older = PostPublished(post=f"{POST[:-1]}0", kind="update", place=place, at=1, text="before")
        await world.foreign(("emil", older), log=ForeignLog("de", "global", epoch=300))
        for person in ("chen", "dora"):
            assert await world.points(person) == [("helpful", 5_000)], "it was no first post"
        return found


async def test_any_order_of_arrival_welcomes_the_same_reply(tmp_path: Path) -> None:
    orders = list(itertools.permutations(range(6)))[::144]
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert await _welcomed(folder, order) == [("welcomed", 6_000), ("helpful", 5_000)], order


async def test_an_erased_import_comes_to_the_same_at_once_and_when_replayed(
    world: ScoreWorld,
) -> None:
    """Of what is erased nobody knows that it was imported: it is a first post like any other."""
    record = {
        "import": "post",
        "source": {"system": "old", "id": "1"},
        "post": POST,
        "author": "asha",
        "community": world.place[2:],
        "kind": "update",
        "at": START - DAY,
        "text": "?",
        "title": "Old",
    }
    raw = msgspec.json.encode(record)
    assert await world.node.handler.import_records([import_record(raw)]) == ["new"]
    reply = await world.node.reply("chen", await world.node.post("asha", world.place))
    await world.react("asha", reply)
    assert await world.points("chen") == [("welcomed", 6_000)]
    await world.node.do("asha", "content.erase", scope="post", target=POST)
    assert await world.points("chen") == [("helpful", 5_000)]
    before = await tables(world)
    await world.scores.rebuild()
    assert await tables(world) == before


# ---------------------------------------------------------------- quorum


def closed(post: str, place: str, quorum: bool = True, voters: int = 2) -> PollClosed:
    return PollClosed(
        poll=post, place=place, voters=voters, regions=1, quorum=quorum, digest=b"x" * 32
    )


def poll(post: str, place: str, people: int = 2) -> PostPublished:
    spec = PollSpec(method="single", choices=("a", "b"), quorum_people=people)
    return PostPublished(post=post, kind="poll", place=place, at=START, text="?", poll=spec)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_quorum_credits_who_asked_once_in_any_order(
    world: ScoreWorld, order: tuple[int, int]
) -> None:
    emil = await world.emil()
    facts = [("asha", poll(POST, world.place)), ("", closed(POST, world.place))]
    for number in order:
        log = ForeignLog("de", "global", epoch=100 + number)
        # The closing happens later than the poll, however they arrive.
        batch = log.batch(START + 1_000 * (number + 1), facts[number])
        await world.node.handler.apply(batch)
        await world.scores.catch_up()
    (line,) = await world.lines("asha")
    assert (line["kind"], line["milli_points"], line["by_text"]) == ("quorum", 3_000, "the voters")
    assert line["by"] is None
    assert emil == "emil"


@pytest.mark.parametrize(
    ("asked", "outcome", "region"),
    [
        (0, {}, "de"),
        (2, {"quorum": False}, "de"),
        (1, {"voters": 1}, "de"),
        (2, {}, "fr"),
    ],
    ids=["none was asked for", "not met", "one's own vote", "another region says so"],
)
async def test_what_is_no_quorum(
    world: ScoreWorld, asked: int, outcome: dict[str, int], region: str
) -> None:
    await world.foreign(("asha", poll(POST, world.place, asked)))
    end = closed(POST, world.place, **outcome)  # type: ignore[arg-type]
    await world.foreign(("", end), log=ForeignLog(region, "global", epoch=200))
    assert await world.points("asha") == []


# ---------------------------------------------------------------- reports


async def _report(world: ScoreWorld, who: str, post: str) -> None:
    await world.node.do(who, "flag.raise", target=post, reason="spam")
    world.node.clock.advance(1_000)


async def test_a_report_that_is_upheld_credits_who_made_it(world: ScoreWorld) -> None:
    post = await world.node.post("ben", world.place, "Buy!")
    await world.react("dora", post)
    await _report(world, "asha", post)
    assert await world.points("asha") == []
    await world.node.do("chen", "flag.resolve", target=post, upheld=True)
    await world.node.do(
        "chen", "moderation.act", target=post, act="hide", on=True, reason="advertising"
    )
    (line,) = await world.lines("asha")
    assert (line["kind"], line["milli_points"], line["status"]) == (
        "report_upheld",
        2_000,
        "counted",
    )
    assert (line["by"], line["by_text"], line["content_title"]) == (None, "a moderator", "")
    (theirs,) = await world.lines("ben")
    assert (theirs["kind"], theirs["status"]) == ("helpful", "reversed")
    assert "asha" not in str(theirs)
    await world.node.do("chen", "flag.resolve", target=post, upheld=False)
    assert await world.points("asha") == []


async def test_reports_that_earn_nothing(world: ScoreWorld) -> None:
    mine, theirs = [await world.node.post(who, world.place) for who in ("asha", "ben")]
    await _report(world, "asha", mine)
    await _report(world, "chen", theirs)
    for post in (mine, theirs):
        await world.node.do("chen", "flag.resolve", target=post, upheld=True)
    world.node.clock.advance(1_000)
    await _report(world, "dora", theirs)
    assert await world.points("asha") == [], "one's own post"
    assert await world.points("chen") == [], "one's own report"
    assert await world.points("dora") == [], "after the decision"


# ---------------------------------------------------------------- topics


async def test_a_reply_is_about_what_its_thread_is_about(world: ScoreWorld) -> None:
    question = await world.node.post(
        "asha", world.place, "?", "question", title="Which?", topics=["tea", "pots"]
    )
    answer = await world.node.reply("chen", question)
    await world.react("dora", answer)
    assert [line["topics"] for line in await world.lines("chen")] == [["tea", "pots"]]
    await world.node.do(
        "asha", "post.edit", post=question, title="Which?", text="?", topics=["cups"]
    )
    assert [line["topics"] for line in await world.lines("chen")] == [["cups"]]
    await world.node.do("asha", "post.delete", post=question)
    assert [line["topics"] for line in await world.lines("chen")] == [[]]


async def test_topics_wait_for_the_thread(world: ScoreWorld) -> None:
    reply = ReplyPublished(
        post=EARLY, kind="reply", place=world.place, root=POST, parent=POST, at=2, text="!"
    )
    await world.foreign(("asha", reply))
    await world.react("chen", EARLY)
    assert [line["topics"] for line in await world.lines("asha")] == [[]]
    root = PostPublished(post=POST, kind="update", place=world.place, at=1, text="x", topics=("a",))
    await world.foreign(("dora", root), log=ForeignLog("fr"))
    assert [line["topics"] for line in await world.lines("asha")] == [["a"]]
    edit = PostEdited(post=POST, root=POST, place=world.place, rev=2, text="y", topics=("b",))
    await world.foreign(("dora", edit), log=ForeignLog("br"))
    assert [line["topics"] for line in await world.lines("asha")] == [["b"]]


async def test_a_report_made_again_in_another_quarter_leaves_nothing_behind(
    world: ScoreWorld,
) -> None:
    post = await world.node.post("asha", world.place)
    await world.node.do("dora", "flag.raise", target=post, reason="why")
    await world.node.do("chen", "flag.resolve", target=post, upheld=True)
    assert [kind for kind, _ in await world.points("dora")] == ["report_upheld"]
    world.node.clock.advance(100 * 86_400_000)
    await world.node.do("dora", "flag.raise", target=post, reason="again")
    await world.node.do("chen", "flag.resolve", target=post, upheld=False)
    assert await world.points("dora") == []


async def test_what_only_a_destroyed_body_told_counts_no_more(world: ScoreWorld) -> None:
    """As on a node to which it never came: reports, praise and a wish for a quorum go with the post."""
    post = await world.node.post("asha", world.place)
    praise = {"to": "ben", "behaviour": "b", "value": "v", "impact": "i"}
    praised = await world.node.post("asha", world.place, kind="praise", praise=praise)
    await world.node.do("dora", "flag.raise", target=post, reason="why")
    await world.node.do("chen", "flag.resolve", target=post, upheld=True)
    assert await world.points("dora") == [("report_upheld", 2_000)]
    assert await world.points("ben") == [("praised", 6_000)]
    for gone in (post, praised):
        await world.node.do("asha", "content.erase", scope="post", target=gone)
    assert await world.points("dora") == await world.points("ben") == []
    assert world.told[-1][1:] == (0, None)
    before = await tables(world)
    await world.scores.rebuild()
    assert await tables(world) == before
    assert not any(row[2] in ("ben", "dora") for row in before[0] if row[3]), "nor is it kept"


# ---------------------------------------------------------------- rulings


async def test_a_ruling_touches_what_it_is_about_and_nobody_else(world: ScoreWorld) -> None:
    """Kept like any row, and taken back by a later one of its switch."""
    posts = [await world.node.post(who, world.place) for who in ("asha", "asha", "ben")]
    for post in posts:
        await world.react("chen", post)
    await world.react("dora", posts[0])
    before = {who: await world.lines(who) for who in ("asha", "ben")}
    last = (await world.node.tap.read(world.node.tap.position - 1, 1))[0]
    hold = {"giver": "chen", "author": "asha"}
    await world.ruled(ruling(last, "case:1@1", "held", **hold))
    held = await world.lines("asha")
    assert [line["status"] for line in held] == ["held", "held", "counted"]
    assert [line["act"] for line in held] == [line["act"] for line in before["asha"]]
    assert await world.lines("ben") == before["ben"]
    await world.ruled(ruling(last, "case:1@2", "held", on=False, **hold))
    assert {who: await world.lines(who) for who in ("asha", "ben")} == before


async def test_a_ruling_on_two_people_is_about_reports_too(world: ScoreWorld) -> None:
    """Who upheld a report stands in another row than who made it."""
    post = await world.node.post("asha", world.place)
    await world.node.do("dora", "flag.raise", target=post, reason="why")
    await world.node.do("chen", "flag.resolve", target=post, upheld=True)
    assert await world.points("dora") == [("report_upheld", 2_000)]
    last = (await world.node.tap.read(world.node.tap.position - 1, 1))[0]
    await world.ruled(ruling(last, "case:1@1", "held", giver="chen", author="dora"))
    assert [line["status"] for line in await world.lines("dora")] == ["held"]


async def test_rulings_hold_when_every_ledger_is_scored_anew(world: ScoreWorld) -> None:
    await world.react("chen", await world.node.post("asha", world.place))
    await world.scores.catch_up()
    last = (await world.node.tap.read(world.node.tap.position - 1, 1))[0]
    row = ruling(last, "case:1@1", "ring_reversed", giver="chen", quarter="2026Q1").row
    await world.node.handler.run(lambda tx: put_rows(tx, [row]))
    assert len(await world.rows(t.score_rulings)) == 1
    dearer = rulebook([parse(TEXT.replace("points = 5", "points = 7"))])
    await world.new_scores(dearer).catch_up()
    (line,) = await world.lines("asha")
    assert (line["status"], line["milli_points"]) == ("reversed", 0)
    await world.scores.rebuild()
    assert await world.rows(t.score_rulings) == [], "they come from the log like all else"
