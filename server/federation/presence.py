"""What a link knows of who is there and who types, from one connection to the next (docs/protocol/federation.md 22).

``ephemeral`` runs over the connection of the moment. What a peer said counts while its connection lives, and for
``PRESENCE_KEPT_SECONDS`` after its last word: then everybody there is offline, unless a newer connection said so anew.
"""

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Set
from typing import assert_never

from server.domain import limits
from server.domain.errors import Code, Refused
from server.federation import frames, steps
from server.federation.deadlines import Deadlines, Due
from server.federation.ephemeral import FEATURE, Ephemeral, Presence, Said
from server.federation.frames import Ephem
from server.federation.outbox import Rank
from server.federation.pauses import SECOND

KEPT_MS = limits.PRESENCE_KEPT_SECONDS * SECOND


class Told:
    """What a peer said of its people, over all its connections, and what of it still counts."""

    def __init__(self) -> None:
        self._states: dict[str, Presence] = {}
        self._former: dict[str, tuple[Presence, int]] = {}
        """Said over an earlier connection and not yet again, and until when that counts; the oldest first."""

    def heard(self, states: Mapping[str, Presence]) -> None:
        for channel, state in states.items():
            self._former.pop(channel, None)
            self._states[channel] = state

    def lost(self, until: int) -> None:
        """The connection ended."""
        self._former |= {channel: (state, until) for channel, state in self._states.items()}
        self._states = {}

    def forget(self, channels: Iterable[str]) -> None:
        for channel in channels:
            self._states.pop(channel, None)
            self._former.pop(channel, None)

    @property
    def expires_at(self) -> int | None:
        return min([until for _, until in self._former.values()], default=None)

    def expire(self, now: int, unsaid: Container[str]) -> dict[str, Presence]:
        """What was said over earlier connections counts no more by now: those who were not offline are. (Further
        ahead than it was ever set lies a time only if the clock was set back.) ``unsaid``: about whom the peer has
        still to be asked over a connection that lives; they may wait for their turn."""
        former = self._former.items()
        old = {n: state for n, (state, until) in former if not now < until <= now + KEPT_MS}
        for channel, state in old.items():
            if channel in unsaid:
                self._former[channel] = (state, now + KEPT_MS)
            else:
                del self._former[channel]
        return {n: "offline" for n, state in old.items() if state != "offline" and n not in unsaid}


class LinkPresence:
    """One per link. ``out``: the link's effects; ``deadlines``: its times; ``sent``: told the size of each frame;
    ``wanted``: what this region's people look at that the peer can tell of, as others keep it."""

    def __init__(
        self,
        out: list[steps.Effect],
        deadlines: Deadlines,
        sent: Callable[[int], None],
        wanted: Collection[str],
    ) -> None:
        self._out, self._deadlines, self._sent = out, deadlines, sent
        self._wanted = wanted
        self._told = Told()
        self._conn = 0
        self._flow: Ephemeral | None = None

    @property
    def looked_at(self) -> Set[str]:
        """What the peer's people look at."""
        return self._flow.showing.channels if self._flow else frozenset()

    # -- connections -------------------------------------------------------------------------------

    def begin(self, conn: int, features: frozenset[str], now: int) -> None:
        """A connection is proven; one may have been there before."""
        self._conn = conn
        self._flow = Ephemeral(self._wanted, now) if FEATURE in features else None

    def lost(self, heard_at: int) -> None:
        """The connection has ended, of which the last word came at ``heard_at``."""
        self._flow = None
        self._deadlines.drop(Due.EPHEM)
        self._told.lost(heard_at + KEPT_MS)
        self._expire_later()

    def stop(self, now: int) -> None:
        """There will be no connection: nothing counts any more, and no time is waited for."""
        self._flow = None
        self._told.lost(now)
        self.expire(now + KEPT_MS)

    def expire(self, now: int) -> None:
        if gone := self._told.expire(now, self._flow.looking if self._flow else ()):
            self._out.append(steps.Seen(gone, {}))
        self._expire_later()

    def _expire_later(self) -> None:
        if (at := self._told.expires_at) is not None:
            self._deadlines.set(Due.EXPIRE, at)

    # -- what the live layer says --------------------------------------------------------------------

    def take(self, given: steps.Sight) -> None:
        flow = self._flow
        match given:
            case steps.Looked(wanted, left):
                self._look(wanted, left)
            case steps.Allowed(asked, shown):
                if flow:
                    flow.showing.hide([name for name in asked if name not in shown])
                    flow.showing.show(shown)
            case steps.Changed(shown):
                if flow:
                    flow.showing.changed(shown)
            case steps.Written(conn):
                if flow and conn == self._conn:
                    flow.written()
            case _:
                assert_never(given)

    def _look(self, wanted: Collection[str], left: Collection[str]) -> None:
        self._told.forget(left)
        if self._flow:
            self._flow.looking.leave(left)
            self._flow.looking.look(wanted)

    # -- the wire --------------------------------------------------------------------------------------

    def heard(self, frame: Ephem, size: int) -> None:
        """Raises Refused. Who did not say that they speak it is not listened to, as before there was any."""
        flow = self._flow
        if flow is None:
            return
        if size > limits.EPHEM_FRAME_BYTES_MAX:
            raise Refused(Code.TOO_LARGE, f"an EPHEM may have {limits.EPHEM_FRAME_BYTES_MAX} bytes")
        states, typing = flow.heard(frame)
        looked_at = flow.showing.asked(frame)
        self._told.heard(states)
        if states or typing:
            self._out.append(steps.Seen(states, typing))
        if looked_at:
            self._out.append(steps.LookedAt(looked_at))
        said = Said(len(states), len(typing), len(looked_at))
        self._out.append(steps.Counted("in", size, said))

    def due(self, now: int, *, pressed: bool) -> None:
        """The time to say something; ``pressed``: fresh events wait for room on the line."""
        flow = self._flow
        if flow is None:
            return
        if pressed:
            flow.later(now)
            return
        made = flow.next(now)
        if made is None:
            return
        frame, said = made
        data = frames.encode(frame)
        flow.sent(len(data))
        self._sent(len(data))
        self._out.append(steps.Send(self._conn, data, 0, Rank.EPHEMERAL))
        self._out.append(steps.Counted("out", len(data), said, flow.showing.take_conflated()))

    def settle(self, now: int, jitter: float) -> None:
        """After every input: when to say something next."""
        at = self._flow.due_at(now, jitter) if self._flow else None
        if at is None:
            self._deadlines.drop(Due.EPHEM)
        else:
            self._deadlines.set(Due.EPHEM, at)
