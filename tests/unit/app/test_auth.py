"""Sessions and sign-in below HTTP: what is stored, what is cached, what ends it."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from server.app import auth as auth_module
from server.app.attempts import ENTRIES_MAX, WINDOW_MS, Attempts
from server.app.auth import Auth, Identity, Issued
from server.app.passwords import THREADS, WAITING_MAX, Passwords
from server.domain import limits
from server.domain.durations import DAY_MS
from server.domain.errors import Code, Refusal
from server.storage import tables as t
from tests.support.node import Clock, Entropy, TestNode, open_test_node

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Desk:
    def __init__(self, node: TestNode, hasher: PasswordHasher = QUICK) -> None:
        self.node = node
        self.passwords = Passwords(node.reader, node.handler, node.clock, hasher)
        self.auth = Auth(
            region=node.region,
            reader=node.reader,
            handler=node.handler,
            tap=node.tap,
            authenticators={"password": self.passwords},
            now=node.clock,
            entropy=Entropy("secrets"),
        )

    async def sign_in(self, person: str = "asha", proof: str = PASSWORD) -> Issued | Refusal:
        return await self.auth.sign_in(person, proof, address="203.0.113.7")

    async def signed_in(self) -> Issued:
        issued = await self.sign_in()
        assert isinstance(issued, Issued), issued
        return issued


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        await node.register("admin", "region_admin")
        desk = Desk(node)
        assert await desk.passwords.set("asha", PASSWORD) is None
        yield desk
        desk.passwords.close()


async def stored(desk: Desk) -> list[bytes]:
    async with desk.node.reader.snapshot() as snapshot:
        rows = await snapshot.rows(select(t.sessions.c.digest))
    return [bytes(row.digest) for row in rows]


def refused(outcome: object) -> Code:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


async def test_only_the_digest_of_a_secret_is_stored(desk: Desk) -> None:
    issued = await desk.signed_in()
    assert len(issued.secret) == len("tap_") + 43  # 256 bits
    assert await stored(desk) == [hashlib.sha256(issued.secret.encode()).digest()]
    async with desk.node.reader.snapshot() as snapshot:
        (row,) = await snapshot.rows(select(t.accounts.c.password_hash))
    assert row.password_hash.startswith("$argon2id$")


async def test_a_secret_tells_its_holder(desk: Desk) -> None:
    issued = await desk.signed_in()
    found = await desk.auth.identify(issued.secret)
    assert isinstance(found, Identity)
    assert (found.person, found.kind, found.session) == ("asha", "browser", issued.session)


@pytest.mark.parametrize("secret", ["", "tap_guess", "ü" * 43, "x" * 10_000, "\x00"])
async def test_what_is_no_secret_is_nobody(secret: str, desk: Desk) -> None:
    assert refused(await desk.auth.identify(secret)) is Code.UNAUTHENTICATED


async def test_a_known_secret_is_not_looked_up_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = await desk.signed_in()
    await desk.auth.identify(issued.secret)
    monkeypatch.setattr(desk.node.reader, "load", None)
    assert isinstance(await desk.auth.identify(issued.secret), Identity)
    desk.node.clock.advance(auth_module.CACHE_MS + 1)
    with pytest.raises(TypeError):
        await desk.auth.identify(issued.secret)  # now it would be


async def test_several_are_looked_up_at_once_and_remembered(desk: Desk) -> None:
    issued = await desk.signed_in()

    async def along(_: object, people: Collection[str]) -> list[str]:
        return list(people)

    found, read = await desk.auth.look_up([issued.secret, "tap_guess"], along)
    assert read == ["asha"]
    assert refused(found["tap_guess"]) is Code.UNAUTHENTICATED
    assert found[issued.secret] == desk.auth.remembered(issued.secret)
    assert desk.auth.remembered("tap_guess") is None


async def test_a_sign_out_elsewhere_is_heard_within_the_cache_time(desk: Desk) -> None:
    """As another process of the same region would do it: in the database alone."""
    issued = await desk.signed_in()
    await desk.auth.identify(issued.secret)
    await Desk(desk.node).auth.revoke_all("asha")
    desk.node.clock.advance(auth_module.CACHE_MS + 1)
    assert refused(await desk.auth.identify(issued.secret)) is Code.UNAUTHENTICATED


async def test_revoking_is_heard_at_once_and_told(desk: Desk) -> None:
    told: list[str] = []
    desk.auth.on_revoked(told.append)
    issued = await desk.signed_in()
    await desk.auth.identify(issued.secret)
    assert await desk.auth.revoke("asha", issued.session)
    assert refused(await desk.auth.identify(issued.secret)) is Code.UNAUTHENTICATED
    assert told == ["asha"]
    assert not await desk.auth.revoke("asha", issued.session)


async def test_a_lookup_that_meets_a_revocation_is_not_cached(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read before, finished after: the stale answer must not stay."""
    issued = await desk.signed_in()
    real = desk.node.reader.load

    async def slow(load: Any) -> object:
        found = await real(load)
        await desk.auth.revoke_all("asha")
        return found

    monkeypatch.setattr(desk.node.reader, "load", slow)
    assert isinstance(await desk.auth.identify(issued.secret), Identity)
    monkeypatch.setattr(desk.node.reader, "load", real)
    assert refused(await desk.auth.identify(issued.secret)) is Code.UNAUTHENTICATED


