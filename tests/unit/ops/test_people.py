"""``tap user`` and ``tap token``: done whole or not at all, refused in words, nothing secret shown twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from server.domain.commands import from_builtins
from server.domain.errors import Refusal
from server.domain.events import LaneEnd, PersonHandedOver, PersonRegistered, PersonReleased
from server.ops import accounts, config_file, lock
from server.ops.accounts import Desk
from server.ops.commands.shared import Exit
from tests.support.node import START, ForeignLog

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


def test_what_only_looks_works_while_the_node_runs(tap: Tap, node: Path) -> None:
    assert add(tap, "ada").exit_code == 0
    with lock.hold(node / "data", "serve"):
        assert list(people(tap)) == ["ada"]
        assert tap("user", "moves").stdout == "Nobody is between two regions.\n"
        assert tap("forks").exit_code == tap("erasures").exit_code == Exit.DONE
        refused = add(tap, "bob")
    assert (refused.exit_code, "over its HTTP API" in refused.stderr) == (Exit.MACHINE, True)


def test_a_node_that_was_never_started_has_nobody_to_list(tap: Tap, node: Path) -> None:
    refused = tap("user", "list")
    assert refused.exit_code == Exit.MACHINE
    assert "never started" in refused.stderr


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
    assert add(tap, "bob").exit_code == 0
    assert list(people(tap)) == ["bob"]


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
    assert identity.names == "pseudonyms"
    named = json.loads(
        tap("token", "create", "index", "--service", "--names", "shown", "--json").stdout
    )
    assert at_desk(node, lambda desk: desk.auth.identify(named["token"])).names == "shown"
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


# ---------------------------------------------------------------- moving


PEER = """
[[peers]]
region = "fr"
url = "https://tap.fr.example.com"
public_key = "{key}"
"""


@pytest.fixture
def beside(tap: Tap, node: Path) -> Path:
    """As ``node``, with a peer fr."""
    with (node / "tap.toml").open("a") as config:
        config.write(PEER.format(key="A" * 43 + "="))
    return node


def test_a_move_says_first_what_it_costs_and_then_happens(tap: Tap, beside: Path) -> None:
    add(tap, "ada", "--role", "auditor")

    async def live(desk: Desk) -> None:
        for name, audience in (("Here only", "local"), ("For all", "global")):
            wish = {"do": "community.create", "name": name, "audience": audience}
            await desk.core.handler.handle("ada", f"a-key-{audience}", from_builtins(wish))

    at_desk(beside, live)
    asked = json.loads(tap("user", "move", "ada", "--to", "fr", "--dry-run", "--json").stdout)
    assert asked["done"] is False
    assert [name for _, name in asked["communities_lost"]] == ["Here only"]
    assert asked["roles_ended"] == ["auditor"]
    assert json.loads(tap("user", "moves", "--json").stdout) == []
    told = tap("user", "move", "ada", "--to", "fr")
    assert told.exit_code == 0
    assert "lost, because fr may not see them: Here only" in told.stdout
    assert tap("user", "move", "ada", "--to", "fr").exit_code == 0, "said again, it goes on"
    assert json.loads(tap("user", "moves", "--json").stdout) == [
        {"person": "ada", "from": "de", "to": "fr", "released": "yes"}
    ]
    assert people(tap) == {}
    assert tap("user", "move", "ada", "--to", "fr", "--dry-run").exit_code == 0
    late = tap("user", "move", "ada", "--cancel")
    assert (late.exit_code, "only fr can send them back" in late.stderr) == (Exit.FOUND, True)
    secret = tap("token", "create", "phone", "--person", "ada")
    assert secret.exit_code == Exit.FOUND


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("move", "ada"), Exit.USAGE, "--to REGION"),
        (("move", "ada", "--to", "fr", "--cancel"), Exit.USAGE, "--to REGION"),
        (("move", "ada", "--to", "xx"), Exit.FOUND, "no region"),
        (("move", "ada", "--to", "X X"), Exit.USAGE, "to"),
        (("move", "zoe", "--to", "fr"), Exit.FOUND, "nobody is called zoe"),
        (("accept", "zoe"), Exit.FOUND, "nobody is called zoe"),
    ],
)
def test_a_move_that_cannot_be_is_refused_in_words(
    tap: Tap, beside: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    add(tap, "ada")
    answer = tap("user", *arguments)
    assert answer.exit_code == code
    assert sentence in answer.stderr


def test_whoever_arrives_is_accepted_with_a_first_password(tap: Tap, beside: Path) -> None:
    french, pair = ForeignLog("fr"), ForeignLog("fr", "pair.de.fr")

    async def arrive(desk: Desk) -> None:
        registered = PersonRegistered(person="luc", home="fr", name="Luc")
        handed = PersonHandedOver(person="luc", to="de", rev=1)
        other = PersonRegistered(person="jean", home="fr", name="Jean")
        events = [("", registered), ("", handed), ("", other)]
        await desk.core.handler.apply(french.batch(START, *events))

    async def released(desk: Desk) -> None:
        cut = (LaneEnd(region="fr", epoch=french.key.epoch, lane="global", seq=2),)
        word = PersonReleased(person="luc", to="de", rev=1, cut=cut)
        await desk.core.handler.apply(pair.batch(START, ("", word)))

    at_desk(beside, arrive)
    abroad = tap("user", "move", "jean", "--to", "fr", "--dry-run")
    assert (abroad.exit_code, "at home in fr" in abroad.stderr) == (Exit.FOUND, True)
    early = tap("user", "accept", "luc")
    assert (early.exit_code, "not_yet" in early.stderr) == (Exit.FOUND, True)
    at_desk(beside, released)
    told = json.loads(tap("user", "accept", "luc", "--json").stdout)
    assert told["home"] == "de"
    assert people(tap).keys() == {"luc"}
    proof = told["password"]
    assert at_desk(beside, lambda desk: desk.passwords.authenticate("luc", proof)) == "luc"
