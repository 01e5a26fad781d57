"""The way out to receivers: real sockets on this machine, addresses that may not be asked, answers of all kinds."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from server.app.webhook_steps import Answered, Unreached, Verdict, verdict
from server.app.webhook_worker import Consent
from server.domain import limits
from server.ops.webhook_sender import WebhookSender, may_ask, networks_of, retry_after
from tests.support.certificates import certify
from tests.support.receivers import http, receiver

HERE = ("127.0.0.0/8",)
NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
ORIGIN = "tap.in.example.com"


@asynccontextmanager
async def sender(
    networks: Sequence[str] = HERE, tls: ssl.SSLContext | None = None, seconds_max: float = 10
) -> AsyncIterator[WebhookSender]:
    made = WebhookSender(networks_of(networks), tls, lambda: NOW, seconds_max)
    try:
        yield made
    finally:
        await made.close()


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1"),
        *("ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "192.0.2.1"),
        # Not private to Python: a local NAT64 (RFC 8215), IPv4 in other wrappings, site-local, never given out.
        *("64:ff9b:1::a00:1", "::a00:1", "::ffff:0:a00:1", "fec0::1", "5f00::1", "4000::1"),
    ],
)
def test_an_address_that_is_not_of_the_open_internet_is_not_asked(text: str) -> None:
    assert not may_ask(ip_address(text), ())


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_the_open_internet_may_be_asked(text: str) -> None:
    assert may_ask(ip_address(text), ())


def test_the_operator_lets_networks_be_asked_and_no_others() -> None:
    named = networks_of(["10.20.0.0/16", "fd00::/8"])
    assert may_ask(ip_address("10.20.3.4"), named)
    assert may_ask(ip_address("::ffff:10.20.3.4"), named)
    assert may_ask(ip_address("fd00::1"), named)
    assert not may_ask(ip_address("10.21.0.1"), named)


async def test_nothing_is_connected_to_that_may_not_be_asked() -> None:
    async with receiver(lambda *_: http(200)) as target, sender(networks=()) as sending:
        for url in (f"http://127.0.0.1:{target.port}/", f"https://localhost:{target.port}/"):
            outcome = await sending.post("w", url, {}, b"{}")
            assert isinstance(outcome, Unreached)
            assert "does not let be asked" in outcome.why
            assert isinstance(await sending.ask("w", url, ORIGIN), str)
        assert target.connections == 0


async def test_a_name_is_looked_up_once_and_that_address_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that means something harmless first and this machine a moment later gets nothing."""
    loop, asked = asyncio.get_running_loop(), []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(2, 1, 6, "", (address, port))]

    async with receiver(lambda *_: http(200)) as target, sender(["127.0.0.1/32"]) as sending:
        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        url = f"http://sink.example.com:{target.port}/hook?x=1"
        assert await sending.post("w", url, {}, b"{}") == Answered(200)
        (what, headers, _) = target.heard[0]
        assert what == "POST /hook?x=1"
        assert headers["host"] == f"sink.example.com:{target.port}"
        assert isinstance(await sending.post("w", url, {}, b"{}"), Unreached)
        # Only what httpx resolves itself may ask again, and that is an address by then.
        assert asked[:2] == ["sink.example.com"] * 2 or "127.0.0.1" in asked


async def here(host: str, port: int, **_: object) -> list[object]:
    return [(2, 1, 6, "", ("127.0.0.1", port))]


async def test_one_bad_address_of_a_name_spoils_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.1", "10.0.0.1")]

    async with sender() as sending:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        outcome = await sending.post("w", "https://sink.example.com/", {}, b"{}")
        assert isinstance(outcome, Unreached)
        assert "10.0.0.1" in outcome.why


async def test_without_tls_nobody_beyond_this_machine_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        return [(2, 1, 6, "", ("8.8.8.8", port))]

    async with sender() as sending:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        outcome = await sending.post("w", "http://sink.example.com/", {}, b"{}")
        assert outcome == Unreached("only a receiver on this machine may be asked without TLS")


# ---------------------------------------------------------------- answers


async def test_headers_and_body_arrive_and_the_answer_comes_back() -> None:
    async with receiver(lambda *_: http(422, "no\r\nsuch   kind")) as target, sender() as sending:
        named = {"Content-Type": "application/json", "webhook-id": "msg_1"}
        url = f"http://127.0.0.1:{target.port}/hook"
        outcome = await sending.post("w", url, named, b'{"a":1}')
        assert outcome == Answered(422, 0, "no such kind")
        (what, headers, body) = target.heard[0]
        assert (what, body) == ("POST /hook", b'{"a":1}')
        assert {
            "content-type": "application/json",
            "webhook-id": "msg_1",
        }.items() <= headers.items()


async def test_a_connection_is_kept_for_the_next_event() -> None:
    async with receiver(lambda *_: http(200)) as target, sender() as sending:
        for _ in range(5):
            await sending.post("w", f"http://127.0.0.1:{target.port}/", {}, b"{}")
        assert (len(target.heard), target.connections) == (5, 1)


async def test_a_redirect_is_not_followed() -> None:
    async with receiver(lambda *_: http(302, location="/elsewhere")) as target, sender() as sending:
        outcome = await sending.post("w", f"http://127.0.0.1:{target.port}/", {}, b"{}")
        assert verdict(outcome) is Verdict.FAILED
        assert len(target.heard) == 1


