"""Signing in and out; where one is signed in; tokens for devices and services; new colleagues."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from server.api.access import (
    FOREIGN,
    address_of,
    clear_cookie,
    credentials_in,
    from_elsewhere,
    set_cookie,
)
from server.api.answers import answer
from server.api.route import Body, Call, NoQuery
from server.app.auth import COOKIE, SessionView
from server.app.handle import Answer
from server.app.naming import Names
from server.app.passwords import fresh_password
from server.domain import limits
from server.domain.commands import Key, Lang, Name, Person, RegisterPerson, SetPersonRole, ShortText
from server.domain.decide.people import whereabouts
from server.domain.errors import Code, Refusal
from server.domain.events import RegionRole
from server.storage.async_facts import load_person
from server.storage.queries import people
from server.storage.queries.shapes import PersonView, Shape

Password = Annotated[str, Meta(max_length=limits.PASSWORD_CHARS_MAX)]
Label = Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX)]


class Login(Body, frozen=True, kw_only=True):
    """``device``: asks for a bearer token under this name instead of a cookie."""

    person: Annotated[str, Meta(max_length=64)]
    password: Password
    device: Label = ""


class SignedIn(Shape, frozen=True, kw_only=True, omit_defaults=True):
    """``token``: only where a device asked; shown this once."""

    person: str
    token: str | None = None
    expires_at: int | None = None


class Me(Shape, frozen=True, kw_only=True):
    """``session``: the public name of the session this was asked with."""

    person: PersonView
    region: str
    kind: Literal["browser", "device", "service"]
    session: str
    expires_at: int


class Sessions(Shape, frozen=True, kw_only=True):
    sessions: tuple[SessionView, ...]


class Done(Shape, frozen=True, kw_only=True):
    """Nothing else to say."""

    ok: bool = True


class NewToken(Body, frozen=True, kw_only=True):
    """``person``: a bot or colleague at home here; only a region admin names somebody else.

    A service token reads the tap and imports; it is for a region admin to give. ``names``: whom it reads about in
    the tap; only one that is shown names may also read and write as a colleague does."""

    label: Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS_MAX)]
    person: Person | None = None
    kind: Literal["device", "service"] = "device"
    names: Names = "pseudonyms"
    days: Annotated[int, Meta(ge=1, le=limits.DEVICE_TOKEN_DAYS)] = limits.DEVICE_TOKEN_DAYS


class Token(Shape, frozen=True, kw_only=True):
    """``token`` is shown this once; ``session`` is its name from now on."""

    person: str
    token: str
    session: str
    expires_at: int


class NewPassword(Body, frozen=True, kw_only=True):
    old: Password
    new: Password


class NewPerson(Body, frozen=True, kw_only=True):
    """A colleague whose home is this region. ``key``: as in commands; a repeat registers nobody twice."""

    key: Key
    person: Person
    name: Name
    password: Password | None = None
    title: ShortText = ""
    unit: ShortText = ""
    country: Annotated[str, Meta(max_length=2)] = ""
    locale: Lang = "en"
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    bot: bool = False
    roles: tuple[RegionRole, ...] = ()


class Invitation(Shape, frozen=True, kw_only=True):
    """A first password for somebody who has just arrived, shown this once; theirs to change."""

    person: str
    password: str


async def login(call: Call[NoQuery, Login]) -> Response | Refusal:
    services, wish = call.services, call.body
    if from_elsewhere(call.request, services):
        return FOREIGN
    issued = await services.auth.sign_in(
        wish.person,
        wish.password,
        address=address_of(call.request),
        kind="device" if wish.device else "browser",
        label=wish.device or call.request.headers.get("user-agent", "")[: limits.NAME_CHARS_MAX],
        instead_of="" if wish.device else call.request.cookies.get(COOKIE, ""),
    )
    if isinstance(issued, Refusal):
        return issued
    if wish.device:
        return answer(
            SignedIn(person=wish.person, token=issued.secret, expires_at=issued.expires_at)
        )
    response = answer(SignedIn(person=wish.person))
    set_cookie(response, issued, services)
    return response


async def logout(call: Call[NoQuery, None]) -> Response | Refusal:
    """Whoever is not signed in is signed out already. A form of another site's page brings no cookie, but the answer
    would take it away."""
    secret, from_cookie = credentials_in(call.request)
    if (from_cookie or not secret) and from_elsewhere(call.request, call.services):
        return FOREIGN
    response = answer(Done())
    if secret:
        await call.services.auth.sign_out(secret)
    clear_cookie(response, call.services)
    return response


async def logout_everywhere(call: Call[NoQuery, None]) -> Response:
    await call.services.auth.revoke_all(call.person)
    response = answer(Done())
    clear_cookie(response, call.services)
    return response


async def me(call: Call[NoQuery, None]) -> Me | Refusal:
    async with call.services.reader.snapshot() as snapshot:
        view = (await people.by_ids(snapshot, {call.person})).get(call.person)
    if view is None:
        return Refusal(Code.NOT_FOUND, f"nobody here is called {call.person}")
    mine = call.me
    return Me(
        person=view,
        region=call.services.region,
        kind=mine.kind,
        session=mine.session,
        expires_at=mine.expires_at,
    )


async def sessions(call: Call[NoQuery, None]) -> Sessions:
    found = await call.services.auth.sessions(call.person, call.me.session)
    return Sessions(sessions=tuple(found))


async def end_session(call: Call[NoQuery, None]) -> Done | Refusal:
    if await call.services.auth.revoke(call.person, call.path["session"]):
        return Done()
    return Refusal(Code.NOT_FOUND, "you have no such session", "session")


async def change_password(call: Call[NoQuery, NewPassword]) -> Done | Refusal:
    """Signs out everywhere else too: whoever knew the old one is out."""
    services, wish = call.services, call.body
    proven = await services.auth.prove(call.person, wish.old, address=address_of(call.request))
    if isinstance(proven, Refusal):
        return msgspec.structs.replace(proven, field="old")
    refusal = await services.passwords.set(call.person, wish.new)
    if refusal is not None:
        return msgspec.structs.replace(refusal, field="new")
    await services.auth.revoke_all(call.person)
    return Done()


async def new_token(call: Call[NoQuery, NewToken]) -> Token | Refusal:
    wish, services = call.body, call.services
    person = wish.person or call.person
    is_admin = "region_admin" in call.me.who.roles
    if not is_admin and (person != call.person or wish.kind == "service"):
        return Refusal(Code.FORBIDDEN, "tokens for services and for others are given by an admin")
    async with services.reader.snapshot() as snapshot:
        fact = await load_person(snapshot, person)
    if fact is None or not fact.active:
        return Refusal(Code.NOT_FOUND, f"nobody active here is called {person}", "person")
    if fact.home != services.region:
        return Refusal(Code.WRONG_REGION, whereabouts(fact), "person")
    names = wish.names if wish.kind == "service" else "shown"
    issued = await services.auth.issue(person, wish.kind, wish.label, wish.days, names)
    return Token(
        person=person,
        token=issued.secret,
        session=issued.session,
        expires_at=issued.expires_at,
    )


async def new_person(call: Call[NoQuery, NewPerson]) -> Done | Refusal:
    wish, services = call.body, call.services
    command = RegisterPerson(
        person=wish.person,
        name=wish.name,
        title=wish.title,
        unit=wish.unit,
        country=wish.country,
        locale=wish.locale,
        timezone=wish.timezone,
        bot=wish.bot,
    )
    outcome = await services.handler.handle(call.person, wish.key, command)
    if not isinstance(outcome, Answer):
        return outcome
    return await _equip(call, wish) or Done()


async def invite(call: Call[NoQuery, None]) -> Invitation | Refusal:
    """Ends every session: whoever was signed in as this person is not any more."""
    person, services = call.path["person"], call.services
    password = fresh_password()
    refusal = await services.passwords.set(person, password)
    if refusal is not None:
        return refusal
    await services.auth.revoke_all(person)
    return Invitation(person=person, password=password)


async def _equip(call: Call[NoQuery, NewPerson], wish: NewPerson) -> Refusal | None:
    """Roles and the password; asked again with the same key, what is missing is made up for."""
    for role in wish.roles:
        grant = SetPersonRole(person=wish.person, role=role, on=True)
        key = f"{wish.key[: limits.KEY_CHARS_MAX - 24]}.{role}"
        outcome = await call.services.handler.handle(call.person, key, grant)
        if isinstance(outcome, Refusal):
            return outcome
    if wish.password is None:
        return None
    return await call.services.passwords.set(wish.person, wish.password)
