"""Profiles, status, roles and homes of the person themselves and of the authors shown."""

from collections.abc import Mapping
from typing import Any

from tap_client.fold.base import Body, Frame, Rule, Snapshot, drop, pruned, put, stale, toggled

_PROFILE_EMPTY: Mapping[str, Any] = {
    "name": "",
    "title": "",
    "unit": "",
    "country": "",
    "about": "",
    "skills": [],
    "locale": "en",
    "timezone": "UTC",
}


def change_person(snapshot: Snapshot, person: str, **changes: Any) -> Snapshot:
    if person == snapshot["me"]["id"]:
        snapshot = snapshot | {"me": snapshot["me"] | changes}
    known = snapshot["people"].get(person)
    return snapshot if known is None else put(snapshot, "people", person, known | changes)


def _registered(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    person = body["person"]
    # Of two registrations one counts, or a part of each: only the node knows.
    if person == snapshot["me"]["id"]:
        return stale(snapshot, "order")
    if person in snapshot["people"]:
        return drop(snapshot, "people", person)
    view = {"id": person, "home": body["home"], "bot": body.get("bot", False)}
    view |= {name: body.get(name, empty) for name, empty in _PROFILE_EMPTY.items()}
    return pruned(put(snapshot, "people", person, view | {"active": True, "roles": []}))


def _profile(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    changes = {name: body.get(name, empty) for name, empty in _PROFILE_EMPTY.items()}
    return change_person(snapshot, body["person"], **changes)


def _status(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return change_person(snapshot, body["person"], active=body["active"])


def _role(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    person = body["person"]
    view = snapshot["me"] if person == snapshot["me"]["id"] else snapshot["people"].get(person)
    if view is None:
        return snapshot
    roles = toggled(view["roles"], body["role"], body["on"])
    return change_person(snapshot, person, roles=roles)


def _handed_over(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return change_person(snapshot, body["person"], home="")


def _taken_over(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    return change_person(snapshot, body["person"], home=frame["id"].partition(":")[0])


_CHOICES = ("profile", "boards", "experts", "milestones", "recognition", "leaders")


def _chosen(snapshot: Snapshot, frame: Frame, body: Body) -> Snapshot:
    if body["person"] != snapshot["me"]["id"]:
        return snapshot
    return snapshot | {"choice": {name: body["choice"].get(name) for name in _CHOICES}}


RULES: dict[str, Rule] = {
    "person.registered": _registered,
    "person.profile_changed": _profile,
    "person.status_changed": _status,
    "person.role_changed": _role,
    "person.handed_over": _handed_over,
    "person.taken_over": _taken_over,
    "scoring.choice_changed": _chosen,
}
