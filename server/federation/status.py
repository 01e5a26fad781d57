"""What an operator is told about one link: /api/v1/node, the command line and the metrics read it."""

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
