"""Commands: the same wishes as the websocket frame ``do``, one per request."""

from typing import Any

from server.api.route import Body, Call, NoQuery
from server.domain import commands
from server.domain.commands import Key
from server.domain.errors import Refusal
from server.storage.queries.shapes import Shape


class Wish(Body, frozen=True, kw_only=True):
    """``key``: chosen by the client, once per wish; the same key is carried out once (I2)."""

    key: Key
    command: commands.Command


class Carried(Shape, frozen=True, kw_only=True):
    """``cursor``: where the log stood after it. ``repeated``: it had been carried out before."""

    answer: dict[str, Any]
    cursor: str
    repeated: bool


async def submit(call: Call[NoQuery, Wish]) -> Carried | Refusal:
    if refusal := call.services.live.charge(call.person):
        return refusal
    outcome = await call.services.handler.handle(call.person, call.body.key, call.body.command)
    if isinstance(outcome, Refusal):
        return outcome
    return Carried(answer=outcome.result, cursor=outcome.cursor, repeated=outcome.repeated)
