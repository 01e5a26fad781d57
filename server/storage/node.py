"""Whose database this is: the region and the epoch its own log is writing."""

from typing import NamedTuple

from sqlalchemy import insert, select

from server.domain.errors import Mistake
from server.domain.ids import new_epoch
from server.storage import tables as t
from server.storage import vocabulary
from server.storage.sql import Tx, statement

_READ = statement(
    select(
        t.node.c.region, t.node.c.epoch, t.node.c.opened_position, t.node.c.recovering_since
    ).where(t.node.c.id == 1)
)
_INSERT = statement(insert(t.node))


class Identity(NamedTuple):
    region: str
    epoch: int
    opened_position: int
    """The position at which this epoch began: cursors of an older epoch end here."""
    recovering_since: int = 0
    """When the epoch was begun in doubt, UTC milliseconds; 0 once what was lost is back."""


class WrongRegion(Mistake):
    """The database belongs to another region than the configuration says."""


def open_node(tx: Tx, region: str, nonce: bytes) -> Identity:
    """The node's identity, made at first start: epoch 1 with 32 random bits from ``nonce``.

    Raises WrongRegion when the database was made for another region."""
    row = tx.one(_READ, {})
    if row is None:
        epoch = new_epoch(1, nonce)
        values = {"id": 1, "region": region, "epoch": epoch, "opened_position": 0, "hlc": 0}
        values |= {"recovering_since": 0, "unread": 0, "reading": 0}
        tx.execute(_INSERT, values | {"vocabulary": vocabulary.fingerprint()})
        return Identity(region, epoch, 0)
    if row[0] != region:
        raise WrongRegion(
            f"this database belongs to region {row[0]}, the configuration says {region}"
        )
    return Identity(*row)
