"""`tap roster` and `tap keys rotate`: files that go from hand to hand, and what is refused."""

import asyncio
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from server.domain.commands import RegisterPerson
from server.domain.errors import Code, Refusal
from server.ops import config_file, core, keys, membership, operator
from server.ops.commands.shared import Exit
from server.ops.config import Config
from server.storage import event_log

Tap = Callable[..., Result]
ADMINS = ("ada", "bo", "cy")


@pytest.fixture
def admins(tap: Tap) -> dict[str, str]:
    """Three administrators' public keys; the private halves are in <name>.key."""
    return {name: tap("roster", "admin", f"{name}.key").stdout.strip() for name in ADMINS}


@pytest.fixture
def draft(tap: Tap, admins: dict[str, str], node: Path) -> Path:
    """Version 1 with this node's region and France, signed by nobody."""
    named = [f"--admin={name}={key}" for name, key in admins.items()]
    assert tap("roster", "new", "r.json", *named).exit_code == 0
    add(tap, "de", tap("keys").stdout.strip(), "--group=eu")
    add(tap, "fr", admins["ada"], "--group=eu")
    return node / "r.json"


def add(tap: Tap, region: str, key: str, *more: str) -> Result:
    url = f"--url=https://{region}.example.com"
    answer = tap(
        "roster", "add-region", "r.json", region, f"--name={region}", url, f"--key={key}", *more
    )
    assert answer.exit_code == 0, answer.stderr
    return answer


def sign(tap: Tap, *names: str, file: str = "r.json") -> None:
    for name in names:
        answer = tap("roster", "sign", file, f"--key-file={name}.key")
        assert answer.exit_code == 0, answer.stderr


def test_a_roster_is_made_signed_verified_and_installed(tap: Tap, draft: Path) -> None:
    assert stat.S_IMODE((draft.parent / "ada.key").stat().st_mode) == 0o600
    sign(tap, "ada")
    few = tap("roster", "verify", "r.json")
    assert few.exit_code == Exit.FOUND
    assert Code.BAD_SIGNATURE in few.stderr
    assert tap("roster", "install", "r.json").exit_code == Exit.FOUND
    sign(tap, "cy")
    assert "signed by ada, cy" in tap("roster", "verify", "r.json").stdout
    assert tap("roster", "install", "r.json").exit_code == 0
    shown = json.loads(tap("roster", "show", "--json").stdout)
    assert [entry["region"] for entry in shown["regions"]] == ["de", "fr"]
    assert shown["groups"] == {"eu": ["de", "fr"]}
    assert shown["signed_by"] == ["ada", "cy"]
    assert "https://fr.example.com" in tap("roster", "show").stdout


def test_a_node_without_a_roster_says_what_it_goes_by(tap: Tap, node: Path) -> None:
    shown = tap("roster", "show")
    assert shown.exit_code == Exit.FOUND
    assert "[[peers]]" in shown.stderr


def test_with_a_roster_every_verb_goes_by_it(tap: Tap, draft: Path, admins: dict[str, str]) -> None:
    toml = draft.parent / "tap.toml"
    peer = f'[[peers]]\nregion = "fr"\nurl = "https://old.example.com"\ndial = false\npublic_key = "{admins["bo"]}"\n'
    toml.write_text(toml.read_text() + peer)
    sign(tap, "ada", "bo")
    tap("roster", "install", "r.json")
    config = membership.effective(config_file.load(toml, {}).config)
    (fr,) = config.peers
    assert (fr.region, fr.url, fr.public_key) == ("fr", "https://fr.example.com", admins["ada"])
    assert fr.dial is False, "the one thing [[peers]] still decides"
    assert config.lanes.groups == {"eu": ("de", "fr")}
    assert config.dials("br") is False


