"""Collects what the doctor judges: the only file of the doctor that touches the machine.

Nothing here changes the node: the database is opened read-only, the disk is tried with a small file
of its own, peers and the port are asked over HTTP. A part that cannot be found out is a fact too.
"""

import asyncio
import http.client
import json
import os
import resource
import shutil
import ssl
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, create_engine, select, text

from server.api.static import folder_of_client
from server.app import operator_proof
from server.app.score_public import rules_here
from server.domain.events import KeyRotated
from server.domain.ids import LaneKey
from server.domain.scoring_policy import problems
from server.federation import rosters
from server.ops import http_date, keys, listener, lock, peer_tls
from server.ops.config import Config
from server.ops.config import Peer as PeerConfig
from server.ops.core import StartError, audience, now
from server.ops.doctor import Database, Disk, Facts, Key, OpenErasures, Peer, Port, Scoring
from server.ops.place import SQLITE_FILE, database_url, sqlite_file, sync_url
from server.storage import tables as t
from server.storage.event_log import record_of
from server.storage.forks import fork_id
from server.storage.queries import scoring
from server.storage.queries.erasures import still_open
from server.storage.reader import Reader

ASK_SECONDS_MAX = 5.0
NODE_PATH, OPERATOR_PATH = "/api/v1/node", "/api/v1/operator"
FSYNC_TRIES = 9
FSYNC_BYTES = 4096


async def collect(config: Config) -> Facts:
    """Everything the checks look at, peers asked side by side; takes a few seconds at most."""
    peers = await ask_peers(config)
    data_dir = Path(config.node.data_dir)
    return Facts(
        region=config.node.region,
        clock_year=time.gmtime().tm_year,
        disk=await asyncio.to_thread(try_disk, data_dir),
        key=read_key(Path(config.node.key_file)),
        port=await asyncio.to_thread(try_port, config),
        database=await asyncio.to_thread(read_database, config),
        peers=peers,
        public_url=config.public_url,
        listens_beyond_loopback=config.http.host not in ("127.0.0.1", "::1", "localhost"),
        web_client=folder_of_client() is not None,
        open_files=open_files(),
        memory_bytes=memory_available(),
        demo=config.demo.enabled,
        holder=lock.holder(data_dir) or "",
        erasures=await read_erasures(config),
        scoring=await read_scoring(config),
    )


# -- this machine -------------------------------------------------------------------------------------------


def try_disk(folder: Path) -> Disk:
    """Some small synced writes where the database lives, or where it will."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = total = 0
    try:
        usage = shutil.disk_usage(place)
        free, total = usage.free, usage.total
        with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor-") as file:
            spent = statistics.median(_synced_write(file.fileno()) for _ in range(FSYNC_TRIES))
    except OSError as error:
        return Disk(str(place), free, total, 0.0, f"{error.strerror}")
    return Disk(str(place), free, total, spent)


def _synced_write(handle: int) -> float:
    start = time.perf_counter()
    os.pwrite(handle, os.urandom(FSYNC_BYTES), 0)
    os.fsync(handle)
    return (time.perf_counter() - start) * 1000


def memory_available() -> int:
    """Bytes the kernel says can still be used; where it does not say, as much as is free."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """How many files the node may open: it raises its own limit as far as the machine allows."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 20 if most == resource.RLIM_INFINITY else most


# -- this node ------------------------------------------------------------------------------------------------


def read_key(path: Path) -> Key:
    try:
        return Key(str(path), keys.public_text(keys.load(path)))
    except keys.KeyFileError as error:
        return Key(str(path), "", str(error))


def try_port(config: Config) -> Port:
    """Free, ours (it says our region), somebody else's, or no address of this machine."""
    host, port = config.http.host, config.http.port
    try:
        with closing(listener.bind(host, port)):
            return Port(host, port, "free")
    except listener.ListenError as error:
        answer = ask_self(config)
        if answer.error:
            in_use = "in use" in str(error)
            detail = answer.error if in_use else str(error)
            return Port(host, port, "taken" if in_use else "unusable", detail)
    region = answer.said.get("region")
    if region == config.node.region:
        return Port(host, port, "ours")
    return Port(host, port, "taken", f"it is Tap in region {region}")


def local_url(config: Config) -> str:
    """Where this node answers on its own machine."""
    host = config.http.host
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    scheme = "https" if config.http.tls_certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{config.http.port}"


def read_database(config: Config) -> Database:
    """Region, epoch, size and soundness, read-only."""
    file = Path(config.node.data_dir) / SQLITE_FILE
    if not config.storage.url and not file.exists():
        return Database(exists=False)
    try:
        return _inspect(sync_url(config, read_only=True), file)
    except Exception as error:  # whatever a driver raises is the finding
        return Database(exists=True, error=str(getattr(error, "orig", None) or error))


def _inspect(url: str, file: Path) -> Database:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            row = connection.execute(
                text("SELECT region, epoch, recovering_since FROM node WHERE id = 1")
            ).first()
            open_forks = select(t.forks.c.region, t.forks.c.epoch, t.forks.c.lane).where(
                t.forks.c.resolved_at == 0
            )
            forks = [fork_id(LaneKey(*lane)) for lane in connection.execute(open_forks)]
            position = connection.execute(text("SELECT max(position) FROM events")).scalar() or 0
            journal, integrity = "", "ok"
            if engine.dialect.name == "sqlite":
                journal = str(connection.execute(text("PRAGMA journal_mode")).scalar())
                integrity = str(connection.execute(text("PRAGMA quick_check(1)")).scalar())
            announced = _announced(connection)
    finally:
        engine.dispose()
    wal = file.with_name(file.name + "-wal")
    wal_bytes = wal.stat().st_size if wal.exists() else 0
    region, epoch, since = row or ("", 0, 0)
    return Database(
        True,
        region,
        epoch,
        position,
        wal_bytes,
        journal,
        integrity,
        recovering=since > 0,
        forks=tuple(sorted(forks)),
        announced=announced,
    )


