"""What malformed requests get: a stable code, a sentence, the right status, and nothing half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from server.app.handle import Answer
from server.domain import limits
from server.domain.commands import from_builtins
from server.domain.errors import STATUS, Code
from tests.unit.api.site import Site, with_command

WISH = with_command("community.create", name="Tea")
MISSING = "01kdvdna01xxrz2dw23xegt3k5"


# -- bodies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "bad_encoding"),
        (b"{", "bad_encoding"),
        (b"\xff\xfe", "bad_encoding"),
        (b'{"key":"\xff"}', "bad_encoding"),
        (b"[" * 100_000, "bad_value"),
        (b"null", "bad_value"),
        (b"[]", "bad_value"),
        (b"{}", "bad_value"),
        (b'{"key":"12345678"}', "bad_value"),
        (b'{"key":"12345678","command":{}}', "unknown_kind"),
        (b'{"key":"12345678","command":{"do":"post.fly"}}', "unknown_kind"),
        (b'{"key":"short","command":{"do":"post.delete","post":"x"}}', "bad_value"),
        (b'{"key":12345678,"command":{"do":"post.delete","post":"x"}}', "bad_value"),
        (b'{"key":"12345678","command":{"do":"post.delete","post":"x"}}', "bad_value"),
        (b'{"key":"12345678","command":{"do":"community.create"},"extra":1}', "bad_value"),
        (b'{"key":"12345678","command":{"do":"community.create","nom":"T"}}', "bad_value"),
        (b'{"key":"12345678","command":{"do":"read.mark","channel":"c:1","up_to":1e999}}', "*"),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_a_bad_body_is_refused(raw: bytes, code: str, site: Site) -> None:
    before = site.node.tap.position
    status, said = await site.refused("POST", "/commands", "asha", content=raw)
    assert code in (said, "*")
    assert status == STATUS[Code(said)]
    assert site.node.tap.position == before


async def test_a_refusal_names_the_field(site: Site) -> None:
    wish = with_command("community.create", name="x" * 121)
    response = await site.ask("POST", "/commands", "asha", json=wish)
    assert response.json()["error"]["field"] == "command.name"


async def test_a_declared_size_is_refused_unread(site: Site) -> None:
    response = await site.ask(
        "POST", "/commands", "asha", content=b"x" * (limits.HTTP_BODY_BYTES_MAX + 1)
    )
    assert response.status_code == 413


async def test_an_undeclared_size_is_read_up_to_the_bound(site: Site) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 64 * 1024
            yield b" " * (64 * 1024)

    answer = await site.refused("POST", "/commands", "asha", content=endless())
    assert answer == (413, "too_large")
    assert read <= limits.HTTP_BODY_BYTES_MAX + 2 * 64 * 1024


# -- parameters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/feed", {"limit": "0"}, "bad_value"),
        ("/feed", {"limit": "101"}, "bad_value"),
        ("/feed", {"limit": "1e9"}, "bad_value"),
        ("/feed", {"limit": "9" * 5_000}, "bad_value"),
        ("/feed", {"limit": "ten"}, "bad_value"),
        ("/feed", {"vieww": "latest"}, "bad_value"),
        ("/feed", {"view": "best"}, "bad_value"),
        ("/feed", {"before": "yesterday"}, "bad_value"),
        ("/feed", {"before": "-1." + MISSING}, "bad_value"),
        ("/feed", {"before": "٣." + MISSING}, "bad_value"),
        ("/feed", {"before": "9" * 20 + "." + MISSING}, "bad_value"),
        ("/sync", {"since": "now"}, "bad_cursor"),
        ("/sync", {"since": "1.-5"}, "bad_cursor"),
        ("/sync", {"since": "1." + "9" * 30}, "bad_cursor"),
        ("/sync", {"channels": "t:" + MISSING}, "bad_value"),
        ("/sync", {"since": "1.1", "channels": ",".join(["g"] * 300)}, "*"),
        ("/people", {"ids": "asha", "q": "a"}, "bad_value"),
        ("/people", {"ids": ",".join([f"p{n}" for n in range(101)])}, "bad_value"),
        ("/people", {"q": "x" * 121}, "bad_value"),
        ("/people", {"q": "a\x00b"}, "bad_value"),
        ("/me", {"why": "not"}, "bad_value"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_bad_parameter_is_refused(
    path: str, query: dict[str, str], code: str, site: Site
) -> None:
    response = await site.ask("GET", path, "asha", params=query)
    if code != "*":
        error = response.json()["error"]
        assert (error["code"], response.status_code) == (code, STATUS[Code(code)])
        assert error["field"] in query


async def test_a_parameter_given_twice_is_refused(site: Site) -> None:
    answer = await site.refused("GET", "/feed?limit=1&limit=2", "asha")
    assert answer == (422, "bad_value")


@pytest.mark.parametrize(
    "path",
    [
        "/communities/tea",
        f"/communities/{MISSING}",
        f"/communities/{MISSING}/posts",
        f"/conversations/{MISSING}/posts",
        f"/threads/{MISSING}",
        f"/posts/{MISSING}",
        f"/posts/{MISSING}/history",
        "/posts/%00",
        f"/posts/{MISSING}%0A",
        "/people/nobody",
        "/people/No%20Body",
        "/nowhere",
        "/",
        "/feed/",
    ],
)
async def test_what_is_not_there_is_not_found(path: str, site: Site) -> None:
    assert await site.refused("GET", path, "asha") == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/feed"), ("GET", "/commands")])
async def test_another_method_says_which_are_answered(method: str, path: str, site: Site) -> None:
    response = await site.ask(method, path, "asha")
    assert response.status_code == 405
    assert response.headers["allow"]
    assert response.json()["error"]["code"] == "not_found"


async def test_odd_searches_are_taken_literally(site: Site) -> None:
    for words in ("%", "_", "\\", "'; drop table persons --", "🫖"):
        assert (await site.get("/people", "asha", q=words))["people"] == []
    assert [p["id"] for p in (await site.get("/people", "asha", q="SH"))["people"]] == ["asha"]


# -- our own mistakes, and hard times -----------------------------------------------------------------


async def test_our_own_mistake_is_answered_and_not_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> object:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(site.services.sync, "snapshot", broken)
    response = await site.ask("GET", "/sync", "asha")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "secret detail" not in response.text
    assert "ZeroDivisionError" in caplog.text
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_read_only_node_still_reads(site: Site) -> None:
    await site.get("/me", "asha")
    site.node.handler.read_only = "the disk reported an error"
    assert await site.refused("POST", "/commands", "asha", json=WISH) == (503, "read_only")
    assert await site.refused("GET", "//readyz") == (503, "read_only")
    assert (await site.ask("GET", "//healthz")).status_code == 200
    assert (await site.ask("GET", "/sync", "asha")).status_code == 200


# -- commands: once, and in a race ---------------------------------------------------------------------


async def test_the_same_key_is_carried_out_once(site: Site) -> None:
    asked = [site.ask("POST", "/commands", "asha", json=WISH) for _ in range(8)]
    answers = [response.json() for response in await asyncio.gather(*asked)]
    assert len({answer["answer"]["community"] for answer in answers}) == 1
    assert [answer["repeated"] for answer in answers].count(False) == 1
    assert len((await site.get("/communities", "asha"))["communities"]) == 1


async def test_the_same_key_for_another_wish_is_refused(site: Site) -> None:
    await site.ask("POST", "/commands", "asha", json=WISH)
    other = with_command("community.create", name="Coffee")
    assert await site.refused("POST", "/commands", "asha", json=other) == (409, "key_reused")
    # Keys are a person's own.
    assert (await site.ask("POST", "/commands", "bob", json=other)).status_code == 200


async def test_of_two_who_race_one_wins_and_the_other_is_told(site: Site) -> None:
    await site.node.register("admin2", "region_admin")

    def register(admin: str) -> Any:
        wish = with_command("person.register", f"race-{admin}", person="dev", name=f"By {admin}")
        return site.ask("POST", "/commands", admin, json=wish)

    answers: list[httpx.Response] = await asyncio.gather(register("admin"), register("admin2"))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    winner = next(answer for answer in answers if answer.status_code == 200)
    name = (await site.get("/people/dev", "asha"))["person"]["name"]
    assert name == ("By admin" if winner is answers[0] else "By admin2")


async def test_what_was_answered_can_be_read_at_once(site: Site) -> None:
    """The cursor of an answer covers it, and every later read shows it."""
    for number in range(5):
        wish = with_command("community.create", f"create-{number}", name=f"C{number}")
        answer = (await site.ask("POST", "/commands", "asha", json=wish)).json()
        shown = await site.get("/sync", "asha")
        assert answer["answer"]["community"] in shown["communities"]
        page = await site.get("/sync", "asha", since=answer["cursor"])
        assert not page["events"]


async def test_a_wish_of_the_region_is_the_same_over_http_as_inside(site: Site) -> None:
    wish = {"do": "community.create", "name": "Tea"}
    inside = await site.node.handler.handle("asha", "same-key-1", from_builtins(wish))
    assert isinstance(inside, Answer)
    body = {"key": "same-key-1", "command": wish}
    outside = (await site.ask("POST", "/commands", "asha", json=body)).json()
    assert outside["repeated"]
    assert outside["answer"] == inside.result
