"""``tap webhook``: where the running node sends events by itself (docs/howto/webhooks.md)."""

from datetime import UTC, datetime
from typing import Any

import click

from server.ops import keys, own_node
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    print_table,
    quiet_config,
)

HEADS = ("WEBHOOK", "STATE", "BEHIND", "DEAD", "NAMES", "MODE", "URL", "WHY")
DEAD_HEADS = ("POSITION", "TYPE", "TRIED", "LAST", "WHY")


@click.group()
def command() -> None:
    """Send events to other systems, and see how that goes. The node must run."""


@command.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """Print every webhook and how it is. Exit code 1 when one is failing, paused or has dead letters."""
    found = _ask("GET", "/webhooks")["webhooks"]
    if as_json:
        print_json(found)
    elif found:
        print_table(HEADS, [_row(one) for one in found])
    else:
        click.echo("There are no webhooks.")
    if any(one["state"] != "active" or one["dead"] for one in found):
        click.get_current_context().exit(Exit.FOUND)


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    reason = one["reason"] if one["state"] != "active" else ""
    return (
        one["webhook"],
        one["state"],
        one["behind"],
        one["dead"],
        one["names"],
        one["mode"],
        one["url"],
        reason,
    )


@command.command()
@click.argument("url")
@click.option("--label", default="", help="What it is for.")
@click.option("--mode", type=click.Choice(["structured", "binary", "batch"]), default="structured")
@click.option(
    "--names",
    type=click.Choice(["shown", "pseudonyms", "none"]),
    default="pseudonyms",
    help="Whom the receiver reads about.",
)
@click.option("--type", "types", multiple=True, help="Such as company.tap.post.*; none is all.")
@click.option("--lane", "lanes", multiple=True, help="Such as global; none is all.")
@click.option("--subject", "subjects", multiple=True, help="Ids; none is all.")
@click.option("--from-beginning", is_flag=True, help="With the first event of the log.")
@json_option
def add(
    url: str,
    label: str,
    mode: str,
    names: str,
    types: tuple[str, ...],
    lanes: tuple[str, ...],
    subjects: tuple[str, ...],
    from_beginning: bool,
    as_json: bool,
) -> None:
    """Send events to URL from now on; prints its id and the secret that signs, once.

    The receiver is asked first, and has to agree."""
    wish = {
        "url": url,
        "label": label,
        "mode": mode,
        "names": names,
        "filter": {"types": types, "lanes": lanes, "subjects": subjects},
        "start": "beginning" if from_beginning else "now",
    }
    _made(_ask("POST", "/webhooks", wish), as_json)


@command.command()
@click.argument("webhook")
def remove(webhook: str) -> None:
    """Send nothing more to WEBHOOK; its dead letters go too."""
    _ask("DELETE", f"/webhooks/{webhook}")


@command.command()
@click.argument("webhook")
def test(webhook: str) -> None:
    """Send an event that happened nowhere. Exit code 1 when it is not taken."""
    _tried(_ask("POST", f"/webhooks/{webhook}/test"))


@command.command()
@click.argument("webhook")
@click.option("--skip", is_flag=True, help="Make the event it stands at a dead letter.")
def resume(webhook: str, skip: bool) -> None:
    """Go on with WEBHOOK at once, from where it stands."""
    _ask("POST", f"/webhooks/{webhook}/resume", {"skip": skip})


@command.command()
@click.argument("webhook")
@json_option
def rotate(webhook: str, as_json: bool) -> None:
    """Print a new secret; for a day the one before signs too."""
    _made(_ask("POST", f"/webhooks/{webhook}/secret"), as_json)


@command.command()
@click.argument("webhook")
@json_option
def dead(webhook: str, as_json: bool) -> None:
    """Print the events that WEBHOOK would not have."""
    found = _dead(webhook)
    if as_json:
        print_json(found)
    elif found:
        print_table(DEAD_HEADS, [_dead_row(one) for one in found])
    else:
        click.echo("There are none.")


def _dead(webhook: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = _ask("GET", f"/webhooks/{webhook}/dead", after=after)
        found += page["dead"]
        after = page["next"]
    return found


def _dead_row(one: dict[str, Any]) -> tuple[object, ...]:
    at = datetime.fromtimestamp(one["at"] / 1000, UTC)
    return (one["position"], one["type"], one["attempts"], f"{at:%Y-%m-%d %H:%M:%SZ}", one["error"])


@command.command()
@click.argument("webhook")
@click.argument("positions", nargs=-1, type=click.IntRange(1))
def retry(webhook: str, positions: tuple[int, ...]) -> None:
    """Send dead letters again: those at POSITIONS, else all. Exit code 1 when one is refused again."""
    asked = positions or tuple(one["position"] for one in _dead(webhook))
    refused = 0
    for position in asked:
        outcome = _ask("POST", f"/webhooks/{webhook}/dead/{position}/retry")
        click.echo(f"{position}: {outcome['said']}")
        refused += not outcome["delivered"]
    if refused:
        fail(f"{refused} of {len(asked)} were not taken.")


def _made(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        click.echo(f"{made['webhook']}  {made['secret']}")


def _tried(outcome: dict[str, Any]) -> None:
    click.echo(outcome["said"])
    if not outcome["delivered"]:
        click.get_current_context().exit(Exit.FOUND)


def _ask(method: str, path: str, wish: Any = None, **query: str | int) -> Any:
    try:
        return own_node.ask(quiet_config(), method, path, wish, **query)
    except (own_node.NotAnswered, keys.KeyFileError) as error:
        fail(str(error), Exit.MACHINE)
    except own_node.Refusing as error:
        fail(str(error))
