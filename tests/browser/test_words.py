"""What somebody typed is not lost: not with a refusal, not where the outbox takes no more."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn
from tests.browser.test_resume import Cable, publish, status

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TOO_LONG = "word " * 8_001
"""A character or more above what a post takes."""

FULL = """async ([person, count]) => {
  const opening = indexedDB.open("tap");
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const store = (await done(opening)).transaction("kept", "readwrite").objectStore("kept");
  for (let n = 0; n < count; n += 1) {
    const key = `0000000000000000000000${String(n).padStart(4, "0")}`;
    const command = { do: "read.mark", channel: "g", up_to: n };
    const entry = { key, at: Date.now(), command, before: null, state: "waiting", error: null, answer: null, position: 0 };
    await done(store.put(entry, `outbox:${person}:${key}`));
  }
}"""
"""Leaves so many commands of a person waiting in the browser."""


def open_editor(page: Page) -> None:
    page.locator(".post.alone").get_by_role("button", name="Post actions").click()
    page.get_by_role("menuitem", name="Edit").click()


def save(page: Page, text: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Text").fill(text)
    dialog.get_by_role("button", name="Save").click()


def test_a_refused_edit_stays_in_its_editor(sign_in: SignIn, company: Company, crew: Crew) -> None:
    post = publish(company, crew, "As it was.")
    page = sign_in(crew.asha, f"/t/{post}")
    open_editor(page)
    save(page, TOO_LONG)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("40,000")
    expect(dialog.get_by_label("Text")).to_have_value(TOO_LONG)
    save(page, "Shorter.")
    expect(dialog).to_have_count(0)
    expect(page.locator(".post.alone")).to_contain_text("Shorter.")
    expect(page.get_by_role("alert").filter(has_text="40,000")).to_have_count(0)


def test_an_edit_refused_later_is_told_at_its_post_and_opens_again(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "As it was.")
    page = sign_in(crew.asha, f"/t/{post}")
    cable = Cable(page)
    page.reload()
    status(page)
    cable.pull()
    expect(page.locator(".status-waiting").locator("visible=true")).to_be_visible()
    open_editor(page)
    save(page, TOO_LONG)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_count(0)
    page.reload()
    cable.put_back()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    refused = page.locator(".post.alone").get_by_role("alert")
    expect(refused).to_contain_text("40,000")
    refused.get_by_role("button", name="Edit").click()
    expect(dialog.get_by_role("alert")).to_contain_text("40,000")
    expect(dialog.get_by_label("Text")).to_have_value(TOO_LONG)
    save(page, "Shorter.")
    expect(page.locator(".post.alone")).to_contain_text("Shorter.")
    expect(refused).to_have_count(0)


def test_what_was_refused_is_changed_where_it_stands_and_leaves_other_drafts_alone(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    """A post, a reply and a message: each is written in a box that holds other words by then."""
    post = publish(company, crew, "Say something.")
    with_meera = company.do(crew.asha, "conversation.start", members=[crew.meera])["conversation"]
    page = sign_in(crew.asha, f"/c/{crew.community}")

    def changed(form: str, label: str, button: str, words: str) -> None:
        box = page.locator(form).get_by_role("textbox", name=label, exact=True)
        box.fill(TOO_LONG)
        page.locator(form).get_by_role("button", name=button, exact=True).click()
        refused = page.locator(".post.pending")
        expect(refused.get_by_role("alert")).to_contain_text("40,000")
        box.fill("Half a thought")

        refused.get_by_role("button", name="Edit").click()
        again = page.get_by_role("form", name="Change and send again")
        field = again.get_by_role("textbox", name=label, exact=True)
        expect(field).to_be_focused()
        expect(field).to_have_value(TOO_LONG.strip())
        expect(again.get_by_role("alert")).to_contain_text("40,000")
        field.fill(words)
        again.get_by_role("button", name="Cancel").click()
        expect(refused).to_contain_text("Not sent.")
        page.reload()
        refused.get_by_role("button", name="Edit").click()
        expect(field).to_have_value(words)
        again.get_by_role("button", name=button, exact=True).click()

        expect(page.locator(".post, .reply").filter(has_text=words)).to_be_visible()
        expect(page.get_by_role("alert").filter(has_text="40,000")).to_have_count(0)
        expect(again).to_have_count(0)
        expect(box).to_have_value("Half a thought")
        assert (
            page.evaluate("Object.keys(localStorage).filter((key) => key.includes('again'))") == []
        )

    changed(".composer", "What is new?", "Post", "A shorter post.")
    page.goto(f"/t/{post}")
    changed(".reply-box", "Write a reply", "Reply", "A shorter reply.")
    page.goto(f"/d/{with_meera}")
    changed(".composer", "Write a message", "Send", "A shorter message.")


def test_a_full_outbox_takes_no_words_from_where_they_are_written(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Far from any network.")
    page = sign_in(crew.asha, f"/t/{post}")
    cable = Cable(page)
    cable.pull()
    page.evaluate(FULL, [crew.asha, 500])
    page.reload()
    expect(page.locator(".status").locator("visible=true")).to_contain_text("500 to send")

    def stays(form: str, label: str, button: str) -> None:
        place = page.locator(form)
        field = place.get_by_label(label, exact=True)
        field.fill("Words somebody thought about.")
        place.get_by_role("button", name=button, exact=True).click()
        expect(place.get_by_role("alert")).to_contain_text("Too much is waiting")
        expect(field).to_have_value("Words somebody thought about.")

    stays(".reply-box", "Write a reply", "Reply")
    open_editor(page)
    stays(".dialog", "Text", "Save")
    page.keyboard.press("Escape")
    page.goto(f"/c/{crew.community}")
    stays(".composer", "What is new?", "Post")
    page.goto("/communities")
    page.get_by_role("button", name="New community").click()
    stays(".dialog", "Name", "New community")
    page.keyboard.press("Escape")
    made = company.do(crew.asha, "conversation.start", members=[crew.meera])
    page.goto(f"/d/{made['conversation']}")
    stays(".composer", "Write a message", "Send")
