"""Event streams as they run in earnest: a node as a process, its own loop, TLS, and a proxy in front."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.ops.demo.nodes import Node, Place
from tests.support.certificates import certify
from tests.support.machine import program
from tests.support.ports import held_ports
from tests.support.processes import SECONDS_MAX, enrol, places, running, until

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx" / "tap.conf"


class Reader:
    """Frames of a stream, one after the other."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def hear(self, name: str) -> Any:
        """The next frame of a name."""
        async with asyncio.timeout(SECONDS_MAX):
            async for line in self._lines:
                if line.startswith("data: "):
                    frame = json.loads(line.removeprefix("data: "))
                    if frame["t"] == name:
                        return frame
        raise AssertionError(f"the stream ended before {name}")


async def follow_act_and_say_goodbye(node: Node, url: str, token: str, chain: Path) -> None:
    """All of a client's day, over one address."""
    trusting = ssl.create_default_context(cafile=str(chain))
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(
            base_url=url + "/api/v1", verify=trusting, headers=headers, timeout=SECONDS_MAX
        ) as http,
        http.stream("GET", "/live/events") as response,
    ):
        assert response.status_code == 200
        reader = Reader(response)
        name = (await reader.hear("stream"))["id"]
        await reader.hear("mark")
        command = {"do": "community.create", "name": "Tea"}
        frame = {"t": "do", "key": "a-key-of-mine", "command": command}
        said = await http.post("/live/frames", params={"stream": name}, json=frame)
        assert said.status_code == 202, said.text
        assert (await reader.hear("done"))["ok"]
        stopping = asyncio.ensure_future(node.stop())
        assert (await reader.hear("bye"))["reason"] == "stopping"
        await stopping


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return places(tmp_path, "de")["de"]


async def test_over_the_nodes_own_tls(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, private = certify(tmp_path)
    monkeypatch.setenv("TAP_HTTP__TLS_CERTIFICATE", str(chain))
    monkeypatch.setenv("TAP_HTTP__TLS_KEY", str(private))
    tokens = await enrol(place, ["asha"])
    async with running([place]) as nodes:
        url = f"https://127.0.0.1:{place.port}"
        await follow_act_and_say_goodbye(nodes["de"], url, tokens["asha"], chain)
    assert "Traceback" not in place.log.read_text()


@asynccontextmanager
async def nginx(
    folder: Path, place: Place, chain: Path, private: Path, http_version: str
) -> AsyncIterator[str]:
    """The example of deploy/ with this machine's names in it; its address."""
    (port,) = held_ports(1)
    text = EXAMPLE.read_text()
    for old, new in {
        "127.0.0.1:8420": f"127.0.0.1:{place.port}",
        "proxy_http_version 1.1": f"proxy_http_version {http_version}",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/letsencrypt/live/tap.example.com/fullchain.pem": str(chain),
        "/etc/letsencrypt/live/tap.example.com/privkey.pem": str(private),
    }.items():
        assert old in text
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        f"daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n"
    )
    command = (program("nginx"), "-p", str(folder), "-e", f"{folder}/nginx.log", "-c", str(config))
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await until("nginx is there", lambda: _answers(port))
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("http_version", ["1.1", "1.0"])
async def test_through_nginx_as_deploy_has_it(
    place: Place, tmp_path: Path, http_version: str
) -> None:
    """Also as nginx asks a node unless told otherwise: by HTTP/1.0."""
    chain, private = certify(tmp_path)
    tokens = await enrol(place, ["asha"])
    async with (
        running([place]) as nodes,
        nginx(tmp_path, place, chain, private, http_version) as url,
    ):
        await follow_act_and_say_goodbye(nodes["de"], url, tokens["asha"], chain)
    assert "Traceback" not in place.log.read_text()
