"""``[scoring]`` becomes the log's at the next start; ``tap scoring publish`` and ``audit`` at the keyboard."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from server.app.handle import Answer
from server.domain.commands import Command, from_builtins
from server.domain.decide import scoring as decide
from server.domain.events import ScoringPolicyChanged, ScoringRootPublished
from server.ops import config_file, core, lock
from server.ops.commands.shared import Exit

Tap = Callable[..., Result]


def configure(node: Path, text: str) -> None:
    file = node / "tap.toml"
    file.write_text(file.read_text().replace("[scoring]\n", f"[scoring]\n{text}\n"))


def policies(node: Path) -> list[ScoringPolicyChanged]:
    """Those in the log of a node that was opened once more."""
    config = config_file.load(node / "tap.toml", {}).config

    async def run() -> list[ScoringPolicyChanged]:
        async with core.opened(config, "test") as opened:
            records = await opened.tap.read(0, 1000)
        return [one.event for one in records if isinstance(one.event, ScoringPolicyChanged)]

    return asyncio.run(run())


def test_a_policy_is_written_once_and_again_with_its_agreement(node: Path) -> None:
    [first] = policies(node)
    assert (first.rev, first.policy.scores, first.policy.leaders) == (1, "private", "off")
    assert policies(node) == [first]
    configure(node, 'agreement = "KBV 7"\nscores = "opt_in"')
    second = policies(node)[-1]
    assert (second.rev, second.policy.agreement, second.policy.leaders) == (2, "KBV 7", "quartiles")


def test_more_than_the_law_allows_does_not_start(node: Path, tap: Tap) -> None:
    configure(node, 'scores = "public"')
    answer = tap("config")
    assert answer.exit_code == Exit.USAGE
    assert "scoring.agreement" in answer.stderr


def test_what_was_published_is_audited_and_a_forged_root_found(started: Path, tap: Tap) -> None:
    nothing = tap("scoring", "audit", "--region", "fr", "--json")
    assert nothing.exit_code == Exit.MACHINE
    assert json.loads(nothing.stdout)[0]["outcome"] == "nothing"
    assert "No region has published" in tap("scoring", "audit").stdout
    published = tap("scoring", "publish")
    assert (published.exit_code, published.stdout[:2]) == (Exit.DONE, "0 ")
    agreed = tap("scoring", "audit")
    assert agreed.exit_code == Exit.DONE
    assert "the log says the same" in agreed.stdout
    forge(started)
    found = tap("scoring", "audit")
    assert found.exit_code == Exit.FOUND
    assert "the root of de" in found.stdout
    said: list[dict[str, Any]] = json.loads(tap("scoring", "audit", "--json").stdout)
    assert [(one["region"], one["outcome"]) for one in said] == [("de", "differs")]
    erase_a_post_of_ada(started)
    perhaps = tap("scoring", "audit")
    assert perhaps.exit_code == Exit.MACHINE
    assert "1 post was erased since" in perhaps.stdout
    [named] = [line for line in perhaps.stdout.splitlines() if "the root of de" in line]
    assert named.endswith("(perhaps for what was erased since).")


def erase_a_post_of_ada(node: Path) -> None:
    config = config_file.load(node / "tap.toml", {}).config

    async def run() -> None:
        async with core.opened(config, "test") as opened:

            async def do(key: str, **wish: Any) -> dict[str, Any]:
                command: Command = from_builtins(wish)
                answer = await opened.handler.handle("ada", key, command)
                assert isinstance(answer, Answer), answer
                return answer.result

            place = "c:" + (await do("erase-key-1", do="community.create", name="Tea"))["community"]
            wish = {"do": "post.publish", "place": place, "kind": "update", "text": "hello"}
            post = (await do("erase-key-2", **wish))["post"]
            await do("erase-key-3", do="content.erase", scope="post", target=post)

    asyncio.run(run())


def forge(node: Path) -> None:
    """A root over ledgers that nobody has."""
    config = config_file.load(node / "tap.toml", {}).config

    async def run() -> None:
        async with core.opened(config, "test") as opened:
            records = await opened.tap.read(0, 1000)
            last = [r.event for r in records if isinstance(r.event, ScoringRootPublished)][-1]
            event = ScoringRootPublished(
                region=last.region,
                day=last.day,
                rules=last.rules,
                quarter=last.quarter,
                cut=last.cut,
                people=3,
                root="0" * 64,
            )
            await opened.handler.append(
                lambda facts, context: decide.publish_root(event, facts, context)
            )

    asyncio.run(run())


def test_whoever_else_holds_the_data_is_left_alone(started: Path, tap: Tap) -> None:
    with lock.hold(started / "data", "import"):
        answer = tap("scoring", "publish")
    assert answer.exit_code == Exit.MACHINE
    assert "import" in answer.stderr
