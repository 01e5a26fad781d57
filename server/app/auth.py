"""Who is calling: signing in, sessions of browsers, tokens of devices and services.

A session is a 256-bit secret. The node keeps its SHA-256 only, so a stolen database opens nothing; the
browser keeps it in the cookie ``tap_session``, a device or service sends it as a bearer token. Every
use of a secret asks ``identify``: a small cache in memory, emptied at once for whoever is signed out,
deactivated, or given or stripped of a role, and re-read every minute in any case.

``Authenticator`` is the seam for single sign-on: it turns a proof into a person, everything after that
(sessions, limits, roles) stays the same. ``passwords`` is the one that is always there.
"""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select

from server.app import metrics
from server.app.attempts import Attempts
from server.app.handle import Handler
from server.app.naming import Names
from server.app.tap import Tap
from server.app.together import Together
from server.domain import limits
from server.domain.durations import DAY_MS
from server.domain.errors import Code, Refusal
from server.domain.events import (
    PersonHandedOver,
    PersonRoleChanged,
    PersonStatusChanged,
    PersonTakenOver,
)
from server.domain.facts import PersonFact
from server.storage import tables as t
from server.storage.async_facts import People, load_people, load_person
from server.storage.event_log import Record
from server.storage.queries.shapes import Shape
from server.storage.reader import Reader, Snapshot
from server.storage.sql import Tx, statement

COOKIE = "tap_session"
Kind = Literal["browser", "device", "service"]
DAYS: dict[Kind, int] = {
    "browser": limits.SESSION_DAYS,
    "device": limits.DEVICE_TOKEN_DAYS,
    "service": limits.DEVICE_TOKEN_DAYS,
}
CACHE_MS = 60_000
"""How long a process that did not hear of a sign-out may go on believing (several processes, one base)."""
CACHE_ENTRIES_MAX = 50_000
SECRET_CHARS_MAX = 256
_PREFIX = "tap_"
"""Lets secret scanners recognise a token that was committed somewhere."""

_s = t.sessions.c
_SESSIONS = select(_s.digest, _s.person, _s.kind, _s.expires_at, _s.names).where(
    _s.digest.in_(bindparam("digests", expanding=True))
)
_OF_PERSON = (
    select(_s.digest, _s.kind, _s.label, _s.created_at, _s.expires_at)
    .where(_s.person == bindparam("person"), _s.expires_at > bindparam("now"))
    .order_by(_s.created_at.desc())
    .limit(limits.PAGE_ITEMS_MAX)
)
_INSERT = statement(insert(t.sessions))
_DELETE = statement(delete(t.sessions).where(_s.digest == bindparam("digest")))
_DELETE_ALL = statement(delete(t.sessions).where(_s.person == bindparam("person")))
_DELETE_OLD = statement(
    delete(t.sessions).where(_s.person == bindparam("person"), _s.expires_at <= bindparam("now"))
)


class Authenticator(Protocol):
    """Turns a proof (a password, a code of an identity provider) into a person, or says why not."""

    async def authenticate(self, person: str, proof: str) -> str | Refusal: ...


class Identity(NamedTuple):
    """Who a secret belongs to, as of now."""

    who: PersonFact
    kind: Kind
    session: str
    """The session's public name: the first half of its digest in hexadecimal."""
    expires_at: int
    names: Names = "shown"
    """Whom it may read about in the tap."""

    @property
    def person(self) -> str:
        return self.who.person

    def may_act(self) -> bool:
        """Whether it is a colleague to others: who may not know names must not read pages that are full of them."""
        return self.names == "shown"

    def may_read_tap(self) -> bool:
        return self.kind == "service" or bool(self.who.roles & {"auditor", "region_admin"})

    def may_import(self) -> bool:
        return self.kind == "service" or "region_admin" in self.who.roles


class Issued(NamedTuple):
    """A fresh secret: shown once, never again."""

    secret: str
    session: str
    expires_at: int


class SessionView(Shape, frozen=True, kw_only=True):
    """One browser, device or service that is signed in."""

    id: str
    kind: Kind
    label: str
    created_at: int
    expires_at: int
    current: bool


class Known(msgspec.Struct):
    """A cached answer, and when it was read."""

    identity: Identity
    read_at: int


T = TypeVar("T")
Along = Callable[[Snapshot, People], Awaitable[T]]
"""Reads something of some people. It awaits nothing but the snapshot (``Reader.load``)."""

UNKNOWN = Refusal(Code.UNAUTHENTICATED, "sign in first")
EXPIRED = Refusal(Code.EXPIRED, "this sign-in has expired; sign in again")
INACTIVE = Refusal(Code.UNAUTHENTICATED, "this account is not active")


