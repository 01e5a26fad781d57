"""Two colleagues in two regions, each at their own node: what one does, the other sees, live."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def compose(page: Page, kind: str, place: str) -> Locator:
    """The composer, opened for one kind of post in one community."""
    composer = page.get_by_role("form", name="New post")
    composer.get_by_label("What is new?").click()
    composer.get_by_text(kind, exact=True).click()
    composer.get_by_label("Post in").select_option(label=place)
    return composer


def first_post(page: Page) -> Locator:
    return page.locator(".feed > article").first


def test_question_answer_and_credit_across_regions(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    text = "Ask anything."
    company.do(crew.lena, "post.publish", place=crew.place, kind="update", text=text)
    asha, lena = sign_in(crew.asha), sign_in(crew.lena)
    expect(first_post(lena)).to_contain_text(text)

    # Asked in India ...
    composer = compose(asha, "Question", crew.community_name)
    composer.get_by_label("Your question in one sentence").fill("How do I read a pump curve?")
    composer.get_by_label("What would you like to know?").fill("I tried the manual, **twice**.")
    composer.get_by_role("button", name="Ask").click()
    expect(first_post(asha)).to_contain_text("How do I read a pump curve?")
    expect(first_post(asha).locator("strong")).to_have_text("twice")

    # ... it waits in Germany without moving what is read, and comes when asked for.
    pill = lena.get_by_role("button", name=re.compile("new post"))
    expect(pill).to_be_visible()
    expect(lena.locator(".feed")).not_to_contain_text("pump curve")
    pill.click()
    expect(first_post(lena)).to_contain_text("How do I read a pump curve?")
    expect(first_post(lena).get_by_title("From region IN")).to_be_visible()

    # Answered in Germany: the open thread in India gains it.
    first_post(lena).get_by_role("link", name="How do I read a pump curve?").click()
    answer = lena.get_by_role("textbox", name="Write an answer")
    answer.fill("Start at the best efficiency point and walk left.")
    lena.get_by_role("button", name="Answer").click()
    first_post(asha).get_by_role("link", name="How do I read a pump curve?").click()
    reply = asha.locator("article.reply")
    expect(reply).to_contain_text("best efficiency point")
    expect(reply.get_by_title("From region DE")).to_be_visible()

    # Lena looks at her ledger while Asha accepts: the credit appears by itself, with its reasons.
    lena.goto("/impact")
    expect(lena.get_by_role("heading", name="My impact")).to_be_visible()
    expect(lena.locator(".credit")).to_have_count(0)
    reply.get_by_role("button", name="Accept answer").click()
    expect(asha.locator(".reply.accepted")).to_contain_text("best efficiency point")
    credit = lena.locator(".credit")
    expect(credit).to_have_count(1)
    expect(credit).to_contain_text(company.name(crew.asha))
    # The community is quiet: whom it helped is told, and numbers are for who asks.
    expect(lena.get_by_text("Your work helped 1 colleague")).to_be_visible()
    expect(lena.locator("dd[data-total]")).to_have_count(0)
    lena.get_by_label("Show numbers").check()
    credit.get_by_text("Why this many?").click()
    expect(credit.get_by_role("row", name="Base")).to_contain_text("15")
    expect(lena.locator("dd[data-total]")).not_to_have_text("0")


def test_reactions_and_edits_reach_the_open_thread(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = company.do(
        crew.asha, "post.publish", place=crew.place, kind="update", text="Dosa on Thursday."
    )["post"]
    company.everywhere(crew.ben, f"/threads/{post}")
    asha, ben = sign_in(crew.asha, f"/t/{post}"), sign_in(crew.ben, f"/t/{post}")

    ben.get_by_role("textbox", name="Write a reply").fill("Keep one for me.")
    ben.keyboard.press("Control+Enter")
    reply = asha.locator("article.reply")
    expect(reply).to_contain_text("Keep one for me.")
    expect(reply).to_contain_text("new")

    reply.get_by_role("button", name="Helpful").click()
    seen = ben.locator("article.reply").get_by_role("button", name=re.compile("Helpful"))
    expect(seen).to_contain_text("1")
    reply.get_by_role("button", name="React", exact=True).click()
    asha.get_by_role("menuitem", name="React with 🎉").click()
    expect(ben.locator("article.reply .emoji")).to_have_text(re.compile("🎉.*1"))

    ben.locator("article.reply").get_by_role("button", name="Post actions").click()
    ben.get_by_role("menuitem", name="Edit").click()
    ben.get_by_role("dialog").get_by_label("Text").fill("Keep two for me.")
    ben.get_by_role("button", name="Save").click()
    expect(reply).to_contain_text("Keep two for me.")
    reply.get_by_role("button", name="edited").click()
    expect(asha.get_by_role("dialog")).to_contain_text("Keep one for me.")
    asha.keyboard.press("Escape")

    ben.locator("article.reply").get_by_role("button", name="Post actions").click()
    ben.get_by_role("menuitem", name="Delete").click()
    ben.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(reply).to_contain_text("This reply was deleted.")


def bar(page: Page, choice: str) -> Locator:
    return page.locator(f'.bar[data-choice="{choice}"]')


def test_poll_bars_move_in_the_other_region(sign_in: SignIn, company: Company, crew: Crew) -> None:
    asha = sign_in(crew.asha)
    composer = compose(asha, "Poll", crew.community_name)
    composer.get_by_label("Ask one clear question").fill("Tea or coffee?")
    composer.get_by_label("Choice 1").fill("Tea")
    composer.get_by_label("Choice 2").fill("Coffee")
    composer.get_by_role("button", name="Post", exact=True).click()
    expect(first_post(asha)).to_contain_text("Tea or coffee?")

    poll = asha.locator(".feed > article").first.get_attribute("data-item")
    company.everywhere(crew.ben, f"/threads/{poll}")
    ben = sign_in(crew.ben, f"/t/{poll}")
    expect(bar(ben, "Tea")).to_have_attribute("data-votes", "0")
    bar(ben, "Tea").get_by_role("radio").check()
    ben.get_by_role("button", name="Vote").click()
    expect(bar(ben, "Tea")).to_have_class(re.compile("own"))
    expect(bar(asha, "Tea")).to_have_attribute("data-votes", "1")
    expect(bar(asha, "Tea")).to_contain_text("100%")

    ben.get_by_role("button", name="Change vote").click()
    bar(ben, "Coffee").get_by_role("radio").check()
    ben.get_by_role("button", name="Vote").click()
    expect(bar(asha, "Coffee")).to_have_attribute("data-votes", "1")
    expect(bar(asha, "Tea")).to_have_attribute("data-votes", "0")


def test_changing_a_vote_begins_with_the_one_that_counts(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    """Not with what was marked here and not cast, nor with what was cast here before another device did."""
    spec = {"method": "multiple", "choices": ["Tea", "Coffee", "Juice"]}
    poll = company.do(
        crew.asha, "post.publish", place=crew.place, kind="poll", title="Drinks?", poll=spec
    )["post"]
    asha = sign_in(crew.asha, f"/t/{poll}")

    boxes = asha.locator(".poll").get_by_role("checkbox")

    def marked() -> list[bool]:
        expect(boxes).to_have_count(3)
        return [box.is_checked() for box in boxes.all()]

    bar(asha, "Tea").get_by_role("checkbox").check()
    asha.get_by_role("button", name="Vote").click()
    asha.get_by_role("button", name="Change vote").click()
    bar(asha, "Juice").get_by_role("checkbox").check()
    asha.get_by_role("button", name="Cancel").click()
    asha.get_by_role("button", name="Change vote").click()
    assert marked() == [True, False, False]
    asha.get_by_role("button", name="Cancel").click()
    company.do(crew.asha, "ballot.cast", poll=poll, choices=[1])
    expect(bar(asha, "Coffee")).to_have_class(re.compile("own"))
    asha.get_by_role("button", name="Change vote").click()
    assert marked() == [False, True, False]
    asha.get_by_role("button", name="Cancel").click()
    asha.get_by_role("button", name="Withdraw vote").click()
    assert marked() == [False, False, False]


def test_ranking_needs_no_mouse(sign_in: SignIn, company: Company, crew: Crew) -> None:
    spec = {"method": "ranked", "choices": ["Lake", "Brewery", "Roof"]}
    poll = company.do(
        crew.asha, "post.publish", place=crew.place, kind="poll", title="Summer party?", poll=spec
    )["post"]
    company.everywhere(crew.lena, f"/threads/{poll}")
    lena = sign_in(crew.lena, f"/t/{poll}")
    up = lena.get_by_role("button", name="Move Roof up")
    up.focus()
    lena.keyboard.press("Enter")
    expect(up).to_be_focused()
    lena.keyboard.press("Enter")
    expect(lena.locator(".ranking li").first).to_contain_text("Roof")
    # At the end the way on is gone: the focus goes to the button that still leads somewhere.
    expect(lena.get_by_role("button", name="Move Roof down")).to_be_focused()
    lena.get_by_role("button", name="Submit ranking").click()
    expect(bar(lena, "Roof")).to_have_attribute("data-votes", "1")


def test_a_poll_its_author_closes_comes_to_one_result_in_both_regions(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    spec = {"method": "ranked", "choices": ["Lake", "Brewery", "Roof"], "quorum_regions": 2}
    poll = company.do(
        crew.asha, "post.publish", place=crew.place, kind="poll", title="Winter party?", poll=spec
    )["post"]
    company.everywhere(crew.ben, f"/threads/{poll}")
    company.do(crew.asha, "ballot.cast", poll=poll, choices=[2, 0, 1])
    company.do(crew.ben, "ballot.cast", poll=poll, choices=[2, 1])
    ben = sign_in(crew.ben, f"/t/{poll}")
    expect(ben.get_by_text("counts with 2 regions")).to_be_visible()
    asha = sign_in(crew.asha, f"/t/{poll}")
    expect(bar(asha, "Roof")).to_have_attribute("data-votes", "2")
    expect(ben.get_by_role("button", name="Close poll")).to_have_count(0)
    asha.get_by_role("button", name="Close poll").click()
    for page in (asha, ben):
        expect(page.locator(".places li").first).to_contain_text("Roof")
        expect(page.get_by_text("quorum of 2 regions met")).to_be_visible()
        expect(page.get_by_text("counted again by 2 regions: the same")).to_be_visible()
        expect(page.get_by_role("button", name="Change vote")).to_have_count(0)


def test_joining_brings_a_communitys_posts(sign_in: SignIn, company: Company, crew: Crew) -> None:
    club = crew.community_name.replace("Workshop", "Chess club")
    made = company.do(crew.ben, "community.create", name=club, about="After work.")
    post = company.do(
        crew.ben,
        "post.publish",
        place="c:" + made["community"],
        kind="update",
        text="Queen's gambit at six.",
    )["post"]
    company.everywhere(crew.asha, f"/threads/{post}")
    asha = sign_in(crew.asha, "/communities")
    row = asha.locator(".community-row", has_text=club)
    row.get_by_role("button", name=re.compile("Join")).click()
    expect(row.get_by_role("button", name=re.compile("Joined"))).to_be_visible()
    asha.get_by_role("link", name="Home").click()
    expect(asha.locator(".feed")).to_contain_text("Queen's gambit at six.")
    asha.get_by_role("navigation", name="Your communities").get_by_role("link", name=club).click()
    expect(asha.get_by_role("heading", name=re.compile(club))).to_be_visible()
    expect(asha.locator(".content")).to_contain_text("2 members")


def test_an_idea_moves_on_and_an_answer_is_verified(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    """Lena is steward of Hydraulics; the idea's author in India sees it move."""
    idea = company.do(
        crew.asha,
        "post.publish",
        place=crew.place,
        kind="idea",
        title="One list of spares",
        text=".",
    )["post"]
    company.everywhere(crew.lena, f"/threads/{idea}")
    asha, lena = sign_in(crew.asha, f"/t/{idea}"), sign_in(crew.lena, f"/t/{idea}")
    lena.locator(".post.alone").get_by_role("button", name="Post actions").click()
    lena.get_by_role("menuitem", name="Move idea").click()
    dialog = lena.get_by_role("dialog")
    dialog.get_by_label("Stage").select_option(label="Shortlisted")
    dialog.get_by_role("combobox", name="Who takes it on?").fill(crew.ben)
    dialog.get_by_role("option", name=re.compile(company.name(crew.ben))).click()
    dialog.get_by_role("button", name="Move idea").click()
    expect(asha.locator(".post.alone .marks")).to_contain_text("Shortlisted")
    expect(asha.locator(".post.alone")).to_contain_text("Owner: " + company.name(crew.ben))

    asha.get_by_role("textbox", name="Write a reply").fill("Sites send me theirs by Friday.")
    asha.get_by_role("button", name="Reply", exact=True).last.click()
    reply = lena.locator("article.reply")
    reply.get_by_role("button", name="Post actions").click()
    lena.get_by_role("menuitem", name="Mark as verified").click()
    expect(asha.locator("article.reply .verified")).to_contain_text(company.name(crew.lena))


