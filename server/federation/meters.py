"""What happens on links, as log lines and counters; ``gauges`` shows how they are. Part of the edge."""

import structlog

from server.app import metrics
from server.federation.ephemeral import Said
from server.federation.steps import Report, State

AGAIN_MS = 3_600_000
"""A link that is down dials every few seconds: what an attempt says that was said before is said once an hour."""
WORDS_MAX = 32
"""Different things one link has to say while it is down; should it have more, they are said again."""

log = structlog.get_logger(__name__)


class Told:
    """What the log says of one link since it was last live."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._at)

    def record(self, region: str, report: Report, now: int) -> None:
        """``now``: UTC milliseconds."""
        if report.state is State.LIVE or len(self._at) >= WORDS_MAX:
            self._at.clear()
        if report.refusal:
            code, reason = report.refusal.code, report.refusal.message
            metrics.FEDERATION_REJECTED.labels(region, code).inc()
            say = log.warning if self._is_new(report.state, reason, now) else log.debug
            say("refused", peer=region, state=report.state, code=code, reason=reason)
        else:
            say = log.info if self._is_new(report.state, report.note, now) else log.debug
            say("link", peer=region, state=report.state, note=report.note)

    def _is_new(self, state: State, words: str, now: int) -> bool:
        said = self._at.get((state, words))
        if said is not None and 0 <= now - said < AGAIN_MS:
            return False
        self._at[state, words] = now
        return True


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
