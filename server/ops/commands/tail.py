"""``tap tail``: what a node commits, line by line, from the database here or from a running node anywhere."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import NamedTuple

import click

from server.ops.commands.shared import Exit, fail, quiet_config, require_database
from server.ops.core import StartError, explained, now
from server.ops.place import database_url
from server.ops.tail import Wanted, line, since_of
from server.ops.tail_sources import Database, Denied, Lost, Page, Source, node_at, position_at
from server.storage.reader import Reader

BACK = 50
"""Where nothing says where to begin: some screens of what happened last."""
RETRY_SECONDS = 2.0


class Order(NamedTuple):
    """``after``: None where ``since`` or the end of the log says where to begin."""

    wanted: Wanted
    after: int | None
    limit: int
    follow: bool
    as_json: bool


@click.command()
@click.option("--url", default="", help="A running node's address; else the database here.")
@click.option("--token", default="", envvar="TAP_TOKEN", help="With --url: a token for its feed.")
@click.option("--type", "types", multiple=True, help="Such as post.published, or post.* for all.")
@click.option("--place", default="", help="c:COMMUNITY or d:CONVERSATION.")
@click.option("--person", default="", help="By or about somebody.")
@click.option("--since", default="", help="15m, 2h or 3d ago, or a time as 2026-01-31T12:00Z.")
@click.option("--after", type=click.IntRange(0), help="Begin after this position; 0 is all.")
@click.option("--limit", default=0, help="Print at most so many; 0 is all.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is committed from now on.")
@click.option("--json", "as_json", is_flag=True, help="Print CloudEvents, one a line.")
def command(
    url: str,
    token: str,
    types: tuple[str, ...],
    place: str,
    person: str,
    since: str,
    after: int | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Print events in a node's commit order; without --after or --since the last ones.

    As the event feed shows them: no words of direct messages, no secret ballots."""
    moment = since_of(since, now()) if since else 0
    if moment is None:
        fail(f"--since {since} is neither 15m, 2h or 3d nor a time.", Exit.USAGE)
    if url and not token:
        fail("A node's feed needs a token: --token, or TAP_TOKEN.", Exit.USAGE)
    order = Order(Wanted(types, place, person, moment), after, limit, follow, as_json)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_from_node(url, token, order) if url else _from_database(order))
        except Lost as error:
            fail(f"{url} cannot be reached: {error}.", Exit.MACHINE)
        except StartError as error:
            fail(str(error), Exit.MACHINE)
        except Denied as error:
            fail(f"{url} refuses: {error}.", Exit.FOUND)


async def _from_database(order: Order) -> None:
    config = quiet_config()
    require_database(config)
    reader = Reader.open(database_url(config))
    try:
        with explained(config):
            await _print(Database(reader), order)
    finally:
        await reader.close()


async def _from_node(url: str, token: str, order: Order) -> None:
    async with node_at(url, token, order.wanted.patterns()) as source:
        await _print(source, order)


async def _print(source: Source, order: Order) -> None:
    left = order.limit or None
    async for page in _pages(source, order):
        for event in page.events:
            if not order.wanted.takes(event):
                continue
            text = json.dumps(event, ensure_ascii=False) if order.as_json else line(event)
            click.echo(text)
            left = None if left is None else left - 1
            if left == 0:
                return


async def _pages(source: Source, order: Order) -> AsyncIterator[Page]:
    position = await _begin(source, order)
    while True:
        try:
            page = await (source.wait(position) if order.follow else source.read(position))
        except Lost as error:
            if not order.follow:
                raise
            click.echo(f"tap: {error}; trying again", err=True)
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if page.position == position and not order.follow:
            return
        position = page.position
        yield page


async def _begin(source: Source, order: Order) -> int:
    if order.after is not None:
        return order.after
    if order.wanted.since:
        return await position_at(source, order.wanted.since)
    return max(0, await source.tip() - BACK)
