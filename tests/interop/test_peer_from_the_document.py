"""A peer written from docs/protocol/federation.md alone exchanges logs with a real node: the page says enough.

Each test is a region of its own, which the node has pinned; the numbers are sections of the page.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from server.ops.demo.nodes import Place
from tests.interop.stranger import link as wire
from tests.interop.stranger.link import CREDIT, Link, Polled
from tests.interop.stranger.log import Key, Log, Refused, check_fork, now, pack, sha, unpack
from tests.support.ports import held_ports
from tests.support.processes import enrol, places, running, tap

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

REGIONS = ("aa", "ab", "ac", "ad", "ae", "af", "ag", "ah", "zz")
"""All but the last sort before the node's, so they dial it."""
GROUP = '[lanes.groups]\ntwo = ["in", "ae"]\n'
EPOCH = (1 << 32) + 77
ANSWERS = itertools.count(1)
OPTIONS: dict[str, Any] = {
    "subprotocols": ["tap.federation.v1"],
    "compression": None,
    "max_size": wire.FRAME_BYTES_MAX,
}


WRITERS = ("omar", "pia", "rui")
"""Who say much at once: more than a person may."""


class Company:
    """The node and its key; and the strangers' keys, by region."""

    def __init__(self, place: Place, http: httpx.AsyncClient, tokens: Mapping[str, str]) -> None:
        """``http``: as Nina, who is at home with the node; ``tokens``: of all who are."""
        self.place, self.http, self.people = place, http, tokens
        self.keys = {region: Key() for region in REGIONS}
        self.ports = dict(zip(REGIONS, held_ports(len(REGIONS)), strict=True))
        self.public = base64.b64decode(tap("--config", place.config, "keys"))
        self._numbers = itertools.count(1)

    def pinned(self) -> str:
        """As an operator writes it."""
        peers = [
            f'[[peers]]\nregion = "{region}"\nurl = "http://127.0.0.1:{self.ports[region]}"\n'
            f'public_key = "{base64.b64encode(key.public).decode()}"\n'
            for region, key in self.keys.items()
        ]
        return GROUP + "".join(peers)

    def log(self, region: str, epoch: int = EPOCH) -> Log:
        """A region that begins, with somebody in it."""
        log = Log(region, epoch, self.keys[region])
        log.pin("in", self.public)
        for other, key in self.keys.items():
            log.pin(other, key.public)
        log.append("control", "epoch.opened", {"previous": 0, "nonce": os.urandom(16)})
        zoe = {"person": f"zoe-{region}", "home": region, "name": "Zoe"}
        log.append("global", "person.registered", zoe)
        return log

    async def do(self, do: str, by: str = "nina", **arguments: Any) -> dict[str, Any]:
        wish = {"key": f"{by}-{next(self._numbers):05}", "command": {"do": do, **arguments}}
        headers = {"Authorization": f"Bearer {self.people[by]}"}
        told = (await self.http.post("/commands", json=wish, headers=headers)).json()
        made: dict[str, Any] = told["answer"] if "answer" in told else told["error"]
        return made

    async def post(self, text: str, **audience: str) -> tuple[str, str]:
        """Something said in a community of its own: place and post."""
        place = "c:" + (await self.do("community.create", name="Tea", **audience))["community"]
        made = await self.do("post.publish", place=place, kind="question", title="?", text=text)
        return place, made["post"]

    @asynccontextmanager
    async def linked(self, log: Log, *features: str, keys: Any = ()) -> AsyncIterator[Link]:
        """A proven link over a websocket, which has not asked for anything yet."""
        address = f"ws://127.0.0.1:{self.place.port}/federation/v1"
        async with connect(address, **OPTIONS) as socket:
            link = Link(log, "in", socket, *features)
            await link.dial(*keys)
            yield link


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    place = places(tmp_path_factory.mktemp("stranger"), "in")["in"]
    tokens = await enrol(place, ["nina", *WRITERS])
    as_nina = {"Authorization": f"Bearer {tokens['nina']}"}
    async with httpx.AsyncClient(base_url=f"{place.url}/api/v1", headers=as_nina) as http:
        company = Company(place, http, tokens)
        with place.config.open("a") as file:
            file.write(company.pinned())
        async with running([place]):
            yield company


def reply(place: str, root: str, text: str) -> dict[str, Any]:
    post = f"01kdvdna{next(ANSWERS):018}"
    about = {"place": place, "root": root, "parent": root, "at": now()}
    return {"post": post, "kind": "answer", "text": text, **about}


async def exchange(company: Company, link: Link) -> None:
    """What either says comes to the other, before the link was there and while it is."""
    log = link.log
    place, post = await company.post("why?")
    await link.want()
    await link.until(lambda: link.is_level)
    assert post in [body["post"] for body in log.bodies("in", "post.published")]
    answer = reply(place, post, "because")
    log.append("global", "reply.published", answer, f"zoe-{log.region}")
    await link.pump()
    await link.until(lambda: link.is_level)
    seen = (await company.http.get(f"/threads/{post}")).json()["posts"]
    assert seen[answer["post"]]["author"] == f"zoe-{log.region}"
    await company.do("reply.publish", parent=answer["post"], text="I see")
    await link.until(lambda: "I see" in str(log.bodies("in", "reply.published")))
    await link.send([wire.PING, now()])
    await link.until(lambda: link.round_trip < 10_000)


