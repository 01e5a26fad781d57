"""Everything about links and lanes for who runs the node, and what of it is not for anybody else."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import REGISTRY

from server.api.services import Operator
from server.app.operator_proof import sign
from server.domain import events as e
from server.domain.ids import LaneKey
from server.federation.status import LaneStatus, LinkStatus
from server.ops.bootstrap import _shown
from tests.support.node import START, ForeignLog
from tests.unit.api.site import PREFIX, Site, open_site

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
PATH = PREFIX + "/operator"
FORKED = f"de:{7 << 32:x}:global"
PEER = LinkStatus(
    region="de",
    state="live",
    since=START,
    dialled_by="de",
    behind_events=0,
    lag_events=2,
    oldest_unacked_ms=30,
    rtt_ms=250,
    skew_ms=1,
    peer_epoch=7 << 32,
    forked=(FORKED,),
    last_error="lane pair.de.in is behind",
    last_error_at=START,
    events_in=1,
    events_out=2,
    bytes_in=3,
    bytes_out=4,
    version=1,
    software="0.1.0",
)


def lane_status(site_epoch: int) -> LaneStatus:
    return LaneStatus(lane="global", epoch=site_epoch, acked=3, behind_events=2, behind_ms=30)


@pytest.fixture
async def operated(tmp_path: Path, database: Path) -> AsyncIterator[Site]:
    known: dict[str, int] = {}
    operator = Operator(
        peers=lambda: msgspec.to_builtins([PEER]),
        lanes=lambda: {"de": [msgspec.to_builtins(lane_status(known["epoch"]))]},
        certificate_until=lambda: START + 5,
    )
    async with open_site(tmp_path, database, operator=operator, public_key=lambda: PUBLIC) as site:
        known["epoch"] = site.node.handler.epoch
        yield site


def proof(now: int, key: Ed25519PrivateKey = KEY, path: str = PATH) -> dict[str, str]:
    return {"Authorization": sign(key, "GET", path, now)}


async def view(site: Site) -> Any:
    response = await site.ask("GET", "/operator", headers=proof(site.node.clock.now))
    assert response.status_code == 200, response.text
    return response.json()


async def test_the_holder_of_the_key_sees_every_number_of_a_link(operated: Site) -> None:
    seen = await view(operated)
    assert seen["peers"] == [msgspec.json.decode(msgspec.json.encode(PEER))]
    assert (seen["region"], seen["now"]) == ("in", operated.node.clock.now)
    assert (seen["certificate_until"], seen["read_only"]) == (START + 5, "")
    assert await operated.get("/operator", "admin") == seen


async def test_every_lane_is_there_with_its_last_event_and_who_lacks_it(operated: Site) -> None:
    node = operated.node
    abroad = ForeignLog("de")
    dora = e.PersonRegistered(person="dora", home="de", name="Dora")
    await node.handler.apply(abroad.batch(node.clock.now, ("", dora)))
    lanes = {(lane["region"], lane["lane"]): lane for lane in (await view(operated))["lanes"]}
    own, foreign = lanes["in", "global"], lanes["de", "global"]
    assert own["seq"] == node.handler.lane_tip(_key(operated, "global"))
    assert own["at"] <= node.clock.now
    assert (own["head"], own["forked"]) == (None, False)
    assert own["peers"] == {"de": {"acked": 3, "behind_events": 2, "behind_ms": 30}}
    assert (foreign["seq"], foreign["head"], foreign["forked"]) == (1, 1, True)
    assert foreign["peers"] == {}
    assert lanes["in", "control"]["peers"] == {}


async def test_a_lane_whose_newest_events_came_first_says_what_is_missing(operated: Site) -> None:
    """Also where nothing is held from its beginning."""
    node, abroad = operated.node, ForeignLog("de")
    person = e.PersonRegistered(person="dora", home="de", name="Dora")
    missing = abroad.batch(node.clock.now, *[("", person)] * 5)
    late = abroad.batch(node.clock.now + 7_000, *[("", person)] * 2)
    assert await node.handler.apply(late._replace(early=True)) == 0
    lanes = {(lane["region"], lane["lane"]): lane for lane in (await view(operated))["lanes"]}
    lane = lanes["de", "global"]
    assert (lane["seq"], lane["base"], lane["lead"]) == (0, 5, 7)
    assert lane["at"] == node.clock.now + 7_000
    await node.handler.apply(missing)
    lanes = {(lane["region"], lane["lane"]): lane for lane in (await view(operated))["lanes"]}
    lane = lanes["de", "global"]
    assert (lane["seq"], lane["base"], lane["lead"]) == (7, None, None)


def _key(site: Site, lane: str) -> LaneKey:
    return LaneKey("in", site.node.handler.epoch, lane)


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        (proof(START - 120_000), (401, "expired")),
        (proof(START, path=PREFIX + "/node"), (403, "bad_signature")),
        (
            proof(START, Ed25519PrivateKey.from_private_bytes(b"x" * 32)),
            (403, "bad_signature"),
        ),
        ({"Authorization": "Tap-Operator now"}, (403, "bad_signature")),
    ],
)
async def test_a_wrong_proof_is_refused_and_counted(
    operated: Site, headers: dict[str, str], refused: tuple[int, str]
) -> None:
    operated.node.clock.now = START
    counter = ("tap_auth_failures_total", {"reason": refused[1]})
    before = REGISTRY.get_sample_value(*counter) or 0
    assert await operated.refused("GET", "/operator", headers=headers) == refused
    assert REGISTRY.get_sample_value(*counter) == before + 1


async def test_a_proof_opens_no_other_door(operated: Site) -> None:
    """It is no session: routes for people do not know it."""
    path = PREFIX + "/me"
    headers = proof(operated.node.clock.now, path=path)
    assert await operated.refused("GET", "/me", headers=headers) == (401, "unauthenticated")


async def test_colleagues_are_not_told(operated: Site) -> None:
    assert await operated.refused("GET", "/operator", "asha") == (403, "forbidden")


async def test_i8_what_anybody_may_ask_tells_no_count_and_no_lane(operated: Site) -> None:
    """A region outside a pair lane could otherwise ask how busy it is."""
    shown = _shown(PEER)
    assert shown.keys() == {"region", "state", "since", "rtt_ms", "skew_ms"}
    assert "pair" not in str(shown)
