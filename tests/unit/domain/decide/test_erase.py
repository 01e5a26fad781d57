"""Who may have what erased, and how far a request goes (docs/protocol/federation.md 15.1)."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain import events as e
from server.domain import limits
from server.domain.decide import Context, Decided
from server.domain.decide.erase import receipt
from server.domain.facts import Facts
from server.storage.event_log import Record
from tests.support.world import World


async def _requests(w: World, after: int) -> list[Record]:
    found = await w.node.tap.read(after, 1_000)
    return [record for record in found if isinstance(record.event, e.ErasureRequested)]


async def _erase(w: World, person: str, **wish: Any) -> tuple[dict[str, Any], list[Record]]:
    before = w.node.tap.position
    answer = await w.node.do(person, "content.erase", **wish)
    return answer, await _requests(w, before)


async def _officer(w: World) -> str:
    await w.node.do("mod", "person.set_role", person="mod", role="privacy_officer", on=True)
    return "mod"


async def test_refusals(w: World) -> None:
    await w.node.do("asha", "content.erase", scope="post", target=w.locked)
    post = {"scope": "post"}
    found = await w.refusals(
        {
            "somebody else's": ("bob", "content.erase", post | {"target": w.post}),
            "a moderator is no officer": ("mod", "content.erase", post | {"target": w.post}),
            "unknown": ("asha", "content.erase", post | {"target": w.nowhere}),
            "unseen is as unknown": ("cleo", "content.erase", post | {"target": w.secret}),
            "a message of others": ("cleo", "content.erase", post | {"target": w.message}),
            "twice": ("asha", "content.erase", post | {"target": w.locked}),
            "a person, by themselves": (
                "asha",
                "content.erase",
                {"scope": "person", "target": "asha"},
            ),
        }
    )
    assert found == {
        "somebody else's": ("forbidden", "target"),
        "a moderator is no officer": ("forbidden", "target"),
        "unknown": ("not_found", "target"),
        "unseen is as unknown": ("not_found", "target"),
        "a message of others": ("not_found", "target"),
        "twice": ("gone", "target"),
        "a person, by themselves": ("forbidden", None),
    }


async def test_an_officer_erases_what_people_at_home_wrote_and_nothing_else(w: World) -> None:
    officer = await _officer(w)
    found = await w.refusals(
        {
            "a post from abroad": (
                officer,
                "content.erase",
                {"scope": "post", "target": w.german_post},
            ),
            "a person abroad": (officer, "content.erase", {"scope": "person", "target": "dora"}),
            "nobody": (officer, "content.erase", {"scope": "person", "target": "zoe"}),
            "what they may not even read": (
                officer,
                "content.erase",
                {"scope": "post", "target": w.message},
            ),
        }
    )
    assert found == {
        "a post from abroad": ("wrong_region", "target"),
        "a person abroad": ("wrong_region", "target"),
        "nobody": ("not_found", "target"),
        "what they may not even read": ("ok", None),
    }


async def test_what_is_erased_can_no_longer_be_worked_on(w: World) -> None:
    await w.node.do("asha", "content.erase", scope="post", target=w.post)
    found = await w.refusals(
        {
            "edit": ("asha", "post.edit", {"post": w.post, "text": "again"}),
            "delete": ("asha", "post.delete", {"post": w.post}),
            "reply": ("bob", "reply.publish", {"parent": w.post, "text": "what?"}),
            "react": (
                "bob",
                "reaction.set",
                {"target": w.post, "reaction": "helpful", "on": True},
            ),
            "report": ("bob", "flag.raise", {"target": w.post, "reason": "rude"}),
        }
    )
    assert {name: code for name, (code, _) in found.items()} == dict.fromkeys(found, "gone")


async def test_a_request_says_what_stays_of_the_post(w: World) -> None:
    answer, (record,) = await _erase(w, "bob", scope="post", target=w.reply, reason="a name")
    event = record.event
    assert isinstance(event, e.ErasureRequested)
    (left,) = event.posts
    assert answer == {"requests": [event.request], "posts": 1}
    assert (event.target, event.reason, event.open, record.actor) == (
        w.reply,
        "a name",
        True,
        "bob",
    )
    assert (left.post, left.root, left.parent, left.author) == (w.reply, w.post, w.post, "bob")
    assert (left.kind, left.place, left.rev) == ("reply", w.tea, 2)


async def test_what_was_deleted_can_still_be_erased(w: World) -> None:
    """Its text is in the log of every region."""
    _, (record,) = await _erase(w, "asha", scope="post", target=w.deleted)
    assert isinstance(record.event, e.ErasureRequested)
    assert record.event.posts[0].rev == 3


@pytest.mark.parametrize(
    ("post", "lanes", "is_open"),
    [
        ("post", ["control"], True),
        ("secret", ["control"], False),
        ("message", ["local"], False),
    ],
)
async def test_i8_a_request_goes_where_the_content_went(
    w: World, post: str, lanes: list[str], is_open: bool
) -> None:
    _, records = await _erase(w, "asha", scope="post", target=getattr(w, post))
    assert [record.id.lane for record in records] == lanes
    assert {getattr(record.event, "open", None) for record in records} == {is_open}


async def test_i8_a_request_goes_to_regions_that_have_left_the_conversation(w: World) -> None:
    chat = await w.node.do("asha", "conversation.start", members=["bob", "dora"])
    place = "d:" + chat["conversation"]
    message = await w.node.post("asha", place, "psst", "message")
    alone = e.ConversationChanged(
        conversation=chat["conversation"],
        rev=2,
        members=(e.Member(person="asha", region="in"), e.Member(person="bob", region="in")),
    )
    await w.foreign("dora", alone)
    _, records = await _erase(w, "asha", scope="post", target=message)
    assert [record.id.lane for record in records] == ["pair.de.in"]


async def test_a_person_is_one_request_for_each_audience(w: World) -> None:
    officer = await _officer(w)
    answer, records = await _erase(w, officer, scope="person", target="asha")
    events = [record.event for record in records if isinstance(record.event, e.ErasureRequested)]
    found = {
        (record.id.lane, event.open): {post.post for post in event.posts}
        for record, event in zip(records, events, strict=True)
    }
    assert found.keys() == {("control", True), ("control", False), ("local", False)}
    assert found["control", False] == {w.secret}
    assert found["local", False] == {w.message}
    assert {w.post, w.answer, w.poll, w.deleted} <= found["control", True]
    assert answer == {
        "requests": [event.request for event in events],
        "posts": sum(len(posts) for posts in found.values()),
        "more": False,
    }
    again, none = await _erase(w, officer, scope="person", target="asha")
    assert again == {"requests": [], "posts": 0, "more": False}
    assert none == []


async def test_who_wrote_much_is_erased_in_parts(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ERASED_POSTS_PER_COMMAND_MAX", 5)
    monkeypatch.setattr(limits, "ERASED_POSTS_PER_EVENT_MAX", 2)
    officer = await _officer(w)
    sizes, more = [], True
    while more:
        answer, records = await _erase(w, officer, scope="person", target="asha")
        sizes.append(answer["posts"])
        assert all(len(r.event.posts) <= 2 for r in records)  # type: ignore[union-attr]
        more = answer["more"]
    assert sizes == [5, 4]


async def test_a_receipt_is_given_once(w: World) -> None:
    def once(facts: Facts, context: Context) -> Any:
        drafts = receipt("r1", "asha", 3, ["control", "pair.de.in"], facts, context)
        return Decided(drafts, {})

    before = w.node.tap.position
    await w.node.handler.append(once)
    await w.node.handler.append(once)
    records = await w.node.tap.read(before, 10)
    assert [record.id.lane for record in records] == ["control", "pair.de.in"]
    assert {record.event for record in records} == {
        e.ErasureCompleted(request="r1", region="in", bodies=3, by="asha")
    }
    assert records[0].channels == ("u:asha",)
    assert records[1].channels == (), "the copy is shown to nobody"
