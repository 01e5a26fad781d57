"""Communities, conversations, memberships, read marks: what belongs to the person."""

from collections.abc import Iterable
from typing import Any

from tap_client.fold.base import (
    Body,
    Frame,
    Rule,
    Snapshot,
    change_mine,
    drop,
    places,
    pruned,
    put,
    stale,
    without_place,
)

READING_ROLES = ("member", "moderator", "owner")


def owned(channels: Iterable[str]) -> set[str]:
    """The places among channels."""
    return {channel for channel in channels if channel[:2] in ("c:", "d:")}


def in_channels(snapshot: Snapshot, channels: Iterable[str]) -> Snapshot:
    """Takes out what no longer belongs to the person.

    ``welcome`` and ``since`` name the channels of the person as of now: events about a place are not
    sent to those who left it or were put out of it. Of new places the events tell."""
    for place in sorted(places(snapshot) - owned(channels)):
        snapshot = without_place(snapshot, place)
    return snapshot


def _community_created(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    """A founder's role follows in the same commit; a role that came before waited for this."""
    name = body["community"]
    founded = body.get("owner") == snapshot["me"]["id"]
    if name in snapshot["communities"] or not (founded or name in snapshot["memberships"]):
        return snapshot
    view = {"id": name, "home": body["home"], "name": body["name"]}
    view |= {"about": body.get("about", ""), "visibility": body.get("visibility", "open")}
    view |= {"audience": body["audience"], "archived": False, "mode": "quiet"}
    view |= {"at": body.get("at", 0)}
    if founded:
        return put(snapshot, "communities", name, view)
    return _belonging(snapshot, name, view["visibility"])


def _community_changed(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    name, settings = body["community"], body["settings"]
    known = snapshot["communities"].get(name)
    changes = {
        "name": settings["name"],
        "about": settings.get("about", ""),
        "visibility": settings.get("visibility", "open"),
        "archived": settings.get("archived", False),
        "mode": settings.get("mode", "quiet"),
    }
    if known is not None:
        snapshot = put(snapshot, "communities", name, known | changes)
    return _belonging(snapshot, name, changes["visibility"])


def _belonging(snapshot: Snapshot, name: str, visibility: str) -> Snapshot:
    """Whether the community is the person's follows from wish, role and visibility."""
    member = snapshot["memberships"].get(name, {"joined": False, "role": "none"})
    belongs = member["role"] in READING_ROLES or (visibility == "open" and member["joined"])
    if name in snapshot["communities"]:
        return snapshot if belongs else without_place(snapshot, "c:" + name)
    return stale(snapshot, "order") if belongs else snapshot


def _change_member(snapshot: Snapshot, body: Body, **changes: Any) -> Snapshot:
    if body["person"] != snapshot["me"]["id"]:
        return snapshot
    name = body["community"]
    member = snapshot["memberships"].get(name, {"joined": False, "role": "none"}) | changes
    if member["joined"] or member["role"] != "none":
        snapshot = put(snapshot, "memberships", name, member)
    else:
        snapshot = drop(snapshot, "memberships", name)
    known = snapshot["communities"].get(name)
    # Of a community not shown here only a joined open one can become the person's own.
    return _belonging(snapshot, name, known["visibility"] if known else "open")


def _membership(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return _change_member(snapshot, body, joined=body["joined"])


def _community_role(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return _change_member(snapshot, body, role=body["role"])


def _conversation_started(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    name, me = body["conversation"], snapshot["me"]["id"]
    if name in snapshot["conversations"] or all(m["person"] != me for m in body["members"]):
        return snapshot
    view = {"id": name, "title": body.get("title", ""), "members": list(body["members"])}
    view |= {"at": body.get("at", 0), "home": body["home"]}
    snapshot = put(snapshot, "conversations", name, view)
    # Another region's first message may have come before this; before one's own none can.
    return snapshot if frame["by"] == me else stale(snapshot, "order")


def _conversation_changed(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    name, me = body["conversation"], snapshot["me"]["id"]
    inside = any(member["person"] == me for member in body["members"])
    known = snapshot["conversations"].get(name)
    if known is None:
        return stale(snapshot, "order") if inside else snapshot
    if not inside:
        return without_place(snapshot, "d:" + name)
    changes = {"title": body.get("title", ""), "members": list(body["members"])}
    return put(snapshot, "conversations", name, known | changes)


def _read(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    if frame["by"] != snapshot["me"]["id"]:
        return snapshot
    read, channel = snapshot["mine"]["read"], body["channel"]
    latest = max(read.get(channel, 0), body["up_to"])
    return pruned(change_mine(snapshot, read=read | {channel: latest}))


RULES: dict[str, Rule] = {
    "community.created": _community_created,
    "community.changed": _community_changed,
    "membership.changed": _membership,
    "community.role_changed": _community_role,
    "conversation.started": _conversation_started,
    "conversation.changed": _conversation_changed,
    "read.marked": _read,
}
