"""Which routes tell of groups of people, and which attacks each of them has to stand.

A new route fails here until it is put into one of the lists. A route tells of a group when its answer holds a
count, band, quartile, median or total over people other than the reader, or a choice among them.
"""

from __future__ import annotations

import re

import pytest

from server.api.table import ROOT_ROUTES, ROUTES
from tests.unit.api import test_group_attacks as attacks

EVERY = frozenset(f"{route.method} {route.path}" for route in (*ROUTES, *ROOT_ROUTES))

CHANGES = (
    attacks.test_what_is_settled_tells_nothing_of_who_changed,
    attacks.test_what_is_running_tells_nothing_of_who_changed,
)
GROUPS = {
    # bands of a region's standings
    "GET /me/impact/place": (
        *CHANGES,
        attacks.test_between_any_two_bands_lie_enough_people,
    ),
    # quartiles of leaders; how many came back of whom one replied to
    "GET /leader": (*CHANGES, attacks.test_who_came_back_is_told_from_what_everybody_may_read),
    # how many nominees stay unnamed; who is first of those named
    "GET /recognition": (*CHANGES, attacks.test_the_unnamed_are_counted_once),
    "GET /recognition/export": (*CHANGES, attacks.test_the_unnamed_are_counted_once),
    # who is among the first ten
    "GET /boards/{community}": CHANGES,
    # who is among the first
    "GET /experts": CHANGES,
    # medians of first steps; how many people of which countries used somebody's work
    "GET /people/{person}/record": (
        *CHANGES,
        attacks.test_medians_follow_from_what_is_shown_alone,
        attacks.test_medians_keep_to_the_strictest_least_number,
        attacks.test_influence_is_told_from_what_everybody_may_read,
    ),
    # how many colleagues of how many countries one helped
    "GET /me/impact": (
        *CHANGES,
        attacks.test_one_is_not_told_by_moving_who_found_something_helpful,
    ),
}
"""Route -> its attacks, each of which asks as an insider would, before and after, and takes the difference."""

POSTS = "posts with what was done to each in the open; what a secret poll came to once it has closed, of SECRET_VOTERS_MIN"
ALONE = {
    "GET /me": "who asks",
    "GET /me/impact/lines": "one's own ledger, line by line",
    "GET /me/impact/export": "one's own ledger, line by line",
    "GET /me/scoring": "one's own choice, and the policy",
    "GET /scoring/rules": "the rules",
    "GET /cases": "as each case was opened; nothing in it is counted again",
    "GET /cases/mine": "as each case was opened; nothing in it is counted again",
    "GET /cases/{case}": "as the case was opened; nothing in it is counted again",
    "GET /people/{person}": POSTS,
    "GET /people": "profiles, one by one",
    "GET /communities/{community}": "how many joined; each joins in the sight of its readers",
    "GET /communities/{community}/posts": POSTS,
    "GET /topics": "the tree of topics",
    "GET /erasures": "requests, one by one",
    "GET /erasures/{erasure}": "one request",
    "GET /feed": POSTS,
    "GET /posts/{post}": POSTS,
    "GET /posts/{post}/history": "versions of one post",
    "GET /threads/{root}": POSTS,
    "GET /node": "the node and its links",
    "GET /operator": "the node and its links",
    "GET /metrics": "the process: requests, connections, bytes; of cases and moves so many, with nobody's name",
    "GET /healthz": "the process",
    "GET /readyz": "the process",
    "POST /people": "one person is registered",
    "POST /people/{person}/invitation": "one person is invited",
}
"""Routes that tell of no group, and why."""

BY_PREFIX = {
    "/login": "who asks, and their sessions",
    "/logout": "who asks, and their sessions",
    "/me/": "who asks, and their sessions",
    "/sessions": "who asks, and their sessions",
    "/tokens": "who asks, and their sessions",
    "/commands": "what is written",
    "/sync": "events, one by one",
    "/live/": "events, one by one",
    "/tap": "events, one by one",
    "/webhooks": "where events are sent",
    "/import": "what is written",
    "/communities": "communities and reports, one by one",
    "/conversations": "conversations and their messages, one by one",
    "/media": "files",
    "/federation/": "files",
}
"""Likewise, whatever stands below; no route that NAMED fits."""

NAMED = re.compile(
    r"scor|expert|board|leader|recogni|value|impact|case|record|standing|median|stat|count|people|peers"
)
"""Routes with such words in them are listed one by one."""


def prefixed(route: str) -> bool:
    """Stands in no list of its own, and below a prefix."""
    path = route.partition(" ")[2]
    if route in GROUPS.keys() | ALONE.keys():
        return False
    return NAMED.search(path) is None and path.startswith(tuple(BY_PREFIX))


@pytest.mark.parametrize("route", sorted(EVERY))
def test_every_route_is_declared_to_tell_of_a_group_or_not(route: str) -> None:
    found = [route in GROUPS, route in ALONE, prefixed(route)]
    assert sum(found) == 1, (
        "put it into GROUPS, with an attack, or else into ALONE, with the reason"
    )


def test_nothing_is_declared_that_is_not_there() -> None:
    assert GROUPS.keys() | ALONE.keys() <= EVERY
    paths = [route.partition(" ")[2] for route in EVERY]
    for prefix in BY_PREFIX:
        assert any(path.startswith(prefix) for path in paths), prefix


def test_every_route_that_tells_of_a_group_is_asked_in_an_attack() -> None:
    """Those of CHANGES ask all of them."""
    for route, stands in GROUPS.items():
        assert stands[:2] == CHANGES, route
    asked = {f"GET {path}" for path in attacks.ASKED}
    assert asked == GROUPS.keys()
