"""Every kind of fact keeps its meaning on the way through bytes, also between versions of Tap."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import events as e
from server.domain.events import EVENTS, NAMES, VERSIONS, decode_body, encode_body
from server.domain.events.base import Event
from tests.support.shapes import FEW, values

kinds = pytest.mark.parametrize("name", EVENTS)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def as_map(event: Event) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.msgpack.decode(encode_body(event))
    return decoded


# ---------------------------------------------------------------- the tables


def test_every_shape_has_one_name_and_a_version() -> None:
    shapes = set(Event.__subclasses__())
    assert set(EVENTS.values()) == shapes == NAMES.keys()
    assert len(EVENTS) == len(shapes)
    assert EVENTS.keys() == VERSIONS.keys()
    assert all(NAMES[shape] == name for name, shape in EVENTS.items())
    assert all(1 <= version < 2**15 for version in VERSIONS.values())


@kinds
def test_a_name_fits_a_header_and_says_subject_and_past(name: str) -> None:
    subject, _, what = name.partition(".")
    assert subject.isidentifier()
    assert what.isidentifier()
    assert len(name) <= 64


def test_the_package_exports_every_event() -> None:
    assert {shape.__name__ for shape in EVENTS.values()} <= set(e.__all__)


@kinds
def test_what_can_change_carries_a_rev(name: str) -> None:
    """House rule 2: a register is compared by rev; what is written once or only added has none."""
    once = {
        "person.registered",
        "community.created",
        "conversation.started",
        "read.marked",
        "post.published",
        "reply.published",
        "erasure.requested",
        "erasure.completed",
        "vote.imported",
        "announcement.acknowledged",
        "ballot.kept",
        "poll.closing",
        "poll.region_closed",
        "poll.closed",
        "poll.checked",
        "epoch.opened",
        "key.rotated",
        "key.retired",
        "roster.changed",
        "log.closed",
        "scoring.root_published",
        "case.opened",
    }
    assert ("rev" in EVENTS[name].__struct_fields__) == (name not in once)


# ---------------------------------------------------------------- bodies


@kinds
@FEW
@given(data=st.data())
def test_a_body_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    event = data.draw(values(EVENTS[name]))
    assert decode_body(name, encode_body(event)) == event


@kinds
@FEW
@given(data=st.data(), extra=plain)
def test_fields_of_a_later_version_are_passed_over(
    name: str, data: st.DataObject, extra: Any
) -> None:
    event = data.draw(values(EVENTS[name]))
    later = as_map(event) | {"a_field_of_tomorrow": extra}
    assert decode_body(name, msgspec.msgpack.encode(later)) == event


@kinds
@FEW
@given(data=st.data())
def test_defaults_do_not_travel(name: str, data: st.DataObject) -> None:
    event = data.draw(values(EVENTS[name]))
    defaults = {
        field.name: field.default
        for field in msgspec.structs.fields(EVENTS[name])
        if field.default is not msgspec.NODEFAULT
    }
    for field, value in as_map(event).items():
        if field in defaults:
            assert msgspec.to_builtins(defaults[field]) != value


@given(st.text(max_size=20).filter(lambda name: name not in EVENTS), st.binary(max_size=20))
def test_an_unknown_type_is_none_whatever_its_body(name: str, body: bytes) -> None:
    assert decode_body(name, body) is None


@kinds
@FEW
@given(body=st.binary(max_size=60) | plain.map(msgspec.msgpack.encode))
def test_any_bytes_are_an_event_or_a_value_error(name: str, body: bytes) -> None:
    """``decode_known`` stands on this: whatever a region signed, nothing else is raised."""
    try:
        event = decode_body(name, body)
    except ValueError:
        return
    assert isinstance(event, EVENTS[name])


# ---------------------------------------------------------------- bounds of the database


OUTSIDE: dict[str, Event] = {
    "rev zero": e.PostDeleted(post="p", root="p", place="c:x", rev=0),
    "rev beyond exact numbers": e.PostDeleted(post="p", root="p", place="c:x", rev=2**53),
    "time beyond 64 bits": e.PostPublished(post="p", kind="update", place="c:x", at=2**63),
    "key too long": e.PostDeleted(post="p" * 129, root="p", place="c:x", rev=1),
    "topic too long": e.PostPublished(
        post="p", kind="update", place="c:x", at=1, topics=("t" * 129,)
    ),
    "choice beyond a small integer": e.BallotCast(poll="p", place="c:x", rev=1, choices=(2**15,)),
    "choice negative": e.BallotCast(poll="p", place="c:x", rev=1, choices=(-1,)),
    "tally too large": e.PollTallied(
        poll="p", place="c:x", region="de", rev=1, voters=1, counts=(2**53,)
    ),
    "poll closes beyond time": e.PostPublished(
        post="p",
        kind="poll",
        place="c:x",
        at=1,
        poll=e.PollSpec(method="single", choices=("a", "b"), closes_at=2**60),
    ),
    "vote's origin too long": e.VoteImported(
        target="p",
        root="p",
        place="c:x",
        vote="up",
        at=1,
        source=e.Source(system="s", id="i" * 129),
    ),
}


@pytest.mark.parametrize("event", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_what_does_not_fit_the_database_is_no_event(event: Event) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_body(NAMES[type(event)], encode_body(event))
