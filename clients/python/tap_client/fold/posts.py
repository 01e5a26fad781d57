"""Posts: published, edited, withdrawn, moderated."""

from collections.abc import Mapping
from typing import Any

from tap_client.fold.base import (
    Body,
    Frame,
    Rule,
    Snapshot,
    change_post,
    places,
    pruned,
    put,
    stale,
)

NO_COUNTS: Mapping[str, Any] = {
    "replies": 0,
    "helpful": 0,
    "solved": 0,
    "votes_up": 0,
    "votes_down": 0,
    "acknowledged": 0,
    "emoji": {},
}
BLANK: Mapping[str, Any] = {
    "title": "",
    "text": "",
    "topics": [],
    "mentions": [],
    "detail": None,
    "attachments": [],
    "hidden_for": "",
}
NEW: dict[str, Any] = {
    **BLANK,
    "parent": "",
    "lang": "",
    "rev": 1,
    "edited_at": None,
    "deleted": False,
    "source": None,
    "accepted": None,
    "verified_by": [],
    "idea": None,
    "hidden": False,
    "locked": False,
    "pinned": False,
    "counts": dict(NO_COUNTS),
}
"""A post of which nothing but its place in the tree is known."""
NO_FILE: dict[str, Any] = {"width": 0, "height": 0, "alt": "", "stays": False}
_PARTS = ("poll", "paper", "praise", "announcement")


def _published(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    post = body["post"]
    if post in snapshot["posts"] or body["place"] not in places(snapshot):
        return snapshot
    part = next((name for name in _PARTS if body.get(name)), None)
    view = NEW | {
        "id": post,
        "kind": body["kind"],
        "place": body["place"],
        "root": post,
        "author": frame["by"],
        "at": body["at"],
        "title": body.get("title", ""),
        "text": body.get("text", ""),
        "topics": list(body.get("topics", ())),
        "mentions": list(body.get("mentions", ())),
        "lang": body.get("lang", ""),
        "detail": {part: body[part]} if part else None,
        "attachments": [NO_FILE | file for file in body.get("attachments", ())],
        "source": body.get("source"),
    }
    snapshot = put(snapshot, "posts", post, view)
    if poll := body.get("poll"):
        hidden = poll.get("hidden_until_close", False) or poll.get("secret", False)
        value = {"voters": 0, "counts": None if hidden else [0] * len(poll["choices"])}
        value |= {"closed": False, "closing": False, "waiting": [], "result": None}
        snapshot = put(snapshot, "polls", post, value)
    # What was said about it before it came was told when there was nothing to change.
    return pruned(stale(snapshot, "post:" + post) if frame.get("late") else snapshot)


def _edited(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    known = snapshot["posts"].get(body["post"])
    if known is None or known["deleted"] or known["rev"] >= body["rev"]:
        return snapshot
    changes: dict[str, Any] = {"rev": body["rev"], "edited_at": body.get("at") or None}
    if not known["hidden"]:
        changes |= {"title": body.get("title", ""), "text": body["text"]}
        changes |= {"topics": list(body.get("topics", ()))}
        changes |= {"mentions": list(body.get("mentions", ()))}
    return change_post(snapshot, body["post"], **changes)


def _deleted(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return pruned(_gone(snapshot, body["post"], body["rev"]))


def _gone(snapshot: Snapshot, post: str, rev: int, **more: Any) -> Snapshot:
    """Of all that takes a post away the highest revision stays."""
    known = snapshot["posts"].get(post)
    if known and known["deleted"]:
        rev = max(rev, known["rev"])
    gone = {"deleted": True, "rev": rev, "edited_at": None}
    return change_post(snapshot, post, **BLANK, **gone, **more)


def _erased(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    """What was published and erased while one was away came only as this: it keeps its place, and is fetched."""
    mine = places(snapshot)
    for post in body.get("posts", ()):
        name = post["post"]
        if name not in snapshot["posts"] and name == post["root"] and post["place"] in mine:
            left = {field: post[field] for field in ("kind", "place", "root", "author", "at")}
            snapshot = stale(
                put(snapshot, "posts", name, NEW | left | {"id": name}), "post:" + name
            )
        snapshot = _gone(snapshot, post["post"], post["rev"], lang="", source=None)
    return pruned(snapshot)


def _moderated(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    match body["act"]:
        case "hide":
            return _hidden(snapshot, body, body.get("reason", ""))
        case "lock":
            return change_post(snapshot, body["target"], locked=body["on"])
        case "pin":
            return change_post(snapshot, body["target"], pinned=body["on"])
        case _:
            return snapshot


def _hidden_at_home(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return _hidden(snapshot, body, None)


def _hidden(snapshot: Snapshot, body: Body, why: str | None) -> Snapshot:
    """Hiding is twofold (community and region) and takes the text away: shown again, it is fetched.

    ``why`` is the community's; None leaves the one that is known."""
    post = body["target"]
    known = snapshot["posts"].get(post)
    if known is None:
        return snapshot
    if not body["on"]:
        return stale(snapshot, "post:" + post)
    reason = known["hidden_for"] if why is None else why
    hidden = {**BLANK, "hidden": True, "hidden_for": "" if known["deleted"] else reason}
    return pruned(change_post(snapshot, post, **hidden))


RULES: dict[str, Rule] = {
    "post.published": _published,
    "post.edited": _edited,
    "post.deleted": _deleted,
    "erasure.requested": _erased,
    "moderation.acted": _moderated,
    "moderation.hidden_at_home": _hidden_at_home,
}
