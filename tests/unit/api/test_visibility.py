"""I12: what is private is seen by nobody else, by no way in: every reader asks the same rules."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from server.domain.events import Event, PersonRegistered, PostPublished
from server.domain.ids import Cursor, derived_object_id
from tests.support.node import START, ForeignLog
from tests.unit.api.site import Site, with_command

CANARY = "canary-7f3a"
"""Stands in every text that is not for everybody: it must appear in no answer to a stranger."""


class Secrets(NamedTuple):
    vault: str
    post: str
    reply: str
    chat: str
    message: str
    start: str


async def secrets(site: Site) -> Secrets:
    """Asha and Bob share a private community and a conversation; Cleo is mentioned everywhere."""
    node = site.node
    start = str(Cursor(node.tap.epoch, node.tap.position))
    vault = await node.community("asha", f"Vault {CANARY}", visibility="private", about=CANARY)
    await run(site, "asha", "community.set_role", community=vault[2:], person="bob", role="member")
    post = await node.post(
        "asha", vault, CANARY, "question", title=CANARY, topics=[CANARY], mentions=["cleo"]
    )
    reply = await node.reply("bob", post, CANARY, mentions=["cleo"])
    await node.do("asha", "post.edit", post=post, text=CANARY, title=CANARY, mentions=["cleo"])
    await node.do("asha", "answer.accept", question=post, answer=reply)
    await node.do("bob", "reaction.set", target=post, reaction="emoji", emoji="🐤", on=True)
    await node.do("bob", "flag.raise", target=post, reason=CANARY)
    chat = (await node.do("asha", "conversation.start", members=["bob"], title=CANARY))[
        "conversation"
    ]
    message = await node.post("asha", "d:" + chat, CANARY, "message", mentions=["cleo"])
    return Secrets(vault[2:], post, reply, chat, message, start)


async def run(site: Site, actor: str, do: str, key: str = "set-up-it", /, **arguments: Any) -> None:
    body = with_command(do, key, **arguments)
    response = await site.ask("POST", "/commands", actor, json=body)
    assert response.status_code == 200, response.text


WAYS = [
    "/sync",
    "/sync?since={start}",
    "/sync?since={start}&channels=c:{vault},t:{post},t:{reply},d:{chat},t:{message},u:asha",
    "/feed",
    "/feed?view=unanswered",
    "/communities",
    "/communities?q=canary",
    "/communities/{vault}",
    "/communities/{vault}/posts",
    "/communities/{vault}/reports",
    "/conversations",
    "/conversations/{chat}/posts",
    "/threads/{post}",
    "/threads/{reply}",
    "/threads/{message}",
    "/posts/{post}",
    "/posts/{reply}",
    "/posts/{message}",
    "/posts/{post}/history",
    "/people?q=canary",
    "/people/asha",
    "/people/bob",
    "/topics",
    "/me/impact",
    "/scoring/rules",
    "/me/impact/lines",
    "/me/impact/export",
    "/boards/{vault}",
]
STRANGERS = ["cleo", "admin"]
"""A region admin runs the machine; that opens no private community and no conversation."""


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_no_way_in_shows_it_to_a_stranger(stranger: str, site: Site) -> None:
    found = await secrets(site)
    for way in WAYS:
        response = await site.ask("GET", way.format(**found._asdict()), stranger)
        assert CANARY not in response.text, way
        # Naming a thing is no sign of its existence: unknown and forbidden sound the same.
        if "{" in way and "sync" not in way and "reports" not in way:
            assert response.json()["error"]["code"] == "not_found", way


async def test_members_see_it(site: Site) -> None:
    """The same ways do lead there: the test above is not blind."""
    found = await secrets(site)
    seen = [
        way
        for way in WAYS
        if CANARY in (await site.ask("GET", way.format(**found._asdict()), "asha")).text
    ]
    assert set(WAYS) - set(seen) == {
        "/people?q=canary",
        "/topics",
        "/me/impact",
        "/scoring/rules",
        "/me/impact/lines",
        "/me/impact/export",
        "/boards/{vault}",
        "/feed?view=unanswered",
    }


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_nothing_of_it_can_be_changed_by_a_stranger(stranger: str, site: Site) -> None:
    found = await secrets(site)
    wishes: list[dict[str, Any]] = [
        {"do": "reply.publish", "parent": found.post, "text": "hi"},
        {"do": "post.publish", "place": f"c:{found.vault}", "kind": "update", "text": "hi"},
        {"do": "post.publish", "place": f"d:{found.chat}", "kind": "message", "text": "hi"},
        {"do": "reaction.set", "target": found.post, "reaction": "helpful", "on": True},
        {"do": "flag.raise", "target": found.message, "reason": "x"},
        {"do": "follow.set", "kind": "post", "target": found.post, "on": True},
        {"do": "read.mark", "channel": f"c:{found.vault}", "up_to": 1},
        {"do": "membership.set", "community": found.vault, "joined": True},
    ]
    for number, wish in enumerate(wishes):
        body = {"key": f"intrude-{number}", "command": wish}
        status, _ = await site.refused("POST", "/commands", stranger, json=body)
        assert status == 404, wish


async def test_who_was_put_out_sees_no_more(site: Site) -> None:
    found = await secrets(site)
    put_out = {"community": found.vault, "person": "bob", "role": "none"}
    await run(site, "asha", "community.set_role", "put-bob-out", **put_out)
    for way in WAYS:
        if "chat" in way or "message" in way or "conversations" in way or way == "/sync":
            continue  # the conversation is still his
        if "since" in way or way == "/people/bob":
            continue  # below
        response = await site.ask("GET", way.format(**found._asdict()), "bob")
        assert CANARY not in response.text, way
    page = await site.get("/sync", "bob", since=found.start)
    assert not [e for e in page["events"] if e["body"].get("place") == f"c:{found.vault}"]
    own = await site.get("/people/bob", "bob")
    assert own["order"] == []


async def test_a_community_that_turned_private_is_gone_for_those_outside(site: Site) -> None:
    node = site.node
    tea = await node.community("asha", "Tea")
    await node.do("cleo", "membership.set", community=tea[2:], joined=True)
    post = await node.post("asha", tea, CANARY)
    first = await site.get("/sync", "cleo")
    assert post in first["posts"]
    await node.do("asha", "community.change", community=tea[2:], name="Tea", visibility="private")
    page = await site.get("/sync", "cleo", since=first["cursor"])
    assert tea not in page["channels"]
    assert not page["events"]
    for way in ("/sync", "/feed", f"/threads/{post}", "/people/asha", f"/communities/{tea[2:]}"):
        assert CANARY not in (await site.ask("GET", way, "cleo")).text


async def test_a_secret_ballot_shows_nobody_a_choice(site: Site) -> None:
    """I11: not the voter's own answers, not the page of events, not the tap."""
    node = site.node
    home = await node.community("asha", "Home", audience="local")
    await node.do("bob", "membership.set", community=home[2:], joined=True)
    spec = {"method": "single", "choices": ["a", "b"], "secret": True}
    poll = await node.post("asha", home, "?", "poll", poll=spec)
    start = (await site.get("/sync", "bob"))["cursor"]
    await node.do("bob", "ballot.cast", poll=poll, choices=[1])
    assert (await site.get(f"/threads/{poll}", "bob"))["mine"]["ballots"] == {poll: []}
    assert (await site.get(f"/threads/{poll}", "bob"))["polls"][poll]["voters"] == 1
    (event,) = (await site.get("/sync", "bob", since=start))["events"]
    assert "choices" not in event["body"]
    tap = (await site.ask("GET", "/tap", "admin", params={"limit": 1000})).json()
    cast = [one for one in tap if one["type"].endswith("ballot.cast")]
    assert cast
    assert "choices" not in json.dumps(cast)


