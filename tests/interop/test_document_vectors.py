"""What was written from docs/protocol/federation.md alone agrees with the vectors of federation.md 13."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests.interop.stranger.log import (
    Key,
    Log,
    Refused,
    Run,
    check_fork,
    genesis,
    head_bytes,
    pack,
    proof_bytes,
    sha,
    unpack,
    verify,
)

STRANGER = Path(__file__).parent / "stranger"
VECTORS = Path(__file__).parents[1] / "vectors" / "federation"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def of_france() -> Log:
    seeds = vectors("heads")["keys"]
    keys = {region: Key(bytes.fromhex(key["seed"])) for region, key in seeds.items()}
    log = Log("fr", 1, keys["fr"])
    log.pin("de", keys["de"].public)
    return log


def raw(head: list[Any]) -> list[Any]:
    return [*head[:4], bytes.fromhex(head[4]), head[5], bytes.fromhex(head[6])]


def refused(code: str | None, act: Any, *arguments: Any) -> None:
    if code is None:
        act(*arguments)
    else:
        with pytest.raises(Refused, match=code):
            act(*arguments)


def test_the_vectors_of_chains_heads_and_proofs() -> None:
    chain, heads, log = vectors("chain"), vectors("heads"), of_france()
    lane = chain["lane"]
    hash_ = genesis((lane["region"], lane["epoch"], lane["lane"]))
    assert hash_.hex() == lane["genesis"]
    for event in chain["events"]:
        commitment = sha(bytes.fromhex(event["salt"]), bytes.fromhex(event["body"]))
        header = pack([*event["header"][:10], commitment])
        hash_ = sha(hash_, header)
        written = (commitment.hex(), header.hex(), hash_.hex())
        assert written == (event["commitment"], event["header_bytes"], event["hash"])
    for region, key in heads["keys"].items():
        assert key["key_id"] in log.keys[region]
    assert head_bytes(raw(heads["good"]["head"])).hex() == heads["good"]["signed_bytes"]
    for case in [heads["good"], *heads["bad"]]:
        refused(case.get("code"), log.check_head, raw(case["head"]))
    for case in vectors("proofs")["good"]:
        parts = case["proof"]
        signed = proof_bytes(*parts[:6], *map(bytes.fromhex, parts[6:]))
        assert signed.hex() == case["signed_bytes"]
        verify(log.keys[parts[1]][parts[5]], bytes.fromhex(case["signature"]), signed)


@pytest.mark.parametrize("case", vectors("batches")["cases"], ids=lambda case: case["case"])
def test_the_vectors_of_batches(case: dict[str, Any]) -> None:
    log, lane, held = of_france(), vectors("chain"), case["held"]
    key = (lane["lane"]["region"], lane["lane"]["epoch"], lane["lane"]["lane"])
    run = log.lanes[key] = Run(0, [genesis(key)])
    for event in lane["events"][: held["seq"]]:
        run.events.append([bytes.fromhex(event[part]) for part in ("header_bytes", "salt", "body")])
        run.hashes.append(bytes.fromhex(event["hash"]))
    run.hashes[-1] = bytes.fromhex(held["hash"])
    refused(case.get("code"), log.take, unpack(bytes.fromhex(case["bytes"])))
    assert run.seq == case.get("holds_then", held["seq"])


@pytest.mark.parametrize("case", vectors("forks")["cases"], ids=lambda case: case["case"])
def test_the_vectors_of_forks(case: dict[str, Any]) -> None:
    refused(case.get("code"), check_fork, of_france(), unpack(bytes.fromhex(case["bytes"])))


def test_the_stranger_has_nothing_of_ours() -> None:
    for path in STRANGER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            own = [
                name for name in names if name.split(".")[0] in ("server", "tests", "tap_client")
            ]
            assert all(name.startswith("tests.interop.stranger") for name in own)
