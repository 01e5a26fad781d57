"""Conflated values: counters, tallies, a person's impact. The latest of each, at a bounded rate.

An event *touches* a value; the value becomes dirty. Twice a second the gateway *takes* the dirty ones,
loads them, and *puts* them here; the hub sends what was put. A reader that comes back asks ``since`` for
what was put or touched while it was away. Which value is the newest is said by ``position``: everything
committed up to there is in it (section 5.3).

``flushed`` is the place of a reader in this: every touch up to it has been sent to whoever was live.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server.domain.visibility import Touched
from server.realtime.forms import Forms
from server.realtime.frames import Form, ServerFrame, Value, encode

Key = tuple[str, str]
"""(of, id), e.g. ("post", "01j…")."""
IMPACT = "impact"
"""A person's points: brought by the scoring consumer, the only kind that is pushed (section 5.3)."""
VALUES_KEPT_MAX = 20_000
"""About a day of active posts of a region; 46 MB with a frame in all five forms, measured with tracemalloc."""
FLUSHES_KEPT_MAX = 4_096
"""Half an hour of constant change; older cursors get ``SLACK_POSITIONS`` instead."""
SLACK_POSITIONS = 5_000
"""A burst of 2,000 events/s during one flush and a slow load."""


class Told(Forms):
    """A frame for whoever hears its channels."""

    __slots__ = ("channels", "frame_of")

    def __init__(self, frame: ServerFrame, channels: tuple[str, ...]) -> None:
        super().__init__()
        self.frame_of = frame
        self.channels = channels

    def _made(self, form: Form) -> bytes:
        return encode(self.frame_of, form)


class Shown(Told):
    """A value as it was last loaded."""

    frame_of: Value


class _Known:
    """``touched``: the position of the last event that changed the value."""

    __slots__ = ("channels", "shown", "touched")

    def __init__(self, channels: tuple[str, ...], touched: int) -> None:
        self.channels, self.touched = channels, touched
        self.shown: Shown | None = None


class Missed(NamedTuple):
    """What a returning reader is owed. ``unknown``: to be loaded; ``complete``: nothing else is."""

    shown: tuple[Shown, ...]
    unknown: tuple[Key, ...]
    complete: bool


