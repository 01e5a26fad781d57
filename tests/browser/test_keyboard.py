"""Everything without a mouse: the key tables of the widgets we made ourselves (WAI-ARIA practices)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def feed(sign_in: SignIn, company: Company, crew: Crew) -> Page:
    for text in ("Third from the top.", "Second from the top.", "On top."):
        company.do(crew.asha, "post.publish", place=crew.place, kind="update", text=text)
    page = sign_in(crew.meera)
    expect(page.locator(".feed > article").first).to_contain_text("On top.")
    return page


def focused_text(page: Page) -> str:
    text: str = page.evaluate("document.activeElement.textContent")
    return text


def test_walking_the_feed(feed: Page) -> None:
    feed.keyboard.press("j")
    assert "On top." in focused_text(feed)
    feed.keyboard.press("j")
    assert "Second from the top." in focused_text(feed)
    feed.keyboard.press("PageDown")
    assert "Third from the top." in focused_text(feed)
    feed.keyboard.press("PageUp")
    feed.keyboard.press("k")
    assert "On top." in focused_text(feed)
    feed.keyboard.press("Control+Home")
    assert feed.evaluate("document.activeElement.closest('.feed')") is None
    feed.keyboard.press("j")
    feed.keyboard.press("o")
    expect(feed.locator(".post.alone")).to_contain_text("On top.")


def test_going_places(feed: Page) -> None:
    for keys, title in (
        ("gc", "Communities"),
        ("gp", "People"),
        ("gi", "My impact"),
        ("gh", "Home"),
    ):
        for key in keys:
            feed.keyboard.press(key)
        expect(feed.get_by_role("heading", level=1, name=title)).to_be_attached()
        expect(feed.get_by_role("heading", level=1, name=title)).to_be_focused()
        expect(feed).to_have_title(f"{title} · Tap")
    feed.keyboard.press("/")
    expect(feed.get_by_role("searchbox")).to_be_focused()
    feed.keyboard.type("gh")
    expect(feed.get_by_role("searchbox")).to_have_value("gh")


def test_single_keys_can_be_turned_off(feed: Page) -> None:
    feed.keyboard.press("?")
    feed.get_by_role("button", name="Turn single-key shortcuts off").click()
    feed.keyboard.press("Escape")
    feed.keyboard.press("?")
    expect(feed.get_by_role("dialog")).to_have_count(0)


def test_skip_link_is_first(feed: Page) -> None:
    feed.reload()
    expect(feed.locator(".feed > article").first).to_be_visible()
    feed.keyboard.press("Tab")
    expect(feed.get_by_role("link", name="Skip to content")).to_be_focused()
    feed.keyboard.press("Enter")
    expect(feed.locator("#content")).to_be_focused()


def test_menu(feed: Page) -> None:
    button = feed.locator(".feed > article").first.get_by_role("button", name="Post actions")
    items = feed.get_by_role("menuitem")
    button.focus()
    feed.keyboard.press("Enter")
    expect(items.first).to_be_focused()
    feed.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    feed.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    feed.keyboard.press("End")
    expect(items.last).to_be_focused()
    feed.keyboard.press("Home")
    feed.keyboard.press("c")
    expect(feed.get_by_role("menuitem", name="Copy link")).to_be_focused()
    feed.keyboard.press("Escape")
    expect(items).to_have_count(0)
    expect(button).to_be_focused()
    feed.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    feed.keyboard.press("Tab")
    expect(items).to_have_count(0)


def test_dialog_returns_the_focus(feed: Page) -> None:
    feed.get_by_role("link", name="Communities").first.click()
    opener = feed.get_by_role("button", name="New community")
    opener.focus()
    feed.keyboard.press("Enter")
    expect(feed.get_by_role("dialog")).to_be_visible()
    feed.keyboard.press("Escape")
    expect(feed.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_finding_a_colleague_while_typing_fast(feed: Page, company: Company, crew: Crew) -> None:
    lena = company.name(crew.lena)
    feed.goto("/?new=praise")
    field = feed.get_by_role("combobox", name="Who is it for?")
    field.focus()
    feed.keyboard.type(lena.lower())
    expect(field).to_have_value(lena.lower())
    expect(feed.get_by_role("option", name=lena)).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-expanded", "true")
    feed.keyboard.press("ArrowDown")
    feed.keyboard.press("Enter")
    expect(feed.locator(".chosen-person")).to_contain_text(lena)


def test_mentioning_a_colleague(feed: Page, company: Company, crew: Crew) -> None:
    ben = company.name(crew.ben)
    feed.get_by_label("What is new?").click()
    feed.keyboard.type("Ask @" + crew.ben.removesuffix("workshop"))
    expect(feed.get_by_role("option", name=ben)).to_be_visible()
    feed.keyboard.press("Enter")
    feed.keyboard.type("about it.")
    expect(feed.get_by_role("textbox", name="What is new?")).to_have_value(
        f"Ask @{crew.ben} about it."
    )
    feed.keyboard.press("Control+Enter")
    mention = feed.locator(".feed > article").first.get_by_role("link", name=f"@{ben}")
    expect(mention).to_have_attribute("href", f"/p/{crew.ben}")
