"""One's own profile is changed where it is shown, and colleagues find what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn
from tests.browser.test_company import picture
from tests.browser.test_pages import findings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ABOUT = "Plays the sarod."
"""Does not leave the region by the policy a region begins with."""


def edited(page: Page) -> None:
    page.get_by_role("button", name="Edit profile").click()
    expect(page.get_by_role("dialog").get_by_role("textbox", name="Name")).to_be_visible()


def test_who_says_what_they_know_is_found_by_it(
    sign_in: SignIn, company: Company, crew: Crew, axe: str, screens: Path
) -> None:
    known = {"about": ABOUT, "country": "IN", "locale": "hi", "timezone": "Asia/Kolkata"}
    name = company.name(crew.meera)
    company.do(crew.meera, "profile.change", name=name, skills=["bearings", "tea"], **known)
    page = sign_in(crew.meera, f"/p/{crew.meera}")
    other = page.context.new_page()
    other.goto(f"/p/{crew.meera}")
    expect(other.get_by_role("listitem").filter(has_text="bearings")).to_be_visible()

    edited(page)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("combobox", name="Time zone", exact=True)).to_have_value(
        "Asia/Kolkata"
    )
    assert findings(page, axe) == []
    picture(page, screens / "profile-edit")
    page.emulate_media(forced_colors="active")
    page.screenshot(path=screens / "profile-edit-forced.png")
    page.emulate_media(forced_colors="none")
    dialog.get_by_role("button", name="Remove tea").focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("group", name="Skills")).to_be_focused()
    skill = dialog.get_by_role("textbox", name="Another skill")
    skill.fill(f"seals, cavitation {name}")
    skill.press("Enter")
    expect(dialog.get_by_role("listitem")).to_have_text(["bearings", "seals", f"cavitation {name}"])
    skill.fill("grease")
    dialog.get_by_role("button", name="Save").click()

    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Edit profile")).to_be_focused()
    for shown in (page, other):
        items = shown.locator("ul.topics").locator("visible=true").get_by_role("listitem")
        expect(items).to_have_text(["bearings", "seals", f"cavitation {name}", "grease"])
        expect(shown.get_by_text(ABOUT)).to_be_visible()
    person = company.get(crew.meera, f"/people/{crew.meera}")["person"]
    assert known.items() <= person.items()

    asha = sign_in(crew.asha, f"/people?q=cavitation {name}")
    expect(asha.locator(".person-row")).to_contain_text(name)
    asha.goto(f"/p/{crew.meera}")
    expect(asha.get_by_role("button", name="Follow")).to_be_visible()
    expect(asha.get_by_role("button", name="Edit profile")).to_have_count(0)


def test_what_is_refused_is_said_at_its_field(sign_in: SignIn, crew: Crew) -> None:
    page = sign_in(crew.meera, f"/p/{crew.meera}", viewport={"width": 320, "height": 640})
    edited(page)
    dialog = page.get_by_role("dialog")
    skill = dialog.get_by_role("textbox", name="Another skill")
    skill.fill("y" * 100)
    skill.press("Enter")
    skill.fill("x" * 121)
    dialog.get_by_role("button", name="Save").click()
    alert = dialog.get_by_role("alert")
    expect(alert).to_contain_text("must have at most 120 characters")
    expect(skill).to_be_focused()
    assert alert.inner_text() in skill.evaluate(
        "(field) => field.getAttribute('aria-describedby').split(' ')"
        ".map((id) => document.getElementById(id)?.innerText).join(' ')"
    )
    assert dialog.evaluate("(box) => box.scrollWidth <= box.clientWidth")
    skill.fill("seals")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    shown = page.get_by_role("listitem").filter(has_text="seals").locator("visible=true")
    expect(shown).to_be_visible()
