"""The one place that knows every part and puts them together; nothing else may.

    core (lock, schema, writer, tap, readers)      ops/core.py
      + Sync, Scores, Publisher, Experts, Views    app
      + Polls, Erasures                            app
      + Moves, Media                               app
      + the HTTP application                       api
      + the gateway of live clients                realtime
      + the links to peers                         federation
      = Node                                       served on one port by ops/listener.py

Start: everything that can fail for the operator's reasons (port, lock, database, key) fails before the
first client is let in. Stop: no new connections, clients told when to come back, peers told, background
readers ended, what waits for the writer committed, database closed.
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server import __version__
from server.api.app import create_app
from server.api.services import Operator, Services
from server.app import housekeeping, metrics
from server.app.auth import Auth
from server.app.erasure import Erasures
from server.app.experts import Experts
from server.app.feed import Nameless, OffRegions
from server.app.media import Media
from server.app.moves import Moves
from server.app.news import News
from server.app.passwords import Passwords
from server.app.polls import Polls
from server.app.public_mirror import discard
from server.app.publishing import Publisher, compute_apart
from server.app.scores import Scores
from server.app.sealing import Seal
from server.app.sync import Sync
from server.app.views import Views
from server.app.webhook_worker import Means, pause
from server.app.webhooks import Webhooks
from server.domain import limits, visibility
from server.domain.ids import person_channel
from server.federation import gauges
from server.federation.dialled import PATH, POLLED_PATH
from server.federation.fetching import PeerFiles
from server.federation.forks import ForkProof
from server.federation.links import Links
from server.federation.recovery import Recovery
from server.federation.status import LinkStatus
from server.ops import keys, listener, peer_tls
from server.ops.accounts import make_auth
from server.ops.certificate import Certificate
from server.ops.config import Config
from server.ops.core import Core, make_moves, now, opened
from server.ops.extents import Doubt
from server.ops.notify import notify
from server.ops.place import (
    database_url,
    media_folder,
    public_mirror_file,
    sealing_file,
    sqlite_file,
)
from server.ops.registrar import Registrar
from server.ops.restoring import Forks, Restoring, known_forks
from server.ops.watch import watch
from server.ops.webhook_sender import WebhookSender, networks_of
from server.realtime import asyncapi, websocket
from server.realtime.gateway import Gateway
from server.realtime.streams import Streams
from server.storage.media_files import MediaFiles
from server.storage.queries.erasures import Audience

STOP_SECONDS_MAX = 27
"""A stop that takes longer is cut short: within 30 s the last commit is done and the database closed."""
HTTP_SECONDS_MAX = 10
"""What a request under way may still take."""

log = logging.getLogger(__name__)


class Node(NamedTuple):
    """Every part of one running node."""

    core: Core
    passwords: Passwords
    news: News
    gateway: Gateway
    scores: Scores
    publisher: Publisher
    experts: Experts
    views: Views
    polls: Polls
    erasures: Erasures
    moves: Moves
    media: Media
    peer_files: PeerFiles
    webhooks: Webhooks
    webhook_sender: WebhookSender
    links: Links
    certificate: Certificate
    restoring: Restoring
    forks: Forks
    app: Any
    """ASGI: HTTP, and the peers' websockets."""


