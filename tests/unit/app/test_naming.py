"""Whom a consumer reads about: every field of every event is judged, and a hidden name is nowhere in what it gets."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from server.app.cloudevents import cloud_event, encode
from server.app.naming import KINDS, PERSON_WHEN, Kind, Names, View, people_in, pseudonym
from server.domain.events import (
    EVENTS,
    CarriedKey,
    ErasedPost,
    ErasureRequested,
    Event,
    FollowChanged,
    Member,
    PersonRegistered,
    PostPublished,
    PraiseSpec,
    ReactionChanged,
)
from tests.unit.app.test_cloudevents import EPOCH, POST, check_attributes, record

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
WORDS = "wordsofsomebody"
HIDDEN: tuple[Names, ...] = ("pseudonyms", "none")


def shapes() -> Iterator[type[msgspec.Struct]]:
    """Every event and every part of one."""
    waiting: list[type[msgspec.Struct]] = list(EVENTS.values())
    seen: set[type[msgspec.Struct]] = set()
    while waiting:
        shape = waiting.pop()
        if shape not in seen:
            seen.add(shape)
            yield shape
            for field in msgspec.structs.fields(shape):
                waiting += parts_of(field.type)


def parts_of(kind: Any) -> list[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [part for argument in typing.get_args(kind) for part in parts_of(argument)]


ALL_SHAPES = sorted(set(shapes()) - {CarriedKey}, key=lambda shape: shape.__name__)
"""What a carried key holds goes to nobody (``cloudevents.data_of``)."""


@pytest.mark.parametrize("shape", ALL_SHAPES, ids=lambda shape: shape.__name__)
def test_every_field_is_judged_and_no_other(shape: type[msgspec.Struct]) -> None:
    assert KINDS[shape].keys() == set(shape.__struct_fields__)


def test_nothing_else_is_judged() -> None:
    assert KINDS.keys() == set(ALL_SHAPES)
    assert {shape for shape, _ in PERSON_WHEN} <= KINDS.keys()


# ---------------------------------------------------------------- a value in every field, and none comes through


def full(shape: type[msgspec.Struct], **given: Any) -> dict[str, Any]:
    """A body with something in every field: people in those of people, words in those of words."""
    kinds = KINDS.get(shape, {})
    fields = msgspec.structs.fields(shape)
    return {
        field.name: given.get(field.name, _some(field.type, kinds.get(field.name)))
        for field in fields
    }


def _some(kind: Any, judged: Kind | None) -> Any:
    arguments = [one for one in typing.get_args(kind) if one is not type(None)]
    match typing.get_origin(kind):
        case typing.Literal:
            return arguments[0]
        case typing.Annotated if kind.__metadata__[0].pattern:
            return "a" * 64
        case typing.Annotated if kind.__metadata__[0].ge:
            return kind.__metadata__[0].ge
        case typing.Annotated:
            return _some(arguments[0], judged)
        case origin if origin is tuple:
            return [_some(arguments[0], judged)]
        case origin if origin is dict:
            return {"en": _some(arguments[1], judged)}
        case None:
            return _plain(kind, judged)
        case _:
            return _some(arguments[0], judged)


def _plain(kind: Any, judged: Kind | None) -> Any:
    if issubclass(kind, msgspec.Struct):
        return full(kind)
    texts = {Kind.PERSON: "asha", Kind.PERSONAL: WORDS, Kind.WORDS: WORDS}
    return {
        str: texts.get(judged, "x") if judged else "x",
        int: 3,
        bool: True,
        bytes: b"\x01",
    }[kind]


def every_event() -> Iterator[tuple[str, Event]]:
    for name, shape in EVENTS.items():
        yield name, msgspec.convert(full(shape), shape)
    yield (
        "follow.changed",
        msgspec.convert(full(FollowChanged, kind="person", target="asha"), FollowChanged),
    )
    erasure = full(ErasureRequested, scope="person", target="asha")
    yield "erasure.requested", msgspec.convert(erasure, ErasureRequested)


@pytest.mark.parametrize("names", HIDDEN)
def test_no_event_tells_a_hidden_name_or_somebodys_words(names: Names) -> None:
    view = View(names, KEY)
    for name, event in every_event():
        found = cloud_event(record(event, name), EPOCH, view)
        text = encode(found).decode()
        assert "asha" not in text, (name, text)
        assert WORDS not in text, (name, text)
        check_attributes(found)
        if names == "none":
            assert pseudonym("asha", KEY) not in text, name


def test_a_region_that_names_nobody_is_heeded_whatever_a_consumer_may() -> None:
    view = View("shown", KEY, nameless=frozenset({"asha"}))
    for name, event in every_event():
        text = encode(cloud_event(record(event, name), EPOCH, view)).decode()
        assert "asha" not in text, (name, text)
        assert WORDS not in text, (name, text)


def test_others_of_the_same_event_are_named_all_the_same() -> None:
    view = View("shown", KEY, nameless=frozenset({"asha"}))
    helped = ReactionChanged(
        target=POST, root=POST, place="c:x", author="bob", reaction="helpful", rev=1, on=True
    )
    found = cloud_event(record(helped), EPOCH, view)
    assert (found["tapactor"], found["data"]["author"]) == (pseudonym("asha", KEY), "bob")
    other = cloud_event(record(helped, actor="cleo"), EPOCH, view)
    assert other == cloud_event(record(helped, actor="cleo"), EPOCH)


# ---------------------------------------------------------------- what is left is of use


def test_pseudonyms_join_within_a_consumer_and_not_across() -> None:
    praise = PostPublished(
        post=POST,
        kind="praise",
        place="c:x",
        at=1,
        text="thanks",
        mentions=("bob", "cleo"),
        praise=PraiseSpec(to="bob", behaviour="patience"),
    )
    found = cloud_event(record(praise), EPOCH, View("pseudonyms", KEY))
    bob, cleo = pseudonym("bob", KEY), pseudonym("cleo", KEY)
    assert found["tapactor"] == pseudonym("asha", KEY)
    assert found["data"] == {
        "post": POST,
        "kind": "praise",
        "place": "c:x",
        "at": 1,
        "mentions": [bob, cleo],
        "praise": {"to": bob},
    }
    assert len({bob, cleo, pseudonym("bob", OTHER_KEY), pseudonym("cleo", OTHER_KEY)}) == 4


def test_without_people_the_rest_is_there() -> None:
    asked = ErasureRequested(
        request=POST,
        scope="post",
        target=POST,
        reason="mine",
        posts=(
            ErasedPost(
                post=POST, kind="update", place="c:x", root=POST, author="asha", at=1, rev=1
            ),
        ),
    )
    found = cloud_event(record(asked), EPOCH, View("none", KEY))
    assert "tapactor" not in found
    assert (found["subject"], found["data"]["target"]) == (POST, POST)
    assert json.loads(encode(found))["data"]["posts"] == [
        {"post": POST, "kind": "update", "place": "c:x", "root": POST, "at": 1, "rev": 1}
    ]


def test_an_event_about_a_hidden_person_is_about_their_pseudonym_or_nothing() -> None:
    joined = record(PersonRegistered(person="asha", home="in", name="Asha Rao", country="IN"))
    hidden = cloud_event(joined, EPOCH, View("pseudonyms", KEY))
    assert hidden["subject"] == hidden["data"]["person"] == pseudonym("asha", KEY)
    assert hidden["data"] == {"person": hidden["subject"], "home": "in"}
    nobody = cloud_event(joined, EPOCH, View("none", KEY))
    assert "subject" not in nobody
    assert nobody["data"] == {"home": "in"}


def test_who_is_named_is_found_in_every_part() -> None:
    praise = PostPublished(
        post=POST, kind="praise", place="c:x", at=1, praise=PraiseSpec(to="bob", behaviour="x")
    )
    assert people_in("asha", praise) == {"asha", "bob"}
    assert people_in("", None) == set()
    follow = FollowChanged(kind="person", target="cleo", rev=1, on=True)
    assert people_in("asha", follow) == {"asha", "cleo"}
    topic = FollowChanged(kind="topic", target="tea", rev=1, on=True)
    assert people_in("asha", topic) == {"asha"}
    assert Member(person="bob", region="de").person in people_in(
        "asha",
        msgspec.convert(
            {
                "conversation": "x",
                "home": "in",
                "members": [{"person": "bob", "region": "de"}],
            },
            EVENTS["conversation.started"],
        ),
    )


def test_a_pseudonym_fits_where_a_persons_id_does() -> None:
    text = json.loads(json.dumps(pseudonym("asha", KEY)))
    assert msgspec.convert(text, typing.Annotated[str, msgspec.Meta(pattern=r"^p-[0-9a-f]{32}$")])
