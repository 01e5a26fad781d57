"""``tap demo`` as a newcomer meets it: three regions, people who talk, Ctrl-C, and again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tap_client import Client, Event, login
from tap_client.http import Http

from server.ops.demo import company
from server.ops.demo.command import demo_places
from server.ops.demo.nodes import HOST, Place, is_free
from tests.support.demo import announced, demo, holder, port_base, restart
from tests.support.naming import paths_naming
from tests.support.processes import SECONDS_MAX, rows, tap, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_the_company_talks_until_it_is_stopped_and_is_still_there_the_next_day(
    tmp_path: Path,
) -> None:
    base = port_base()
    places = demo_places(tmp_path, base)
    async with demo(tmp_path, "--port-base", str(base), "--seed", "1") as process:
        ready, password = await announced(process)
        assert ready == {place.region: place.url for place in places}
        await until("the history is written", lambda: (tmp_path / "history").exists(), 120)
        await until_it_moves(ready["de"], password)
        for place in places:
            kinds = {kind for (kind,) in rows(place, "SELECT DISTINCT kind FROM posts")}
            assert kinds >= {"question", "answer", "poll", "idea", "praise", "paper", "article"}
            assert rows(place, "SELECT count(*) FROM acceptances")[0][0] > 0
            assert rows(place, "SELECT count(*) FROM persons") == [(len(company.PERSON),)]
        await what_contributions_did_is_told(ready, password)
        await what_is_published_agrees_everywhere(places)
    assert process.returncode == 0
    assert all(is_free(place.port) for place in places)

    before = posts(places[0])
    async with demo(tmp_path, "--port-base", str(base), "--silent") as process:
        assert (await announced(process))[1] == password
        assert posts(places[0]) == before
        await a_second_demo_is_refused(tmp_path)
        await a_killed_node_comes_back(places[1], process)


async def what_contributions_did_is_told(ready: dict[str, str], password: str) -> None:
    """As README.md says: a newcomer whom to ask and why, an author what their answers did, a leader how peers do."""
    tokens: dict[str, str] = {}

    async def shown(person: str, path: str, **query: str) -> dict[str, Any]:
        url = ready[company.PERSON[person].region]
        if person not in tokens:
            tokens[person] = await login(url, person, password, "e2e")

        def ask() -> dict[str, Any]:
            with Http(url, tokens[person]) as http:
                return dict(http.get(path, **query))

        return await asyncio.to_thread(ask)

    for look in (whom_to_ask_and_why, what_an_answer_did, a_leader_beside_peers, nobody_compared):
        await until(look.__name__.replace("_", " "), partial(look, shown))


Shown = Callable[..., Awaitable[dict[str, Any]]]
"""(person, path, query) -> what a view of their node shows them."""


async def whom_to_ask_and_why(shown: Shown) -> bool:
    found = (await shown("tenzin.dorjee", "/experts", topic="firmware"))["experts"]
    assert all("on firmware" in expert["record"]["evidence"] for expert in found)
    return bool(found)


async def what_an_answer_did(shown: Shown) -> bool:
    impact = await shown("meera.iyer", "/me/impact")
    return bool(impact["lines"]) and any(month["people"] for month in impact["trend"])


async def a_leader_beside_peers(shown: Shown) -> bool:
    """In a settled month at least; and whoever the quartiles are of, none of them is named beside."""
    page = await shown("asha.rao", "/leader")
    for peer in company.PERSON.values():
        assert paths_naming(page["peers"], peer.id, peer.name) == []
    settled = {month["month"] for month in page["months"] if not month["provisional"]}
    told = [one for one in page["peers"] if one["why"] == "" and any(one["quartiles"].values())]
    return page["compare"] == "shown" and any(one["month"] in settled for one in told)


async def nobody_compared(shown: Shown) -> bool:
    """What German law allows without an agreement."""
    page = await shown("katharina.vogel", "/leader")
    assert page["peers"] == []
    return bool(page["compare"] == "policy")


async def what_is_published_agrees_everywhere(places: list[Place]) -> None:
    """Each region tells what its policy allows; every other one computes the same from its own log."""
    for place in places:
        tap("--config", place.config, "scoring", "publish")
    for place in places:
        await until(
            f"{place.region} has computed what all regions published",
            lambda place=place: outcomes(place) == dict.fromkeys(("br", "de", "in"), "agrees"),  # type: ignore[misc]
            120,
        )
        shown = rows(place, "SELECT DISTINCT origin FROM standings WHERE shown")
        assert {region for (region,) in shown} <= {"br", "in"}
    assert rows(places[0], "SELECT count(*) FROM standings WHERE shown AND origin = 'in'") != [(0,)]


def outcomes(place: Place) -> dict[str, str]:
    """Region -> what an audit of it comes to; the company goes on talking, so some lack what is on its way."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "server.ops.cli",
            *(f"--config={place.config} scoring audit --json").split(),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX * 4,
        check=False,
    )
    assert done.returncode in (0, 3), f"{done.stdout}{done.stderr}"
    return {verdict["region"]: verdict["outcome"] for verdict in json.loads(done.stdout)}


