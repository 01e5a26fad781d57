"""Who is there and who types, over one connection: numbers, budget, coalescing (docs/protocol/federation.md 22)."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.domain.errors import Code, Refused
from server.federation import frames
from server.federation.ephemeral import PRESENCES, Ephemeral, Presence, Shown, packed, unpacked
from server.federation.frames import Ephem, Looked, TypingThere
from tests.support.shapes import FEW
from tests.unit.federation.lab import START

THREAD = "t:" + "0" * 26
SECOND = 1000


class Line:
    """Two ends and what is under way between them; each frame as its bytes."""

    def __init__(self, *wanted: str, now: int = START) -> None:
        self.now = now
        self.asker, self.teller = Ephemeral(wanted, now), Ephemeral((), now)
        self.truth: dict[str, Shown] = {}
        self.seen: dict[str, Shown] = {}
        self.bytes: list[tuple[int, int]] = []
        """(when, size) of what the teller sent."""
        self.frames: list[Ephem] = []
        self._there: deque[bytes] = deque()
        self._back: deque[bytes] = deque()

    def say(self, jitter: float = 0.5) -> None:
        """Each end says what is due; it is under way then."""
        for end, way in ((self.asker, self._there), (self.teller, self._back)):
            at = end.due_at(self.now, jitter)
            if at is None or at > self.now:
                continue
            made = end.next(self.now)
            if made is None:
                continue
            data = frames.encode(made[0])
            assert len(data) <= limits.EPHEM_FRAME_BYTES_MAX
            end.sent(len(data))
            end.written()
            way.append(data)
            if end is self.teller:
                self.bytes.append((self.now, len(data)))
                self.frames.append(made[0])

    def hear(self, messages: int = 9) -> None:
        """So many of what is under way arrives, each way."""
        for end, way in ((self.teller, self._there), (self.asker, self._back)):
            for _ in range(min(messages, len(way))):
                frame = frames.decode(way.popleft())
                assert isinstance(frame, Ephem)
                states, typing = end.heard(frame)
                new = end.showing.asked(frame)
                end.showing.show({name: self.truth[name] for name in new if name in self.truth})
                if end is self.asker:
                    self.seen |= {**states, **typing}

    def run(self, ms: int, *, step: int = 100, jitter: float = 0.5) -> Line:
        for _ in range(ms // step):
            self.say(jitter)
            self.hear()
            self.now += step
        return self

    def change(self, **states: Presence) -> None:
        shown: dict[str, Shown] = {f"p:{name}": state for name, state in states.items()}
        self.truth |= shown
        self.teller.showing.changed(shown)


# -- numbers -----------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, limits.LOOKED_AT_MAX - 1), max_size=300))
def test_numbers_are_gaps_and_gaps_are_numbers(numbers: set[int]) -> None:
    assert unpacked(packed(numbers)) == sorted(numbers)


def test_examples_of_gaps() -> None:
    assert packed([0, 1, 7]) == bytes([1, 1, 6])
    assert packed([254, 255]) == bytes([255, 1])
    assert packed([600]) == bytes([0, 0, 91])
    assert packed(range(30_000)) == bytes([1]) * 30_000


@pytest.mark.parametrize("gaps", [packed([limits.LOOKED_AT_MAX]), bytes(200)])
def test_a_number_beyond_all_is_refused(gaps: bytes) -> None:
    with pytest.raises(Refused) as refused:
        unpacked(gaps)
    assert refused.value.refusal.code is Code.BAD_VALUE


def test_an_answer_to_what_was_never_sent_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        Ephemeral((), START).heard(Ephem(1))
    assert refused.value.refusal.code is Code.BAD_VALUE


def test_a_number_that_stands_for_nothing_is_ignored() -> None:
    assert Ephemeral((), START).heard(Ephem(0, b"", (), packed([4]))) == ({}, {})


def test_a_number_given_anew_stands_for_the_new_channel_and_a_channel_has_one_number() -> None:
    end = Ephemeral((), START)
    assert end.showing.asked(Ephem(0, b"", (Looked(0, "p:asha"), Looked(0, "p:bob")))) == ("p:bob",)
    assert end.showing.asked(Ephem(0, b"", (Looked(7, "p:bob"),))) == ("p:bob",)
    assert set(end.showing.channels) == {"p:bob"}
    end.showing.asked(Ephem(0, packed([7, 9])))
    assert not end.showing.channels


@FEW
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["look", "leave", "change", "say", "hear", "pass"]),
            st.integers(0, 5),
            st.sampled_from(PRESENCES),
        ),
        max_size=80,
    )
)
def test_what_is_seen_is_what_is_so_whatever_is_under_way_when_numbers_are_used_again(
    steps: list[tuple[str, int, Presence]],
) -> None:
    line = Line()
    looked: set[str] = set()
    people = [f"n{n}" for n in range(6)]
    # A state that only this person has: taken for another's it would be seen.
    line.change(**dict.fromkeys(people, "offline"))
    history = {f"p:{name}": {"offline"} for name in people}
    for what, n, state in steps:
        name = f"p:{people[n]}"
        match what:
            case "look" if name not in looked:
                looked.add(name)
                line.asker.looking.look([name])
            case "leave" if name in looked:
                looked.discard(name)
                line.asker.looking.leave([name])
                line.seen.pop(name, None)
            case "change":
                history[name].add(state)
                line.change(**{people[n]: state})
            case "say":
                line.say()
            case "hear":
                line.hear(1)
            case "pass":
                line.now += 1_500
        assert line.seen.keys() <= looked
        assert all(value in history[one] for one, value in line.seen.items())
    line.run(12_000)
    assert line.seen == {name: line.truth[name] for name in looked}


def test_an_answer_written_before_a_number_was_given_anew_is_not_about_the_new_one() -> None:
    line = Line("p:asha")
    line.change(asha="away", bob="offline")
    line.run(8_000)
    line.asker.looking.leave(["p:asha"])
    line.asker.looking.look(["p:bob"])
    line.change(asha="online")
    line.teller.due_at(line.now, 0)
    line.now += 5_000
    line.say(0)  # both at once: asha is online, and the number is bob's
    assert (line.frames[-1].online, line.frames[-1].read) == (packed([0]), 1)
    line.hear()
    assert "p:bob" not in line.seen
    line.run(2_000)
    assert line.seen["p:bob"] == "offline"


# -- when ----------------------------------------------------------------------------------------------------


def test_who_is_looked_at_is_told_within_a_second_and_so_is_who_types() -> None:
    line = Line("p:asha", THREAD)
    line.truth = {"p:asha": "online", THREAD: ("bob",)}
    line.run(200)
    assert line.seen == line.truth
    line.teller.showing.changed({THREAD: ("bob", "cleo")})
    line.run(SECOND)
    assert line.seen[THREAD] == ("bob", "cleo")


@pytest.mark.parametrize(("jitter", "ms"), [(0.0, 2_000), (0.5, 3_500), (1.0, 5_000)])
def test_changes_wait_for_each_other_and_only_the_last_is_told(jitter: float, ms: int) -> None:
    line = Line("p:asha", "p:bob")
    line.change(asha="online", bob="online")
    line.run(6_000)
    told = len(line.frames)
    line.change(asha="away")
    line.say(jitter)
    line.change(asha="online")
    line.change(asha="offline", bob="away")
    line.run(ms, jitter=jitter)
    assert len(line.frames) == told
    line.run(200, jitter=jitter)
    assert line.seen == {"p:asha": "offline", "p:bob": "away"}
    assert len(line.frames) == told + 1
    assert line.teller.showing.take_conflated() == 2
    line.run(60_000)
    assert len(line.frames) == told + 1, "nothing to say, nothing said"


def test_one_frame_at_most_waits_and_the_next_is_made_of_what_is_so_then() -> None:
    line = Line("p:asha")
    line.change(asha="online")
    line.run(6_000)
    teller = line.teller
    line.change(asha="away")
    line.now += 6_000
    assert teller.due_at(line.now, 0.5) is not None
    line.now += 6_000
    made = teller.next(line.now)
    assert made
    teller.sent(30)
    line.change(asha="online")
    assert teller.due_at(line.now + 60_000, 0.5) is None
    line.change(asha="offline")
    teller.written()
    line.now += 60_000
    line.run(200)
    assert line.frames[-1].offline
    assert not line.frames[-1].online


def test_a_clock_that_is_set_back_silences_nobody() -> None:
    line = Line("p:asha")
    line.change(asha="online")
    line.run(6_000)
    line.change(asha="away")
    line.say()
    line.now -= 3_600_000
    line.run(6_000)
    assert line.seen == {"p:asha": "away"}


# -- how much ------------------------------------------------------------------------------------------------


def test_thirty_thousand_who_flip_at_once_stay_within_the_budget_and_are_all_told() -> None:
    names = [f"person-{n}" for n in range(30_000)]
    line = Line()
    everybody = tuple([Looked(n, f"p:{name}") for n, name in enumerate(names)])
    for start in range(0, len(everybody), 1_000):
        new = line.teller.showing.asked(Ephem(0, b"", everybody[start : start + 1_000]))
        line.teller.showing.show(dict.fromkeys(new, "online"))
    line.asker.looking.frames = 10**6
    for looked in everybody:
        line.asker.looking._channels[looked.number] = (looked.channel, 0)
    line.run(60_000)
    assert len(line.seen) == len(names)
    line.bytes.clear()
    began = line.now
    line.change(**dict.fromkeys(names, "offline"))
    line.run(30_000)
    assert set(line.seen.values()) == {"offline"}
    for at, _ in line.bytes:
        so_far = sum(size for when, size in line.bytes if when <= at)
        allowed = limits.EPHEM_FRAME_BYTES_MAX + (at - began) * limits.EPHEM_BYTES_PER_S // SECOND
        assert so_far <= allowed
    gaps = [b - a for (a, _), (b, _) in zip(line.bytes, line.bytes[1:], strict=False)]
    assert min(gaps) >= limits.EPHEM_SECONDS_MIN * SECOND
    assert line.bytes[-1][0] - began <= 25_000


def test_who_types_is_told_in_the_middle_of_a_storm() -> None:
    line = Line(THREAD, *[f"p:n{n}" for n in range(500)])
    line.truth = {THREAD: ()}
    line.change(**{f"n{n}": "online" for n in range(500)})
    line.run(30_000)
    line.teller._budget.take(limits.EPHEM_FRAME_BYTES_MAX)
    line.change(**{f"n{n}": "away" for n in range(500)})
    line.teller.showing.changed({THREAD: ("bob",)})
    line.run(2_500)
    assert line.seen[THREAD] == ("bob",)


def test_beyond_so_many_nobody_is_asked_about_until_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LOOKED_AT_MAX", 2)
    line = Line("p:n0", "p:n1", "p:n2")
    line.change(n0="online", n1="online", n2="online")
    line.run(6_000)
    assert line.seen.keys() == {"p:n2", "p:n1"}, "whom somebody began to look at last"
    line.asker.looking.leave(["p:n2"])
    line.run(6_000)
    assert "p:n0" in line.seen


def test_people_are_asked_about_before_places() -> None:
    line = Line(*[f"t:{n:026}" for n in range(200)], "p:asha")
    line.change(asha="online")
    line.run(2_000)
    assert line.seen == {"p:asha": "online"}
    assert THREAD in line.asker.looking, "not yet said"


def test_of_a_place_no_state_is_believed_and_of_a_person_no_typing() -> None:
    asker = Ephemeral((f"t:{1:026}", "p:asha"), START)
    made = asker.next(START)
    assert made is not None
    number = {one.channel: one.number for one in made[0].look}
    place, person = number[f"t:{1:026}"], number["p:asha"]
    lie = Ephem(1, b"", (), packed([place]), b"", b"", (TypingThere(person, ("bob",)),))
    assert asker.heard(lie) == ({}, {})
