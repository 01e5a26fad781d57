"""How one connection follows the log: ask for a page after ``sent``, send it, go live at the hub's place.

The half of the session that reads. The other half (``session``) talks with the client. Which events
belong to the connection is said by ``interest``, which moves are possible by ``states.TABLE``.
"""

from collections.abc import Iterable
from typing import NamedTuple

from server.domain.errors import Code, Refusal
from server.domain.ids import Cursor
from server.realtime import effects as fx
from server.realtime import frames, replies
from server.realtime.interest import REPLAYS_MAX, Interest, RefusedPair, Replay, presences
from server.realtime.ring import Ready
from server.realtime.states import CloseCode, State

NEVER = 1 << 62
"""A deadline nobody waits for."""
RETRY_MS = 5_000
"""Told to a client that is cut off for something that passes; it adds its own spread."""
CATCH_UP_EVENTS_MAX = 5_000
"""Events one catch-up may take from the log; beyond it a snapshot is cheaper for everybody."""


class Node(NamedTuple):
    """Whose log this is. It is kept whole, so no cursor is too old for it."""

    region: str
    epoch: int


class Greeting(NamedTuple):
    """What the welcome will say. ``resume`` None: complete or paged, the first page tells."""

    resume: frames.Resume | None
    reason: str | None
    refused: tuple[RefusedPair, ...]


