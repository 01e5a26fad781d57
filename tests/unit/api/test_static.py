"""The web client's files, security headers on every answer, and measurements without names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.api.hardening import policy
from server.api.route import Access
from server.api.static import folder_of_client
from server.api.table import PREFIX, ROUTES
from server.domain.errors import Code, Refusal
from tests.unit.api.site import Site, open_site

PAGE = b"<!doctype html><title>Tap</title>"
SCRIPT = b"console.log('tea');" * 200


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "assets" / "index-BzfW_bbC.js").write_bytes(SCRIPT)
    (folder / "icon.svg").write_bytes(b"<svg/>")
    return folder


@pytest.mark.parametrize("path", ["/", "/c/01kdvdna01xxrz2dw23xegt3k5", "/people?q=a", "/t/x/y"])
async def test_every_page_of_the_client_is_its_index(
    path: str, built: Path, tmp_path: Path, database: Path
) -> None:
    async with open_site(tmp_path, database, web=built) as site:
        response = await site.http.get(path)
        assert (response.status_code, response.content) == (200, PAGE)
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["content-type"].startswith("text/html")


async def test_hashed_assets_are_kept_for_ever(built: Path, tmp_path: Path, database: Path) -> None:
    async with open_site(tmp_path, database, web=built) as site:
        script = await site.http.get("/assets/index-BzfW_bbC.js")
        assert script.content == SCRIPT
        assert "immutable" in script.headers["cache-control"]
        assert script.headers["content-encoding"] == "gzip"
        icon = await site.http.get("/icon.svg")
        assert icon.headers["cache-control"] == "no-cache"
        again = await site.http.get("/icon.svg", headers={"If-None-Match": icon.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    ["/assets/old-hash.js", "/missing.png", "/assets/a.b"],
)
async def test_files_that_are_not_there_are_no_pages(
    path: str, built: Path, tmp_path: Path, database: Path
) -> None:
    async with open_site(tmp_path, database, web=built) as site:
        response = await site.http.get(path)
        assert response.status_code == 404, response.text
        assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/link.txt", "/assets/../../s.txt", "/%2e%2e/s.txt", "/..%2fs.txt", "//etc/passwd"]
)
async def test_no_file_outside_the_folder_is_served(
    path: str, built: Path, tmp_path: Path, database: Path
) -> None:
    (tmp_path / "s.txt").write_text("root: secret")
    (built / "link.txt").symlink_to(tmp_path / "s.txt")
    async with open_site(tmp_path, database, web=built) as site:
        assert "root:" not in (await site.http.get(path)).text


async def test_nothing_is_written_to_a_page(site: Site) -> None:
    assert (await site.http.post("/c/x")).status_code == 405


async def test_a_node_without_its_client_says_how_to_build_it(
    tmp_path: Path, database: Path
) -> None:
    async with open_site(tmp_path, database, web=tmp_path / "nothing") as site:
        response = await site.http.get("/")
        assert response.status_code == 503
        assert "make setup" in response.text


def test_the_client_is_found_in_the_package_or_the_checkout() -> None:
    found = folder_of_client()
    assert found is None or (found / "index.html").is_file()


@pytest.mark.parametrize("path", ["/", "/api/v1/node", "/api/v1/nowhere", "/healthz", "/x.png"])
async def test_every_answer_carries_the_security_headers(path: str, site: Site) -> None:
    headers = (await site.http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"]
    csp = headers["content-security-policy"]
    assert "unsafe" not in csp
    assert "frame-ancestors 'none'" in csp
    if path.startswith("/api"):
        assert headers["cache-control"] == "no-store"


def test_the_policy_names_our_own_sockets() -> None:
    assert "connect-src 'self' ws://tap.example wss://tap.example;" in policy("https://tap.example")
    assert "connect-src 'self';" in policy("")


async def test_plain_http_promises_no_https(tmp_path: Path, database: Path) -> None:
    async with open_site(tmp_path, database, public_url="http://127.0.0.1:8420") as site:
        assert "strict-transport-security" not in (await site.http.get("/healthz")).headers


async def test_no_series_is_named_by_a_stranger_or_for_a_person(site: Site) -> None:
    await site.http.get("/api/v1/people/asha-canary")
    await site.http.get("/canary-path")
    await site.http.request("BREW", "/canary-method")
    text = (await site.http.get("/metrics")).text
    assert "canary" not in text
    assert "BREW" not in text
    assert (
        'tap_http_requests_total{method="GET",route="/api/v1/people/{person}",status="401"}' in text
    )


async def test_a_stopping_node_is_not_ready(tmp_path: Path, database: Path) -> None:
    async with open_site(tmp_path, database, stopping=lambda: True) as site:
        assert await site.refused("GET", "//readyz") == (503, "stopping")
        assert (await site.http.get("/healthz")).status_code == 200


async def test_a_restored_node_shows_nothing_to_anybody_yet(tmp_path: Path, database: Path) -> None:
    """16.3: not even who is signed in is looked at; operators see how it is."""
    hidden = Refusal(Code.RECOVERING, "this node was restored; try again shortly")
    async with open_site(tmp_path, database, hidden=lambda: hidden) as site:
        for route in ROUTES:
            if route.access is not Access.ANYBODY:
                path = re.sub(r"{\w+}", "01kdvdna01xxrz2dw23xegt3k5", route.path)
                response = await site.http.request(route.method, PREFIX + path)
                assert response.status_code == 503, route
                assert response.json()["error"]["code"] == "recovering", route
                assert response.json()["error"]["retry"], route
                assert response.headers["retry-after"], route
        assert await site.refused("GET", "//readyz") == (503, "recovering")
        for path in ("/healthz", "/metrics", f"{PREFIX}/node"):
            assert (await site.http.get(path)).status_code == 200


async def test_long_answers_are_compressed_and_short_ones_are_not(site: Site) -> None:
    assert "content-encoding" not in (await site.ask("GET", "/node")).headers
    response = await site.ask("GET", "/openapi.json")
    assert response.headers["content-encoding"] == "gzip"
