"""What an operator is told about one link: /api/v1/node, the command line and the metrics read it."""

from typing import NamedTuple

import msgspec


class LinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Times in milliseconds. ``None``: not known (yet)."""

    region: str
    state: str
    since: int
    """When the state was entered, UTC."""
    dialled_by: str | None
    """The region that opened the connection in use."""
    behind_events: int
    """Events the peer has told of that are not committed here."""
    filling_events: int = 0
    """Events that stand before those that came early; 0 when no lane has any such."""
    filled_events: int = 0
    """So many of them are committed here."""
    lag_events: int
    """Events of ours the peer may have and has not acknowledged, as far as known since the start."""
    oldest_unacked_ms: int | None
    rtt_ms: int | None
    skew_ms: int | None
    """The peer's clock minus ours, half a round trip allowed for."""
    peer_epoch: int | None
    forked: tuple[str, ...]
    """Lanes left out because their origin signed two histories."""
    last_error: str | None
    last_error_at: int | None
    events_in: int
    events_out: int
    bytes_in: int
    bytes_out: int
    relayed: tuple[str, ...] = ()
    """Regions that are out of reach and whose events are asked of this peer instead."""
    version: int | None = None
    """The protocol version spoken."""
    software: str = ""
    """The version of the peer's program, as it says."""
    sending_bytes: int = 0
    """Batches under way to the peer and not acknowledged; at most ``credit_bytes``, and one batch."""
    credit_bytes: int = 0
    """How much the peer lets be under way."""
    waiting_bytes: int = 0
    """Batches that came and are not committed here."""
    silent_ms: int | None = None
    """Since the last message of the peer; above 9 s the line is in doubt, for a PING is due every 4 s."""
    certificate_until: int | None = None
    """When the certificate ends that the peer showed to our dialling, UTC."""


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far one peer is with one of our lanes. None: it has not said since this node started."""

    lane: str
    epoch: int
    acked: int | None
    behind_events: int
    behind_ms: int | None
    """Age of the oldest event it has not acknowledged."""


class Filling(NamedTuple):
    """Lanes with a lead: how many events stand before its base, and how many of those are committed here."""

    events: int
    held: int


class LinkFacts(NamedTuple):
    """What only the link itself knows."""

    state: str
    since: int
    dialled_by: str | None
    peer_epoch: int | None
    version: int | None
    software: str
    error: tuple[int, str] | None
    """(When, what) it was last."""
    behind_events: int
    filling: Filling
    load: tuple[int, int, int]
    """Bytes under way to the peer, what it allows, and what came and is not committed."""
