"""Everything wired: whole nodes as processes, spoken to as browsers, phones and operators do."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tap_client import Client, Event, Http, Value
from websockets.exceptions import ConnectionClosed

from server.ops import keys
from server.ops.demo.nodes import Node
from tests.support.processes import do_when_known, until
from tests.unit.ops.pairs import (
    SECONDS_MAX,
    ask,
    at,
    doctor,
    findings,
    heard,
    live,
    running_pair,
    sign_in,
)

pytestmark = pytest.mark.e2e

STOP_SECONDS_MAX = 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Node]]:
    """A pair for tests that leave it running: starting one costs more than most of what is asked of it."""
    async with running_pair(tmp_path_factory.mktemp("shared")) as nodes:
        yield nodes


on_shared = pytest.mark.asyncio(loop_scope="module")


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


@on_shared
async def test_an_answer_from_another_region_arrives_live_and_earns_credit(
    shared: dict[str, Node],
) -> None:
    de, india = shared["de"], shared["in"]
    ada, asha = await sign_in(de, "ada"), await sign_in(india, "asha")
    there, worth = Heard(), Heard()
    async with (
        Client(de.place.url, ada) as author,
        Client(india.place.url, asha, on_event=there, on_value=worth) as colleague,
    ):
        made = await author.do({"do": "community.create", "name": "Kitchen"})
        community = made.answer["community"]
        await there.first(type="community.created")
        join = {"do": "membership.set", "community": community, "joined": True}
        await do_when_known(colleague, join, "asha-joins-kitchen")
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


# -- stopping and signing out ---------------------------------------------------------------------------------


@on_shared
async def test_clients_come_back_by_themselves_after_a_restart(shared: dict[str, Node]) -> None:
    de = shared["de"]
    async with Client(de.place.url, await sign_in(de, "ada")) as client:
        await client.live()
        await de.stop()
        await de.start()
        async with asyncio.timeout(SECONDS_MAX):
            done = await client.do({"do": "community.create", "name": "After"})
        assert done.answer["community"]
    assert "Traceback" not in de.place.log.read_text()


@on_shared
async def test_signing_a_device_out_ends_its_own_socket_only(shared: dict[str, Node]) -> None:
    de = shared["de"]
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


@on_shared
async def test_a_new_role_ends_no_socket(shared: dict[str, Node]) -> None:
    de = shared["de"]
    token = await sign_in(de, "ada")
    async with live(de, token) as socket, Client(de.place.url, token) as client:
        await client.do({"do": "person.set_role", "person": "ada", "role": "auditor", "on": True})
        assert (await heard(socket, "event"))["type"] == "person.role_changed"
        await socket.send(json.dumps({"t": "ping"}))
        assert await heard(socket, "pong")


def end_session(node: Node, token: str, session: str) -> None:
    with Http(node.place.url, token) as http:
        http.delete(f"/sessions/{session}")


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
    stranger, pinned = (keys.public_text(keys.load(one.key_file)) for one in (de, india))
    de.config.write_text(text.replace(pinned, stranger))
    assert findings(await asyncio.to_thread(doctor, de)) == {"peer.key": "failure"}
    await nodes["in"].stop()
    assert findings(await asyncio.to_thread(doctor, de)) == {"peer.reachable": "failure"}


@on_shared
async def test_health_and_measurements_answer(shared: dict[str, Node]) -> None:
    place = shared["de"].place
    assert await ask(shared["de"], "", "//healthz") == {"ok": True}
    assert await ask(shared["de"], "", "//readyz") == {"ok": True}
    node = await ask(shared["de"], "", "/node")
    assert node["public_key"] == (await asyncio.to_thread(at, place, "keys")).strip()
    _, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.close()


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
