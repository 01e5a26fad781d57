"""The next incarnation of a log (docs/protocol/federation.md 16).

A restored database ends before the log did. Were the node to go on from there, it would give numbers a
second time that peers have already seen bound to other events, and they would refuse its lanes as
forged (I5). So the log begins a new epoch: new lanes from 1, and clients load anew.
"""

from collections.abc import Callable

from sqlalchemy import bindparam, update

from server.domain.decide import Draft
from server.domain.events import EpochOpened
from server.domain.ids import incarnation, new_epoch
from server.domain.visibility import CONTROL
from server.domain.wire import SALT_BYTES
from server.storage import tables as t
from server.storage.log_writer import LogWriter
from server.storage.node import Identity
from server.storage.sql import Tx, statement

_BEGIN = statement(
    update(t.node)
    .where(t.node.c.id == 1)
    .values(
        epoch=bindparam("new"),
        opened_position=bindparam("at"),
        recovering_since=bindparam("since"),
    )
)
_RECOVERED = statement(update(t.node).where(t.node.c.id == 1).values(recovering_since=0))
NONCE_BYTES = 16


def open_log(
    log: LogWriter, tx: Tx, previous: int, now: int, entropy: Callable[[int], bytes]
) -> None:
    """The first event of an epoch: it names the one before, 0 for the very first."""
    event = EpochOpened(previous=previous, nonce=entropy(NONCE_BYTES))
    log.append(tx, Draft(CONTROL, "", event, ()), now, entropy(SALT_BYTES))
    log.flush(tx)


def begin_epoch(
    tx: Tx, before: Identity, now: int, entropy: Callable[[int], bytes], known: int = 0
) -> Identity:
    """The next incarnation, opened by an event that names the one before it.

    ``known``: an epoch of this region that was written somewhere else too, such as by the database that
    was lost; the next one is higher than both."""
    ordinal = max(incarnation(before.epoch), incarnation(known)) + 1
    epoch = new_epoch(ordinal, entropy(4))
    log = LogWriter(before.region, epoch)
    log.load(tx)
    # Restored again before all was back: it is still missing.
    after = Identity(before.region, epoch, log.position, before.recovering_since or now)
    values = {"new": epoch, "at": after.opened_position, "since": after.recovering_since}
    tx.execute(_BEGIN, values)
    open_log(log, tx, before.epoch, now, entropy)
    return after


def end_recovery(tx: Tx) -> None:
    """What peers held beyond this log is back, or the node goes on without."""
    tx.execute(_RECOVERED, {})
