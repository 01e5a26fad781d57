"""A whole node behind its HTTP application, in this process; every answer is held against the OpenAPI document."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator
from starlette.applications import Starlette

from server.api.app import create_app
from server.api.openapi import API_VERSION, document
from server.api.services import Services
from server.api.table import PREFIX, ROOT_ROUTES, ROUTES
from server.app.auth import Auth, Kind
from server.app.erasure import audience_of
from server.app.media import Source
from server.app.news import News
from server.app.passwords import Passwords
from server.app.sync import Sync
from server.domain.errors import Code, Refusal
from tests.support.files import Nowhere, media_of
from tests.support.node import Entropy, TestNode, open_test_node
from tests.support.receivers import SEAL, webhooks_of

ORIGIN = "https://tap.in.example.com"
PASSWORD = "correct horse battery"
DOCUMENT = document(API_VERSION)
PATHS = {PREFIX + route.path: route for route in ROUTES} | {r.path: r for r in ROOT_ROUTES}
PEER = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
"""The key of de, which every site has as a peer."""
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2id at its cheapest: the cost is not what these tests are about."""


class Streams:
    """In place of realtime's, which has tests with sockets: there is one stream, ``here``."""

    def open(self, *_: Any) -> Refusal:
        return Refusal(Code.STOPPING, "there are no sockets here")

    def charge(self, person: str) -> None:
        return None

    def say(self, name: str, person: str, raw: bytes) -> Refusal | None:
        return None if name == "here" else Refusal(Code.NOT_FOUND, "there is no such stream")


class Site:
    """Requests as somebody, by bearer token unless a test says otherwise."""

    def __init__(self, node: TestNode, services: Services, app: Starlette) -> None:
        self.node, self.services, self.app = node, services, app
        transport = httpx.ASGITransport(app=app, client=("203.0.113.7", 50_000))
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        self._tokens: dict[tuple[str, Kind], str] = {}

    async def token(self, person: str, kind: Kind = "device") -> str:
        if (person, kind) not in self._tokens:
            issued = await self.services.auth.issue(person, kind, "test")
            self._tokens[person, kind] = issued.secret
        return self._tokens[person, kind]

    async def ask(
        self, method: str, path: str, person: str = "", kind: Kind = "device", **more: Any
    ) -> httpx.Response:
        """One request; ``path`` is below /api/v1 unless it begins with //."""
        headers = dict(more.pop("headers", {}))
        if person:
            headers["Authorization"] = f"Bearer {await self.token(person, kind)}"
        full = path[1:] if path.startswith("//") else PREFIX + path
        response = await self.http.request(method, full, headers=headers, **more)
        conforms(method, full, response)
        return response

    async def get(self, path: str, person: str = "", **query: Any) -> Any:
        """The JSON of a successful GET."""
        response = await self.ask("GET", path, person, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(
        self, method: str, path: str, person: str = "", **more: Any
    ) -> tuple[int, str]:
        """(status, code) of a request that is refused, with a sentence."""
        response = await self.ask(method, path, person, **more)
        assert response.status_code >= 400, response.text
        error = response.json()["error"]
        assert len(error["message"]) > 8, error
        return response.status_code, error["code"]


def conforms(method: str, path: str, response: httpx.Response) -> None:
    """The document declares this status for this path, and the body fits its schema."""
    item = operation(method, path)
    if item is None:
        return
    declared = item["responses"].get(str(response.status_code))
    assert declared, f"{method} {path} answered {response.status_code}: {response.text[:500]}"
    media_type = response.headers["content-type"].partition(";")[0]
    content = declared["content"]
    assert media_type in content or "*/*" in content, (media_type, declared)
    schema = content.get(media_type, {}).get("schema")
    if schema:
        schema = schema | {"components": DOCUMENT["components"]}
        Draft202012Validator(schema).validate(json.loads(response.content))


def operation(method: str, path: str) -> dict[str, Any] | None:
    """The document's entry for a concrete path."""
    parts = path.partition("?")[0].split("/")
    for pattern, methods in DOCUMENT["paths"].items():
        pieces = pattern.split("/")
        fits = len(pieces) == len(parts) and all(
            piece == part or piece.startswith("{")
            for piece, part in zip(pieces, parts, strict=True)
        )
        if fits and method.lower() in methods:
            found: dict[str, Any] = methods[method.lower()]
            return found
    return None


def with_command(do: str, key: str = "test-key-1", **arguments: Any) -> dict[str, Any]:
    return {"key": key, "command": {"do": do, **arguments}}


async def found(folder: Path) -> Path:
    """The database every site begins with: ``admin`` is its admin; asha, bob and cleo are at home."""
    async with open_test_node(folder) as node:
        await node.register("admin", "region_admin")
        for person in ("asha", "bob", "cleo"):
            await node.register(person)
    return folder / "in.db"


def _keys(region: str) -> tuple[bytes, ...]:
    return (PEER.public_key().public_bytes_raw(),) if region == "de" else ()


@asynccontextmanager
async def open_site(
    folder: Path,
    database: Path,
    source: Source | None = None,
    peers: tuple[str, ...] = ("de",),
    **changes: Any,
) -> AsyncIterator[Site]:
    """A site on a copy of ``database``; ``source``: the files of its ``peers``."""
    shutil.copy(database, folder)
    async with open_test_node(folder, peers=("de",)) as node:
        passwords = Passwords(node.reader, node.handler, node.clock, QUICK)
        auth = Auth(
            region=node.region,
            reader=node.reader,
            handler=node.handler,
            tap=node.tap,
            authenticators={"password": passwords},
            now=node.clock,
            entropy=Entropy("secrets"),
            address_of={"de": "https://tap.de.example.com"}.get,
        )
        media = media_of(node, folder / "media", source or Nowhere(), peers)
        services = Services(
            region=node.region,
            name="India",
            public_url=ORIGIN,
            reader=node.reader,
            handler=node.handler,
            tap=node.tap,
            sync=Sync(node.reader, node.tap, node.region, node.clock),
            news=News(node.tap),
            live=Streams(),
            auth=auth,
            passwords=passwords,
            audience=audience_of(frozenset({node.region, "de"}), {}),
            media=media,
            webhooks=webhooks_of(node),
            seal=SEAL,
            peer_keys=_keys,
            now=node.clock,
        )
        services = msgspec.structs.replace(services, **changes)
        site = Site(node, services, create_app(services))
        async with site.http:
            yield site
        passwords.close()
        media.close()