async def a_second_demo_is_refused(folder: Path) -> None:
    async with demo(folder) as second:
        _, errors = await asyncio.wait_for(second.communicate(), SECONDS_MAX)
    assert second.returncode == 3
    assert "in use by process" in errors.decode()


async def a_killed_node_comes_back(place: Place, process: asyncio.subprocess.Process) -> None:
    """Whatever kills a node is reported, and the node is started again."""
    before = holder(place)
    await restart(place, process)
    assert holder(place) != before


def posts(place: Place) -> int:
    return int(rows(place, "SELECT count(*) FROM posts")[0][0])


async def until_it_moves(url: str, password: str) -> None:
    """Something new is said while a newcomer listens."""
    person = company.at_home("de")[3].id
    said = asyncio.Event()

    def heard(event: Event) -> None:
        if event.type == "post.published":
            said.set()

    token = await login(url, person, password, "e2e")
    async with Client(url, token, on_event=heard) as tap:
        await tap.live()
        await asyncio.wait_for(said.wait(), SECONDS_MAX * 2)


async def interrupted(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """By somebody in a hurry, or a wrapper that passes on what the terminal sent already: what it said meanwhile."""
    said = asyncio.ensure_future(process.communicate())
    async with asyncio.timeout(SECONDS_MAX):
        while not said.done():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            await asyncio.wait({said}, timeout=0.005)
        return await said


async def test_a_first_start_that_is_cut_short_ends_and_the_next_one_begins_anew(
    tmp_path: Path,
) -> None:
    """By Ctrl-C while India's past is lived through, and by a power cut when only its people have passwords."""
    base = port_base()
    india, germany = demo_places(tmp_path, base)[:2]
    options = ("--port-base", str(base), "--silent")
    async with demo(tmp_path, *options) as process:
        await until("the founding begins", india.database.exists)
        out, errors = await interrupted(process)
    assert (process.returncode, out) == (0, b""), errors
    first, last = errors.decode().splitlines()
    assert (first[:11], last[:8]) == ("First start", "Stopping")
    assert not (tmp_path / "secrets.json").exists()
    async with demo(tmp_path, *options) as process:
        await until("the first region is founded", germany.database.exists)
        process.kill()
        await process.wait()
    async with demo(tmp_path, *options) as process:
        await announced(process)


async def test_a_node_killed_before_anybody_spoke_comes_back_and_the_company_begins(
    tmp_path: Path,
) -> None:
    base = port_base()
    germany = demo_places(tmp_path, base)[1]
    async with demo(tmp_path, "--port-base", str(base), "--seed", "1") as process:
        await announced(process)
        await restart(germany, process)
        count = "SELECT count(*) FROM communities WHERE home = 'de'"
        theirs = [one for one in company.COMMUNITIES if company.home_of(one.key) == "de"]
        await until("its communities are founded", lambda: rows(germany, count) == [(len(theirs),)])
        assert process.returncode is None


async def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        async with demo(tmp_path, "--port-base", port) as process:
            _, errors = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    assert process.returncode == 3
    assert f"Port {port} is in use" in errors.decode()
    assert "Traceback" not in errors.decode()
