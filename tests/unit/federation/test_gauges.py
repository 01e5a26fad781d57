"""What a collector reads of links on which nothing happens."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import REGISTRY

from server.federation import gauges
from server.federation.status import LinkStatus
from tests.support.certificates import certify

DAY = 86_400_000
NOW = 1_767_225_600_000
LINK = LinkStatus(
    region="zz",
    state="live",
    since=NOW,
    dialled_by="de",
    behind_events=3,
    lag_events=7,
    oldest_unacked_ms=4_500,
    rtt_ms=None,
    skew_ms=None,
    peer_epoch=None,
    forked=("de:1:global",),
    last_error=None,
    last_error_at=None,
    events_in=0,
    events_out=0,
    bytes_in=0,
    bytes_out=0,
    version=1,
    sending_bytes=100,
    credit_bytes=1000,
    waiting_bytes=10,
    silent_ms=9_500,
    certificate_until=NOW + 13 * DAY,
)


def value(name: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"peer": "zz"})


def test_every_number_of_a_link_is_measured() -> None:
    gauges.measure([LINK], NOW)
    expected = {
        "tap_peer_up": 1,
        "tap_peer_lag_events": 7,
        "tap_peer_lag_seconds": 4.5,
        "tap_peer_behind_events": 3,
        "tap_peer_silent_seconds": 9.5,
        "tap_peer_forked_lanes": 1,
        "tap_peer_sending_bytes": 100,
        "tap_peer_credit_bytes": 1000,
        "tap_peer_waiting_bytes": 10,
        "tap_peer_protocol_version": 1,
        "tap_peer_certificate_seconds": 13 * 86_400,
    }
    assert {name: value(name) for name in expected} == expected


def test_a_link_that_went_down_is_not_up_although_it_says_nothing() -> None:
    gauges.measure([LINK], NOW)
    gauges.measure([msgspec.structs.replace(LINK, state="backing_off")], NOW + 1_000)
    assert value("tap_peer_up") == 0
    assert value("tap_peer_certificate_seconds") == 13 * 86_400 - 1


class Transport:
    def __init__(self, tls: Any) -> None:
        self._tls = tls

    def get_extra_info(self, name: str) -> Any:
        return self._tls if name == "ssl_object" else None


def test_a_certificate_s_end_is_read_off_a_connection(tmp_path: Path) -> None:
    """Both ends of a handshake in memory: the same object a socket's transport shows."""
    chain, private = certify(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain, private)
    asking = ssl.create_default_context(cafile=str(chain))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    client = asking.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    for _ in range(4):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    found = gauges.certificate_until(Transport(client))  # type: ignore[arg-type]
    shown = client.getpeercert()
    assert shown is not None
    assert found == ssl.cert_time_to_seconds(str(shown["notAfter"])) * 1000


def test_without_tls_there_is_no_certificate() -> None:
    assert gauges.certificate_until(Transport(None)) is None  # type: ignore[arg-type]
