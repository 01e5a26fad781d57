"""Signatures of webhooks after Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and body. Pure.

Two secrets sign while one follows the other, so that a receiver changes it whenever it likes.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from server.app.cloudevents import CloudEvent

SECRET_BYTES = 32
"""The specification asks for 24 to 64."""
PREFIX = "whsec_"
ID_HEX_CHARS = 32


def secret_text(secret: bytes) -> str:
    """As receivers' libraries take it."""
    return PREFIX + base64.b64encode(secret).decode()


def message_id(webhook: str, events: Iterable[CloudEvent]) -> str:
    """The same each time the same events are sent; without a full stop, which parts what is signed."""
    names = "\n".join([webhook, *(f"{event['source']} {event['id']}" for event in events)])
    return "msg_" + hashlib.sha256(names.encode()).hexdigest()[:ID_HEX_CHARS]


def headers(id: str, now: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The three headers of one attempt. ``now``: UTC milliseconds; ``secrets``: the newest first."""
    seconds = now // 1000
    signed = f"{id}.{seconds}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
    }
