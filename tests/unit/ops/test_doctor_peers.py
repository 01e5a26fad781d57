"""What the doctor hears at the addresses it asks: peers behind the company's own authority, and what is no node."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from server.ops import doctor_facts
from server.ops.config import Config, FederationSection, NodeSection, Peer
from tests.support.certificates import certify

SAID = {"region": "fr", "public_key": "key of fr", "version": "0.1.0"}


class Node(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = json.dumps(SAID).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def behind_tls(chain: str, key: str) -> Iterator[str]:
    """A node whose proxy asks who comes; its address."""
    server = HTTPServer(("127.0.0.1", 0), Node)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    tls.load_verify_locations(chain)
    tls.verify_mode = ssl.CERT_REQUIRED
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def config(url: str, federation: FederationSection) -> Config:
    return Config(
        node=NodeSection(region="de", name="Germany"),
        peers=(Peer(region="fr", url=url, public_key=""),),
        federation=federation,
    )


@pytest.mark.parametrize("scheme", ["https", "wss"])
async def test_peers_are_asked_with_the_certificates_of_the_links(
    tmp_path: Path, scheme: str
) -> None:
    chain, key = map(str, certify(tmp_path))
    federation = FederationSection(ca_file=chain, certificate=chain, key=key)
    with behind_tls(chain, key) as url:
        address = url.replace("https", scheme)
        (peer,) = await doctor_facts.ask_peers(config(address, federation))
        assert (peer.error, peer.seen_region, peer.seen_key) == ("", "fr", "key of fr")
        (stranger,) = await doctor_facts.ask_peers(config(address, FederationSection()))
        assert "certificate" in stranger.error.lower()


async def test_certificates_that_cannot_be_used_are_the_finding(tmp_path: Path) -> None:
    federation = FederationSection(ca_file=str(tmp_path / "missing.pem"))
    (peer,) = await doctor_facts.ask_peers(config("https://127.0.0.1:1", federation))
    assert "ca_file" in peer.error


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nDate: noon\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 99999999999 00:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_whatever_answers_at_an_address_is_a_finding(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        found = doctor_facts.ask(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()
    assert found.error
