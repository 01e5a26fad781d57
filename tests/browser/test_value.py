"""What contributions did, for the people it is about: whom to ask, what others see, a first word."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.company import AUDITOR, Company, Crew
from tests.browser.conftest import SignIn
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def answered(company: Company, crew: Crew, topic: str) -> None:
    """Meera has an accepted answer on the topic."""
    question = company.do(
        crew.asha, "post.publish", place=crew.place, kind="question", title="How?", topics=[topic]
    )["post"]
    answer = company.do(crew.meera, "reply.publish", parent=question, text="Like this.")["post"]
    company.do(crew.asha, "answer.accept", question=question, answer=answer)


def test_who_wants_to_be_found_is_asked_with_a_reason(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    topic = f"topic-{crew.community[-6:]}"
    answered(company, crew, topic)
    asha, meera = (
        sign_in(crew.asha, f"/people/knows?topic={topic}"),
        sign_in(crew.meera, "/shown"),
    )
    # India's points are private, and nobody is listed who has not chosen it.
    expect(asha.get_by_text("Nobody who may be listed")).to_be_visible()
    expect(meera.get_by_text("In your country points are private")).to_be_visible()
    listed = meera.get_by_role("group", name="My name among those who know a topic")
    listed.get_by_label("Show it", exact=True).check()
    expect(meera.get_by_text("Kept. It holds everywhere")).to_be_visible()

    company.run(
        until(
            "she is listed",
            lambda: bool(company.get(crew.asha, "/experts", topic=topic)["experts"]),
        )
    )
    asha.reload()
    known = asha.locator(".known")
    expect(known).to_contain_text(company.name(crew.meera))
    expect(known).to_contain_text(f"1 of 1 answer on {topic} was accepted or best rated")
    expect(known).to_contain_text("Emerging")
    known.get_by_role("link", name="Ask").click()
    composer = asha.get_by_role("form", name="New post")
    expect(composer.get_by_label("Topics")).to_have_value(topic)
    expect(composer.get_by_label("What would you like to know?")).to_have_value(f"@{crew.meera} ")


def test_a_colleague_is_suggested_to_who_asks(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    topic = f"topic-{crew.community[-6:]}"
    answered(company, crew, topic)
    company.do(crew.meera, "scoring.choose", experts=True)
    page = sign_in(crew.asha, f"/?new=question&topic={topic}")
    suggested = page.get_by_role("region", name="These colleagues know about it")
    suggested.get_by_role("button", name=f"@{company.name(crew.meera)}").click()
    expect(page.get_by_label("What would you like to know?")).to_have_value(f"@{crew.meera} ")
    expect(suggested).to_have_count(0)


def test_a_first_word_begins_a_conversation(sign_in: SignIn, company: Company, crew: Crew) -> None:
    asha = sign_in(crew.asha, f"/p/{crew.meera}")
    asha.get_by_role("button", name=f"Say hello to {company.name(crew.meera)}").click()
    dialog = asha.get_by_role("dialog")
    dialog.get_by_label("Your message").fill("Hello! May I ask you about pumps?")
    dialog.get_by_role("button", name="Send").click()
    expect(asha.locator(".feed")).to_contain_text("May I ask you about pumps?")
    meera = sign_in(crew.meera, "/messages")
    meera.get_by_role("link", name=company.name(crew.asha)).click()
    expect(meera.locator(".feed")).to_contain_text("May I ask you about pumps?")


def test_a_disputed_credit_is_decided_by_a_human_and_both_sides_hear(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    answered(company, crew, f"topic-{crew.community[-6:]}")
    company.run(until("it is scored", lambda: bool(company.get(crew.meera, "/me/impact")["lines"])))
    asha, meera = sign_in(crew.asha), sign_in(crew.meera, "/impact")
    meera.get_by_role("button", name="Ask somebody to look at this").click()
    dialog = meera.get_by_role("dialog")
    why = f"Is this all, for {crew.community_name}?"
    dialog.get_by_label("What is wrong with it?").fill(why)
    dialog.get_by_role("button", name="Send").click()
    expect(asha.get_by_text("A case concerns you")).to_be_visible()

    auditor = sign_in(AUDITOR, "/cases")
    auditor.locator(".value-row", has_text=why).get_by_role("link").click()
    line = auditor.locator(".credit")
    expect(line).to_contain_text("The asker accepted your answer.")
    expect(line).to_contain_text("+15")
    auditor.get_by_label("It stays as it is").check()
    auditor.get_by_label("Reason").fill("An accepted answer is 15 points.")
    auditor.get_by_role("button", name="Decide").click()
    for page in (asha, meera):
        expect(page.get_by_text("A case about you was decided")).to_be_visible()
        page.goto("/cases")
        row = page.locator(".value-row", has_text=why)
        expect(row).to_contain_text("It stays as it is")
        row.get_by_role("link").click()
        expect(page.get_by_text("An accepted answer is 15 points.")).to_be_visible()
    expect(asha.locator(".credit")).to_have_count(0)


def test_a_german_leader_reads_why_nothing_is_compared(sign_in: SignIn, crew: Crew) -> None:
    lena = sign_in(crew.lena, "/shown")
    expect(lena.get_by_text("The law there asks for an agreement")).to_be_visible()
    board = lena.get_by_role("group", name="My name on boards of communities")
    expect(board).to_contain_text("Not shown in your country, whatever you choose.")
    expect(board.get_by_role("radio")).to_have_count(0)
    lena.goto(f"/c/{crew.community}/board")
    expect(lena.get_by_text("This community is quiet: it keeps no board")).to_be_visible()