def build(
    core: Core,
    private: Ed25519PrivateKey,
    proven: Sequence[ForkProof] = (),
    *,
    anyway: bool = False,
    registrar: Registrar | None = None,
) -> Node:
    """Puts a node together; nothing runs yet. ``proven``: forks known from earlier runs; ``anyway``: after a
    restore it is shown at once what the database holds; ``registrar``: what is known of the company beside
    the configuration."""
    registrar = registrar or Registrar(core, private, ())
    config = core.config
    needed = bool(core.identity.recovering_since and registrar.config.peers) and not anyway
    recovery = Recovery(core.identity.region, needed=needed)
    restoring = Restoring(recovery, core.handler, _steady)
    forks = Forks(core.handler, core.reader, now)
    passwords = Passwords(core.reader, core.handler, now)
    auth = make_auth(core, passwords)
    news = News(core.tap)
    gateway = _gateway(core, auth, restoring)
    auth.on_revoked(gateway.recheck)
    between = _links(core, private, registrar, proven, forks)
    certificate = Certificate(config.http.tls_certificate, config.federation.certificate)
    core.handler.ask_with(between.questions.ask)
    peer_files = PeerFiles(
        core.identity.region,
        lambda: registrar.private,
        between.media_url,
        now,
        peer_tls.context(config.federation),
    )
    media = _media(core, registrar, peer_files)
    seal = Seal(keys.sealing_key(sealing_file(config)), os.urandom)
    sender = WebhookSender(
        networks_of(config.webhooks.networks), peer_tls.trusting(config.webhooks.ca_file), now
    )
    nameless = OffRegions(core.tap, core.reader)
    webhooks = _webhooks(core, sender, seal, nameless, restoring)
    services = Services(
        region=config.node.region,
        name=config.node.name,
        public_url=config.public_url,
        public_key=lambda: keys.public_text(registrar.private),
        reader=core.reader,
        handler=core.handler,
        tap=core.tap,
        sync=Sync(core.reader, core.tap, core.identity.region, now),
        news=news,
        live=Streams(gateway, os.urandom),
        auth=auth,
        passwords=passwords,
        audience=registrar.wanted,
        media=media,
        webhooks=webhooks,
        seal=seal,
        nameless=nameless,
        peer_keys=between.keys_of,
        links=lambda: [_shown(status) for status in between.status()],
        operator=_operator(between, certificate),
        now=now,
        documents={
            "asyncapi.json": asyncapi.encoded_document,
            asyncapi.SCHEMA_FILE: asyncapi.encoded_schemas,
        },
        stopping=lambda: gateway.stopping,
        hidden=restoring.hidden,
    )
    metrics.NODE.labels(config.node.region, __version__).set(1)
    app = _application(create_app(services), between)
    scores, moves = _scores(core, gateway), make_moves(core)
    polls = Polls(core.tap, core.handler, core.reader, region=core.identity.region, now=now)
    erasures = _erasures(core, scores, media, registrar.wanted)
    return Node(
        core,
        passwords,
        news,
        gateway,
        scores,
        _publisher(core),
        Experts(core.tap, core.handler, core.reader, now=now),
        Views(core.handler, core.reader, now=now, scored=lambda: scores.position),
        polls,
        erasures,
        moves,
        media,
        peer_files,
        webhooks,
        sender,
        between,
        certificate,
        restoring,
        forks,
        app,
    )


def _steady() -> int:
    """Milliseconds that pass whatever is done to the clock."""
    return time.monotonic_ns() // 1_000_000


def _gateway(core: Core, auth: Auth, restoring: Restoring) -> Gateway:
    return Gateway(
        region=core.identity.region,
        tap=core.tap,
        handler=core.handler,
        reader=core.reader,
        auth=auth,
        clock=now,
        public_url=core.config.public_url,
        trusted_proxies=core.config.http.trusted_proxies,
        presence=core.config.live.presence,
        hidden=restoring.hidden,
    )


def _scores(core: Core, gateway: Gateway) -> Scores:
    """People see their own credit live: on their own channel, and nobody else's."""

    def told(person: str, total: int, line: dict[str, Any] | None) -> None:
        value = {"total": total, "line": line}
        channels = (person_channel(person),)
        gateway.push_value("impact", person, scores.position, value, channels)

    scores = Scores(core.tap, core.handler, core.reader, now=now, listener=told, retains=now)
    return scores


def _publisher(core: Core) -> Publisher:
    file = public_mirror_file(core.config)
    return Publisher(
        core.tap,
        core.handler,
        core.reader,
        now=now,
        compute=partial(compute_apart, database_url(core.config), file, core.identity.region),
        forget=partial(discard, file),
    )


