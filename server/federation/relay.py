"""Whom to ask for an origin that is out of reach (docs/protocol/federation.md 9.5).

One per node. Every region tells its peers how far it holds each lane they may have; so when an
origin's own link is down and a third region is ahead of us, that region is asked, by the same WANT. Our own
lanes are an origin like any other: what peers hold of them beyond our log is a tail we lost.

There is no routing and there are no loops: numbers are dense, so whoever is behind asks whoever is
ahead, and a lane's own signed heads say that nothing was changed on the way. At most one region is
asked for an origin at a time, so that nothing is sent twice but what was under way at a change.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.domain import limits
from server.domain.ids import LaneKey

GRACE_MS = limits.RELAY_SECONDS_MIN * 1000
STALLED_MS = limits.RELAY_STALLED_SECONDS_MAX * 1000


class View(NamedTuple):
    """One link as the relay sees it; ``tips``: how far the peer says it holds what we may have."""

    proven: bool
    heard_at: int
    rtt: int
    tips: Mapping[LaneKey, int]


class _Origin:
    """One region's lanes. Times in UTC milliseconds, None for "not so now"."""

    __slots__ = ("asked", "behind_since", "down_since", "held", "moved_at")

    def __init__(self, now: int) -> None:
        self.asked: str | None = None
        """The peer that is asked for them beside or instead of the origin itself."""
        self.down_since: int | None = None
        self.behind_since: int | None = None
        """Since when some peer has been ahead of us and nothing has come."""
        self.held = 0
        """Events held here in all its lanes together: grows when anything comes."""
        self.moved_at = now

    def earlier(self, by: int) -> None:
        self.moved_at -= by
        self.down_since = None if self.down_since is None else self.down_since - by
        self.behind_since = None if self.behind_since is None else self.behind_since - by


class Relay:
    """``loaded`` once, ``moved`` with every commit, ``decide`` every half second or so."""

    def __init__(self) -> None:
        self._tips: dict[LaneKey, int] = {}
        self._held: Counter[str] = Counter()
        """Events of each origin in ``_tips``."""
        self._origins: dict[str, _Origin] = {}
        self._loaded = False
        self._now = 0

    def loaded(self, tips: Mapping[LaneKey, int]) -> None:
        """How far the whole log reaches; before that nothing is asked of anybody."""
        self._loaded = True
        self.moved(tips)

    @property
    def tips(self) -> Mapping[LaneKey, int]:
        """How far the log reaches, once loaded."""
        return self._tips

    def moved(self, tips: Mapping[LaneKey, int]) -> None:
        """The local log reaches this far."""
        for key, seq in tips.items():
            more = seq - self._tips.get(key, 0)
            if more > 0:
                self._tips[key] = seq
                self._held[key.region] += more

    def came(self, key: LaneKey) -> None:
        """Something came of a lane that does not move its tip: whoever sends it does not stand still."""
        self._held[key.region] += 1

    def decide(
        self, now: int, links: Mapping[str, View], without: Iterable[LaneKey]
    ) -> dict[str, frozenset[str]]:
        """For each peer the origins to ask of it beside its own. ``without``: lanes left out."""
        if not self._loaded:
            return {}
        self._clock(now)
        ahead = self._ahead(links, frozenset(without))
        asked: dict[str, set[str]] = {peer: set() for peer in links}
        for name in sorted({*links, *ahead, *self._origins}):
            origin = self._origins.setdefault(name, _Origin(now))
            self._observe(origin, name, now, links.get(name), bool(ahead.get(name)))
            origin.asked = self._choose(origin, name, now, links, ahead.get(name, {}))
            if origin.asked:
                asked[origin.asked].add(name)
        return {peer: frozenset(origins) for peer, origins in asked.items()}

    def _clock(self, now: int) -> None:
        """A clock set back moves every time with it, so that nothing is waited for until it catches up."""
        back, self._now = max(0, self._now - now), now
        for origin in self._origins.values():
            origin.earlier(back)

    def _ahead(
        self, links: Mapping[str, View], without: frozenset[LaneKey]
    ) -> dict[str, dict[str, int]]:
        """origin -> peer -> how many events it holds of it that we do not."""
        found: dict[str, dict[str, int]] = {}
        for peer, view in links.items():
            for key, seq in view.tips.items():
                more = seq - self._tips.get(key, 0)
                if more > 0 and key.region != peer and key not in without:
                    peers = found.setdefault(key.region, {})
                    peers[peer] = peers.get(peer, 0) + more
        return found

    def _observe(
        self, origin: _Origin, name: str, now: int, direct: View | None, behind: bool
    ) -> None:
        held = self._held[name]
        moved = held != origin.held
        if moved:
            origin.held, origin.moved_at = held, now
        if not behind:
            origin.behind_since = None
        elif moved or origin.behind_since is None:
            origin.behind_since = now
        if direct is None or direct.proven:
            origin.down_since = None
        elif origin.down_since is None:
            origin.down_since = now

    def _choose(
        self,
        origin: _Origin,
        name: str,
        now: int,
        links: Mapping[str, View],
        ahead: Mapping[str, int],
    ) -> str | None:
        asked, direct = origin.asked, links.get(name)
        if asked not in links:
            asked = None  # or it has left
        if asked and (self._is_back(direct, now) or not links[asked].proven):
            asked = None
        if direct is None and not ahead:
            return None  # ourselves, and nobody holds more
        if asked is None:
            return _best(ahead, links) if self._is_missed(origin, direct, now) else None
        others = {peer: more for peer, more in ahead.items() if peer != asked}
        if asked in ahead:
            stalled = now - origin.moved_at >= STALLED_MS
        else:
            # It has given what it has; another may be in a lane it is not in. What we lost of our own
            # nobody else brings, so then it is asked at once.
            since = origin.behind_since
            stalled = direct is None or (since is not None and now - since >= GRACE_MS)
        if stalled and others:
            origin.moved_at = now
            return _best(others, links)
        return asked

    @staticmethod
    def _is_missed(origin: _Origin, direct: View | None, now: int) -> bool:
        """Whether an origin does not reach us itself, for long enough."""
        if direct is None:
            return True  # ourselves: nobody else will bring it
        if not direct.proven:
            return origin.down_since is not None and now - origin.down_since >= GRACE_MS
        # Connected and silent, though it has news: the line is dead one way.
        since = origin.behind_since
        return since is not None and now - max(since, direct.heard_at) >= GRACE_MS

    @staticmethod
    def _is_back(direct: View | None, now: int) -> bool:
        return direct is not None and direct.proven and now - direct.heard_at < GRACE_MS


def _best(ahead: Mapping[str, int], links: Mapping[str, View]) -> str | None:
    """Who holds most of what we lack; then the nearest."""
    order = sorted(ahead, key=lambda peer: (-ahead[peer], links[peer].rtt, peer))
    return next(iter(order), None)