async def test_hidden_posts_keep_their_place_and_lose_their_words(site: Site) -> None:
    node = site.node
    tea = await node.community("asha", "Tea")
    await node.do("bob", "membership.set", community=tea[2:], joined=True)
    post = await node.post("bob", tea, CANARY, "question", title=CANARY, topics=[CANARY])
    await node.do("bob", "post.edit", post=post, text=CANARY + "2", title=CANARY)
    await node.do("asha", "moderation.act", target=post, act="hide", on=True, reason="rude")
    for way in ("/sync", "/feed", f"/threads/{post}", f"/posts/{post}", f"/posts/{post}/history"):
        response = await site.ask("GET", way, "bob")
        assert CANARY not in response.text, way
        assert response.status_code == 200
    moderator = await site.get(f"/posts/{post}/history", "asha")
    assert len(moderator["revisions"]) == 2  # who moderates can see what was hidden


async def test_moderators_can_read_what_they_hid_though_it_was_never_edited(site: Site) -> None:
    node = site.node
    tea = await node.community("asha", "Tea")
    post = await node.post("bob", tea, "you all know who", "question", title="Who?")
    await node.do("asha", "moderation.act", target=post, act="hide", on=True, reason="rude")
    (shown,) = (await site.get(f"/posts/{post}/history", "asha"))["revisions"]
    assert (shown["rev"], shown["title"], shown["text"]) == (1, "Who?", "you all know who")
    assert (await site.get(f"/posts/{post}/history", "bob"))["revisions"] == []


