"""Files of posts: uploaded by people, read by who may see a post that has them, fetched by other regions.

Whatever a file is, it can do nothing in our pages: its type is the one its bytes have, only pictures are shown
in a page, and each answer forbids all scripts (docs/protocol/http.md 13).
"""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from server.api.answers import refused
from server.api.route import Call, NoQuery
from server.app import metrics, peer_proof
from server.app.media import Found
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.domain.media import PICTURES, disposition
from server.storage.queries.shapes import Shape

THUMBNAIL_TYPE = "image/webp"
BYTES = "application/octet-stream"
SANDBOX = "default-src 'none'; sandbox"
ASKED_EACH_TIME = "private, no-cache"
"""A browser keeps the bytes and asks whether they may still be shown: a deletion and a lost permission hold
at once, and nothing is sent twice."""


class Uploaded(Shape, frozen=True, kw_only=True):
    """``hash``: what to attach. ``width`` and ``height``: of a picture, else 0. ``size``: as it is kept, which
    for a picture is not as it was sent."""

    hash: str
    type: str
    size: int
    width: int
    height: int


async def upload(call: Call[NoQuery, None]) -> Uploaded:
    """The body is the file, nothing around it. Pictures are encoded anew: place and device are not kept."""
    declared = call.request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.MEDIA_BYTES_MAX:
        metrics.LIMITS_HIT.labels("MEDIA_BYTES_MAX").inc()
        raise Refused(Code.TOO_LARGE, f"a file may have {limits.MEDIA_BYTES_MAX // 2**20} MiB")
    kept = await call.services.media.receive(call.person, _pieces(call.request))
    return Uploaded(**kept._asdict())


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise Refused(Code.BAD_ENCODING, "the request ended before its body did") from None


async def read(call: Call[NoQuery, None]) -> Response | Refusal:
    """Answers Range and If-None-Match. `not_here`: the bytes are under way from another region."""
    found = await call.services.media.open(call.person, call.path["hash"])
    if isinstance(found, Refusal):
        return found
    assert found.path is not None, "an open file has a path"
    headers = _headers(found, disposition(found.type))
    if _is_known(call.request, headers):
        return Response(status_code=304, headers=headers)
    return _file(found.path, found.type, headers)


async def thumbnail(call: Call[NoQuery, None]) -> Response | Refusal:
    """A picture's small form, which is here even while its own region is away."""
    found = await call.services.media.find(call.person, call.path["hash"])
    if isinstance(found, Refusal):
        return found
    if not found.thumbnail:
        if found.stays and found.type in PICTURES:
            return Refusal(Code.NOT_EXPORTED, f"this file may not leave the region {found.origin}")
        return Refusal(Code.NOT_FOUND, "this file has no small form")
    headers = _headers(found, "inline")
    if _is_known(call.request, headers):
        return Response(status_code=304, headers=headers)
    return Response(found.thumbnail, media_type=THUMBNAIL_TYPE, headers=headers)


async def for_peer(call: Call[NoQuery, None]) -> Response | Refusal:
    """For another region's node, which signs its request with its key."""
    request, services = call.request, call.services
    header, path = request.headers.get("authorization", ""), request.url.path
    now = services.now()
    region = peer_proof.sender(header, services.peer_keys, services.region, "GET", path, now)
    if isinstance(region, Refusal):
        metrics.AUTH_FAILURES.labels(region.code).inc()
        return region
    found = await services.media.for_region(region, call.path["hash"])
    if isinstance(found, Refusal):
        return found
    return _file(found, BYTES, {"Content-Security-Policy": SANDBOX})


class _File(FileResponse):
    """A file, or the part of it that is asked for. What is no range is ignored (RFC 9110 14.2), and one beyond the
    end refused as everything is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def unless_refused(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if status not in (400, 416):
                await send(message)

        await super().__call__(scope, receive, unless_refused)
        if status == 400:
            others = [pair for pair in scope["headers"] if pair[0] != b"range"]
            await super().__call__({**scope, "headers": others}, receive, send)
        elif status == 416:
            size = self.headers["content-length"]
            beyond = refused(Refusal(Code.BAD_VALUE, f"this file ends after {size} bytes"), status)
            beyond.headers["Content-Range"] = f"bytes */{size}"
            await beyond(scope, receive, send)


def _file(path: Path, kind: str, headers: dict[str, str]) -> Response:
    return _File(path, media_type=kind, headers=headers)


def _headers(found: Found, how: str) -> dict[str, str]:
    named = f"; filename*=UTF-8''{quote(found.name, safe='')}" if found.name else ""
    return {
        "Cache-Control": ASKED_EACH_TIME,
        "Content-Disposition": how + named,
        "Content-Security-Policy": SANDBOX,
        "ETag": f'"{found.hash}"',
    }


def _is_known(request: Request, headers: dict[str, str]) -> bool:
    """If-None-Match names this very file (RFC 9110 13.1.2; proxies may weaken the tag)."""
    tags = request.headers.get("if-none-match", "").split(",")
    return headers["ETag"] in [tag.strip().removeprefix("W/") for tag in tags]
