"""What a node holds, in the words of ``truth``, read from its database file."""

from __future__ import annotations

import json
from collections import Counter

from server.ops.demo.nodes import Place
from tests.e2e.truth import Link, Name, Truth
from tests.support.processes import rows


def _name(source: str) -> Name:
    parts = json.loads(source)
    return parts["system"], parts["id"]


def held(place: Place) -> Truth:
    posts = rows(place, "SELECT post, author, kind, parent, root, source FROM posts")
    names = {post: _name(source) for post, *_, source in posts}
    links = {
        names[post]: Link(author, kind, names[parent] if parent else None, names[root])
        for post, author, kind, parent, root, _ in posts
    }
    acceptances = rows(place, "SELECT question, answer FROM acceptances")
    votes = rows(place, "SELECT target, vote, count(*) FROM imported_votes GROUP BY 1, 2")
    return Truth(
        {person for (person,) in rows(place, "SELECT person FROM persons")},
        {name for (name,) in rows(place, "SELECT name FROM communities")},
        links,
        {names[question]: names[answer] for question, answer in acceptances},
        Counter({(names[target], vote): n for target, vote, n in votes}),
    )


def vote_counts(place: Place) -> dict[str, tuple[int, int]]:
    """Source id of a post -> (votes up, votes down) as readers see them."""
    query = (
        "SELECT p.source, c.votes_up, c.votes_down FROM post_counts c JOIN posts p USING (post)"
        " WHERE c.votes_up + c.votes_down > 0"
    )
    return {_name(source)[1]: (up, down) for source, up, down in rows(place, query)}


def homes(place: Place) -> dict[str, str]:
    """Person -> home region."""
    return dict(rows(place, "SELECT person, home FROM persons"))  # type: ignore[arg-type]
