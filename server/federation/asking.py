"""ASK and TOLD: a person's command for another region, and its answer (docs/protocol/federation.md 18.5).

Not part of the log and never repeated by the link: what is lost is asked again by whoever wished it, with
the same key, and carried out once.
"""

import msgspec

from server.app.handle import Answer
from server.domain.commands import Command, encoded, from_msgpack
from server.domain.errors import RETRYABLE, Code, Refusal
from server.federation.frames import MESSAGE_CHARS_MAX, Ask, Told

FEATURE = "ask"
"""What HELLO names; nobody else is asked anything."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, object]).decode
_shown = msgspec.json.Encoder().encode
"""As clients are told it; not all that MessagePack holds can be."""


def question(id: int, person: str, key: str, command: Command) -> Ask:
    return Ask(id, person, key, encoded(command))


def command_of(ask: Ask) -> Command:
    """Raises Refused, with the same codes as for a client."""
    return from_msgpack(ask.command)


def told(id: int, outcome: Answer | Refusal) -> Told:
    if isinstance(outcome, Refusal):
        message = outcome.message[:MESSAGE_CHARS_MAX]
        return Told(id, None, code=outcome.code, message=message, field=outcome.field)
    return Told(id, _encode(outcome.result), outcome.repeated)


def outcome_of(region: str, frame: Told, position: int, cursor: str) -> Answer | Refusal:
    """As the asker's own node answers: as of where its own log stands; the events come by their lane."""
    if frame.result is None:
        return _as_ours(region, Refusal(_code(frame.code), frame.message, frame.field))
    try:
        result = _decode(frame.result)
        _shown(result)
        return Answer(position, cursor, result, frame.repeated)
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError):
        return Refusal(Code.INTERNAL, "the other region's answer cannot be read")


def _as_ours(region: str, refusal: Refusal) -> Refusal:
    """What a region says of itself, or of whom it knows, is not said of the asker's own node and sign-in: a client
    that is told so sends nothing more there, or signs out."""
    if refusal.code is Code.UNAUTHENTICATED:
        return Refusal(
            Code.NOT_YET, f"region {region} has to decide this and does not know you yet"
        )
    if refusal.code in RETRYABLE - {Code.INTERNAL}:
        words = f"region {region} has to decide this and cannot now: {refusal.message}"
        return Refusal(Code.PEER_UNREACHABLE, words)
    return refusal


def _code(name: str) -> Code:
    """A later version may have codes we do not know."""
    try:
        return Code(name)
    except ValueError:
        return Code.INTERNAL
