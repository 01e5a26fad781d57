"""What one client hears and how far it has heard it: cursor, watched channels, which events are new.

1. ``last`` is the highest position handed on; its cursor is what a reconnect resumes from.
2. A channel watched with ``since`` has a place of its own in ``heard`` until the node says
   ``watching``, because its older events arrive after newer ones of other channels. An event is new
   when it is beyond the place of every channel of ours it is on; so each is handed on once, however
   replays and live traffic overlap.
3. Presence (``p:``) has no past: it is watched anew on every connection, never resumed.

tests/vectors/sdk/places.json holds both SDKs to this.
"""

from collections.abc import Iterable
from typing import Any

from tap_client.errors import ProtocolError
from tap_client.frames import Event, Frame

PRESENCE = "p:"


class Places:
    """``cursor``: where an earlier run stopped."""

    def __init__(self, cursor: str | None) -> None:
        self._epoch, self._last = split(cursor) if cursor else ("", -1)
        self._own: frozenset[str] = frozenset()
        self._watched: dict[str, None] = {}
        self._heard: dict[str, int] = {}
        self._replays: dict[int, list[str]] = {}
        self._watch_id = 0

    @property
    def cursor(self) -> str | None:
        return join(self._epoch, self._last) if self._epoch else None

    @property
    def channels(self) -> frozenset[str]:
        return self._own | self._watched.keys()

    @property
    def is_replaying(self) -> bool:
        return bool(self._heard)

    def hello(self) -> Frame:
        """The fields of a ``hello`` that say where to go on."""
        plain = [one for one in self._watched if one not in self._heard]
        plain = [one for one in plain if not one.startswith(PRESENCE)]
        fields: Frame = {"cursor": self.cursor} if self.cursor else {}
        return fields | ({"channels": plain} if plain else {})

    def welcomed(self, frame: Frame) -> list[Frame]:
        """What to say after a welcome. A resume other than ``complete`` or ``paged`` is a reset."""
        self._own = frozenset(map(str, frame.get("channels", ())))
        if frame.get("resume") not in ("complete", "paged"):
            self.reset(str(frame["cursor"]))
        self._replays.clear()
        frames = [
            self._watch_frame([channel], join(self._epoch, heard))
            for channel, heard in self._heard.items()
        ]
        presence = [channel for channel in self._watched if channel.startswith(PRESENCE)]
        return [*frames, self._watch_frame(presence, None)] if presence else frames

    def reset(self, cursor: str) -> None:
        """No replay follows: everything is heard from here on."""
        self._epoch, self._last = split(cursor)
        self._heard = dict.fromkeys(self._heard, self._last)

    def mark(self, cursor: str) -> bool:
        """Whether the cursor moved."""
        position = split(cursor)[1]
        if position <= self._last:
            return False
        self._last = position
        return True

    def is_new(self, event: Event) -> bool:
        if event.position > self._last:
            return True
        ours = self.channels
        places = [self._heard.get(one, self._last) for one in event.channels if one in ours]
        return bool(places) and event.position > max(places)

    def passed(self, event: Event) -> bool:
        """The event has been handed on; whether the cursor moved."""
        for channel in event.channels:
            if channel in self._heard:
                self._heard[channel] = max(self._heard[channel], event.position)
        moved = event.position > self._last
        self._last = max(self._last, event.position)
        return moved

    def go_back(self, cursor: str, unheard: Iterable[Event]) -> None:
        """Everything after the cursor, and these events, were not heard after all."""
        self._epoch, self._last = split(cursor)
        for event in unheard:
            by_replay = event.position <= self._last
            for channel in event.channels:
                if channel in self._heard or (by_replay and channel in self._watched):
                    heard = self._heard.get(channel, event.position)
                    self._heard[channel] = min(heard, event.position - 1)

    def watch(self, channels: Iterable[str], since: str | None) -> Frame:
        """With ``since`` what the channels held after it comes first."""
        names = list(channels)
        self._watched |= dict.fromkeys(names)
        if since is not None:
            self._heard |= dict.fromkeys(names, split(since)[1])
        return self._watch_frame(names, since)

    def unwatch(self, channels: Iterable[str]) -> Frame:
        names = list(channels)
        self._forget(names)
        return {"t": "unwatch", "channels": names}

    def watching(self, number: object, refusals: list[dict[str, Any]]) -> list[Frame]:
        """A watch was answered: its replay is through, its channels are like all others (6.3).

        What we may not hear is not asked for again; what is too old is heard from now on."""
        for channel in self._replays.pop(number, []) if isinstance(number, int) else []:
            self._heard.pop(channel, None)
        too_old = [str(r.get("channel")) for r in refusals if r.get("code") in TOO_OLD]
        self._forget([str(r.get("channel")) for r in refusals if r.get("code") not in TOO_OLD])
        return [self._watch_frame(too_old, None)] if too_old else []

    def _forget(self, channels: list[str]) -> None:
        for channel in channels:
            self._watched.pop(channel, None)
            self._heard.pop(channel, None)
        self._own -= set(channels)

    def _watch_frame(self, channels: list[str], since: str | None) -> Frame:
        self._watch_id += 1
        frame: Frame = {"t": "watch", "id": self._watch_id, "channels": channels}
        if since is None:
            return frame
        self._replays[self._watch_id] = channels
        return frame | {"since": since}


TOO_OLD = ("gone", "bad_cursor")


def split(cursor: str) -> tuple[str, int]:
    """(epoch, position) of a cursor. Raises ProtocolError."""
    epoch, dot, position = cursor.partition(".")
    if not dot or not position.isdecimal():
        raise ProtocolError(f"{cursor!r} is no cursor")
    return epoch, int(position)


def join(epoch: str, position: int) -> str:
    return f"{epoch}.{position}"
