"""Two federated nodes as processes, for tests of the whole: spoken to as browsers, phones and operators do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tap_client import Http, login
from websockets.asyncio.client import ClientConnection, connect

from server.domain.commands import RegisterPerson, SetPersonRole
from server.ops import accounts, config_file, operator
from server.ops.demo.nodes import Node, Place
from tests.support.processes import places, running, tap

PASSWORD = "correct horse battery"
SECONDS_MAX = 30
PROGRAM = [sys.executable, "-m", "server"]


def at(place: Place, *verb: str, stdin: str = "") -> str:
    return tap("--config", place.config, *verb, stdin=stdin)


async def add(place: Place, person: str, *roles: Any) -> None:
    """In this process: starting Python costs more than all the rest."""
    async with accounts.desk(config_file.load(place.config, {}).config, "test") as desk:
        wish = RegisterPerson(person=person, name=person.title())
        await operator.register(desk.core.handler, wish)
        for role in roles:
            grant = SetPersonRole(person=person, role=role, on=True)
            await operator.set_role(desk.core.handler, grant)
        await desk.passwords.set(person, PASSWORD)


@asynccontextmanager
async def running_pair(folder: Path) -> AsyncIterator[dict[str, Node]]:
    """Germany with ada, India with asha; running and federated."""
    made = places(folder, "de", "in")
    await add(made["de"], "ada", "region_admin")
    await add(made["in"], "asha")
    async with running(made.values()) as nodes:
        yield nodes


async def sign_in(node: Node, person: str) -> str:
    return await login(node.place.url, person, PASSWORD, "test")


async def ask(node: Node, token: str, path: str) -> Any:
    def get() -> Any:
        with Http(node.place.url, token) as http:
            return http.get(path)

    return await asyncio.to_thread(get)


class live:
    """A websocket that has said hello and is live."""

    def __init__(self, node: Node, token: str) -> None:
        uri = node.place.url.replace("http", "ws", 1) + "/api/v1/live"
        self._connect = connect(uri, subprotocols=["tap.v1.json"])  # type: ignore[list-item]
        self._token = token

    async def __aenter__(self) -> ClientConnection:
        socket = await self._connect.__aenter__()
        await socket.send(json.dumps({"t": "hello", "token": self._token}))
        await heard(socket, "mark")
        return socket

    async def __aexit__(self, *error: Any) -> None:
        await self._connect.__aexit__(*error)


async def heard(socket: ClientConnection, name: str) -> dict[str, Any]:
    """The next frame of this name."""
    async with asyncio.timeout(SECONDS_MAX):
        while (frame := json.loads(await socket.recv()))["t"] != name:
            pass
    return dict(frame)


def doctor(place: Place) -> list[dict[str, str]]:
    command = ["--config", str(place.config), "doctor", "--json"]
    done = subprocess.run(
        [*PROGRAM, *command], capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    found: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return found


def findings(found: list[dict[str, str]]) -> dict[str, str]:
    """What is wrong; this machine's disk, memory and web client are not what is tested."""
    ours = ("peer.", "http.port", "node.", "database.", "key.")
    return {
        one["check"]: one["level"]
        for one in found
        if one["level"] != "ok" and one["check"].startswith(ours)
    }


async def ready(node: Node) -> bool:
    """Whether it lets people in."""

    def get() -> bool:
        try:
            with urllib.request.urlopen(f"{node.place.url}/readyz", timeout=SECONDS_MAX):
                return True
        except OSError:
            return False

    return await asyncio.to_thread(get)