def _erasures(core: Core, scores: Scores, media: Media, wanted: Audience) -> Erasures:
    return Erasures(
        core.handler,
        core.tap,
        core.reader,
        wanted,
        now=now,
        scored=lambda: scores.position,
        delete_files=media.tidy,
        file=sqlite_file(core.config),
    )


def _media(core: Core, registrar: Registrar, source: PeerFiles) -> Media:
    def audience(lane: str, origin: str) -> frozenset[str]:
        known = registrar.config
        return visibility.lane_audience(lane, origin, known.regions, known.lanes.groups)

    files = MediaFiles(media_folder(core.config))
    files.open()
    return Media(
        files,
        core.handler,
        core.reader,
        core.tap,
        region=core.identity.region,
        audience=audience,
        leaves=core.config.media.leaves,
        source=source,
        now=now,
    )


def _webhooks(
    core: Core, sender: WebhookSender, seal: Seal, nameless: Nameless, restoring: Restoring
) -> Webhooks:
    means = Means(
        core.handler,
        sender,
        urlsplit(core.config.public_url).hostname or "",
        now,
        random.random,
        pause,
        restoring.hidden,
    )
    return Webhooks(
        core.tap,
        core.reader,
        means,
        seal,
        region=core.identity.region,
        entropy=os.urandom,
        nameless=nameless,
    )


def _links(
    core: Core,
    private: Ed25519PrivateKey,
    registrar: Registrar,
    proven: Sequence[ForkProof],
    forks: Forks,
) -> Links:
    return Links(
        region=core.identity.region,
        epoch=core.identity.epoch,
        company=registrar.company,
        history=[(record.id, record.event) for record in registrar.history],
        private=private,
        reader=core.reader,
        handler=core.handler,
        tap=core.tap,
        clock=now,
        entropy=os.urandom,
        tls=peer_tls.context(core.config.federation),
        forks=proven,
        on_fork=forks.found,
        answer=core.handler.handle_asked,
    )


def _shown(status: LinkStatus) -> dict[str, Any]:
    """What anybody may know of a link: no count and no lane's name, which tell of others' traffic (I8)."""
    return {
        "region": status.region,
        "state": status.state,
        "since": status.since,
        "rtt_ms": status.rtt_ms,
        "skew_ms": status.skew_ms,
    }


def _operator(between: Links, certificate: Certificate) -> Operator:
    return Operator(
        peers=lambda: msgspec.to_builtins(between.status()),
        lanes=lambda: msgspec.to_builtins(between.lanes()),
        certificate_until=lambda: certificate.until,
    )


def _measure(node: Node) -> None:
    gauges.measure(node.links.status(), now())
    node.webhooks.measure()