async def test_status_and_roles_change_what_a_secret_is_worth(desk: Desk) -> None:
    told: list[str] = []
    desk.auth.on_revoked(told.append)
    issued = await desk.signed_in()
    before = await desk.auth.identify(issued.secret)
    assert isinstance(before, Identity)
    assert not before.may_read_tap()
    grant = {"person": "asha", "role": "auditor", "on": True}
    await desk.node.handler.handle("admin", "grant-it", command("person.set_role", **grant))
    after = await desk.auth.identify(issued.secret)
    assert isinstance(after, Identity)
    assert after.may_read_tap()
    leave = {"person": "asha", "active": False}
    await desk.node.handler.handle("admin", "leave-it", command("person.set_status", **leave))
    assert refused(await desk.auth.identify(issued.secret)) is Code.UNAUTHENTICATED
    assert told == ["asha", "asha"]
    assert refused(await desk.sign_in()) is Code.UNAUTHENTICATED


async def test_who_is_let_in_again_signs_in_again(desk: Desk) -> None:
    """A telephone that was stolen must not open again with the account it was locked out with."""
    old = [await desk.signed_in(), await desk.auth.issue("asha", "device", "lost phone")]
    status = {"person": "asha", "active": False}
    await desk.node.handler.handle("admin", "leave-it", command("person.set_status", **status))
    desk.node.clock.advance(1)
    status = {"person": "asha", "active": True}
    await desk.node.handler.handle("admin", "come-back", command("person.set_status", **status))
    for issued in old:
        assert refused(await desk.auth.identify(issued.secret)) is Code.UNAUTHENTICATED
    assert await stored(desk) == []
    await desk.signed_in()


def command(do: str, **arguments: object) -> object:
    from server.domain.commands import from_builtins

    return from_builtins({"do": do, **arguments})


async def test_a_disabled_account_sounds_like_a_wrong_password(desk: Desk) -> None:
    await desk.passwords.disable("asha", True)
    assert refused(await desk.sign_in()) is Code.BAD_CREDENTIALS
    await desk.passwords.disable("asha", False)
    await desk.signed_in()


async def test_who_is_not_at_home_here_gets_no_account(desk: Desk) -> None:
    assert refused(await desk.passwords.set("nobody", PASSWORD)) is Code.NOT_FOUND
    for password in ("short", "x" * (limits.PASSWORD_CHARS_MAX + 1)):
        assert refused(await desk.passwords.set("asha", password)) is Code.BAD_VALUE


