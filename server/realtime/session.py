"""One connection's protocol, without I/O: told what happened, it returns what is to be done.

The states and moves are in ``states.TABLE``, what is told and asked in ``effects``. Following the log is
in ``reading``, choosing what to follow in ``watching``: the bases of this class. The house rules are
those of the package.
"""

from typing import assert_never

from server.app.handle import Answer
from server.domain import limits
from server.domain.errors import Code, Mistake, Refusal
from server.realtime import effects as fx
from server.realtime import frames, replies
from server.realtime.buckets import Buckets, cost_us, spend
from server.realtime.frames import (
    Background,
    Do,
    Foreground,
    Hello,
    Ping,
    Rewind,
    Token,
    Typing,
    Unwatch,
    Watch,
)
from server.realtime.interest import is_channel, refusals
from server.realtime.reading import NEVER, RETRY_MS, Greeting, Node
from server.realtime.states import TABLE, CloseCode, State
from server.realtime.watching import Watching

OTHERS_US = cost_us(limits.COMMANDS_PER_10_S)
OTHERS_BURST = limits.CHANNELS_PER_CONNECTION_MAX
"""Of all that is neither a command nor free, malformed frames included: a returning client may name each of its
channels in a frame of its own."""
STRIKES_MAX = 2 * limits.COMMANDS_BURST
"""Commands refused in a row for their rate, after which the connection ends."""
WARNING_MS = 60_000
"""Before credentials end: time to fetch new ones over a slow link, and to try again."""
GRACE_MS = 25_000
"""After they ended: what is on its way may still arrive."""
Said = (
    Hello | Token | Watch | Rewind | Typing | Unwatch | Do | Background | Foreground | fx.Malformed
)


