"""Who is connected, and whether they may still be: signing in, newer tokens, signing out (section 3.3)."""

from collections.abc import Callable
from functools import partial

from server.domain.errors import Code, Refusal
from server.domain.facts import PersonFact
from server.realtime import effects as fx
from server.realtime.loads import INTERNAL, Auth
from server.realtime.websocket import Connection
from server.realtime.workers import Job

NO_SECRET = Refusal(Code.UNAUTHENTICATED, "sign in first: no token and no session came along")


class Signing:
    """The part of the gateway that asks ``auth``."""

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

        async def work() -> None:
            revoked = self._revoked
            who, expires_at = await self._holder(secret)
            devices = 0 if isinstance(who, Refusal) else len(self._people.get(who.person, ()))
            connection.feed(fx.SignedIn(who, devices, expires_at))
            if connection.session.person and connection in self._connections:
                self._people.setdefault(connection.session.person, {})[connection] = None
                self._recheck_since(revoked, connection)

        self._job(work, lambda: connection.feed(fx.SignedIn(INTERNAL, 0, 0)))

    def renew(self, connection: Connection, token: str) -> None:
        async def work() -> None:
            revoked = self._revoked
            connection.feed(fx.Renewed(token, *await self._holder(token)))
            self._recheck_since(revoked, connection)

        self._job(work, lambda: connection.feed(fx.Renewed(token, INTERNAL, 0)))

    async def _holder(self, secret: str) -> tuple[PersonFact | Refusal, int]:
        """Whose a secret is, and until when."""
        found = await self._auth.identify(secret)
        return (found, 0) if isinstance(found, Refusal) else (found.who, found.expires_at)

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
            if isinstance(found, Refusal) and found.code is not Code.EXPIRED:
                connection.feed(fx.Expelled())

        self._job(work, failed)
