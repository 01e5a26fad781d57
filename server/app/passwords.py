"""Accounts of this node: passwords as Argon2id, never hashed on the loop, never more than two at once.

A hash takes about 50 to 300 ms and 64 MiB on purpose. Two threads of our own bound what sign-ins may
cost; who would have to wait behind more than ``WAITING_MAX`` is told to come back (I9).
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, select, update

from server.app.handle import Handler
from server.domain import limits
from server.domain.decide.people import whereabouts
from server.domain.errors import Code, Refusal
from server.storage import tables as t
from server.storage.async_facts import load_person
from server.storage.reader import Reader
from server.storage.sql import Tx, statement, upsert

T = TypeVar("T")

THREADS = 2
WAITING_MAX = 64
"""About five seconds of two threads; a rush at nine o'clock is spread by the clients' retries."""

_ACCOUNT = select(t.accounts.c.password_hash, t.accounts.c.disabled).where(
    t.accounts.c.person == bindparam("person")
)
_PUT = upsert(t.accounts, ["password_hash", "disabled"])
_DISABLE = statement(
    update(t.accounts)
    .where(t.accounts.c.person == bindparam("p"))
    .values(disabled=bindparam("disabled"))
)

_FRESH_BYTES = 12
"""96 bits: 16 characters that one person can read to another once."""


def fresh_password() -> str:
    """A password nobody chose, for whoever signs in for the first time."""
    return secrets.token_urlsafe(_FRESH_BYTES)


WRONG = Refusal(Code.BAD_CREDENTIALS, "name or password is wrong")
"""The same words for an unknown name, a wrong password and a disabled account: nobody can probe."""
BUSY = Refusal(Code.OVERLOADED, "many people are signing in just now; try again in a moment")


class Passwords:
    """Proves who somebody is by a password kept here; ``app.auth.Authenticator`` is what it offers."""

    def __init__(
        self,
        reader: Reader,
        handler: Handler,
        now: Callable[[], int],
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._reader, self._handler, self._now = reader, handler, now
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tap-password")
        self._waiting = 0
        self._decoy = ""

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def authenticate(self, person: str, proof: str) -> str | Refusal:
        """The person whose password this is. An unknown name costs as much time as a wrong password."""
        if self._waiting >= WAITING_MAX:
            return BUSY
        self._waiting += 1
        try:
            return await self._authenticated(person, proof)
        finally:
            self._waiting -= 1

    async def _authenticated(self, person: str, proof: str) -> str | Refusal:
        async with self._reader.snapshot() as snapshot:
            row = await snapshot.one(_ACCOUNT, {"person": person})
        usable = row is not None and not row.disabled and row.password_hash != ""
        stored = row.password_hash if row is not None and usable else await self._any_hash()
        right = await self._slowly(lambda: self._matches(stored, proof))
        if not (right and usable):
            return WRONG
        if self._hasher.check_needs_rehash(stored):
            await self._store(person, proof)
        return person

    async def set(self, person: str, password: str) -> Refusal | None:
        """Gives somebody at home here an account with this password; an existing one changes."""
        if not limits.PASSWORD_CHARS_MIN <= len(password) <= limits.PASSWORD_CHARS_MAX:
            return Refusal(
                Code.BAD_VALUE,
                f"a password has {limits.PASSWORD_CHARS_MIN} to {limits.PASSWORD_CHARS_MAX} characters",
                "password",
            )
        async with self._reader.snapshot() as snapshot:
            fact = await load_person(snapshot, person)
        if fact is None:
            return Refusal(Code.NOT_FOUND, f"nobody is called {person}", "person")
        if fact.home != self._handler.region:
            return Refusal(Code.WRONG_REGION, whereabouts(fact), "person")
        await self._store(person, password)
        return None

    async def disable(self, person: str, disabled: bool) -> None:
        """Whether the password works; sessions are the caller's to end."""
        await self._handler.run(
            lambda tx: tx.execute(_DISABLE, {"p": person, "disabled": disabled})
        )

    async def _store(self, person: str, password: str) -> None:
        hashed = await self._slowly(lambda: self._hasher.hash(password))
        row = {"password_hash": hashed, "disabled": False, "created_at": self._now()}

        def write(tx: Tx) -> None:
            tx.execute(_PUT, row | {"person": person})

        await self._handler.run(write)

    async def _any_hash(self) -> str:
        if not self._decoy:
            self._decoy = await self._slowly(lambda: self._hasher.hash("nobody's password"))
        return self._decoy

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _slowly(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