async def test_logs_are_exchanged_over_a_websocket(company: Company) -> None:
    async with company.linked(company.log("aa")) as link:
        await exchange(company, link)
        assert link.packed


async def test_logs_are_exchanged_by_polling(company: Company) -> None:
    socket = Polled(company.place.port)
    await socket.open()
    link = Link(company.log("aa", EPOCH + 1), "in", socket)
    await link.dial()
    await exchange(company, link)
    await socket.close()
    with pytest.raises(Refused, match="closed"):
        await link.step()


async def test_logs_are_exchanged_when_the_node_dials(company: Company) -> None:
    came: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def accept(socket: ServerConnection) -> None:
        link = Link(company.log("zz"), "in", socket)
        await link.accept()
        came.set_result(link)
        await over.wait()

    async with serve(accept, "127.0.0.1", company.ports["zz"], **OPTIONS):
        try:
            await exchange(company, await came)
        finally:
            over.set()


async def test_the_newest_come_first_both_ways(company: Company) -> None:
    """19. Interrupted and gone on with; and nothing of it is missing at the end."""
    log = company.log("ab")
    place, _ = await company.post("first")
    for by, n in itertools.product(WRITERS, range(20)):
        await company.do("post.publish", by, place=place, kind="update", text=f"{n}")
    async with company.linked(log) as link:
        await link.want(fresh=10)
        await link.until(lambda: log.leads)
        (key,), (lead,) = log.leads, log.leads.values()
        assert (lead.base, log.lane(key).seq) == (link.tips[key] - 10, 0)
    for n in range(4_200):
        log.append("global", "future.fact", {"n": n})
    mine = log.own("global")
    async with company.linked(log) as link:
        await link.want(fresh=10)
        await link.until(lambda: link.heard.get(wire.ACK, [0, 0, 0, []])[3])
        assert link.acked[mine] < log.lane(mine).seq - 2_048
    async with company.linked(log) as link:
        await link.want(fresh=10)
        await link.until(lambda: wire.WANT in link.heard)
        assert [lead[:3] for lead in link.heard[wire.WANT][7]] == [[*mine]]
        await link.until(lambda: link.is_level)
    assert not log.leads
    assert log.lane(key).seq > 60


async def test_a_key_follows_another_and_ends(company: Company) -> None:
    """17.2, 17.3."""
    log, first = company.log("ac"), company.keys["ac"]
    async with company.linked(log) as link:
        await link.want()
        await link.until(lambda: link.is_level)
        word = log.succeed(Key())
        await link.tell(word)
        await link.pump()
        await link.until(lambda: link.is_level)
        for lane in ("global", "control"):
            log.append(lane, "key.retired", {"key_id": first.id})
        await link.pump()
        await link.until(lambda: link.is_level)
    async with company.linked(log, keys=[word]) as link:
        await link.want()
        await link.until(lambda: link.is_level)
    log.key = first
    async with company.linked(log) as link:
        with pytest.raises(Refused, match="bad_signature"):
            await link.until(lambda: link.is_level)


async def test_a_repeat_is_acknowledged(company: Company) -> None:
    """9.3: or it would count against the credit for ever."""
    log = company.log("aa", EPOCH + 3)
    async with company.linked(log) as link:
        await link.want()
        await link.until(lambda: link.is_level)
        del link.heard[wire.ACK]
        await link.send(log.batch(log.own("global"), 0))
        await link.until(lambda: wire.ACK in link.heard)
        assert link.heard[wire.ACK][1] == [[*log.own("global"), 1]]


async def test_a_third_regions_log_is_relayed_and_a_fork_of_it_proven(company: Company) -> None:
    """9.4, 9.5: nobody dials for ``ah``; ``ad`` brings what it wrote, and gets it from the node."""
    log, absent = company.log("ad"), company.log("ah")
    key = absent.own("global")
    for lane in list(absent.lanes):
        log.take(absent.batch(lane, 0))
    async with company.linked(log) as link:
        await link.want("ah")
        await link.until(lambda: link.acked.get(key) == 1 and link.is_level)
    other = company.log("ad", EPOCH + 1)
    async with company.linked(other) as link:
        await link.want("ah", "ad")
        await link.until(lambda: link.is_level)
        assert other.lane(key).hashes == log.lane(key).hashes
        twin = company.log("ah")
        twin.append("global", "future.fact", {})
        first, second = absent.head(key, 1), twin.head(key, 2)
        proof = [wire.FORK, first, second, twin.lane(key).hashes[1], [twin.lane(key).events[1][0]]]
        check_fork(log, proof)
        await link.send(proof)
        await link.until(lambda: wire.FORK in link.heard)
        await link.until(lambda: [*key] in link.heard[wire.WANT][4])