def _application(http: Any, between: Links) -> Any:
    """HTTP to the API, but for peers that poll; the only websocket that comes as ASGI is a peer's."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            to: Any = between.endpoint
        else:
            to = between.polls if scope["path"].startswith(POLLED_PATH) else http
        await to(scope, receive, send)

    return application


# -- running -------------------------------------------------------------------------------------------


async def serve(config: Config, announce: Callable[[str], None], *, anyway: bool = False) -> None:
    """Runs the node until SIGTERM or SIGINT. ``announce`` gets one line once it answers; ``anyway``: see build.

    Whenever peers prove that this log is not the region's newest, the node is taken apart and opened anew
    in the next epoch, on the same port. Raises StartError, ListenError or KeyFileError before anything was
    let in."""
    sock = listener.bind(config.http.host, config.http.port)
    with contextlib.closing(sock):
        config = config.on_port(sock.getsockname()[1])
        key_file = Path(config.node.key_file)
        keys.load(key_file)  # what is wrong with it is said before anything is opened
        stop = _stop_signal()
        doubt: Doubt | None = None
        while not stop.is_set():
            async with opened(config, "serve", doubt) as core:
                registrar = await Registrar.opened(core, keys.load(key_file))
                proven = await known_forks(core.reader)
                node = build(core, registrar.private, proven, anyway=anyway, registrar=registrar)
                # The server closes what it listens on.
                doubt = await _run(node, registrar, sock.dup(), announce, stop)


async def _run(
    node: Node,
    registrar: Registrar,
    sock: socket.socket,
    announce: Callable[[str], None],
    stop: asyncio.Event,
) -> Doubt | None:
    """Until it is to stop, or why it has to be opened anew."""
    server = _server(node)
    handler = node.core.handler
    # `tap scoring publish` beside a running node (ops/commands/scoring_audit).
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, node.publisher.ask)
    await node.gateway.start()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[sock]), name="http")
        others = [
            group.create_task(node.links.run(), name="links"),
            group.create_task(registrar.run(node.links), name="registrar"),
            group.create_task(node.scores.run(), name="scores"),
            group.create_task(node.publisher.run(), name="publisher"),
            group.create_task(node.experts.run(), name="experts"),
            group.create_task(node.views.run(), name="views"),
            group.create_task(node.polls.run(), name="polls"),
            group.create_task(node.erasures.run(), name="erasures"),
            group.create_task(node.moves.run(), name="moves"),
            group.create_task(node.media.run(), name="media"),
            group.create_task(node.webhooks.run(), name="webhooks"),
            group.create_task(
                watch(node.core, node.certificate, partial(_measure, node)), name="watch"
            ),
            group.create_task(
                housekeeping.run(handler, node.core.reader, now), name="housekeeping"
            ),
            group.create_task(node.core.keeper.keep(), name="extent"),
            group.create_task(node.restoring.run(node.links), name="restoring"),
            group.create_task(node.forks.run(), name="forks"),
        ]
        await server.ready.wait()
        announce(ready_line(node))
        notify("READY=1")
        ends = [group.create_task(event.wait()) for event in (stop, handler.doubted)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            notify("STOPPING=1")
        await _stop_within(STOP_SECONDS_MAX, node, server, serving)
        for task in (serving, *others, *ends):
            task.cancel()
    return Doubt(handler.doubt, handler.doubted_epoch) if handler.doubt else None


async def _stop_within(
    seconds: float, node: Node, server: listener.Server, serving: "asyncio.Task[None]"
) -> None:
    try:
        async with asyncio.timeout(seconds):
            await _let_go(node, server, serving)
    except TimeoutError:
        log.warning("somebody did not let go within %s s; the stop is cut short", seconds)


async def _let_go(node: Node, server: listener.Server, serving: "asyncio.Task[None]") -> None:
    """Clients first, so that they know when to come back; then peers; then what HTTP still answers."""
    node.news.close()
    await node.gateway.close()
    await node.links.close()
    server.should_exit = True
    await asyncio.wait([serving])
    node.passwords.close()
    node.media.close()
    await node.peer_files.close()
    await node.webhook_sender.close()


def _stop_signal() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one has no further effect."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _server(node: Node) -> listener.Server:
    http = node.core.config.http
    return listener.server(
        node.app,
        {websocket.PATH: node.gateway.protocol_class, PATH: listener.asgi_websocket},
        forwarded_allow_ips=list(http.trusted_proxies),
        ssl_certfile=http.tls_certificate or None,
        ssl_keyfile=http.tls_key or None,
        ws_max_size=limits.PEER_FRAME_BYTES_MAX,
        ws_ping_interval=None,  # a link's own PING also measures
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=HTTP_SECONDS_MAX,
    )


def ready_line(node: Node) -> str:
    core = node.core
    return (
        f"region {core.identity.region} is ready on {core.config.public_url} "
        f"(epoch {core.identity.epoch:x}, position {core.tap.position})"
    )
