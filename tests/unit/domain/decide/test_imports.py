"""Records of another system become events once, and never points for anybody."""

from __future__ import annotations

import json
from typing import Any

from server.domain import events as e
from server.domain.errors import Code, Refusal
from server.domain.ids import derived_object_id
from server.domain.import_records import import_record
from server.storage.event_log import Record
from tests.support.world import START, World

COMMUNITY, QUESTION, ANSWER, REPLY = (
    derived_object_id(START, name) for name in ("community", "question", "answer", "reply")
)
SOURCE = {"system": "forum", "id": "1"}
QUESTION_RECORD: dict[str, Any] = {
    "post": QUESTION,
    "author": "ada",
    "community": COMMUNITY,
    "kind": "question",
    "at": START,
    "text": "why?",
    "title": "Why?",
    "topics": ["tea"],
}
ARCHIVE: dict[str, dict[str, Any]] = {
    "person": {"person": "ada", "name": "Ada", "unit": "math"},
    "community": {"community": COMMUNITY, "name": "Forum", "at": START},
    "post": QUESTION_RECORD,
    "reply": {
        "post": ANSWER,
        "author": "asha",
        "community": COMMUNITY,
        "root": QUESTION,
        "parent": QUESTION,
        "kind": "answer",
        "at": START + 1,
        "text": "because",
    },
    "acceptance": {
        "by": "ada",
        "community": COMMUNITY,
        "question": QUESTION,
        "answer": ANSWER,
        "author": "asha",
    },
    "vote": {
        "by": "asha",
        "community": COMMUNITY,
        "root": QUESTION,
        "target": ANSWER,
        "vote": "up",
        "at": START,
    },
}


async def importing(w: World, kind: str, **changes: Any) -> tuple[str | Refusal, list[Record]]:
    line = {"import": kind, "source": SOURCE, **ARCHIVE[kind], **changes}
    before = w.node.tap.position
    [outcome] = await w.node.handler.import_records([import_record(json.dumps(line).encode())])
    return outcome, list(await w.node.tap.read(before, 10))


async def test_an_archive_becomes_events_once(w: World) -> None:
    made = {}
    for kind in ARCHIVE:
        outcome, [record] = await importing(w, kind)
        assert outcome == "new", kind
        assert record.id.lane == "global"
        made[kind] = (record.actor, record.event)
    source = e.Source(**SOURCE)
    place = "c:" + COMMUNITY
    assert made == {
        "person": (
            "ada",
            e.PersonRegistered(person="ada", home="in", name="Ada", unit="math", source=source),
        ),
        "community": (
            "",
            e.CommunityCreated(
                community=COMMUNITY,
                home="in",
                name="Forum",
                audience="global",
                at=START,
                source=source,
            ),
        ),
        "post": (
            "ada",
            e.PostPublished(
                post=QUESTION,
                kind="question",
                place=place,
                at=START,
                text="why?",
                title="Why?",
                topics=("tea",),
                source=source,
            ),
        ),
        "reply": (
            "asha",
            e.ReplyPublished(
                post=ANSWER,
                kind="answer",
                place=place,
                root=QUESTION,
                parent=QUESTION,
                at=START + 1,
                text="because",
                source=source,
            ),
        ),
        "acceptance": (
            "ada",
            e.AnswerAccepted(
                question=QUESTION, place=place, rev=1, answer=ANSWER, author="asha", source=source
            ),
        ),
        # Nobody knows who voted, so nobody acts.
        "vote": (
            "",
            e.VoteImported(
                target=ANSWER, root=QUESTION, place=place, vote="up", at=START, source=source
            ),
        ),
    }
    for kind in ARCHIVE:
        assert await importing(w, kind) == ("known", []), kind


async def test_topics_of_an_archive_are_those_of_posts(w: World) -> None:
    _, [record] = await importing(w, "post", topics=["Tea", "tea", "Chai"])
    assert isinstance(record.event, e.PostPublished)
    assert record.event.topics == ("tea", "chai")


async def test_records_may_come_in_any_order(w: World) -> None:
    for kind in reversed(ARCHIVE):
        outcome, _ = await importing(w, kind)
        assert outcome == "new", kind
    answer = await w.node.try_do("cleo", "reply.publish", parent=ANSWER, text="thanks")
    assert not isinstance(answer, Refusal)


async def test_i7_what_somebody_abroad_wrote_is_imported_there(w: World) -> None:
    for kind, changes in {
        "person": {"person": "dora"},
        "post": {"author": "dora"},
        "reply": {"author": "dora"},
        "acceptance": {"by": "dora"},
        "vote": {"by": "dora"},
    }.items():
        outcome, records = await importing(w, kind, **changes)
        assert isinstance(outcome, Refusal), kind
        assert outcome.code is Code.WRONG_REGION, kind
        assert "de" in outcome.message
        assert records == []


async def test_a_post_that_was_only_heard_of_is_still_new(w: World) -> None:
    """An edit that came first left a placeholder; the post itself fills it in."""
    await w.foreign(
        "dora", e.PostDeleted(post=QUESTION, root=QUESTION, place="c:" + COMMUNITY, rev=2)
    )
    outcome, _ = await importing(w, "post")
    assert outcome == "new"


async def test_an_import_follows_the_audience_of_a_community_that_is_there(w: World) -> None:
    outcome, [record] = await importing(w, "post", community=w.home[2:], author="asha")
    assert (outcome, record.id.lane) == ("new", "local")
