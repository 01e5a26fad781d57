"""Webhooks over HTTP: what an admin sets and sees; that they work is tested where they do."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.app.operator_proof import sign
from tests.unit.api.site import PREFIX, Site, open_site

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
URL = "https://sink.example.com/tap?key=1"


@pytest.fixture
async def keyed(tmp_path: Path, database: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path, database, public_key=lambda: PUBLIC) as site:
        yield site


async def added(site: Site, **wish: Any) -> dict[str, Any]:
    response = await site.ask("POST", "/webhooks", "admin", json={"url": URL, **wish})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_what_was_set_is_shown_but_for_the_secret(site: Site) -> None:
    wanted = {"types": ["company.tap.post.*"]}
    made = await added(site, label="Search", filter=wanted, mode="batch", names="none")
    assert made["secret"].startswith("whsec_")
    response = await site.ask("GET", "/webhooks", "admin")
    assert made["secret"] not in response.text
    (shown,) = response.json()["webhooks"]
    assert shown | {"at": 0} == {
        "webhook": made["webhook"],
        "label": "Search",
        "url": URL,
        "mode": "batch",
        "filter": wanted,
        "names": "none",
        "state": "active",
        "reason": "",
        "position": site.node.tap.position,
        "behind": 0,
        "dead": 0,
        "failures": 0,
        "failing_since": 0,
        "next_at": 0,
        "rate": 0,
        "by": "admin",
        "at": 0,
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"url": "ftp://sink.example.com/"},
        {"url": "https://user:password@sink.example.com/"},
        {"url": "https:///nowhere"},
        {"url": "https://sink.example.com:0/"},
        {"url": "https://sink.example.com/#part"},
        {"url": "https://sink.éxample.com/"},
        {"filter": {"types": ["post.*"]}},
        {"mode": "xml"},
        {"names": "all"},
    ],
)
async def test_what_cannot_be_is_refused(site: Site, bad: dict[str, Any]) -> None:
    answer = await site.refused("POST", "/webhooks", "admin", json={"url": URL} | bad)
    assert answer == (422, "bad_value")


async def test_an_admin_sees_dead_letters_page_by_page(site: Site) -> None:
    made = await added(site, start="beginning")
    webhook = made["webhook"]
    for _ in range(2):
        done = await site.ask("POST", f"/webhooks/{webhook}/resume", "admin", json={"skip": True})
        assert done.status_code == 200
    page = await site.get(f"/webhooks/{webhook}/dead", "admin")
    assert [letter["position"] for letter in page["dead"]] == [1, 2]
    assert page["next"] is None
    rest = await site.get(f"/webhooks/{webhook}/dead", "admin", after=1)
    assert [letter["position"] for letter in rest["dead"]] == [2]
    retried = await site.ask("POST", f"/webhooks/{webhook}/dead/1/retry", "admin")
    assert retried.json() == {"delivered": True, "said": "it answered 204"}
    assert await site.refused("POST", f"/webhooks/{webhook}/dead/1/retry", "admin") == (
        404,
        "not_found",
    )


async def test_the_operator_signs_what_they_ask_for(keyed: Site) -> None:
    """The word holds for one wish: before another it proves nothing."""
    path, now = PREFIX + "/webhooks", keyed.node.clock()
    wish = msgspec.json.encode({"url": URL})
    word = sign(KEY, "POST", path, now, wish)
    other = msgspec.json.encode({"url": "https://other.example.com/"})
    for body, headers in ((other, word), (wish, sign(KEY, "POST", path, now))):
        refused = await keyed.refused(
            "POST", "/webhooks", content=body, headers={"Authorization": headers}
        )
        assert refused == (403, "bad_signature")
    done = await keyed.ask("POST", "/webhooks", content=wish, headers={"Authorization": word})
    assert done.status_code == 200
    word = sign(KEY, "GET", path, now)
    seen = await keyed.ask("GET", "/webhooks", headers={"Authorization": word})
    assert [one["by"] for one in seen.json()["webhooks"]] == [""]
