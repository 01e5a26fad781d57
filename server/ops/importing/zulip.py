"""A chat archive: channels, topics and messages become communities, threads and replies.

The folder holds ``channels.jsonl``, ``topics.jsonl``, ``users.jsonl`` and ``messages.jsonl``. The first
message of a topic becomes a post with the topic as its title; the others reply to it, or to the
message they quote. Messages by the chat system itself stay, as their author's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from server.domain.import_records import (
    ImportCommunity,
    ImportPerson,
    ImportPost,
    ImportRecord,
    ImportReply,
)
from server.ops.importing import files, texts
from server.ops.importing.naming import Naming, millis
from server.ops.importing.report import Report


class User(msgspec.Struct, frozen=True):
    id: str
    bot: bool = False
    name: str = ""


class Channel(msgspec.Struct, frozen=True):
    id: int
    name: str


class Topic(msgspec.Struct, frozen=True):
    id: int
    title: str
    resolved: bool = False


class Message(msgspec.Struct, frozen=True):
    """``parent``: the message quoted by this one."""

    id: int
    ts: str
    author: str
    channel: int
    topic: int
    text: str
    mentions: tuple[str, ...] = ()
    parent: int | None = None


class Place(NamedTuple):
    """Where a message went."""

    post: str
    topic: int


class Index(NamedTuple):
    """What a first reading keeps: ids and times, no texts."""

    messages: dict[int, Place]
    roots: dict[int, str]
    """Topic -> post of its first message."""
    communities: dict[int, tuple[str, int]]
    """Channel -> community and the time of its first message."""


def convert(folder: Path, naming: Naming, report: Report) -> Iterator[ImportRecord]:
    """The archive as records, people and communities first. Raises Refused on a malformed row."""
    index = read_index(folder, naming)
    titles = {topic.id: topic for topic in files.rows(folder / "topics.jsonl", Topic)}
    resolved = sum(topic.resolved for topic in titles.values())
    if resolved:
        report.note("topics marked resolved: the mark is not carried over", resolved)
    for user in files.rows(folder / "users.jsonl", User):
        yield person(user, naming, report)
    for channel in files.rows(folder / "channels.jsonl", Channel):
        yield from community(channel, index, naming, report)
    for message in files.rows(folder / "messages.jsonl", Message):
        topic = titles.get(message.topic)
        if topic is None:
            report.note("messages of topics the archive does not name: in a thread without a title")
        yield from content(message, topic.title if topic else "", index, naming, report)


def read_index(folder: Path, naming: Naming) -> Index:
    index = Index({}, {}, {})
    for message in files.rows(folder / "messages.jsonl", Message):
        at = millis(message.ts)
        post = naming.object(at, "message", message.id)
        index.messages[message.id] = Place(post, message.topic)
        index.roots.setdefault(message.topic, post)
        if message.channel not in index.communities:
            name = naming.object(at, "channel", message.channel)
            index.communities[message.channel] = (name, at)
    return index


def person(user: User, naming: Naming, report: Report) -> ImportPerson:
    return ImportPerson(
        source=naming.source("user", user.id),
        person=naming.person(user.id),
        name=texts.name(user.name, user.id, report),
        bot=user.bot,
    )


def community(
    channel: Channel, index: Index, naming: Naming, report: Report
) -> Iterator[ImportCommunity]:
    if channel.id not in index.communities:
        report.skip("community", "its channel holds no message")
        return
    name, at = index.communities[channel.id]
    yield ImportCommunity(
        source=naming.source("channel", channel.id),
        community=name,
        name=texts.name(channel.name, f"channel {channel.id}", report),
        about=f"From the archive {naming.system}.",
        at=at,
    )


def content(
    message: Message, title: str, index: Index, naming: Naming, report: Report
) -> Iterator[ImportPost | ImportReply]:
    """A message's post or reply, then the rest of a text too long for one."""
    first = index.messages[message.id].post == index.roots[message.topic]
    heading, text = texts.titled(title, message.text, report) if first else ("", message.text)
    head, *rest = texts.parts(text)
    if not message.text.strip():
        report.note("messages without text in the archive: kept, empty")
    if first:
        yield post(message, heading, head, index, naming, report)
    else:
        yield reply(message, head, parent(message, index, report), index, naming, report)
    for number, part in enumerate(rest, 2):
        report.note("texts too long for one post: continued in replies")
        yield continuation(message, part, number, index, naming)


def post(
    message: Message, title: str, text: str, index: Index, naming: Naming, report: Report
) -> ImportPost:
    people = [naming.person(name) for name in message.mentions]
    return ImportPost(
        source=naming.source("message", message.id),
        post=index.messages[message.id].post,
        author=naming.person(message.author),
        community=index.communities[message.channel][0],
        kind="update",
        at=millis(message.ts),
        title=title,
        text=text,
        mentions=texts.mentions(people, report),
    )


def parent(message: Message, index: Index, report: Report) -> str:
    """The quoted message when it stands in the same topic, else the topic's first."""
    root = index.roots[message.topic]
    if message.parent is None:
        return root
    quoted = index.messages.get(message.parent)
    if quoted is None:
        report.note("quotes of messages outside the archive: below their own topic")
        return root
    if quoted.topic != message.topic:
        report.note("quotes across topics: below their own topic, the quote stays in the text")
        return root
    if message.parent >= message.id:
        # Two that are below each other would be found by nobody who reads from the top; ids follow time.
        report.note("quotes of later messages: below their own topic, the quote stays in the text")
        return root
    return quoted.post


def reply(
    message: Message, text: str, parent: str, index: Index, naming: Naming, report: Report
) -> ImportReply:
    people = [naming.person(name) for name in message.mentions]
    return ImportReply(
        source=naming.source("message", message.id),
        post=index.messages[message.id].post,
        author=naming.person(message.author),
        community=index.communities[message.channel][0],
        root=index.roots[message.topic],
        parent=parent,
        kind="reply",
        at=millis(message.ts),
        text=text,
        mentions=texts.mentions(people, report),
    )


def continuation(
    message: Message, text: str, number: int, index: Index, naming: Naming
) -> ImportReply:
    source_id = f"{message.id}#{number}"
    at = millis(message.ts)
    return ImportReply(
        source=naming.source("message", source_id),
        post=naming.object(at, "message", source_id),
        author=naming.person(message.author),
        community=index.communities[message.channel][0],
        root=index.roots[message.topic],
        parent=index.messages[message.id].post,
        kind="reply",
        at=at,
        text=text,
    )