def test_signing_out_leaves_nothing_to_read(sign_in: SignIn, company: Company, crew: Crew) -> None:
    page = sign_in(crew.ben)
    page.get_by_role("button", name="Account: " + company.name(crew.ben)).locator(
        "visible=true"
    ).click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/c/" + crew.community)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_paused_the_screen_stands_still(sign_in: SignIn, company: Company, crew: Crew) -> None:
    post = company.do(
        crew.asha, "post.publish", place=crew.place, kind="update", text="Quiet, please."
    )
    page, other = (sign_in(person, f"/t/{post['post']}") for person in (crew.meera, crew.asha))
    account = page.get_by_role("button", name="Account: " + company.name(crew.meera)).locator(
        "visible=true"
    )
    account.click()
    page.get_by_role("menuitem", name="Pause live updates").click()
    expect(page.locator(".status-paused").locator("visible=true")).to_be_visible()
    company.do(crew.asha, "reply.publish", parent=post["post"], text="While you were away.")
    # Who looks at the same node without pausing has it: it has been sent to everybody.
    expect(other.locator("article.reply")).to_contain_text("While you were away.")
    expect(page.locator("article.reply")).to_have_count(0)
    account.click()
    page.get_by_role("menuitem", name="Resume live updates").click()
    expect(page.locator("article.reply")).to_contain_text("While you were away.")


