"""Values and refusals as responses; request bodies read in pieces, never beyond a bound."""

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from server.app import metrics
from server.domain.errors import STATUS, Code, Refusal, Refused

JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class ErrorBody(msgspec.Struct, frozen=True):
    """Why not. ``retry``: the same request may be sent again unchanged."""

    code: Code
    message: str
    retry: bool
    field: str | None = None
    url: str | msgspec.UnsetType = msgspec.UNSET
    """Where to go instead, with ``moved``."""


class ErrorAnswer(msgspec.Struct, frozen=True):
    error: ErrorBody


def answer(value: object, status: int = 200, media_type: str = JSON) -> Response:
    return Response(_encode(value), status, media_type=media_type)


def refused(refusal: Refusal, status: int | None = None) -> Response:
    """The refusal with its code's status; ``status`` only where HTTP itself has a word for it (405)."""
    metrics.HTTP_REFUSALS.labels(refusal.code).inc()
    body = ErrorBody(
        refusal.code,
        refusal.message,
        refusal.retryable,
        refusal.field,
        refusal.url or msgspec.UNSET,
    )
    response = answer(ErrorAnswer(body), status or STATUS[refusal.code])
    if refusal.code in (Code.UNAUTHENTICATED, Code.EXPIRED):
        response.headers["WWW-Authenticate"] = "Bearer"
    if refusal.code in (Code.RATE_LIMITED, Code.OVERLOADED, Code.STOPPING, Code.RECOVERING):
        response.headers["Retry-After"] = "5"
    return response


async def body_of(request: Request, bytes_max: int) -> bytes:
    """The whole body. Raises Refused(too_large) before reading more than ``bytes_max``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bytes_max:
        raise _too_large(bytes_max)
    pieces, size = [], 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > bytes_max:
                raise _too_large(bytes_max)
            pieces.append(piece)
    except ClientDisconnect:
        raise Refused(Code.BAD_ENCODING, "the request ended before its body did") from None
    return b"".join(pieces)


def _too_large(bytes_max: int) -> Refused:
    metrics.LIMITS_HIT.labels("HTTP_BODY_BYTES_MAX").inc()
    return Refused(Code.TOO_LARGE, f"a request body may have {bytes_max} bytes here")
