"""What every rule shares: the shapes, changing one entry of a map, keeping the window."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Snapshot = dict[str, Any]
"""The map ``GET /sync`` answers (docs/protocol/http.md 4)."""
Frame = Mapping[str, Any]
Body = Mapping[str, Any]
Rule = Callable[[Snapshot, Frame, Body], Snapshot]

POSTS_MAX = 50
"""A snapshot's ``order`` holds this many posts; more are paged."""


def moved(cursor: str, position: int) -> str:
    epoch, _, _ = cursor.partition(".")
    return f"{epoch}.{position}"


def places(snapshot: Snapshot) -> set[str]:
    mine = {"c:" + name for name in snapshot["communities"]}
    return mine | {"d:" + name for name in snapshot["conversations"]}


def stale(snapshot: Snapshot, name: str) -> Snapshot:
    names = snapshot.get("stale", [])
    return snapshot if name in names else snapshot | {"stale": sorted([*names, name])}


def put(snapshot: Snapshot, table: str, key: str, value: Any) -> Snapshot:
    return snapshot | {table: snapshot[table] | {key: value}}


def drop(snapshot: Snapshot, table: str, key: str) -> Snapshot:
    return snapshot | {table: {name: row for name, row in snapshot[table].items() if name != key}}


def change_post(snapshot: Snapshot, post: str, **changes: Any) -> Snapshot:
    known = snapshot["posts"].get(post)
    return snapshot if known is None else put(snapshot, "posts", post, known | changes)


def toggled(names: Iterable[str], name: str, on: bool) -> list[str]:
    return sorted({*names, name}) if on else sorted(set(names) - {name})


def change_mine(snapshot: Snapshot, **changes: Any) -> Snapshot:
    return snapshot | {"mine": snapshot["mine"] | changes}


def _newest_first(posts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return sorted(posts, key=lambda post: (posts[post]["at"], post), reverse=True)


def shows_poll(post: Mapping[str, Any] | None) -> bool:
    """Whether a post is a poll whose content is there: only those have a tally and ballots."""
    return bool(post and post["detail"] and post["detail"].get("poll"))


def pruned(snapshot: Snapshot) -> Snapshot:
    """Keeps at most POSTS_MAX posts, and only what belongs to them."""
    order = _newest_first(snapshot["posts"])[:POSTS_MAX]
    posts = {post: snapshot["posts"][post] for post in order}
    polls = {name for name, post in posts.items() if shows_poll(post)}
    authors = {post["author"] for post in posts.values()}
    mine = snapshot["mine"]
    seen = places(snapshot) | {"t:" + post for post in order}
    after = snapshot | {
        "order": order,
        "posts": posts,
        "polls": {post: value for post, value in snapshot["polls"].items() if post in polls},
        "people": {name: view for name, view in snapshot["people"].items() if name in authors},
        "mine": mine
        | {
            "reactions": {p: names for p, names in mine["reactions"].items() if p in posts},
            "ballots": {p: chosen for p, chosen in mine["ballots"].items() if p in polls},
            "acknowledged": [p for p in mine["acknowledged"] if p in posts],
            "read": {channel: at for channel, at in mine["read"].items() if channel in seen},
        },
    }
    kept = [
        n for n in snapshot.get("stale", ()) if n == "order" or n.removeprefix("post:") in posts
    ]
    if kept:
        return after | {"stale": kept}
    after.pop("stale", None)
    return after


def without_place(snapshot: Snapshot, place: str) -> Snapshot:
    """A place is gone; when the window was full, older posts of other places belong into it now."""
    table = "communities" if place.startswith("c:") else "conversations"
    was_full = len(snapshot["order"]) >= POSTS_MAX
    posts = {name: post for name, post in snapshot["posts"].items() if post["place"] != place}
    lost = len(posts) < len(snapshot["posts"])
    after = pruned(drop(snapshot, table, place[2:]) | {"posts": posts})
    return stale(after, "order") if was_full and lost else after
