"""GET /operator: everything about this node's links and lanes, for whoever runs it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from server import __version__
from server.api.route import Call, NoQuery
from server.storage.queries import lanes
from server.storage.queries.lanes import LaneAtPeer, LaneView
from server.storage.queries.shapes import Shape


class PeerView(Shape, frozen=True, kw_only=True):
    """One link (docs/operations/federation.md explains each field). Times in milliseconds; null: unknown."""

    region: str
    state: str
    since: int
    dialled_by: str | None
    version: int | None
    software: str
    behind_events: int
    filling_events: int
    filled_events: int
    lag_events: int
    oldest_unacked_ms: int | None
    silent_ms: int | None
    rtt_ms: int | None
    skew_ms: int | None
    peer_epoch: int | None
    certificate_until: int | None
    sending_bytes: int
    credit_bytes: int
    waiting_bytes: int
    relayed: tuple[str, ...]
    forked: tuple[str, ...]
    last_error: str | None
    last_error_at: int | None
    events_in: int
    events_out: int
    bytes_in: int
    bytes_out: int


class OperatorView(Shape, frozen=True, kw_only=True):
    """``now``: this node's clock, which the other times are to be read by."""

    region: str
    epoch: str
    position: int
    version: str
    now: int
    read_only: str
    waiting_jobs: int
    """For the writer."""
    certificate_until: int | None
    """When this node's own certificate ends; null where it does no TLS itself."""
    peers: tuple[PeerView, ...]
    lanes: tuple[LaneView, ...]


async def operator(call: Call[NoQuery, None]) -> OperatorView:
    services = call.services
    peers = msgspec.convert(services.operator.peers(), tuple[PeerView, ...])
    async with services.reader.snapshot() as snapshot:
        held = await lanes.lanes(snapshot)
    return OperatorView(
        region=services.region,
        epoch=f"{services.handler.epoch:x}",
        position=services.tap.position,
        version=__version__,
        now=services.now(),
        read_only=services.handler.read_only,
        waiting_jobs=services.handler.waiting,
        certificate_until=services.operator.certificate_until(),
        peers=peers,
        lanes=with_peers(held, services.region, peers, services.operator.lanes()),
    )


def with_peers(
    held: Sequence[LaneView],
    region: str,
    peers: Sequence[PeerView],
    acks: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[LaneView, ...]:
    """The lanes with what the links know of them."""
    forked = {name for peer in peers for name in peer.forked}
    at: dict[tuple[str, str], dict[str, LaneAtPeer]] = {}
    for peer, known in acks.items():
        for one in known:
            key = (f"{one['epoch']:x}", str(one["lane"]))
            at.setdefault(key, {})[peer] = msgspec.convert(one, LaneAtPeer)
    return tuple(
        [
            msgspec.structs.replace(
                lane,
                forked=f"{lane.region}:{lane.epoch}:{lane.lane}" in forked,
                peers=at.get((lane.epoch, lane.lane), {}) if lane.region == region else {},
            )
            for lane in held
        ]
    )
