"""What a policy lets leave, told from event, lane and policy alone (I8)."""

from __future__ import annotations

import msgspec
import pytest

from server.domain import events as e
from server.domain.events import EVENTS, ResidencyPolicy
from server.domain.residency import (
    DEFAULT,
    DIRECTORY,
    EVERYTHING,
    FIELDS,
    may_leave_in,
    public_part,
    told,
    withheld,
)
from server.domain.visibility import is_within

NOTHING = ResidencyPolicy(profile=(), in_groups={"eu": ("about", "unit")}, audiences=())
WHOLE = e.PersonProfileChanged(
    person="asha",
    rev=2,
    name="Asha",
    title="Chemist",
    unit="tea",
    country="IN",
    about="Plays the sarod.",
    skills=("tomatoes",),
    locale="hi",
    timezone="Asia/Kolkata",
)
POST = e.PostPublished(post="p", kind="update", place="c:tea", at=1)
LANES = ("control", "global", "group.eu", "group.asia", "pair.de.in", "local")


def test_every_field_about_a_person_is_ruled_by_the_policy() -> None:
    """Who exists, and under which name, is what every region must know; anything else may be kept."""
    ruled = {*FIELDS, "person", "rev", "name", "home", "bot", "source"}
    for shape in (e.PersonRegistered, e.PersonProfileChanged):
        assert {field.name for field in msgspec.structs.fields(shape)} <= ruled


@pytest.mark.parametrize(
    ("policy", "lane", "kept"),
    [
        (DEFAULT, "global", {"about"}),
        (DEFAULT, "group.eu", {"about"}),
        (DEFAULT, "local", set()),
        (EVERYTHING, "global", set()),
        (NOTHING, "global", {name for name in FIELDS if name != "status_reason"}),
        (NOTHING, "group.eu", {"title", "country", "skills", "locale", "timezone"}),
        (NOTHING, "group.asia", {name for name in FIELDS if name != "status_reason"}),
    ],
)
def test_what_is_withheld_is_left_at_its_default(
    policy: ResidencyPolicy, lane: str, kept: set[str]
) -> None:
    assert set(withheld(WHOLE, lane, policy)) == kept
    part = public_part(WHOLE, lane, policy)
    assert set(told(part)) == set(told(WHOLE)) - kept
    assert withheld(part, lane, policy) == ()
    assert (part.person, part.rev, part.name) == ("asha", 2, "Asha")  # type: ignore[attr-defined]


def test_an_empty_field_is_not_told_to_be_withheld() -> None:
    assert withheld(e.PersonProfileChanged(person="a", rev=1, name="A"), "global", NOTHING) == ()


def test_the_reason_of_a_status_stays() -> None:
    left = e.PersonStatusChanged(person="bob", rev=1, active=False, reason="dismissed")
    assert withheld(left, "global", DEFAULT) == ("status_reason",)
    part = public_part(left, "global", DEFAULT)
    assert part == e.PersonStatusChanged(person="bob", rev=1, active=False)
    assert public_part(left, "global", EVERYTHING) == left


@pytest.mark.parametrize(
    ("audiences", "may"),
    [
        ((), {"control", "local"}),
        (("global",), {"control", "local", "global"}),
        (("group.*",), {"control", "local", "group.eu", "group.asia"}),
        (("group.eu",), {"control", "local", "group.eu"}),
        (("pair.*",), {"control", "local", "pair.de.in"}),
    ],
)
def test_content_leaves_in_the_named_lanes_only(audiences: tuple[str, ...], may: set[str]) -> None:
    policy = msgspec.structs.replace(DEFAULT, audiences=audiences)
    assert {lane for lane in LANES if may_leave_in(lane, POST, policy)} == may


def test_who_exists_and_what_ends_something_is_never_held_back() -> None:
    nothing = msgspec.structs.replace(DEFAULT, audiences=())
    gone = e.PostDeleted(post="p", root="p", place="c:tea", rev=2)
    left, came = (
        e.MembershipChanged(community="tea", person="asha", rev=2, joined=joined)
        for joined in (False, True)
    )
    assert may_leave_in("global", gone, nothing)
    assert may_leave_in("global", left, nothing)
    assert not may_leave_in("global", came, nothing)
    assert may_leave_in("global", WHOLE, nothing)
    assert set(DIRECTORY) <= set(EVENTS.values())


GROUPS = {"eu": frozenset({"de", "fr", "in"}), "three": frozenset({"de", "in"})}


@pytest.mark.parametrize(
    ("lane", "other", "inside"),
    [
        ("local", "pair.de.in", True),
        ("pair.de.in", "local", False),
        ("pair.de.in", "global", True),
        ("global", "group.eu", False),
        ("group.three", "group.eu", True),
        ("group.eu", "group.three", False),
        ("pair.de.in", "group.three", True),
        ("group.three", "pair.de.in", True),
        ("pair.br.in", "group.eu", False),
        ("group.unknown", "pair.de.in", True),
        ("global", "global", True),
        ("group.eu", "control", True),
        ("control", "group.eu", False),
    ],
)
def test_an_audience_within_another(lane: str, other: str, inside: bool) -> None:
    assert is_within(lane, other, "in", GROUPS) is inside
