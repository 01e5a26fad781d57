"""Conflated values on their way: loading what is dirty, and what one returning connection missed.

``values.Values`` remembers, ``hub`` hands out, storage knows; this is the part that awaits.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from server.realtime import effects as fx
from server.realtime import frames, loads
from server.realtime.connection import Connection
from server.realtime.hub import Hub
from server.realtime.values import Key
from server.realtime.workers import Job
from server.storage.reader import Reader

VALUES_PER_LOAD = 200


class Refresh:
    """``spread``: have the hub hand out what waits in it."""

    def __init__(
        self,
        hub: Hub,
        reader: Reader,
        load: loads.LoadValues,
        job: Job,
        spread: Callable[[], None],
    ) -> None:
        self._hub, self._reader, self._load, self._job = hub, reader, load, job
        self._spread = spread
        self._loading = False

    # -- for everybody -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Loads what is dirty and heard by somebody; one load at a time, so the rate is bounded."""
        if self._loading:
            return
        taken = self._hub.values.take(VALUES_PER_LOAD)
        heard = [key for key, channels in taken.items() if self._hub.hears(channels)]
        self._hub.values.done(taken.keys() - set(heard))
        if heard:
            self._loading = True
            self._job(partial(self._flush, heard), partial(self._failed, heard))

    async def _flush(self, keys: Collection[Key]) -> None:
        position, loaded = await self._load(self._reader, keys)
        self._loading = False
        self._hub.push_values(keys, position, loaded)
        self._spread()

    def _failed(self, keys: Collection[Key]) -> None:
        self._loading = False
        self._hub.values.failed(keys)

    # -- for one who was away ------------------------------------------------------------------------------

    def send(self, connection: Connection, effect: fx.SendValues) -> None:
        """What changed meanwhile: from memory if it can be, else loaded for this connection."""
        known = self._hub.values
        since = known.flushed_at(effect.since) if effect.resumed else effect.since
        missed = known.since(effect.channels, since)
        if missed.shown:
            connection.write(b"".join([one.frame(connection.form) for one in missed.shown]))
        if missed.complete and missed.unknown:
            work = partial(self._send, connection, since, effect.channels, missed.unknown)
        elif not missed.complete:
            work = partial(self._search, connection, since, effect.channels)
        else:
            return
        self._job(work, lambda: connection.feed(fx.ValuesMissed(since)))

    async def _search(self, connection: Connection, since: int, channels: tuple[str, ...]) -> None:
        """Memory does not reach back that far: the tables know when each value last changed."""
        keys = await loads.changed(self._reader, channels, since, self._hub.position)
        await self._send(connection, since, channels, keys)

    async def _send(
        self, connection: Connection, since: int, channels: tuple[str, ...], keys: Collection[Key]
    ) -> None:
        """Not to who left meanwhile, or has lost a channel: what they still hear is asked for again."""
        waiting = list(keys)
        while waiting:
            part, waiting = waiting[:VALUES_PER_LOAD], waiting[VALUES_PER_LOAD:]
            position, loaded = await self._load(self._reader, part)
            if not connection.takes_values(channels):
                connection.feed(fx.ValuesMissed(since))
                return
            connection.write(self._joined(connection, position, loaded))

    def _joined(self, connection: Connection, position: int, loaded: dict[Key, Any]) -> bytes:
        made = []
        for key, value in loaded.items():
            shown = self._hub.values.put(key, position, value)
            frame = frames.Value(of=key[0], id=key[1], position=position, value=value)
            form = connection.form
            made.append(shown.frame(form) if shown else frames.encode(frame, form))
        return b"".join(made)
