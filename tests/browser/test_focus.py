"""Where the focus is, and what is said: after a page came, after what had the focus went, while others write."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn
from tests.browser.test_resume import Cable, publish

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def within(page: Page, selector: str) -> None:
    """Waits until the focus is on such an element or in one."""
    page.wait_for_function(
        "(within) => document.activeElement.closest(within) !== null", arg=selector
    )


def ask(company: Company, crew: Crew, **poll: Any) -> str:
    made = company.do(
        crew.asha, "post.publish", place=crew.place, kind="poll", title="Which day?",
        poll={"method": "single", "choices": ["Monday", "Friday"]} | poll,
    )  # fmt: skip
    return str(made["post"])


def test_a_page_that_is_fetched_takes_the_focus_when_it_is_there(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    company.do(
        crew.asha, "post.publish", place=crew.place, kind="question", title="Why?", text="Tell."
    )
    page = sign_in(crew.meera)
    expect(page.locator(".feed > article")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("o")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Why?")
    expect(heading).to_be_focused()
    for name in (crew.community_name, company.name(crew.asha)):
        page.get_by_role("link", name=name).locator("visible=true").first.focus()
        page.keyboard.press("Enter")
        expect(heading).to_contain_text(name)
        expect(heading).to_be_focused()


def test_voting_keeps_the_focus_at_the_poll(sign_in: SignIn, company: Company, crew: Crew) -> None:
    page = sign_in(crew.meera, f"/t/{ask(company, crew)}")
    page.get_by_label("Friday").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Change vote")).to_be_visible()
    within(page, ".poll")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Change vote")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Vote", exact=True)).to_be_visible()
    within(page, ".poll")
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    within(page, ".poll")
    page.get_by_role("button", name="Withdraw vote").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Vote", exact=True)).to_be_visible()
    within(page, ".poll")


def test_ranking_keeps_the_focus_at_the_poll(sign_in: SignIn, company: Company, crew: Crew) -> None:
    page = sign_in(crew.meera, f"/t/{ask(company, crew, method='ranked')}")
    page.get_by_role("button", name="Move Monday down").focus()
    page.keyboard.press("Enter")
    within(page, ".ranking")
    page.locator(".poll").get_by_role("button").last.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".ranking")).to_have_count(0)
    within(page, ".poll")


def test_what_is_sent_or_put_away_leaves_the_focus_where_it_was_written(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Say something.")
    page = sign_in(crew.meera, f"/t/{post}")
    page.get_by_role("textbox", name="Write a reply").fill("Something.")
    page.locator(".reply-box").get_by_role("button", name="Reply").focus()
    page.keyboard.press("Enter")
    reply = page.locator("article.reply")
    expect(reply).to_contain_text("Something.")
    within(page, ".reply-box")
    reply.get_by_role("button", name="Reply").focus()
    page.keyboard.press("Enter")
    expect(reply.get_by_role("textbox")).to_be_focused()
    page.keyboard.type("And more.")
    page.keyboard.press("Control+Enter")
    expect(reply).to_have_count(2)
    within(page, "article.reply")
    page.goto("/")
    page.get_by_label("What is new?").focus()
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".composer.open")).to_have_count(0)
    within(page, ".composer")


def test_a_closed_notice_and_a_discarded_row_leave_the_focus_on_the_page(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Say something.")
    page = sign_in(crew.meera, f"/t/{post}")
    page.context.grant_permissions(["clipboard-write"])
    page.locator(".post.alone").get_by_role("button", name="Post actions").click()
    page.get_by_role("menuitem", name="Copy link").click()
    page.locator(".notice").get_by_role("button", name="Close").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_have_count(0)
    within(page, "#content")
    page.get_by_role("textbox", name="Write a reply").fill("x" * 40_001)
    page.locator(".reply-box").get_by_role("button", name="Reply").click()
    page.get_by_role("button", name="Discard").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".post.pending")).to_have_count(0)
    within(page, "#content")


def test_a_wrong_password_leaves_the_focus_on_the_button(
    browser: Browser, company: Company
) -> None:
    context = browser.new_context(base_url=company.url("in"))
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Your name in the directory").fill("asha.rao")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("name or password is wrong")
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    context.close()


def test_a_refused_dialog_leaves_the_focus_in_it(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "As it was.")
    page = sign_in(crew.asha, f"/t/{post}")
    page.locator(".post.alone").get_by_role("button", name="Post actions").click()
    page.get_by_role("menuitem", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Text").fill("x" * 40_001)
    dialog.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.get_by_role("button", name="Save")).to_be_focused()


def test_keys_pressed_over_a_dialog_do_nothing_below_it(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "As it was.")
    page = sign_in(crew.asha, f"/t/{post}")
    page.locator(".post.alone").get_by_role("button", name="Post actions").click()
    page.get_by_role("menuitem", name="Edit").click()
    page.get_by_role("dialog").get_by_label("Text").fill("Half a thought")
    page.get_by_role("dialog").get_by_role("heading").click()
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("dialog").get_by_label("Text")).to_have_value("Half a thought")
    assert page.url.endswith(post)


def test_the_search_key_finds_the_search_again(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    page = sign_in(crew.asha, "/people")
    for _ in range(2):
        page.get_by_role("heading", level=1).focus()
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()


SPOKEN = """() => {
  window.spoken = [];
  const region = document.querySelector("output.unseen");
  new MutationObserver(() => region.textContent && window.spoken.push(region.textContent))
    .observe(region, { childList: true, characterData: true, subtree: true });
}"""


def test_the_same_words_are_spoken_again(sign_in: SignIn, crew: Crew) -> None:
    page = sign_in(crew.asha)
    page.evaluate(SPOKEN)
    for text in ("One.", "Two."):
        page.get_by_label("What is new?").fill(text)
        page.keyboard.press("Control+Enter")
        expect(page.locator(".feed > article").first).to_contain_text(text)
        expect(page.locator(".post.pending")).to_have_count(0)
    spoken = page.evaluate("window.spoken")
    assert [text.strip() for text in spoken] == ["Sending…", "Sending…"]


def test_a_lively_thread_is_not_read_out_reply_by_reply(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Long. " * 900)
    page = sign_in(crew.meera, f"/t/{post}")
    page.evaluate(SPOKEN)
    for n in range(4):
        company.do(crew.asha, "reply.publish", parent=post, text=f"Reply {n}. " * 40)
        expect(page.locator(".pill")).to_contain_text(str(n + 1))
    page.locator("article.reply").last.scroll_into_view_if_needed()
    expect(page.locator(".pill")).to_have_count(0)
    assert page.evaluate("window.spoken") == ["1 new reply"]


def test_what_is_chosen_in_a_menu_or_list_can_be_seen(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    """WCAG 1.4.11: three to one; a wash of the background is far from it."""
    publish(company, crew, "On top.")
    page = sign_in(crew.meera)
    page.locator(".feed > article").first.get_by_role("button", name="Post actions").focus()
    page.keyboard.press("Enter")
    outline = "(element) => getComputedStyle(element).outlineStyle"
    assert page.get_by_role("menuitem").first.evaluate(outline) == "solid"
    page.keyboard.press("Escape")
    page.get_by_label("What is new?").fill("Ask @" + crew.ben.removesuffix("workshop"))
    option = page.locator(".people-list").get_by_role("option", selected=True)
    expect(option).to_be_visible()
    assert option.evaluate(outline) == "solid"


def test_a_list_of_colleagues_closes_when_its_field_is_left(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    page = sign_in(crew.meera, "/?new=praise")
    field = page.get_by_role("combobox", name="Who is it for?")
    field.press_sequentially(company.name(crew.lena).lower())
    found = page.locator(".people-list").get_by_role("option")
    expect(found.first).to_be_visible()
    page.keyboard.press("Tab")
    expect(found).to_have_count(0)
    expect(field).to_have_attribute("aria-expanded", "false")


def test_the_choices_of_a_poll_are_a_group_with_its_question(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    page = sign_in(crew.meera, f"/t/{ask(company, crew)}")
    group = page.get_by_role("group", name="Which day?")
    expect(group.get_by_role("radio")).to_have_count(2)


def test_a_narrow_page_lacks_nothing_one_can_do(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    """WCAG 1.4.4: at 200 % zoom a wide window is a narrow one."""
    page = sign_in(crew.lena, f"/c/{crew.community}", viewport={"width": 640, "height": 450})
    page.get_by_text("About", exact=True).locator("visible=true").click()
    mode = page.get_by_label("Contributions").locator("visible=true")
    mode.select_option("friendly")
    expect(page.get_by_role("link", name="Board")).to_be_visible()


def test_a_narrow_page_says_what_a_colleague_can_do(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    name = company.name(crew.meera)
    company.do(crew.meera, "profile.change", name=name, skills=["bearings"])
    page = sign_in(crew.asha, f"/p/{crew.meera}", viewport={"width": 640, "height": 450})
    expect(page.get_by_role("listitem").filter(has_text="bearings")).to_be_visible()


def test_tabs_do_not_scroll_out_of_sight(sign_in: SignIn, crew: Crew) -> None:
    page = sign_in(crew.lena, "/impact", viewport={"width": 1100, "height": 700})
    tabs = page.locator("nav.tabs")
    expect(tabs.get_by_role("link").nth(4)).to_be_visible()
    tabs.evaluate("(nav) => nav.append(nav.lastElementChild.cloneNode(true))")
    for width in (1100, 390, 320):
        page.set_viewport_size({"width": width, "height": 700})
        assert tabs.evaluate("(nav) => nav.scrollWidth <= nav.clientWidth"), width


def test_a_page_that_is_not_to_be_had_has_a_name_and_a_heading(
    browser: Browser, company: Company, crew: Crew, sign_in: SignIn
) -> None:
    page = sign_in(crew.asha, "/people")
    page.route("**/api/v1/communities/nowhere", lambda route: route.abort())
    page.evaluate("history.pushState(null, '', '/c/nowhere'); dispatchEvent(new Event('popstate'))")
    expect(page.get_by_role("alert").get_by_role("button", name="Try again")).to_be_visible()
    expect(page).to_have_title("This page could not be shown · Tap")
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_the_months_of_a_board_are_walked_by_keyboard(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    settings = {"community": crew.community, "name": crew.community_name, "mode": "friendly"}
    company.do(crew.lena, "community.change", **settings)
    page = sign_in(crew.lena, f"/c/{crew.community}/board")
    month = page.get_by_role("combobox")
    month.focus()
    month.select_option(index=1)
    expect(page).to_have_url(re.compile("month="))
    expect(page.locator(".waiting")).to_have_count(0)
    expect(month).to_be_focused()


def test_the_last_item_of_a_menu_can_be_seen_at_400_percent(sign_in: SignIn, crew: Crew) -> None:
    page = sign_in(crew.asha, viewport={"width": 320, "height": 256})
    page.locator(".phone-top .account").focus()
    page.keyboard.press("ArrowUp")
    last = page.get_by_role("menuitem", name="Sign out")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport(ratio=1)


def test_going_back_finds_the_focus_where_it_was(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    for n in range(6):
        publish(company, crew, f"Number {n}.")
    page = sign_in(crew.meera)
    third = page.locator(".feed > article").nth(2)
    third.focus()
    page.keyboard.press("o")
    expect(page.locator(".post.alone")).to_be_visible()
    page.go_back()
    expect(third).to_be_focused()


def test_that_a_reply_waits_for_the_network_is_spoken(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Far from any network.")
    page = sign_in(crew.meera, f"/t/{post}")
    cable = Cable(page)
    page.reload()
    expect(page.locator(".status-live").locator("visible=true")).to_be_visible()
    cable.pull()
    expect(page.locator(".status-waiting").locator("visible=true")).to_be_visible()
    page.evaluate(SPOKEN)
    page.get_by_role("textbox", name="Write a reply").fill("Here.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".post.pending")).to_have_count(1)
    assert page.evaluate("window.spoken") == ["Not sent yet: waiting for the network"]


def test_what_a_search_found_is_spoken(sign_in: SignIn, company: Company, crew: Crew) -> None:
    page = sign_in(crew.meera, "/people")
    page.evaluate(SPOKEN)
    page.get_by_role("searchbox").fill(company.name(crew.lena))
    page.wait_for_function("() => window.spoken.length === 1")
    page.get_by_role("searchbox").fill("nobody of that name")
    page.wait_for_function("() => window.spoken.length === 2")
    assert page.evaluate("window.spoken") == ["1 colleague found", "Nobody matches."]
