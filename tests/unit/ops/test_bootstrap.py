"""Everything wired: whole nodes as processes, spoken to as browsers, phones and operators do."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tap_client import Client, Event, Http, Value, login
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.domain.commands import RegisterPerson, SetPersonRole
from server.ops import accounts, config_file, operator
from server.ops.demo.nodes import Node, Place
from tests.support.processes import places, rows, running, tap, until

pytestmark = pytest.mark.e2e

PASSWORD = "correct horse battery"
SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
_PROGRAM = [sys.executable, "-m", "server"]


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


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[dict[str, Node]]:
    """Germany with ada, India with asha; running and federated."""
    made = places(tmp_path, "de", "in")
    await add(made["de"], "ada", "region_admin")
    await add(made["in"], "asha")
    async with running(made.values()) as nodes:
        yield nodes


async def sign_in(node: Node, person: str) -> str:
    return await login(node.place.url, person, PASSWORD, "test")


class Heard:
    """What a client was told, to be waited for."""

    def __init__(self) -> None:
        self._told = asyncio.Condition()
        self._all: list[Event | Value] = []

    async def __call__(self, one: Event | Value) -> None:
        async with self._told:
            self._all.append(one)
            self._told.notify_all()

    async def first(self, **fields: Any) -> Any:
        def found() -> list[Any]:
            return [one for one in self._all if fields.items() <= vars_of(one).items()]

        async with asyncio.timeout(SECONDS_MAX), self._told:
            await self._told.wait_for(found)
        return found()[0]


def vars_of(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("type", "of", "id") if hasattr(one, name)}


# -- what people see ----------------------------------------------------------------------------------------


async def test_an_answer_from_another_region_arrives_live_and_earns_credit(
    nodes: dict[str, Node],
) -> None:
    de, india = nodes["de"], nodes["in"]
    ada, asha = await sign_in(de, "ada"), await sign_in(india, "asha")
    there, worth = Heard(), Heard()
    async with (
        Client(de.place.url, ada) as author,
        Client(india.place.url, asha, on_event=there, on_value=worth) as colleague,
    ):
        made = await author.do({"do": "community.create", "name": "Kitchen"})
        community = made.answer["community"]
        await there.first(type="community.created")
        await colleague.do({"do": "membership.set", "community": community, "joined": True})
        wish = {"do": "post.publish", "place": f"c:{community}", "kind": "question", "title": "?"}
        question = (await author.do(wish | {"text": "How?"})).answer["post"]
        event = await there.first(type="post.published")
        assert (event.by, event.body["post"]) == ("ada", question)
        reply = await colleague.do({"do": "reply.publish", "parent": question, "text": "So."})
        await until("the answer is in Germany", lambda: has_reply(de, ada, question))
        answer = reply.answer["post"]
        await author.do({"do": "answer.accept", "question": question, "answer": answer})
        impact = await worth.first(of="impact", id="asha")
        assert impact.value["total"] > 0
        assert impact.value["line"]["kind"] == "accepted"


async def has_reply(node: Node, token: str, root: str) -> bool:
    return len((await ask(node, token, f"/threads/{root}"))["order"]) > 1


async def ask(node: Node, token: str, path: str) -> Any:
    def get() -> Any:
        with Http(node.place.url, token) as http:
            return http.get(path)

    return await asyncio.to_thread(get)


# -- stopping and signing out ---------------------------------------------------------------------------------


async def test_clients_come_back_by_themselves_after_a_restart(nodes: dict[str, Node]) -> None:
    de = nodes["de"]
    async with Client(de.place.url, await sign_in(de, "ada")) as client:
        await client.live()
        await de.stop()
        await de.start()
        async with asyncio.timeout(SECONDS_MAX):
            done = await client.do({"do": "community.create", "name": "After"})
        assert done.answer["community"]
    assert "Traceback" not in de.place.log.read_text()


async def test_signing_a_device_out_ends_its_own_socket_only(nodes: dict[str, Node]) -> None:
    de = nodes["de"]
    phone, laptop = await sign_in(de, "ada"), await sign_in(de, "ada")
    async with live(de, phone) as lost, live(de, laptop) as kept:
        session = (await ask(de, phone, "/me"))["session"]
        await asyncio.to_thread(end_session, de, laptop, session)
        with pytest.raises(ConnectionClosed) as closed:
            await heard(lost, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        await kept.send(json.dumps({"t": "ping"}))
        assert await heard(kept, "pong")


async def test_a_new_role_ends_no_socket(nodes: dict[str, Node]) -> None:
    de = nodes["de"]
    token = await sign_in(de, "ada")
    async with live(de, token) as socket, Client(de.place.url, token) as client:
        await client.do({"do": "person.set_role", "person": "ada", "role": "auditor", "on": True})
        assert (await heard(socket, "event"))["type"] == "person.role_changed"
        await socket.send(json.dumps({"t": "ping"}))
        assert await heard(socket, "pong")


def end_session(node: Node, token: str, session: str) -> None:
    with Http(node.place.url, token) as http:
        http.delete(f"/sessions/{session}")


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


# -- what operators see --------------------------------------------------------------------------------------


async def test_peers_and_doctor_tell_how_it_is(nodes: dict[str, Node]) -> None:
    de, india = nodes["de"].place, nodes["in"].place
    told = json.loads(await asyncio.to_thread(at, de, "peers", "--wait", "30", "--json"))
    assert [(link["region"], link["state"]) for link in told] == [("in", "live")]
    lanes = json.loads(await asyncio.to_thread(at, de, "lanes", "--json"))
    assert {(lane["region"], lane["lane"]) for lane in lanes} >= {
        (region, lane) for region in ("de", "in") for lane in ("control", "global")
    }
    assert all(lane["peers"].keys() == {"in"} for lane in lanes if lane["region"] == "de")
    assert "1 of 1 links are live." in await asyncio.to_thread(at, de, "peers")
    assert findings(await asyncio.to_thread(doctor, de)) == {}
    text = de.config.read_text()
    stranger = json.loads(await asyncio.to_thread(at, de, "keys", "--json"))["public_key"]
    pinned = json.loads(await asyncio.to_thread(at, india, "keys", "--json"))["public_key"]
    de.config.write_text(text.replace(pinned, stranger))
    assert findings(await asyncio.to_thread(doctor, de)) == {"peer.key": "failure"}
    await nodes["in"].stop()
    assert findings(await asyncio.to_thread(doctor, de)) == {"peer.reachable": "failure"}


def doctor(place: Place) -> list[dict[str, str]]:
    command = ["--config", str(place.config), "doctor", "--json"]
    done = subprocess.run(
        [*_PROGRAM, *command], capture_output=True, text=True, timeout=SECONDS_MAX, check=False
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


async def test_health_and_measurements_answer(nodes: dict[str, Node]) -> None:
    place = nodes["de"].place
    assert await ask(nodes["de"], "", "//healthz") == {"ok": True}
    assert await ask(nodes["de"], "", "//readyz") == {"ok": True}
    node = await ask(nodes["de"], "", "/node")
    assert node["public_key"] == (await asyncio.to_thread(at, place, "keys")).strip()
    _, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.close()


# -- a disk is lost ---------------------------------------------------------------------------------------------


async def test_a_region_restored_from_a_backup_goes_on(nodes: dict[str, Node]) -> None:
    """What came after the backup is lost at home; peers take what comes from now on."""
    de, india = nodes["de"], nodes["in"]
    await de.stop()
    backup = de.place.database.read_bytes()
    await de.start()
    await create(de, "Lost")
    await until("India has heard of it", lambda: community_names(india) == {"Lost"})
    await de.stop()
    await asyncio.to_thread(de.place.database.write_bytes, backup)
    await asyncio.to_thread(at, de.place, "restored", "--yes")
    await de.start()
    assert community_names(de) == set()
    await create(de, "After")
    await until("India hears what is new", lambda: "After" in community_names(india))
    assert findings(await asyncio.to_thread(doctor, de.place)) == {}


async def create(node: Node, name: str) -> None:
    async with Client(node.place.url, await sign_in(node, "ada")) as client:
        await client.do({"do": "community.create", "name": name})


def community_names(node: Node) -> set[str]:
    return {name for (name,) in rows(node.place, "SELECT name FROM communities")}


# -- who does not let go ----------------------------------------------------------------------------------------


async def test_a_client_that_never_answers_does_not_hold_a_stop_up(nodes: dict[str, Node]) -> None:
    de = nodes["de"]
    async with live(de, await sign_in(de, "ada")) as socket:
        socket.transport.pause_reading()  # neither bye nor close is read, nothing is answered
        began = asyncio.get_running_loop().time()
        await de.stop()
        assert asyncio.get_running_loop().time() - began < STOP_SECONDS_MAX
        socket.transport.abort()
    log = de.place.log.read_text()
    assert "Traceback" not in log
    assert not list(de.place.database.parent.glob("*.db-wal"))
