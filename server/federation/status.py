"""What an operator is told about one link: /api/v1/node, the command line and the metrics read it."""

from typing import NamedTuple

import msgspec

from server.federation.ledger import Ledger

DAY = 24 * 3600 * 1000


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
    relayed: tuple[str, ...]
    """Regions that are out of reach and whose events are asked of this peer instead."""
    forked: tuple[str, ...]
    """Lanes left out because their origin signed two histories."""
    last_error: str | None
    last_error_at: int | None
    events_in: int
    events_out: int
    bytes_in: int
    bytes_out: int
    certificate_days: int | None = None
    """Until the first of this node's own certificates ends; below 0: it has. None: no TLS of our own."""
    peer_certificate_days: int | None = None
    """Until the one the peer showed last ends. None: not dialled over TLS yet."""


def days_left(ends_at: int | None, now: int) -> int | None:
    """Whole days, rounded down; times in UTC milliseconds."""
    return None if ends_at is None else (ends_at - now) // DAY


class LinkFacts(NamedTuple):
    """What only the link itself knows."""

    state: str
    since: int
    dialled_by: str | None
    peer_epoch: int | None
    error: tuple[int, str] | None
    """(When, what) it was last."""


def link_status(facts: LinkFacts, behind_events: int, ledger: Ledger, now: int) -> LinkStatus:
    since = ledger.oldest_unacked_at
    at, words = facts.error or (None, None)
    return LinkStatus(
        region=ledger.peer,
        state=facts.state,
        since=facts.since,
        dialled_by=facts.dialled_by,
        behind_events=behind_events,
        lag_events=ledger.lag_events,
        oldest_unacked_ms=None if since is None else max(0, now - since),
        rtt_ms=ledger.rtt,
        skew_ms=ledger.skew,
        peer_epoch=facts.peer_epoch,
        relayed=tuple(sorted(ledger.relayed)),
        forked=tuple(sorted(f"{k.region}:{k.epoch:x}:{k.lane}" for k in ledger.forked)),
        last_error=words,
        last_error_at=at,
        events_in=ledger.events_in,
        events_out=ledger.events_out,
        bytes_in=ledger.bytes_in,
        bytes_out=ledger.bytes_out,
    )
