"""Who is typing and who is there: rates, bounds and what is forgotten, in virtual time."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.realtime import presence
from server.realtime.presence import GRACE_MS, TYPING_EVERY_MS, TYPING_KEPT_MS, Presence, Typing
from tests.unit.realtime.scenes import OTHER, THREAD

# -- typing ----------------------------------------------------------------------------------------------------


def test_a_word_is_told_at_once_and_the_next_a_second_later() -> None:
    typing = Typing()
    typing.said(THREAD, "asha", 0)
    assert typing.due(0) == [(THREAD, ("asha",))]
    typing.said(THREAD, "bob", 100)
    typing.said(OTHER, "bob", 200)
    assert typing.due(500) == [(OTHER, ("bob",))]
    typing.said(THREAD, "bob", 600)
    assert typing.due(TYPING_EVERY_MS) == [(THREAD, ("asha", "bob"))]
    assert typing.due(2 * TYPING_EVERY_MS) == []
    assert typing.conflated == 1


def test_a_name_is_forgotten_and_an_empty_list_ends_it() -> None:
    typing = Typing()
    typing.said(THREAD, "asha", 0)
    typing.said(THREAD, "bob", 0)
    typing.due(0)
    typing.said(THREAD, "bob", 3_000)
    assert typing.due(3_000) == [(THREAD, ("asha", "bob"))], "told again for who missed it"
    assert typing.due(TYPING_KEPT_MS) == [(THREAD, ("bob",))]
    assert typing.due(3_000 + TYPING_KEPT_MS) == [(THREAD, ())]
    assert typing.due(99_000) == []
    assert not typing._places


def test_a_list_has_a_bounded_number_of_names_and_there_are_so_many_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I9"""
    monkeypatch.setattr(presence, "TYPING_CHANNELS_MAX", 1)
    typing = Typing()
    names = [f"person-{n}" for n in range(limits.TYPING_NAMES_MAX + 1)]
    for name in names:
        typing.said(THREAD, name, 0)
    typing.said(OTHER, "asha", 0)
    assert typing.due(0) == [(THREAD, tuple(names[:-1]))]


# -- presence --------------------------------------------------------------------------------------------------


def told(present: Presence, now: int) -> list[tuple[str, int, str]]:
    return [(one.id, one.position, one.value["state"]) for one in present.due(now)]


def watching(*people: str) -> Presence:
    def heard(channels: Collection[str]) -> bool:
        return any(name[2:] in people for name in channels)

    return Presence(heard)


def test_a_person_is_there_while_one_of_their_connections_is() -> None:
    present = watching("asha")
    present.moved("asha", "offline", "online", 0)
    present.moved("asha", "offline", "online", 0)
    assert told(present, 0) == [("asha", 1, "online")]
    present.moved("asha", "online", "away", 0)
    assert told(present, 0) == []
    present.moved("asha", "online", "away", 0)
    assert told(present, 0) == [("asha", 2, "away")]
    present.moved("asha", "away", "online", 0)
    present.moved("asha", "away", "offline", 0)
    assert told(present, 0) == [("asha", 3, "online")]
    assert present.value("asha").value == {"state": "online"}


def test_a_reconnect_does_not_flicker() -> None:
    present = watching("asha")
    present.moved("asha", "offline", "online", 0)
    told(present, 0)
    present.moved("asha", "online", "offline", 1_000)
    assert told(present, 1_000 + GRACE_MS - 1) == []
    present.moved("asha", "offline", "online", 1_000 + GRACE_MS - 1)
    assert told(present, 99_000) == []
    present.moved("asha", "online", "offline", 100_000)
    assert told(present, 100_000 + GRACE_MS) == [("asha", 2, "offline")]
    assert present.value("nobody").value == {"state": "offline"}


def test_of_whom_nobody_looks_at_nothing_is_told_and_only_the_present_is_known() -> None:
    present = watching()
    present.moved("asha", "offline", "away", 0)
    assert told(present, 0) == []
    assert present.value("asha").value == {"state": "away"}
    present.moved("asha", "away", "offline", 0)
    assert told(present, GRACE_MS) == []
    assert not present._here
    assert not present._gone


def test_changes_are_conflated_and_a_bounded_number_is_told_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "PRESENCES_PER_FLUSH", 1)
    present = watching("asha", "bob")
    present.moved("asha", "offline", "online", 0)
    present.moved("bob", "offline", "online", 0)
    present.moved("asha", "online", "away", 0)
    assert told(present, 0) == [("asha", 1, "away")]
    assert told(present, 0) == [("bob", 2, "online")]
    assert present.conflated == 1


@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from(["asha", "bob"]),
            st.integers(0, 2),
            st.sampled_from(["online", "away", "offline"]),
            st.integers(0, 15_000),
        ),
        max_size=40,
    )
)
def test_what_was_told_last_is_what_is_so(
    moves: list[tuple[str, int, presence.State, int]],
) -> None:
    present, now = watching("asha", "bob"), 0
    connections: dict[tuple[str, int], presence.State] = {}
    shown = {"asha": "offline", "bob": "offline"}
    for person, device, state, later in moves:
        now += later
        shown |= {name: state for name, _, state in told(present, now)}
        before = connections.get((person, device), "offline")
        if state != before:
            present.moved(person, before, state, now)
        connections[person, device] = state
    shown |= {name: state for name, _, state in told(present, now + GRACE_MS)}
    for person, last in shown.items():
        states = {state for (name, _), state in connections.items() if name == person}
        expected = next((one for one in ("online", "away") if one in states), "offline")
        assert last == expected
