"""The floor and the peers, each through its own door: how it is started, greeted and published to.

A payload is chosen so that a delivery has the size of Tap's on the wire, before the peer's own envelope.
Bare servers (floor, websockets, Starlette) do no authorising, history or recovery; Tap does all of it.
"""

import os
import platform
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

SOCKETIFY = "socketify==0.0.31"


def _only_on_x86_64(what: str) -> None:
    if platform.machine() != "x86_64":
        raise Skipped(f"{what} is tried on x86_64 only")


def _uwebsockets(folder: Path, port: int) -> Sequence[str]:
    _only_on_x86_64("socketify")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target"]
    packages = _installed("pypi", "socketify", [*pip, str(BENCH / "pypi"), SOCKETIFY])
    return [*_python("uwebsockets_publish.py")(folder, port), str(packages)]


def _installed(folder: str, wanted: str, install: Sequence[str]) -> Path:
    """A folder of the bench's own with something from a registry in it. Raises Skipped."""
    found = BENCH / folder
    if not (found / wanted).exists():
        print(f"installing {install[-1]} into {found}, for comparison", file=sys.stderr)
        found.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(install, capture_output=True, check=False)
        if done.returncode or not (found / wanted).exists():
            raise Skipped(f"{install[-1]} could not be installed")
    return found


UWEBSOCKETS = Peer("uwebsockets", _uwebsockets)

# -- programs of Debian ------------------------------------------------------------------------------------------


def _from_debian(package: str) -> None:
    """Installs it when we may."""
    if shutil.which("apt-get"):
        print(f"installing {package} with apt-get, for comparison", file=sys.stderr)
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *package.split()]
        subprocess.run(install, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def program(name: str, package: str) -> str:
    """Where it is; installed from Debian when we may. Raises Skipped."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        _from_debian(package)
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
BUN = "@oven/bun-linux-x64"
BUN_VERSION = "1.4.5"


def _node(script: str) -> Callable[[Path, int], Sequence[str]]:
    def command(folder: Path, port: int) -> Sequence[str]:
        path = f"NODE_PATH={npm_packages()}"
        return ["env", path, "node", str(HERE / "servers" / script), str(port)]

    return command


def npm_packages() -> Path:
    """Where Node finds them: a folder of the bench's own, never the clients'. Raises Skipped."""
    return _from_npm("npm", "socket.io", *NPM_PACKAGES)


def _from_npm(folder: str, wanted: str, *packages: str) -> Path:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Skipped("no node and npm here")
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-save")
    install = ["npm", "install", *quiet, "--prefix", str(BENCH / folder), *packages]
    return _installed(folder, f"node_modules/{wanted}", install) / "node_modules"


def _bun(folder: Path, port: int) -> Sequence[str]:
    """Its binary is a package of its own, for machines without AVX2 another one."""
    _only_on_x86_64("Bun")
    has_avx2 = " avx2 " in Path("/proc/cpuinfo").read_text()
    package = BUN if has_avx2 else BUN + "-baseline"
    packages = _from_npm("bun", package, f"{package}@{BUN_VERSION}")
    script = HERE / "servers" / "bun_publish.mjs"
    return [str(packages / package / "bin" / "bun"), str(script), str(port)]


WS = Peer("ws", _node("ws_broadcast.cjs"))
SOCKET_IO = Peer(
    "socket_io",
    _node("socketio_emit.cjs"),
    path="/socket.io/?EIO=4&transport=websocket",
    greeting=(("", TEXT, "0{"), ("40", TEXT, "40{")),
    message=lambda payload: f'42["say","{payload}"]',
)

BUN_PUBLISH = Peer("bun", _bun)

# -- Go --------------------------------------------------------------------------------------------------------

DEBIANS_GO = Path("/usr/share/gocode")
CENTRIFUGE = (
    "golang-github-centrifugal-centrifuge-dev golang-github-centrifugal-protocol-dev"
    " golang-github-fzambia-eagle-dev golang-github-igm-sockjs-go-dev golang-github-mna-redisc-dev"
)
"""Debian's package does not name all that it needs."""


def _centrifuge(folder: Path, port: int) -> Sequence[str]:
    """Debian's, 0.15 of 2021, so that nothing comes from anywhere else."""
    go = program("go", "golang-go")
    if not (DEBIANS_GO / "src/github.com/centrifugal/centrifuge").exists():
        _from_debian(CENTRIFUGE)
    built, source = BENCH / "centrifuge", HERE / "servers" / "centrifuge" / "main.go"
    way = {"GO111MODULE": "off", "GOPATH": str(DEBIANS_GO), "GOCACHE": str(BENCH / "go")}
    build = [go, "build", "-o", str(built), str(source)]
    done = subprocess.run(build, env=os.environ | way, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"centrifuge does not compile: {done.stderr[-300:]}")
    return [str(built), str(port)]


CENTRIFUGE_PUBLISH = Peer(
    "centrifuge",
    _centrifuge,
    greeting=(
        ('{"id":1,"method":0,"params":{}}', TEXT, '"id":1'),
        ('{"id":2,"method":1,"params":{"channel":"bench"}}', TEXT, '"id":2'),
    ),
    message=lambda payload: (
        f'{{"id":3,"method":3,"params":{{"channel":"bench","data":"{payload}"}}}}'
    ),
)

PEERS = (
    WEBSOCKETS,
    STARLETTE,
    UWEBSOCKETS,
    WS,
    SOCKET_IO,
    BUN_PUBLISH,
    CENTRIFUGE_PUBLISH,
    NCHAN,
    NATS,
)
FEW = (WEBSOCKETS, NCHAN)
"""For a quick run."""
