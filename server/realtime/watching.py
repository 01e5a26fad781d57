"""What one connection chooses to follow: watching channels, replaying them, and going back.

The part of the session between ``reading``, which follows the log, and ``session``, which knows whom it
talks to.
"""

from server.domain.errors import Code
from server.domain.ids import Cursor
from server.realtime import effects as fx
from server.realtime import replies
from server.realtime.frames import Rewind, Typing, Unwatch, Watch
from server.realtime.interest import Replay, is_channel
from server.realtime.reading import RETRY_MS, Reading
from server.realtime.states import CloseCode, State


class Watching(Reading):
    """Sections 4.2, 4.3, 4.8 and 4.9."""

    __slots__ = ()

    def _verdict(self, text: str | None, position: int) -> tuple[int | None, str | None]:
        """The position to go on after, or None and, when a cursor was given, why not (section 6.2)."""
        if text is None:
            return None, None
        try:
            cursor = Cursor.parse(text)
        except ValueError:
            return None, "bad_cursor"
        if cursor.epoch != self._node.epoch:
            return None, "unknown_epoch"
        if cursor.position > position:
            return None, "ahead"
        return cursor.position, None

    def _watch(self, frame: Watch, m: fx.Moment) -> list[fx.Effect]:
        names = tuple(dict.fromkeys(frame.channels))
        known = tuple(filter(is_channel, names))
        refused = tuple([(name, str(Code.BAD_VALUE)) for name in names if name not in known])
        since, code = self._since(frame.since, m)
        if code is not None:
            return [
                replies.watching(frame.id, (), refused + tuple([(n, str(code)) for n in known]))
            ]
        wanted, full = self._interest.ask(known)
        refused += full
        if since is None and all(name in self._interest.held for name in wanted):
            admitted = self._interest.admit(wanted)
            return [replies.watching(frame.id, admitted, refused), *self._present(admitted)]
        return [fx.Authorize(frame.id, since, self.person, wanted, refused)]

    def _unwatch(self, frame: Unwatch, m: fx.Moment) -> list[fx.Effect]:
        if self.state is not State.LIVE:
            self._interest.forget(frame.channels, self.sent)
            return []
        if m.sent < m.hub:  # what is owed was settled with these channels: pull it without them
            left = self._leave(m.sent, m)
            self._interest.forget(frame.channels, m.sent)
            return [left, *self._pull()]
        dropped = self._interest.forget(frame.channels, m.sent)
        return [fx.Drop(dropped)] if dropped else []

    def _since(self, text: str | None, m: fx.Moment) -> tuple[int | None, Code | None]:
        """What is not handed out yet is no further than the log: the answer comes when it is."""
        since, reason = self._verdict(text, max(m.hub, m.log))
        return since, None if reason is None else Code.BAD_CURSOR

    def _authorized(self, result: fx.Authorized, m: fx.Moment) -> list[fx.Effect]:
        interest = self._interest
        if result.position < max(interest.known_at, m.narrowed):  # may not be true any more
            asked = result.allowed
            return [fx.Authorize(result.id, result.since, self.person, asked, result.refused)]
        accepted, refused = interest.admit(result.allowed), result.refused
        interest.asking.difference_update([name for name, _ in refused])
        if result.since is None or result.since >= max(m.hub, self.sent):
            new = interest.hold(accepted, m.hub)
            joined = [fx.Join(new)] if new and self.state is State.LIVE else []
            answer = replies.watching(result.id, accepted, refused)
            return [*joined, answer, *self._present(accepted)]
        effects = self._replay(Replay(result.id, accepted, result.since, refused), m)
        if effects is None:
            return self._close(CloseCode.RATE_LIMITED, "too many replays", RETRY_MS)
        return effects

    def _rewind(self, frame: Rewind, m: fx.Moment) -> list[fx.Effect]:
        """Send again what follows a cursor, as a resume from there would; or reset (section 6.8)."""
        if self.state is State.PARKED:
            return [replies.error(replies.out_of_place("say foreground first").refusal)]
        left = [self._leave(m.sent, m)] if self.state is State.LIVE else []
        start, reason = self._verdict(frame.cursor, m.hub)
        if start is None:
            return [*left, *self._skip(m, reason or "bad_cursor")]
        self._go_back(start)
        waits = self.state in (State.BEHIND, State.RELOADING)  # and then goes on from there
        return left if waits else [*left, *self._pull()]

    def _typing(self, frame: Typing) -> list[fx.Effect]:
        if frame.channel[:2] in ("t:", "d:") and frame.channel in self._interest.held:
            return [fx.SayTyping(frame.channel)]
        return [replies.error(replies.NOT_HEARD)]
