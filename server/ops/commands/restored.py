"""``tap restored``: say that the database comes from a backup, before the node starts again.

A backup ends before the log did. Were the node to go on from there, it would give numbers a second time
that peers have already seen bound to other events, and they would refuse its lanes as forged (I5). So
the log begins a new epoch: new lanes from 1, and clients load anew.
"""

import os
from pathlib import Path

import click
from sqlalchemy import bindparam, update
from sqlalchemy.exc import DatabaseError

from server.domain.decide import Draft
from server.domain.events import EpochOpened
from server.domain.visibility import CONTROL
from server.domain.wire import SALT_BYTES
from server.ops import lock
from server.ops.commands.shared import (
    Exit,
    fail,
    json_option,
    print_json,
    quiet_config,
    require_database,
)
from server.ops.core import now
from server.ops.place import database_url
from server.storage import migrate
from server.storage import tables as t
from server.storage.connection import open_writer
from server.storage.event_log import LogWriter
from server.storage.node import Identity, open_node
from server.storage.sql import Tx, statement

_BEGIN = statement(
    update(t.node)
    .where(t.node.c.id == 1)
    .values(epoch=bindparam("new"), opened_position=bindparam("at"))
)
RANDOM_BITS = 32
NONCE_BYTES = 16


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
    try:
        with lock.hold(Path(config.node.data_dir), "restored"):
            migrate.upgrade(url)
            before, after = _begin(url, config.node.region)
    except lock.Locked as error:
        fail(f"{error} Stop it first.", Exit.MACHINE)
    except DatabaseError as error:
        fail(f"The database cannot be used: {error.orig}.", Exit.MACHINE)
    if as_json:
        print_json({"before": f"{before.epoch:x}", "epoch": f"{after.epoch:x}"})
    else:
        click.echo(f"The log goes on in epoch {after.epoch:x}; it was {before.epoch:x}.")


def _begin(url: str, region: str) -> tuple[Identity, Identity]:
    connection = open_writer(url)
    try:
        with connection.transaction() as tx:
            before = open_node(tx, region, os.urandom(4))
            return before, begin_epoch(tx, before)
    finally:
        connection.close()


def begin_epoch(tx: Tx, before: Identity) -> Identity:
    """The next incarnation, opened by an event that names the one before it."""
    ordinal = (before.epoch >> RANDOM_BITS) + 1
    epoch = ordinal << RANDOM_BITS | int.from_bytes(os.urandom(RANDOM_BITS // 8), "big")
    log = LogWriter(before.region, epoch)
    log.load(tx)
    after = Identity(before.region, epoch, log.position)
    tx.execute(_BEGIN, {"new": epoch, "at": after.opened_position})
    event = EpochOpened(previous=before.epoch, nonce=os.urandom(NONCE_BYTES))
    log.append(tx, Draft(CONTROL, "", event, ()), now(), os.urandom(SALT_BYTES))
    log.flush(tx)
    return after
