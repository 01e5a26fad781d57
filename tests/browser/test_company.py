"""Who is there and who is typing; and what the page says about its connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn
from tests.browser.test_pages import findings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def picture(page: Page, path: Path) -> None:
    """Light and dark, wide and narrow, of what a test has brought about; nothing scrolls sideways."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (PHONE, WIDE):
            page.set_viewport_size(width)  # type: ignore[arg-type]
            assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
            page.screenshot(path=path.with_name(f"{path.name}-{scheme}-{width['width']}.png"))
    page.emulate_media(color_scheme="light")


def publish(company: Company, crew: Crew, text: str) -> str:
    made = company.do(crew.asha, "post.publish", place=crew.place, kind="update", text=text)
    return str(made["post"])


def test_a_colleague_in_the_thread_is_there_and_typing(
    sign_in: SignIn, company: Company, crew: Crew, screens: Path
) -> None:
    post = publish(company, crew, "Shall we look at the seals together?")
    asha = sign_in(crew.asha, f"/t/{post}")
    meera = sign_in(crew.meera, f"/t/{post}")
    line = asha.locator(".typing")
    before = asha.get_by_role("textbox", name="Write a reply").bounding_box()
    expect(line).to_be_empty()

    meera.get_by_role("textbox", name="Write a reply").press_sequentially("Yes, at")
    expect(line).to_have_text(f"{company.name(crew.meera)} is typing…")
    assert asha.get_by_role("textbox", name="Write a reply").bounding_box() == before
    expect(meera.locator(".post.alone .presence")).to_have_text("Online")
    picture(asha, screens / "thread-typing")

    meera.get_by_role("button", name="Reply", exact=True).last.click()
    expect(asha.locator("article.reply")).to_contain_text("Yes, at")
    expect(line).to_be_empty()
    expect(asha.locator("article.reply .presence")).to_have_text("Online")

    asha.goto(f"/people?q={crew.meera}")
    expect(asha.locator(".person-row .presence-online")).to_be_visible()
    picture(asha, screens / "people-presence")
    asha.goto(f"/p/{crew.meera}")
    expect(asha.locator(".person-head .presence-online")).to_have_text("Online")
    picture(asha, screens / "person-presence")


@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_status_says_what_it_waits_for(
    sign_in: SignIn, crew: Crew, axe: str, screens: Path, width: Any
) -> None:
    page = sign_in(crew.meera, viewport=width)
    status = page.locator(".status").locator("visible=true")
    status.get_by_role("button").click()
    about = status.locator(".about-connection")
    expect(about).to_have_text("Connected by a websocket.")
    assert findings(page, axe) == []
    page.keyboard.press("Escape")
    expect(about).to_be_hidden()

    nobody_answers(page)
    page.reload()
    expect(status).to_contain_text("Reconnecting")
    status.get_by_role("button").click()
    expect(about).to_contain_text("The server does not answer.")
    expect(about).to_contain_text("What you write is kept on this device")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(path=screens / f"status-waiting-{scheme}-{width['width']}.png")


def nobody_answers(page: Page) -> None:
    def closed(socket: WebSocketRoute) -> None:
        socket.close(code=1013, reason="no network")

    page.route_web_socket("**/api/v1/live", closed)
    for fallback in ("**/api/v1/live/**", "**/api/v1/sync?since=*"):
        page.route(fallback, lambda request: request.abort())
