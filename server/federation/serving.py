"""What a peer wants of us and what to send it next (docs/protocol/federation.md 9.1, 9.2 and 19.2).

A cursor per lane into our log, or three where the newest events go first, and how much may be under way: the peer's
credit, and within it the window that delay allows. Two pages at most are loaded ahead (I9), one for each rank, so that
a lane that catches up never stands in the way of fresh events by more than one batch.
"""

from collections.abc import Iterable, Mapping

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.federation.catchup import Page
from server.federation.frames import SEQ_END, LeadAck, LeadTip, Want
from server.federation.lanes import Course, from_vector, may_lead, next_turn
from server.federation.outbox import Rank
from server.federation.tracks import Cursor, Flight, Load, Track
from server.federation.window import Window

COURSES = tuple(Course)
BULK_SHARE = 0.75
"""Of what may be under way: the rest is for fresh events, which so need not wait for an ACK."""


class _Ahead:
    """The page of one rank that is being loaded, or waits for room."""

    __slots__ = ("last", "loading", "ready", "tip", "track")

    def __init__(self) -> None:
        self.track: Track | None = None
        """Whose page it is."""
        self.loading = False
        self.tip = -1
        """Of the track when it was asked for: what came since the load may not have seen."""
        self.ready: Page | None = None
        self.last: LaneKey | None = None
        """Whose turn it was."""


