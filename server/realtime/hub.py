"""Who hears what: channels to live connections, one joined buffer per connection and commit batch.

The hub holds exactly the connections whose session is LIVE (house rule 1). ``publish`` takes what was
committed; ``fan_out`` hands it out in slices, so that a company-wide post never holds the event loop
for longer than one slice. What is committed while a fan-out runs waits and is then handed out together:
the busier the node, the more events share one write.

``owed`` is the running fan-out: who has not been written to yet, and which of the batch's items are
theirs (a bit each). A connection that leaves while it is owed something leaves at the position before
the batch, and will pull it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from server.domain.events import ErasureRequested, PostPublished, ReplyPublished
from server.domain.visibility import Touched, place_in_doubt
from server.realtime import effects as fx
from server.realtime.frames import Form
from server.realtime.joining import Buffers, Item
from server.realtime.ring import THREADS, Ready, Ring, narrows
from server.realtime.values import Key, Shown, Told, Values
from server.storage.event_log import Record

SLICE_SEATS = 250
"""Writes before the loop gets its turn: about 2 ms at 8 µs each."""
BATCH_RECORDS = 256
"""Records handed out together: an import commits thousands at once, and they must not hold the loop."""


class Seat(Protocol):
    """A live connection as the hub knows it. ``write`` takes ready frames and never blocks."""

    form: Form

    def write(self, data: bytes) -> None: ...

    def turn(self, position: int, data: bytes) -> None:
        """Tells the session that it is Turned there. ``data``, what is the seat's up to it, goes out before
        anything that follows from that."""
        ...

    def feed(self, what: fx.Input) -> None: ...

    def is_slow(self) -> bool:
        """Whether what was written waits to be read."""
        ...


def unforgiving(error: Exception) -> None:
    """Where nobody looks after mistakes, they are not hidden."""
    raise error


Broadcast = Callable[[bytes, Sequence[Any]], None]
"""Writes the same bytes to every one of the seats: the inner loop, done by whoever has the sockets."""


def one_by_one(data: bytes, seats: Sequence[Seat]) -> None:
    """The plain way to do it."""
    for seat in seats:
        seat.write(data)


class Slice(NamedTuple):
    """The next deliveries, to be performed in this order.

    ``writes``: the same buffer for many seats. ``turned``: who must ask again what they may hear, from
    which position, and what is theirs up to it. ``flooded``: whose part of the batch is more than a connection may hold: they
    leave and pull it in pages (I9)."""

    writes: Sequence[tuple[bytes, Sequence[Seat]]]
    turned: Sequence[tuple[Seat, int, bytes]] = ()
    flooded: Sequence[Seat] = ()

    def deliver(self, broadcast: Broadcast = one_by_one) -> None:
        for data, seats in self.writes:
            broadcast(data, seats)
        for seat, position, data in self.turned:
            seat.turn(position, data)
        for seat in self.flooded:
            seat.feed(fx.Flooded())


class Hub:
    """Synchronous and pure; one per node. ``position``: where the log stood when it was made; ``epoch``: of
    that log."""

    def __init__(
        self,
        position: int,
        ring: Ring | None = None,
        values: Values | None = None,
        *,
        epoch: int,
        region: str = "",
    ) -> None:
        """``region``: whose hub it is; empty takes every event for another one's."""
        self._region = region
        self.position = position
        """Everything up to here was written to every seat it concerns, or is ``owed`` to it."""
        self.narrowed = 0
        """Position of the newest event that took channels from people who did not hear it."""
        self.frames = self.bytes = 0
        """Handed out so far."""
        self._epoch = epoch
        self.ring = ring or Ring(position)
        self.values = values or Values(position)
        self._channels: dict[str, dict[Seat, None]] = {}
        """Who hears each, in the order they joined: close to that in which the kernel made their sockets.
        Walked so, their memory is read ahead; in a set's order a delivery takes a tenth longer."""
        self._waiting: list[Record] = []
        self._waiting_values: list[tuple[list[Shown], Collection[Key]]] = []
        self._waiting_told: list[tuple[Sequence[Told], bool]] = []
        self.audiences: list[int] = []
        """How many seats each batch of records was for, until somebody has read it."""
        self.turned: set[str] | None = None
        """Channels that got their first hearer, or lost their last, since somebody looked; None if nobody does."""
        self.dropped = 0
        """Frames that slow readers were spared."""
        self.fault = unforgiving
        """Told of a mistake of ours, which costs what it was about: an event, or a batch that is pulled instead."""
        self._owed: dict[Seat, int] = {}
        self._buffers = Buffers(())
        """What is being handed out."""
        self._before = position
        """The position before the batch that is being handed out."""

    # -- seats ---------------------------------------------------------------------------------------

    def join(self, seat: Seat, channels: Iterable[str]) -> None:
        """From now on the seat hears these channels: everything after ``position``."""
        for channel in channels:
            seats = self._channels.get(channel)
            if seats is None:
                seats = self._channels[channel] = {}
                self._turn(channel)
            seats[seat] = None

    def part(self, seat: Seat, channels: Iterable[str]) -> None:
        """The seat no longer hears these channels."""
        for channel in channels:
            seats = self._channels.get(channel)
            if seats is not None:
                seats.pop(seat, None)
                if not seats:
                    del self._channels[channel]
                    self._turn(channel)

    def _turn(self, channel: str) -> None:
        if self.turned is not None:
            self.turned.add(channel)

    def leave(self, seat: Seat, channels: Iterable[str]) -> None:
        """The seat is no longer live; what it is owed it will pull."""
        self.part(seat, channels)
        self._owed.pop(seat, None)

    def sent(self, seat: Seat) -> int:
        """Up to where a live seat has been written to."""
        return self._before if seat in self._owed else self.position

    @property
    def delivered(self) -> int:
        """Everything up to here has been written to all it concerns."""
        return self._before

    def hears(self, channels: Iterable[str]) -> bool:
        """Whether anybody live hears one of the channels."""
        return any(channel in self._channels for channel in channels)

    def recall(self, records: Sequence[Record]) -> None:
        """What was committed before anybody could hear: only remembered, for those who come back."""
        self._admitted(records)
        self._before = self.position = records[-1].position
        self.values.moved(self.position)

    # -- publishing ----------------------------------------------------------------------------------

    def publish(self, records: Sequence[Record]) -> None:
        """What one commit brought, in order. Nobody hears of it before ``fan_out`` runs."""
        self._waiting.extend(records)
        if erased := {position for record in records for position in record.erased}:
            self.ring.forget(erased)
            self._buffers.forget(erased)
            self._waiting = [r.bare() if r.position in erased else r for r in self._waiting]

    def push_values(self, keys: Collection[Key], position: int, loaded: dict[Key, Any]) -> None:
        """Values that were taken and loaded; those not in ``loaded`` do not exist (any more)."""
        put = [self.values.put(key, position, value) for key, value in loaded.items()]
        self._waiting_values.append(([shown for shown in put if shown is not None], keys))

    def push_value(
        self, of: str, id: str, position: int, value: Any, channels: tuple[str, ...]
    ) -> None:
        """One value that somebody brings on their own, such as a person's impact."""
        self._waiting_values.append(([self.values.push((of, id), position, value, channels)], ()))

    def tell(self, items: Sequence[Told], spare_slow: bool) -> None:
        """Frames for whoever is live and hears their channels now; nobody gets them later."""
        self._waiting_told.append((items, spare_slow))

    def fan_out(self) -> Iterator[Slice]:
        """Hands out what waits, until nothing does. Between two slices seats may join and leave."""
        while self._waiting or self._waiting_values or self._waiting_told:
            try:
                if self._waiting:
                    yield from self._events()
                if self._waiting_values:
                    yield from self._values()
                if self._waiting_told:
                    yield from self._told()
            except Exception as error:
                self.fault(error)
                yield from self._instead()

    def _instead(self) -> Iterator[Slice]:
        """What was being handed out is pulled, by all: nobody knows any more whose it was."""
        everybody = [seat for seats in self._channels.values() for seat in seats]
        self._owed = owed = dict.fromkeys(everybody, 0)
        waiting = list(owed)
        for start in range(0, len(waiting), SLICE_SEATS):
            part = waiting[start : start + SLICE_SEATS]
            yield Slice((), flooded=[seat for seat in part if seat in owed])
        self._owed = {}
        self._before = self.position

    def _events(self) -> Iterator[Slice]:
        records = self._waiting[:BATCH_RECORDS]
        del self._waiting[:BATCH_RECORDS]
        entries = self._admitted(records)
        self._before, self.position = self.position, records[-1].position
        self.values.moved(self.position)
        owed = self._audience(entries)
        turned = self._turned(entries, owed)
        self.audiences.append(len(owed))
        yield from self._slices(entries, owed, turned, self._doubtful(entries))
        self._before = self.position

    def _values(self) -> Iterator[Slice]:
        waiting, self._waiting_values = self._waiting_values, []
        shown = [one for some, _ in waiting for one in some]
        try:
            yield from self._slices(shown, self._audience(shown), {})
        finally:
            self.values.done(key for _, keys in waiting for key in keys)

    def _told(self) -> Iterator[Slice]:
        items, spare_slow = self._waiting_told.pop(0)
        for part in self._slices(items, self._audience(items), {}):
            yield self._without_slow(part) if spare_slow else part

    def _without_slow(self, part: Slice) -> Slice:
        writes = []
        for data, seats in part.writes:
            quick = [seat for seat in seats if not seat.is_slow()]
            self.dropped += len(seats) - len(quick)
            writes.append((data, quick))
        return Slice(writes)

    def _admitted(self, records: Sequence[Record]) -> list[Ready]:
        entries = []
        for record in records:
            try:
                entries.append(self._admit(record))
            except Exception as error:
                self.fault(error)
        return entries

    def _admit(self, record: Record) -> Ready:
        entry = Ready(record, self._epoch)
        self.ring.add(entry)
        for touched in _touched(record, self.values):
            self.values.touch(touched, record.position)
        if narrows(entry):
            self.narrowed = record.position
        return entry

    def _audience(self, items: Sequence[Item]) -> dict[Seat, int]:
        """Each seat that hears one of the items, with a bit for each item it hears."""
        on: dict[str, int] = {}
        for index, item in enumerate(items):
            for channel in item.channels:
                on[channel] = on.get(channel, 0) | 1 << index
        owed: dict[Seat, int] = {}
        for channel, bits in on.items():
            seats = self._channels.get(channel, ())
            if not owed:
                owed = dict.fromkeys(seats, bits)
                continue
            for seat in seats:
                owed[seat] = owed.get(seat, 0) | bits
        return owed

    def _turned(self, entries: Sequence[Ready], owed: dict[Seat, int]) -> dict[Seat, int]:
        """Who is turned by an entry, and where. Such a seat gets what comes up to it, not beyond."""
        turned: dict[Seat, int] = {}
        for index, entry in enumerate(entries):
            for seat in self._concerned(entry.turns):
                if seat not in turned:
                    turned[seat] = entry.position
                    owed[seat] = owed.get(seat, 0) & ((2 << index) - 1)
        return turned

    def _doubtful(self, entries: Sequence[Ready]) -> dict[Seat, None]:
        """Who hears an entry as somebody it names, and by nothing that answers for its place. Whoever named them knew
        less, or need not care: an answer is accepted in a place its author was put out of. They pull it, and pages
        are read as visibility says (I12). Whom a post notifies was looked at where it was written, so here with all
        that is known here."""
        found: dict[Seat, None] = {}
        for entry in entries:
            event, names = entry.record.event, entry.channels
            if hasattr(event, "notify") and entry.record.id.region == self._region:
                continue
            place = place_in_doubt(event, (), ())
            for name in [name for name in names if place and name.startswith("u:")]:
                for seat in self._channels.get(name, ()):
                    mine = [way for way in (place, *names) if seat in self._channels.get(way, ())]
                    if place_in_doubt(event, names, mine):
                        found[seat] = None
        return found

    def _concerned(self, turns: Iterable[str]) -> Iterator[Seat]:
        for channel in turns:
            if channel == THREADS:
                for name, seats in self._channels.items():
                    if name.startswith(THREADS):
                        yield from seats
            else:
                yield from self._channels.get(channel, ())

    def _slices(
        self,
        items: Sequence[Item],
        owed: dict[Seat, int],
        turned: dict[Seat, int],
        doubtful: Collection[Seat] = (),
    ) -> Iterator[Slice]:
        self._owed = owed
        self._buffers = buffers = Buffers(items)
        seats = list(owed)
        if doubtful:  # they stay owed, so that they leave at the position before the batch
            seats = [seat for seat in owed if seat not in doubtful]
            yield Slice((), flooded=list(doubtful))
        # One empty slice at least: a long import nobody hears must not hold the loop either.
        for start in range(0, max(1, len(seats)), SLICE_SEATS):
            yield self._slice(seats[start : start + SLICE_SEATS], buffers, turned)
        self._owed = {}

    def _slice(self, seats: Sequence[Seat], buffers: Buffers, turned: dict[Seat, int]) -> Slice:
        together: dict[tuple[int, Form], list[Seat]] = {}
        owed, same = self._owed.pop, []
        last_bits, last_form = -1, None
        for seat in seats:
            bits, form = owed(seat, None), seat.form
            if bits is None:  # left meanwhile
                continue
            # Most seats of a slice are owed the same.
            if bits != last_bits or form is not last_form:
                last_bits, last_form = bits, form
                same = together.setdefault((bits, form), [])
            same.append(seat)
        return self._sliced(together, buffers, turned)

    def _sliced(
        self,
        together: dict[tuple[int, Form], list[Seat]],
        buffers: Buffers,
        turned: dict[Seat, int],
    ) -> Slice:
        writes: list[tuple[bytes, Sequence[Seat]]] = []
        turning: list[tuple[Seat, int, bytes]] = []
        flooded: list[Seat] = []
        for (bits, form), seats in together.items():
            buffer = buffers.of(bits, form)
            if buffer is None:  # stay owed, so that they leave at the position before the batch
                self._owed.update(dict.fromkeys(seats, bits))
                flooded += seats
                continue
            self.frames += len(seats) * bits.bit_count()
            self.bytes += len(seats) * len(buffer)
            if turned:
                turning += [(seat, turned[seat], buffer) for seat in seats if seat in turned]
                seats = [seat for seat in seats if seat not in turned]
            if buffer:
                writes.append((buffer, seats))
        return Slice(writes, turning, flooded)


def _touched(record: Record, values: Values) -> Iterator[Touched]:
    """What the event touches, an erasure of several posts in several threads; and the counters of a post that arrives
    later than what was said of it."""
    if record.touched is not None:
        yield record.touched
    elif isinstance(record.event, ErasureRequested) and record.channels:
        for left in record.event.posts:
            if left.post != left.root:
                yield Touched("post", left.root, (left.place, "t:" + left.root))
    if isinstance(record.event, PostPublished | ReplyPublished):
        post = record.event.post
        shown = tuple([name for name in record.channels if not name.startswith("u:")])
        for of in ("post", "poll"):
            if values.knows((of, post)):
                yield Touched(of, post, shown)
