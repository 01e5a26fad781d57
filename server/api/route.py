"""What a route declares, and how a request becomes a call of its endpoint.

A query parameter that is unknown, given twice, of the wrong type or out of range is refused with its
name; so is a body that is no UTF-8, no JSON, or does not fit its type. Path parameters that cannot be
an id lead to ``not_found``: there is no such thing.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_origin, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from server.api.access import caller, is_operators, operators_refusal
from server.api.answers import JSON, answer, body_of, refused
from server.api.services import Services
from server.app.auth import Identity
from server.domain import commands, ids, limits
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import Hash

Q = TypeVar("Q")
B = TypeVar("B")

WRITES = (Code.WRONG_REGION, Code.OVERLOADED, Code.READ_ONLY, Code.DISK_FULL)
"""What a route that writes may answer; without the first where it is nobody's home that counts."""
DECIDES = (
    Code.UNKNOWN_KIND,
    Code.FORBIDDEN,
    Code.NOT_FOUND,
    Code.KEY_REUSED,
    Code.CONFLICT,
    Code.NOT_YET,
    Code.CLOSED,
    Code.LOCKED,
    Code.GONE,
    Code.ALLOWANCE_SPENT,
    Code.PEER_UNREACHABLE,
    *WRITES,
)
"""What a route may answer that carries out a command."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=limits.PAGE_ITEMS_MAX)]
PATH_TYPES: dict[str, Any] = {
    "case": commands.Object,
    "community": commands.Object,
    "conversation": commands.Object,
    "root": commands.Object,
    "post": commands.Object,
    "erasure": commands.Object,
    "person": commands.Person,
    "hash": Hash,
    "event": Annotated[str, msgspec.Meta(pattern=ids.EVENT_ID_PATTERN, max_length=160)],
    "webhook": commands.Object,
    "position": Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,15}$(?!\n)")],
    "session": Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")],
}
"""Every path parameter by name; a route's path uses these names only."""


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of query parameters: a misspelt one must not be lost silently. One that is a tuple may be given
    several times."""


class NoQuery(Query, frozen=True, kw_only=True):
    pass


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of request bodies, for the same reason."""


class Access(Enum):
    """Who may call a route at all; what they see there is visibility's to say."""

    ANYBODY = "anybody"
    PERSON = "whoever is signed in"
    ADMIN = "region_admin"
    IMPORT = "a service token or region_admin"
    TAP = "a service token, auditor or region_admin"
    OPERATOR = "the node's operator or region_admin"


class Call(NamedTuple, Generic[Q, B]):
    """One request, decoded. ``identity`` is None where anybody may call, or the node's operator does."""

    services: Services
    request: Request
    identity: Identity | None
    path: Mapping[str, str]
    query: Q
    body: B

    @property
    def me(self) -> Identity:
        assert self.identity is not None, "the route lets in who is no person"
        return self.identity

    @property
    def person(self) -> str:
        return self.me.person


Endpoint = Callable[[Call[Any, Any]], Awaitable[Any]]


class Route(NamedTuple):
    """One entry of the table. ``answers``: the type of a success's JSON, or several of which it is one;
    None when it is no JSON."""

    method: str
    path: str
    summary: str
    endpoint: Endpoint
    answers: Any
    query: type[Query] = NoQuery
    body: Any = None
    errors: tuple[Code, ...] = ()
    access: Access = Access.PERSON
    media_type: str = JSON
    also: str = ""
    """Another form of a success, for who asks for it; of any shape."""
    body_media_type: str = JSON
    body_bytes_max: int = limits.HTTP_BODY_BYTES_MAX
    raw_body: bool = False
    """The endpoint reads the body itself."""
    status: int = 200
    """Of a success."""


async def respond(route: Route, request: Request, services: Services) -> Response:
    """The route's answer to a request; every refusal becomes one too."""
    try:
        outcome = await _called(route, request, services)
    except Refused as error:
        outcome = error.refusal
    if isinstance(outcome, Refusal):
        return refused(outcome)
    if isinstance(outcome, Response):
        return outcome
    return answer(outcome, route.status, route.media_type)


