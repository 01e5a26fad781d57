"""``tap serve`` as a process: one line when ready, gone within bounds, clear about what is in the way."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from server.ops.commands.shared import Exit
from server.ops.demo.nodes import Node, Place
from tests.support.certificates import certify
from tests.support.ports import held_ports
from tests.support.processes import SECONDS_MAX, places, rows, running, running_nodes, until

pytestmark = pytest.mark.e2e

STOP_SECONDS_MAX = 30


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return places(tmp_path, "de")["de"]


def serve(place: Place, **change: str) -> tuple[int, str]:
    """Exit code and standard error of a ``tap serve`` that is expected to end by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "server", "--config", str(place.config), "serve"],
        env=os.environ | change,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.returncode, done.stderr


async def ended(node: Node, number: int) -> int:
    """The exit code of a node that was sent a signal."""
    process = node._process
    assert process is not None
    process.send_signal(number)
    return await asyncio.wait_for(node.ended(), STOP_SECONDS_MAX)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_says_when_it_is_ready_and_leaves_when_told(place: Place, number: int) -> None:
    node = Node(place)
    await node.start()
    epoch = rows(place, "SELECT epoch FROM node")[0][0]
    assert await ended(node, number) == 0
    log = place.log.read_text()
    assert f"tap: region de is ready on {place.url} (epoch {epoch:x}, position " in log
    assert "Traceback" not in log
    assert not list(place.database.parent.glob("*.db-wal")), "a stop leaves one file"


async def test_port_0_takes_a_free_port_and_says_which(place: Place) -> None:
    text = place.config.read_text()
    place.config.write_text(
        text.replace(f"port = {place.port}", "port = 0").replace(f'"{place.url}"', '""')
    )
    async with running([place]):
        port = int(place.log.read_text().split(" (epoch")[0].rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


async def test_a_second_server_on_the_same_folder_is_refused(place: Place) -> None:
    async with running([place]):
        port = str(held_ports(1)[0])
        code, said = await asyncio.to_thread(serve, place, TAP_HTTP__PORT=port)
        assert (code, said.count("\n")) == (Exit.MACHINE, 1)
        assert "(serve)" in said


def test_a_port_in_use_is_named(place: Place) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", place.port))
        taken.listen()
        code, said = serve(place)
    assert (code, said.count("\n")) == (Exit.MACHINE, 1)
    assert f"Port {place.port} on 127.0.0.1 is in use" in said


def test_a_key_others_may_read_is_refused(place: Place) -> None:
    place.key_file.chmod(0o644)
    code, said = serve(place)
    assert (code, said.count("\n")) == (Exit.MACHINE, 1)


@pytest.mark.parametrize("fault", ["missing", "no certificate", "another key", "a password"])
def test_a_certificate_that_cannot_be_served_is_named(place: Place, fault: str) -> None:
    chain, private = certify(place.folder)
    match fault:
        case "missing":
            chain.unlink()
        case "no certificate":
            chain.write_text("-----BEGIN CERTIFICATE-----\n")
        case "another key":
            (other := place.folder / "other").mkdir()
            _, private = certify(other)
        case "a password":
            key = serialization.load_pem_private_key(private.read_bytes(), None)
            closed = serialization.BestAvailableEncryption(b"secret")
            pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
            private.write_bytes(key.private_bytes(*pem, closed))
    code, said = serve(place, TAP_HTTP__TLS_CERTIFICATE=str(chain), TAP_HTTP__TLS_KEY=str(private))
    assert (code, said.count("\n")) == (Exit.MACHINE, 1)
    assert "http.tls_certificate" in said


def test_a_folder_of_files_that_cannot_be_used_is_named(place: Place) -> None:
    """Such as the top of another disk, which belongs to root."""
    (place.folder / "data" / "media").write_text("no folder")
    code, said = serve(place)
    assert (code, said.count("\n")) == (Exit.MACHINE, 1)
    assert "The folder of files" in said


def test_a_wrong_configuration_is_no_reason_to_try_again(place: Place) -> None:
    code, said = serve(place, TAP_NODE__REGION="DE")
    assert (code, said.count("\n")) == (Exit.USAGE, 1)


async def test_a_killed_node_starts_again_with_the_same_log(place: Place) -> None:
    node = Node(place)
    await node.start()
    before = rows(place, "SELECT epoch FROM node")
    await node.kill()
    await node.start()
    assert rows(place, "SELECT epoch FROM node") == before
    assert await ended(node, signal.SIGTERM) == 0


async def test_two_regions_find_each_other(tmp_path: Path) -> None:
    async with running_nodes(tmp_path, "de", "in") as nodes:
        for node in nodes.values():
            database = node.place
            await until(
                "the other region's first event arrives",
                lambda place=database: len(rows(place, "SELECT DISTINCT region FROM lanes")) == 2,
            )


async def test_a_node_may_open_as_many_files_as_the_machine_allows(place: Place) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    node = Node(place)
    await node.start()
    assert node._process is not None
    assert resource.prlimit(node._process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    assert await ended(node, signal.SIGTERM) == 0
