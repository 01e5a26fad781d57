"""Files in the page: attached by button, paste and drop, described, seen large, and missing in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn
from tests.browser.test_live import compose, first_post
from tests.support.pictures import jpeg, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PHONE = {"width": 390, "height": 844}
GIVE = """([how, name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name));
  const init = { bubbles: true, cancelable: true };
  const event = how === "paste"
    ? new ClipboardEvent("paste", { ...init, clipboardData: data })
    : new DragEvent("drop", { ...init, dataTransfer: data });
  document.querySelector("form.composer textarea").dispatchEvent(event);
}"""


def chosen(name: str, data: bytes, kind: str = "image/jpeg") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": data}


def fits(page: Page, axe: str) -> None:
    """No axe finding, no sideways scrolling."""
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
    page.evaluate(axe)
    found = page.evaluate(
        "axe.run().then((r) => r.violations.map((v) => v.id + ' ' + v.nodes[0].html))"
    )
    assert found == []


def test_a_gallery_from_composer_to_lightbox(
    sign_in: SignIn, company: Company, crew: Crew, screens: Path, axe: str
) -> None:
    asha, lena = sign_in(crew.asha), sign_in(crew.lena)
    composer = compose(asha, "Update", crew.community_name)
    composer.get_by_label("What is new?").fill("The new test bench")

    # By button, by paste, by drop; each is sent at once and can be described.
    composer.locator("input[type=file]").set_input_files(
        [chosen("bench.jpg", jpeg((800, 600))), chosen("curve.pdf", b"%PDF-1.7", "application/pdf")]
    )
    asha.evaluate(GIVE, ["paste", "pump.png", list(picture("PNG", (640, 640), "green"))])
    asha.evaluate(GIVE, ["drop", "valve.png", list(picture("PNG", (300, 600), "teal"))])
    attached = composer.get_by_role("list", name="Attached files")
    expect(attached.get_by_role("listitem")).to_have_count(4)
    expect(attached.get_by_role("progressbar")).to_have_count(0)
    composer.get_by_label("Description of bench.jpg").fill("A red bench")
    asha.screenshot(path=screens / "files-composer-light-wide.png")
    fits(asha, axe)

    # What was attached is kept with the draft.
    asha.reload()
    composer = asha.get_by_role("form", name="New post")
    composer.get_by_label("What is new?").click()
    expect(composer.get_by_label("Description of bench.jpg")).to_have_value("A red bench")
    composer.get_by_role("button", name="Remove valve.png").click()
    composer.get_by_role("button", name="Post", exact=True).click()

    pill = lena.get_by_role("button", name=re.compile("new post"))
    if pill.is_visible():
        pill.click()
    card = first_post(lena)
    expect(card).to_contain_text("The new test bench")
    expect(card.get_by_role("img", name="A red bench")).to_be_visible()
    expect(card.get_by_role("link", name=re.compile("curve.pdf"))).to_be_visible()
    lena.screenshot(path=screens / "files-card-light-wide.png")
    fits(lena, axe)

    # Large, by keyboard alone, and back to where one was.
    card.get_by_role("button", name="Open picture: A red bench").focus()
    lena.keyboard.press("Enter")
    dialog = lena.get_by_role("dialog", name="Picture 1 of 2")
    expect(dialog.locator("img.over")).to_be_visible()
    expect(dialog.locator(".large")).to_have_attribute("data-state", "here")
    lena.screenshot(path=screens / "files-lightbox-light-wide.png")
    fits(lena, axe)
    lena.keyboard.press("ArrowRight")
    expect(lena.get_by_role("dialog", name="Picture 2 of 2")).to_contain_text("pump.png")
    lena.keyboard.press("ArrowRight")
    expect(lena.get_by_role("dialog", name="Picture 1 of 2")).to_be_visible()
    lena.keyboard.press("Escape")
    expect(lena.get_by_role("dialog")).to_have_count(0)
    expect(card.get_by_role("button", name="Open picture: A red bench")).to_be_focused()


def test_on_a_phone_in_the_dark(
    sign_in: SignIn, company: Company, crew: Crew, screens: Path, axe: str
) -> None:
    phone = sign_in(crew.asha, viewport=PHONE, color_scheme="dark", has_touch=True)
    composer = compose(phone, "Update", crew.community_name)
    composer.get_by_label("What is new?").fill("Three of them")
    files = [
        chosen(f"{color}.png", picture("PNG", (600, 400), color), "image/png")
        for color in ("maroon", "navy", "olive")
    ]
    composer.locator("input[type=file]").set_input_files(files)
    expect(composer.get_by_label(re.compile("Description of"))).to_have_count(3)
    phone.screenshot(path=screens / "files-composer-dark-phone.png")
    fits(phone, axe)
    composer.get_by_role("button", name="Post", exact=True).click()
    card = first_post(phone)
    expect(card.get_by_role("button", name=re.compile("Open picture"))).to_have_count(3)
    phone.screenshot(path=screens / "files-card-dark-phone.png")
    fits(phone, axe)
    card.get_by_role("button", name="Open picture: navy.png").click()
    expect(phone.locator(".large")).to_have_attribute("data-state", "here")
    phone.screenshot(path=screens / "files-lightbox-dark-phone.png")
    fits(phone, axe)


def test_what_is_refused_is_said_and_nothing_is_attached(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    asha = sign_in(crew.asha)
    composer = compose(asha, "Update", crew.community_name)
    composer.locator("input[type=file]").set_input_files([chosen("virus.exe", b"MZ\x90\x00\x03")])
    expect(asha.get_by_role("alert")).to_contain_text("virus.exe: files of this kind are not taken")
    expect(composer.get_by_role("list", name="Attached files")).to_have_count(0)


def test_a_picture_that_has_not_come_yet_is_asked_for_again(
    sign_in: SignIn, company: Company, crew: Crew, screens: Path
) -> None:
    file = company.upload(crew.asha, jpeg((500, 400)))
    attach = [{"hash": file, "name": "leaf.jpg", "alt": "A leaf"}]
    post = company.do(
        crew.asha, "post.publish", place=crew.place, kind="update", text="See", attachments=attach
    )["post"]
    company.run_until_seen(crew.lena, post)
    lena = sign_in(crew.lena)
    cut = re.compile(r"/api/v1/media/[0-9a-f]{64}$")
    lena.route(cut, lambda route: route.abort())
    first_post(lena).get_by_role("button", name="Open picture: A leaf").click()
    away = lena.get_by_role("dialog").get_by_role("alert")
    expect(away).to_contain_text("has not come from its region yet")
    expect(lena.locator(".under")).to_be_visible()
    lena.screenshot(path=screens / "files-away-light-wide.png")
    lena.unroute(cut)
    away.get_by_role("button", name="Try again").click()
    expect(lena.locator(".large")).to_have_attribute("data-state", "here")


def test_a_reply_takes_a_picture_too(sign_in: SignIn, company: Company, crew: Crew) -> None:
    post = company.do(crew.asha, "post.publish", place=crew.place, kind="update", text="Show me")[
        "post"
    ]
    asha = sign_in(crew.asha, f"/t/{post}")
    asha.get_by_role("textbox", name="Write a reply").fill("Here")
    asha.locator(".reply-box input[type=file]").set_input_files([chosen("leaf.jpg", jpeg())])
    expect(asha.get_by_label("Description of leaf.jpg")).to_be_visible()
    asha.locator(".reply-box").get_by_role("button", name="Reply").click()
    expect(
        asha.locator("article.reply").get_by_role("button", name="Open picture: leaf.jpg")
    ).to_be_visible()
