"""Every measurement of the node, declared once (docs/operations/metrics.md explains each).

House rules:

1. Names are ``tap_*`` in base units (seconds, bytes); counters end in ``_total``.
2. No label names a person, channel or object: a node stays below 2,000 series, and nobody's activity
   can be read from its measurements. Labels are closed sets: codes, kinds, peer regions.
3. Count per batch, never per delivery: ``inc(n)`` takes a lock. The fan-out's inner loop adds to a
   plain integer and reports it once.
4. A measurement nobody sets is a lie: a test refuses one that no module uses.
"""

import errno
import math
from functools import cache
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# When a counter was made says nothing here, and would double the number of series.
disable_created_metrics()  # type: ignore[no-untyped-call]

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""From half an fsync on a good disk to a stall somebody must look at."""
_CROWDS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
"""From a conversation of two to the whole company."""
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

M = TypeVar("M", Counter, Gauge, Histogram)


@cache
def of(metric: M, *labels: str) -> M:
    """``metric.labels(...)`` where it is asked for with every frame: the look-up alone costs a microsecond."""
    return metric.labels(*labels)


# -- the writer (app.handle, storage) ----------------------------------------------------------------

COMMANDS = Counter(
    "tap_commands_total",
    "Commands answered, by kind (post.publish ...) and outcome (ok or a refusal's code).",
    ["kind", "outcome"],
)
COMMIT_SECONDS = Histogram(
    "tap_commit_seconds", "Time from taking a batch to its fsync having returned.", buckets=_FAST
)
COMMIT_BATCH_JOBS = Histogram(
    "tap_commit_batch_jobs", "Jobs sharing one transaction and one fsync.", buckets=_SIZES
)
EVENTS_COMMITTED = Counter(
    "tap_events_committed_total",
    "Events appended to this node's log, by origin: own or foreign.",
    ["origin"],
)
POSITION = Gauge("tap_position", "The last committed position of this node's log.")
WRITER_QUEUE_JOBS = Gauge("tap_writer_queue_jobs", "Jobs waiting for the writer.")
DATABASE_ERRORS = Counter(
    "tap_database_errors_total",
    "Errors the database gave, by kind: disk_full, busy (locked, away, out of memory or connections),"
    " broken (a failed sync, corruption).",
    ["kind"],
)
READ_ONLY = Gauge("tap_read_only", "1 after the first failed fsync: the node takes no more writes.")
WAL_BYTES = Gauge("tap_wal_bytes", "Size of the write-ahead log beside the database.")

# -- client sockets (realtime) -----------------------------------------------------------------------

WEBSOCKET_CONNECTIONS = Gauge(
    "tap_websocket_connections",
    "Open client connections, by encoding: a subprotocol's name, or event-stream.",
    ["encoding"],
)
WEBSOCKET_FRAMES_RECEIVED = Counter(
    "tap_websocket_frames_received_total", "Client frames read, by frame name.", ["frame"]
)
WEBSOCKET_FRAMES_SENT = Counter(
    "tap_websocket_frames_sent_total", "Frames written to clients, by frame name.", ["frame"]
)
WEBSOCKET_BYTES_SENT = Counter("tap_websocket_sent_bytes_total", "Bytes written to client sockets.")
WEBSOCKET_CLOSED = Counter(
    "tap_websocket_closed_total",
    "Client connections ended, by our close code, or by client or lost.",
    ["code"],
)
LONG_POLLS = Gauge("tap_long_polls", "Requests to /sync that may wait for news, at this moment.")
HANDSHAKES = Counter(
    "tap_handshakes_total",
    "Requests for a websocket or event stream, by outcome: accepted, or why not.",
    ["outcome"],
)
RESUMES = Counter(
    "tap_resumes_total",
    "How returning readers were brought up to date: fresh, complete, paged or reset.",
    ["verdict"],
)
LIVE_LAG_SECONDS = Histogram(
    "tap_live_lag_seconds",
    "Time from a commit being known to the last live client having been written to.",
    buckets=_FAST,
)
LIVE_TIMER_LATE_SECONDS = Histogram(
    "tap_live_timer_late_seconds",
    "How late the live layer's half-second timer came: what holds the event loop, and for how long.",
    buckets=_FAST,
)
FAN_OUT_CONNECTIONS = Histogram(
    "tap_fan_out_connections",
    "Live clients one batch of commits is written to.",
    buckets=_CROWDS,
)
LIVE_CONFLATED = Counter(
    "tap_live_conflated_total",
    "Changes that were told together with a later one, by class: value, typing or presence.",
    ["class"],
)
LIVE_DROPPED = Counter(
    "tap_live_dropped_total",
    "Frames that were not sent, by class: typing (a slow reader was spared) or value (forgotten unsent).",
    ["class"],
)
LIVE_FAILURES = Counter(
    "tap_live_failures_total",
    "Mistakes of ours on the way to clients, by what each cost: a frame, a fan_out (its clients ask for it instead) "
    "or a connection.",
    ["class"],
)
WEBSOCKET_BUFFERED_BYTES = Gauge(
    "tap_websocket_buffered_bytes", "Bytes waiting for clients that fell behind."
)
SLOW_READERS = Counter(
    "tap_slow_readers_total", "Times a connection fell behind and went on from its cursor."
)
RING_READS = Counter(
    "tap_ring_reads_total",
    "Catch-ups served from memory (hit) or from the log (miss).",
    ["outcome"],
)
PERMITS = Counter(
    "tap_permits_total",
    "Questions who may hear what, answered from memory (hit) or by the database (miss).",
    ["outcome"],
)
RING_BYTES = Gauge("tap_ring_bytes", "Memory held by the rings of ready frames.")

# -- between regions (federation) ----------------------------------------------------------------------

PEOPLE_MOVING = Gauge(
    "tap_people_moving", "People between two regions: leaving this one or arriving.", ["direction"]
)
PEER_UP = Gauge("tap_peer_up", "1 while the link to a peer is live.", ["peer"])
PEER_STATE = Gauge(
    "tap_peer_state", "1 for the state a link is in, 0 for the others.", ["peer", "state"]
)
PEER_LAG_EVENTS = Gauge(
    "tap_peer_lag_events", "Events of ours a peer may see and has not acknowledged.", ["peer"]
)
PEER_LAG_SECONDS = Gauge(
    "tap_peer_lag_seconds", "Age of the oldest event a peer has not acknowledged.", ["peer"]
)
PEER_ROUND_TRIP_SECONDS = Gauge(
    "tap_peer_round_trip_seconds", "Last round trip of a PING to a peer.", ["peer"]
)
PEER_CLOCK_SKEW_SECONDS = Gauge(
    "tap_peer_clock_skew_seconds",
    "A peer's clock minus ours, half a round trip allowed for.",
    ["peer"],
)
PEER_BEHIND_EVENTS = Gauge(
    "tap_peer_behind_events", "Events a peer has told of that are not committed here.", ["peer"]
)
PEER_SILENT_SECONDS = Gauge(
    "tap_peer_silent_seconds", "Time since a peer's last message, whatever it was.", ["peer"]
)
PEER_FORKED_LANES = Gauge(
    "tap_peer_forked_lanes",
    "Lanes left out with a peer because their origin signed two histories.",
    ["peer"],
)
PEER_SENDING_BYTES = Gauge(
    "tap_peer_sending_bytes", "Batches under way to a peer and not acknowledged.", ["peer"]
)
PEER_CREDIT_BYTES = Gauge(
    "tap_peer_credit_bytes", "How much of batches a peer lets be under way to it.", ["peer"]
)
PEER_WAITING_BYTES = Gauge(
    "tap_peer_waiting_bytes", "Batches of a peer that came and are not committed here.", ["peer"]
)
PEER_VERSION = Gauge(
    "tap_peer_protocol_version", "The version of the protocol spoken with a peer.", ["peer"]
)
PEER_CERTIFICATE_SECONDS = Gauge(
    "tap_peer_certificate_seconds",
    "Time until the certificate ends that a peer showed when this node dialled it.",
    ["peer"],
)
CERTIFICATE_SECONDS = Gauge(
    "tap_certificate_seconds",
    "Time until this node's own certificate ends, where it does TLS itself; else NaN.",
)
CERTIFICATE_SECONDS.set(math.nan)
"""Not 0, as long as nobody sets it: that would be a certificate which ends now."""
FEDERATION_ASKED = Counter(
    "tap_federation_asked_total",
    "Commands of people here that another region was asked to decide, by its answer.",
    ["peer", "code"],
)
PEER_CONNECTS = Counter(
    "tap_peer_connects_total", "Attempts to open a link, by outcome.", ["peer", "outcome"]
)
FEDERATION_EVENTS = Counter(
    "tap_federation_events_total", "Events sent to or received from a peer.", ["peer", "direction"]
)
FEDERATION_BYTES = Counter(
    "tap_federation_bytes_total",
    "Bytes of frames sent to or received from a peer.",
    ["peer", "direction"],
)
FEDERATION_EPHEMERAL_FRAMES = Counter(
    "tap_federation_ephemeral_frames_total",
    "Frames about who is there and who types, sent to or received from a peer.",
    ["peer", "direction"],
)
FEDERATION_EPHEMERAL_BYTES = Counter(
    "tap_federation_ephemeral_bytes_total",
    "Bytes of these frames; they count as bytes of frames, too.",
    ["peer", "direction"],
)
FEDERATION_EPHEMERAL_TOLD = Counter(
    "tap_federation_ephemeral_told_total",
    "What these frames told, by class: presence, typing or looks.",
    ["peer", "direction", "class"],
)
FEDERATION_EPHEMERAL_CONFLATED = Counter(
    "tap_federation_ephemeral_conflated_total",
    "Changes that were told to a peer together with a later one.",
    ["peer"],
)
ROSTER_VERSION = Gauge(
    "tap_roster_version", "The version of the signed roster this node goes by; 0 without one."
)
ROSTER_REFUSED = Counter(
    "tap_roster_refused_total",
    "Rosters from a file or a region that were refused, by code.",
    ["code"],
)
FEDERATION_REJECTED = Counter(
    "tap_federation_rejected_total",
    "Batches and frames refused from a peer, by code.",
    ["peer", "code"],
)
FORKS = Gauge(
    "tap_federation_forks",
    "Lanes left out because their origin signed two histories, until an operator resolves it.",
)
RECOVERING = Gauge(
    "tap_recovering",
    "2 while a restored node shows nothing, 1 while people cannot write, 0 otherwise.",
)

ERASURES_OPEN = Gauge(
    "tap_erasures_open", "Erasures of which a region's receipt is missing, as far as known here."
)
ERASURE_OLDEST_SECONDS = Gauge(
    "tap_erasure_oldest_seconds", "Age of the oldest erasure that is open; 0 when none is."
)
ERASURE_BODIES = Counter(
    "tap_erasure_bodies_total", "Event bodies destroyed here by erasures that got their receipt."
)
ERASURE_REWRITES = Counter(
    "tap_erasure_rewrites_total",
    "Times the database was written anew because words were left in unused parts of it.",
)

# -- HTTP, sign-in, limits (api, realtime) ---------------------------------------------------------------

HTTP_REQUESTS = Counter(
    "tap_http_requests_total",
    "Requests answered, by route pattern, method and status.",
    ["route", "method", "status"],
)
HTTP_SECONDS = Histogram(
    "tap_http_request_seconds",
    "Time to answer a request, by route pattern.",
    ["route"],
    buckets=_FAST,
)
HTTP_REFUSALS = Counter("tap_http_refusals_total", "Requests refused, by error code.", ["code"])
AUTH_FAILURES = Counter(
    "tap_auth_failures_total",
    "Failed sign-ins and credentials, by reason: a refusal's code.",
    ["reason"],
)
LIMITS_HIT = Counter(
    "tap_limits_hit_total", "Refusals for a bound of domain/limits.py, by its name.", ["limit"]
)


def lost(reason: Exception | None) -> None:
    """Counts a client whose connection the kernel ended, as it took nothing any more (tcp(7), TCP_USER_TIMEOUT)."""
    if isinstance(reason, OSError) and reason.errno == errno.ETIMEDOUT:
        LIMITS_HIT.labels("UNTAKEN_SECONDS_MAX").inc()


IMPORT_RECORDS = Counter(
    "tap_import_records_total", "Records imported, by outcome: new, known or refused.", ["outcome"]
)

# -- the tap and scoring (app) -----------------------------------------------------------------------------

CONSUMER_LAG_EVENTS = Gauge(
    "tap_consumer_lag_events", "Positions a durable reader of the tap is behind.", ["consumer"]
)
SCORING_LAG_SECONDS = Gauge(
    "tap_scoring_lag_seconds", "Age of the oldest event scoring has not folded yet."
)
SCORING_LINES = Counter("tap_scoring_lines_total", "Ledger lines written.")
VIEWS_DRAWN_AT = Gauge(
    "tap_views_drawn_timestamp_seconds",
    "When boards, leaders' months and figures about groups were last drawn.",
)

WEBHOOKS = Gauge("tap_webhooks", "Webhooks by state: active, failing or paused.", ["state"])
WEBHOOK_REQUESTS = Counter(
    "tap_webhook_requests_total",
    "Requests to receivers of webhooks, by outcome: delivered, refused, failed or gone.",
    ["outcome"],
)
WEBHOOK_EVENTS = Counter("tap_webhook_events_total", "Events that receivers of webhooks took.")
WEBHOOK_FAILING_SECONDS = Gauge(
    "tap_webhook_failing_seconds",
    "For how long the receiver has failed that fails longest; 0 for none.",
)
WEBHOOK_BEHIND_EVENTS = Gauge(
    "tap_webhook_behind_events",
    "Positions the webhook is behind that is furthest behind and not paused.",
)
WEBHOOK_DEAD = Gauge(
    "tap_webhook_dead_letters", "Events that receivers refused and nobody has looked at."
)

# -- polls (app.polls) ------------------------------------------------------------------------------------

POLL_CHECKS = Counter(
    "tap_poll_checks_total",
    "Regions that counted a closed poll again, by what they found: agrees or differs.",
    ["outcome"],
)

# -- scoring: what is published (app.publishing) ------------------------------------------------------------

SCORING_PUBLISHED = Counter(
    "tap_scoring_published_total",
    "Computations of the region's public ledgers, by what came of them: done or failed.",
    ["outcome"],
)

CASES = Gauge(
    "tap_cases",
    "Cases about credits of this region, by kind (ring or dispute) and state (open, or how they were decided).",
    ["kind", "state"],
)

# -- files (app.media) -----------------------------------------------------------------------------------

UPLOADS = Counter(
    "tap_uploads_total", "Files sent by people, by outcome: ok or a refusal's code.", ["outcome"]
)
MEDIA_FETCHES = Counter(
    "tap_media_fetches_total",
    "Files asked of another region, by region and outcome: ok, unavailable, slow, wrong_bytes or too_large.",
    ["region", "outcome"],
)
MEDIA_DELETED = Counter(
    "tap_media_deleted_total", "Files deleted because no post and no draft has them any more."
)
MEDIA_FILES = Gauge("tap_media_files", "Files whose bytes lie on this node.")
MEDIA_BYTES = Gauge("tap_media_bytes", "What they take on the disk.")

# -- the node itself (ops) -----------------------------------------------------------------------------------

NODE = Gauge(
    "tap_node", "Always 1; labels say which region and version this is.", ["region", "version"]
)
LOOP_LAG_SECONDS = Gauge(
    "tap_loop_lag_seconds", "How late the event loop woke from its last one-second timer."
)
DISK_FREE_BYTES = Gauge("tap_disk_free_bytes", "Space left where the database lives.")