class Session(Watching):
    """``opened``: milliseconds of the clock of ``Moment.now``. ``commands``: what people may give yet, shared by all
    their connections: who opens another has no more."""

    __slots__ = (
        "_commands",
        "_hello",
        "_in_flight",
        "_others_full_us",
        "_strikes",
        "_warned",
    )

    def __init__(self, node: Node, opened: int, commands: Buckets) -> None:
        super().__init__(node)
        self.deadline = opened + limits.UNAUTHENTICATED_SECONDS_MAX * 1000
        self._hello: Hello | None = None
        self._in_flight = 0
        self._commands = commands
        self._others_full_us = 0
        self._strikes = 0
        self._warned = False

    def receive(self, what: fx.Input, moment: fx.Moment) -> list[fx.Effect]:
        """What follows, in this order. Raises Mistake for a move that is not in TABLE."""
        allowed = TABLE[self.state].get(type(what))
        if allowed is None:
            return []
        before = self.state
        effects = self._dispatch(what, moment)
        if self.state not in allowed:
            raise Mistake(f"{type(what).__name__} led from {before} to {self.state}")
        return effects

    def _dispatch(self, what: fx.Input, m: fx.Moment) -> list[fx.Effect]:
        match what:
            case fx.Tick():  # first: of idle connections, which are most, it is all there is
                return self._tick(m)
            case Ping():
                return [fx.SendFrame(frames.Pong(server_time=m.utc))]
            case frames.ClientFrame() | Do() | fx.Malformed():
                return self._frame(what, m)
            case fx.Page():
                return self._paged_on(what, m)
            case fx.Answered(key, outcome):
                return self._answered(key, outcome)
            case fx.Turned(position):
                return [self._leave(position, m), self._reload()]
            case fx.Flooded():
                return [self._leave(m.sent, m), *self._pull()]
            case fx.Paused():
                return self._stop(State.BEHIND, m)
            case fx.Resumed():
                return self._pull()
            case fx.SignedIn():
                return self._signed_in(what)
            case fx.Renewed():
                return self._renewed(what, m)
            case fx.Interests():
                return self._interests(what)
            case fx.Authorized():
                return self._authorized(what, m)
            case fx.PageFailed(ticket, refusal):
                return self._fail(refusal) if ticket == self._ticket else []
            case fx.ValuesMissed(since):
                return self._values_missed(since)
            case fx.Expelled(reason):
                return self._close(CloseCode.UNAUTHENTICATED, reason)
            case fx.Drain(retry_ms):
                return self._drain(retry_ms)
            case fx.Lost():
                return self._lost()
            case _:
                assert_never(what)

    # -- frames (section 4) ------------------------------------------------------------------------------

    def _frame(self, frame: Said, m: fx.Moment) -> list[fx.Effect]:
        if self.state is State.OPENING:
            return self._opening(frame)
        match frame:
            case Do(key) if self.state is State.DRAINING:
                return [replies.done(key, replies.STOPPING)]
            case Hello():
                frame = replies.out_of_place("hello was said already")
            case fx.Malformed():
                pass
            case _ if not self._is_welcomed:
                frame = replies.out_of_place("wait for the welcome")
            case Do():
                return self._do(frame, m)
            case Unwatch():
                return self._unwatch(frame, m)
        return self._other(frame, m)

    def _other(
        self,
        frame: Token | Watch | Rewind | Typing | Background | Foreground | fx.Malformed,
        m: fx.Moment,
    ) -> list[fx.Effect]:
        """What is neither a command nor free: all from one bucket."""
        if isinstance(frame, fx.Malformed) and frame.fatal:
            return self._end_malformed(frame.refusal)
        if not self._afford_other(m.now):
            return self._close(CloseCode.RATE_LIMITED, "too many frames", RETRY_MS)
        match frame:
            case fx.Malformed(refusal):
                return [replies.error(refusal)]
            case Watch():
                return self._watch(frame, m)
            case Token(token=token):
                return [fx.Renew(token)]
            case Rewind():
                return self._rewind(frame, m)
            case Typing():
                return self._typing(frame)
            case Background():
                return self._background(m)
            case Foreground():
                return [*self._foreground(), *self._lease(m)]
            case _:
                assert_never(frame)

    def _opening(self, frame: Said) -> list[fx.Effect]:
        if isinstance(frame, Hello):
            self.state = State.AUTHENTICATING
            self.deadline = NEVER
            self._hello = frame
            return [fx.Authenticate(frame.token)]
        if not isinstance(frame, fx.Malformed):
            frame = replies.out_of_place("hello must come first")
        return self._end_malformed(frame.refusal)

    def _end_malformed(self, refusal: Refusal) -> list[fx.Effect]:
        large = refusal.code is Code.TOO_LARGE
        code = CloseCode.TOO_LARGE if large else CloseCode.BAD_FRAME
        return [replies.error(refusal), *self._close(code, refusal.code)]

    def _do(self, frame: Do, m: fx.Moment) -> list[fx.Effect]:
        if not self._commands.take(self.person, m.now):
            self._strikes += 1
            if self._strikes > STRIKES_MAX:
                return self._close(CloseCode.RATE_LIMITED, "too many commands", RETRY_MS)
            return [replies.done(frame.key, replies.TOO_FAST)]
        self._strikes = 0
        if isinstance(frame.command, Refusal):
            return [replies.done(frame.key, frame.command)]
        self._in_flight += 1
        return [fx.Submit(self.person, frame.key, frame.command)]

    def _answered(self, key: str, outcome: Answer | Refusal) -> list[fx.Effect]:
        self._in_flight -= 1
        effects: list[fx.Effect] = [replies.done(key, outcome)]
        if self.state is State.DRAINING and not self._in_flight:
            self.state = State.CLOSED
            effects.append(fx.Close(CloseCode.GOING_AWAY, "stopping"))
        return effects

    # -- signing in, and what may be heard (sections 3 and 6) ----------------------------------------------

    def _signed_in(self, what: fx.SignedIn) -> list[fx.Effect]:
        if isinstance(what.who, Refusal):
            return self._fail(what.who)
        if what.connections >= limits.CONNECTIONS_PER_PERSON_MAX:
            return self._close(CloseCode.TOO_MANY_CONNECTIONS, "too many connections", RETRY_MS)
        assert self._hello is not None
        self.person, self._expires_at = what.who.person, what.expires_at
        return [self._load(frozenset(filter(is_channel, self._hello.channels)))]

    def _interests(self, loaded: fx.Interests) -> list[fx.Effect]:
        if loaded.ticket != self._ticket:
            return []
        if loaded.refusal is not None:
            return self._fail(loaded.refusal)
        if self.state is State.AUTHENTICATING:
            return self._begin(loaded)
        if loaded.position < self._interest.turned_at:  # by a reader that lags behind
            return [self._reload()]
        if not self._interest.watched <= loaded.asked | loaded.own:  # watched since it was asked
            return [self._reload()]
        lost = loaded.asked - loaded.allowed
        taken = self._interest.revise(loaded.own, lost, loaded.position, self.sent)
        refused = refusals(taken)
        return [*([replies.watching(0, (), refused)] if refused else []), *self._pull()]

    def _begin(self, loaded: fx.Interests) -> list[fx.Effect]:
        assert self._hello is not None
        start, reset = self._verdict(self._hello.cursor, loaded.position)
        refused = refusals(sorted(loaded.asked - loaded.allowed))
        if start is None:
            self.sent = loaded.position
            self._greeting = Greeting("reset" if reset else "fresh", reset, refused)
        else:
            self.sent = start
            self._values_since = (start, True)
            self._greeting = Greeting(None, None, refused)
        self._hello = None
        self._interest.begin(loaded.own, loaded.allowed, loaded.position, self.sent)
        return [fx.Appear("online"), *self._pull()]

    def _paged_on(self, page: fx.Page, m: fx.Moment) -> list[fx.Effect]:
        """The first page brings the welcome; from then on the credentials' end is watched."""
        is_first = self._greeting is not None
        effects = self._page(page, m)
        return [*effects, *self._lease(m)] if is_first and self._is_welcomed else effects

    # -- time and ends (sections 7 and 8) ----------------------------------------------------------------------

    def _tick(self, m: fx.Moment) -> list[fx.Effect]:
        if self.state is State.OPENING and m.now >= self.deadline:
            return self._close(CloseCode.HELLO_TIMEOUT, "no hello", RETRY_MS)
        effects = self._lease(m) if self._is_welcomed else []
        if self.state is not State.LIVE:
            return effects
        effects += self._ask_values()
        if m.sent > self._marked:
            self._marked = m.sent
            effects.append(fx.SendFrame(frames.Mark(cursor=self._cursor(m.sent))))
        return effects

    def _lease(self, m: fx.Moment) -> list[fx.Effect]:
        """Warns once before the credentials end, and closes some time after (section 3.4); the deadline
        becomes the next of both. A device in the background is not woken by a warning."""
        warn_at, end_at = self._expires_at - WARNING_MS, self._expires_at + GRACE_MS
        if m.utc >= end_at:
            return self._close(CloseCode.UNAUTHENTICATED, Code.EXPIRED)
        effects: list[fx.Effect] = []
        if m.utc >= warn_at and not self._warned and self.state is not State.PARKED:
            self._warned = True
            effects.append(fx.SendFrame(frames.Expiring(expires_at=self._expires_at)))
        self.deadline = m.now + (end_at if m.utc >= warn_at else warn_at) - m.utc
        return effects

    def _renewed(self, what: fx.Renewed, m: fx.Moment) -> list[fx.Effect]:
        if isinstance(what.who, Refusal):
            return [replies.error(what.who)]
        if what.who.person != self.person:
            return [replies.error(replies.OF_ANOTHER)]
        self._expires_at, self._warned = what.expires_at, False
        renewed = frames.Renewed(expires_at=what.expires_at)
        return [fx.JudgeBy(what.token), fx.SendFrame(renewed), *self._lease(m)]

    def _drain(self, retry_ms: int) -> list[fx.Effect]:
        effects = self._close(CloseCode.GOING_AWAY, "stopping", retry_ms)
        if self._in_flight:
            self.state = State.DRAINING
            effects.pop()  # closes after the last answer
        return effects

    # -- small things ----------------------------------------------------------------------------------------------

    def _afford_other(self, now: int) -> bool:
        spent = spend(self._others_full_us, now * 1000, OTHERS_US, OTHERS_BURST)
        self._others_full_us = spent or self._others_full_us
        return spent is not None
