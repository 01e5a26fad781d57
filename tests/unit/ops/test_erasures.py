"""``tap erasures`` and the doctor: what is open, since when, and who is missing."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from server.domain import events as e
from server.domain.decide import Context, Decided, Draft
from server.domain.facts import Facts
from server.ops import config_file, core
from server.ops.commands.erasures import _age
from server.ops.commands.shared import Exit
from server.ops.doctor_facts import read_erasures

Tap = Callable[..., Result]


def write(node: Path, *drafts: Draft) -> None:
    """Events of the node itself, while it is stopped."""
    config = config_file.load(node / "tap.toml", {}).config

    async def append() -> None:
        async with core.opened(config, "test") as opened:

            def decided(_facts: Facts, _context: Context) -> Decided:
                return Decided(list(drafts), {})

            await opened.handler.append(decided)

    asyncio.run(append())


def asked(request: str, lane: str = "control") -> Draft:
    event = e.ErasureRequested(request=request, scope="person", target="ada", reason="left")
    return Draft(lane, "ada", event, ())


def answered(request: str, lane: str = "control") -> Draft:
    return Draft(lane, "", e.ErasureCompleted(request=request, region="de", bodies=7), ())


def with_peer(node: Path) -> None:
    peer = f'\n[[peers]]\nregion = "br"\nurl = "http://127.0.0.1:9"\npublic_key = "{"A" * 43}="\n'
    (node / "tap.toml").write_text((node / "tap.toml").read_text() + peer)


def test_nothing_is_open_on_a_new_node(tap: Tap, started: Path) -> None:
    answer = tap("erasures")
    assert (answer.exit_code, answer.stdout) == (Exit.DONE, "No erasure is open.\n")


def test_a_node_that_never_started_has_no_database(tap: Tap, node: Path) -> None:
    assert tap("erasures").exit_code == Exit.MACHINE


def test_who_is_missing_is_named(tap: Tap, started: Path) -> None:
    with_peer(started)
    write(started, asked("r1"), answered("r1"), asked("r2", "local"), answered("r2", "local"))
    answer = tap("erasures")
    assert answer.exit_code == Exit.FOUND
    head, line = answer.stdout.splitlines()
    assert head.split() == ["REQUEST", "OF", "WHAT", "AGE", "RECEIPTS", "MISSING"]
    assert line.split()[:4] == ["r1", "de", "person", "ada"]
    assert line.endswith("1 of 2    br")


def test_all_of_them_for_programs(tap: Tap, started: Path) -> None:
    with_peer(started)
    write(started, asked("r1"), answered("r1"), asked("r2", "local"), answered("r2", "local"))
    answer = tap("erasures", "--all", "--json")
    found = {one["request"]: one for one in json.loads(answer.stdout)}
    assert {name: one["missing"] for name, one in found.items()} == {"r1": ["br"], "r2": []}
    assert found["r1"]["receipts"][0]["bodies"] == 7
    assert (found["r2"]["regions"], found["r2"]["by"]) == (1, "ada")


def test_a_region_that_left_is_missing_no_more(tap: Tap, started: Path) -> None:
    write(started, asked("r1"), answered("r1"))
    assert tap("erasures").exit_code == Exit.DONE


def test_the_doctor_is_told(tap: Tap, started: Path) -> None:
    with_peer(started)
    write(started, asked("r1"))
    config = config_file.load(started / "tap.toml", {}).config
    found = asyncio.run(read_erasures(config))
    assert (found.number, found.missing) == (1, ("br", "de"))
    assert found.oldest_seconds < 60


def test_ages_are_said_as_people_do() -> None:
    assert [_age(seconds) for seconds in (5, 90, 7_200, 200_000)] == ["5 s", "1 min", "2 h", "2 d"]
