"""The HTTP application: the table's routes, the web client behind them, the hardening around both."""

from collections.abc import Callable, Mapping
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Router
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from server.api.answers import JSON, refused
from server.api.hardening import Hardened
from server.api.openapi import API_VERSION, encoded
from server.api.route import Route, respond
from server.api.services import Services
from server.api.static import WebClient, folder_of_client
from server.api.table import PREFIX, ROOT_ROUTES, ROUTES
from server.domain.errors import Code, Refusal

# A packet is a packet below 1 KiB. Level 4 takes a millisecond for a page and saves most of it.
COMPRESSED = Middleware(GZipMiddleware, minimum_size=1_024, compresslevel=4)


def create_app(services: Services) -> Starlette:
    """The ASGI application of one node; it holds nothing but the services."""
    client = services.web if services.web is not None else folder_of_client()
    api = [_route(route, PREFIX, services) for route in ROUTES]
    api.append(_document("openapi.json", partial(encoded, API_VERSION)))
    api += [_document(name, made) for name, made in services.documents.items()]
    return Starlette(
        routes=[
            *[_route(route, "", services) for route in ROOT_ROUTES],
            # Mounted, so that an unknown path below it is no page of the client.
            Mount(PREFIX, app=Router(api, redirect_slashes=False, default=_nothing_here)),
            Mount("/", app=WebClient(client), middleware=[COMPRESSED]),
        ],
        middleware=[Middleware(Hardened, public_url=services.public_url)],
        exception_handlers={HTTPException: _http_error},
    )


def _route(route: Route, prefix: str, services: Services) -> StarletteRoute:
    async def endpoint(request: Request) -> Response:
        request.scope["tap.route"] = prefix + route.path
        return await respond(route, request, services)

    # Compressing would hold the lines of a stream back.
    middleware = [COMPRESSED] if route.answers is not None else []
    return StarletteRoute(route.path, endpoint, methods=[route.method], middleware=middleware)


def _document(name: str, made: Callable[[], bytes]) -> StarletteRoute:
    """What programs read about this node's protocols."""

    async def endpoint(request: Request) -> Response:
        request.scope["tap.route"] = f"{PREFIX}/{name}"
        return Response(made(), media_type=JSON)

    return StarletteRoute(f"/{name}", endpoint, middleware=[COMPRESSED])


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    missing = Refusal(Code.NOT_FOUND, "there is nothing at this path; see /api/v1/openapi.json")
    await refused(missing)(scope, receive, send)


async def _http_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown files and methods."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    if status == 405:
        allowed = headers.get("Allow", "GET, HEAD")
        refusal = Refusal(Code.NOT_FOUND, f"{request.method} is not answered here, but {allowed}")
    else:
        refusal = Refusal(Code.NOT_FOUND, "there is no such page")
    response = refused(refusal, status)
    response.headers.update(headers)
    return response
