"""What happens on links, as log lines and counters; ``gauges`` shows how they are. Part of the edge."""

import structlog

from server.app import metrics
from server.federation.ephemeral import Said
from server.federation.steps import Report

log = structlog.get_logger(__name__)


def record(region: str, report: Report) -> None:
    if report.refusal:
        code = report.refusal.code
        metrics.FEDERATION_REJECTED.labels(region, code).inc()
        reason = report.refusal.message
        log.warning("refused", peer=region, state=report.state, code=code, reason=reason)
    else:
        log.info("link", peer=region, state=report.state, note=report.note)


def count(region: str, direction: str, size: int, events: int) -> None:
    if size:
        metrics.of(metrics.FEDERATION_BYTES, region, direction).inc(size)
    if events:
        metrics.of(metrics.FEDERATION_EVENTS, region, direction).inc(events)


def count_ephemeral(region: str, direction: str, size: int, said: Said, conflated: int) -> None:
    metrics.FEDERATION_EPHEMERAL_FRAMES.labels(region, direction).inc()
    metrics.FEDERATION_EPHEMERAL_BYTES.labels(region, direction).inc(size)
    for name, count in said._asdict().items():
        if count:
            metrics.FEDERATION_EPHEMERAL_TOLD.labels(region, direction, name).inc(count)
    if conflated:
        metrics.FEDERATION_EPHEMERAL_CONFLATED.labels(region).inc(conflated)