class Serving:
    """Answers a peer's WANTs on one connection. ``wanted`` before all else."""

    def __init__(self, me: str, peer: str) -> None:
        self._me, self._peer = me, peer
        self._origins: frozenset[str] = frozenset()
        self._without: frozenset[LaneKey] = frozenset()
        self._after: Mapping[LaneKey, int] = {}
        self._fresh = 0
        self._leads: Mapping[LaneKey, LeadTip] = {}
        self._cursors: dict[Track, Cursor] = {}
        self._credit = 0
        self._window = Window(BULK_SHARE)
        self._ahead = {Rank.LIVE: _Ahead(), Rank.BULK: _Ahead()}
        self.bytes_under_way = 0

    # -- what the peer says ------------------------------------------------------------------------

    def wanted(self, want: Want) -> None:
        """Replaces the WANT before it; nothing that was sent on this connection is sent again (9.1)."""
        self._origins = frozenset(want.origins)
        self._without = frozenset(ref.key for ref in want.without)
        self._after = from_vector(want.after)
        self._fresh = want.fresh
        self._leads = {lead.key: lead for lead in want.leads}
        self._credit = want.credit
        for track, cursor in self._cursors.items():
            cursor.sent = max(cursor.written, self._held(track))
            if track.key in self._without:
                # The receiver drops these unread and will not acknowledge them.
                self.bytes_under_way -= sum(flight.size for flight in cursor.flights)
                cursor.flights.clear()
        for key, lead in self._leads.items():
            self._lead(key, lead.base)

    def _held(self, track: Track) -> int:
        """How far the peer says that it holds a course."""
        after, lead = self._after.get(track.key, 0), self._leads.get(track.key)
        if track.course is Course.FRESH:
            begun = self._cursors[Track(track.key)].end
            return max(after, begun, lead.seq if lead else 0)
        if track.course is Course.LISTED and lead:
            return max(after, lead.listed)
        return after

    def acknowledge(
        self,
        tips: Mapping[LaneKey, int],
        credit: int,
        now: int,
        leads: Iterable[LeadAck] = (),
    ) -> None:
        """Raises Refused(bad_value) when the peer acknowledges what we, who write it, have not written."""
        for key, seq in tips.items():
            for course in self._courses(key, seq):
                self._landed(Track(key, course), seq, now)
        for lead in leads:
            courses = self._courses(lead.key, max(lead.seq, lead.listed))
            if Course.FRESH in courses:
                self._landed(Track(lead.key, Course.FRESH), lead.seq, now)
                self._landed(Track(lead.key, Course.LISTED), lead.listed, now)
        self._credit = credit

    def _courses(self, key: LaneKey, seq: int) -> list[Course]:
        """Those of a lane of which the peer says that it holds event ``seq``. Raises Refused(bad_value)."""
        courses = [course for course in COURSES if Track(key, course) in self._cursors]
        cursors = [self._cursors[Track(key, course)] for course in courses]
        most = max([max(cursor.tip, cursor.sent) for cursor in cursors], default=-1)
        if key.region == self._me and seq > most:
            raise Refused(Code.BAD_VALUE, f"lane {key.lane} of {key.region} has no event {seq}")
        return courses

    def _landed(self, track: Track, seq: int, now: int) -> None:
        for flight in self._cursors[track].landed(seq):
            self.bytes_under_way -= flight.size
            delay = now - flight.sent_at
            self._window.acknowledged(flight.size, delay, now, full=flight.full)

    # -- what the log says -------------------------------------------------------------------------

    def moved(self, tips: Mapping[LaneKey, int]) -> None:
        """Lanes the peer may receive now reach this far; unwanted ones are left alone."""
        for key, tip in tips.items():
            if not self._wants(key):
                continue
            if Track(key) not in self._cursors:
                self._begin(key, tip)
            for course in COURSES:
                if cursor := self._cursors.get(Track(key, course)):
                    cursor.moved(tip)

    def _begin(self, key: LaneKey, tip: int) -> None:
        after = self._after.get(key, 0)
        self._cursors[Track(key)] = Cursor(after)
        if lead := self._leads.get(key):
            self._lead(key, lead.base)
        elif self._fresh and may_lead(key, self._peer) and tip - after > 2 * self._fresh:
            self._lead(key, tip - self._fresh)

    def _lead(self, key: LaneKey, base: int) -> None:
        """From ``base`` on events go first; nothing to do where that is so, or where the lane is not sent."""
        whole = self._cursors.get(Track(key))
        if whole is None or whole.end == base or whole.sent >= base:
            return
        whole.end, whole.tip = base, min(whole.tip, base)
        for course, end in ((Course.FRESH, SEQ_END), (Course.LISTED, base)):
            track = Track(key, course)
            cursor = self._cursors.setdefault(track, Cursor(0))
            cursor.end, cursor.sent = end, 0
            cursor.sent = self._held(track)

    def repeat_last(self, key: LaneKey) -> None:
        """The peer's copy is as long as ours and ends otherwise: our last event shows it the fork."""
        cursor = self._cursors.get(Track(key, Course.FRESH)) or self._cursors.get(Track(key))
        if cursor is not None and cursor.sent == cursor.tip > cursor.written:
            cursor.sent -= 1

    def try_again(self) -> None:
        """What could not be sent may be sent now: keys came to be known."""
        for cursor in self._cursors.values():
            cursor.dry_at = -1
        for ahead in self._ahead.values():
            ahead.tip = -1

    def _wants(self, key: LaneKey) -> bool:
        return key.region in self._origins and key not in self._without

    def sent_up_to(self, key: LaneKey) -> int:
        """How far the peer has heard of a lane by our batches or its own acknowledgements."""
        in_order = [
            self._cursors.get(Track(key, course)) for course in (Course.WHOLE, Course.FRESH)
        ]
        return max([cursor.sent for cursor in in_order if cursor], default=0)

    @property
    def load(self) -> tuple[int, int]:
        """Bytes under way, and how many the peer allows."""
        return self.bytes_under_way, self._credit

    @property
    def is_pressed(self) -> bool:
        """Whether a page of fresh events waits for room."""
        page = self._ahead[Rank.LIVE].ready
        return page is not None and not self._fits(len(page), Rank.LIVE)

    # -- what to do next ---------------------------------------------------------------------------

    def _room(self, rank: Rank) -> int:
        """Bytes that may be under way for a batch of this rank to be added; 0 pauses."""
        share = BULK_SHARE if rank is Rank.BULK else 1
        return int(min(self._credit, self._window.bytes) * share)

    def next_load(self) -> Load | None:
        """The page to load now, or None while there is none or no room for it."""
        # Asked after every input of a link, and mostly there is nothing: that must cost next to nothing.
        taken = [ahead.track for ahead in self._ahead.values()]
        waiting = [
            (track, cursor)
            for track, cursor in self._cursors.items()
            if cursor.has_more and track not in taken and self._wants(track.key)
        ]
        if not waiting:
            return None
        for rank, ahead in self._ahead.items():
            if ahead.track or self.bytes_under_way >= self._room(rank):
                continue
            ready = {track.key: track for track in self._first(rank, waiting)}
            key = next_turn(ready, ahead.last)
            if key:
                ahead.loading, ahead.track, ahead.last = True, ready[key], key
                cursor = self._cursors[ready[key]]
                ahead.tip = cursor.tip
                return Load(key, cursor.sent, ready[key].course, cursor.end)
        return None

    def _first(self, rank: Rank, waiting: Iterable[tuple[Track, Cursor]]) -> list[Track]:
        """Of what has something to send in a rank what goes first."""
        ready = [
            (cursor.order(track), track)
            for track, cursor in waiting
            if cursor.rank(track) is rank and self._has_begun(track)
        ]
        first = min([order for order, _ in ready], default=0)
        return [track for order, track in ready if order == first]

    def _has_begun(self, track: Track) -> bool:
        """Listed events say nothing before the lead has begun: the receiver would take them for it. What lies behind
        it waits as well, unless it cannot begin."""
        base = self._cursors[track].end
        if base == SEQ_END:
            return True
        fresh = self._cursors[Track(track.key, Course.FRESH)]
        stuck = fresh.dry_at == fresh.tip and track.course is Course.WHOLE
        return fresh.sent > base or stuck

    def loaded(
        self, key: LaneKey, after: int, page: Page | None, course: Course = Course.WHOLE
    ) -> None:
        """A page arrived; None when there is nothing to send there until the lane moves."""
        track = Track(key, course)
        for ahead in self._ahead.values():
            if ahead.track != track or not ahead.loading:
                continue
            ahead.loading = False
            cursor = self._cursors[track]
            if page is None and cursor.sent == after:
                cursor.dry_at = ahead.tip
            ahead.ready = page if cursor.sent == after else None
            if ahead.ready is None:
                ahead.track = None

    def next_send(self, now: int) -> tuple[Page, Rank] | None:
        """The page to send now, if there is room for it; a lone page always may go, however large."""
        for rank, ahead in self._ahead.items():
            page, track = ahead.ready, ahead.track
            if page is None or track is None or not self._fits(len(page), rank):
                continue
            ahead.ready = ahead.track = None
            cursor = self._cursors[track]
            fits = cursor.sent == page.after or track.course is Course.LISTED
            if fits and cursor.sent <= page.after and self._wants(page.key):
                self._take_off(cursor, page, rank, now)
                return page, rank
        return None

    def _fits(self, size: int, rank: Rank) -> bool:
        room = self._room(rank)
        return bool(room) and (not self.bytes_under_way or self.bytes_under_way + size <= room)

    def _take_off(self, cursor: Cursor, page: Page, rank: Rank, now: int) -> None:
        cursor.sent = cursor.written = page.last
        if rank is Rank.BULK:
            cursor.bulk_up_to = page.last
        self.bytes_under_way += len(page)
        full = self.bytes_under_way + limits.BATCH_BYTES_MAX > self._room(rank)
        cursor.flights.append(Flight(page.last, len(page), now, full))
