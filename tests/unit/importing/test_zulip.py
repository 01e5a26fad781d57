"""A chat archive becomes communities, threads and replies, with nothing left out unsaid."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from server.domain import limits
from server.domain.errors import Refused
from server.domain.import_records import (
    ImportCommunity,
    ImportPerson,
    ImportPost,
    ImportRecord,
    ImportReply,
    import_record,
)
from server.ops.importing import archives, files
from server.ops.importing.naming import Naming, millis
from server.ops.importing.report import Report
from tests.support.archives import archive
from tests.unit.importing import samples

NAMING = Naming("chat-export", "chat")


def convert(folder: Path) -> tuple[dict[str, Any], Report]:
    """Records by source id; every one also passes the check at the node's door."""
    report = Report()
    records = list(archives.read("zulip", [folder], archives.Names("chat-export"), report))
    for record in records:
        import_record(files.encoded(record))
    return {record.source.id: record for record in records}, report


@pytest.fixture
def chat(tmp_path: Path) -> dict[str, Any]:
    return convert(samples.write(tmp_path / "chat-export", samples.CHAT))[0]


def message(number: int) -> str:
    at = millis(samples.CHAT["messages"][number - 1]["ts"])
    return NAMING.object(at, "message", number)


def test_people_keep_names_and_say_when_they_are_bots(chat: dict[str, Any]) -> None:
    people = [record for record in chat.values() if isinstance(record, ImportPerson)]
    assert [(p.person, p.name, p.bot) for p in people] == [
        ("chat.n1", "n1", False),
        ("chat.n2", "Asha Rao", False),
        ("chat.n3", "n3", True),
    ]


def test_channels_with_messages_become_communities(chat: dict[str, Any]) -> None:
    names = {r.name: r.at for r in chat.values() if isinstance(r, ImportCommunity)}
    assert names == {
        "general": millis("2020-01-01T00:00:00Z"),
        "0.1°-run": millis("2020-01-01T00:03:00Z"),
    }


def test_a_topics_first_message_is_its_post_even_from_the_system(chat: dict[str, Any]) -> None:
    post = chat["message/1"]
    assert isinstance(post, ImportPost)
    assert (post.title, post.kind, post.author) == ("welcome", "update", "chat.n3")
    assert post.community == chat["channel/1"].community


def test_the_others_reply_to_what_they_quote_or_to_the_first(chat: dict[str, Any]) -> None:
    parents = {name: chat[f"message/{name}"].parent for name in (2, 3, 5, 6)}
    assert parents == {2: message(1), 3: message(2), 5: message(1), 6: message(1)}
    assert {chat[f"message/{name}"].root for name in parents} == {message(1)}
    assert chat["message/2"].mentions == ("chat.n2",)


def test_what_does_not_fit_is_noted(tmp_path: Path) -> None:
    long = "\n\n".join(["x" * 1_000] * 100)
    chat = json.loads(json.dumps(samples.CHAT))
    chat["messages"][1]["text"] = long
    records, report = convert(samples.write(tmp_path / "chat-export", chat))
    pieces = [records[name] for name in ("message/2", "message/2#2", "message/2#3")]
    assert "".join(piece.text for piece in pieces) == long
    assert all(len(piece.text) <= limits.POST_TEXT_CHARS_MAX for piece in pieces)
    assert {piece.parent for piece in pieces[1:]} == {pieces[0].post}
    assert records["message/4"].text.startswith("**ttt")  # a title of 250 characters
    assert report.skipped == {("community", "its channel holds no message"): 1}
    assert report.noted.total() == 7


def test_two_runs_make_the_same_records(tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "chat-export", samples.CHAT)
    assert convert(folder)[0] == convert(folder)[0]


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    folder = samples.write(tmp_path / "chat-export", samples.CHAT)
    (folder / "messages.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(Refused, match=r"messages\.jsonl line 1"):
        convert(folder)


@pytest.mark.parametrize(
    ("row", "reason"), [({"ts": "yesterday"}, "yesterday"), ({"author": "n" * 200}, "person id")]
)
def test_a_value_that_makes_no_time_or_name_is_refused_in_words(
    tmp_path: Path, row: dict[str, str], reason: str
) -> None:
    chat = json.loads(json.dumps(samples.CHAT))
    chat["messages"][2] |= row
    with pytest.raises(Refused, match=reason):
        convert(samples.write(tmp_path / "chat-export", chat))


def test_a_message_of_a_topic_nobody_names_comes_without_a_title(tmp_path: Path) -> None:
    chat = json.loads(json.dumps(samples.CHAT))
    del chat["topics"][1]
    records, report = convert(samples.write(tmp_path / "chat-export", chat))
    assert records["message/4"].title == ""
    assert any("without a title" in line for line in report.lines())


def test_messages_that_quote_each_other_do_not_hang_below_each_other(tmp_path: Path) -> None:
    chat = json.loads(json.dumps(samples.CHAT))
    chat["messages"][1]["parent"] = 3
    chat["messages"][4]["parent"] = 5
    records, _ = convert(samples.write(tmp_path / "chat-export", chat))
    parents = {name: records[f"message/{name}"].parent for name in (2, 3, 5)}
    assert parents == {2: message(1), 3: message(2), 5: message(1)}


def test_the_real_archive_arrives_whole() -> None:
    report = Report()
    kinds: Counter[str] = Counter()
    posts: set[str] = set()
    links: list[tuple[str, str]] = []
    for record in archives.read("zulip", [archive("ncar-zulip")], archives.Names(), report):
        import_record(files.encoded(record))
        _take(record, kinds, posts, links)
    assert kinds == {"person": 197, "community": 31, "post": 828, "reply": 6_690 - 828}
    assert len(posts) == 6_690
    assert all(parent in posts and root in posts for parent, root in links)
    assert not report.skipped


def _take(
    record: ImportRecord, kinds: Counter[str], posts: set[str], links: list[tuple[str, str]]
) -> None:
    kinds[str(record.__struct_config__.tag)] += 1
    if isinstance(record, ImportPost | ImportReply):
        posts.add(record.post)
    if isinstance(record, ImportReply):
        links.append((record.parent, record.root))
