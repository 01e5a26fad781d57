"""``tap restored``: say that the database comes from a backup, before the node starts again.

A node notices by itself that its database was put back, unless all of data_dir was, the extent included: then
peers tell it once they are reached (docs/protocol/federation.md 16). Said here, it needs nobody.
"""

from pathlib import Path

import click
from sqlalchemy.exc import DatabaseError

from server.ops import extents, lock
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    quiet_config,
    require_database,
)
from server.ops.core import now
from server.ops.extents import Doubt
from server.ops.place import database_url
from server.storage import extent, migrate
from server.storage.connection import InUse, open_writer
from server.storage.node import Identity


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(yes: bool, as_json: bool) -> None:
    """Begin a new epoch of the log, after a backup was put back. The node must be stopped."""
    config = quiet_config()
    require_database(config)
    if not yes:
        click.confirm("Was this database restored from a backup?", abort=True, err=True)
    url = database_url(config)
    folder = Path(config.node.data_dir)
    try:
        with lock.hold(folder, "restored"):
            migrate.upgrade(url)
            before, after = _begin(url, config.node.region, folder)
    except lock.Locked as error:
        fail(f"{error} Stop it first.", Exit.MACHINE)
    except lock.NotOwner as error:
        fail(str(error), Exit.MACHINE)
    except InUse as error:
        fail(f"{str(error).capitalize()}. Stop it first.", Exit.MACHINE)
    except DatabaseError as error:
        fail(f"The database cannot be used: {error.orig}.", Exit.MACHINE)
    if as_json:
        print_json({"before": f"{before.epoch:x}", "epoch": f"{after.epoch:x}"})
    else:
        click.echo(f"The log goes on in epoch {after.epoch:x}; it was {before.epoch:x}.")


def _begin(url: str, region: str, folder: Path) -> tuple[Identity, Identity]:
    connection = open_writer(url, alone=True)
    try:
        with connection.transaction() as tx:
            told = Doubt("an operator put a backup back")
            before, after = extents.identify(tx, region, folder, now(), told)
        with connection.transaction() as tx:
            found = extent.take(tx)
        assert found is not None, "the epoch was just opened by an event"
        extents.write(folder, found)
        return before, after
    finally:
        connection.close()
