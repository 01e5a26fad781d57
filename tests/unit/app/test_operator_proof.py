"""A word signed with the node's key for one request, for a minute."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.app.operator_proof import refusal_of, sign
from server.domain import limits

NOW = 1_767_225_600_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
PATH = "/api/v1/operator"
BOUND = limits.OPERATOR_PROOF_SECONDS_MAX * 1000


def code_of(header: str, *, method: str = "GET", path: str = PATH, now: int = NOW) -> str | None:
    refusal = refusal_of(header, PUBLIC, method, path, now)
    return None if refusal is None else str(refusal.code)


def test_who_holds_the_key_is_believed_for_a_minute() -> None:
    header = sign(KEY, "GET", PATH, NOW)
    for now in (NOW, NOW + BOUND, NOW - BOUND):
        assert code_of(header, now=now) is None
    for now in (NOW + BOUND + 1, NOW - BOUND - 1):
        assert code_of(header, now=now) == "expired"


def test_a_word_is_for_one_request_only() -> None:
    header = sign(KEY, "GET", PATH, NOW)
    assert code_of(header, method="POST") == "bad_signature"
    assert code_of(header, path="/api/v1/import") == "bad_signature"
    later = header.replace(str(NOW), str(NOW + 1))
    assert code_of(later) == "bad_signature"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Tap-Operator",
        "Tap-Operator ",
        "Tap-Operator 1.",
        "Tap-Operator x.AAAA",
        "Tap-Operator 1.§",
        f"Tap-Operator {'9' * 5000}.AAAA",
        sign(Ed25519PrivateKey.from_private_bytes(b"x" * 32), "GET", PATH, NOW),
    ],
)
def test_anything_else_is_no_proof(header: str) -> None:
    assert code_of(header) == "bad_signature"


def test_a_node_without_a_key_believes_nobody() -> None:
    refusal = refusal_of(sign(KEY, "GET", PATH, NOW), "", "GET", PATH, NOW)
    assert refusal is not None
    assert refusal.code == "bad_signature"
