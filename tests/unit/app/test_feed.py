"""One consumer's view of the tap: filters pass events over and never places."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from pathlib import Path

import msgspec
import pytest

from server.app import feed as module
from server.app.cloudevents import encode
from server.app.feed import EVERYTHING, Feed, Filter, OffRegions
from server.app.naming import pseudonym
from server.domain.events import PersonRegistered, ScoringPolicyChanged
from server.domain.scoring_policy import CAUTIOUS
from tests.support.node import ForeignLog, TestNode, open_test_node

KEY = b"k" * 32


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as node:
        for person in ("asha", "bob"):
            await node.register(person)
        yield node


async def types(feed: Feed, after: int = 0, limit: int = 100) -> list[str]:
    return [
        event["type"].removeprefix("company.tap.")
        for event in (await feed.read(after, limit)).events
    ]


async def test_without_a_filter_it_is_the_tap(node: TestNode) -> None:
    shown = await Feed(node.tap).read(0, 100)
    assert [event["tapposition"] for event in shown.events] == ["1", "2", "3"]
    assert shown.position == 3
    assert await Feed(node.tap).read(3, 100) == ([], 3)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"types": ["company.tap.post.*"]}, ["post.published", "post.edited"]),
        ({"types": ["company.tap.post.edited"]}, ["post.edited"]),
        (
            {"types": ["company.tap.post.edited", "company.tap.community.cr*"]},
            ["community.created", "post.edited"],
        ),
        ({"types": ["company.tap.post"]}, []),
        ({"lanes": ["control"]}, ["epoch.opened"]),
        ({"types": ["company.tap.person.*"], "subjects": ["bob"]}, ["person.registered"]),
        ({"types": ["company.tap.post.*"], "lanes": ["local"]}, []),
    ],
)
async def test_each_kind_of_term_narrows_and_each_term_widens(
    wanted: dict[str, list[str]], expected: list[str], node: TestNode
) -> None:
    tea = await node.community("asha")
    post = await node.post("asha", tea)
    await node.do("asha", "post.edit", post=post, text="hello again")
    assert await types(Feed(node.tap, msgspec.convert(wanted, Filter))) == expected


@pytest.mark.parametrize(
    "bad",
    [
        {"types": ["post.*"]},
        {"types": ["company.tap.*.edited"]},
        {"types": ["company.tap.x"] * 21},
        {"lanes": [""]},
    ],
)
def test_a_filter_that_could_never_fit_is_refused(bad: dict[str, list[str]]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, Filter)


async def test_what_is_passed_over_moves_the_cursor_too(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECORDS_PER_READ", 3)
    tea = await node.community("asha")
    for number in range(8):
        await node.post("asha", tea, f"cup {number}")
    rare = Feed(node.tap, Filter(types=("company.tap.post.deleted",)))
    seen, position = [], 0
    while position < node.tap.position:
        shown = await rare.read(position, 100)
        assert shown.events == []
        assert 0 < shown.position - position <= 3
        position = shown.position
        seen.append(position)
    assert len(seen) > 3


async def test_a_page_ends_where_it_is_full(node: TestNode) -> None:
    tea = await node.community("asha")
    for number in range(5):
        await node.post("asha", tea, f"cup {number}")
    posts = Feed(node.tap, Filter(types=("company.tap.post.*",)))
    found, position = [], 0
    while (shown := await posts.read(position, 2)).position > position:
        position = shown.position
        found.append(len(shown.events))
    assert found == [2, 2, 1]


async def test_a_subject_is_asked_for_as_it_is_shown(node: TestNode) -> None:
    """Else a filter would tell whose pseudonym is whose."""
    asked = Filter(subjects=("bob",))
    hidden = Feed(node.tap, asked, "pseudonyms", KEY)
    assert (await hidden.read(0, 100)).events == []
    known = hidden._replace(filter=Filter(subjects=(pseudonym("bob", KEY),)))
    assert len((await known.read(0, 100)).events) == 1


async def test_people_of_a_region_whose_scores_are_off_are_named_to_nobody(node: TestNode) -> None:
    """From the moment its policy is here, and until it changes it; who moves there is among them."""
    log, regions = ForeignLog("de"), OffRegions(node.tap, node.reader)
    feed = Feed(node.tap, names="shown", key=KEY, nameless=regions)
    uwe = PersonRegistered(person="uwe", home="de", name="Uwe")
    await node.handler.apply(log.batch(node.clock.now, ("uwe", uwe)))
    before = encode((await feed.read(0, 100)).events)
    assert b'"uwe"' in before

    def policy(rev: int, scores: str) -> ScoringPolicyChanged:
        said = msgspec.structs.replace(CAUTIOUS, scores=scores)
        return ScoringPolicyChanged(region="de", rev=rev, policy=said)

    await node.handler.apply(log.batch(node.clock.now, ("", policy(1, "off"))))
    off = encode((await feed.read(0, 100)).events)
    assert b"uwe" not in off.lower()
    assert b'"asha"' in off
    # Somebody of whom nothing is known may be from there.
    assert set(await regions({"uwe", "asha", "stranger"})) == {"uwe", "stranger"}
    await node.handler.apply(log.batch(node.clock.now, ("", policy(2, "private"))))
    assert await regions({"uwe", "stranger"}) == ()


async def test_who_is_named_to_nobody_outside_is_asked_for_once_a_page(node: TestNode) -> None:
    asked: list[Collection[str]] = []

    async def nameless(people: Collection[str]) -> Collection[str]:
        asked.append(people)
        return {"bob"} & set(people)

    shown = await Feed(node.tap, EVERYTHING, "shown", KEY, nameless).read(0, 100)
    assert asked == [{"asha", "bob"}]
    text = encode(shown.events).decode()
    assert '"person":"asha"' in text
    assert "bob" not in text
    assert "Bob" not in text
