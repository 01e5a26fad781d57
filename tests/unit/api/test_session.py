"""Signing in over HTTP: cookies, bearer tokens, and requests that other sites make a browser send."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain import limits
from server.domain.events import PersonTakenOver
from tests.support.node import ForeignLog
from tests.unit.api.site import ORIGIN, PASSWORD, Site, with_command

HERE = {"Origin": ORIGIN}


@pytest.fixture
async def enrolled(site: Site) -> Site:
    assert await site.services.passwords.set("asha", PASSWORD) is None
    return site


async def sign_in(site: Site, **more: Any) -> str:
    """A browser's cookie; the client keeps it."""
    response = await site.ask(
        "POST", "/login", json={"person": "asha", "password": PASSWORD}, headers=HERE, **more
    )
    assert response.status_code == 200, response.text
    return str(response.headers["set-cookie"])


async def test_a_browser_gets_a_cookie_no_script_can_read(enrolled: Site) -> None:
    cookie = await sign_in(enrolled)
    for part in (
        "tap_session=tap_",
        "HttpOnly",
        "Secure",
        "SameSite=lax",
        "Path=/",
        "Max-Age=2592000",
    ):
        assert part in cookie
    me = await enrolled.get("/me")
    assert (me["person"]["id"], me["kind"], me["region"]) == ("asha", "browser", "in")


