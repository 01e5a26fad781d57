"""``tap events``: the log as JSON lines, from the database itself, whether the node runs or not."""

import asyncio
import contextlib
import json
from typing import Any

import click
import msgspec

from server.app.cloudevents import secrets_of
from server.ops.commands.shared import quiet_config, require_database
from server.ops.place import database_url
from server.storage import event_log
from server.storage.event_log import Record
from server.storage.reader import Reader

PAGE_EVENTS = 500
LOOK_SECONDS = 0.5
"""How often a following reader looks for more: another process cannot be told of a commit."""


@click.command()
@click.option("--after", default=0, help="Print what was committed after this position.")
@click.option("--limit", default=0, help="Print at most so many; 0 is all.")
@click.option("--follow", is_flag=True, help="Go on with what is committed from now on.")
def command(after: int, limit: int, follow: bool) -> None:
    """Print events in this node's commit order, one JSON object a line.

    It shows everything the node holds, private messages too, but no secret ballot: it is for the node's operator."""
    config = quiet_config()
    require_database(config)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_print(database_url(config), after, limit, follow))


async def _print(url: str, after: int, limit: int, follow: bool) -> None:
    reader = Reader.open(url)
    left = limit or None
    try:
        while left is None or left > 0:
            wanted = PAGE_EVENTS if left is None else min(PAGE_EVENTS, left)
            async with reader.snapshot() as snapshot:
                page = await event_log.page(snapshot, after, wanted)
            for record in page:
                click.echo(json.dumps(plain(record), ensure_ascii=False))
                after = record.position
            left = None if left is None else left - len(page)
            if len(page) < wanted:
                if not follow:
                    return
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        await reader.close()


def plain(record: Record) -> dict[str, Any]:
    """An event as a map of JSON types; bytes become base64, an erased body null. What a secret ballot
    says is not shown here either (I11)."""
    body = msgspec.msgpack.decode(record.body) if record.body else None
    hidden = secrets_of(record.event)
    if body is not None and hidden:
        body = {name: value for name, value in body.items() if name not in hidden}
    return {
        "position": record.position,
        "id": str(record.id),
        "type": record.type,
        "at": record.at,
        "by": record.actor,
        "channels": list(record.channels),
        "body": msgspec.to_builtins(body),
    }
