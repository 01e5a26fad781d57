"""Who belongs to the company, as one node is told: by its ``[[peers]]``, or by a roster, which may change at
run time (docs/protocol/federation.md 2 and 17.1).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.domain.ids import LaneKey
from server.federation.dialled import PeerAddress
from server.federation.lanes import Reach
from server.federation.trust import Roster


class Company(NamedTuple):
    """Everything about others that a node's links go by."""

    peers: tuple[PeerAddress, ...]
    keys: Mapping[str, tuple[bytes, ...]]
    """Of every region whose events are taken: peers, this node, and those that have left."""
    groups: Mapping[str, tuple[str, ...]]
    ended: tuple[tuple[str, LaneKey, int], ...] = ()
    """(key id or ANY_KEY, lane, seq): what a key vouches for no event beyond."""
    version_min: int = 1

    @classmethod
    def of_peers(
        cls,
        region: str,
        own_keys: tuple[bytes, ...],
        peers: Iterable[PeerAddress],
        groups: Mapping[str, Iterable[str]],
    ) -> "Company":
        """As ``[[peers]]`` say. Our own key too: peers may bring back what we lost."""
        peers = tuple(peers)
        keys = {region: own_keys, **{peer.region: peer.public_keys for peer in peers}}
        return cls(peers, keys, {name: tuple(members) for name, members in groups.items()})

    def take_effect(self, roster: Roster, reach: Reach) -> None:
        """What is shared by all links of the node follows."""
        roster.pin(self.keys, self.ended)
        roster.version_min = self.version_min
        reach.regions, reach.groups = frozenset(self.keys), self.groups


class Changes(NamedTuple):
    """What a newer company means for the links that stand."""

    added: tuple[PeerAddress, ...]
    removed: tuple[str, ...]
    anew: tuple[PeerAddress, ...]
    """Links that have to begin anew; all others stand."""


def changes(before: Company, after: Company) -> Changes:
    were = {peer.region: peer for peer in before.peers}
    are = {peer.region: peer for peer in after.peers}
    # Whom a lane is for is decided when it is served: every link asks again.
    all_anew = (before.groups, before.version_min) != (after.groups, after.version_min)
    # Which key a connection was proven by is not known any more: it is proven again.
    keys_anew = {lane.region for _, lane, _ in {*before.ended} ^ {*after.ended}}
    return Changes(
        tuple([peer for region, peer in are.items() if region not in were]),
        tuple([region for region in were if region not in are]),
        tuple(
            [
                peer
                for region, peer in are.items()
                if region in were and (all_anew or region in keys_anew or peer != were[region])
            ]
        ),
    )
