"""Reports on a real database, on both kinds: which are open, which answered, and what opens them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from server.domain import events as e
from server.domain.errors import Refusal
from server.storage.queries import records
from server.storage.queries.shapes import Report
from tests.support.node import ForeignLog, TestNode, open_test_node
from tests.support.postgres import Postgres, running_postgres


@pytest.fixture(scope="module")
def server(postgres_bin: Path) -> Iterator[Postgres]:
    with running_postgres(postgres_bin) as found:
        yield found


class Desk(NamedTuple):
    """Asha's community with a post of bob's; ``abroad``: Germany's lane."""

    node: TestNode
    abroad: ForeignLog
    place: str
    post: str

    async def flag(self, who: str = "cleo", post: str = "", reason: str = "rude") -> None:
        await self.node.do(who, "flag.raise", target=post or self.post, reason=reason)
        self.node.clock.advance(1_000)

    async def answer(self, seen: int = 0, post: str = "", **more: Any) -> None:
        wish = {"target": post or self.post, "upheld": False, **more}
        await self.node.do("asha", "flag.resolve", **wish, **({"seen": seen} if seen else {}))
        self.node.clock.advance(1_000)

    async def arrives(self, *events: tuple[str, e.Event]) -> None:
        batch = self.abroad.batch(self.node.clock.now, *events)
        assert await self.node.handler.apply(batch) == self.abroad.seq

    async def page(self, after: str = "", limit: int = 50, **asked: bool) -> list[Report]:
        async with self.node.reader.snapshot() as snapshot:
            return await records.reports(snapshot, self.place, after, limit, **asked)

    async def report(self) -> Report:
        (found,) = await self.page()
        return found


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("server").new_database()
    async with open_test_node(tmp_path, url=url) as node:
        for person in ("asha", "bob", "cleo"):
            await node.register(person)
        place = await node.community("asha", "Tea")
        post = await node.post("bob", place, "leaves")
        yield Desk(node, ForeignLog(), place, post)


def raised(desk: Desk, rev: int, **more: Any) -> e.FlagRaised:
    about = {"target": desk.post, "root": desk.post, "place": desk.place}
    return e.FlagRaised(**about, rev=rev, reason="rude", **more)


async def test_a_report_made_after_the_answer_is_open(desk: Desk) -> None:
    """By somebody else, and by whoever was answered: a post that was found well is not above every report."""
    await desk.flag()
    assert (await desk.report()).resolved is False
    await desk.answer(note="no harm")
    assert (await desk.report()).resolved
    await desk.flag("bob", reason="rude indeed")
    found = await desk.report()
    assert (found.resolved, found.upheld, found.note) == (False, False, "no harm")
    assert found.reasons == ("rude", "rude indeed")
    await desk.answer(upheld=True)
    assert (await desk.report()).resolved
    await desk.flag()
    assert (await desk.report()).resolved is False


async def test_a_report_that_came_between_looking_and_answering_stays_open(desk: Desk) -> None:
    await desk.flag()
    looked = await desk.report()
    await desk.flag("bob")
    await desk.answer(looked.seen)
    found = await desk.report()
    assert (found.resolved, found.seen) == (False, 2)
    await desk.answer(found.seen)
    assert (await desk.report()).resolved


async def test_a_report_that_was_on_its_way_is_open_when_it_comes(desk: Desk) -> None:
    """Made before the answer, in a region whose line was cut: nobody who answered had it."""
    await desk.flag()
    made = desk.node.clock.now
    desk.node.clock.advance(1_000)
    await desk.answer()
    late = desk.abroad.batch(made, ("dora", raised(desk, 1)))
    assert await desk.node.handler.apply(late) == desk.abroad.seq
    assert (await desk.report()).resolved is False


async def test_an_answer_of_an_older_release_holds_for_what_was_said_before_it(desk: Desk) -> None:
    """It does not say how far it goes, so its time does; in any order."""
    answer = e.FlagResolved(target=desk.post, place=desk.place, rev=1, upheld=False)
    await desk.flag()
    await desk.arrives(("asha", answer))
    desk.node.clock.advance(1_000)
    assert (await desk.report()).resolved
    await desk.flag("bob")
    assert (await desk.report()).resolved is False


async def test_an_answer_goes_no_further_than_what_is_known(desk: Desk) -> None:
    await desk.flag()
    await desk.answer(2**53 - 1)
    assert (await desk.report()).resolved
    await desk.flag("bob")
    assert (await desk.report()).resolved is False


async def test_an_answer_to_an_older_list_opens_nothing(desk: Desk) -> None:
    """Two moderators at once: what one of them answered stays answered."""
    await desk.flag()
    looked = await desk.report()
    await desk.flag("bob")
    await desk.answer()
    await desk.answer(looked.seen)
    assert (await desk.report()).resolved


async def test_reports_that_were_taken_back_are_not_listed(desk: Desk) -> None:
    """But they count for what was seen, or a new one would hide behind the old answer."""
    await desk.arrives(("dora", raised(desk, 1)))
    await desk.answer()
    await desk.arrives(("dora", raised(desk, 2, on=False)))
    assert await desk.page() == []
    await desk.flag()
    found = await desk.report()
    assert (found.reasons, found.resolved, found.seen) == (("rude",), False, 3)


async def test_whatever_a_region_signs_can_be_listed_and_answered(desk: Desk) -> None:
    """The greatest counts there are add up beyond 64 bits; every reader of JSON can hold what is told."""
    await desk.arrives(*[(f"p{number}", raised(desk, 2**53 - 1)) for number in range(1_030)])
    assert (await desk.report()).seen == 2**53 - 1
    await desk.answer(note="noise")
    assert (await desk.report()).note == "noise"
    [resolved] = [
        record.event
        for record in await desk.node.tap.read(0, 10_000)
        if isinstance(record.event, e.FlagResolved)
    ]
    assert e.decode_body("flag.resolved", e.encode_body(resolved)) == resolved


async def test_open_ones_alone_page_by_page(desk: Desk) -> None:
    posts = sorted([desk.post, *[await desk.node.post("bob", desk.place) for _ in range(8)]])
    for number, post in enumerate(posts):
        await desk.flag(post=post)
        if number % 3:
            await desk.answer(post=post)
    assert [one.post for one in await desk.page()] == posts
    found: list[str] = []
    while page := await desk.page(found[-1] if found else "", 2, open_only=True):
        assert not any(one.resolved for one in page)
        found += [one.post for one in page]
    assert found == posts[::3]


async def test_reports_of_what_was_erased_are_gone_with_their_answers(desk: Desk) -> None:
    await desk.flag()
    await desk.answer()
    await desk.node.do("bob", "content.erase", scope="post", target=desk.post)
    await desk.arrives(("dora", raised(desk, 1)))
    assert await desk.page() == []
    refused = await desk.node.try_do("asha", "flag.resolve", target=desk.post, upheld=True)
    assert isinstance(refused, Refusal)
    assert refused.code == "gone"
