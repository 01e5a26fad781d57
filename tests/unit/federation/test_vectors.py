"""The conformance vectors: the server reads them as it must, and so would a peer written from the page.

``docs/protocol/federation.md`` section 13 says how to run them elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgpack
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.domain.errors import Code, Refused
from server.federation import frames
from server.federation.forks import verify_fork
from server.federation.frames import NAMES, Batch, Fork, Head
from server.federation.lanes import Held
from server.federation.trust import Proof, Roster, verify_batch, verify_head, verify_proof
from tests.vectors.federation import generate


def _read(name: str) -> Any:
    return json.loads((generate.FOLDER / name).read_text("utf-8"))


CHAIN, HEADS, PROOFS, FRAMES, BATCHES, FORKS = (_read(name) for name in generate.FILES)
ROSTER = Roster({region: [bytes.fromhex(key["public"])] for region, key in HEADS["keys"].items()})


def _cases(found: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", found, ids=[case["case"] for case in found])


def _code(act: Any) -> Code:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.refusal.code


@pytest.mark.parametrize("name", generate.FILES)
def test_the_files_are_what_the_generator_writes(name: str) -> None:
    written = (generate.FOLDER / name).read_text("utf-8")
    assert written == generate.text(name), "python -m tests.vectors.federation.generate"


# ---------------------------------------------------------------- the server


@_cases(FRAMES["good"])
def test_good_frames_survive_the_trip(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["bytes"])
    frame = frames.decode(raw)
    assert NAMES[type(frame)] == case["frame"]
    assert frames.encode(frame) == raw


@_cases(FRAMES["bad"])
def test_bad_frames_are_refused(case: dict[str, Any]) -> None:
    assert _code(lambda: frames.decode(bytes.fromhex(case["bytes"]))) == case["code"]


@_cases(BATCHES["cases"])
def test_batches_are_judged_as_written(case: dict[str, Any]) -> None:
    batch = frames.decode(bytes.fromhex(case["bytes"]))
    assert isinstance(batch, Batch)
    held = Held(case["held"]["seq"], bytes.fromhex(case["held"]["hash"]))
    if "code" in case:
        assert _code(lambda: verify_batch(batch, held, ROSTER)) == case["code"]
    else:
        verified = verify_batch(batch, held, ROSTER)
        assert held.seq + len(verified.events) == case["holds_then"]


@_cases(FORKS["cases"])
def test_forks_are_judged_as_written(case: dict[str, Any]) -> None:
    fork = frames.decode(bytes.fromhex(case["bytes"]))
    assert isinstance(fork, Fork)
    if "code" in case:
        assert _code(lambda: verify_fork(fork, ROSTER)) == case["code"]
    else:
        assert verify_fork(fork, ROSTER).seq == case["seq"]


def _head(elements: list[Any]) -> Head:
    raw = [bytes.fromhex(item) if at in (4, 6) else item for at, item in enumerate(elements)]
    return Head(*raw)


def test_the_good_head_fits() -> None:
    verify_head(_head(HEADS["good"]["head"]).signed, ROSTER)


@_cases(HEADS["bad"])
def test_bad_heads_are_refused(case: dict[str, Any]) -> None:
    assert _code(lambda: verify_head(_head(case["head"]).signed, ROSTER)) == case["code"]


@pytest.mark.parametrize("good", PROOFS["good"])
def test_proofs_fit(good: dict[str, Any]) -> None:
    *words, nonce, other = good["proof"]
    proof = Proof(*words, bytes.fromhex(nonce), bytes.fromhex(other))
    assert proof.signed_bytes.hex() == good["signed_bytes"]
    verify_proof(proof, bytes.fromhex(good["signature"]), ROSTER)


# ---------------------------------------------------------------- another team, from the page alone


def test_the_chain_follows_from_the_page() -> None:
    """Sections 3 and 4 with nothing but SHA-256 and MessagePack."""
    lane = CHAIN["lane"]
    name = msgpack.packb([lane["region"], lane["epoch"], lane["lane"]])
    previous = hashlib.sha256(b"tap lane 1" + name).digest()
    assert previous.hex() == lane["genesis"]
    for number, event in enumerate(CHAIN["events"], 1):
        *elements, commitment = event["header"]
        salt, body = bytes.fromhex(event["salt"]), bytes.fromhex(event["body"])
        assert hashlib.sha256(salt + body).hexdigest() == commitment == event["commitment"]
        header = msgpack.packb([*elements, bytes.fromhex(commitment)])
        assert header.hex() == event["header_bytes"]
        assert elements[:5] == [1, lane["region"], lane["epoch"], lane["lane"], number]
        previous = hashlib.sha256(previous + header).digest()
        assert previous.hex() == event["hash"]


def test_keys_and_heads_follow_from_the_page() -> None:
    """Sections 2 and 5 with nothing but Ed25519, SHA-256 and MessagePack."""
    for key in HEADS["keys"].values():
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["seed"]))
        public = private.public_key().public_bytes_raw()
        assert public.hex() == key["public"]
        assert hashlib.sha256(public).hexdigest()[:16] == key["key_id"]
    *words, signature = HEADS["good"]["head"]
    words[4] = bytes.fromhex(words[4])
    signed = b"tap head 1" + msgpack.packb(words)
    assert signed.hex() == HEADS["good"]["signed_bytes"]
    _check("de", signature, signed)


def test_proofs_follow_from_the_page() -> None:
    """Section 7 likewise."""
    for good in PROOFS["good"]:
        *words, nonce, other = good["proof"]
        elements = [*words, bytes.fromhex(nonce), bytes.fromhex(other)]
        signed = b"tap hello 1" + msgpack.packb(elements)
        assert signed.hex() == good["signed_bytes"]
        _check(words[1], good["signature"], signed)
        with pytest.raises(InvalidSignature):
            _check(words[2], good["signature"], signed)


def _check(region: str, signature: str, signed: bytes) -> None:
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(HEADS["keys"][region]["public"]))
    public.verify(bytes.fromhex(signature), signed)