class Values:
    """``start``: the position after which every touch is known here, until the oldest are forgotten."""

    of = "value"

    def __init__(self, start: int, kept_max: int = VALUES_KEPT_MAX) -> None:
        self.conflated = 0
        """Changes that were not sent on their own."""
        self.dropped = 0
        """Changes forgotten unsent."""
        self._kept_max = kept_max
        self._known: OrderedDict[Key, _Known] = OrderedDict()
        self._by_channel: dict[str, dict[Key, None]] = {}
        self._dirty: dict[Key, int] = {}
        self._loading: dict[Key, int] = {}
        self._floor = self._position = start
        self._flushes: list[tuple[int, int]] = [(start, start)]

    def touch(self, touched: Touched, position: int) -> None:
        """An event at ``position`` changed a value. Positions must not fall."""
        key = (touched.of, touched.id)
        self._position = position
        self.conflated += key in self._dirty
        self._dirty.setdefault(key, position)
        self._note(key, touched.channels, position)

    def knows(self, key: Key) -> bool:
        return key in self._known

    def moved(self, position: int) -> None:
        """Everything up to a position has been seen here."""
        self._position = position

    def _note(self, key: Key, channels: tuple[str, ...], position: int) -> _Known:
        """The newest is last, in all and in each channel."""
        known = self._known.pop(key, None) or _Known(channels, position)
        known.touched = max(known.touched, position)
        self._known[key] = known
        for channel in known.channels:
            names = self._by_channel.setdefault(channel, {})
            names.pop(key, None)
            names[key] = None
        if len(self._known) > self._kept_max:
            self._forget_oldest()
        return known

    def _forget_oldest(self) -> None:
        key, known = self._known.popitem(last=False)
        self.dropped += key in self._dirty
        self._dirty.pop(key, None)
        self._loading.pop(key, None)
        self._floor = max(self._floor, known.touched)
        for channel in known.channels:
            names = self._by_channel[channel]
            del names[key]
            if not names:
                del self._by_channel[channel]

    # -- flushing ------------------------------------------------------------------------------------

    def take(self, keys_max: int) -> dict[Key, tuple[str, ...]]:
        """Dirty values with the channels that show them, the longest dirty first. They count as
        unsent until ``done``."""
        taken = list(self._dirty)[:keys_max]
        for key in taken:
            self._loading[key] = self._dirty.pop(key)
        return {key: self._known[key].channels for key in taken}

    def put(self, key: Key, position: int, value: Any) -> Shown | None:
        """A taken value as loaded: it contains everything committed up to ``position``. None when it was
        forgotten meanwhile."""
        known = self._known.get(key)
        if known is None:
            return None
        known.shown = Shown(
            Value(of=key[0], id=key[1], position=position, value=value), known.channels
        )
        return known.shown

    def push(self, key: Key, position: int, value: Any, channels: tuple[str, ...]) -> Shown:
        """A value that somebody brings on their own. It counts as touched after all that was seen, so
        whoever is away just now gets it on return (perhaps twice: the same value)."""
        known = self._note(key, channels, self._position + 1)
        known.shown = Shown(Value(of=key[0], id=key[1], position=position, value=value), channels)
        return known.shown

    def done(self, keys: Iterable[Key]) -> None:
        """These were sent to whoever is live, or nobody wanted them."""
        for key in keys:
            self._loading.pop(key, None)
        place = (self._position, self.flushed)
        if self._flushes[-1] != place:
            self._flushes.append(place)
        if len(self._flushes) > FLUSHES_KEPT_MAX:
            del self._flushes[: FLUSHES_KEPT_MAX // 2]

    def failed(self, keys: Iterable[Key]) -> None:
        """Loading did not work: they are dirty as before."""
        back = {key: self._loading.pop(key) for key in keys if key in self._loading}
        self._dirty = back | {key: back.get(key, at) for key, at in self._dirty.items()}

    @property
    def flushed(self) -> int:
        """Every touch up to here has been sent to whoever was live."""
        if not self._dirty and not self._loading:  # mostly; asked with every input of every session
            return self._position
        waiting = [next(iter(some.values())) for some in (self._dirty, self._loading) if some]
        return min(waiting) - 1

    def flushed_at(self, position: int) -> int:
        """What ``flushed`` was before readers were sent the event at a position. A client's cursor says
        only that it had this event; values touched shortly before may never have reached it."""
        for seen, flushed in reversed(self._flushes):
            if seen < position:
                return flushed
        return max(0, position - SLACK_POSITIONS)

    # -- coming back -----------------------------------------------------------------------------------

    def since(self, channels: Iterable[str], after: int) -> Missed:
        """What changed on the channels after a position. What is dirty, or taken and not yet put, comes
        with the next flush."""
        shown: list[Shown] = []
        unknown: list[Key] = []
        for key in self._changed(channels, after):
            latest = self._known[key].shown
            if key in self._dirty:
                continue
            if latest is not None and not self._is_stale(key, latest):
                shown.append(latest)
            elif key not in self._loading:
                unknown.append(key)
        return Missed(tuple(shown), tuple(unknown), after >= self._floor)

    def _is_stale(self, key: Key, latest: Shown) -> bool:
        """Pushed values are always the latest; loaded ones may be older than the last touch."""
        return latest.frame_of.position < self._known[key].touched and key[0] != IMPACT

    def _changed(self, channels: Iterable[str], after: int) -> Mapping[Key, None]:
        found: dict[Key, None] = {}
        for channel in channels:
            for key in reversed(self._by_channel.get(channel, {})):
                if self._known[key].touched <= after:
                    break
                found[key] = None
        return found
