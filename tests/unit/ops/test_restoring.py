"""What a node does about a past in doubt: the gate, forks that are kept, and the operator's word (section 16)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import REGISTRY

from server.app.handle import Answer
from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import LaneKey
from server.federation.forks import ForkProof
from server.federation.lanes import Held
from server.federation.recovery import Phase, Recovery
from server.federation.trust import sign_head
from server.ops import config_file, core, keys, restoring
from server.ops.cli import cli
from server.ops.commands.shared import Exit
from server.ops.restoring import Forks, Restoring, known_forks
from server.storage import forks
from server.storage.node import open_node
from tests.support.node import START, TestNode, open_test_node
from tests.support.processes import until
from tests.unit.federation.lab import EPOCH, key_of


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as opened:
        await opened.register("asha")
        yield opened


def proof_of(key: LaneKey) -> ForkProof:
    first, second = (sign_head(key, Held(3, bytes([n]) * 32), key_of("de")) for n in (1, 2))
    return ForkProof(first, second, second.hash, ())


def gauge(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


class Seen:
    """Links of which a test says what they have heard."""

    seen: Any = ({}, {}, [])


async def test_the_gate_opens_step_by_step_and_that_is_written_down(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "LOOK_SECONDS", 0)
    recovery = Recovery("in", needed=True)
    gate = Restoring(recovery, node.handler, lambda: 0)
    assert gate.hidden() is restoring.HIDDEN
    assert restoring.HIDDEN.code is restoring.HELD.code is Code.RECOVERING
    assert gauge("tap_recovering") == 2
    assert await node.try_do("asha", "community.create", name="Tea") == restoring.HIDDEN
    running = asyncio.ensure_future(gate.run(Seen()))  # type: ignore[arg-type]
    recovery.phase = Phase.HELD
    gate._apply(Phase.HELD)
    assert gate.hidden() is None
    assert await node.try_do("asha", "community.create", name="Tea") == restoring.HELD
    recovery.phase = Phase.OPEN
    gate._apply(Phase.OPEN)
    await running
    assert gauge("tap_recovering") == 0
    assert isinstance(await node.try_do("asha", "community.create", name="Tea"), Answer)
    identity = await node.handler.run(lambda tx: open_node(tx, "in", b""))
    assert identity.recovering_since == 0


async def test_a_node_that_cannot_write_asks_again_at_the_next_start(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: Any) -> None:
        raise Refused(Code.READ_ONLY, "the disk failed")

    gate = Restoring(Recovery("in", needed=False), node.handler, lambda: 0)
    monkeypatch.setattr(node.handler, "run", refuse)
    await gate.run(Seen())  # type: ignore[arg-type]


async def test_a_proven_fork_is_kept_counted_and_known_at_the_next_start(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "COUNT_SECONDS", 0.001)
    desk = Forks(node.handler, node.reader, lambda: START)
    running = asyncio.ensure_future(desk.run())
    proof = proof_of(LaneKey("de", EPOCH, "global"))
    desk.found(proof)
    await until("the alarm is on", lambda: gauge("tap_federation_forks") == 1)
    assert await known_forks(node.reader) == [proof]
    assert not node.handler.doubt
    await node.handler.run(lambda tx: forks.resolve(tx, proof.key, START))
    await until("the alarm is off", lambda: gauge("tap_federation_forks") == 0)
    assert await known_forks(node.reader) == [proof], "left out for ever"
    running.cancel()


async def test_two_histories_of_our_own_epoch_end_it(node: TestNode) -> None:
    desk = Forks(node.handler, node.reader, lambda: START)
    desk.found(proof_of(LaneKey("in", node.handler.epoch - 1, "global")))
    assert not node.handler.doubt, "an earlier epoch is closed anyway"
    desk.found(proof_of(LaneKey("in", node.handler.epoch, "global")))
    await node.handler.doubted.wait()
    assert "two events 3 of our lane global" in node.handler.doubt
    answer = await node.try_do("asha", "community.create", name="Tea")
    assert isinstance(answer, Refusal)
    assert answer.code is Code.RECOVERING


# -- what the operator says ------------------------------------------------------------------------------------


async def _with_a_fork(folder: Path) -> None:
    keys.generate(folder / "data/node.key")
    (folder / "tap.toml").write_text('[node]\nregion = "de"\nname = "Germany"\n')
    config = config_file.load(folder / "tap.toml", {}).config
    async with core.opened(config, "test") as node:
        key = LaneKey("fr", EPOCH, "global")
        await node.handler.run(lambda tx: forks.keep(tx, key, 3, b"", START))


def test_forks_are_listed_until_an_operator_resolves_them(tmp_path: Path) -> None:
    asyncio.run(_with_a_fork(tmp_path))

    def tap(*verb: str) -> Any:
        return CliRunner().invoke(cli, ["--config", str(tmp_path / "tap.toml"), *verb])

    listed = tap("forks")
    assert listed.exit_code == Exit.FOUND
    assert "fr:100000007:global" in listed.stdout
    (fork,) = json.loads(tap("forks", "--json").stdout)
    assert fork == {
        "fork": "fr:100000007:global",
        "seq": 3,
        "held": 0,
        "found_at": "2026-01-01T00:00:00+00:00",
        "resolved_at": "",
    }
    for wrong, code in (("fr", Exit.USAGE), ("fr:1:global", Exit.FOUND)):
        assert tap("forks", "resolve", wrong).exit_code == code
    assert tap("forks", "resolve", fork["fork"]).exit_code == Exit.DONE
    assert tap("forks", "resolve", fork["fork"]).exit_code == Exit.FOUND, "once"
    assert tap("forks").exit_code == Exit.DONE
    assert "fr:100000007:global" in tap("forks").stdout, "it is still left out"


def test_a_node_without_forks_says_so(tmp_path: Path) -> None:
    keys.generate(tmp_path / "data/node.key")
    (tmp_path / "tap.toml").write_text('[node]\nregion = "de"\nname = "Germany"\n')
    at = ["--config", str(tmp_path / "tap.toml")]
    assert CliRunner().invoke(cli, [*at, "forks"]).exit_code == Exit.MACHINE

    async def start() -> None:
        async with core.opened(config_file.load(tmp_path / "tap.toml", {}).config, "test"):
            pass

    asyncio.run(start())
    answer = CliRunner().invoke(cli, [*at, "forks"])
    assert (answer.exit_code, answer.stdout) == (Exit.DONE, "No origin has signed two histories.\n")
