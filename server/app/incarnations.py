"""One log after the other: what a restored log may write, and how it learns that it is not the newest.

docs/protocol/federation.md 16, docs/adr/0011. Pure.
"""

import msgspec

from server.domain import merge
from server.domain.decide import Decided
from server.domain.errors import Refusal
from server.domain.events import Event
from server.domain.ids import LaneKey, incarnation
from server.domain.wire import LaneBatch


def lost(batch: LaneBatch, ours: LaneKey, tip: int) -> str:
    """Why a batch, verified in itself, says that our log is not the region's newest; empty if it does not.

    ``ours``: the batch's lane in the epoch we write, which reaches ``tip``. Our own signature vouches for
    what the batch holds, so this is no peer's mere word."""
    if batch.key.region != ours.region:
        return ""
    seq = batch.after + len(batch.events)
    if batch.key == ours:
        return (
            f"others hold event {seq} of our lane {ours.lane}, we hold {tip}" if seq > tip else ""
        )
    # A region has one first incarnation: this one began because the database was gone.
    if incarnation(batch.key.epoch) == incarnation(ours.epoch) == 1:
        return f"others hold epoch {batch.key.epoch:x} of ours, from before this log began"
    return ""


def raised(decision: Decided | Refusal, epoch: int) -> Decided | Refusal:
    """A decision with each ``rev`` that it gives beyond what earlier incarnations of this log can have given."""
    if isinstance(decision, Refusal) or incarnation(epoch) == 1:
        return decision
    if not any(draft.new_rev for draft in decision.drafts):
        return decision
    drafts = [
        draft._replace(event=_raised(draft.event, epoch)) if draft.new_rev else draft
        for draft in decision.drafts
    ]
    answer = decision.answer
    if "rev" in answer:
        answer = answer | {"rev": merge.raised(answer["rev"], epoch)}
    return Decided(drafts, answer)


def _raised(event: Event, epoch: int) -> Event:
    rev: int | None = getattr(event, "rev", None)
    if rev is None:
        return event
    return msgspec.structs.replace(event, rev=merge.raised(rev, epoch))
