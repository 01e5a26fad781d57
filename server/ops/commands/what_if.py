"""``tap scoring what-if``: what other rules would change here, before anybody switches them on."""

from pathlib import Path
from typing import Any

import click

from server.app.score_rules import Answer, compared
from server.domain.errors import Refusal
from server.ops.commands.residency import Day
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    look,
    print_json,
    print_table,
    quiet_config,
)
from server.ops.core import now


@click.command("what-if")
@click.argument("rules", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--since", type=Day(), help="A day of the quarter with which they would have come.")
@click.option(
    "--people", is_flag=True, help="Also print who moves, and why. For the works council."
)
@json_option
def command(rules: Path, since: int | None, people: bool, as_json: bool) -> None:
    """Hold a rules file beside the rules in force, on what this node knows. Nothing is changed by it.

    Without --since they come with this quarter. Exit code 1 when lines of earlier days would change."""
    config = quiet_config()
    text = rules.read_text("utf-8")
    answer = look(config, lambda reader: compared(reader, config.node.region, text, now(), since))
    if isinstance(answer, Refusal):
        fail(f"{rules}: {answer.message}.", Exit.USAGE)
    if as_json:
        print_json(answer.summary | ({"people_moved": answer.people} if people else {}))
    else:
        _print(answer, people)
    if answer.summary["old_lines_changed"]:
        raise SystemExit(Exit.FOUND)


def _print(answer: Answer, people: bool) -> None:
    it = answer.summary
    click.echo(
        f"{it['after']} beside {it['before']}, from {it['since']} to {it['day']}: of {it['people']} people "
        f"{it['up']} rise, {it['down']} fall, {it['levels_changed']} change their level."
    )
    click.echo(f"Lines of earlier days that would change: {it['old_lines_changed']}.")
    for change in it["changes"]:
        click.echo(f"  {change['what']}: {_said(change['before'])} -> {_said(change['after'])}")
    for what, milli in it["milli_by_cause"].items():
        click.echo(f"  {milli / 1000:+.3f} points by {what}")
    if people:
        print_table(("PERSON", "STANDING", "LEVEL", "WHY"), [_row(one) for one in answer.people])


def _said(value: Any) -> str:
    return "none" if value is None else str(value)


def _row(moved: dict[str, Any]) -> tuple[str, str, str, str]:
    before, after = moved["before"], moved["after"]
    why = ", ".join([f"{one['what']} {one['milli'] / 1000:+.3f}" for one in moved["causes"]])
    return (
        moved["person"],
        f"{before['standing'] / 1000:.3f} -> {after['standing'] / 1000:.3f}",
        f"{before['level']} -> {after['level']}",
        why or "what still stands of it",
    )
