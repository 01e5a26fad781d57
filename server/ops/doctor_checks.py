"""What can be wrong with a node: facts in, findings out; nothing here touches the machine."""

from collections.abc import Callable, Collection, Iterator

from server.domain import limits
from server.ops.doctor import Facts, Finding, Peer

DISK_FREE_BYTES_MIN = 1 << 30
"""1 GiB: a month of posts of a large region, and room for a checkpoint."""
DISK_FREE_SHARE_MIN = 0.10
FSYNC_MS_MAX = 50.0
"""Above it people notice: a post waits for one fsync."""
FSYNC_MS_MIN = 0.02
"""Below it no disk has answered: the fsync ends in a cache and a power cut loses what was promised."""
WAL_BYTES_MAX = 512 << 20
"""Eight times the writer's own checkpoint bound: a checkpoint cannot finish, or a reader never ends."""
DAY_SECONDS = 86_400
ERASURE_SECONDS_MAX = DAY_SECONDS
"""A region that answers at all answers within a minute."""
ERASURE_SECONDS_LATE = 21 * DAY_SECONDS
"""Data protection law gives a month (GDPR article 12.3)."""
OPEN_FILES_MIN = 4_096
MEMORY_BYTES_MIN = 256 << 20


def examine(facts: Facts) -> list[Finding]:
    """Every check in order; a check may yield several findings (one for each peer)."""
    return [finding for check in CHECKS for finding in check(facts)]


# -- this machine -----------------------------------------------------------------------------------------


def disk_writable(facts: Facts) -> Iterator[Finding]:
    disk = facts.disk
    if disk.error:
        yield Finding(
            "disk.writable",
            "failure",
            f"{disk.folder} cannot be written: {disk.error}",
            "Nothing can be posted. Look at the mount (read-only?), the owner of the folder and the "
            "kernel's log for disk errors.",
        )
    else:
        yield Finding("disk.writable", "ok", f"{disk.folder} takes writes and syncs them")


def disk_space(facts: Facts) -> Iterator[Finding]:
    if not facts.disk.total_bytes:
        return
    free, total = facts.disk.free_bytes, facts.disk.total_bytes
    said = f"{_bytes(free)} of {_bytes(total)} free in {facts.disk.folder}"
    remedy = "Free space or enlarge the disk: a full disk stops all writing."
    if free < DISK_FREE_BYTES_MIN:
        yield Finding("disk.space", "failure", said, remedy)
    elif free < total * DISK_FREE_SHARE_MIN:
        yield Finding("disk.space", "warning", said, remedy)
    else:
        yield Finding("disk.space", "ok", said)


def disk_sync(facts: Facts) -> Iterator[Finding]:
    """An fsync that takes no time has not reached a disk; one that takes long delays every answer."""
    if facts.disk.error:
        return
    said = f"an fsync takes {facts.disk.fsync_ms:.2f} ms"
    if facts.disk.fsync_ms > FSYNC_MS_MAX:
        yield Finding(
            "disk.sync",
            "warning",
            said,
            "Move data_dir to a faster disk: every post waits for this.",
        )
    elif facts.disk.fsync_ms < FSYNC_MS_MIN:
        yield Finding(
            "disk.sync",
            "warning",
            f"{said}: faster than a disk can be",
            "The file system keeps it in memory (tmpfs, or a cache that ignores flushes): a power cut "
            "would lose posts that were confirmed. Use a real disk for data_dir.",
        )
    else:
        yield Finding("disk.sync", "ok", said)


def clock(facts: Facts) -> Iterator[Finding]:
    if not 2025 <= facts.clock_year <= 2100:
        yield Finding(
            "clock.year",
            "failure",
            f"this machine believes the year is {facts.clock_year}",
            "Set the clock and keep it with chrony or systemd-timesyncd: posts carry its time.",
        )
    else:
        yield Finding("clock.year", "ok", f"the clock says {facts.clock_year}")


def open_files(facts: Facts) -> Iterator[Finding]:
    said = f"this process may open {facts.open_files} files, one for each connected client"
    if facts.open_files < OPEN_FILES_MIN:
        yield Finding(
            "limits.open_files",
            "warning",
            said,
            "Raise it: LimitNOFILE=65536 in the systemd unit, or ulimit -n 65536 in the shell.",
        )
    else:
        yield Finding("limits.open_files", "ok", said)


def memory(facts: Facts) -> Iterator[Finding]:
    said = f"{_bytes(facts.memory_bytes)} of memory available"
    if facts.memory_bytes < MEMORY_BYTES_MIN:
        yield Finding(
            "limits.memory",
            "warning",
            said,
            "Give the machine more memory, or look for what else uses it: the kernel ends the largest "
            "process when none is left.",
        )
    else:
        yield Finding("limits.memory", "ok", said)


# -- this node ----------------------------------------------------------------------------------------------


def key(facts: Facts) -> Iterator[Finding]:
    if facts.key.error:
        yield Finding(
            "key.file", "failure", facts.key.error, "Without it the node cannot sign what it sends."
        )
    else:
        yield Finding("key.file", "ok", f"public key {facts.key.public}")


