"""What moderators do: reports are answered, posts hidden and shown again, threads pinned and locked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn
from tests.browser.test_focus import within
from tests.browser.test_resume import publish
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def choose(page: Page, item: str) -> None:
    """From the menu of the post at the top of the thread."""
    page.locator(".post.alone").get_by_role("button", name="Post actions").click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def test_a_report_is_seen_answered_and_the_post_hidden(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Cheap watches, only today.")
    company.run_until_seen(crew.lena, post)
    reader = sign_in(crew.meera, f"/t/{post}")
    choose(reader, "Report")
    reader.get_by_role("dialog").get_by_label("What is wrong with it?").fill("An advertisement.")
    reader.get_by_role("dialog").get_by_role("button", name="Report").click()
    expect(reader.get_by_role("dialog")).to_have_count(0)

    path = f"/communities/{crew.community}/reports"
    company.run(until("the report has come", lambda: bool(company.get(crew.lena, path)["reports"])))
    page = sign_in(crew.lena, f"/c/{crew.community}")
    page.get_by_role("link", name="Reports", exact=True).click()
    report = page.get_by_role("region", name="To be answered").get_by_role("listitem")
    expect(report.get_by_role("article")).to_contain_text("Cheap watches, only today.")
    said = report.get_by_role("group")
    expect(said).to_contain_text("1 report")
    expect(said).to_contain_text("An advertisement.")
    expect(page.get_by_text(company.name(crew.meera))).to_have_count(0)

    said.get_by_role("button", name="Hide it").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Hide it")
    expect(dialog.get_by_label("Why is it hidden?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(said.get_by_role("button", name="Hide it")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Why is it hidden?").fill("Advertisements have no place here.")
    dialog.get_by_label("Note for other moderators (optional)").fill("The second this week.")
    dialog.get_by_role("button", name="Hide it").focus()
    page.keyboard.press("Enter")
    answered = page.get_by_role("region", name="Answered", exact=True)
    why = "Moderators hid this: Advertisements have no place here."
    expect(answered.get_by_role("article")).to_contain_text(why)
    expect(answered).to_contain_text("The reports were right. The second this week.")
    expect(page.get_by_text("Nothing waits for an answer.")).to_be_visible()
    within(page, "section")

    expect(reader.locator(".post.alone")).to_contain_text(why)
    author = sign_in(crew.asha, f"/t/{post}")
    expect(author.locator(".post.alone")).to_contain_text(why)
    author.goto(f"/c/{crew.community}")
    expect(author.get_by_role("heading", level=1)).to_be_visible()
    expect(author.get_by_role("link", name="Reports", exact=True)).to_have_count(0)
    author.goto(f"/c/{crew.community}/reports")
    refusal = "reports are for the community's moderators"
    expect(author.get_by_role("alert").filter(has_text=refusal)).to_be_visible()


def test_a_thread_is_hidden_shown_again_pinned_and_locked_from_its_menu(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "As it was.")
    company.run_until_seen(crew.lena, post)
    page = sign_in(crew.lena, f"/t/{post}")
    top = page.locator(".post.alone")
    choose(page, "Hide")
    dialog = page.get_by_role("dialog", name="Hide")
    dialog.get_by_label("Why is it hidden?").fill(" ")
    dialog.get_by_role("button", name="Hide").click()
    expect(dialog.get_by_role("alert")).to_contain_text("a reason that the author can read")
    dialog.get_by_label("Why is it hidden?").fill("It names a customer.")
    dialog.get_by_role("button", name="Hide").click()
    expect(top).to_contain_text("Moderators hid this: It names a customer.")
    expect(top.get_by_role("button", name="Post actions")).to_be_focused()
    choose(page, "Read what is hidden")
    hidden = page.get_by_role("dialog", name="Read what is hidden")
    expect(hidden).to_contain_text("As it was.")
    page.keyboard.press("Escape")
    choose(page, "Show again")
    expect(top).to_contain_text("As it was.")
    choose(page, "Pin")
    expect(top).to_contain_text("Pinned")
    choose(page, "Lock thread")
    expect(page.get_by_text("A moderator closed this thread.")).to_be_visible()
    choose(page, "Unlock thread")
    expect(page.get_by_role("textbox", name="Write a reply")).to_be_visible()
    choose(page, "Unpin")
    expect(top).not_to_contain_text("Pinned")
