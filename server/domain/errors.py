"""Every refusal Tap gives: a stable code, an HTTP status, and a sentence a person understands.

A refusal is an ordinary answer, not an exception (STYLE 7): ``decide`` returns one, edges send one.
``Mistake`` is for our own bugs and is never shown; ``Refused`` carries a refusal through code that
must unwind (frame decoding, authentication).
"""

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Stable machine codes. Never renamed, never reused for another meaning."""

    # The caller sent something malformed.
    BAD_ENCODING = "bad_encoding"
    BAD_FRAME = "bad_frame"
    BAD_VALUE = "bad_value"
    UNKNOWN_KIND = "unknown_kind"
    TOO_LARGE = "too_large"
    BAD_CURSOR = "bad_cursor"
    # Who are you, and may you?
    UNAUTHENTICATED = "unauthenticated"
    BAD_CREDENTIALS = "bad_credentials"
    EXPIRED = "expired"
    BAD_ORIGIN = "bad_origin"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    NOT_HERE = "not_here"
    MOVED = "moved"
    # The wish does not fit the present state.
    WRONG_REGION = "wrong_region"
    NOT_EXPORTED = "not_exported"
    KEY_REUSED = "key_reused"
    CONFLICT = "conflict"
    NOT_YET = "not_yet"
    CLOSED = "closed"
    LOCKED = "locked"
    GONE = "gone"
    ALLOWANCE_SPENT = "allowance_spent"
    # Not now.
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    READ_ONLY = "read_only"
    DISK_FULL = "disk_full"
    STOPPING = "stopping"
    RECOVERING = "recovering"
    # Between regions.
    PEER_UNREACHABLE = "peer_unreachable"
    UNKNOWN_PEER = "unknown_peer"
    BAD_SIGNATURE = "bad_signature"
    BROKEN_CHAIN = "broken_chain"
    BAD_COMMITMENT = "bad_commitment"
    WRONG_LANE = "wrong_lane"
    FORK = "fork"
    UNSUPPORTED_VERSION = "unsupported_version"
    # Ours.
    INTERNAL = "internal"


STATUS: dict[Code, int] = {
    Code.BAD_ENCODING: 400,
    Code.BAD_FRAME: 400,
    Code.BAD_VALUE: 422,
    Code.UNKNOWN_KIND: 400,
    Code.TOO_LARGE: 413,
    Code.BAD_CURSOR: 400,
    Code.UNAUTHENTICATED: 401,
    Code.BAD_CREDENTIALS: 401,
    Code.EXPIRED: 401,
    Code.BAD_ORIGIN: 403,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.NOT_HERE: 404,
    Code.MOVED: 410,
    Code.WRONG_REGION: 409,
    Code.NOT_EXPORTED: 403,
    Code.KEY_REUSED: 409,
    Code.CONFLICT: 409,
    Code.NOT_YET: 409,
    Code.CLOSED: 409,
    Code.LOCKED: 409,
    Code.GONE: 410,
    Code.ALLOWANCE_SPENT: 409,
    Code.RATE_LIMITED: 429,
    Code.OVERLOADED: 503,
    Code.READ_ONLY: 503,
    Code.DISK_FULL: 507,
    Code.STOPPING: 503,
    Code.RECOVERING: 503,
    Code.PEER_UNREACHABLE: 503,
    Code.UNKNOWN_PEER: 403,
    Code.BAD_SIGNATURE: 403,
    Code.BROKEN_CHAIN: 409,
    Code.BAD_COMMITMENT: 409,
    Code.WRONG_LANE: 403,
    Code.FORK: 409,
    Code.UNSUPPORTED_VERSION: 426,
    Code.INTERNAL: 500,
}

RETRYABLE: frozenset[Code] = frozenset(
    {
        Code.RATE_LIMITED,
        Code.OVERLOADED,
        Code.READ_ONLY,
        Code.DISK_FULL,
        Code.STOPPING,
        Code.RECOVERING,
        Code.PEER_UNREACHABLE,
        Code.INTERNAL,
    }
)
"""Codes after which the same command with the same key may be sent again unchanged."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a wish was not fulfilled; nothing was changed by it."""

    code: Code
    message: str
    field: str | None = None
    """The path of the offending field, when one field is to blame."""
    url: str | None = None
    """Where to go instead (``moved``)."""

    @property
    def status(self) -> int:
        return STATUS[self.code]

    @property
    def retryable(self) -> bool:
        return self.code in RETRYABLE


class Refused(Exception):
    """Carries a refusal out of nested code; edges turn it into an answer."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.refusal = Refusal(code, message, field)


class Mistake(Exception):
    """Our own bug: an impossible branch was reached. Answered as ``internal``, logged in full."""
