"""Everything wired: whole nodes as processes, spoken to as browsers, phones and operators do."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tap_client import Client, Event, Http, Refused, Value, login
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

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


async def test_a_database_put_back_gets_everything_back(nodes: dict[str, Node]) -> None:
    """Nobody tells the node: the extent beside the database does."""
    de, india = nodes["de"], nodes["in"]
    await de.stop()
    backup = de.place.database.read_bytes()
    await de.start()
    for name in ("Lost", "Lost too"):
        await create(de, name)
    await until("India has heard of it", lambda: len(community_names(india)) == 2)
    await de.kill()
    put_back(de.place, backup)
    await de.start()
    await until("all is back", lambda: community_names(de) == {"Lost", "Lost too"})
    await until("people may write", lambda: ready(de))
    await create(de, "After")
    await until("India hears what is new", lambda: "After" in community_names(india))
    assert len(epochs(de)) == len(epochs(india)) == 2
    await until("all is well", lambda: doctor_is_content(de))
    await de.stop()
    answer = json.loads(await asyncio.to_thread(at, de.place, "rebuild", "--check", "--json"))
    assert answer["different"] == []


async def test_a_restored_node_shows_nothing_before_a_peer_was_heard(
    nodes: dict[str, Node],
) -> None:
    de, india = nodes["de"], nodes["in"]
    await create(de, "Tea")
    token = await sign_in(de, "ada")
    await asyncio.gather(de.stop(), india.stop())
    (de.place.database.parent / "tap.extent").unlink()
    await de.start()
    assert not await ready(de)
    with pytest.raises(Refused) as refused:
        await ask(de, token, "/me")
    assert (refused.value.code, refused.value.status) == ("recovering", 503)
    with pytest.raises(InvalidStatus) as turned_away:
        async with live(de, token):
            pass
    assert turned_away.value.response.status_code == 503
    assert (await ask(de, "", "/node"))["region"] == "de", "operators see it all the same"
    assert set(findings(await asyncio.to_thread(doctor, de.place))) >= {"database.restored"}
    await india.start()
    await until("what India knows is known", lambda: ready(de))
    assert (await ask(de, token, "/me"))["person"]["id"] == "ada"


async def test_a_folder_put_back_whole_is_told_by_peers_while_it_runs(
    nodes: dict[str, Node],
) -> None:
    de, india = nodes["de"], nodes["in"]
    await de.stop()
    backup = kept(de.place)
    await de.start()
    await create(de, "Lost")
    await until("India has heard of it", lambda: community_names(india) == {"Lost"})
    await de.stop()
    put_back(de.place, *backup)
    await de.start()
    await until("it goes on in another epoch", lambda: len(epochs(de)) == 2)
    await until("all is back", lambda: community_names(de) == {"Lost"})
    await until("people may write", lambda: ready(de))
    await create(de, "After")
    await until("India hears what is new", lambda: "After" in community_names(india))
    assert "Traceback" not in de.place.log.read_text()


async def test_a_copy_that_wrote_on_is_proven_and_its_lane_left_out(
    nodes: dict[str, Node],
) -> None:
    de, india = nodes["de"], nodes["in"]
    await de.stop()
    backup = kept(de.place)
    await de.start()
    await create(de, "One")
    await until("India has heard of it", lambda: community_names(india) == {"One"})
    await asyncio.gather(de.stop(), india.stop())
    put_back(de.place, *backup)
    await de.start()
    await create(de, "Other")
    await india.start()
    for node in (de, india):
        await until("both have the proof", lambda node=node: len(forks(node)) == 1)
    ((region, _, lane),) = forks(de)
    assert (region, lane) == ("de", "global")
    assert forks(de) == forks(india)
    # Nobody chose: each shows the history it had. And both go on.
    await until("people may write", lambda: ready(de))
    await create(de, "After")
    await until("India hears what is new", lambda: "After" in community_names(india))
    assert community_names(india) == {"One", "After"}
    assert community_names(de) == {"Other", "After"}
    # Until an operator has seen to it, also over a restart.
    await india.stop()
    await india.start()
    found = await asyncio.to_thread(tap_exit, india.place, "forks", "--json")
    assert found[0] == 1
    (fork,) = json.loads(found[1])
    assert "database.forks" in findings(await asyncio.to_thread(doctor, india.place))
    await asyncio.to_thread(at, india.place, "forks", "resolve", fork["fork"])
    assert "database.forks" not in findings(await asyncio.to_thread(doctor, india.place))
    again = await asyncio.to_thread(tap_exit, india.place, "forks", "resolve", fork["fork"])
    assert again[0] == 1
    assert len(forks(india)) == 1


def kept(place: Place) -> tuple[bytes, bytes]:
    """Database and extent of a stopped node."""
    return place.database.read_bytes(), (place.database.parent / "tap.extent").read_bytes()


def put_back(place: Place, database: bytes, extent: bytes | None = None) -> None:
    for rest in place.database.parent.glob("tap.db*"):
        rest.unlink()
    place.database.write_bytes(database)
    if extent is not None:
        (place.database.parent / "tap.extent").write_bytes(extent)


async def ready(node: Node) -> bool:
    """Whether it lets people in."""

    def get() -> bool:
        try:
            with urllib.request.urlopen(f"{node.place.url}/readyz", timeout=SECONDS_MAX):
                return True
        except OSError:
            return False

    return await asyncio.to_thread(get)


def epochs(node: Node) -> set[int]:
    found = rows(node.place, "SELECT DISTINCT epoch FROM lanes WHERE region = 'de'")
    return {epoch for (epoch,) in found}


def forks(node: Node) -> list[tuple[Any, ...]]:
    return rows(node.place, "SELECT region, epoch, lane FROM forks")


def tap_exit(place: Place, *verb: str) -> tuple[int, str]:
    program = [*_PROGRAM, "--config", str(place.config), *verb]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


async def doctor_is_content(node: Node) -> bool:
    return findings(await asyncio.to_thread(doctor, node.place)) == {}


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