async def test_a_poll_is_closed_and_counted_by_both(company: Company) -> None:
    """14, in a community that two regions share (6)."""
    log = company.log("ae")
    place, _ = await company.post("for two", audience="group.two")
    spec = {"method": "ranked", "choices": ["a", "b", "c"], "count": "instant_runoff"}
    async with company.linked(log) as link:
        await link.want()
        made = await company.do("post.publish", place=place, kind="poll", text="?", poll=spec)
        poll, lane = made["post"], "group.two"
        await company.do("ballot.cast", poll=poll, choices=[1])
        await link.until(lambda: log.bodies("in", "ballot.cast"))
        about = {"poll": poll, "place": place}
        at = log.append(lane, "ballot.cast", {**about, "rev": 1, "choices": [2, 0]}, "zoe-ae")
        await link.pump()
        await link.until(lambda: link.acked.get(log.own(lane)) == at)
        await company.do("poll.close", poll=poll)
        await link.until(lambda: log.bodies("in", "poll.region_closed"))
        end = dict(zip(("region", "epoch", "lane", "seq"), (*log.own(lane), at), strict=True))
        closed = {**about, "region": "ae", "ballots": 1, "ends": [end]}
        log.append(lane, "poll.region_closed", closed)
        await link.pump()
        await link.until(lambda: log.bodies("in", "poll.closed"))
    (result,) = log.bodies("in", "poll.closed")
    cut = sorted([[*end.values()] for end in result["cut"]])
    assert [*end.values()] in cut
    rankings = [[[[1]], 1], [[[2], [0]], 1]]
    digest = sha(b"tap tally 1", pack([poll, cut, 2, 2, [0, 1, 1], [], rankings]))
    assert (result["counts"], result["digest"]) == ([0, 1, 1], digest)


async def test_commands_cross(company: Company) -> None:
    """18.5, both ways."""
    log, made = company.log("af"), f"01kdvdna{0:018}"
    about = {"community": made, "home": "af", "name": "Ours", "audience": "global", "at": now()}
    log.append("global", "community.created", {**about, "owner": "zoe-af"}, "zoe-af")
    role = {"community": made, "person": "nina", "role": "owner", "rev": 1}
    log.append("global", "community.role_changed", role, "zoe-af")
    place, _ = await company.post("?")
    async with company.linked(log, "ask") as link:
        await link.want()
        await link.until(lambda: link.is_level)
        for answer in ([pack({"rev": 1})], [None, False, "forbidden", "not today"]):
            wish = company.do("community.change", community=made, name="Theirs")
            asked = asyncio.create_task(wish)
            await link.until(lambda: wire.ASK in link.heard)
            question = link.heard.pop(wire.ASK)
            assert unpack(question[4])["name"] == "Theirs"
            await link.send([wire.TOLD, question[1], *answer])
            told = await asked
            assert told == {"rev": 1} or told["message"] == "not today"
        command = pack({"do": "community.change", "community": place[2:], "name": "Mine"})
        await link.send([wire.ASK, 9, "zoe-af", "zoe-key-1", command])
        await link.until(lambda: wire.TOLD in link.heard)
        assert link.heard[wire.TOLD][1:5] == [9, None, False, "forbidden"]


async def test_who_is_there_is_told(company: Company) -> None:
    """22.2: nobody is online, and one of the two asked about is at home here."""
    log = company.log("ag")
    async with company.linked(log, "present") as link:
        await link.want()
        await link.until(lambda: link.is_level)
        await link.send([wire.EPHEM, 0, b"", [[0, "p:zoe-ag"], [300, "p:nina"]]])
        await link.until(lambda: wire.EPHEM in link.heard)
        assert link.heard[wire.EPHEM][6] == bytes([0, 301 - 255])


@pytest.mark.parametrize(
    ("code", "frame"),
    [
        ("bad_frame", [wire.PING]),
        ("unknown_kind", [90]),
        ("bad_frame", [wire.HEAD, [["in", 7, "team.x", 1]]]),
        ("bad_value", [wire.ACK, [["in", 7, "global", 9]], CREDIT]),
        ("bad_frame", [wire.ASK, 0, "zoe-aa", "zoe-key-1", b""]),
        ("bad_frame", [wire.PACKED, wire.zstandard.compress(pack([wire.PING, 1]))]),
        ("bad_frame", [wire.EPHEM, 0, b"", [[0, "c:tea"]]]),
    ],
)
async def test_what_is_wrong_is_refused(company: Company, code: str, frame: list[Any]) -> None:
    async with company.linked(company.log("aa", EPOCH + 2), "present") as link:
        await link.want()
        await link.until(lambda: link.is_level)
        await link.send(frame)
        with pytest.raises(Refused, match=code):
            await link.until(lambda: False)