def _announced(connection: Connection) -> frozenset[tuple[str, str]]:
    query = select(t.events.c.position, t.events.c.header, t.events.c.body)
    records = [record_of(*row) for row in connection.execute(query.where(t.ABOUT_COMPANY))]
    return frozenset(
        (record.id.region, rosters.key_text(record.event.key))
        for record in records
        if isinstance(record.event, KeyRotated)
    )


async def read_erasures(config: Config) -> OpenErasures:
    """None where the database cannot be read, which is a finding of its own."""
    file = sqlite_file(config)
    if file is not None and not file.exists():
        return OpenErasures()
    wanted = audience(config)
    reader = Reader.open(database_url(config))
    try:
        async with reader.snapshot() as snapshot:
            found = await still_open(snapshot, wanted)
    except Exception:
        return OpenErasures()
    finally:
        await reader.close()
    if not found:
        return OpenErasures()
    missing = [wanted(one.origin, one.lanes) - {r.region for r in one.receipts} for one in found]
    age = max(0, int(time.time()) - found[0].at // 1000)
    return OpenErasures(len(found), age, tuple(sorted(frozenset[str]().union(*missing))))


async def read_scoring(config: Config) -> Scoring:
    """Nothing where the database cannot be read, which is a finding of its own."""
    file = sqlite_file(config)
    if file is not None and not file.exists():
        return Scoring()
    reader = Reader.open(database_url(config))
    try:
        async with reader.snapshot() as snapshot:
            held = (await scoring.policies(snapshot)).get(config.node.region)
            rules = await scoring.rules_used(snapshot)
    except Exception:
        return Scoring()
    finally:
        await reader.close()
    here = rules_here()
    return Scoring(
        held,
        config.scoring_policy,
        tuple(problems(held, config.country)) if held else (),
        here,
        tuple(sorted((region, used) for region, used in rules.items() if used != here)),
    )


# -- peers ------------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What ``GET /api/v1/node`` said, how long it took and what the other side's clock showed."""

    said: dict[str, Any]
    round_trip_ms: float = 0.0
    clock_ahead_seconds: float = 0.0
    error: str = ""


def ask_self(config: Config) -> Answer:
    """Ask this machine's node. Its certificate names the public host, not this address."""
    return ask(local_url(config), ssl._create_unverified_context())


def ask_operator(config: Config, private: Ed25519PrivateKey) -> Answer:
    """Ask this machine's node for its operator's view, in the name of who holds its key."""
    proof = operator_proof.sign(private, "GET", OPERATOR_PATH, now())
    headers = {"Authorization": proof}
    tls = ssl._create_unverified_context()
    return ask(local_url(config), tls, path=OPERATOR_PATH, headers=headers)


def ask(
    base: str,
    tls: ssl.SSLContext | None = None,
    *,
    path: str = NODE_PATH,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """Ask a node who it is. ``error`` is set when it does not answer as a Tap node."""
    start, wall = time.perf_counter(), time.time()
    request = urllib.request.Request(base.rstrip("/") + path, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=ASK_SECONDS_MAX, context=tls) as response:
            said = json.loads(response.read(1 << 20))
            spent = time.perf_counter() - start
            ahead = _ahead(response.headers.get("Date"), wall + spent / 2)
    except http.client.HTTPException as error:  # what answers speaks something else
        return Answer({}, error=f"it answers, but not as HTTP: {error!r}")
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Answer({}, error=str(reason))
    if not isinstance(said, dict):
        return Answer({}, error="it answers, but is no Tap node")
    return Answer(said, spent * 1000, ahead)


def _ahead(date: str | None, here: float) -> float:
    """Seconds the other clock is ahead; the Date header is whole seconds, so within one is equal."""
    if not date:
        return 0.0
    at = http_date.seconds_of(date)
    if at is None:
        raise ValueError(f"it answers, but its Date is none: {date}")
    ahead = at + 0.5 - here
    return ahead if abs(ahead) > 1.5 else 0.0


async def ask_peers(config: Config) -> tuple[Peer, ...]:
    """All side by side, trusting and showing what links do."""
    try:
        tls = peer_tls.context(config.federation)
    except StartError as error:
        return tuple(_peer(peer, Answer({}, error=str(error))) for peer in config.peers)
    return tuple(
        await asyncio.gather(*(asyncio.to_thread(ask_peer, peer, tls) for peer in config.peers))
    )


def ask_peer(peer: PeerConfig, tls: ssl.SSLContext | None) -> Peer:
    return _peer(peer, ask(peer.page, tls))


def _peer(peer: PeerConfig, answer: Answer) -> Peer:
    return Peer(
        peer.region,
        peer.url,
        peer.public_key,
        answer.error,
        str(answer.said.get("region", "")),
        str(answer.said.get("public_key", "")),
        str(answer.said.get("version", "")),
        answer.round_trip_ms,
        answer.clock_ahead_seconds,
    )
