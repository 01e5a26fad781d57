"""A node from start to stop: what is opened in which order, what runs meanwhile, and how it ends.

Start: everything that can fail for the operator's reasons (port, lock, database, key) fails before the
first client is let in. Stop: no new connections, clients told when to come back, peers told, background
readers ended, what waits for the writer committed, database closed.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from server.app import housekeeping
from server.domain import limits
from server.federation import gauges
from server.federation.dialled import PATH
from server.ops import keys, listener, peer_tls
from server.ops.bootstrap import Node, build
from server.ops.config import Config
from server.ops.core import now, opened
from server.ops.extents import Doubt
from server.ops.notify import notify
from server.ops.registrar import Registrar
from server.ops.restoring import known_forks
from server.ops.watch import watch
from server.realtime import websocket

STOP_SECONDS_MAX = 27
"""A stop that takes longer is cut short: within 30 s the last commit is done and the database closed."""
RETRY_SECONDS = 5.0
"""Until a part of the node that failed begins again."""
HTTP_SECONDS_MAX = 10
"""What a request under way may still take."""

log = logging.getLogger(__name__)


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
        peer_tls.require_served(config.http)
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
            group.create_task(
                kept("registrar", partial(registrar.run, node.links)), name="registrar"
            ),
            group.create_task(node.scores.run(), name="scores"),
            group.create_task(kept("ring watch", node.ring_watch.run), name="ring watch"),
            group.create_task(kept("case news", node.case_news.run), name="case news"),
            group.create_task(node.publisher.run(), name="publisher"),
            group.create_task(node.experts.run(), name="experts"),
            group.create_task(node.views.run(), name="views"),
            group.create_task(node.polls.run(), name="polls"),
            group.create_task(node.erasures.run(), name="erasures"),
            group.create_task(node.moves.run(), name="moves"),
            group.create_task(node.media.run(), name="media"),
            group.create_task(node.webhooks.run(), name="webhooks"),
            group.create_task(
                kept("watch", partial(watch, node.core, node.certificate, partial(_measure, node))),
                name="watch",
            ),
            group.create_task(
                kept("housekeeping", partial(housekeeping.run, handler, node.core.reader, now)),
                name="housekeeping",
            ),
            group.create_task(kept("extent", node.core.keeper.keep), name="extent"),
            group.create_task(node.restoring.run(node.links), name="restoring"),
            group.create_task(kept("forks", node.forks.run), name="forks"),
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


async def kept(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs a part of the node until cancelled. What fails in it, such as reading while the database is away for a
    moment, is logged, and it begins again: it must not end what everybody is connected to."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("%s stands still for a moment", name)
        await asyncio.sleep(RETRY_SECONDS)


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
    server.stop()
    await asyncio.wait([serving])
    node.passwords.close()
    node.media.close()
    await node.peer_files.close()
    await node.webhook_sender.close()


def _measure(node: Node) -> None:
    gauges.measure(node.links.status(), now())
    node.webhooks.measure()


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
