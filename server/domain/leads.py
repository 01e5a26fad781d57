"""A lane held in two pieces: from its beginning, and its newest events (docs/protocol/federation.md 19).

Every event of a batch is proven by the head it ends with, and so is the chain hash before it: a head is a hash over
all that precedes it. So the newest events can be taken, shown and acknowledged at once, and what they are based on is
known by its hash long before it comes. When it comes and has another one, the origin signed two histories.
"""

from collections.abc import Mapping
from typing import NamedTuple

from server.domain.errors import Code, Refused
from server.domain.wire import LaneBatch


class Lead(NamedTuple):
    """Events ``base + 1 ... seq`` are held although some before them are missing; ``hash`` is that at ``seq``.

    Before ``base`` single listed events may be held as well, without which posts cannot be shown."""

    base: int
    base_hash: bytes
    """What the missing part must lead to."""
    seq: int
    hash: bytes
    listed: int = 0
    """How far the listed events were brought; 0 when none were."""


def grown(lead: Lead | None, batch: LaneBatch) -> Lead:
    """The lead with a batch that comes early.

    Raises Refused: conflict when it fits nowhere, since another peer began the lead elsewhere; broken_chain
    when listed events reach into the lead."""
    end, hash_ = batch.after + len(batch.events), batch.events[-1].hash
    if lead is None:
        return Lead(batch.after, batch.previous, end, hash_)
    if batch.after < lead.base:
        if end > lead.base:
            raise Refused(Code.BROKEN_CHAIN, f"listed events go to {end}, beyond {lead.base}")
        return lead._replace(listed=max(lead.listed, end))
    if batch.after > lead.seq:
        held = f"we hold {lead.base} to {lead.seq}"
        raise Refused(Code.CONFLICT, f"the lane continues at {batch.after}, {held}")
    return lead._replace(seq=end, hash=hash_) if end > lead.seq else lead


def contradiction(batch: LaneBatch, known: Mapping[int, bytes], lead: Lead | None) -> int | None:
    """The first event of which a batch has another hash than we; None when it agrees with all we hold.

    ``known``: hashes of events that are here, by number."""
    told = dict(known)
    if lead:
        told[lead.base], told[lead.seq] = lead.base_hash, lead.hash
    theirs = dict(enumerate([event.hash for event in batch.events], batch.after + 1))
    theirs[batch.after] = batch.previous
    common = sorted(theirs.keys() & told.keys())
    return next((seq for seq in common if theirs[seq] != told[seq]), None)