class Auth:
    """Sign-in and sessions of one node. ``entropy``: secret random bytes; ``address_of``: another
    region's as of now, for people who moved there."""

    def __init__(
        self,
        *,
        region: str,
        reader: Reader,
        handler: Handler,
        tap: Tap,
        authenticators: Mapping[str, Authenticator],
        now: Callable[[], int],
        entropy: Callable[[int], bytes],
        address_of: Callable[[str], str | None] = lambda _region: None,
    ) -> None:
        self._address_of = address_of
        self._region, self._reader, self._handler = region, reader, handler
        self._authenticators, self._now, self._entropy = dict(authenticators), now, entropy
        self._attempts = Attempts(now)
        self._known: dict[bytes, Known] = {}
        self._by_person: dict[str, set[bytes]] = defaultdict(set)
        self._forgotten = 0
        self._together = Together(self._load)
        self._listeners: list[Callable[[str], None]] = []
        tap.subscribe(self._committed)

    # -- who is calling --------------------------------------------------------------------------------

    async def identify(self, secret: str) -> Identity | Refusal:
        """The holder of a secret: a cookie's value or a bearer token."""
        known = self.remembered(secret)
        if known is not None:
            return known
        digest = _digest(secret)
        return self._believed(digest, await self._together.get(digest))

    async def look_up(
        self, secrets: Collection[str], along: Along[T]
    ) -> tuple[dict[str, Identity | Refusal], T]:
        """The holders of secrets nobody remembers, and what ``along`` reads of them in the same turn."""
        digests = {secret: _digest(secret) for secret in secrets}
        found, more = await self._read(digests.values(), along)
        return {
            secret: self._believed(digest, found[digest]) for secret, digest in digests.items()
        }, more

    def _believed(self, digest: bytes, found: Identity | Refusal) -> Identity | Refusal:
        if isinstance(found, Refusal):
            self._drop(digest)
            metrics.AUTH_FAILURES.labels(found.code).inc()
        return found

    def remembered(self, secret: str) -> Identity | Refusal | None:
        """As ``identify``, from memory alone; None when the database must be asked."""
        if not 0 < len(secret) <= SECRET_CHARS_MAX or not secret.isascii():
            return UNKNOWN
        digest = _digest(secret)
        known = self._known.get(digest)
        if known is None or self._now() - known.read_at > CACHE_MS:
            return None
        if known.identity.expires_at <= self._now():
            self._drop(digest)
            return EXPIRED
        return known.identity

    async def _load(self, digests: Collection[bytes]) -> dict[bytes, Identity | Refusal]:
        found, _ = await self._read(digests, _nothing)
        return found

    async def _read(
        self, digests: Collection[bytes], along: Along[T]
    ) -> tuple[dict[bytes, Identity | Refusal], T]:
        before, now = self._forgotten, self._now()
        rows, people, more = await self._reader.load(partial(_sessions, digests, along))
        found: dict[bytes, Identity | Refusal] = dict.fromkeys(digests, UNKNOWN)
        for row in rows:
            found[bytes(row.digest)] = self._worth(row, people[row.person], now)
        # Somebody was signed out or changed while this was read: believe it once, keep it not.
        if self._forgotten == before:
            for digest, identity in found.items():
                if isinstance(identity, Identity):
                    self._keep(digest, Known(identity, now))
        return found, more

    def _worth(self, session: Row[Any], who: PersonFact | None, now: int) -> Identity | Refusal:
        """What a secret is worth whose session was found."""
        if session.expires_at <= now:
            return EXPIRED
        refusal = self._not_here(who)
        if refusal is not None or who is None:
            return refusal or INACTIVE
        return Identity(who, session.kind, _name(session.digest), session.expires_at, session.names)

    def _not_here(self, who: PersonFact | None) -> Refusal | None:
        """Why somebody cannot be signed in here; until they have arrived elsewhere they still read here."""
        if who is None or not who.active:
            return INACTIVE
        home = who.home or who.previous
        if home == self._region:
            return None
        url = self._address_of(home)
        words = f"your account is in region {home}: sign in there"
        return Refusal(Code.MOVED, f"{words}, at {url}" if url else words, url=url)

    def _keep(self, digest: bytes, known: Known) -> None:
        if len(self._known) >= CACHE_ENTRIES_MAX:
            self._known.clear()
            self._by_person.clear()
        self._known[digest] = known
        self._by_person[known.identity.person].add(digest)

    def _drop(self, digest: bytes) -> None:
        known = self._known.pop(digest, None)
        if known is not None:
            self._by_person[known.identity.person].discard(digest)

    # -- signing in and out ----------------------------------------------------------------------------

    async def sign_in(
        self,
        person: str,
        proof: str,
        *,
        address: str,
        kind: Kind = "browser",
        label: str = "",
        by: str = "password",
        instead_of: str = "",
    ) -> Issued | Refusal:
        """A new session for whoever proves to be the person. ``instead_of``: a secret that ends with it,
        so that a sign-in never continues an older session."""
        proven = await self.prove(person, proof, address=address, by=by)
        if isinstance(proven, Refusal):
            return proven
        async with self._reader.snapshot() as snapshot:
            who = await load_person(snapshot, proven)
        refusal = self._not_here(who)
        if refusal is not None:
            return self._failed(refusal)
        if instead_of:
            await self.sign_out(instead_of)
        return await self.issue(proven, kind, label)

    async def prove(
        self, person: str, proof: str, *, address: str, by: str = "password"
    ) -> str | Refusal:
        """Who the proof belongs to; attempts are counted, a right one is not."""
        refusal = self._attempts.take(person, address)
        if refusal is not None:
            metrics.LIMITS_HIT.labels("LOGIN_ATTEMPTS_PER_15_MIN").inc()
            return self._failed(refusal)
        proven = await self._authenticators[by].authenticate(person, proof)
        if isinstance(proven, Refusal):
            return self._failed(proven)
        self._attempts.give_back(person, address)
        return proven

    @staticmethod
    def _failed(refusal: Refusal) -> Refusal:
        metrics.AUTH_FAILURES.labels(refusal.code).inc()
        return refusal

    async def issue(
        self, person: str, kind: Kind, label: str = "", days: int = 0, names: Names = "shown"
    ) -> Issued:
        """A secret without a proof: for ``sign_in``, admins and the command line. ``names``: of a service's."""
        now, secret = self._now(), _PREFIX + _text(self._entropy(32))
        digest = _digest(secret)
        expires_at = now + (days or DAYS[kind]) * DAY_MS
        row = {"person": person, "kind": kind, "label": label, "created_at": now, "names": names}

        def write(tx: Tx) -> None:
            tx.execute(_DELETE_OLD, {"person": person, "now": now})
            tx.execute(_INSERT, row | {"digest": digest, "expires_at": expires_at})

        await self._handler.run(write)
        return Issued(secret, _name(digest), expires_at)

    async def sessions(self, person: str, current: str = "") -> Sequence[SessionView]:
        """Where a person is signed in, newest first; ``current`` is marked."""
        async with self._reader.snapshot() as snapshot:
            rows = await snapshot.rows(_OF_PERSON, {"person": person, "now": self._now()})
        return [
            SessionView(
                id=_name(row.digest),
                kind=row.kind,
                label=row.label,
                created_at=row.created_at,
                expires_at=row.expires_at,
                current=_name(row.digest) == current,
            )
            for row in rows
        ]

    async def sign_out(self, secret: str) -> None:
        """Ends the session of a secret; unknown ones are no error."""
        digest = _digest(secret)
        found = await self._together.get(digest)
        await self._end(digest, "" if isinstance(found, Refusal) else found.person)

    async def revoke(self, person: str, session: str) -> bool:
        """Ends one session of a person by its public name; False when there is none."""
        async with self._reader.snapshot() as snapshot:
            rows = await snapshot.rows(_OF_PERSON, {"person": person, "now": self._now()})
        digest = next((bytes(row.digest) for row in rows if _name(row.digest) == session), None)
        if digest is None:
            return False
        await self._end(digest, person)
        return True

    async def _end(self, digest: bytes, person: str) -> None:
        await self._handler.run(lambda tx: tx.execute(_DELETE, {"digest": digest}))
        self._drop(digest)
        self._forgotten += 1
        self._tell(person)

    async def revoke_all(self, person: str) -> None:
        """Signs a person out everywhere."""
        await self._handler.run(lambda tx: tx.execute(_DELETE_ALL, {"person": person}))
        self._forget(person)

    # -- changes that end or alter what a secret is worth ---------------------------------------------

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """``listener(person)`` is called on the loop when some secret of a person may be worth less:
        ask ``identify`` again about those held open."""
        self._listeners.append(listener)

    def _committed(self, records: Sequence[Record]) -> None:
        for record in records:
            match record.event:
                case (
                    PersonStatusChanged(person=person)
                    | PersonRoleChanged(person=person)
                    | PersonHandedOver(person=person)
                    | PersonTakenOver(person=person)
                ):
                    self._forget(person)
                case _:
                    pass

    def _forget(self, person: str) -> None:
        for digest in self._by_person.pop(person, ()):
            self._known.pop(digest, None)
        self._forgotten += 1
        self._tell(person)

    def _tell(self, person: str) -> None:
        if person:
            for listener in self._listeners:
                listener(person)


async def _sessions(
    digests: Collection[bytes], along: Along[T], snapshot: Snapshot
) -> tuple[Sequence[Row[Any]], dict[str, PersonFact | None], T]:
    """Their sessions, whose they are, and what else is read of these people."""
    rows = await snapshot.rows(_SESSIONS, {"digests": list(digests)})
    people = await load_people(snapshot, [row.person for row in rows])
    return rows, people, await along(snapshot, people)


async def _nothing(_snapshot: Snapshot, _people: People) -> None:
    """Nothing else."""


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _name(digest: bytes) -> str:
    return bytes(digest)[:16].hex()