def port(facts: Facts) -> Iterator[Finding]:
    at = f"{facts.port.host} port {facts.port.port}"
    match facts.port.state:
        case "free":
            yield Finding("http.port", "ok", f"{at} is free; the node is not running")
        case "ours":
            yield Finding("http.port", "ok", f"this node answers on {at}")
        case "taken":
            yield Finding(
                "http.port",
                "failure",
                f"{at} answers, but is not this node: {facts.port.detail}",
                "Stop that program, or choose another http.port.",
            )
        case "unusable":
            yield Finding(
                "http.port", "failure", facts.port.detail, "Correct http.host or http.port."
            )


def running(facts: Facts) -> Iterator[Finding]:
    """A process that holds the data but does not answer is stuck."""
    if facts.port.state == "free" and facts.holder.endswith(" serve"):
        yield Finding(
            "node.answers",
            "failure",
            f"process {facts.holder} holds the data folder, but nothing answers on the port",
            "It is starting, stopping or stuck: look at its log, then restart it.",
        )
    else:
        yield Finding("node.answers", "ok", f"held by process {facts.holder or 'none'}")


def public_url(facts: Facts) -> Iterator[Finding]:
    if facts.listens_beyond_loopback and not facts.public_url.startswith("https://"):
        yield Finding(
            "http.public_url",
            "warning",
            f"people reach this node at {facts.public_url}, without TLS",
            "Set http.public_url to an https:// address and put TLS in front (deploy/caddy), or set "
            "http.tls_certificate: passwords and posts travel readable otherwise.",
        )
    else:
        yield Finding("http.public_url", "ok", facts.public_url)


def demo(facts: Facts) -> Iterator[Finding]:
    if facts.demo and facts.listens_beyond_loopback:
        yield Finding(
            "demo.reach",
            "failure",
            "this is a demo with made-up people, and other machines can reach it",
            "Set http.host to 127.0.0.1, or make a real node with `tap init`.",
        )
    else:
        yield Finding("demo.reach", "ok", "a demo, for this machine" if facts.demo else "no demo")


def web_client(facts: Facts) -> Iterator[Finding]:
    if facts.web_client:
        yield Finding("web.client", "ok", "the web client is built")
    else:
        yield Finding(
            "web.client",
            "warning",
            "the web client is not there: browsers get an explanation instead of the network",
            "Run `make setup` in a checkout, or install the wheel, which holds it.",
        )


# -- the database ---------------------------------------------------------------------------------------------


def database(facts: Facts) -> Iterator[Finding]:
    found = facts.database
    if found.error:
        yield Finding(
            "database.opens",
            "failure",
            f"the database cannot be read: {found.error}",
            "Look at disk.space and disk.writable first, then at storage.url and the file's owner; if it is damaged, "
            "restore the last backup.",
        )
    elif not found.exists:
        yield Finding("database.opens", "ok", "there is no database yet: the first start makes it")
    else:
        yield Finding("database.opens", "ok", f"{found.position} events, epoch {found.epoch:x}")
        yield from _database_inside(facts)


def _database_inside(facts: Facts) -> Iterator[Finding]:
    found = facts.database
    if found.region and found.region != facts.region:
        yield Finding(
            "database.region",
            "failure",
            f"the database belongs to region {found.region}, the configuration says {facts.region}",
            "Correct node.region or node.data_dir: a region's log never changes its owner.",
        )
    else:
        yield Finding("database.region", "ok", f"it belongs to region {facts.region}")
    if found.integrity != "ok":
        yield Finding(
            "database.integrity",
            "failure",
            f"the database is damaged: {found.integrity}",
            "Stop the node, keep a copy of the file, restore the last backup; peers send the rest.",
        )
    else:
        yield Finding("database.integrity", "ok", "its structure is sound")
    if found.wal_bytes > WAL_BYTES_MAX:
        yield Finding(
            "database.wal",
            "warning",
            f"the write-ahead log has {_bytes(found.wal_bytes)}",
            "Something reads for hours and keeps it from shrinking: end that reader or restart.",
        )
    else:
        yield Finding("database.wal", "ok", f"write-ahead log {_bytes(found.wal_bytes)}")
    if found.recovering:
        yield Finding(
            "database.restored",
            "warning",
            "the database was put back from a backup and is not whole again",
            "Wait while a peer is reached: it takes seconds. Without any peer nothing is shown, because "
            "what was erased meanwhile is still in here: mend the line, or answer for it and start with "
            "`tap serve --anyway`.",
        )
    else:
        yield Finding("database.restored", "ok", "it lacks nothing that peers have told of")
    yield from _forks(facts)


def _forks(facts: Facts) -> Iterator[Finding]:
    for fork in facts.database.forks:
        yield Finding(
            "database.forks",
            "failure",
            f"{fork}: its origin signed two histories of this lane",
            "A copy of that region's node ran, or a backup was put back unnoticed: see that only one "
            f"runs, then `tap forks resolve {fork}`. The lane stays left out; all others flow.",
        )
    if not facts.database.forks:
        yield Finding("database.forks", "ok", "no lane has two histories")


