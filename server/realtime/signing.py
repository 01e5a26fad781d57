"""Who is connected, and whether they may still be: signing in, newer tokens, signing out (section 3.4)."""

import asyncio
from collections.abc import Callable
from functools import partial

from server.app.auth import Identity
from server.app.together import InTurn
from server.domain.errors import Code, Refusal
from server.realtime import effects as fx
from server.realtime import loads
from server.realtime.connection import Connection
from server.realtime.loads import INTERNAL, Auth
from server.realtime.workers import Job

NO_SECRET = Refusal(Code.UNAUTHENTICATED, "sign in first: no token and no session came along")


class Signing:
    """The part of the gateway that asks ``auth``."""

    _newcomers: InTurn[str, Identity | Refusal]
    """Secrets nobody remembers."""

    def __init__(self, auth: Auth, job: Job) -> None:
        self._auth, self._job = auth, job
        self._connections: dict[Connection, None] = {}
        self._people: dict[str, dict[Connection, None]] = {}
        self._revoked = 0
        """How often somebody was signed out."""

    def authenticate(self, connection: Connection, secret: str) -> None:
        if not secret:
            connection.feed(fx.SignedIn(NO_SECRET, 0, 0))
            return

        revoked, known = self._revoked, self._auth.remembered(secret)
        if known is not None:
            # Not before the session has finished asking: it could not say yet whose it is.
            asyncio.get_running_loop().call_soon(self._signed_in, connection, known, revoked)
            return

        self._newcomers.ask(
            secret,
            lambda found: self._signed_in(connection, found, revoked),
            lambda: connection.feed(fx.SignedIn(INTERNAL, 0, 0)),
        )

    def _signed_in(self, connection: Connection, found: Identity | Refusal, revoked: int) -> None:
        """Tells the session who it is, and counts it among its person's connections."""
        who, expires_at = loads.holder(found)
        devices = 0 if isinstance(who, Refusal) else len(self._people.get(who.person, ()))
        connection.feed(fx.SignedIn(who, devices, expires_at))
        if connection.session.person and connection in self._connections:
            self._people.setdefault(connection.session.person, {})[connection] = None
            self._recheck_since(revoked, connection)

    def renew(self, connection: Connection, token: str) -> None:
        async def work() -> None:
            revoked = self._revoked
            found = await self._auth.identify(token)
            connection.feed(fx.Renewed(token, *loads.holder(found)))
            self._recheck_since(revoked, connection)

        self._job(work, lambda: connection.feed(fx.Renewed(token, INTERNAL, 0)))

    def recheck(self, person: str) -> None:
        """Some secret of the person may be worth less: whoever's is worth nothing any more must go, the
        others stay."""
        self._revoked += 1
        for connection in list(self._people.get(person, ())):
            # What cannot be checked is not believed: the client signs in again at once.
            self.recheck_one(connection, partial(connection.feed, fx.Expelled()))

    def _recheck_since(self, revoked: int, connection: Connection) -> None:
        """Somebody was signed out while a secret was looked up, perhaps its holder: ask once more."""
        if self._revoked != revoked:
            self.recheck_one(connection, partial(connection.feed, fx.Expelled()))

    def recheck_one(self, connection: Connection, failed: Callable[[], None]) -> None:
        async def work() -> None:
            found = await self._auth.identify(connection.secret)
            # What merely ended by itself has its grace: the session watches that.
            if not isinstance(found, Refusal) or found.code is Code.EXPIRED:
                return
            moved = found.code is Code.MOVED
            connection.feed(fx.Expelled(found.code) if moved else fx.Expelled())

        self._job(work, failed)
