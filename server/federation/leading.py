"""What a batch is to a lane: its continuation, fresh events behind a hole, or listed ones in it. Pure.

docs/protocol/federation.md section 19. Nothing is taken here that ``verify_batch`` has not proven; what comes early is
compared with the rest as soon as both are here.
"""

from server.domain.errors import Code, Refused
from server.domain.leads import Lead, contradiction, grown
from server.domain.wire import LaneBatch
from server.federation.frames import Batch, LeadTip
from server.federation.lanes import Course, Held
from server.federation.trust import Contradicted, Roster, verify_batch


def course_of(batch: Batch, held: Held, may_begin: bool) -> Course:
    """``may_begin``: whether a lead was asked for, should the lane have none."""
    lead = held.lead
    if batch.after <= held.seq or not (lead or may_begin):
        return Course.WHOLE
    return Course.LISTED if lead and batch.after < lead.base else Course.FRESH


def verified_part(
    batch: Batch, held: Held, may_begin: bool, roster: Roster
) -> tuple[LaneBatch, Held, Course]:
    """The proven part of a batch that is new, how the lane is held with it, and what it is.

    Raises what ``verify_batch`` does; Contradicted also when it meets what came early and differs."""
    course, lead = course_of(batch, held, may_begin), held.lead
    verified = verify_batch(batch, _start(batch, held, course), roster)
    if not verified.events:
        return verified, held, course
    if lead and (at := contradiction(verified, {}, lead)) is not None:
        raise Contradicted(verified, at)
    if course is Course.WHOLE:
        return verified, joined(Held(verified.head.seq, verified.head.hash, lead)), course
    early = verified._replace(early=True)
    return early, held._replace(lead=grown(lead, early)), course


def _start(batch: Batch, held: Held, course: Course) -> Held:
    """From where on the batch is new."""
    lead = held.lead
    if course is Course.WHOLE:
        return held
    if course is Course.FRESH and lead:
        return Held(lead.seq, lead.hash)
    if lead and batch.head.seq > lead.base:
        raise Refused(Code.BROKEN_CHAIN, f"listed events go beyond {lead.base}")
    return Held(batch.after, batch.previous)


def joined(held: Held) -> Held:
    """The lane reaches its lead: it is whole again."""
    lead = held.lead
    if lead is None or held.seq < lead.base:
        return held
    return Held(lead.seq, lead.hash) if lead.seq > held.seq else held._replace(lead=None)


def latest(verified: Held, durable: Held) -> Held:
    """What was verified on a connection, and what the disk says by now: another peer may have been quicker."""
    further = max(verified, durable, key=lambda held: held.seq)
    return joined(further._replace(lead=latest_lead(verified.lead, durable.lead)))


def latest_lead(ours: Lead | None, durable: Lead | None) -> Lead | None:
    """Ours is what this connection brought, perhaps after the disk was read. Where another peer began one, that, as far
    as ours continues it."""
    if ours is None or durable is None:
        return ours or durable
    listed = max(ours.listed, durable.listed) if ours.base == durable.base else durable.listed
    if durable.base <= ours.base <= durable.seq < ours.seq:
        durable = durable._replace(seq=ours.seq, hash=ours.hash)
    return durable._replace(listed=listed)


def lead_tip(region: str, epoch: int, lane: str, lead: Lead) -> LeadTip:
    """As WANT names it."""
    return LeadTip(region, epoch, lane, lead.base, lead.seq, lead.hash, lead.listed)
