"""Cases about credits: opened once, decided by registers, with what they come to."""

from server.domain.events import CaseDecided, CaseOpened, CreditsRuled
from server.storage import tables as t
from server.storage.projections.base import Fold, Meta, register_fold, to_json
from server.storage.sql import Tx, point, upsert

_CASE = upsert(t.cases)
FOUND = ("at", "reason", "received", "flows")
"""What may differ between two of one name: that of a circle follows from who is in it."""
_KNOWN = point(t.cases, *FOUND)
_EARLIER = upsert(t.cases, FOUND)
_PARTY = upsert(t.case_parties)


def opened(tx: Tx, event: CaseOpened, meta: Meta) -> bool:
    """Copies in further lanes are repeats. Of a circle that was found, lost with a log that was restored, and found
    once more, the earlier case counts."""
    values = {
        "case_id": event.case,
        "region": event.region,
        "kind": event.kind,
        "parties": to_json(event.parties),
        "quarter": event.quarter,
        "reason": event.reason,
        "person": event.person,
        "line": event.line,
        "content": event.content,
        "about": event.about,
        "received": event.received,
        "flows": to_json(event.flows),
        "at": event.at,
    }
    if not tx.execute(_CASE, values):
        known = tx.one(_KNOWN, values)
        is_earlier = known is not None and tuple([values[name] for name in FOUND]) < tuple(known)
        return is_earlier and tx.execute(_EARLIER, values) > 0
    of = {"case_id": event.case, "region": event.region}
    tx.many(_PARTY, [{"person": person, **of} for person in event.parties])
    return True


FOLDS: dict[type, Fold] = {
    CaseOpened: opened,
    CaseDecided: register_fold(
        t.case_decisions,
        lambda e, m: {
            "case_id": e.case,
            "region": e.region,
            "rev": e.rev,
            "outcome": e.outcome,
            "reason": e.reason,
            "person": e.by,
            "at": e.at,
        },
    ),
    CreditsRuled: register_fold(
        t.credit_rulings,
        lambda e, m: {
            "case_id": e.case,
            "region": e.region,
            "rev": e.rev,
            "quarter": e.quarter,
            "pairs": to_json(e.pairs),
        },
    ),
}
