"""``tap roster close``: the last events a region writes, before it leaves the company."""

import asyncio

import click

from server.app import succession
from server.domain.errors import Refusal
from server.domain.ids import LaneKey
from server.domain.visibility import CONTROL
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    quiet_config,
    require_database,
)
from server.ops.config import Config
from server.ops.core import StartError, opened
from server.storage.queries import people


@click.command()
@click.option("--reason", default="", help="Why; everybody can read it.")
@click.option("--force", is_flag=True, help="Although people are still at home here.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def close(reason: str, force: bool, yes: bool, as_json: bool) -> None:
    """End this region's log for good. The node must be stopped; move its people away before.

    Start it again afterwards, until all others have the end of it. There is no way back."""
    config = quiet_config()
    require_database(config)
    if not yes:
        click.confirm(f"End the log of {config.node.region} for good?", abort=True, err=True)
    try:
        epoch, seq = asyncio.run(_close(config, reason, force))
    except StartError as error:
        fail(str(error), Exit.MACHINE)
    if as_json:
        print_json({"region": config.node.region, "epoch": f"{epoch:x}", "seq": seq})
    else:
        click.echo(f"The log of {config.node.region} ends at {epoch:x}:{seq}.")


async def _close(config: Config, reason: str, force: bool) -> tuple[int, int]:
    async with opened(config, "roster close") as core:
        async with core.reader.snapshot() as snapshot:
            here = await people.count_at_home(snapshot, config.node.region)
        if here and not force:
            fail(
                f"{here} people are at home in {config.node.region}: move them first, or --force; "
                "those left behind can write nothing any more.",
                Exit.FOUND,
            )
        if core.identity.recovering_since:
            fail(
                f"The log of {config.node.region} was restored and may not have got back all that others hold "
                "of it: start the node until it has, for nobody could bring it any more.",
                Exit.FOUND,
            )
        outcome = await succession.close_log(core.handler, core.reader, reason)
        if isinstance(outcome, Refusal):
            fail(f"{outcome.message} ({outcome.code})", Exit.FOUND)
        key = LaneKey(core.identity.region, core.identity.epoch, CONTROL)
        return key.epoch, core.handler.lane_tip(key)
