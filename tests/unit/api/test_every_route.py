"""Each route of the table answers as the OpenAPI document says; and the committed document is current."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from jsonschema import Draft202012Validator

from server.api.openapi import API_VERSION, encoded
from server.api.route import PATH_TYPES, Access, Route
from server.api.table import ROOT_ROUTES, ROUTES
from server.app import peer_proof
from server.domain.decide.cases import Found, open_ring
from server.domain.decide.scoring import adopt
from server.domain.scoring_policy import DEFAULT as SCORING
from tests.support.pictures import jpeg
from tests.unit.api.site import DOCUMENT, PASSWORD, PEER, Site, with_command

COMMITTED = Path(__file__).parents[3] / "docs" / "protocol" / "openapi.json"


class Things(NamedTuple):
    """What the calls below ask for."""

    tea: str
    question: str
    reply: str
    chat: str


async def things(site: Site) -> Things:
    node = site.node
    tea = await node.community("asha", "Tea")
    await node.do("bob", "membership.set", community=tea[2:], joined=True)
    question = await node.post("asha", tea, "why?", "question", title="Why?", topics=["leaf"])
    await node.post("asha", tea, "?", "poll", poll={"method": "single", "choices": ["a", "b"]})
    await node.do("asha", "post.edit", post=question, title="Why, oh why?", text="why?")
    reply = await node.reply("bob", question)
    await node.do("asha", "answer.accept", question=question, answer=reply)
    await node.do("asha", "reaction.set", target=reply, reaction="helpful", on=True)
    await node.do("bob", "flag.raise", target=question, reason="off topic")
    await node.do("admin", "topic.define", topic="leaf", names={"en": "Leaf"})
    chat = await node.do("asha", "conversation.start", members=["bob"])
    await node.post("asha", "d:" + chat["conversation"], "hi", "message")
    return Things(tea[2:], question, reply, chat["conversation"])


Ask = Callable[[Site, Things], Awaitable[httpx.Response]]


def get(path: str, person: str = "asha", **query: Any) -> Ask:
    return lambda site, t: site.ask("GET", path.format(**t._asdict()), person, params=query or None)


def post(path: str, body: Any, person: str = "asha") -> Ask:
    return lambda site, t: site.ask("POST", path.format(**t._asdict()), person, json=body)


async def sign_in(site: Site, person: str = "asha", **more: Any) -> httpx.Response:
    await site.services.passwords.set(person, PASSWORD)
    wish = {"person": person, "password": PASSWORD, **more}
    return await site.ask("POST", "/login", json=wish)


async def end_one(site: Site, t: Things) -> httpx.Response:
    other = await site.services.auth.issue("asha", "device", "old phone")
    return await site.ask("DELETE", f"/sessions/{other.session}", "asha")


async def change_password(site: Site, t: Things) -> httpx.Response:
    await site.services.passwords.set("asha", PASSWORD)
    body = {"old": PASSWORD, "new": "another long one"}
    return await site.ask("POST", "/me/password", "asha", json=body)


async def one_erasure(site: Site, t: Things) -> httpx.Response:
    asked = await site.node.do("asha", "content.erase", scope="post", target=t.question)
    return await site.ask("GET", f"/erasures/{asked['requests'][0]}", "asha")


NEW = {"key": "new-person-1", "person": "dev", "name": "Dev", "password": PASSWORD}
PDF = b"%PDF-1.7"


async def attached(site: Site, data: bytes) -> str:
    """The hash of a file that Asha published for everybody."""
    file = (await site.ask("POST", "/media", "asha", content=data)).json()["hash"]
    place = await site.node.community("asha", "Files")
    await site.node.post("asha", place, attachments=[{"hash": file, "name": "a"}])
    return str(file)


async def read_file(site: Site, t: Things) -> httpx.Response:
    return await site.ask("GET", f"/media/{await attached(site, PDF)}", "bob")


async def read_thumbnail(site: Site, t: Things) -> httpx.Response:
    return await site.ask("GET", f"/media/{await attached(site, jpeg())}/thumbnail", "bob")


async def read_as_region(site: Site, t: Things) -> httpx.Response:
    """De is a peer of every site."""
    path = f"/federation/v1/media/{await attached(site, PDF)}"
    word = peer_proof.sign(PEER, "de", "in", "GET", path, site.node.clock())
    return await site.ask("GET", "/" + path, headers={"Authorization": word})


async def one_case(site: Site, t: Things) -> httpx.Response:
    found = Found("01kdvdna01xxrz2dw23xegt3k5", "2026Q1", ("asha", "bob"), "look", 0, ())
    await site.node.handler.append(partial(open_ring, found))
    return await site.ask("GET", f"/cases/{found.case}", "bob")


async def one_event(site: Site, t: Things) -> httpx.Response:
    events = (await site.ask("GET", "/tap", "admin", params={"limit": 1})).json()
    return await site.ask("GET", f"/tap/events/{events[0]['id']}", "admin")


HOOK = {"url": "https://sink.example.com/tap", "start": "beginning"}


def on_webhook(method: str, path: str, **more: Any) -> Ask:
    """Asks something of a webhook whose first event is a dead letter."""

    async def ask(site: Site, t: Things) -> httpx.Response:
        made = await site.ask("POST", "/webhooks", "admin", json=HOOK)
        below = f"/webhooks/{made.json()['webhook']}"
        await site.ask("POST", f"{below}/resume", "admin", json={"skip": True})
        return await site.ask(method, below + path, "admin", **more)

    return ask


def recognised(path: str) -> Ask:
    """Where the region's policy has recognition."""

    async def ask(site: Site, t: Things) -> httpx.Response:
        await site.node.handler.append(partial(adopt, SCORING))
        return await site.ask("GET", path, "admin")

    return ask


