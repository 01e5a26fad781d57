"""Ballots and the author's end of a poll: who may, and every no."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain import events as e
from tests.support.asking import does, facts
from tests.support.node import ForeignLog
from tests.support.world import START, World, poll_part

Switch = tuple[str, str, dict[str, Any]]


@pytest.mark.parametrize(
    ("poll", "choices"),
    [("poll", [0]), ("poll", [2]), ("several", [0]), ("several", [2, 0])],
)
async def test_a_ballot(w: World, poll: str, choices: list[int]) -> None:
    asked = getattr(w, poll)
    [(lane, actor, event)] = facts(
        await does(w.node, "cleo", "ballot.cast", poll=asked, choices=choices)
    )
    assert (lane, actor) == ("global", "cleo")
    assert event == e.BallotCast(poll=asked, place=w.tea, rev=1, choices=tuple(choices))
    [record] = await does(w.node, "cleo", "ballot.cast", poll=asked, withdrawn=True)
    assert record.event == e.BallotCast(poll=asked, place=w.tea, rev=2, withdrawn=True)


async def test_a_ranked_ballot_keeps_its_order(w: World) -> None:
    poll = await w.node.post("asha", w.tea, "?", "poll", poll=poll_part("ranked"))
    [record] = await does(w.node, "bob", "ballot.cast", poll=poll, choices=[2, 0, 1])
    assert isinstance(record.event, e.BallotCast)
    assert record.event.choices == (2, 0, 1)


async def test_i11_a_secret_ballot_stays_at_home_whatever_the_audience(w: World) -> None:
    """Also when a poll of another region's making asks for secrecy in a lane all regions read."""
    abroad = e.PostPublished(
        post=w.nowhere,
        kind="poll",
        place=w.kaffee,
        at=START,
        poll=e.PollSpec(method="single", choices=("ja", "nein"), secret=True),
    )
    await w.foreign("dora", abroad)
    [record] = await does(w.node, "bob", "ballot.cast", poll=w.nowhere, choices=[1])
    assert record.id.lane == "local"
    assert isinstance(record.event, e.BallotCast)
    assert record.event.secret


async def test_refused_ballots(w: World) -> None:
    def vote(poll: str, *choices: int, withdrawn: bool = False) -> Switch:
        return ("bob", "ballot.cast", {"poll": poll, "choices": choices, "withdrawn": withdrawn})

    assert await w.refusals(
        {
            "on no poll": vote(w.post, 0),
            "on the unseen": vote(w.secret, 0),
            "too late": vote(w.closed, 0),
            "to take it back, too late": vote(w.closed, withdrawn=True),
            "for nothing": vote(w.poll),
            "for two of a single choice": vote(w.poll, 0, 1),
            "for one thing twice": vote(w.several, 1, 1),
            "for what is not there": vote(w.several, 0, 3),
            "withdrawn, with a choice": vote(w.poll, 0, withdrawn=True),
        }
    ) == {
        "on no poll": ("bad_value", "poll"),
        "on the unseen": ("not_found", "post"),
        "too late": ("closed", "poll"),
        "to take it back, too late": ("closed", "poll"),
        "for nothing": ("bad_value", "choices"),
        "for two of a single choice": ("bad_value", "choices"),
        "for one thing twice": ("bad_value", "choices"),
        "for what is not there": ("bad_value", "choices"),
        "withdrawn, with a choice": ("bad_value", "choices"),
    }


async def test_a_poll_takes_ballots_until_the_moment_it_closes(w: World) -> None:
    closes = w.node.clock.now + 10
    poll = await w.node.post("asha", w.tea, "?", "poll", poll=poll_part(closes_at=closes))
    w.node.clock.now = closes - 2  # the test's node moves on by one for each command
    assert await does(w.node, "bob", "ballot.cast", poll=poll, choices=[0])
    refused = await w.refusals({"then": ("cleo", "ballot.cast", {"poll": poll, "choices": [0]})})
    assert w.node.clock.now == closes
    assert refused == {"then": ("closed", "poll")}


async def test_i11_who_voted_in_secret_before_moving_here_votes_no_more(w: World) -> None:
    poll = await w.node.post("asha", w.tea, "?", "poll", poll=poll_part(secret=True))
    open_ = await w.node.post("asha", w.tea, "?", "poll", poll=poll_part())
    old = ForeignLog("de", "pair.de.in")
    kept = [e.BallotKept(poll=p, place=w.tea, person="bob", region="de") for p in (poll, open_)]
    assert await w.node.handler.apply(old.batch(START, ("bob", kept[0]), ("bob", kept[1]))) == 2
    vote = {"poll": poll, "choices": [0]}
    assert await w.refusals({"again": ("bob", "ballot.cast", vote)}) == {
        "again": ("conflict", "poll")
    }
    assert await does(w.node, "cleo", "ballot.cast", **vote)
    assert await does(w.node, "bob", "ballot.cast", poll=open_, choices=[0]), "nothing is hidden"


# ---------------------------------------------------------------- closing


async def test_the_author_closes_a_poll(w: World) -> None:
    [(lane, actor, event)] = facts(await does(w.node, "asha", "poll.close", poll=w.poll))
    assert (lane, actor) == ("global", "asha")
    assert event == e.PollClosing(poll=w.poll, place=w.tea, at=w.node.clock.now)
    refused = await w.refusals({"then": ("bob", "ballot.cast", {"poll": w.poll, "choices": [0]})})
    assert refused == {"then": ("closed", "poll")}


async def test_closing_what_is_closed_says_nothing_new(w: World) -> None:
    await w.node.do("asha", "poll.close", poll=w.poll)
    position = w.node.tap.position
    for poll in (w.poll, w.closed):
        await w.node.do("asha", "poll.close", poll=poll)
    assert w.node.tap.position == position


async def test_refused_closings(w: World) -> None:
    assert await w.refusals(
        {
            "what is no poll": ("asha", "poll.close", {"poll": w.post}),
            "somebody else's": ("bob", "poll.close", {"poll": w.poll}),
            "somebody else's, as a moderator": ("mod", "poll.close", {"poll": w.poll}),
            "what is not there": ("asha", "poll.close", {"poll": w.nowhere}),
            "what is deleted": ("asha", "poll.close", {"poll": w.deleted}),
            "what one cannot see": ("cleo", "poll.close", {"poll": w.secret}),
        }
    ) == {
        "what is no poll": ("bad_value", "poll"),
        "somebody else's": ("forbidden", "poll"),
        "somebody else's, as a moderator": ("forbidden", "poll"),
        "what is not there": ("not_found", "post"),
        "what is deleted": ("gone", "post"),
        "what one cannot see": ("not_found", "post"),
    }


async def test_a_poll_closes_at_a_time_that_clocks_can_show(w: World) -> None:
    """Zero means nothing in particular, and is what a poll that stays open is stored with: a restart would forget
    that it has to close. Beyond the last day of calendars nobody's page could show when."""

    def poll(closes_at: int) -> tuple[str, str, dict[str, Any]]:
        part = poll_part(closes_at=closes_at)
        wish = {"place": w.tea, "kind": "poll", "title": "?", "poll": part}
        return "asha", "post.publish", wish

    asked = {str(at): poll(at) for at in (-1, 0, 2**47, 2**53 - 1)}
    assert await w.refusals(asked) == dict.fromkeys(asked, ("bad_value", "poll.closes_at"))
    assert await does(w.node, poll(2**47 - 1)[0], "post.publish", **poll(2**47 - 1)[2])
