"""Accounts of a node: the core with passwords and tokens, as the server and the command line use them."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from server.app.auth import Auth
from server.app.passwords import Passwords
from server.ops.config import Config
from server.ops.core import Core, now, opened


class Desk(NamedTuple):
    """What an operator works with."""

    core: Core
    passwords: Passwords
    auth: Auth


@asynccontextmanager
async def desk(config: Config, purpose: str, clock: Callable[[], int] = now) -> AsyncIterator[Desk]:
    """Raises StartError; a running server is one. ``clock``: what the log is written by (``core.opened``)."""
    async with opened(config, purpose, clock=clock) as core:
        passwords = Passwords(core.reader, core.handler, now)
        try:
            yield Desk(core, passwords, make_auth(core, passwords))
        finally:
            passwords.close()


def make_auth(
    core: Core, passwords: Passwords, company: Callable[[], Config] | None = None
) -> Auth:
    """``company``: the configuration with peers as they are now; without one, as at the start."""

    def page_of(region: str) -> str | None:
        config = company() if company else core.config
        return next((peer.page for peer in config.peers if peer.region == region), None)

    return Auth(
        region=core.identity.region,
        reader=core.reader,
        handler=core.handler,
        tap=core.tap,
        authenticators={"password": passwords},
        now=now,
        entropy=os.urandom,
        address_of=page_of,
    )