async def test_the_author_reads_why_a_post_was_hidden_as_long_as_it_is(site: Site) -> None:
    node = site.node
    tea = await node.community("asha", "Tea")
    post = await node.post("bob", tea)

    async def why() -> str:
        return str((await site.get(f"/posts/{post}", "bob"))["posts"][post]["hidden_for"])

    hide = {"target": post, "act": "hide", "reason": "rude"}
    await node.do("asha", "moderation.act", on=True, **hide)
    assert await why() == "rude"
    await node.do("asha", "moderation.act", on=False, **hide)
    assert await why() == ""
    await node.do("asha", "moderation.act", on=True, **hide)
    await node.do("bob", "post.delete", post=post)
    assert await why() == ""


async def test_a_page_mark_tells_nothing_of_what_was_passed_over(site: Site) -> None:
    """Dora wrote hundreds of posts where Cleo cannot read, and one before them where everybody can."""
    vault = await site.node.community("asha", "Vault", visibility="private")
    tea = await site.node.community("asha", "Tea")
    places = [tea, *[vault] * 450]
    written = [
        PostPublished(post=derived_object_id(at, "de"), kind="update", place=place, at=at)
        for at, place in enumerate(places, START)
    ]
    dora = PersonRegistered(person="dora", home="de", name="Dora")
    events: list[tuple[str, Event]] = [("", dora), *[("dora", post) for post in written]]
    await site.node.handler.apply(ForeignLog("de").batch(START, *events))
    page = await site.get("/people/dora", "cleo")
    assert (page["order"], page["next"]) == ([written[0].post], None)
    mine = await site.get("/people/dora", "asha")
    assert (len(mine["order"]), mine["order"][0]) == (20, written[-1].post)


async def test_a_colleagues_erasure_tells_each_private_place_of_itself_alone(site: Site) -> None:
    node = site.node
    await node.do("admin", "person.set_role", person="admin", role="privacy_officer", on=True)
    mine = {}
    for person in ("bob", "cleo"):
        vault = await node.community("asha", f"With {person}", visibility="private")
        role = {"community": vault[2:], "person": person, "role": "member"}
        await node.do("asha", "community.set_role", **role)
        talk = (await node.do("asha", "conversation.start", members=[person]))["conversation"]
        await node.post("asha", vault)
        await node.post("asha", f"d:{talk}", kind="message")
        mine[person] = {vault, f"d:{talk}"}
    since = str(Cursor(node.tap.epoch, node.tap.position))
    await node.do("admin", "content.erase", scope="person", target="asha")
    for person, places in mine.items():
        page = await site.get("/sync", person, since=since)
        erased = [event for event in page["events"] if event["type"] == "erasure.requested"]
        assert {post["place"] for event in erased for post in event["body"]["posts"]} == places
