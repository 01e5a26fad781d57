"""The doctor's words: what is known about a node (facts) and what is said about it (findings).

- ``doctor_facts``   collects the facts: disk, key, port, database, peers ...
- ``doctor_checks``  judges them, each check a plain function

So a test plants a fault by writing down a fact. Every finding that is not fine names the cause and what
to do. docs/operations/doctor.md lists the checks (held by a test).
"""

from typing import Literal, NamedTuple

from server.domain.scoring_policy import ScoringPolicy

Level = Literal["ok", "warning", "failure"]


class Finding(NamedTuple):
    """``remedy`` is empty when all is well."""

    check: str
    level: Level
    message: str
    remedy: str = ""


class Disk(NamedTuple):
    folder: str
    free_bytes: int
    total_bytes: int
    fsync_ms: float
    """The median of some small synced writes."""
    error: str = ""
    """Why the folder cannot be written and synced, when it cannot."""


class Key(NamedTuple):
    path: str
    public: str
    error: str = ""


class Port(NamedTuple):
    host: str
    port: int
    state: Literal["free", "ours", "taken", "unusable"]
    detail: str = ""


class Database(NamedTuple):
    """What the database says; ``exists`` false before the first start."""

    exists: bool
    region: str = ""
    epoch: int = 0
    position: int = 0
    wal_bytes: int = 0
    journal: str = ""
    integrity: str = "ok"
    error: str = ""
    recovering: bool = False
    """Put back from a backup, and not yet whole again."""
    forks: tuple[str, ...] = ()
    """Lanes of which two histories were signed, and nobody has resolved it."""
    announced: frozenset[tuple[str, str]] = frozenset()
    """(region, public key) of every `key.rotated` in the log: its region's own word."""


class Peer(NamedTuple):
    """What a peer's ``GET /api/v1/node`` said; ``error`` when it said nothing."""

    region: str
    url: str
    pinned_key: str
    error: str = ""
    seen_region: str = ""
    seen_key: str = ""
    version: str = ""
    round_trip_ms: float = 0.0
    clock_ahead_seconds: float = 0.0


class OpenErasures(NamedTuple):
    """Erasures of which receipts are missing, and whose."""

    number: int = 0
    oldest_seconds: int = 0
    missing: tuple[str, ...] = ()


class Scoring(NamedTuple):
    """What is told of people's contributions, and by which rules regions compute it."""

    held: ScoringPolicy | None = None
    """What the log says; None before the first start."""
    configured: ScoringPolicy | None = None
    problems: tuple[str, ...] = ()
    """Why this country's law does not allow what the log says."""
    rules: str = ""
    """Fingerprint of this node's rules."""
    others: tuple[tuple[str, str], ...] = ()
    """(region, fingerprint) of those whose last root was computed by other ones."""


class Facts(NamedTuple):
    """Everything the checks look at."""

    region: str
    clock_year: int
    disk: Disk
    key: Key
    port: Port
    database: Database
    peers: tuple[Peer, ...]
    public_url: str
    listens_beyond_loopback: bool
    web_client: bool
    open_files: int
    memory_bytes: int
    demo: bool
    holder: str
    """The process holding the data folder, empty when the node is stopped."""
    erasures: OpenErasures = OpenErasures()
    scoring: Scoring = Scoring()


def worst(findings: list[Finding]) -> Level:
    levels = {finding.level for finding in findings}
    return "failure" if "failure" in levels else "warning" if "warning" in levels else "ok"