async def test_a_device_gets_a_token_and_no_cookie(enrolled: Site) -> None:
    wish = {"person": "asha", "password": PASSWORD, "device": "phone"}
    response = await enrolled.ask("POST", "/login", json=wish)
    assert "set-cookie" not in response.headers
    token = response.json()["token"]
    me = await enrolled.ask("GET", "/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["kind"] == "device"


async def test_wrong_name_and_wrong_password_sound_alike(enrolled: Site) -> None:
    answers = [
        await enrolled.ask("POST", "/login", json={"person": person, "password": "wrong" * 3})
        for person in ("asha", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content


async def test_attempts_are_limited(enrolled: Site) -> None:
    wrong = {"person": "asha", "password": "wrong" * 3}
    for _ in range(limits.LOGIN_ATTEMPTS_PER_15_MIN):
        assert await enrolled.refused("POST", "/login", json=wrong) == (401, "bad_credentials")
    right = {"person": "asha", "password": PASSWORD}
    assert await enrolled.refused("POST", "/login", json=right) == (429, "rate_limited")
    enrolled.node.clock.advance(15 * 60 * 1000)
    await sign_in(enrolled)


async def test_a_stolen_session_cannot_guess_the_password(enrolled: Site) -> None:
    wrong = {"old": "wrong" * 3, "new": "another long one"}
    for _ in range(limits.LOGIN_ATTEMPTS_PER_15_MIN):
        assert (await enrolled.refused("POST", "/me/password", "asha", json=wrong))[0] == 401
    right = {"old": PASSWORD, "new": "another long one"}
    assert (await enrolled.refused("POST", "/me/password", "asha", json=right))[0] == 429


async def test_signing_out_ends_the_session(enrolled: Site) -> None:
    cookie = await sign_in(enrolled)
    secret = cookie.partition("=")[2].partition(";")[0]
    response = await enrolled.ask("POST", "/logout", headers=HERE)
    assert 'tap_session=""' in response.headers["set-cookie"]
    bearer = {"Authorization": f"Bearer {secret}"}
    assert await enrolled.refused("GET", "/me", headers=bearer) == (401, "unauthenticated")
    assert (await enrolled.ask("POST", "/logout")).status_code == 200  # already out


async def test_another_sites_page_signs_nobody_out(enrolled: Site) -> None:
    await sign_in(enrolled)
    for elsewhere in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        response = await enrolled.ask("POST", "/logout", headers=elsewhere)
        assert response.status_code == 403
        assert response.json()["error"]["code"] == "bad_origin"
        assert "set-cookie" not in response.headers
    assert (await enrolled.ask("GET", "/me")).status_code == 200


async def test_signing_in_again_ends_the_older_session(enrolled: Site) -> None:
    old = (await sign_in(enrolled)).partition("=")[2].partition(";")[0]
    await sign_in(enrolled)
    bearer = {"Authorization": f"Bearer {old}"}
    assert await enrolled.refused("GET", "/me", headers=bearer) == (401, "unauthenticated")


async def test_a_session_expires(enrolled: Site) -> None:
    await sign_in(enrolled)
    enrolled.node.clock.advance(limits.SESSION_DAYS * 86_400_000 - 1)
    assert (await enrolled.ask("GET", "/me")).status_code == 200
    enrolled.node.clock.advance(1)
    assert await enrolled.refused("GET", "/me") == (401, "expired")


async def test_sessions_are_listed_and_ended_one_by_one(enrolled: Site) -> None:
    await sign_in(enrolled)
    other = await enrolled.services.auth.issue("asha", "device", "old phone")
    listed = (await enrolled.get("/sessions"))["sessions"]
    assert {(one["label"], one["current"]) for one in listed} >= {("old phone", False)}
    assert [one["current"] for one in listed].count(True) == 1
    ended = await enrolled.ask("DELETE", f"/sessions/{other.session}", headers=HERE)
    assert ended.status_code == 200
    bearer = {"Authorization": f"Bearer {other.secret}"}
    assert (await enrolled.refused("GET", "/me", headers=bearer))[0] == 401


async def test_nobody_ends_the_session_of_another(site: Site) -> None:
    hers = await site.services.auth.issue("asha", "device", "phone")
    assert await site.refused("DELETE", f"/sessions/{hers.session}", "bob") == (404, "not_found")
    bearer = {"Authorization": f"Bearer {hers.secret}"}
    assert (await site.ask("GET", "/me", headers=bearer)).status_code == 200


async def test_signing_out_everywhere(site: Site) -> None:
    hers = await site.services.auth.issue("asha", "device", "phone")
    assert (await site.ask("DELETE", "/sessions", "asha")).status_code == 200
    bearer = {"Authorization": f"Bearer {hers.secret}"}
    assert (await site.refused("GET", "/me", headers=bearer))[0] == 401
    assert (await site.refused("GET", "/me", "asha"))[0] == 401


async def test_a_new_password_needs_the_old_one_and_ends_every_session(enrolled: Site) -> None:
    body = {"old": "wrong" * 3, "new": "another long one"}
    assert await enrolled.refused("POST", "/me/password", "asha", json=body) == (
        401,
        "bad_credentials",
    )
    short = {"old": PASSWORD, "new": "short"}
    assert await enrolled.refused("POST", "/me/password", "asha", json=short) == (422, "bad_value")
    right = {"old": PASSWORD, "new": "another long one"}
    assert (await enrolled.ask("POST", "/me/password", "asha", json=right)).status_code == 200
    assert (await enrolled.refused("GET", "/me", "asha"))[0] == 401


# -- other sites' pages --------------------------------------------------------------------------------

WISH = with_command("community.create", name="Tea")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ORIGIN + ".evil.example"},
        {"Origin": "https://eviltap.in.example.com"},
        {"Origin": "ftp://tap.in.example.com"},
        {"Origin": "https://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
async def test_a_cookie_alone_changes_nothing(headers: dict[str, str], enrolled: Site) -> None:
    await sign_in(enrolled)
    answer = await enrolled.refused("POST", "/commands", json=WISH, headers=headers)
    assert answer == (403, "bad_origin")
    assert (await enrolled.refused("DELETE", "/sessions", headers=headers))[0] == 403


@pytest.mark.parametrize(
    "headers", [HERE, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://tap.in.example.com"}]
)
async def test_our_own_pages_may(headers: dict[str, str], enrolled: Site) -> None:
    await sign_in(enrolled)
    response = await enrolled.ask("POST", "/commands", json=WISH, headers=headers)
    assert response.status_code == 200, response.text


async def test_a_bearer_token_needs_no_origin(site: Site) -> None:
    evil = {"Origin": "https://evil.example"}
    response = await site.ask("POST", "/commands", "asha", json=WISH, headers=evil)
    assert response.status_code == 200


async def test_another_site_cannot_sign_somebody_in(enrolled: Site) -> None:
    wish = {"person": "asha", "password": PASSWORD}
    evil = {"Origin": "https://evil.example"}
    assert await enrolled.refused("POST", "/login", json=wish, headers=evil) == (403, "bad_origin")


async def test_reading_with_a_cookie_needs_no_origin(enrolled: Site) -> None:
    await sign_in(enrolled)
    assert (await enrolled.ask("GET", "/sync")).status_code == 200


# -- tokens and new colleagues -------------------------------------------------------------------------


async def test_tokens_for_oneself_and_by_an_admin_for_services(site: Site) -> None:
    mine = await site.ask("POST", "/tokens", "asha", json={"label": "phone", "days": 7})
    assert mine.json()["person"] == "asha"
    service = {"label": "import", "kind": "service", "person": "bob"}
    assert await site.refused("POST", "/tokens", "asha", json=service) == (403, "forbidden")
    given = await site.ask("POST", "/tokens", "admin", json=service)
    bearer = {"Authorization": f"Bearer {given.json()['token']}"}
    assert (await site.ask("GET", "/tap", headers=bearer)).status_code == 200
    # It knows no names unless an admin says so, and so is let nowhere else.
    assert await site.refused("GET", "/me", headers=bearer) == (403, "forbidden")
    named = await site.ask("POST", "/tokens", "admin", json=service | {"names": "shown"})
    bearer = {"Authorization": f"Bearer {named.json()['token']}"}
    assert (await site.ask("GET", "/me", headers=bearer)).status_code == 200
    for_nobody = {"label": "import", "person": "nobody"}
    assert await site.refused("POST", "/tokens", "admin", json=for_nobody) == (404, "not_found")


async def test_an_admin_registers_a_colleague_who_signs_in(site: Site) -> None:
    new = {
        "key": "register-dev",
        "person": "dev",
        "name": "Dev",
        "password": PASSWORD,
        "roles": ["auditor"],
    }
    for _ in range(2):  # the same key again registers nobody twice
        assert (await site.ask("POST", "/people", "admin", json=new)).status_code == 200
    signed_in = await site.ask("POST", "/login", json={"person": "dev", "password": PASSWORD})
    assert signed_in.status_code == 200
    assert (await site.get("/me"))["person"]["roles"] == ["auditor"]
    taken = new | {"key": "register-dev-2"}
    assert await site.refused("POST", "/people", "admin", json=taken) == (409, "conflict")
    assert await site.refused("POST", "/people", "asha", json=taken) == (403, "forbidden")


async def test_who_is_deactivated_is_out_at_once(site: Site) -> None:
    await site.get("/me", "bob")
    await site.ask(
        "POST",
        "/commands",
        "admin",
        json=with_command("person.set_status", person="bob", active=False),
    )
    assert await site.refused("GET", "/me", "bob") == (401, "unauthenticated")


async def test_a_role_counts_from_its_grant_on(site: Site) -> None:
    assert (await site.refused("GET", "/tap", "asha"))[0] == 403
    grant = with_command("person.set_role", person="asha", role="auditor", on=True)
    await site.ask("POST", "/commands", "admin", json=grant)
    assert (await site.ask("GET", "/tap", "asha")).status_code == 200


# ---------------------------------------------------------------- who moved


async def goes(site: Site, person: str = "asha") -> None:
    wish = with_command("person.hand_over", "hand-over-asha", person=person, to="de")
    assert (await site.ask("POST", "/commands", "admin", json=wish)).status_code == 200


async def arrives_in_germany(site: Site, person: str = "asha") -> None:
    taken = PersonTakenOver(person=person, previous="in", rev=2)
    await site.node.handler.apply(ForeignLog("de").batch(site.node.clock.now, ("", taken)))


async def test_on_the_way_one_reads_and_cannot_write(enrolled: Site) -> None:
    await sign_in(enrolled)
    await goes(enrolled)
    assert (await enrolled.get("/me"))["person"]["home"] == ""
    assert (await enrolled.ask("GET", "/sync", "asha")).status_code == 200
    wish = with_command("profile.change", "a-new-name-1", name="Asha A")
    assert await enrolled.refused("POST", "/commands", "asha", json=wish) == (409, "wrong_region")


async def test_who_moved_is_told_where_to(enrolled: Site) -> None:
    """Every session and token, and whoever knows the old password; to others it is wrong as ever."""
    await sign_in(enrolled)
    await enrolled.token("asha")
    await goes(enrolled)
    await arrives_in_germany(enrolled)
    right = {"person": "asha", "password": PASSWORD}
    for response in (
        await enrolled.ask("GET", "/me"),
        await enrolled.ask("GET", "/sync", "asha"),
        await enrolled.ask("POST", "/commands", "asha", json=with_command("read.mark")),
        await enrolled.ask("POST", "/login", json=right),
    ):
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (410, "moved")
        assert error["url"] == "https://tap.de.example.com"
        assert error["url"] in error["message"]
    wrong = right | {"password": "wrong" * 3}
    assert await enrolled.refused("POST", "/login", json=wrong) == (401, "bad_credentials")
    assert "url" not in (await enrolled.ask("POST", "/login", json=wrong)).json()["error"]


async def test_nobody_gives_a_password_or_token_to_who_moved(enrolled: Site) -> None:
    await goes(enrolled)
    await arrives_in_germany(enrolled)
    invited = await enrolled.refused("POST", "/people/asha/invitation", "admin")
    assert invited == (409, "wrong_region")
    token = {"label": "phone", "person": "asha"}
    assert await enrolled.refused("POST", "/tokens", "admin", json=token) == (409, "wrong_region")


async def test_who_arrives_gets_a_first_password(site: Site) -> None:
    """An admin's to give; it ends whatever was signed in as this person."""
    old = await site.token("bob")
    assert await site.refused("POST", "/people/bob/invitation", "asha") == (403, "forbidden")
    assert await site.refused("POST", "/people/zoe/invitation", "admin") == (404, "not_found")
    given = (await site.ask("POST", "/people/bob/invitation", "admin")).json()
    assert len(given["password"]) >= limits.PASSWORD_CHARS_MIN
    bearer = {"Authorization": f"Bearer {old}"}
    assert await site.refused("GET", "/me", headers=bearer) == (401, "unauthenticated")
    login = {"person": "bob", "password": given["password"]}
    assert (await site.ask("POST", "/login", json=login)).status_code == 200
