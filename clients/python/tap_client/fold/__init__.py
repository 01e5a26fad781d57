"""Folds frames onto a snapshot: old snapshot + tail = a fresh snapshot (I4, docs/protocol/http.md 5).

    snapshot = get("/api/v1/sync")
    for frame in frames:                      # of the socket, or of GET /api/v1/sync?since=
        snapshot = fold(snapshot, frame)

House rules:

1. Pure: the old snapshot is never changed, the new one shares what did not move.
2. Whoever sent the frames decided who may see them and which event won; nothing is judged again here.
3. What a frame cannot tell is never guessed. It is named in ``stale`` and fetched again: ``"order"``
   asks for a new snapshot, ``"post:<id>"`` for ``GET /posts/<id>`` and ``install``. Authors not in
   ``people`` are ``missing_people``, fetched with ``GET /people?ids=``. A fresh snapshot has no ``stale``.
4. Every event kind stands in RULES or in SILENT; a kind of a newer node changes nothing.

tests/vectors/fold holds a case for every kind; the TypeScript SDK runs the same ones.
"""

from collections.abc import Mapping
from typing import Any

from tap_client.fold import judge, people, places, posts
from tap_client.fold.base import POSTS_MAX, Frame, Rule, Snapshot, moved, pruned, stale
from tap_client.fold.base import places as places_of
from tap_client.fold.places import in_channels, owned

__all__ = [
    "POSTS_MAX",
    "RULES",
    "SILENT",
    "Frame",
    "Snapshot",
    "fold",
    "fold_answer",
    "in_channels",
    "install",
    "missing_people",
]

RULES: dict[str, Rule] = people.RULES | places.RULES | posts.RULES | judge.RULES
"""Event type -> how it changes a snapshot."""

SILENT: dict[str, str] = {
    "person.released": "on no channel",
    "reply.published": "a snapshot holds tops of threads; the counter comes as a value",
    "citation.changed": "told to the two people concerned; no part of a snapshot",
    "vote.imported": "names nobody and is on no channel; the counter comes as a value",
    "ballot.kept": "on no channel",
    "poll.closing": "on no channel; the poll comes as a value",
    "poll.region_closed": "on no channel; the poll comes as a value",
    "poll.tallied": "on no channel",
    "poll.closed": "the result comes as a value",
    "poll.checked": "on no channel; the poll comes as a value",
    "topic.defined": "topics are fetched with GET /topics",
    "flag.raised": "told to the reporter only; no part of a snapshot",
    "flag.resolved": "on no channel",
    "standing.published": "told to the person; no part of a snapshot",
    "scoring.policy_changed": "on no channel",
    "scoring.root_published": "on no channel",
    "case.opened": "on no channel: parties are told by a value",
    "case.decided": "on no channel: parties are told by a value",
    "credits.ruled": "on no channel",
    "scoring.history_erased": "told to the person; no part of a snapshot",
    "erasure.completed": "told to whoever asked; no part of a snapshot",
    "epoch.opened": "on no channel",
    "key.rotated": "on no channel",
    "key.retired": "on no channel",
    "roster.changed": "on no channel",
    "log.closed": "on no channel",
    "residency.changed": "on no channel",
}
"""Kinds that change no snapshot, and why."""


def fold(snapshot: Snapshot, frame: Frame) -> Snapshot:
    """The snapshot after one server frame. Frames without a meaning for it return it unchanged."""
    match frame.get("t"):
        case "event":
            rule = RULES.get(frame["type"])
            after = rule(snapshot, frame, frame["body"]) if rule else snapshot
            return after | {"cursor": moved(snapshot["cursor"], frame["position"])}
        case "value":
            return judge.value(snapshot, frame)
        case "mark":
            return snapshot | {"cursor": frame["cursor"]}
        case "welcome":
            return in_channels(snapshot, frame["channels"])
        case _:
            return snapshot


def fold_answer(snapshot: Snapshot, answer: Mapping[str, Any]) -> Snapshot:
    """The snapshot after one answer of ``GET /sync?since=`` that is no ``reset``."""
    snapshot = in_channels(snapshot, answer["channels"])
    for frame in (*answer["events"], *answer["values"]):
        snapshot = fold(snapshot, frame)
    if not answer["more"] and owned(answer["channels"]) - places_of(snapshot):
        snapshot = stale(snapshot, "order")
    return snapshot | {"cursor": answer["cursor"]}


def install(snapshot: Snapshot, answer: Mapping[str, Any]) -> Snapshot:
    """Puts fetched posts and people in place of stale and missing ones; others are ignored."""
    posts = {post: v for post, v in answer.get("posts", {}).items() if post in snapshot["posts"]}
    people = answer.get("people", {})
    if not isinstance(people, Mapping):
        people = {person["id"]: person for person in people}
    mine = answer.get("mine", {})
    after = snapshot | {
        "posts": snapshot["posts"] | posts,
        "people": snapshot["people"] | people,
        "polls": snapshot["polls"] | answer.get("polls", {}),
        "mine": snapshot["mine"]
        | {
            table: snapshot["mine"][table] | mine.get(table, {})
            for table in ("ballots", "reactions")
        },
        "stale": [n for n in snapshot.get("stale", ()) if n.removeprefix("post:") not in posts],
    }
    return pruned(after)


def missing_people(snapshot: Snapshot) -> list[str]:
    """Authors whose names are not known yet: fetch them with ``GET /people?ids=``, then ``install``."""
    authors = {post["author"] for post in snapshot["posts"].values()}
    return sorted(authors - snapshot["people"].keys())
