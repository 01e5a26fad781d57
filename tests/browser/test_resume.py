"""Tunnels, reloads, restarts: nothing written is lost, nothing missed stays missed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.company import Company, Crew
from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


class Cable:
    """The page's live connection, whatever carries it, as a cable that can be pulled and put back."""

    def __init__(self, page: Page) -> None:
        self._sockets: list[WebSocketRoute] = []
        self._pulled = False
        page.route_web_socket("**/api/v1/live", self._plugged)
        for fallback in ("**/api/v1/live/**", "**/api/v1/sync?since=*", "**/api/v1/commands"):
            page.route(fallback, self._asked)

    def _plugged(self, socket: WebSocketRoute) -> None:
        if self._pulled:
            socket.close(code=1013, reason="no network")
            return
        socket.connect_to_server()
        self._sockets.append(socket)

    def _asked(self, request: Route) -> None:
        if self._pulled:
            request.abort()
        else:
            request.continue_()

    def pull(self) -> None:
        self._pulled = True
        for socket in self._sockets:
            socket.close(code=1013, reason="no network")
        self._sockets.clear()

    def put_back(self) -> None:
        self._pulled = False


def status(page: Page) -> None:
    expect(page.locator(".status-live").locator("visible=true")).to_be_visible()


def send_reply(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Write a reply").fill(text)
    page.get_by_role("button", name="Reply", exact=True).last.click()


def publish(company: Company, crew: Crew, text: str) -> str:
    made = company.do(crew.asha, "post.publish", place=crew.place, kind="update", text=text)
    return str(made["post"])


def test_a_cut_socket_comes_back_and_misses_nothing(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "The lift is out of order.")
    page = sign_in(crew.meera, f"/t/{post}")
    cable = Cable(page)
    page.reload()
    status(page)
    cable.pull()
    expect(page.locator(".status-waiting").locator("visible=true")).to_be_visible()
    for n in range(3):
        company.do(crew.asha, "reply.publish", parent=post, text=f"Floor {n} too.")
    cable.put_back()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    status(page)
    expect(page.locator("article.reply")).to_have_count(3)
    expect(page.locator("article.reply").last).to_contain_text("Floor 2 too.")


def test_what_is_written_offline_survives_a_reload_and_is_sent_once(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Writing from the tunnel.")
    page = sign_in(crew.meera, f"/t/{post}")
    cable = Cable(page)
    page.reload()
    status(page)
    cable.pull()
    expect(page.locator(".status-waiting").locator("visible=true")).to_be_visible()
    send_reply(page, "First, from the tunnel.")
    send_reply(page, "Second, from the tunnel.")
    pending = page.locator(".post.pending")
    expect(pending).to_have_count(2)
    expect(pending.first).to_contain_text("waiting for the network")
    expect(page.locator(".status").locator("visible=true")).to_contain_text("2 to send")

    page.reload()
    expect(pending).to_have_count(2)
    cable.put_back()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    status(page)
    expect(pending).to_have_count(0)
    replies = page.locator("article.reply")
    expect(replies).to_have_count(2)
    expect(replies.first).to_contain_text("First, from the tunnel.")
    thread = company.get(crew.asha, f"/threads/{post}")
    texts = [thread["posts"][name]["text"] for name in thread["order"][1:]]
    assert texts == ["First, from the tunnel.", "Second, from the tunnel."]


def test_what_is_discarded_in_one_tab_is_gone_from_the_other(
    sign_in: SignIn, company: Company, crew: Crew
) -> None:
    post = publish(company, crew, "Soon gone.")
    page = sign_in(crew.meera, f"/t/{post}")
    other = page.context.new_page()
    cables = Cable(page), Cable(other)
    page.reload()
    status(page)
    for cable in cables:
        cable.pull()
    send_reply(page, "Wait for me!")
    other.goto(f"/t/{post}")
    pending = other.locator(".post.pending")
    expect(pending).to_have_count(1)
    company.do(crew.asha, "post.delete", post=post)
    cables[0].put_back()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.get_by_role("button", name="Discard").click()
    expect(pending).to_have_count(0)
    cables[1].put_back()
    other.evaluate("window.dispatchEvent(new Event('online'))")
    status(other)
    other.reload()
    expect(other.locator(".post.alone")).to_be_visible()
    expect(pending).to_have_count(0)


@pytest.mark.parametrize(
    ("blocked", "transport"), [((), "events"), (("**/api/v1/live/events*",), "poll")]
)
def test_without_a_websocket_the_page_is_live_all_the_same(
    sign_in: SignIn, company: Company, crew: Crew, blocked: tuple[str, ...], transport: str
) -> None:
    post = publish(company, crew, f"Behind a proxy, by {transport}.")
    page = sign_in(crew.meera, f"/t/{post}")
    page.route_web_socket("**/api/v1/live", lambda socket: socket.close(code=1013, reason="no"))
    for pattern in blocked:
        page.route(pattern, lambda request: request.abort())
    page.reload()
    status(page)
    expect(page.locator(f".rail .status[data-transport={transport}]")).to_be_visible()
    company.do(crew.asha, "reply.publish", parent=post, text="Do you hear me?")
    expect(page.locator("article.reply")).to_contain_text("Do you hear me?")
    send_reply(page, "Yes, I do.")
    expect(page.locator(".post.pending")).to_have_count(0)
    expect(page.locator("article.reply")).to_have_count(2)


def test_drafts_stay(sign_in: SignIn, company: Company, crew: Crew) -> None:
    post = publish(company, crew, "Unfinished words.")
    page = sign_in(crew.meera, f"/t/{post}")
    page.get_by_role("textbox", name="Write a reply").fill("I was about to say")
    page.reload()
    expect(page.get_by_role("textbox", name="Write a reply")).to_have_value("I was about to say")


def test_a_restarted_node_is_found_again(sign_in: SignIn, company: Company, crew: Crew) -> None:
    post = publish(company, crew, "We restart at noon.")
    page = sign_in(crew.meera, f"/t/{post}")
    company.stop("in")
    expect(page.locator(".status-live").locator("visible=true")).to_have_count(0)
    send_reply(page, "Still there?")
    expect(page.locator(".post.pending")).to_have_count(1)
    company.start("in")
    status(page)
    expect(page.locator("article.reply")).to_contain_text("Still there?")
    expect(page.locator(".post.pending")).to_have_count(0)


def test_going_back_stands_where_one_was(sign_in: SignIn, company: Company, crew: Crew) -> None:
    for n in range(15):
        publish(company, crew, f"Line {n} of a long day.\n\n" + "And more of it. " * 30)
    page = sign_in(crew.meera)
    eighth = page.locator(".feed > article").nth(8)
    eighth.evaluate("(element) => element.scrollIntoView({ block: 'center' })")
    before = eighth.bounding_box()
    eighth.locator("a.action").click()
    expect(page.locator(".post.alone")).to_be_visible()
    page.go_back()
    expect(eighth).to_be_in_viewport()
    after = eighth.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 40


def test_live_posts_do_not_move_what_is_read(sign_in: SignIn, company: Company, crew: Crew) -> None:
    publish(company, crew, "The one being read.")
    page = sign_in(crew.meera)
    reading = page.locator(".feed > article", has_text="The one being read.")
    before = reading.bounding_box()
    publish(company, crew, "Another one, meanwhile.")
    expect(page.get_by_role("button", name="new post")).to_be_visible()
    assert reading.bounding_box() == before