def test_a_refusal_is_said_in_words_and_takes_the_echo_back(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    """Own praise is refused by the node; what was tried stays until it is thrown away."""
    asha = sign_in(crew.asha)
    poll = company.do(
        crew.asha,
        "post.publish",
        place=crew.place,
        kind="question",
        title="Where is the good kettle?",
        text="Asking for the night shift.",
    )["post"]
    asha.goto(f"/t/{poll}")
    box = asha.get_by_role("textbox", name="Write an answer")
    box.fill("x" * 40_001)
    asha.get_by_role("button", name="Answer").click()
    failed = asha.locator(".post.pending")
    expect(failed).to_contain_text("Not sent.")
    expect(failed).to_have_attribute("data-state", "failed")
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)


def test_an_erasure_is_followed_from_the_menu_to_the_last_region(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = company.do(
        crew.asha, "post.publish", place=crew.place, kind="update", text="Call 0815 4711."
    )["post"]
    company.everywhere(crew.lena, f"/threads/{post}")
    asha, lena = sign_in(crew.asha, f"/t/{post}"), sign_in(crew.lena, f"/t/{post}")
    content = lena.get_by_role("main")
    expect(content).to_contain_text("0815 4711")
    # A screen that stands still for reading must not go on showing it.
    account = lena.get_by_role("button", name="Account: " + company.name(crew.lena))
    account.locator("visible=true").click()
    lena.get_by_role("menuitem", name="Pause live updates").click()
    company.stop("de")

    asha.get_by_role("button", name="Post actions").first.click()
    asha.get_by_role("menuitem", name="Erase everywhere…").click()
    dialog = asha.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody can bring them back")
    dialog.get_by_label("Reason").fill("a private number")
    dialog.get_by_role("button", name="Erase everywhere").click()
    expect(asha.get_by_role("heading", name="Erasure")).to_be_visible()
    state = asha.locator("output[data-missing]")
    expect(state).to_have_text("1 of 2 regions, DE missing", timeout=30_000)

    company.start("de")
    expect(state).to_have_text("2 of 2 regions", timeout=60_000)
    expect(asha.get_by_role("main")).to_contain_text("Nothing is left of it in any region.")
    expect(content).not_to_contain_text("0815 4711")
    expect(content).to_contain_text("This post was deleted.")
    asha.get_by_role("link", name="Erasures").click()
    expect(asha.get_by_role("main").get_by_role("listitem")).to_contain_text("2 of 2 regions")
