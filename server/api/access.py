"""Who sent a request: a session cookie or a bearer token; and whether a browser was made to send it.

Cookies travel by themselves, so a request that changes something and is known by its cookie must come
from our own pages: its Origin is ours, or the browser vouches with Sec-Fetch-Site. Bearer tokens never
travel by themselves and need no such check (OWASP, Cross-Site Request Forgery Prevention).
"""

from starlette.requests import Request
from starlette.responses import Response

from server.api.services import Services
from server.app import metrics, operator_proof
from server.app.auth import COOKIE, Identity, Issued
from server.app.credentials import Credentials, credentials_of
from server.app.origin import is_own_origin
from server.domain.durations import DAY_MS
from server.domain.errors import Code, Refusal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN = Refusal(
    Code.BAD_ORIGIN, "this request was sent by another site's page; open Tap and try again"
)
SIGN_IN = Refusal(Code.UNAUTHENTICATED, "sign in first")


def address_of(request: Request) -> str:
    """The caller's address, as the proxies we trust tell it."""
    return request.client.host if request.client else ""


def credentials_in(request: Request) -> Credentials:
    headers = request.headers
    return credentials_of(headers.getlist("authorization"), headers.getlist("cookie"))


def secret_of(request: Request) -> str:
    """The caller's secret, or empty."""
    return credentials_in(request).secret


async def caller(request: Request, services: Services) -> Identity | Refusal:
    """Who calls. A cookie is believed for a change only from our own pages."""
    secret, from_cookie = credentials_in(request)
    if not secret:
        return SIGN_IN
    if from_cookie and request.method not in SAFE_METHODS and not from_here(request, services):
        return FOREIGN
    return await services.auth.identify(secret)


def is_operators(request: Request) -> bool:
    """Whether the request says that it was signed with the node's key."""
    return request.headers.get("authorization", "").startswith(operator_proof.SCHEME + " ")


def operators_refusal(request: Request, services: Services, body: bytes) -> Refusal | None:
    """Why a request that says so was not; None: the node's operator sent it."""
    header = request.headers["authorization"]
    path, now = request.url.path, services.now()
    refusal = operator_proof.refusal_of(
        header, services.public_key(), request.method, path, now, body
    )
    if refusal is not None:
        metrics.AUTH_FAILURES.labels(refusal.code).inc()
    return refusal


def from_here(request: Request, services: Services) -> bool:
    """Whether one of our own pages sent this."""
    origin = request.headers.get("origin")
    if origin is not None:
        return is_own_origin(origin, request.headers.get("host"), services.public_url)
    return request.headers.get("sec-fetch-site") == "same-origin"


def from_elsewhere(request: Request, services: Services) -> bool:
    """Whether a browser says that another site's page sent this; programs say nothing."""
    says = "origin" in request.headers or "sec-fetch-site" in request.headers
    return says and not from_here(request, services)


def set_cookie(response: Response, issued: Issued, services: Services) -> None:
    response.set_cookie(
        COOKIE,
        issued.secret,
        max_age=max(issued.expires_at - services.now(), DAY_MS) // 1000,
        path="/",
        secure=_is_secure(services),
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response, services: Services) -> None:
    response.delete_cookie(
        COOKIE, path="/", secure=_is_secure(services), httponly=True, samesite="lax"
    )


def _is_secure(services: Services) -> bool:
    return services.public_url.startswith("https://")
