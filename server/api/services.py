"""What every route may use; made once by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from server.api.handover import Owner
from server.app.auth import Auth
from server.app.feed import Nameless, nobody
from server.app.handle import Handler
from server.app.media import Media
from server.app.news import News
from server.app.passwords import Passwords
from server.app.peer_proof import Keys
from server.app.sealing import Seal
from server.app.sync import Sync
from server.app.tap import Tap
from server.app.webhooks import Webhooks
from server.domain.errors import Refusal
from server.storage.queries.erasures import Audience
from server.storage.reader import Reader


class Live(Protocol):
    """Live frames without a websocket, and what is counted for every way of saying something."""

    def open(
        self, address: str, secret: str, person: str, cursor: str | None, channels: Sequence[str]
    ) -> Owner | Refusal:
        """Who owns the connection once the head of the answer was sent."""

    def charge(self, person: str) -> Refusal | None:
        """Counts a command of a person's beside those of their connections; why it is one too many."""

    def say(self, name: str, person: str, raw: bytes) -> Refusal | None:
        """Tells the person's stream of this name one frame; None when it was taken."""


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """What the federation and the machine tell the node's operator, as plain maps."""

    peers: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    """Every link with all its numbers."""
    lanes: Callable[[], Mapping[str, Sequence[Mapping[str, Any]]]] = dict
    """By peer: how far it is with each of our lanes."""
    certificate_until: Callable[[], int | None] = lambda: None
    """When our own certificate ends, UTC milliseconds."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """``links``: of every peer what anybody may know."""

    region: str
    name: str
    """The region's name as people read it."""
    country: str = ""
    """Whose law the region's policies follow, two capital letters."""
    public_url: str
    """Where browsers find this node; https makes the session cookie Secure."""
    public_key: Callable[[], str] = str
    """This node's signing key as peers pin it, in base64."""
    reader: Reader
    handler: Handler
    tap: Tap
    sync: Sync
    news: News
    live: Live
    auth: Auth
    passwords: Passwords
    media: Media
    webhooks: Webhooks
    seal: Seal
    """Makes the pseudonyms of services that may not know names."""
    nameless: Nameless = nobody
    """People whom their region names to nobody outside."""
    peer_keys: Keys = lambda _region: ()
    """What other regions sign their requests with; without peers nothing."""
    links: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    operator: Operator = Operator()
    audience: Audience = lambda origin, _lanes: frozenset({origin})
    """Whose receipts an erasure needs; without peers nobody else's."""
    now: Callable[[], int]
    """UTC milliseconds."""
    web: Path | None = None
    """Folder of the built web client; None: where the package or the checkout has it."""
    documents: Mapping[str, Callable[[], bytes]] = {}
    """By file name: documents in JSON for programs, served beside openapi.json."""
    stopping: Callable[[], bool] = bool
    """True once the node drains: /readyz says so."""
    hidden: Callable[[], Refusal | None] = lambda: None
    """Why nothing is shown to anybody, while a restored node asks its peers what was erased since."""