RECORD = (
    b'{"import":"community","source":{"system":"se","id":"1"},'
    b'"community":"01kdvdna01xxrz2dw23xegt3k5","name":"Old","at":1}\n'
)

CALLS: dict[tuple[str, str], Ask] = {
    ("POST", "/login"): lambda site, t: sign_in(site),
    ("POST", "/logout"): post("/logout", {}),
    ("GET", "/me"): get("/me"),
    ("GET", "/sessions"): get("/sessions"),
    ("DELETE", "/sessions"): lambda site, t: site.ask("DELETE", "/sessions", "asha"),
    ("DELETE", "/sessions/{session}"): end_one,
    ("POST", "/me/password"): change_password,
    ("POST", "/tokens"): post("/tokens", {"label": "phone"}),
    ("POST", "/people"): post("/people", NEW | {"roles": ["auditor"]}, "admin"),
    ("POST", "/people/{person}/invitation"): post("/people/bob/invitation", None, "admin"),
    ("POST", "/commands"): post(
        "/commands", with_command("community.create", "a-new-community", name="Coffee")
    ),
    ("GET", "/sync"): get("/sync"),
    ("POST", "/live/frames"): post("/live/frames?stream=here", {"t": "ping"}),
    ("GET", "/feed"): get("/feed", view="unanswered"),
    ("GET", "/communities"): get("/communities", q="te"),
    ("GET", "/communities/{community}"): get("/communities/{tea}"),
    ("GET", "/communities/{community}/posts"): get("/communities/{tea}/posts"),
    ("GET", "/communities/{community}/reports"): get("/communities/{tea}/reports"),
    ("GET", "/conversations"): get("/conversations"),
    ("GET", "/conversations/{conversation}/posts"): get("/conversations/{chat}/posts"),
    ("GET", "/threads/{root}"): get("/threads/{question}"),
    ("GET", "/posts/{post}"): get("/posts/{reply}"),
    ("GET", "/posts/{post}/history"): get("/posts/{question}/history"),
    ("GET", "/erasures"): get("/erasures"),
    ("GET", "/erasures/{erasure}"): one_erasure,
    ("GET", "/people"): get("/people", q="AS"),
    ("GET", "/people/{person}"): get("/people/bob"),
    ("GET", "/people/{person}/record"): get("/people/asha/record"),
    ("GET", "/experts"): get("/experts", topic="leaf", ask="true"),
    ("GET", "/topics"): get("/topics"),
    ("GET", "/me/impact"): get("/me/impact"),
    ("GET", "/scoring/rules"): get("/scoring/rules"),
    ("GET", "/me/scoring"): get("/me/scoring"),
    ("GET", "/me/impact/lines"): get("/me/impact/lines", limit=1),
    ("GET", "/me/impact/place"): get("/me/impact/place"),
    ("GET", "/me/impact/export"): get("/me/impact/export", format="csv"),
    ("GET", "/boards/{community}"): get("/boards/{tea}", topic="leaf"),
    ("GET", "/leader"): get("/leader"),
    ("GET", "/cases"): get("/cases", "admin"),
    ("GET", "/cases/mine"): get("/cases/mine"),
    ("GET", "/cases/{case}"): one_case,
    ("GET", "/recognition"): recognised("/recognition"),
    ("GET", "/recognition/export"): recognised("/recognition/export"),
    ("POST", "/media"): lambda site, t: site.ask("POST", "/media", "asha", content=PDF),
    ("GET", "/media/{hash}"): read_file,
    ("GET", "/media/{hash}/thumbnail"): read_thumbnail,
    ("GET", "/federation/v1/media/{hash}"): read_as_region,
    ("GET", "/tap"): get("/tap", "admin"),
    ("GET", "/tap/events/{event}"): one_event,
    ("GET", "/webhooks"): get("/webhooks", "admin"),
    ("POST", "/webhooks"): post("/webhooks", HOOK, "admin"),
    ("DELETE", "/webhooks/{webhook}"): on_webhook("DELETE", ""),
    ("POST", "/webhooks/{webhook}/test"): on_webhook("POST", "/test"),
    ("POST", "/webhooks/{webhook}/resume"): on_webhook("POST", "/resume", json={}),
    ("POST", "/webhooks/{webhook}/secret"): on_webhook("POST", "/secret"),
    ("GET", "/webhooks/{webhook}/dead"): on_webhook("GET", "/dead"),
    ("POST", "/webhooks/{webhook}/dead/{position}/retry"): on_webhook("POST", "/dead/1/retry"),
    ("POST", "/import"): lambda site, t: site.ask("POST", "/import", "admin", content=RECORD),
    ("GET", "/node"): get("/node", ""),
    ("GET", "/operator"): get("/operator", "admin"),
    ("GET", "/healthz"): get("//healthz", ""),
    ("GET", "/readyz"): get("//readyz", ""),
    ("GET", "/metrics"): get("//metrics", ""),
}
"""A request that succeeds, for every route. The streams, which never end, have tests of their own."""
ENDLESS = {("GET", "/tap/stream"), ("GET", "/live/events")}
EVERY = [*ROUTES, *ROOT_ROUTES]
ROLES = (Access.ADMIN, Access.TAP, Access.IMPORT, Access.OPERATOR)