async def _called(route: Route, request: Request, services: Services) -> Any:
    with_body = route.body is not None and not route.raw_body
    # The operator's word covers the body; of everybody else nothing is read before they are known.
    signed = route.access is Access.OPERATOR and is_operators(request)
    raw = await body_of(request, route.body_bytes_max) if with_body and signed else b""
    identity = await _admitted(route, request, services, raw)
    if isinstance(identity, Refusal):
        return identity
    path = _path(request)
    query = _query(route.query, request)
    body = None
    if with_body:
        raw = raw if signed else await body_of(request, route.body_bytes_max)
        body = decoded(raw, route.body)
    return await route.endpoint(Call(services, request, identity, path, query, body))


async def _admitted(
    route: Route, request: Request, services: Services, raw: bytes
) -> Identity | Refusal | None:
    """Who calls, None where that need not be a person, or why they may not. ``raw``: the body, where it is signed."""
    if route.access is Access.ANYBODY:
        return None
    if route.access is Access.OPERATOR and is_operators(request):
        return operators_refusal(request, services, raw)
    if hidden := services.hidden():
        return hidden
    who = await caller(request, services)
    if isinstance(who, Identity) and not _may(route.access, who):
        return Refusal(Code.FORBIDDEN, f"this is for {_for_whom(route.access, who)}")
    return who


def _for_whom(access: Access, who: Identity) -> str:
    if who.may_act():
        return access.value
    return "colleagues; this token reads the event feed without names, and imports"


def _may(access: Access, who: Identity) -> bool:
    if not who.may_act() and access not in (Access.TAP, Access.IMPORT):
        return False
    match access:
        case Access.ADMIN | Access.OPERATOR:
            return "region_admin" in who.who.roles
        case Access.IMPORT:
            return who.may_import()
        case Access.TAP:
            return who.may_read_tap()
        case _:
            return True


def _path(request: Request) -> dict[str, str]:
    found = {}
    for name, text in request.path_params.items():
        try:
            found[name] = msgspec.convert(text, PATH_TYPES[name])
        except msgspec.ValidationError:
            raise Refused(Code.NOT_FOUND, f"there is no {name} {text[:64]}", name) from None
    return found


def _query(kind: type[Query], request: Request) -> Query:
    given: dict[str, str | list[str]] = {}
    several = _several(kind)
    for name, text in request.query_params.multi_items():
        if name in given and name not in several:
            raise Refused(Code.BAD_VALUE, f"the query parameter {name[:64]} is given twice", name)
        if "\x00" in text:
            # No database takes it, and SQLite ends a pattern there.
            raise Refused(Code.BAD_VALUE, "U+0000 is no text", name)
        if name in several:
            given.setdefault(name, []).append(text)  # type: ignore[union-attr]
        else:
            given[name] = text
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        refusal = commands.refusal_of(error).refusal
        field = refusal.field or _quoted(refusal.message)
        raise Refused(Code.BAD_VALUE, f"query: {refusal.message}", field) from None


@cache
def _several(kind: type[Query]) -> frozenset[str]:
    """The parameters that may be given several times."""
    hints = get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if get_origin(hint) is tuple)


def _quoted(message: str) -> str | None:
    """The name of an unknown field, which the decoder tells in words alone."""
    _, _, rest = message.partition("unknown field `")
    return rest.partition("`")[0] or None


def decoded(raw: bytes, kind: Any) -> Any:
    """A JSON body as its type. Raises Refused (bad_encoding, bad_value, unknown_kind)."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        refusal = commands.refusal_of(error).refusal
        if refusal.message.startswith("Invalid value") and (refusal.field or "").endswith(".do"):
            message = f"there is no such kind: {refusal.message}"
            raise Refused(Code.UNKNOWN_KIND, message, refusal.field) from None
        field = refusal.field or _quoted(refusal.message)
        raise Refused(refusal.code, refusal.message, field) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Code.BAD_ENCODING, f"the body is no well-formed JSON: {error}") from None
