"""What collectors read of the links: when something happens on one, and once a second whatever happens.

A link on which nothing happens any more is the one to worry about. Part of the edge.
"""

import ssl
from collections.abc import Iterable
from typing import Any, Protocol

from server.app import metrics
from server.federation.status import LinkStatus
from server.federation.steps import State


class Line(Protocol):
    """An asyncio transport, or what httpx says of one."""

    def get_extra_info(self, name: str) -> Any: ...


def measure(links: Iterable[LinkStatus], now: int) -> None:
    """``now``: UTC milliseconds."""
    for link in links:
        region = link.region
        for state in State:
            metrics.PEER_STATE.labels(region, state).set(state == link.state)
        metrics.PEER_UP.labels(region).set(link.state == State.LIVE)
        metrics.PEER_LAG_EVENTS.labels(region).set(link.lag_events)
        metrics.PEER_LAG_SECONDS.labels(region).set((link.oldest_unacked_ms or 0) / 1000)
        if link.rtt_ms is not None and link.skew_ms is not None:
            metrics.PEER_ROUND_TRIP_SECONDS.labels(region).set(link.rtt_ms / 1000)
            metrics.PEER_CLOCK_SKEW_SECONDS.labels(region).set(link.skew_ms / 1000)
        metrics.PEER_BEHIND_EVENTS.labels(region).set(link.behind_events)
        metrics.PEER_FORKED_LANES.labels(region).set(len(link.forked))
        metrics.PEER_SENDING_BYTES.labels(region).set(link.sending_bytes)
        metrics.PEER_CREDIT_BYTES.labels(region).set(link.credit_bytes)
        metrics.PEER_WAITING_BYTES.labels(region).set(link.waiting_bytes)
        if link.silent_ms is not None:
            metrics.PEER_SILENT_SECONDS.labels(region).set(link.silent_ms / 1000)
        if link.certificate_until is not None:
            left = (link.certificate_until - now) / 1000
            metrics.PEER_CERTIFICATE_SECONDS.labels(region).set(left)
        if link.version is not None:
            metrics.PEER_VERSION.labels(region).set(link.version)


_OF_A_PEER = (
    metrics.PEER_UP,
    metrics.PEER_LAG_EVENTS,
    metrics.PEER_LAG_SECONDS,
    metrics.PEER_ROUND_TRIP_SECONDS,
    metrics.PEER_CLOCK_SKEW_SECONDS,
    metrics.PEER_BEHIND_EVENTS,
    metrics.PEER_FORKED_LANES,
    metrics.PEER_SENDING_BYTES,
    metrics.PEER_CREDIT_BYTES,
    metrics.PEER_WAITING_BYTES,
    metrics.PEER_SILENT_SECONDS,
    metrics.PEER_CERTIFICATE_SECONDS,
    metrics.PEER_VERSION,
)


def forget(region: str) -> None:
    """It has left: no alarm is about it any more."""
    for state in State:
        metrics.PEER_STATE.remove(region, state)
    for gauge in _OF_A_PEER:
        gauge.remove(region)


def certificate_until(line: Line) -> int | None:
    """When the certificate ends that the other end of a connection showed, UTC milliseconds; None
    without TLS."""
    tls = line.get_extra_info("ssl_object")
    shown = tls.getpeercert() if tls else None
    ends = shown.get("notAfter") if shown else None
    return int(ssl.cert_time_to_seconds(str(ends))) * 1000 if ends else None
