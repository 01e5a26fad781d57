"""Who is there and who is typing; and what the page says about its connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.company import Company
from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def publish(company: Company, text: str) -> str:
    place = "c:" + company.communities["Hydraulics"]
    made = company.do("asha.rao", "post.publish", place=place, kind="update", text=text)
    return str(made["post"])


def test_a_colleague_in_the_thread_is_there_and_typing(
    sign_in: SignIn, company: Company, screens: Path
) -> None:
    post = publish(company, "Shall we look at the seals together?")
    asha = sign_in("asha.rao", f"/t/{post}")
    meera = sign_in("meera", f"/t/{post}")
    line = asha.locator(".typing")
    before = asha.get_by_role("textbox", name="Write a reply").bounding_box()
    expect(line).to_be_empty()

    meera.get_by_role("textbox", name="Write a reply").press_sequentially("Yes, at")
    expect(line).to_have_text("Meera Iyer is typing…")
    assert asha.get_by_role("textbox", name="Write a reply").bounding_box() == before
    expect(meera.locator(".post.alone .presence")).to_have_text("Online")
    asha.screenshot(path=screens / "thread-typing.png")

    meera.get_by_role("button", name="Reply", exact=True).last.click()
    expect(asha.locator("article.reply")).to_contain_text("Yes, at")
    expect(line).to_be_empty()
    expect(asha.locator("article.reply .presence")).to_have_text("Online")

    asha.goto("/people?q=meera")
    expect(asha.locator(".person-row .presence-online")).to_be_visible()
    asha.screenshot(path=screens / "people-presence.png")
    asha.goto("/p/meera")
    expect(asha.locator(".person-head .presence-online")).to_have_text("Online")
    asha.screenshot(path=screens / "person-presence.png")


def test_the_status_says_what_it_waits_for(sign_in: SignIn, screens: Path) -> None:
    page = sign_in("meera")
    status = page.locator(".rail .status")
    status.get_by_role("button").click()
    about = status.locator(".about-connection")
    expect(about).to_have_text("Connected by a websocket.")
    page.keyboard.press("Escape")
    expect(about).to_be_hidden()

    nobody_answers(page)
    page.reload()
    expect(status).to_contain_text("Reconnecting")
    status.get_by_role("button").click()
    expect(about).to_contain_text("The server does not answer.")
    expect(about).to_contain_text("What you write is kept on this device")
    page.screenshot(path=screens / "status-waiting.png")


def nobody_answers(page: Page) -> None:
    def closed(socket: WebSocketRoute) -> None:
        socket.close(code=1013, reason="no network")

    page.route_web_socket("**/api/v1/live", closed)
    for fallback in ("**/api/v1/live/**", "**/api/v1/sync?since=*"):
        page.route(fallback, lambda request: request.abort())