def names(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_every_route_is_called_here() -> None:
    assert CALLS.keys() | ENDLESS == {(route.method, route.path) for route in EVERY}


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
async def test_a_route_answers_as_the_document_says(call: tuple[str, str], site: Site) -> None:
    response = await CALLS[call](site, await things(site))
    (status,) = [route.status for route in EVERY if (route.method, route.path) == call]
    assert response.status_code == status, response.text


async def test_all_forms_of_sync_fit_the_document(site: Site) -> None:
    t = await things(site)
    first = await site.get("/sync", "asha")
    page = await site.get("/sync", "asha", since=first["cursor"].partition(".")[0] + ".1")
    assert {event["type"] for event in page["events"]} >= {"post.published", "answer.accepted"}
    watched = await site.get(
        "/sync", "cleo", since=first["cursor"], channels=f"t:{t.question},d:{t.chat}"
    )
    assert f"t:{t.question}" in watched["channels"]
    assert watched["refused"] == [{"channel": f"d:{t.chat}", "code": "forbidden"}]
    reset = await site.get("/sync", "asha", since="1.1")
    assert reset["reset"] == {"reason": "unknown_epoch"}


@pytest.mark.parametrize("route", [r for r in EVERY if r.access is not Access.ANYBODY], ids=names)
async def test_who_is_not_signed_in_is_let_nowhere(route: Route, site: Site) -> None:
    path = re.sub(r"\{(\w+)\}", "01kdvdna01xxrz2dw23xegt3k5", route.path)
    assert await site.refused(route.method, path) == (401, "unauthenticated")
    stranger = {"Authorization": "Bearer tap_guessed"}
    assert (await site.refused(route.method, path, headers=stranger))[0] == 401


@pytest.mark.parametrize("route", [r for r in EVERY if r.access in ROLES], ids=names)
async def test_roles_are_asked_for(route: Route, site: Site) -> None:
    assert await site.refused(route.method, route.path, "asha", json={}) == (403, "forbidden")


@pytest.mark.parametrize("route", EVERY, ids=names)
def test_a_route_is_declared_in_full(route: Route) -> None:
    assert route.summary.endswith(".")
    assert set(re.findall(r"\{(\w+)\}", route.path)) <= PATH_TYPES.keys()
    assert route.method in ("GET", "POST", "DELETE")
    assert route.body is None or route.method == "POST"


def test_the_committed_document_is_current() -> None:
    """Written by ``python -m server.api.openapi > docs/protocol/openapi.json``."""
    assert COMMITTED.read_bytes() == encoded(API_VERSION)


def test_every_schema_in_the_document_is_one() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_operations_have_names_of_their_own() -> None:
    found = [item["operationId"] for path in DOCUMENT["paths"].values() for item in path.values()]
    assert len(found) == len(set(found)) == len(EVERY)


async def test_the_node_serves_its_document(site: Site) -> None:
    response = await site.ask("GET", "/openapi.json")
    assert response.content == COMMITTED.read_bytes()
