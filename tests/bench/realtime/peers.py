"""The floor and the peers, each through its own door: how it is started, greeted and published to.

A payload is chosen so that a delivery has the size of Tap's on the wire, before the peer's own envelope.
Bare servers (floor, websockets, Starlette) do no authorising, history or recovery; Tap does all of it.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from server.ops.demo.nodes import free_ports
from tests.bench.realtime.load import BINARY, TEXT, Load, loading
from tests.bench.realtime.node import MARK_BYTES
from tests.bench.realtime.processes import BENCH, HERE, Skipped, build, running

HEADER_BYTES = 4
"""Of a websocket frame from 126 to 65,535 bytes."""


class Peer(NamedTuple):
    """``command(folder, port)`` starts it; ``message(payload)`` is what a publisher says; a ``plain``
    publisher is a bare TCP connection of its own, otherwise the first subscriber publishes."""

    name: str
    command: Callable[[Path, int], Sequence[str]]
    path: str = "/"
    greeting: tuple[tuple[str, int, str], ...] = ()
    message: Callable[[str], str] = lambda payload: payload
    opcode: int = TEXT
    plain: bool = False


class Running(NamedTuple):
    pid: int
    load: Load
    peer: Peer

    def messages(self, wire_bytes: int) -> None:
        """From now on publishers send payloads for frames of this size."""
        fill = "x" * max(0, wire_bytes - HEADER_BYTES - MARK_BYTES)
        self.load.message(self.peer.message("{time}" + fill), self.peer.opcode)

    def publisher(self, subscribers: int) -> int:
        """The client that publishes; connects it when it is one of its own."""
        if not self.peer.plain:
            return 0
        self.load.plain(subscribers)
        self.load.open(subscribers, 1)
        return subscribers


def request(peer: Peer, port: int) -> str:
    return (
        f"GET {peer.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )


@contextmanager
def running_peer(peer: Peer, encrypted: bool = False) -> Iterator[Running]:
    """Raises Skipped when the machine lacks it."""
    BENCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=BENCH) as name:
        folder, port = Path(name), free_ports(1)[0]
        folder.chmod(0o755)
        with running(peer.command(folder, port), port, folder / "log") as pid, loading() as load:
            load.target(port, request(peer, port))
            load.greet(*peer.greeting)
            if encrypted:
                load.encrypt()
            yield Running(pid, load, peer)


# -- the floor ---------------------------------------------------------------------------------------------


def _floor(*more: str) -> Callable[[Path, int], Sequence[str]]:
    return lambda folder, port: [str(build("floor")), str(port), *more]


FLOOR = Peer("floor", _floor())
FLOOR_JOINED = Peer("floor_joined", _floor("join"))

# -- Python --------------------------------------------------------------------------------------------------


def _python(script: str) -> Callable[[Path, int], Sequence[str]]:
    return lambda folder, port: [sys.executable, str(HERE / "servers" / script), str(port)]


WEBSOCKETS = Peer("websockets_broadcast", _python("websockets_broadcast.py"))
STARLETTE = Peer("starlette_uvicorn", _python("starlette_loop.py"))

# -- programs of Debian ------------------------------------------------------------------------------------------


def program(name: str, package: str) -> str:
    """Where it is; installed from Debian when we may. Raises Skipped."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None and shutil.which("apt-get"):
        print(f"installing {package} with apt-get, for comparison", file=sys.stderr)
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *package.split()]
        subprocess.run(install, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise Skipped(f"{name} is not here and could not be installed (Debian: {package})")
    return found


def _nats(folder: Path, port: int) -> Sequence[str]:
    text = f'listen: "127.0.0.1:-1"\nwebsocket {{ listen: "127.0.0.1:{port}", no_tls: true }}\n'
    (folder / "nats.conf").write_text(text + "max_connections: 65536\n")
    return [program("nats-server", "nats-server"), "-c", str(folder / "nats.conf")]


def _nats_publish(payload: str) -> str:
    size = len(payload) - len("{time}") + MARK_BYTES
    return f"PUB bench {size}\r\n{payload}\r\n"


NATS = Peer(
    "nats",
    _nats,
    greeting=(
        ("", BINARY, "INFO"),
        ('CONNECT {"verbose":false,"pedantic":false,"echo":true}\r\nPING\r\n', BINARY, "PONG"),
        ("SUB bench 1\r\nPING\r\n", BINARY, "PONG"),
    ),
    message=_nats_publish,
    opcode=BINARY,
)

NCHAN_CONFIG = """
load_module {module};
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  nchan_max_reserved_memory 256M;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /sub {{ nchan_subscriber websocket; nchan_channel_id bench; nchan_message_buffer_length 512; }}
    location = /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 512; }}
  }}
}}
"""


def _nchan(folder: Path, port: int) -> Sequence[str]:
    nginx = program("nginx", "nginx-light libnginx-mod-nchan")
    module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
    if not module.exists():
        raise Skipped("nginx is here without nchan (Debian: libnginx-mod-nchan)")
    config = NCHAN_CONFIG.format(module=module, folder=folder, port=port)
    (folder / "nginx.conf").write_text(config)
    return [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _http_post(payload: str) -> str:
    size = len(payload) - len("{time}") + MARK_BYTES
    return f"POST /pub HTTP/1.1\r\nHost: bench\r\nContent-Length: {size}\r\n\r\n{payload}"


NCHAN = Peer("nchan", _nchan, path="/sub", message=_http_post, plain=True)

# -- Node ------------------------------------------------------------------------------------------------------

NPM_PACKAGES = ("ws@8.23.0", "socket.io@4.8.4")


def _node(script: str) -> Callable[[Path, int], Sequence[str]]:
    def command(folder: Path, port: int) -> Sequence[str]:
        path = f"NODE_PATH={npm_packages()}"
        return ["env", path, "node", str(HERE / "servers" / script), str(port)]

    return command


def npm_packages() -> Path:
    """Where Node finds them: a folder of the bench's own, never the clients'. Raises Skipped."""
    found = BENCH / "npm" / "node_modules"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Skipped("no node and npm here")
    if not found.exists():
        print("installing ws and socket.io into .bench, for comparison", file=sys.stderr)
        found.parent.mkdir(parents=True, exist_ok=True)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-save")
        install = ["npm", "install", *quiet, "--prefix", str(found.parent), *NPM_PACKAGES]
        if subprocess.run(install, capture_output=True, check=False).returncode:
            raise Skipped("npm could not install " + " and ".join(NPM_PACKAGES))
    return found


WS = Peer("ws", _node("ws_broadcast.cjs"))
SOCKET_IO = Peer(
    "socket_io",
    _node("socketio_emit.cjs"),
    path="/socket.io/?EIO=4&transport=websocket",
    greeting=(("", TEXT, "0{"), ("40", TEXT, "40{")),
    message=lambda payload: f'42["say","{payload}"]',
)

PEERS = (WEBSOCKETS, STARLETTE, WS, SOCKET_IO, NCHAN, NATS)
FEW = (WEBSOCKETS, NCHAN)
"""For a quick run."""