def test_a_change_makes_the_next_version_once(
    tap: Tap, draft: Path, admins: dict[str, str]
) -> None:
    assert "version 1" in add(tap, "in", admins["bo"]).stdout
    sign(tap, "ada", "bo")
    assert tap("roster", "install", "r.json").exit_code == 0
    assert "version 2" in add(tap, "br", admins["cy"]).stdout
    assert "version 2" in add(tap, "gb", admins["cy"]).stdout
    (draft.parent / "before.json").write_bytes((draft.parent / "data/roster.json").read_bytes())
    sign(tap, "bo", "cy")
    assert tap("roster", "verify", "r.json", "--against", "before.json").exit_code == 0
    assert tap("roster", "install", "r.json").exit_code == 0
    again = tap("roster", "install", "r.json")
    assert again.exit_code == Exit.FOUND
    assert "not newer" in again.stderr


def test_administrators_change_by_the_signatures_of_those_before(
    tap: Tap, draft: Path, admins: dict[str, str]
) -> None:
    sign(tap, "ada", "bo")
    tap("roster", "install", "r.json")
    for name in ("dan", "eve"):
        admins[name] = tap("roster", "admin", f"{name}.key").stdout.strip()
    change = ("--remove=ada", f"--add=dan={admins['dan']}", f"--add=eve={admins['eve']}")
    assert tap("roster", "rotate-admin", "r.json", *change).exit_code == 0
    sign(tap, "dan", "eve")
    assert tap("roster", "install", "r.json").exit_code == Exit.FOUND
    sign(tap, "ada", "bo")
    assert tap("roster", "install", "r.json").exit_code == 0
    assert tap("roster", "rotate-admin", "r.json", "--remove=zoe").exit_code == Exit.USAGE


def test_a_region_leaves_and_a_lost_key_is_replaced(
    tap: Tap, draft: Path, admins: dict[str, str]
) -> None:
    tap("roster", "replace-key", "r.json", "fr", f"--key={admins['bo']}", "--at=1000a3f02:17")
    shown = json.loads(tap("roster", "show", "r.json", "--json").stdout)
    lost, now = shown["regions"][1]["keys"]
    assert lost == {"key": admins["ada"], "ends": {"epoch": 0x1000A3F02, "seq": 17}}
    assert now == {"key": admins["bo"]}
    assert tap("roster", "remove-region", "r.json", "fr", "--at=1000a3f02:17").exit_code == 0
    assert "left at 1000a3f02:17" in tap("roster", "show", "r.json").stdout
    assert tap("roster", "require-protocol", "r.json", "1").exit_code == 0
    shown = json.loads(tap("roster", "show", "r.json", "--json").stdout)
    assert shown["groups"] == {"eu": ["de"]}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("new", "r.json", "--admin=a=b"), Exit.USAGE),
        (("new", "other.json", "--admin=a=b"), Exit.USAGE),
        (("show", "nowhere.json"), Exit.USAGE),
        (("show", "tap.toml"), Exit.FOUND),
        (("remove-region", "r.json", "zz", "--at=1:1"), Exit.USAGE),
        (("remove-region", "r.json", "fr", "--at=here"), Exit.USAGE),
        (("add-region", "r.json", "Z", "--name=z", "--url=https://z", "--key=zz"), Exit.USAGE),
        (("sign", "r.json", "--key-file=nobody.key"), Exit.USAGE),
        (("admin", "ada.key"), Exit.USAGE),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    tap: Tap, draft: Path, arguments: tuple[str, ...], code: Exit
) -> None:
    before = draft.read_bytes()
    answer = tap("roster", *arguments)
    assert answer.exit_code == code
    assert answer.stderr.startswith("tap: ")
    assert draft.read_bytes() == before


def test_a_region_outside_its_bounds_is_refused(tap: Tap, draft: Path) -> None:
    key = tap("keys").stdout.strip()
    bad = ("--name=z", "--url=ftp://z", f"--key={key}")
    answer = tap("roster", "add-region", "r.json", "zz", *bad)
    assert answer.exit_code == Exit.FOUND
    assert Code.BAD_FRAME in answer.stderr


def test_a_roster_that_nobody_signed_is_not_gone_by(tap: Tap, draft: Path) -> None:
    target = draft.parent / "data/roster.json"
    target.write_bytes(draft.read_bytes())
    answer = tap("config")
    assert answer.exit_code == Exit.USAGE
    assert "needs the signatures" in answer.stderr
    # The way out stays open.
    sign(tap, "ada", "bo")
    target.unlink()
    assert tap("roster", "install", "r.json").exit_code == 0


