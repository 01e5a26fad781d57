"""``tap user`` and ``tap token``: done whole or not at all, refused in words, nothing secret shown twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from server.domain.errors import Refusal
from server.ops import accounts, config_file, lock
from server.ops.accounts import Desk
from server.ops.commands.shared import Exit

Tap = Callable[..., Result]
PASSWORD = "correct horse battery"


def at_desk(node: Path, do: Callable[[Desk], Awaitable[Any]]) -> Any:
    """What the node itself would answer."""

    async def run() -> Any:
        config = config_file.load(node / "tap.toml", {}).config
        async with accounts.desk(config, "test") as desk:
            return await do(desk)

    return asyncio.run(run())


def add(tap: Tap, person: str, *options: str) -> Result:
    return tap(
        "user", "add", person, "--name", person.title(), "--password-file", "-", *options,
        input=PASSWORD + "\n",
    )  # fmt: skip


def people(tap: Tap) -> dict[str, Any]:
    return {one["person"]: one for one in json.loads(tap("user", "list", "--json").stdout)}


def test_a_person_is_added_with_a_role_and_can_sign_in(tap: Tap, node: Path) -> None:
    assert add(tap, "ada", "--role", "region_admin", "--role", "auditor").exit_code == 0
    assert people(tap)["ada"]["roles"] == ["auditor", "region_admin"]
    assert at_desk(node, lambda desk: desk.passwords.authenticate("ada", PASSWORD)) == "ada"


def test_a_password_is_asked_for_twice(tap: Tap, node: Path) -> None:
    answer = tap("user", "add", "ada", "--name", "Ada", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert answer.exit_code == 0
    assert PASSWORD not in answer.output
    assert answer.stdout == "ada is at home in de.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("user", "add", "A B", "--name", "x", "--no-password"), Exit.USAGE, "person"),
        (("user", "add", "ada", "--name", "x", "--no-password"), Exit.FOUND, "exists already"),
        (("user", "passwd", "zoe", "--password-file", "-"), Exit.FOUND, "nobody is called zoe"),
        (("user", "role", "zoe", "auditor"), Exit.FOUND, "nobody is called zoe"),
        (("user", "role", "ada", "king"), Exit.USAGE, "king"),
        (("user", "disable", "zoe"), Exit.FOUND, "nobody is called zoe"),
        (("token", "create", "phone"), Exit.USAGE, "--person"),
        (("token", "create", "phone", "--person", "zoe"), Exit.FOUND, "nobody is called zoe"),
        (("token", "create", "A B", "--service"), Exit.USAGE, "person"),
        (("token", "revoke", "ada", "none"), Exit.FOUND, "no session"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    tap: Tap, started: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    answer = tap(*arguments, input=PASSWORD + "\n")
    assert answer.exit_code == code
    assert sentence in answer.stderr


def test_a_short_password_leaves_nothing_half_done(tap: Tap, node: Path) -> None:
    answer = tap("user", "add", "ada", "--name", "Ada", "--password-file", "-", input="short\n")
    assert answer.exit_code == Exit.USAGE
    assert people(tap) == {}


def test_another_password_ends_every_session(tap: Tap, node: Path) -> None:
    add(tap, "ada")
    secret = tap("token", "create", "phone", "--person", "ada").stdout.strip()
    identity = at_desk(node, lambda desk: desk.auth.identify(secret))
    assert identity.person == "ada"
    assert tap("user", "passwd", "ada", "--password-file", "-", input="y" * 20).exit_code == 0
    assert isinstance(at_desk(node, lambda desk: desk.auth.identify(secret)), Refusal)
    wrong = at_desk(node, lambda desk: desk.passwords.authenticate("ada", PASSWORD))
    assert isinstance(wrong, Refusal)


def test_who_is_locked_out_stays_out_until_let_in(tap: Tap, node: Path) -> None:
    add(tap, "ada")
    secret = tap("token", "create", "phone", "--person", "ada").stdout.strip()
    assert tap("user", "disable", "ada", "--reason", "left").exit_code == 0
    assert people(tap)["ada"]["active"] is False
    assert isinstance(at_desk(node, lambda desk: desk.auth.identify(secret)), Refusal)
    locked = at_desk(node, lambda desk: desk.passwords.authenticate("ada", PASSWORD))
    assert isinstance(locked, Refusal)
    assert tap("user", "disable", "ada", "--enable").exit_code == 0
    assert at_desk(node, lambda desk: desk.passwords.authenticate("ada", PASSWORD)) == "ada"


def test_a_role_is_given_and_taken(tap: Tap, started: Path) -> None:
    tap("user", "role", "ada", "moderator")
    assert people(tap)["ada"]["roles"] == ["moderator"]
    tap("user", "role", "ada", "moderator", "--off")
    assert people(tap)["ada"]["roles"] == []


def test_a_service_gets_a_bot_and_a_secret_shown_once(tap: Tap, node: Path) -> None:
    told = json.loads(tap("token", "create", "warehouse", "--service", "--json").stdout)
    identity = at_desk(node, lambda desk: desk.auth.identify(told["token"]))
    assert (identity.person, identity.kind, identity.who.bot) == ("warehouse", "service", True)
    assert identity.may_read_tap()
    listed = tap("token", "list", "warehouse").stdout
    assert told["id"] in listed
    assert told["token"] not in listed
    assert tap("token", "revoke", "warehouse", told["id"]).exit_code == 0
    assert json.loads(tap("token", "list", "warehouse", "--json").stdout) == []


def test_a_running_server_refuses_and_says_how_else(tap: Tap, started: Path) -> None:
    with lock.hold(started / "data", "serve"):
        answer = tap("user", "role", "ada", "moderator")
    assert answer.exit_code == Exit.MACHINE
    assert "(serve)" in answer.stderr
    assert "HTTP API" in answer.stderr
