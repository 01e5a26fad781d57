"""Verbs that write on a stopped node: no network, one at a time, refused while a server runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from server.domain import commands
from server.domain.errors import Refusal, Refused
from server.ops.accounts import Desk, desk
from server.ops.commands.shared import Exit, fail
from server.ops.config import Config
from server.ops.core import StartError

T = TypeVar("T")
C = TypeVar("C", bound=commands.Base)

WHILE_RUNNING = (
    "While the node runs, a region admin does this over its HTTP API; on the command line, stop the "
    "node first."
)


def work(config: Config, purpose: str, do: Callable[[Desk], Awaitable[T | Refusal]]) -> T:
    """Runs one piece of work; a refusal or whatever is in the way ends the verb with its sentence."""

    async def run() -> T | Refusal:
        async with desk(config, purpose) as opened_desk:
            return await do(opened_desk)

    try:
        outcome = asyncio.run(run())
    except StartError as error:
        hint = f"\n{WHILE_RUNNING}" if "(serve)" in str(error) else ""
        fail(f"{error}{hint}", Exit.MACHINE)
    if isinstance(outcome, Refusal):
        fail(f"{outcome.message} ({outcome.code})", Exit.FOUND)
    return outcome


def checked(value: dict[str, Any], kind: type[C]) -> C:
    """A command from the options of a verb, within the same bounds as everybody's."""
    try:
        command = commands.from_builtins(value)
    except Refused as error:
        fail(f"{error.refusal.field}: {error.refusal.message}", Exit.USAGE)
    assert isinstance(command, kind)
    return command