def erasures(facts: Facts) -> Iterator[Finding]:
    found = facts.erasures
    if found.oldest_seconds < ERASURE_SECONDS_MAX:
        yield Finding("erasure.receipts", "ok", f"erasures under way: {found.number}")
        return
    late = found.oldest_seconds >= ERASURE_SECONDS_LATE
    missing = ", ".join(found.missing)
    yield Finding(
        "erasure.receipts",
        "failure" if late else "warning",
        f"erasures open: {found.number}, the oldest for {found.oldest_seconds // DAY_SECONDS} days; "
        f"no receipt from {missing}",
        "`tap erasures` lists them. Ask the operators of those regions why their node is away, or its "
        "log why it stands still; a region that is gone for good is taken out of [[peers]].",
    )


def scoring_policy(facts: Facts) -> Iterator[Finding]:
    """What the log says is what the law allows and the configuration asks for."""
    held = facts.scoring.held
    if held is None:
        return
    said = f"scores {held.scores}, boards {held.boards}, leaders {held.leaders}, recognition {held.recognition}"
    if facts.scoring.problems:
        yield Finding(
            "scoring.policy",
            "failure",
            f"without an agreement: {'; '.join(facts.scoring.problems)}",
            "Write the agreement's id into scoring.agreement, or narrow [scoring], and restart: what was "
            "published is taken back at once.",
        )
    elif held != facts.scoring.configured:
        yield Finding(
            "scoring.policy",
            "warning",
            f"{said}: the configuration says something else",
            "A change of [scoring] holds from the next start: restart the node.",
        )
    else:
        by = f", by agreement {held.agreement}" if held.agreement else ""
        yield Finding("scoring.policy", "ok", said + by)


def scoring_rules(facts: Facts) -> Iterator[Finding]:
    """Regions that compute by other rules cannot check each other."""
    if not facts.scoring.rules:
        return
    others = facts.scoring.others
    if not others:
        yield Finding("scoring.rules", "ok", f"every region computes by {facts.scoring.rules}")
        return
    yield Finding(
        "scoring.rules",
        "warning",
        f"computed by other rules than {facts.scoring.rules}: "
        + ", ".join([f"{region} by {used}" for region, used in others]),
        "Bring these regions to one release: until then `tap scoring audit` cannot compare them.",
    )


# -- peers ----------------------------------------------------------------------------------------------------


def peers(facts: Facts) -> Iterator[Finding]:
    if not facts.peers:
        yield Finding("peer.reachable", "ok", "no peers are configured: this region is alone")
    for peer in facts.peers:
        if peer.error:
            yield Finding(
                "peer.reachable",
                "failure",
                f"{peer.region} at {peer.url} does not answer: {peer.error}",
                "Check its url, the network between and whether it runs. Nothing is lost meanwhile: "
                "it catches up when it is back.",
            )
        else:
            yield Finding(
                "peer.reachable",
                "ok",
                f"{peer.region} answers in {peer.round_trip_ms:.0f} ms, version {peer.version}",
            )
            yield from _peer_identity(peer, facts.database.announced)
            yield _peer_clock(peer)


def _peer_identity(peer: Peer, announced: Collection[tuple[str, str]]) -> Iterator[Finding]:
    if peer.seen_region != peer.region:
        yield Finding(
            "peer.region",
            "failure",
            f"{peer.url} is region {peer.seen_region or 'unknown'}, the configuration says {peer.region}",
            "Correct region or url of this [[peers]].",
        )
    elif (peer.region, peer.seen_key) in announced:
        yield Finding("peer.key", "ok", f"{peer.region} shows the key it went over to")
    elif peer.seen_key != peer.pinned_key:
        yield Finding(
            "peer.key",
            "failure",
            f"{peer.region} shows the key {peer.seen_key or 'none'}, pinned is {peer.pinned_key}",
            "Ask its operator, over a channel you trust, for the output of `tap keys`. If the key was "
            "not changed on purpose, somebody else answers at that address.",
        )
    else:
        yield Finding("peer.key", "ok", f"{peer.region} shows the pinned key")


def _peer_clock(peer: Peer) -> Finding:
    ahead = peer.clock_ahead_seconds
    said = f"the clock of {peer.region} is {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}"
    if abs(ahead) > limits.CLOCK_AHEAD_SECONDS_MAX:
        return Finding(
            "clock.peer",
            "warning",
            said,
            "Compare both clocks with a time server: posts would show times that never were.",
        )
    return Finding("clock.peer", "ok", said)


def _bytes(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    disk_writable,
    disk_space,
    disk_sync,
    clock,
    open_files,
    memory,
    key,
    port,
    running,
    public_url,
    demo,
    web_client,
    database,
    erasures,
    scoring_policy,
    scoring_rules,
    peers,
)
