"""The one place that knows every part and puts them together; nothing else may.

    core (lock, schema, writer, tap, readers)      ops/core.py
      + Sync, Scores, RingWatch, Publisher, Experts, Views    app
      + Polls, Erasures                            app
      + Moves, Media                               app
      + the HTTP application                       api
      + the gateway of live clients                realtime
      + the links to peers                         federation
      = Node                                       served on one port by ops/listener.py

``running`` starts it and takes it apart.
"""

import os
import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server import __version__
from server.api.app import create_app
from server.api.services import Operator, Services
from server.app import metrics
from server.app.audiences import Audiences
from server.app.auth import Auth
from server.app.cases import CaseNews
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
from server.app.ring_watch import RingWatch
from server.app.scores import Scores
from server.app.sealing import Seal
from server.app.sync import Sync
from server.app.views import Views
from server.app.webhook_worker import Means, pause
from server.app.webhooks import Webhooks
from server.domain import visibility
from server.domain.ids import person_channel
from server.federation.dialled import POLLED_PATH
from server.federation.fetching import PeerFiles
from server.federation.forks import ForkProof
from server.federation.links import Links
from server.federation.recovery import Recovery
from server.federation.status import LinkStatus
from server.ops import keys, peer_tls
from server.ops.accounts import make_auth
from server.ops.certificate import Certificate
from server.ops.core import Core, StartError, make_moves, now
from server.ops.place import (
    database_url,
    media_folder,
    public_mirror_file,
    sealing_file,
    sqlite_file,
)
from server.ops.registrar import Registrar
from server.ops.restoring import Forks, Restoring
from server.ops.webhook_sender import WebhookSender, networks_of
from server.realtime import asyncapi
from server.realtime.abroad import Abroad
from server.realtime.gateway import Gateway
from server.realtime.streams import Streams
from server.storage.media_files import MediaFiles
from server.storage.queries.erasures import Audience


class Node(NamedTuple):
    """Every part of one running node."""

    core: Core
    passwords: Passwords
    news: News
    gateway: Gateway
    scores: Scores
    ring_watch: RingWatch
    case_news: CaseNews
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
    auth = make_auth(core, passwords, lambda: registrar.config)
    news = News(core.tap)
    between = _links(core, private, registrar, proven, forks)
    abroad = _abroad(core, registrar, between)
    gateway = _gateway(core, auth, restoring, abroad)
    auth.on_revoked(gateway.recheck)
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
        country=config.country,
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
        RingWatch(core.handler, core.reader, scored=scores.catch_up, now=now),
        _case_news(core, gateway),
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


def _abroad(core: Core, registrar: Registrar, between: Links) -> Abroad:
    """Who is there and who types, over the links."""
    region, config = core.identity.region, core.config
    audience = partial(_lane_audience, registrar, region)
    places = Audiences(core.reader, region, audience, config.residency.policy)
    tells = config.live.presence_abroad
    between.onlookers.live = abroad = Abroad(region, between.onlookers, places, tells=tells)
    return abroad


def _lane_audience(registrar: Registrar, origin: str, lane: str) -> frozenset[str]:
    known = registrar.config
    return visibility.lane_audience(lane, origin, known.regions, known.lanes.groups)


def _gateway(core: Core, auth: Auth, restoring: Restoring, abroad: Abroad) -> Gateway:
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
        abroad=abroad,
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


def _case_news(core: Core, gateway: Gateway) -> CaseNews:
    """People hear live of cases about them, on their own channel."""

    def told(person: str, position: int, case: dict[str, Any]) -> None:
        gateway.push_value("case", person, position, case, (person_channel(person),))

    return CaseNews(core.tap, core.reader, told, region=core.identity.region)


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
    folder = media_folder(core.config)
    files = MediaFiles(folder)
    try:
        files.open()
    except OSError as error:
        raise StartError(
            f"The folder of files {folder} cannot be used: {error.strerror}. Check that it is mounted writable and "
            "belongs to the user that runs Tap."
        ) from None
    return Media(
        files,
        core.handler,
        core.reader,
        core.tap,
        region=core.identity.region,
        audience=lambda lane, origin: _lane_audience(registrar, origin, lane),
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


def _application(http: Any, between: Links) -> Any:
    """HTTP to the API, but for peers that poll; the only websocket that comes as ASGI is a peer's."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            to: Any = between.endpoint
        else:
            to = between.polls if scope["path"].startswith(POLLED_PATH) else http
        await to(scope, receive, send)

    return application
