"""What the links tell and ask the live layer of this node (docs/protocol/federation.md 22). Part of the edge."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from server.federation import meters
from server.federation.ephemeral import Presence, Shown
from server.federation.peers import Peer
from server.federation.steps import Allowed, Changed, Counted, Input, Looked, LookedAt, Seen


class Live(Protocol):
    """``realtime.abroad.Abroad``. Channels: ``p:<person>``, ``t:<thread>``, ``d:<conversation>``."""

    def looked_at(self, region: str, channels: Collection[str]) -> None:
        """A region's people look at these now: say by ``allow``, and not at once, of which it may hear and what is so."""

    def seen(
        self,
        region: str,
        states: Mapping[str, Presence],
        typing: Mapping[str, tuple[str, ...]],
    ) -> None:
        """What a region says of its own people."""

    def regrouped(self) -> None:
        """Other regions belong to the company, or to a group of it."""


class Onlookers:
    """One per node: people of other regions who look at this one's, and the other way round."""

    def __init__(self, peers: Mapping[str, Peer], feed: Callable[[Peer, Input], None]) -> None:
        self._peers, self._feed = peers, feed
        self._wanted: dict[str, dict[str, None]] = {}
        self.live: Live | None = None

    @property
    def regions(self) -> frozenset[str]:
        """With whom there is a link."""
        return frozenset(self._peers)

    def wanted(self, region: str) -> dict[str, None]:
        """Whom people here look at in a region, written here alone; each link to it, one after the other, reads it."""
        return self._wanted.setdefault(region, {})

    def forgotten(self, peer: Peer) -> None:
        """The link was made anew and does not know what the one before it was told."""
        if self.live:
            self.live.seen(peer.region, dict.fromkeys(self.wanted(peer.region), "offline"), {})

    def regrouped(self) -> None:
        """Before the links begin anew: what is asked about places is not what it was."""
        if self.live:
            self.live.regrouped()

    # -- the live layer's words -----------------------------------------------------------------------

    def look(self, region: str, wanted: Collection[str], left: Collection[str]) -> None:
        """People here look at these of a region, and at those no more."""
        known = self.wanted(region)  # also while no link runs
        for channel in left:
            known.pop(channel, None)
        known.update(dict.fromkeys(wanted))
        if peer := self._peers.get(region):
            self._feed(peer, Looked(wanted, left))

    def allow(self, region: str, asked: Collection[str], shown: Mapping[str, Shown]) -> None:
        """The answer to ``looked_at``, at any time after it, and again when it is another."""
        if peer := self._peers.get(region):
            self._feed(peer, Allowed(asked, shown))

    def changed(self, shown: Mapping[str, Shown]) -> None:
        """This is so from now on; told to whoever looks and may."""
        for peer in self._peers.values():
            theirs = peer.link.looked_at & shown.keys()
            if theirs:
                self._feed(peer, Changed({channel: shown[channel] for channel in theirs}))

    def looks_at(self, channel: str) -> bool:
        """Whether anybody elsewhere does."""
        return any(channel in peer.link.looked_at for peer in self._peers.values())

    def looks(self, channels: Collection[str]) -> dict[str, list[str]]:
        """Which regions' people look at some of these, and at which."""
        found = {
            region: [name for name in channels if name in peer.link.looked_at]
            for region, peer in self._peers.items()
        }
        return {region: names for region, names in found.items() if names}

    def every_look(self) -> dict[str, frozenset[str]]:
        """By region, what its people look at here."""
        return {region: frozenset(peer.link.looked_at) for region, peer in self._peers.items()}

    # -- the links' ------------------------------------------------------------------------------------

    def perform(self, peer: Peer, effect: LookedAt | Seen | Counted) -> None:
        match effect:
            case LookedAt(channels):
                if self.live:
                    self.live.looked_at(peer.region, channels)
            case Seen(states, typing):
                if self.live:
                    self.live.seen(peer.region, states, typing)
            case Counted(direction, size, said, conflated):
                meters.count_ephemeral(peer.region, direction, size, said, conflated)
