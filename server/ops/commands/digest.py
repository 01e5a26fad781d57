"""``tap digest``: one hash per table of what regions must agree on."""

import hashlib

import click
from sqlalchemy.exc import DatabaseError

from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    quiet_config,
    require_database,
)
from server.ops.place import sync_url
from server.storage.digest import shared_digests_at


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print one hash per table, to compare two regions that hold the same events.

    Regions with different audiences (groups, pair lanes) differ by intent."""
    config = quiet_config()
    require_database(config)
    try:
        digests = shared_digests_at(sync_url(config, read_only=True))
    except DatabaseError as error:
        fail(f"The database cannot be read: {error.orig}.", Exit.MACHINE)
    total = hashlib.sha256("".join(digests.values()).encode()).hexdigest()
    if as_json:
        print_json({"digest": total, "tables": digests})
        return
    for name, value in digests.items():
        click.echo(f"{value[:16]}  {name}")
    click.echo(f"{total[:16]}  all")
