"""What the two archives hold, read without any code of Tap: the other side of the comparison.

Posts are named by archive and source id; a link is (parent, root) in the same names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Name = tuple[str, str]
"""(archive, source id), as a post's source says it."""


class Link(NamedTuple):
    author: str
    kind: str
    parent: Name | None
    root: Name


class Truth(NamedTuple):
    """Everything there is to compare."""

    persons: set[str]
    communities: set[str]
    posts: dict[Name, Link]
    acceptances: dict[Name, Name]
    votes: Counter[tuple[Name, str]]


def read(data: Path) -> Truth:
    chat, site = _chat(data / "ncar-zulip"), _site(data / "se-bicycles-meta")
    return Truth(
        chat.persons | site.persons,
        chat.communities | site.communities,
        chat.posts | site.posts,
        site.acceptances,
        site.votes,
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _chat(folder: Path) -> Truth:
    def name(message: int) -> Name:
        return "ncar-zulip", f"message/{message}"

    messages = list(_lines(folder / "messages.jsonl"))
    topic_of = {message["id"]: message["topic"] for message in messages}
    first: dict[int, int] = {}
    posts = {}
    for message in messages:
        root = first.setdefault(message["topic"], message["id"])
        quoted = message.get("parent")
        parent = quoted if quoted and topic_of[quoted] == message["topic"] else root
        is_root = root == message["id"]
        posts[name(message["id"])] = Link(
            "ncar." + message["author"],
            "update" if is_root else "reply",
            None if is_root else name(parent),
            name(root),
        )
    persons = {"ncar." + user["id"] for user in _lines(folder / "users.jsonl")}
    communities = {channel["name"] for channel in _lines(folder / "channels.jsonl")}
    return Truth(persons, communities, posts, {}, Counter())


def _site(folder: Path) -> Truth:
    def name(kind: str, number: int) -> Name:
        return "se-bicycles-meta", f"{kind}/{number}"

    def author(row: dict[str, Any]) -> str:
        number = row.get("author", -1)
        return "bike.community" if number == -1 else f"bike.{number}"

    posts: dict[Name, Link] = {}
    acceptances = {}
    for question in _lines(folder / "questions.jsonl"):
        own = name("post", question["id"])
        posts[own] = Link(author(question), "question", None, own)
        if "accepted" in question:
            acceptances[own] = name("post", question["accepted"])
    for answer in _lines(folder / "answers.jsonl"):
        question = name("post", answer["parent"])
        posts[name("post", answer["id"])] = Link(author(answer), "answer", question, question)
    for comment in _lines(folder / "comments.jsonl"):
        above = name("post", comment["parent"])
        posts[name("comment", comment["id"])] = Link(
            author(comment), "reply", above, posts[above].root
        )
    votes = Counter(
        (name("post", vote["post"]), vote["type"])
        for vote in _lines(folder / "votes.jsonl")
        if name("post", vote["post"]) in posts
    )
    persons = {author({"author": user["id"]}) for user in _lines(folder / "users.jsonl")}
    return Truth(persons, {"Bicycles Meta"}, posts, acceptances, votes)
