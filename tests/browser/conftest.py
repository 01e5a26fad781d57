"""Chromium, two regions, and signing people in (docs/howto/web-client.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.browser.company import PASSWORD, Company, Crew, open_company

FLAGS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
]
ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "test-results" / "screens"
EXPECT_MS = 15_000
"""Two nodes, a browser and perhaps other work share the machine."""

SignIn = Callable[..., Page]


@pytest.fixture(scope="package")
def company(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    if not (ROOT / "clients" / "web" / "dist" / "index.html").exists():
        pytest.fail("the web client is not built: run `make setup` first")
    tests = [item for item in request.session.items if "crew" in getattr(item, "fixturenames", ())]
    with open_company(tmp_path_factory.mktemp("company"), crews=len(tests)) as company:
        yield company


@pytest.fixture
def crew(company: Company) -> Crew:
    """The test's own people, to whom nothing has happened yet."""
    return company.new_crew()


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    """One for all tests: closing it can take seconds.

    Gone before tests elsewhere begin: while it is there, Playwright keeps an event loop running in this
    thread, and no other test could start one of its own."""
    expect.set_options(timeout=EXPECT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(browser: Browser, company: Company) -> Iterator[SignIn]:
    """Signs a person in, in a browser context of their own, and waits until they are live.

    A page that complains in its console, or throws, fails its test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(page: Page, person: str) -> None:
        def said(message: ConsoleMessage) -> None:
            # A page asks who is signed in, and is told: nobody; a stopping node says that it stops.
            # Cut networks are some tests' point, files that are not taken another's, a page that is for
            # others a third's.
            expected = (
                "401",
                "403",
                "422",
                "503",
                "ERR_INTERNET_DISCONNECTED",
                "ERR_CONNECTION",
                "ERR_FAILED",
                "WebSocket connection",
            )
            if message.type == "error" and not any(part in message.text for part in expected):
                complaints.append(f"{person}: {message.text}")

        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(f"{person}: {error}"))

    def signed_in(person: str, path: str = "/", **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        context = browser.new_context(base_url=company.url(company.home(person)), **options)
        contexts.append(context)
        page = context.new_page()
        listen(page, person)
        page.goto(path)
        page.get_by_label("Your name in the directory").fill(person)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".status-live").locator("visible=true")).to_be_visible()
        return page

    yield signed_in
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's program text: injected by evaluate, because the security policy forbids script tags."""
    path = ROOT / "clients" / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        pytest.fail("axe-core is not installed: run `make setup-dev` first")
    return path.read_text("utf-8")


@pytest.fixture(scope="session")
def screens() -> Path:
    SCREENS.mkdir(parents=True, exist_ok=True)
    return SCREENS