async def test_a_cheaper_hash_is_made_anew_at_the_next_sign_in(desk: Desk) -> None:
    dearer = Desk(desk.node, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    await dearer.signed_in()
    async with desk.node.reader.snapshot() as snapshot:
        (row,) = await snapshot.rows(select(t.accounts.c.password_hash))
    assert "m=16,t=2" in row.password_hash
    dearer.passwords.close()


async def test_expired_sessions_go_with_the_next_sign_in(desk: Desk) -> None:
    old = await desk.signed_in()
    desk.node.clock.advance(limits.SESSION_DAYS * DAY_MS)
    assert refused(await desk.auth.identify(old.secret)) is Code.EXPIRED
    await desk.signed_in()
    assert len(await stored(desk)) == 1


class Counting(PasswordHasher):
    """Counts how many hashes run at once, and on which threads."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.running, self.most = 0, 0
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.threads: set[str] = set()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.threads.add(threading.current_thread().name)
        self.gate.wait(5)
        try:
            return super().verify(hash, password)
        finally:
            with self.lock:
                self.running -= 1


async def test_at_most_two_hashes_run_at_once_and_never_on_the_loop(desk: Desk) -> None:
    hasher = Counting()
    busy = Desk(desk.node, hasher)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(busy.passwords.authenticate("asha", PASSWORD)) for _ in range(8)]
        await asyncio.sleep(0)
        hasher.gate.set()
    assert {task.result() for task in asked} == {"asha"}
    assert hasher.most <= THREADS
    assert all(name.startswith("tap-password") for name in hasher.threads)
    busy.passwords.close()


async def test_a_rush_is_told_to_come_back(desk: Desk) -> None:
    hasher = Counting()
    busy = Desk(desk.node, hasher)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        asked = [
            tasks.create_task(busy.passwords.authenticate("asha", PASSWORD))
            for _ in range(WAITING_MAX + 5)
        ]
        refused_at_once = asyncio.create_task(_first_refusal(asked))
        found = await refused_at_once
        hasher.gate.set()
    assert refused(found) is Code.OVERLOADED
    busy.passwords.close()


async def _first_refusal(asked: list[asyncio.Task[str | Refusal]]) -> object:
    for done in asyncio.as_completed(asked):
        return await done
    return None


def test_attempts_are_counted_per_account_and_per_address() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(limits.LOGIN_ATTEMPTS_PER_15_MIN):
        assert attempts.take("asha", "a") is None
    assert refused(attempts.take("asha", "b")) is Code.RATE_LIMITED
    assert attempts.take("bob", "a") is None
    attempts.give_back("asha", "a")
    assert attempts.take("asha", "a") is None
    clock.advance(WINDOW_MS)
    assert attempts.take("asha", "b") is None


@pytest.mark.parametrize(
    ("left_ms", "wait"),
    [(WINDOW_MS, "15 minutes"), (60_001, "2 minutes"), (60_000, "1 minute"), (1, "1 minute")],
)
def test_who_tried_too_often_is_told_for_how_long(left_ms: int, wait: str) -> None:
    clock = Clock()
    clock.advance(WINDOW_MS - clock() % WINDOW_MS + WINDOW_MS - left_ms)
    attempts = Attempts(clock)
    for _ in range(limits.LOGIN_ATTEMPTS_PER_15_MIN):
        attempts.take("asha", "a")
    refusal = attempts.take("asha", "a")
    assert refusal is not None
    assert refusal.message == f"too many attempts to sign in; try again in {wait}"


def test_one_address_cannot_try_every_account() -> None:
    attempts = Attempts(Clock())
    outcomes = [attempts.take(f"person{n}", "a") for n in range(150)]
    assert 50 <= sum(outcome is not None for outcome in outcomes) < 150


def test_one_site_cannot_try_every_account_from_ever_new_addresses() -> None:
    """An IPv6 site has 2**64 of them; with each its own count, any account's attempts could be pushed out too."""
    attempts = Attempts(Clock())
    for _ in range(limits.LOGIN_ATTEMPTS_PER_15_MIN):
        attempts.take("asha", "2001:db8:1:2::1")
    outcomes = [attempts.take(f"person{n}", f"2001:db8:1:2::{n:x}") for n in range(ENTRIES_MAX)]
    assert sum(outcome is None for outcome in outcomes) < 100
    assert refused(attempts.take("asha", "2001:db8:9::1")) is Code.RATE_LIMITED
    attempts.give_back("person0", "2001:db8:1:2::ffff")
    assert attempts.take("bob", "2001:db8:1:2::5") is None


def test_attempts_remember_a_bounded_number_of_names() -> None:
    attempts = Attempts(Clock())
    for number in range(ENTRIES_MAX + 100):
        attempts.take(f"person{number}", f"address{number}")
    assert len(attempts._counts) == ENTRIES_MAX
