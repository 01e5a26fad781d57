"""``tap erasures``: which erasures are open, since when, and whose receipts are missing."""

from typing import Any

import click

from server.ops.commands.shared import (
    Exit,
    json_option,
    look,
    print_json,
    print_table,
    quiet_config,
)
from server.ops.config import Config
from server.ops.core import audience, now
from server.storage.queries import erasures
from server.storage.queries.erasures import LAST, Audience, Erasure
from server.storage.reader import Reader

NEWEST = 200
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that are done.")
@json_option
@click.pass_context
def command(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """Print erasures with their age and the regions whose receipts are missing. Exit code 1 when one is open.

    Also those other regions asked for, as far as they concern this one."""
    config = quiet_config()
    wanted = audience(config)
    found = [_told(one, wanted) for one in _found(config, everything, wanted)]
    if as_json:
        print_json(found)
    elif found:
        heads = ("REQUEST", "OF", "WHAT", "AGE", "RECEIPTS", "MISSING")
        print_table(heads, [_row(one) for one in found])
    else:
        click.echo("No erasure is open.")
    ctx.exit(Exit.FOUND if any(one["missing"] for one in found) else Exit.DONE)


def _found(config: Config, everything: bool, wanted: Audience) -> list[Erasure]:
    async def read(reader: Reader) -> list[Erasure]:
        async with reader.snapshot() as snapshot:
            if everything:
                return await erasures.newest(snapshot, LAST, NEWEST)
            return await erasures.still_open(snapshot, wanted)

    return look(config, read)


def _told(one: Erasure, audience: Audience) -> dict[str, Any]:
    wanted = audience(one.origin, one.lanes)
    given = {receipt.region for receipt in one.receipts}
    return {
        "request": one.request,
        "origin": one.origin,
        "scope": one.scope,
        "target": one.target,
        "posts": one.posts,
        "by": one.person,
        "at": one.at,
        "age_seconds": max(0, now() - one.at) // 1000,
        "regions": len(wanted),
        "receipts": [receipt._asdict() for receipt in one.receipts],
        "missing": sorted(wanted - given),
    }


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    return (
        one["request"],
        one["origin"],
        f"{one['scope']} {one['target']}",
        _age(one["age_seconds"]),
        f"{one['regions'] - len(one['missing'])} of {one['regions']}",
        ", ".join(one["missing"]),
    )


def _age(seconds: int) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
