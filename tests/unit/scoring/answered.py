"""A real site's questions and answers, seen as they stood at a moment: votes and acceptances have their days."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from server.scoring.rules import DAY_MS
from tests.support.archives import archive

KINDS = frozenset({"discussion", "support", "feature-request", "bug"})
"""A meta site wants one of these on each question: it says what sort of question, not what it is about."""
NEVER = 1 << 62


class Post(NamedTuple):
    """A question or an answer. Moments are UTC milliseconds."""

    id: str
    author: str
    at: int
    ups: tuple[int, ...]
    """When it was known that somebody voted for it: votes have a day, so from the next one on."""
    downs: tuple[int, ...]
    score: int
    """At the end."""
    accepted_at: int = NEVER

    def ups_by(self, moment: int) -> int:
        return sum([vote <= moment for vote in self.ups])

    def downs_by(self, moment: int) -> int:
        return sum([vote <= moment for vote in self.downs])


class Question(NamedTuple):
    post: Post
    topics: frozenset[str]
    answers: tuple[Post, ...]

    def by(self, moment: int) -> Question:
        """With the answers there were at a moment."""
        return self._replace(answers=tuple([one for one in self.answers if one.at < moment]))

    @property
    def winner(self) -> str:
        """Whose answer was accepted in the end; empty for nobody's."""
        return next((one.author for one in self.answers if one.accepted_at < NEVER), "")


def _rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@cache
def questions() -> tuple[Question, ...]:
    """All questions in the order they were asked. Posts of authors who left no name are left out."""
    folder = archive("se-bicycles-meta")
    votes: dict[tuple[str, int], list[int]] = defaultdict(list)
    for vote in _rows(folder, "votes"):
        votes[vote["type"], vote["post"]].append(_moment(vote["day"]) + DAY_MS)

    def post(row: dict[str, Any]) -> Post:
        name = row["id"]
        return Post(
            id=str(name),
            author=str(row.get("author", "")),
            at=_moment(row["ts"]),
            ups=tuple(votes["up", name]),
            downs=tuple(votes["down", name]),
            score=row["score"],
            accepted_at=min(votes["accepted", name]) if row.get("is_accepted") else NEVER,
        )

    answers: dict[int, list[Post]] = defaultdict(list)
    for row in _rows(folder, "answers"):
        if "author" in row:
            answers[row["parent"]].append(post(row))
    found = [
        Question(post(row), frozenset(row["tags"]) - KINDS, tuple(answers[row["id"]]))
        for row in _rows(folder, "questions")
    ]
    return tuple(sorted(found, key=lambda one: one.post.at))
