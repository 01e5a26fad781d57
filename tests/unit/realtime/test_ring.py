"""The ring answers exactly: the complete list, or that some of it is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.events import (
    CommunityChanged,
    ConversationChanged,
    ConversationStarted,
    EditedCommunity,
    Event,
    Member,
    PersonStatusChanged,
)
from server.realtime.frames import Form
from server.realtime.ring import ENTRY_BYTES, THREADS, Ring, bounded, doubtful, narrows
from tests.unit.realtime.scenes import CHESS, ME, TALK, TEA, THREAD, entry, joined, post


def positions(ring: Ring, *channels: str, after: int, upto: int = 99) -> list[int] | None:
    part = ring.since(channels, after, upto)
    return None if part is None else [found.position for found in part.entries]


def ring_of(*entries: tuple[int, tuple[str, ...]], start: int = 0, **bounds: int) -> Ring:
    ring = Ring(start, **bounds)
    for position, channels in entries:
        ring.add(entry(position, *channels))
    return ring


def test_an_event_on_several_channels_comes_once_and_in_order() -> None:
    ring = ring_of((1, (TEA, THREAD)), (2, (CHESS,)), (3, (TEA,)), (5, (THREAD, TEA)))
    assert positions(ring, TEA, THREAD, after=0) == [1, 3, 5]
    assert positions(ring, THREAD, TEA, after=1) == [3, 5]
    assert positions(ring, TEA, after=1, upto=4) == [3]
    assert positions(ring, "g", after=0) == []


def test_what_was_before_the_start_is_not_covered() -> None:
    ring = ring_of((11, (TEA,)), start=10)
    assert positions(ring, TEA, after=9) is None
    assert positions(ring, "g", after=9) is None
    assert positions(ring, TEA, after=10) == [11]


def test_a_busy_channel_trims_itself_and_nobody_else() -> None:
    ring = ring_of(*[(n, (TEA,)) for n in range(2, 6)], (6, (CHESS,)), events_max=2)
    assert positions(ring, TEA, after=2) is None
    assert positions(ring, TEA, after=3) == [4, 5]
    assert positions(ring, CHESS, after=0) == [6]
    assert positions(ring, CHESS, TEA, after=2) is None


def test_the_oldest_go_when_the_bytes_are_used_up() -> None:
    size = entry(1, TEA).size
    ring = ring_of(
        (1, (TEA, THREAD)), (2, (CHESS,)), (3, (TEA,)), (4, (THREAD,)), bytes_max=2 * size
    )
    assert ring.bytes <= 2 * size
    assert positions(ring, TEA, after=1) is None, "2 is gone, and 1 from all its channels"
    assert positions(ring, TEA, THREAD, CHESS, after=2) == [3, 4]


def test_an_erased_event_leaves_every_channel_and_the_rest_stays_exact() -> None:
    ring = ring_of((1, (TEA, THREAD)), (2, (CHESS,)), (3, (TEA, ME)), (4, (THREAD,)))
    whole = ring.bytes
    ring.forget({1, 3, 77})
    assert positions(ring, TEA, THREAD, CHESS, ME, after=0) == [2, 4]
    assert ring.bytes == whole // 2
    ring.forget({2, 4})
    assert ring.bytes == 0
    assert positions(ring, TEA, THREAD, CHESS, after=0) == []


def test_what_was_trimmed_before_an_erasure_is_still_not_covered() -> None:
    ring = ring_of((1, (TEA,)), (2, (TEA,)), (3, (TEA, CHESS)), events_max=1)
    assert positions(ring, TEA, after=1) is None
    ring.forget({3})
    assert positions(ring, TEA, after=1) is None, "an empty ring must not look complete"
    assert positions(ring, TEA, after=2) == []
    ring.add(entry(4, TEA))
    assert positions(ring, TEA, after=2) == [4]


def test_an_event_nobody_hears_takes_no_room() -> None:
    ring = ring_of((1, ()))
    assert ring.bytes == 0


def test_an_entry_is_counted_once_however_many_channels_it_is_on() -> None:
    ring = ring_of((1, (TEA, THREAD, ME)), events_max=1)
    assert ring.bytes == entry(1, TEA).size > ENTRY_BYTES
    ring.add(entry(2, TEA))
    ring.add(entry(3, THREAD))
    assert ring.bytes == 3 * entry(1, TEA).size, "still in u:asha's ring"


@given(
    log=st.lists(st.frozensets(st.sampled_from("abcd")), max_size=40),
    wanted=st.frozensets(st.sampled_from("abcd"), min_size=1),
    after=st.integers(0, 40),
    events_max=st.integers(1, 5),
    room=st.integers(1, 12),
)
def test_is_complete_or_says_so(
    log: list[frozenset[str]],
    wanted: frozenset[str],
    after: int,
    events_max: int,
    room: int,
) -> None:
    """I3: never a silent gap; and what must still be there is there."""
    ring = Ring(0, events_max, room * entry(1, TEA).size)
    for position, channels in enumerate(log, 1):
        ring.add(entry(position, *sorted(channels), event=post(TEA)))
    owed = [n for n, channels in enumerate(log, 1) if n > after and channels & wanted]
    found = positions(ring, *sorted(wanted), after=after, upto=len(log))
    assert found in (None, owed)
    kept = [n for n, channels in enumerate(log, 1) if channels][-room:]
    fits = all(
        sum(n > after for n, c in enumerate(log, 1) if name in c) <= events_max for name in wanted
    )
    if fits and all(n in kept for n in range(after + 1, len(log) + 1) if log[n - 1]):
        assert found == owed


def test_a_page_holds_at_least_one_and_says_up_to_where() -> None:
    entries = [entry(n, TEA) for n in (1, 4, 6)]
    assert bounded(entries, 9, events_max=2).upto == 4
    assert bounded(entries, 9, bytes_max=1) == (tuple(entries[:1]), 1)
    assert bounded(entries, 9) == (tuple(entries), 9)
    assert bounded([], 9) == ((), 9)


def test_frames_are_made_once() -> None:
    one = entry(1, TEA)
    for form in Form:
        assert one.frame(form) is one.frame(form)


MEMBERS = (Member(person="asha", region="in"), Member(person="bob", region="de"))
PRIVATE = EditedCommunity(name="Tea", visibility="private")


@pytest.mark.parametrize(
    ("event", "turned"),
    [
        (joined(), ("u:asha",)),
        (PersonStatusChanged(person="asha", rev=1, active=False), ("u:asha",)),
        (ConversationStarted(conversation="d", home="in", members=MEMBERS), ("u:asha", "u:bob")),
        (
            ConversationChanged(conversation=TALK[2:], rev=1, members=MEMBERS[:1]),
            (TALK, "u:asha"),
        ),
        (CommunityChanged(community=TEA[2:], rev=1, settings=PRIVATE), (TEA, THREADS)),
        (
            CommunityChanged(community=TEA[2:], rev=1, settings=EditedCommunity(name="Tea")),
            (),
        ),
        (post(), ()),
    ],
)
def test_knows_whom_an_event_turns(event: Event, turned: tuple[str, ...]) -> None:
    found = entry(1, TEA, event=event)
    assert found.turns == turned
    assert narrows(found) is (THREADS in turned)


def test_a_mention_from_a_place_that_is_not_ours_is_doubtful() -> None:
    entries = [entry(1, ME, event=post(CHESS)), entry(2, TEA), entry(3, ME, event=joined())]
    assert doubtful(entries, ("g", ME, TEA)) == {CHESS}


def test_what_comes_on_a_thread_one_may_watch_is_not_doubtful() -> None:
    """Else a crowd that follows a thread from outside would ask the database again for each new reply, and
    never be done while somebody writes."""
    entries = [entry(1, THREAD, ME, event=post(CHESS))]
    assert doubtful(entries, ("g", ME, THREAD)) == frozenset()
    assert doubtful(entries, ("g", ME)) == {CHESS}
