"""One webhook at work on a real log, its receiver a script and its waits in virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from server.app import webhook_steps, webhook_worker
from server.app.feed import Filter
from server.app.sealing import Seal
from server.app.webhook_signature import headers as signature_headers
from server.app.webhook_signature import secret_text
from server.app.webhook_steps import Answered, Outcome, State, Unreached
from server.app.webhook_worker import Consent, message_of
from server.app.webhooks import Made, Webhooks, Wish
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from tests.support.faults import Watched, sqlite_error
from tests.support.node import Entropy, TestNode, open_test_node
from tests.support.receivers import (
    ORIGIN,
    SEAL,
    Request,
    Scripted,
    means_of,
    webhooks_of,
    working,
)

URL = "https://sink.example.com/tap"
POSTS = Filter(types=("company.tap.post.published",))


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        yield node


async def made(webhooks: Webhooks, **wish: Any) -> str:
    done = await webhooks.add(Wish(URL, **wish), "admin")
    assert isinstance(done, Made), done
    return done.webhook


async def written(node: TestNode, posts: int) -> str:
    place = await node.community("asha")
    for number in range(posts):
        await node.post("asha", place, f"cup {number}")
    return place


def positions(requests: list[Request]) -> list[int]:
    return [position for request in requests for position in request.positions]


async def stored(webhooks: Webhooks, true: Callable[[Any], bool]) -> Any:
    """The only webhook, once it is so."""
    async with asyncio.timeout(10):
        while not true(seen := (await webhooks.seen())[0]):
            pass
    return seen


# ---------------------------------------------------------------- all goes well


async def test_it_sends_everything_from_the_beginning_in_order(node: TestNode) -> None:
    await written(node, 5)
    sender = Scripted()
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks, beginning=True, names="shown")
        await sender.until(lambda: len(sender.requests) == node.tap.position)
        assert positions(sender.requests) == list(range(1, node.tap.position + 1))
        await written(node, 1)
        await sender.until(lambda: len(sender.requests) == node.tap.position)
        await stored(webhooks, lambda seen: seen.behind == 0)
    assert sender.asked == [(URL, ORIGIN)]


async def test_from_now_on_is_the_default_and_so_are_pseudonyms(node: TestNode) -> None:
    place = await written(node, 3)
    sender = Scripted()
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks)
        post = await node.post("asha", place, "news")
        await sender.until(lambda: len(sender.requests) == 1)
        event = sender.requests[0].events[0]
        assert event["subject"] == post
        assert b"asha" not in sender.requests[0].body
        assert event["tapactor"].startswith("p-")


async def test_a_batch_takes_what_there_is(node: TestNode) -> None:
    await written(node, 130)
    sender = Scripted()
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks, beginning=True, mode="batch", filter=POSTS)
        await sender.until(lambda: len(positions(sender.requests)) == 130)
    assert [len(request.events) for request in sender.requests] == [100, 30]
    assert sender.requests[0].headers["Content-Type"] == "application/cloudevents-batch+json"


async def test_a_batch_is_never_larger_than_receivers_take(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WEBHOOK_BODY_BYTES_MAX", 2_000)
    await written(node, 20)
    sender = Scripted()
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks, beginning=True, mode="batch", filter=POSTS)
        await sender.until(lambda: len(positions(sender.requests)) == 20)
    assert max(len(request.body) for request in sender.requests) <= 2_000
    assert positions(sender.requests) == sorted(positions(sender.requests))


async def test_binary_mode_has_attributes_in_headers_and_a_body_always(node: TestNode) -> None:
    place = await written(node, 1)
    await node.do("asha", "read.mark", channel=place, up_to=5)
    sender = Scripted()
    async with working(webhooks_of(node, sender)) as webhooks:
        wanted = Filter(types=("company.tap.post.published", "company.tap.read.marked"))
        await made(webhooks, beginning=True, mode="binary", filter=wanted)
        await sender.until(lambda: len(sender.requests) == 2)
    post, read = sender.requests
    assert post.headers["ce-type"] == "company.tap.post.published"
    assert json.loads(post.body)["place"] == place
    assert read.events[0]["type"] == "company.tap.read.marked"


async def test_a_rate_the_receiver_gave_is_kept(node: TestNode) -> None:
    await written(node, 4)
    times: list[int] = []

    def answer(_: Request) -> Outcome:
        times.append(node.clock.now)
        return Answered(200)

    sender = Scripted(answer)
    sender.consent = Consent(rate=60)
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks, beginning=True, filter=POSTS)
        await sender.until(lambda: len(sender.requests) == 4)
    assert [later - sooner for sooner, later in pairwise(times)] == [1_000] * 3


# ---------------------------------------------------------------- signatures


async def test_what_is_sent_is_signed_and_a_repeat_has_the_same_id(node: TestNode) -> None:
    await written(node, 1)
    answers = [Answered(503), Answered(503), Answered(200)]
    sender = Scripted(lambda _: answers.pop(0))
    async with working(webhooks_of(node, sender)) as webhooks:
        done = await webhooks.add(Wish(URL, beginning=True, filter=POSTS), "")
        assert isinstance(done, Made)
        await sender.until(lambda: len(sender.requests) == 3)
    assert len({request.headers["webhook-id"] for request in sender.requests}) == 1
    assert {request.headers["WebHook-Request-Origin"] for request in sender.requests} == {ORIGIN}
    for request in sender.requests:
        secret = secret_bytes(done.secret)
        seconds = int(request.headers["webhook-timestamp"])
        expected = signature_headers(
            request.headers["webhook-id"], seconds * 1000, request.body, [secret]
        )
        assert expected.items() <= request.headers.items()


def secret_bytes(text: str) -> bytes:
    raw = base64.b64decode(text.removeprefix("whsec_"))
    assert secret_text(raw) == text
    return raw


async def test_while_a_secret_follows_another_both_sign(node: TestNode) -> None:
    place = await written(node, 0)
    sender = Scripted()
    async with working(webhooks_of(node, sender)) as webhooks:
        first = await webhooks.add(Wish(URL, filter=POSTS), "")
        assert isinstance(first, Made)
        second = await webhooks.rotate(first.webhook)
        assert isinstance(second, Made)
        await node.post("asha", place)
        await sender.until(lambda: len(sender.requests) == 1)
        request = sender.requests[0]
        both = [secret_bytes(second.secret), secret_bytes(first.secret)]
        at = int(request.headers["webhook-timestamp"]) * 1000
        signed = signature_headers(request.headers["webhook-id"], at, request.body, both)
        assert request.headers["webhook-signature"] == signed["webhook-signature"]
        # A day later the old one is worth nothing.
        node.clock.advance(limits.WEBHOOK_SECRET_OVERLAP_HOURS * 3_600_000)
        assert await webhooks.resume(first.webhook) is None
        await node.post("asha", place)
        await sender.until(lambda: len(sender.requests) == 2)
        assert " " not in sender.requests[1].headers["webhook-signature"]


# ---------------------------------------------------------------- receivers that refuse, fail or end


async def test_an_event_at_fault_is_kept_as_a_dead_letter_and_can_be_sent_again(
    node: TestNode,
) -> None:
    await written(node, 8)
    posts = list(range(node.tap.position - 7, node.tap.position + 1))
    bad = {posts[2]}
    sender = Scripted(
        lambda r: Answered(400, words="what?") if bad & set(r.positions) else Answered(200)
    )
    async with working(webhooks_of(node, sender)) as webhooks:
        webhook = await made(webhooks, beginning=True, mode="batch", filter=POSTS)
        seen = await stored(webhooks, lambda seen: seen.behind == 0)
        delivered = [
            position
            for request in sender.requests
            if not bad & set(request.positions)
            for position in request.positions
        ]
        assert delivered == [position for position in posts if position not in bad]
        assert (seen.dead, seen.place.state) == (1, State.ACTIVE)
        (letter,) = await webhooks.dead(webhook, 0)  # type: ignore[misc]
        assert (letter.position, letter.error, letter.attempts) == (posts[2], "400: what?", 1)

        assert await webhooks.retry(webhook, letter.position) == Answered(400, words="what?")
        (letter,) = await webhooks.dead(webhook, 0)  # type: ignore[misc]
        assert letter.attempts == 2
        bad.clear()
        assert await webhooks.retry(webhook, letter.position) == Answered(200)
        assert await webhooks.dead(webhook, 0) == []
        missing = await webhooks.retry(webhook, letter.position)
        assert isinstance(missing, Refusal)
        assert missing.code is Code.NOT_FOUND


async def test_an_event_at_fault_is_not_passed_over_until_it_is_kept(tmp_path: Path) -> None:
    """The disk is full when its dead letter is to be written."""
    watched = Watched()

    def answer(request: Request) -> Outcome:
        if len(sender.requests) == 1:
            watched.commit_fails = sqlite_error(sqlite3.SQLITE_FULL)
        return Answered(400, words="what?")

    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        await node.register("asha")
        await written(node, 1)
        sender = Scripted(answer)
        means = means_of(node, sender)

        async def pause(milliseconds: int) -> None:
            watched.commit_fails = None
            await means.pause(milliseconds)

        entropy = Entropy("webhooks")
        webhooks = Webhooks(
            node.tap, node.reader, means._replace(pause=pause), SEAL, region="in", entropy=entropy
        )
        async with working(webhooks):
            webhook = await made(webhooks, beginning=True, filter=POSTS)
            await stored(webhooks, lambda seen: seen.behind == 0)
            (letter,) = await webhooks.dead(webhook, 0)  # type: ignore[misc]
    assert letter.position == sender.requests[0].positions[0]
    assert len(sender.requests) == 2


async def test_a_receiver_that_understands_nothing_is_paused_before_all_is_dead(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WEBHOOK_DEAD_MAX", 3)
    await written(node, 8)
    sender = Scripted(lambda _: Answered(415))
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks, beginning=True, filter=POSTS)
        seen = await stored(webhooks, lambda seen: seen.place.state is State.PAUSED)
        assert (seen.dead, len(sender.requests)) == (3, 3)
        assert "refused 3 events" in seen.place.reason


async def test_a_receiver_that_is_away_loses_nothing_and_costs_no_other_anything(
    node: TestNode,
) -> None:
    """Six hours away: the other webhook is served all the time, and then everything comes, once and in order."""
    away = {"here": False}
    begun = node.clock.now

    def answer(request: Request) -> Outcome:
        if request.url.endswith("/dead") and not away["here"]:
            if node.clock.now - begun > 6 * 3_600_000:
                away["here"] = True
            return Unreached("connection refused")
        return Answered(204)

    sender = Scripted(answer)
    async with working(webhooks_of(node, sender)) as webhooks:
        dead = await webhooks.add(Wish(URL + "/dead", filter=POSTS), "")
        well = await webhooks.add(Wish(URL + "/well", filter=POSTS), "")
        assert isinstance(dead, Made)
        assert isinstance(well, Made)
        await written(node, 30)

        def got(made: Made) -> list[Request]:
            return [one for one in sender.requests if one.webhook == made.webhook]

        await sender.until(lambda: len(got(well)) == 30)
        await sender.until(lambda: len(positions(got(dead))[-30:]) == 30 and away["here"])
        await sender.until(lambda: positions(got(dead))[-1] == positions(got(well))[-1])
        failed = got(dead)[:-30]
    assert len(failed) < 6 * 6 * 2 + 30
    assert {tuple(one.positions) for one in failed} == {(positions(got(well))[0],)}
    assert positions(got(dead)[-30:]) == positions(got(well))


async def test_in_the_end_an_operator_has_to_look(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_steps, "PAUSE_MS", 3_600_000)
    await written(node, 2)
    answer: list[Outcome] = [Answered(500, words="boom")]
    sender = Scripted(lambda _: answer[0])
    async with working(webhooks_of(node, sender)) as webhooks:
        webhook = await made(webhooks, beginning=True, filter=POSTS)
        seen = await stored(webhooks, lambda seen: seen.place.state is State.PAUSED)
        assert seen.place.reason.endswith("last: 500: boom")
        tried = len(sender.requests)
        # One event is to blame, says the operator: it is kept, and the others go on.
        answer[0] = Answered(200)
        assert await webhooks.resume(webhook, skip=True) is None
        await stored(webhooks, lambda seen: seen.behind == 0)
        assert len(sender.requests) == tried + 1
        (letter,) = await webhooks.dead(webhook, 0)  # type: ignore[misc]
        assert letter.error == "left out by the operator"
        assert letter.position < sender.requests[-1].positions[0]


async def test_a_receiver_that_is_gone_is_asked_nothing_more(node: TestNode) -> None:
    place = await written(node, 2)
    sender = Scripted(lambda _: Answered(410))
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks, beginning=True, filter=POSTS)
        await stored(webhooks, lambda seen: seen.place.state is State.PAUSED)
        await node.post("asha", place)
        await asyncio.sleep(0)
        assert len(sender.requests) == 1


# ---------------------------------------------------------------- stops, restarts, mistakes


async def test_a_restart_goes_on_where_it_stood(node: TestNode) -> None:
    place = await written(node, 3)
    first = Scripted()
    async with working(webhooks_of(node, first)) as webhooks:
        await made(webhooks, beginning=True, filter=POSTS)
        await stored(webhooks, lambda seen: seen.behind == 0)
        async with asyncio.timeout(10):  # at rest its place is written
            while (await webhooks_of(node).seen())[0].behind:
                pass
    second = Scripted()
    async with working(webhooks_of(node, second)) as webhooks:
        await node.post("asha", place, "after")
        await second.until(lambda: bool(second.requests))
        await stored(webhooks, lambda seen: seen.behind == 0)
    assert len(positions(first.requests)) == 3
    assert len(positions(second.requests)) == 1


@pytest.mark.parametrize(
    ("first", "rate"),
    [(Unreached("refused"), 0), (Answered(200), 60)],
    ids=["its receiver is away", "it wants few requests"],
)
async def test_what_is_erased_while_it_waits_never_leaves(
    node: TestNode, first: Outcome, rate: int
) -> None:
    """Both posts are in the page that was read; the second goes before its turn comes."""
    place = await written(node, 1)
    post = await node.post("asha", place, "regrettable")
    outcomes = [first]
    sender = Scripted(lambda _: outcomes.pop() if outcomes else Answered(200))
    sender.consent = Consent(rate)
    erased = False

    async def pause(milliseconds: int) -> None:
        nonlocal erased
        node.clock.advance(milliseconds)
        if not erased:
            await node.do("asha", "content.erase", scope="post", target=post, reason="mine")
        erased = True

    means = means_of(node, sender)._replace(pause=pause)
    entropy = Entropy("webhooks")
    webhooks = Webhooks(node.tap, node.reader, means, SEAL, region="in", entropy=entropy)
    async with working(webhooks):
        await made(webhooks, beginning=True, names="shown", filter=POSTS)
        await stored(webhooks, lambda seen: seen.behind == 0)
    assert erased
    assert b"cup 0" in sender.requests[0].body
    assert sender.requests[-1].positions > sender.requests[0].positions
    assert all(b"regrettable" not in request.body for request in sender.requests)


async def test_while_a_restored_node_shows_nothing_it_sends_nothing(node: TestNode) -> None:
    """What its peers know to be erased must not leave it again."""
    await written(node, 2)
    hidden = [Refusal(Code.RECOVERING, "this node was restored")]
    pauses = 0

    async def pause(milliseconds: int) -> None:
        nonlocal pauses
        node.clock.advance(milliseconds)
        pauses += 1
        if pauses == 5:
            assert sender.requests == []
            hidden.clear()
        await asyncio.sleep(0)

    sender = Scripted()
    means = means_of(node, sender)._replace(
        pause=pause, hidden=lambda: hidden[0] if hidden else None
    )
    webhooks = Webhooks(
        node.tap, node.reader, means, SEAL, region="in", entropy=Entropy("webhooks")
    )
    async with working(webhooks):
        webhook = await made(webhooks, beginning=True, filter=POSTS)
        assert await webhooks.test(webhook) == hidden[0]
        await sender.until(lambda: len(sender.requests) == 2)
    assert pauses >= 5


async def test_a_mistake_of_ours_stops_it_for_a_moment_only(
    node: TestNode, caplog: pytest.LogCaptureFixture
) -> None:
    await written(node, 2)
    broken = [True]

    def answer(_: Request) -> Outcome:
        if broken.pop() if broken else False:
            raise RuntimeError("a bug")
        return Answered(200)

    sender = Scripted(answer)
    async with working(webhooks_of(node, sender)) as webhooks:
        await made(webhooks, beginning=True, filter=POSTS)
        await stored(webhooks, lambda seen: seen.behind == 0)
    assert "stands still for a moment" in caplog.text
    assert len(sender.requests) == 3


# ---------------------------------------------------------------- making and removing


async def test_who_does_not_want_it_is_sent_nothing(node: TestNode) -> None:
    sender = Scripted()
    sender.consent = "the receiver does not say that it wants this"
    webhooks = webhooks_of(node, sender)
    refused = await webhooks.add(Wish(URL), "")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == (Code.CONFLICT, "url")
    assert await webhooks.seen() == []
    assert len(sender.forgotten) == 1


async def test_there_is_an_end_to_them(node: TestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WEBHOOKS_MAX", 1)
    webhooks = webhooks_of(node)
    await made(webhooks)
    refused = await webhooks.add(Wish(URL), "")
    assert isinstance(refused, Refusal)


async def test_a_removed_one_is_gone_with_all_it_had(node: TestNode) -> None:
    await written(node, 2)
    sender = Scripted(lambda _: Answered(400))
    async with working(webhooks_of(node, sender)) as webhooks:
        webhook = await made(webhooks, beginning=True, filter=POSTS)
        await stored(webhooks, lambda seen: seen.dead == 2)
        assert await webhooks.remove(webhook) is None
        assert await webhooks.seen() == []
        for outcome in (
            await webhooks.remove(webhook),
            await webhooks.resume(webhook),
            await webhooks.rotate(webhook),
            await webhooks.test(webhook),
            await webhooks.dead(webhook, 0),
            await webhooks.retry(webhook, 1),
        ):
            assert isinstance(outcome, Refusal)
            assert outcome.code is Code.NOT_FOUND


@pytest.mark.parametrize("wish", ["resume", "rotate", "remove"])
async def test_where_a_change_cannot_be_written_it_goes_on_as_it_was(
    tmp_path: Path, wish: str
) -> None:
    watched, sender = Watched(), Scripted()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        await node.register("asha")
        place = await written(node, 0)
        async with working(webhooks_of(node, sender)) as webhooks:
            webhook = await made(webhooks, filter=POSTS)
            # Another place than the stored one, so that there is something to be written.
            await node.post("asha", place)
            await sender.until(lambda: len(sender.requests) == 1)
            watched.commit_fails = sqlite_error(sqlite3.SQLITE_FULL)
            with pytest.raises(Refused):
                await getattr(webhooks, wish)(webhook)
            watched.commit_fails = None
            await node.post("asha", place)
            await sender.until(lambda: len(sender.requests) >= 2)
    assert sender.requests[-1].positions == [node.tap.position]


async def test_without_its_key_a_secret_opens_nothing_and_a_new_one_mends_it(
    node: TestNode,
) -> None:
    await written(node, 1)
    await made(webhooks_of(node), beginning=True, filter=POSTS)
    sender = Scripted()
    other = webhooks_of(node, sender, Seal(b"x" * 32, Entropy("other")))
    async with working(other) as webhooks:
        seen = await stored(webhooks, lambda seen: seen.place.state is State.PAUSED)
        assert "another key" in seen.place.reason
        assert isinstance(await webhooks.test(seen.hook.webhook), Refusal)
        assert isinstance(await webhooks.rotate(seen.hook.webhook), Made)
        assert await webhooks.resume(seen.hook.webhook) is None
        await sender.until(lambda: len(sender.requests) == 1)


async def test_a_test_says_what_the_receiver_made_of_it(node: TestNode) -> None:
    sender = Scripted(lambda _: Answered(202))
    webhooks = webhooks_of(node, sender)
    webhook = await made(webhooks)
    assert await webhooks.test(webhook) == Answered(202)
    assert sender.requests[0].events[0]["type"] == "company.tap.webhook.tested"


def test_an_event_without_data_goes_with_a_body_in_every_mode() -> None:
    bare = {"specversion": "1.0", "id": "1", "source": "/regions/in", "type": "x"}
    for mode in ("structured", "binary", "batch"):
        assert message_of([bare], mode).body  # type: ignore[arg-type]
    assert webhook_worker.message_of([bare], "binary").headers["Content-Type"] == (
        "application/cloudevents+json"
    )