# -- the node's own key -------------------------------------------------------------------------------


def test_the_next_key_is_drawn_once_and_kept_apart(tap: Tap, node: Path) -> None:
    before = tap("keys").stdout.strip()
    drawn = json.loads(tap("keys", "rotate", "--json").stdout)
    assert drawn["before"] == before
    assert drawn["public_key"] == keys.public_text(keys.load(node / "data/node.key.next"))
    assert tap("keys").stdout.strip() == before, "not in use yet"
    again = tap("keys", "rotate")
    assert again.exit_code == Exit.FOUND
    assert "drawn already" in again.stderr


def test_a_key_is_drawn_anew_only_where_there_is_none(tap: Tap, node: Path) -> None:
    assert tap("keys", "new").exit_code == Exit.USAGE
    before = tap("keys").stdout
    (node / "data/node.key").unlink()
    assert tap("keys", "new").stdout == tap("keys").stdout != before


@pytest.mark.parametrize("done", ["nothing", "kept"])
def test_putting_a_key_in_place_can_be_interrupted_anywhere(node: Path, done: str) -> None:
    path = node / "data/node.key"
    old = keys.load(path)
    new = keys.generate(keys.next_of(path))
    name = keys.id_of(old)
    if done == "kept":
        (node / f"data/node.key.{name}").hardlink_to(path)
    keys.put_next_in_place(path, name)
    assert keys.public_text(keys.load(path)) == keys.public_text(new)
    assert keys.public_text(keys.load(node / f"data/node.key.{name}")) == keys.public_text(old)
    assert not keys.next_of(path).exists()


# -- leaving ----------------------------------------------------------------------------------------------


def test_a_region_with_people_does_not_leave_unless_forced(tap: Tap, started: Path) -> None:
    answer = tap("roster", "close", "--yes")
    assert answer.exit_code == Exit.FOUND
    assert "1 people are at home" in answer.stderr
    closed = json.loads(tap("roster", "close", "--yes", "--force", "--json").stdout)
    assert closed["region"] == "de"
    again = tap("roster", "close", "--yes", "--force")
    assert again.exit_code == Exit.FOUND
    assert Code.CLOSED in again.stderr


def test_a_log_that_gets_back_what_it_lost_is_not_closed(tap: Tap, started: Path) -> None:
    config = config_file.load(started / "tap.toml", {}).config
    database, backup = started / "data/tap.db", started / "data/backup.db"
    shutil.copy(database, backup)
    asyncio.run(_register(config, "eve"))
    shutil.copy(backup, database)
    answer = tap("roster", "close", "--yes", "--force")
    assert answer.exit_code == Exit.FOUND
    assert "was restored" in answer.stderr
    asyncio.run(_register(config, "bob"))


async def _register(config: Config, person: str) -> None:
    async with core.opened(config, "test") as opened:
        wish = RegisterPerson(person=person, name=person)
        assert not isinstance(await operator.register(opened.handler, wish), Refusal)


def test_the_end_is_the_last_event_of_every_lane(tap: Tap, started: Path) -> None:
    tap("roster", "close", "--yes", "--force", "--reason=merged with fr")
    config = config_file.load(started / "tap.toml", {}).config

    async def look() -> None:
        async with core.opened(config, "test") as opened:
            async with opened.reader.snapshot() as snapshot:
                tips = await event_log.lane_tips(snapshot)
                ends = await event_log.about_company(snapshot)
            assert {key.lane for key in tips} == {"control", "global"}
            assert {(end.id[:3], end.id.seq) for end in ends} == {
                (tuple(key), tip.seq) for key, tip in tips.items()
            }
            assert ends[-1].id.lane == "control"
            person = RegisterPerson(person="eve", name="Eve")
            outcome = await operator.register(opened.handler, person)
            assert isinstance(outcome, Refusal)
            assert outcome.code is Code.CLOSED

    asyncio.run(look())
