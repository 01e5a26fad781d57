"""Who is owed what: joined once per connection, in order, also while a fan-out runs."""

from __future__ import annotations

import pytest

from server.domain import limits
from server.domain.events import (
    CommunityChanged,
    EditedCommunity,
    ErasedPost,
    ErasureRequested,
    ReplyPublished,
)
from server.domain.visibility import Touched
from server.realtime import effects as fx
from server.realtime import frames
from server.realtime import hub as hub_module
from server.realtime.frames import Form
from server.realtime.hub import Hub, Seat
from server.realtime.ring import Ready
from server.realtime.values import Told
from tests.unit.realtime.scenes import CHESS, EPOCH, ME, TEA, THREAD, joined, post, record
from tests.unit.realtime.wire import messages


class Reader:
    """A seat that remembers what was written to it, as lists of positions per write."""

    def __init__(self, form: Form = Form.JSON) -> None:
        self.form = form
        self.heard: list[list[int]] = []
        self.fed: list[fx.Input] = []
        self.slow = False

    def write(self, data: bytes) -> None:
        self.heard.append([frame["position"] for frame in messages(data, self.form)])

    def turn(self, position: int, data: bytes) -> None:
        self.feed(fx.Turned(position))
        if data:
            self.write(data)

    def feed(self, what: fx.Input) -> None:
        self.fed.append(what)

    def is_slow(self) -> bool:
        return self.slow


def fan_out(hub: Hub) -> None:
    for part in hub.fan_out():
        part.deliver()


def readers(hub: Hub, *interests: tuple[str, ...]) -> list[Reader]:
    seats = [Reader() for _ in interests]
    for seat, channels in zip(seats, interests, strict=True):
        hub.join(seat, channels)
    return seats


def test_each_commit_is_one_write_per_connection_that_hears_of_it() -> None:
    hub = Hub(0, epoch=EPOCH)
    tea, both, chess, quiet = readers(hub, (TEA,), (TEA, THREAD, CHESS), (CHESS,), ("g",))
    hub.publish([record(1, TEA, THREAD), record(2, CHESS), record(3, TEA)])
    fan_out(hub)
    assert tea.heard == [[1, 3]]
    assert both.heard == [[1, 2, 3]], "an event on two of its channels comes once"
    assert chess.heard == [[2]]
    assert quiet.heard == []
    assert hub.position == 3
    assert (hub.frames, hub.bytes > 0) == (6, True)


def test_who_is_only_named_by_an_event_pulls_it() -> None:
    """The hub cannot know whether they may read its place (I12); who hears that, or the thread, is told at once."""
    hub = Hub(0, epoch=EPOCH)
    named, inside, thread, other = readers(
        hub, ("g", ME), ("g", ME, CHESS), (ME, THREAD), ("g", TEA)
    )
    hub.publish([record(1, "g"), record(2, THREAD, ME, event=post(CHESS))])
    told = iter(hub.fan_out())
    next(told).deliver()
    assert (named.fed, named.heard, hub.sent(named)) == ([fx.Flooded()], [], 0)
    hub.leave(named, ("g", ME))
    for part in told:
        part.deliver()
    assert (inside.heard, thread.heard, other.heard) == ([[1, 2]], [[2]], [[1]])
    assert named.heard == []
    hub.publish([record(3, "g"), record(4, CHESS, ME, event=post(CHESS))])
    fan_out(hub)
    assert inside.heard[-1] == [3, 4]


def test_an_event_that_fails_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def narrows(entry: Ready) -> bool:
        if entry.position == 2:
            raise ValueError("what is this?")
        return False

    faults: list[Exception] = []
    hub = Hub(0, epoch=EPOCH)
    hub.fault = faults.append
    (tea,) = readers(hub, (TEA,))
    monkeypatch.setattr(hub_module, "narrows", narrows)
    hub.publish([record(1, TEA), record(2, TEA), record(3, TEA)])
    fan_out(hub)
    assert (tea.heard, hub.position, len(faults)) == ([[1, 3]], 3, 1)