class Reading:
    """``sent``: unless LIVE, everything up to here that belongs to the connection was sent."""

    __slots__ = (
        "_expires_at",
        "_greeting",
        "_interest",
        "_marked",
        "_node",
        "_paged",
        "_pulling",
        "_ticket",
        "_values_since",
        "deadline",
        "person",
        "sent",
        "state",
    )

    def __init__(self, node: Node) -> None:
        self.state = State.OPENING
        self.deadline = NEVER
        """When a Tick is wanted, in milliseconds of the clock of ``Moment.now``."""
        self.person = ""
        self.sent = 0
        self._node = node
        self._expires_at = 0
        """When the credentials end: UTC milliseconds, so by the clock for people."""
        self._greeting: Greeting | None = None
        self._interest = Interest()
        self._ticket = 0
        self._pulling: Replay | None = None
        self._paged = 0
        self._values_since: tuple[int, bool] | None = None
        self._marked = -1

    @property
    def _is_welcomed(self) -> bool:
        return self.state not in (State.OPENING, State.AUTHENTICATING) and self._greeting is None

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self._interest.held)

    def hears(self, channels: Iterable[str]) -> bool:
        """All of them."""
        return all(name in self._interest.held for name in channels)

    def _load(self, asked: frozenset[str]) -> fx.Effect:
        self._ticket += 1
        return fx.LoadInterests(self._ticket, self.person, asked)

    def _reload(self) -> fx.Effect:
        self.state = State.RELOADING
        self._interest.turned_at = max(self._interest.turned_at, self.sent)
        return self._load(frozenset(self._interest.watched))

    def _welcome(self, page: fx.Page, m: fx.Moment) -> list[fx.Effect]:
        greeting, self._greeting = self._greeting, None
        if greeting is None:
            return []
        whole: frames.Resume = "complete" if page.ready and page.upto >= m.hub else "paged"
        welcome = frames.Welcome(
            cursor=self._cursor(self.sent),
            epoch=self._node.epoch,
            region=self._node.region,
            person=self.person,
            server_time=m.utc,
            expires_at=self._expires_at,
            resume=greeting.resume or whole,
            reason=greeting.reason,
            channels=tuple(sorted(self._interest.held)),
        )
        refused = [replies.watching(0, (), greeting.refused)] if greeting.refused else []
        return [fx.SendFrame(welcome), *refused]

    def _pull(self) -> list[fx.Effect]:
        """Ask for the next page: of the first replay, else after ``sent``."""
        self.state = State.CATCHING_UP
        self._ticket += 1
        effects: list[fx.Effect] = []
        interest = self._interest
        while interest.replays and interest.replays[0].at >= self.sent:
            effects += self._replayed(interest.replays.pop(0))
        if interest.replays:
            self._pulling = interest.replays[0]
            part = fx.CatchUp(self._ticket, self._pulling.channels, self._pulling.at, self.sent)
        else:
            self._pulling = None
            part = fx.CatchUp(self._ticket, self.channels, self.sent, None)
        return [*effects, part]

    def _page(self, page: fx.Page, m: fx.Moment) -> list[fx.Effect]:
        if page.ticket != self._ticket:
            return []
        effects = self._welcome(page, m)
        if m.narrowed > self._interest.known_at:
            return [*effects, self._reload()]
        self._paged += 0 if page.ready else len(page.entries)
        if self._pulling is not None:
            return effects + self._replay_on(self._pulling, page)
        return effects + self._go_on(page, m)

    def _replay_on(self, replay: Replay, page: fx.Page) -> list[fx.Effect]:
        effects = _events(self._interest.replayed(replay, page.entries), replayed=True)
        replay.at = page.upto
        if self._paged > CATCH_UP_EVENTS_MAX:
            self._paged = 0
            self._interest.refuse(replay, replay.channels, Code.GONE)
        if not replay.channels:
            replay.at = self.sent
        return effects + self._pull()

    def _replayed(self, replay: Replay) -> list[fx.Effect]:
        """A replay is through: from here on its channels are held like all others."""
        self._interest.hold(replay.channels, replay.since)
        answer = replies.watching(replay.id, replay.channels, replay.refused)
        if not replay.channels:
            return [answer]
        return [fx.SendValues(replay.channels, replay.since, True), answer]

    def _go_on(self, page: fx.Page, m: fx.Moment) -> list[fx.Effect]:
        events, turned = self._interest.owed(page.entries)
        effects = _events(events)
        if turned is not None:
            self.sent = turned
            return [*effects, self._reload()]
        self.sent = page.upto
        if self._paged > CATCH_UP_EVENTS_MAX:
            return effects + self._skip(m, "too_far_behind")
        if self.sent < m.hub or self._interest.replays:
            return effects + self._pull()
        return effects + self._go_live()

    def _skip(self, m: fx.Moment, reason: str) -> list[fx.Effect]:
        """What was missed will not be sent: the client takes a fresh snapshot (sections 6.2 and 6.4)."""
        self._paged = 0
        self._interest.skip(self.sent, m.hub)
        self.sent = m.hub
        self._values_since = None
        reset = frames.Reset(reason=reason, cursor=self._cursor(self.sent))
        return [fx.SendFrame(reset), self._reload()]

    def _go_live(self) -> list[fx.Effect]:
        self.state = State.LIVE
        self._paged = 0
        self._marked = self.sent
        mark = fx.SendFrame(frames.Mark(cursor=self._cursor(self.sent)))
        present = self._present(self.channels)
        return [fx.Join(self.channels), *self._ask_values(), *present, mark]

    def _present(self, channels: Iterable[str]) -> list[fx.Effect]:
        """Whose presence is watched among them: it has no past, so it is told whenever one is live."""
        people = presences(channels)
        return [fx.SendPresence(people)] if people and self.state is State.LIVE else []

    def _leave(self, sent: int, m: fx.Moment) -> fx.Effect:
        self.sent = sent
        self._owe_values(m.flushed)
        return fx.Leave(self.channels)

    def _values_missed(self, since: int) -> list[fx.Effect]:
        """Values could not be handed over, or not loaded: asked for again when live, at a tick."""
        self._owe_values(since)
        return []

    def _owe_values(self, since: int, resumed: bool = False) -> None:
        earlier = (since, resumed) if self._values_since is None else self._values_since
        self._values_since = (min(since, earlier[0]), resumed or earlier[1])

    def _ask_values(self) -> list[fx.Effect]:
        if self._values_since is None:
            return []
        since, resumed = self._values_since
        self._values_since = None
        return [fx.SendValues(self.channels, since, resumed)]

    def _stop(self, state: State, m: fx.Moment) -> list[fx.Effect]:
        """Send nothing more of the log until the reader takes it (BEHIND) or wants it (PARKED)."""
        effects = [self._leave(m.sent, m)] if self.state is State.LIVE else []
        self.state = state
        self._ticket += 1  # a page on its way is not for now
        return effects

    def _background(self, m: fx.Moment) -> list[fx.Effect]:
        if self.state is State.PARKED:
            return []
        return [*self._stop(State.PARKED, m), fx.Appear("away")]

    def _foreground(self) -> list[fx.Effect]:
        """On from where it stopped; what the person may hear may have been asked for when it did."""
        if self.state is not State.PARKED:
            return []
        goes_on = [self._reload()] if self._interest.is_stale else self._pull()
        return [fx.Appear("online"), *goes_on]

    def _go_back(self, start: int) -> None:
        """Everything after a position is owed again, as far as the connection has come."""
        self.sent = min(self.sent, start)
        self._paged = 0
        self._interest.go_back(self.sent)
        self._owe_values(self.sent, resumed=True)

    def _replay(self, replay: Replay, m: fx.Moment) -> list[fx.Effect] | None:
        """Replay channels before they are held; None when too many wait already."""
        if len(self._interest.replays) >= REPLAYS_MAX:
            return None
        self._interest.replays.append(replay)
        if self.state is not State.LIVE:
            return []
        return [self._leave(m.sent, m), *self._pull()]

    # -- ends (section 8) --------------------------------------------------------------------------------

    def _fail(self, refusal: Refusal) -> list[fx.Effect]:
        if refusal.retryable:
            return self._close(CloseCode.UNAVAILABLE, refusal.code, RETRY_MS)
        return self._close(CloseCode.UNAUTHENTICATED, refusal.code)

    def _close(self, code: int, reason: str, retry_ms: int = 0) -> list[fx.Effect]:
        left = self._left()
        self.state, self.deadline = State.CLOSED, NEVER
        bye = frames.Bye(code=code, reason=reason, retry_ms=retry_ms)
        return [*left, fx.SendFrame(bye), fx.Close(code, reason)]

    def _lost(self) -> list[fx.Effect]:
        left = self._left()
        self.state = State.CLOSED
        return left

    def _left(self) -> list[fx.Effect]:
        """Out of the hub for good; what was sent does not matter any more."""
        return [fx.Leave(self.channels)] if self.state is State.LIVE else []

    def _cursor(self, position: int) -> str:
        return str(Cursor(self._node.epoch, position))


def _events(entries: tuple[Ready, ...], replayed: bool = False) -> list[fx.Effect]:
    return [fx.SendEvents(entries, replayed)] if entries else []
