"""What can go wrong, told apart by what the caller can do about it."""

from typing import Any


class TapError(Exception):
    """Base of all errors of this package."""


class Refused(TapError):
    """The node understood and said no: a stable code, a sentence, and whether to try again."""

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        retry: bool = False,
        status: int = 0,
        url: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}" + (f" (field {field})" if field else ""))
        self.code = code
        self.message = message
        self.field = field
        self.retry = retry
        self.status = status
        self.url = url
        """With ``moved``: the address of the region where this account is by now."""


class Unauthenticated(Refused):
    """The token or password is not accepted (any longer); log in again, with ``moved`` at ``url``."""


class Unreachable(TapError):
    """No answer from the node: try again later."""


class ProtocolError(TapError):
    """The node sent what the protocol does not allow."""


class Stale(TapError):
    """A command waited in the outbox longer than nodes remember keys; sending it could double it."""


class Full(TapError):
    """Too many commands wait in the outbox already; this one was not kept."""


class Again(TapError):
    """Raised by ``on_event``: this could not be handled now, give it again, and what follows it after it."""


class Ended(TapError):
    """The client was closed before the answer came; a stored command is sent at the next start."""


SIGNED_OUT = frozenset({"unauthenticated", "bad_credentials", "expired", "moved"})


def refused(error: Any, status: int = 0) -> Refused:
    """A refusal from an answer's ``error`` map, however incomplete it is."""
    if not isinstance(error, dict):
        return Refused("internal", f"the node answered {status} without saying why", status=status)
    code = str(error.get("code", "internal"))
    kind = Unauthenticated if code in SIGNED_OUT else Refused
    field, url = error.get("field"), error.get("url")
    return kind(
        code,
        str(error.get("message", "")),
        str(field) if field is not None else None,
        bool(error.get("retry", False)),
        status,
        str(url) if url is not None else None,
    )