async def test_an_answer_without_end_is_not_read_to_it() -> None:
    async with receiver(lambda *_: http(500, "x" * 300_000)) as target, sender() as sending:
        outcome = await sending.post("w", f"http://127.0.0.1:{target.port}/", {}, b"{}")
        assert isinstance(outcome, Answered)
        assert len(outcome.words) == limits.WEBHOOK_ANSWER_BYTES_MAX


async def test_a_receiver_that_says_nothing_is_left() -> None:
    async with receiver(lambda *_: None) as target, sender(seconds_max=0.05) as sending:
        outcome = await sending.post("w", f"http://127.0.0.1:{target.port}/", {}, b"{}")
        assert outcome == Unreached("it did not answer in time")


async def test_a_receiver_that_is_not_there_is_an_outcome_too() -> None:
    async with receiver(lambda *_: http(200)) as target:
        port = target.port
    async with sender() as sending:
        assert isinstance(
            await sending.post("w", f"http://127.0.0.1:{port}/", {}, b"{}"), Unreached
        )


async def test_a_certificate_nobody_vouches_for_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, private = certify(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    trusting = ssl.create_default_context(cafile=chain)
    async with receiver(lambda *_: http(200), tls=server) as target:
        url = f"https://127.0.0.1:{target.port}/"
        async with sender() as doubting:
            assert isinstance(await doubting.post("w", url, {}, b"{}"), Unreached)
        async with sender(tls=trusting) as believing:
            assert await believing.post("w", url, {}, b"{}") == Answered(200)
        # The certificate is for 127.0.0.1: who has another name and the same address is somebody else.
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", here)
        async with sender(tls=trusting) as believing:
            other = f"https://sink.example.com:{target.port}/"
            assert isinstance(await believing.post("w", other, {}, b"{}"), Unreached)
        assert len(target.heard) == 1


# ---------------------------------------------------------------- the handshake


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        (http(200, WebHook_Allowed_Origin=ORIGIN, WebHook_Allowed_Rate="120"), Consent(120)),
        (http(204, WebHook_Allowed_Origin="*", WebHook_Allowed_Rate="*"), Consent()),
        (http(405, WebHook_Allowed_Origin="*"), Consent()),
        (http(200, Allow="POST"), None),
        (http(200, WebHook_Allowed_Origin="tap.de.example.com"), None),
    ],
)
async def test_a_receiver_has_to_say_that_it_wants_this(
    answer: bytes, meant: Consent | None
) -> None:
    async with receiver(lambda *_: answer) as target, sender() as sending:
        said = await sending.ask("w", f"http://127.0.0.1:{target.port}/hook", ORIGIN)
        (what, headers, body) = target.heard[0]
        assert (what, headers["webhook-request-origin"], body) == ("OPTIONS /hook", ORIGIN, b"")
        assert int(headers["webhook-request-rate"]) > 0
        assert said == meant if meant else "has to answer OPTIONS" in str(said)


@pytest.mark.parametrize(
    ("rate", "meant"),
    [("1", 1), ("0120", 120), ("60000", 60_000), ("60001", 60_000), ("9" * 5_000, 60_000)],
)
async def test_a_rate_may_be_any_positive_integer(rate: str, meant: int) -> None:
    answer = http(200, WebHook_Allowed_Origin="*", WebHook_Allowed_Rate=rate)
    async with receiver(lambda *_: answer) as target, sender() as sending:
        said = await sending.ask("w", f"http://127.0.0.1:{target.port}/hook", ORIGIN)
        assert said == Consent(meant)


@pytest.mark.parametrize("rate", ["0", "000", "-5", "120.5", "+120", "1e3", "many", "120, 60", ""])
async def test_a_rate_that_is_none_is_no_consent(rate: str) -> None:
    """It was meant to hold something back, so it does not stand for any rate."""
    answer = http(200, WebHook_Allowed_Origin="*", WebHook_Allowed_Rate=rate)
    async with receiver(lambda *_: answer) as target, sender() as sending:
        said = await sending.ask("w", f"http://127.0.0.1:{target.port}/hook", ORIGIN)
        assert "WebHook-Allowed-Rate" in str(said)
        assert len(str(said)) < 200


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("120", 120_000),
        ("0", 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("9" * 40, 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60_000),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
    ],
)
def test_when_to_come_back_is_said_in_seconds_or_as_a_date(value: str, milliseconds: int) -> None:
    assert retry_after(value, NOW) == milliseconds


def test_a_date_of_any_form_is_utc_and_what_is_none_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest form names no zone, and readers have to take it too (RFC 9110, 5.6.7)."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert retry_after("Thu Jan  1 00:02:00 2026", NOW) == 120_000
        assert retry_after("Thursday, 01-Jan-26 00:02:00 GMT", NOW) == 120_000
        for year in ("0", "10000", "9" * 20):
            assert retry_after(f"Thu, 01 Jan {year} 00:02:00 GMT", NOW) in (0, 120_000)
        assert retry_after(f"Thu, 01 Jan 2026 00:02:00 +{'9' * 20}", NOW) == 0
    finally:
        monkeypatch.undo()
        time.tzset()