def test_what_cannot_be_handed_out_is_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By everybody, from before it: who was not owed any of it finds nothing there."""

    def turned(*_: object) -> dict[Seat, int]:
        raise ValueError("nobody knows who is turned")

    faults: list[Exception] = []
    hub = Hub(0, epoch=EPOCH)
    hub.fault = faults.append
    tea, chess = readers(hub, (TEA,), (CHESS,))
    hub.publish([record(1, TEA)])
    fan_out(hub)
    with monkeypatch.context() as broken:
        broken.setattr(hub, "_turned", turned)
        hub.publish([record(2, TEA)])
        for part in hub.fan_out():
            part.deliver()
            assert [hub.sent(seat) for seat in part.flooded] == [1] * len(part.flooded)
    assert (tea.fed, chess.fed, len(faults)) == ([fx.Flooded()], [fx.Flooded()], 1)
    assert (hub.position, hub.delivered, hub.sent(tea)) == (2, 2, 2)
    found = hub.ring.since((TEA,), 1, 2)
    assert found is not None
    assert [entry.position for entry in found.entries] == [2]
    hub.publish([record(3, TEA)])
    fan_out(hub)
    assert tea.heard == [[1], [3]]


def test_what_is_told_reaches_whoever_is_live_and_spares_the_slow() -> None:
    hub = Hub(0, epoch=EPOCH)
    quick, slow, other = readers(hub, (TEA,), (TEA,), (CHESS,))
    slow.slow = True
    frame = frames.Value(of="presence", id="bob", position=7, value={})
    hub.tell([Told(frame, (TEA,))], spare_slow=True)
    fan_out(hub)
    assert (quick.heard, slow.heard, other.heard, hub.dropped) == ([[7]], [], [], 1)
    hub.tell([Told(frame, (TEA,))], spare_slow=False)
    fan_out(hub)
    assert (quick.heard, slow.heard, hub.dropped) == ([[7], [7]], [[7]], 1)
    hub.leave(quick, (TEA,))
    hub.join(quick, (TEA,))
    fan_out(hub)
    assert len(quick.heard) == 2, "nobody gets it later"


def test_readers_of_the_same_share_the_same_bytes() -> None:
    hub = Hub(0, epoch=EPOCH)
    one, two = readers(hub, (TEA,), (TEA, CHESS))
    others = [Reader(form) for form in Form]
    for other in others:
        hub.join(other, (TEA,))
    hub.publish([record(1, TEA), record(2, TEA, event=post(text="hello " * 100))])
    (part,) = hub.fan_out()
    data = {id(seat): written for written, seats in part.writes for seat in seats}
    assert data[id(one)] is data[id(two)]
    said = messages(data[id(one)], Form.JSON)
    for other in others:
        assert messages(data[id(other)], other.form) == said
    plain, packed, deflated, packed_and_deflated, streamed = [
        len(data[id(other)]) for other in others
    ]
    assert streamed > packed
    assert packed_and_deflated < deflated < packed < plain


def test_a_large_audience_is_served_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SLICE_SEATS", 2)
    hub = Hub(0, epoch=EPOCH)
    seats = readers(hub, *[(TEA,)] * 5)
    hub.publish([record(1, TEA)])
    sizes = []
    for part in hub.fan_out():
        part.deliver()
        sizes.append(sum(len(seats) for _, seats in part.writes))
    assert sizes == [2, 2, 1]
    assert all(seat.heard == [[1]] for seat in seats)


def test_an_audience_is_served_in_the_order_in_which_it_joined() -> None:
    hub = Hub(0, epoch=EPOCH)
    seats = readers(hub, *[(TEA,)] * 40)
    hub.leave(seats[0], (TEA,))
    hub.join(seats[0], (TEA,))
    hub.publish([record(1, TEA)])
    (part,) = hub.fan_out()
    [(_, served)] = part.writes
    assert served == [*seats[1:], seats[0]]


def test_what_is_committed_during_a_fan_out_is_joined_into_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "SLICE_SEATS", 1)
    hub = Hub(0, epoch=EPOCH)
    first, second = readers(hub, (TEA,), (TEA,))
    hub.publish([record(1, TEA)])
    slices = hub.fan_out()
    next(slices).deliver()
    hub.publish([record(2, TEA)])
    hub.publish([record(3, TEA)])
    for part in slices:
        part.deliver()
    assert first.heard == second.heard == [[1], [2, 3]]


def test_who_leaves_while_owed_leaves_at_the_position_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "SLICE_SEATS", 1)
    hub = Hub(4, epoch=EPOCH)
    seats = readers(hub, (TEA,), (TEA,))
    hub.publish([record(5, TEA), record(6, TEA)])
    slices = hub.fan_out()
    next(slices).deliver()
    served, waiting = sorted(seats, key=lambda seat: not seat.heard)
    assert (hub.sent(served), hub.sent(waiting)) == (6, 4)
    hub.leave(waiting, (TEA,))
    assert [part.writes for part in slices] == [[]]
    assert waiting.heard == []


def test_who_joins_during_a_fan_out_hears_what_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "SLICE_SEATS", 1)
    hub = Hub(0, epoch=EPOCH)
    readers(hub, (TEA,), (TEA,))
    hub.publish([record(1, TEA)])
    slices = hub.fan_out()
    next(slices).deliver()
    (late,) = readers(hub, (TEA,))
    assert hub.sent(late) == 1
    hub.publish([record(2, TEA)])
    for part in slices:
        part.deliver()
    assert late.heard == [[2]]


def test_who_is_turned_gets_what_comes_up_to_it_and_no_more() -> None:
    hub = Hub(0, epoch=EPOCH)
    asha, bob = readers(hub, ("g", ME, TEA), (TEA,))
    hub.publish([record(1, TEA), record(2, TEA, ME, event=joined(on=False)), record(3, TEA)])
    (part,) = hub.fan_out()
    part.deliver()
    assert asha.fed == [fx.Turned(2)]
    assert asha.heard == [[1, 2]]
    assert bob.heard == [[1, 2, 3]]


def test_a_community_made_private_turns_its_readers_and_everybody_in_a_thread() -> None:
    hub = Hub(0, epoch=EPOCH)
    member, reader, stranger = readers(hub, (TEA,), (THREAD,), (CHESS,))
    private = EditedCommunity(name="Tea", visibility="private")
    changed = CommunityChanged(community=TEA[2:], rev=2, settings=private)
    hub.publish([record(1, TEA, event=changed)])
    (part,) = hub.fan_out()
    part.deliver()
    assert member.fed == reader.fed == [fx.Turned(1)]
    assert (member.heard, reader.heard, stranger.heard) == ([[1]], [], [])
    assert hub.narrowed == 1


def test_what_is_erased_while_it_is_handed_out_reaches_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "SLICE_SEATS", 1)
    hub = Hub(0, epoch=EPOCH)
    first, second = readers(hub, (TEA,), (TEA,))
    hub.publish([record(1, TEA), record(2, TEA)])
    slices = hub.fan_out()
    next(slices).deliver()
    hub.publish([record(3, TEA)._replace(erased=(1,))])
    for part in slices:
        part.deliver()
    assert (first.heard, second.heard) == ([[1, 2], [3]], [[2], [3]])


def test_more_than_a_connection_may_hold_is_left_to_be_pulled() -> None:
    """I9"""
    hub = Hub(0, epoch=EPOCH)
    (seat,) = readers(hub, (TEA,))
    text = "x" * (limits.WRITE_BUFFER_BYTES_MAX // 2)
    hub.publish([record(n, TEA, event=post(text=text)) for n in (1, 2, 3)])
    (part,) = hub.fan_out()
    assert (part.writes, part.flooded) == ([], [seat])
    assert hub.sent(seat) == 3, "the batch is over: nothing is owed"


def test_a_flooded_reader_is_at_the_position_before_while_it_is_told() -> None:
    hub = Hub(0, epoch=EPOCH)
    (seat,) = readers(hub, (TEA,))
    text = "x" * (limits.WRITE_BUFFER_BYTES_MAX // 2)
    hub.publish([record(n, TEA, event=post(text=text)) for n in (1, 2, 3)])
    slices = hub.fan_out()
    next(slices)
    assert hub.sent(seat) == 0
    hub.leave(seat, (TEA,))
    assert hub.sent(seat) == 3
    assert not hub.hears((TEA,))


def test_an_import_is_handed_out_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "BATCH_RECORDS", 2)
    hub = Hub(0, epoch=EPOCH)
    (tea,) = readers(hub, (TEA,))
    hub.publish(
        [record(1, CHESS), record(2, CHESS), record(3, TEA), record(4, TEA), record(5, TEA)]
    )
    sizes = []
    for part in hub.fan_out():
        part.deliver()
        sizes.append((sum(len(seats) for _, seats in part.writes), hub.position))
    assert sizes == [(0, 2), (1, 4), (1, 5)]
    assert tea.heard == [[3, 4], [5]]


# -- values --------------------------------------------------------------------------------------------------


def test_a_value_reaches_each_reader_of_its_channels_once() -> None:
    hub = Hub(0, epoch=EPOCH)
    both, other = readers(hub, (TEA, THREAD), (CHESS,))
    hub.publish([record(1, THREAD, touched=Touched("post", "p", (TEA, THREAD)))])
    fan_out(hub)
    assert hub.values.take(10) == {("post", "p"): (TEA, THREAD)}
    hub.push_values([("post", "p")], 7, {("post", "p"): {"replies": 1}})
    fan_out(hub)
    assert (both.heard, other.heard) == ([[1], [7]], [])
    assert hub.values.flushed == 1


def test_an_impact_goes_to_its_person() -> None:
    hub = Hub(3, epoch=EPOCH)
    asha, bob = readers(hub, (ME,), ("u:bob",))
    hub.push_value("impact", "asha", 2, {"total": 5, "line": None}, (ME,))
    fan_out(hub)
    assert (asha.heard, bob.heard) == ([[2]], [])


def test_a_post_that_comes_after_its_reactions_brings_their_counts() -> None:
    """I4: a reply may arrive before its parent, and its count with it."""
    hub = Hub(0, epoch=EPOCH)
    reply = ReplyPublished(
        post="r", kind="reply", place=TEA, root="0" * 26, parent="0" * 26, at=1, text="x"
    )
    early = Touched("post", "0" * 26, (TEA, THREAD))
    hub.publish([record(1, THREAD, event=reply, touched=early)])
    fan_out(hub)
    hub.values.done(hub.values.take(10))
    hub.publish([record(2, TEA, THREAD, "u:bob", event=post())])
    fan_out(hub)
    assert hub.values.take(10) == {("post", "0" * 26): (TEA, THREAD)}


def test_an_erasure_of_several_replies_brings_the_counts_of_every_thread() -> None:
    """I4: an erased reply counts, also where it had not come yet. Tops have no count that an erasure changes."""
    hub = Hub(0, epoch=EPOCH)
    left = {"kind": "reply", "place": TEA, "author": "asha", "at": 1, "rev": 2}
    posts = [ErasedPost(post=p, root=r, **left) for p, r in (("a", "x"), ("b", "y"), ("z", "z"))]
    erased = ErasureRequested(
        request="e", scope="person", target="asha", posts=tuple(posts), open=True
    )
    hub.publish([record(1, "g", event=erased)])
    fan_out(hub)
    assert hub.values.take(10) == {("post", root): (TEA, f"t:{root}") for root in ("x", "y")}
    # A further copy in another lane changes nothing.
    hub.values.done([("post", root) for root in ("x", "y")])
    hub.publish([record(2, event=erased)])
    fan_out(hub)
    assert hub.values.take(10) == {}
