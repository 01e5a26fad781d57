"""Links over TLS: a private authority, a certificate of our own, and how long both last."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.federation import peers
from server.federation.dialled import PeerAddress
from server.federation.links import Links
from server.federation.steps import State
from server.ops import listener, peer_tls
from server.ops.certificate import Certificate
from server.ops.config import FederationSection
from tests.support.certificates import certify
from tests.support.node import TestNode, open_test_node
from tests.unit.federation.lab import public_of
from tests.unit.federation.nodes import links_of, served

pytestmark = pytest.mark.usefixtures("limit")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """Its own authority, shown by both ends."""
    chain, key = certify(tmp_path)
    return str(chain), str(key)


@contextlib.asynccontextmanager
async def _dialling(
    node: TestNode, socks: dict[str, Any], federation: FederationSection, **changed: Any
) -> AsyncIterator[Links]:
    port = socks["fr"].getsockname()[1]
    peer = PeerAddress("fr", f"https://127.0.0.1:{port}", (public_of("fr"),), True)
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    between = links_of(node, ports, peers=[peer], tls=peer_tls.context(federation), **changed)
    async with served(between, socks["de"]):
        yield between


@contextlib.asynccontextmanager
async def _strict(
    node: TestNode, socks: dict[str, Any], certificate: tuple[str, str], **how: Any
) -> AsyncIterator[Links]:
    """fr behind a proxy that asks who comes."""
    chain, key = certificate
    ports = {region: sock.getsockname()[1] for region, sock in socks.items() if region != "in"}
    between = links_of(node, ports)
    tls = {
        "ssl_certfile": chain,
        "ssl_keyfile": key,
        "ssl_ca_certs": chain,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    async with served(between, socks["fr"], tls=tls, **how):
        yield between


@pytest.mark.parametrize("websockets", [True, False])
async def test_mutual_certificates_of_a_private_authority(
    tmp_path: Path,
    socks: dict[str, Any],
    certificate: tuple[str, str],
    websockets: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "FUTILE_MAX", 1)
    chain, key = certificate
    federation = FederationSection(ca_file=chain, certificate=chain, key=key)
    async with (
        open_test_node(tmp_path, "fr") as fr,
        open_test_node(tmp_path, "de") as de,
        _strict(fr, socks, certificate, websockets=websockets) as accepting,
        _dialling(de, socks, federation) as dialling,
    ):
        await dialling.reached("fr", State.LIVE)
        await accepting.reached("de", State.LIVE)
        (status,) = dialling.status()
        assert status.certificate_until == Certificate(chain).until
        assert accepting.status()[0].certificate_until is None, "it was dialled"


async def test_who_trusts_another_authority_or_shows_nothing_does_not_get_in(
    tmp_path: Path, socks: dict[str, Any], certificate: tuple[str, str]
) -> None:
    chain, _ = certificate
    (tmp_path / "other").mkdir()
    other, _ = certify(tmp_path / "other")
    async with (
        open_test_node(tmp_path, "fr") as fr,
        open_test_node(tmp_path, "de") as de,
        _strict(fr, socks, certificate),
    ):
        for ca_file in (str(other), chain):
            async with _dialling(de, socks, FederationSection(ca_file=ca_file)) as dialling:
                await dialling.reached("fr", State.BACKING_OFF)
                assert dialling.status()[0].last_error
            socks["de"] = listener.bind("127.0.0.1", 0)
