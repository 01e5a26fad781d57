"""What operators read about links: log lines and metrics. Part of the edge."""

import structlog

from server.app import metrics
from server.federation.status import LinkStatus
from server.federation.steps import Report, State

log = structlog.get_logger(__name__)


def record(region: str, report: Report) -> None:
    if report.refusal:
        code = report.refusal.code
        metrics.FEDERATION_REJECTED.labels(region, code).inc()
        reason = report.refusal.message
        log.warning("refused", peer=region, state=report.state, code=code, reason=reason)
    else:
        log.info("link", peer=region, state=report.state, note=report.note)


def measure(status: LinkStatus) -> None:
    region = status.region
    for state in State:
        metrics.PEER_STATE.labels(region, state).set(state == status.state)
    metrics.PEER_UP.labels(region).set(status.state == State.LIVE)
    metrics.PEER_LAG_EVENTS.labels(region).set(status.lag_events)
    metrics.PEER_LAG_SECONDS.labels(region).set((status.oldest_unacked_ms or 0) / 1000)
    if status.rtt_ms is not None and status.skew_ms is not None:
        metrics.PEER_ROUND_TRIP_SECONDS.labels(region).set(status.rtt_ms / 1000)
        metrics.PEER_CLOCK_SKEW_SECONDS.labels(region).set(status.skew_ms / 1000)


def count(region: str, direction: str, size: int, events: int) -> None:
    if size:
        metrics.FEDERATION_BYTES.labels(region, direction).inc(size)
    if events:
        metrics.FEDERATION_EVENTS.labels(region, direction).inc(events)
