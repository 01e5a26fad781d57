"""How often an address may knock: bursts of whole offices, and no memory without end."""

from __future__ import annotations

import pytest

from server.domain import limits
from server.realtime import buckets
from server.realtime.buckets import Buckets


def of_handshakes() -> Buckets:
    return Buckets(limits.HANDSHAKES_PER_10_S, limits.HANDSHAKES_BURST)


def test_an_office_behind_one_address_comes_back_at_once() -> None:
    addresses = of_handshakes()
    assert all(addresses.take("203.0.113.7", 0) for _ in range(limits.HANDSHAKES_BURST))
    assert not addresses.take("203.0.113.7", 0)
    assert addresses.take("203.0.113.8", 0), "others are not held back"


def test_a_bucket_refills_at_its_rate() -> None:
    addresses = of_handshakes()
    for _ in range(limits.HANDSHAKES_BURST):
        addresses.take("203.0.113.7", 0)
    taken = [addresses.take("203.0.113.7", 1_000) for _ in range(limits.HANDSHAKES_PER_10_S)]
    assert sum(taken) == limits.HANDSHAKES_PER_10_S // 10
    assert not addresses.take("203.0.113.7", 1_000), "refusals cost nothing and give nothing"


def test_remembers_a_bounded_number_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """I9"""
    monkeypatch.setattr(buckets, "REMEMBERED_MAX", 3)
    addresses = Buckets(limits.HANDSHAKES_PER_10_S, 1)
    for name in "abcad":
        addresses.take(name, 0)
    assert len(addresses) == 3
    assert not addresses.take("a", 0), "it was used lately"
    assert addresses.take("b", 0), "it was not"
