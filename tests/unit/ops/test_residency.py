"""The policy of the file becomes the log's at the next start; ``tap residency`` tells what it did."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from server.domain.commands import RegisterPerson
from server.domain.events import ResidencyChanged
from server.ops import config_file, core, operator
from server.ops.commands.shared import Exit

Tap = Callable[..., Result]
PEER = """
[[peers]]
region = "fr"
url = "https://tap.fr.example.com"
public_key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
"""


def today() -> str:
    return datetime.now(tz=UTC).strftime("%Y-%m-%d")


def start(node: Path, *people: str) -> list[ResidencyChanged]:
    """Opens the node as every verb that writes does; the policies its log has then."""
    config = config_file.load(node / "tap.toml", {}).config

    async def run() -> list[ResidencyChanged]:
        async with core.opened(config, "test") as opened:
            for person in people:
                wish = RegisterPerson(person=person, name=person.title(), title="Chemist")
                await operator.register(opened.handler, wish)
            records = await opened.tap.read(0, 1000)
        return [record.event for record in records if isinstance(record.event, ResidencyChanged)]

    return asyncio.run(run())


def write(node: Path, text: str) -> None:
    file = node / "tap.toml"
    file.write_text(file.read_text() + text)


def test_a_changed_policy_is_written_once_at_the_next_start(node: Path) -> None:
    assert [policy.rev for policy in start(node)] == [1]
    assert [policy.rev for policy in start(node)] == [1]
    text = (node / "tap.toml").read_text()
    (node / "tap.toml").write_text(
        text.replace("[residency]\n", '[residency]\nprofile = ["unit"]\n')
    )
    first, second = start(node)
    assert (first.policy.profile[0], second.policy.profile) == ("title", ("unit",))
    write(node, PEER)
    *_, third = start(node)
    assert (third.rev, third.regions) == (3, ("de", "fr"))


def test_a_report_names_regions_lanes_types_and_people(node: Path, tap: Tap) -> None:
    write(node, PEER)
    start(node, "ada", "bo")
    said: dict[str, Any] = json.loads(tap("residency", "report", "--day", today(), "--json").stdout)
    assert said["left"].keys() == {"fr"}
    fr = said["left"]["fr"]
    assert fr["people"] == ["ada", "bo"]
    assert fr["lanes"] == {"control": 3, "global": 2}
    assert fr["types"]["person.registered"] == 2
    assert [policy["rev"] for policy in said["policies"]] == [0, 1], (
        "the epoch opens before the first"
    )
    printed = tap("residency", "report", "--day", today())
    assert "Policy 1 since" in printed.stdout
    assert "person.registered 2" in printed.stdout
    lines = tap(
        "residency", "report", "--day", today(), "--to", "fr", "--events"
    ).stdout.splitlines()
    assert len(lines) == fr["events"]
    assert sum(json.loads(line)["bytes"] for line in lines) == fr["bytes"]
    assert {tuple(json.loads(line)["to"]) for line in lines} == {("fr",)}


def test_a_report_to_nobody_and_of_another_day_is_empty(node: Path, tap: Tap) -> None:
    write(node, PEER)
    start(node, "ada")
    for more in (("--day", today(), "--to", "br"), ("--day", "2020-02-02")):
        assert json.loads(tap("residency", "report", *more, "--json").stdout)["left"] == {}


def test_a_check_that_finds_nothing_says_how_much_it_saw(node: Path, tap: Tap) -> None:
    start(node, "ada")
    answer = tap("residency", "check")
    assert answer.exit_code == Exit.DONE
    assert answer.stdout.startswith("4 events judged, 0 not where they should be")
    assert json.loads(tap("residency", "check", "--json").stdout)["wrong"] == []


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", ""])
def test_what_is_no_day_is_a_wrong_usage(node: Path, tap: Tap, day: str) -> None:
    answer = tap("residency", "report", "--day", day)
    assert answer.exit_code == Exit.USAGE


def test_a_node_that_never_started_has_no_log(node: Path, tap: Tap) -> None:
    assert tap("residency", "check").exit_code == Exit.MACHINE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('profile = ["shoe_size"]', "residency.profile"),
        ('audiences = ["globe"]', '"globe" is none of global, group.*, pair.*'),
        ('in_groups = { eu = ["about"] }', 'the group "eu", which is not in lanes.groups'),
        ("colour = 1", "residency.colour is no key of Tap"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(node: Path, tap: Tap, text: str, said: str) -> None:
    file = node / "tap.toml"
    file.write_text(file.read_text().replace("[residency]\n", f"[residency]\n{text}\n"))
    answer = tap("config")
    assert answer.exit_code == Exit.USAGE
    assert said in answer.stderr
