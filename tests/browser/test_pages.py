"""Every page, light and dark, wide and narrow: no axe finding, no sideways scrolling, a picture to look at.

The pictures land in test-results/screens, which no commit holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.company import Company
from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

QUESTION = """The booster hums at 40 % flow. What we tried:

1. cleaned the strainer
2. checked `NPSHr` against the curve
3. asked @lena, who is on holiday

| flow | vibration |
|---|---|
| 30 % | 2.1 mm/s |
| 40 % | **5.8 mm/s** |

```
2026-03-02T10:00:00Z pump-7 rms=5.8 suction=0.31 discharge=6.2 temperature=24.0 status=ok
```
"""


@pytest.fixture(scope="module")
def content(company: Company) -> dict[str, str]:
    """One of everything the pages can show."""
    place = "c:" + company.communities["Hydraulics"]
    canteen = "c:" + company.communities["Canteen talk"]
    do = company.do
    question = do(
        "meera", "post.publish", place=place, kind="question", title="Why does it hum?",
        text=QUESTION, topics=["pumps", "vibration"], mentions=["lena"],
    )["post"]  # fmt: skip
    company.everywhere("lena", f"/threads/{question}")
    answer = do("lena", "reply.publish", parent=question, text="Air in the suction line.")["post"]
    company.everywhere("meera", f"/posts/{answer}")
    below = do("meera", "reply.publish", parent=answer, text="It was. Thank you!")["post"]
    do("meera", "answer.accept", question=question, answer=answer)
    do("meera", "reaction.set", target=answer, reaction="solved", on=True)
    do("meera", "reaction.set", target=answer, reaction="emoji", emoji="🎉", on=True)
    do("asha.rao", "reaction.set", target=answer, reaction="helpful", on=True)
    do("asha.rao", "reply.publish", parent=question, text="We had the same in Pune.")
    do(
        "lena",
        "post.publish",
        place=canteen,
        kind="update",
        text="تذكير: الاجتماع يوم الاثنين.\n\nMonday it is.",
    )
    poll = {"method": "multiple", "choices": ["Monday", "Tuesday", "Friday"], "closes_at": None}
    voted = do(
        "asha.rao", "post.publish", place=canteen, kind="poll", title="Which day?", poll=poll
    )["post"]
    do("asha.rao", "ballot.cast", poll=voted, choices=[0, 2])
    do("asha.rao", "post.publish", place=canteen, kind="poll", title="In which order?",
       poll={"method": "ranked", "choices": ["Cricket", "Chess", "Cooking"]})  # fmt: skip
    do("asha.rao", "post.publish", place=canteen, kind="praise", text="Every Friday, unasked.",
       praise={"to": "meera", "behaviour": "waters the plants"})  # fmt: skip
    do("asha.rao", "post.publish", place=place, kind="idea", title="One list of spare parts",
       text="Each site keeps its own today.")  # fmt: skip
    do("asha.rao", "post.publish", place=place, kind="article", title="What 26 bearings taught us",
       text="## Grease\n\nBy weight, not by feeling.\n\n> Check hot.\n\n" + "More of it. " * 120)  # fmt: skip
    gone = do("asha.rao", "post.publish", place=canteen, kind="update", text="Never mind.")["post"]
    do("asha.rao", "post.delete", post=gone)
    company.run_until_seen("asha.rao", answer, below)
    known = do(
        "meera", "reply.publish", parent=ask_pumps(company, place), text="Half a metre more."
    )
    do("asha.rao", "reaction.set", target=known["post"], reaction="solved", on=True)
    friendly = company.found("Friendly corner", "meera")
    settings = {"community": friendly, "name": "Friendly corner", "mode": "friendly"}
    do("meera", "community.change", **settings)
    do("meera", "scoring.choose", experts=True)
    for text in ("Buy two watches, get one free.", "See you at the fair."):
        there = do("asha.rao", "post.publish", place=f"c:{friendly}", kind="update", text=text)
        do("asha.rao", "flag.raise", target=there["post"], reason="This is an advertisement.")
    do("meera", "flag.resolve", target=there["post"], upheld=False, note="Our own fair.")
    conversation = do("asha.rao", "conversation.start", members=["meera"])["conversation"]
    do("asha.rao", "post.publish", place=f"d:{conversation}", kind="message", text="Hello, Meera!")
    company.draw_anew("in", "meera")
    return {
        "question": question,
        "poll": voted,
        "friendly": friendly,
        "conversation": conversation,
    }


def ask_pumps(company: Company, place: str) -> str:
    asked = company.do(
        "asha.rao", "post.publish", place=place, kind="question", title="How deep must it stand?",
        topics=["pumps"],
    )["post"]  # fmt: skip
    return str(asked)


def pages(company: Company, content: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """(name, path, selector of what must be there) of every page."""
    hydraulics = company.communities["Hydraulics"]
    yield "home", "/", ".feed > article"
    yield "unanswered", "/?view=unanswered", ".tabs"
    yield "compose-question", "/?new=question", ".composer.open"
    yield "compose-poll", "/?new=poll", ".poll-fields"
    yield "compose-praise", "/?new=praise", ".composer.open .combobox input"
    yield "communities", "/communities", ".rows > li"
    yield "community", f"/c/{hydraulics}", ".feed > article"
    yield "question", f"/t/{content['question']}", ".reply.accepted"
    yield "poll", f"/t/{content['poll']}", ".poll"
    yield "people", "/people", ".rows > li"
    yield "person", "/p/asha.rao", ".person-head"
    yield "impact", "/impact", ".credit"
    yield "knows", "/people/knows?topic=pumps", ".known"
    yield "compose-asking", "/?new=question&topic=pumps&to=lena", ".composer.open"
    yield "board", f"/c/{content['friendly']}/board", ".tabs"
    yield "no-board", f"/c/{hydraulics}/board", ".empty"
    yield "reports", f"/c/{content['friendly']}/reports", ".report .example"
    yield "leader", "/leader", ".measure"
    yield "nominees", "/recognition", "form"
    yield "shown", "/shown", ".choices"
    yield "rules", "/rules", ".table"
    yield "messages", "/messages", ".rows > li"
    yield "conversation", f"/d/{content['conversation']}", ".feed > article"
    yield "missing", "/nowhere/at/all", ".page-title"


# Rows out of sight are not laid out (content-visibility), so axe would take their text for lying on the
# row below. Each is judged as it looks once it is scrolled to.
FINDINGS = """async () => {
  const shown = new CSSStyleSheet();
  shown.replaceSync("* { content-visibility: visible !important }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, shown];
  // WCAG 2.2: 24 pixels, or as much room around it; axe leaves that to who asks.
  const rules = { "target-size": { enabled: true } };
  const { violations } = await axe.run(document, { rules, resultTypes: ["violations"] });
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== shown);
  return violations.map(({ id, help, nodes }) =>
    `${id} (${help}): ${nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | ")}`);
}"""


def findings(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found: list[str] = page.evaluate(FINDINGS)
    return found


@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page(
    sign_in: SignIn,
    company: Company,
    content: dict[str, str],
    axe: str,
    screens: Path,
    scheme: Any,
    width: Any,
) -> None:
    page = sign_in("meera", color_scheme=scheme, viewport=width)
    wrong: list[str] = []
    for name, path, selector in pages(company, content):
        page.goto(path)
        expect(page.locator(selector).first).to_be_visible()
        expect(page.locator(".waiting")).to_have_count(0)
        page.screenshot(path=screens / f"{name}-{scheme}-{width['width']}.png")
        wrong += [f"{name}: {finding}" for finding in findings(page, axe)]
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wrong.append(f"{name} scrolls sideways")
        if page.locator("h1").count() != 1:
            wrong.append(f"{name} has {page.locator('h1').count()} h1")
    assert wrong == [], "\n".join(wrong)


def test_what_opens_is_sound_too(
    sign_in: SignIn, content: dict[str, str], axe: str, screens: Path
) -> None:
    page = sign_in("meera", f"/t/{content['question']}")
    article = page.locator(".post.alone")
    article.get_by_role("button", name="Post actions").click()
    expect(page.get_by_role("menu")).to_be_visible()
    page.screenshot(path=screens / "menu.png")
    wrong = findings(page, axe)
    page.get_by_role("menuitem", name="Edit").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.screenshot(path=screens / "edit.png")
    wrong += findings(page, axe)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.screenshot(path=screens / "keys.png")
    wrong += findings(page, axe)
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_signing_in(
    browser: Browser, company: Company, axe: str, screens: Path, scheme: Any
) -> None:
    context = browser.new_context(base_url=company.url("in"), color_scheme=scheme, viewport=PHONE)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Your name in the directory").fill("asha.rao")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("name or password is wrong")
    page.screenshot(path=screens / f"sign-in-{scheme}.png")
    assert findings(page, axe) == []
    context.close()


def test_reflow_at_320_pixels_and_forced_colours(
    sign_in: SignIn, company: Company, content: dict[str, str], screens: Path
) -> None:
    """WCAG 1.4.10: 400 % zoom of a 1280 pixel window is 320 pixels."""
    page = sign_in("meera", viewport={"width": 320, "height": 640}, forced_colors="active")
    for name, path, selector in pages(company, content):
        page.goto(path)
        expect(page.locator(selector).first).to_be_visible()
        page.screenshot(path=screens / f"{name}-320.png")
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), name
