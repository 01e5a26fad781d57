"""``tap peers``: how the links to other regions are, as the running node says."""

import time
from collections.abc import Sequence
from typing import Any

import click

from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    print_table,
    quiet_config,
)
from server.ops.config import Config
from server.ops.doctor_facts import ask_self, local_url

LOOK_SECONDS = 0.2


@click.command()
@click.option("--wait", default=0.0, help="Wait up to so many seconds until every link is live.")
@json_option
@click.pass_context
def command(ctx: click.Context, wait: float, as_json: bool) -> None:
    """Print state, lag and clock of each link. Exit code 1 when one is not live."""
    config = quiet_config()
    links = _links(config)
    deadline = time.monotonic() + wait
    while not _all_live(links) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        links = _links(config)
    if as_json:
        print_json(links)
    elif links:
        print_table(
            ("REGION", "STATE", "TO SEND", "ROUND TRIP", "CLOCK", "LAST ERROR"), _rows(links)
        )
    else:
        click.echo("No peers are configured.")
    ctx.exit(Exit.DONE if _all_live(links) else Exit.FOUND)


def _links(config: Config) -> list[dict[str, Any]]:
    answer = ask_self(config)
    if answer.error or answer.said.get("region") != config.node.region:
        names = ", ".join(peer.region for peer in config.peers) or "none"
        fail(
            f"This node does not answer on {local_url(config)}, so nobody can say how its links are "
            f"(configured: {names}).",
            Exit.MACHINE,
        )
    links: list[dict[str, Any]] = answer.said.get("peers", [])
    return links


def _all_live(links: Sequence[dict[str, Any]]) -> bool:
    return all(link["state"] == "live" for link in links)


def _rows(links: Sequence[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [
        (
            link["region"],
            link["state"],
            link.get("lag", ""),
            _milliseconds(link.get("rtt_ms")),
            _milliseconds(link.get("skew_ms")),
            link.get("last_error") or "",
        )
        for link in links
    ]


def _milliseconds(value: int | None) -> str:
    return "" if value is None else f"{value} ms"
