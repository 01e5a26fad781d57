"""Around every request: security headers, a count and a time, and an answer when our own code fails.

A plain ASGI layer: it buffers nothing, so streams stay streams.
"""

import logging
import time
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.answers import refused
from server.app import metrics
from server.domain.errors import Code, Refusal

log = logging.getLogger(__name__)

OURS = Refusal(Code.INTERNAL, "the node made a mistake; it has been noted")
NO_ROUTE = "none"
"""Label of requests that met no route: strangers must not invent series."""


def policy(public_url: str) -> str:
    """The content security policy: our own files, nothing inline, nobody may frame us.

    Some browsers do not take ``'self'`` to include websockets, so ours are named."""
    parts = urlsplit(public_url)
    live = f" ws://{parts.netloc} wss://{parts.netloc}" if parts.netloc else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            f"connect-src 'self'{live}",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class Hardened:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy(public_url),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        if public_url.startswith("https://"):
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def hardened(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, hardened)
        except Exception:
            # The path may name a person or post: it goes to the log, never to a metric.
            log.exception("a request failed: %s %s", scope["method"], scope["path"])
            if status:
                raise
            await refused(OURS)(scope, receive, hardened)
        finally:
            self._count(scope, status, time.perf_counter() - started)

    @staticmethod
    def _count(scope: Scope, status: int, seconds: float) -> None:
        route: Any = scope.get("tap.route", NO_ROUTE)
        method = scope["method"] if route != NO_ROUTE else ""
        metrics.HTTP_REQUESTS.labels(route, method, str(status)).inc()
        if route != NO_ROUTE:
            metrics.HTTP_SECONDS.labels(route).observe(seconds)
