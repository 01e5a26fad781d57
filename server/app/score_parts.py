"""Acts that two events make together, and what is ruled about acts: rows beside the plain judgements. Pure.

A *claim* names who would be credited (who reported, who asked for a quorum) and a *grant* who found it so (the
moderator, the voters). They arrive in any order, written by different regions; both lie on one content,
and the desk joins them. A claim without its grant waits; the credit stands at the time of the claim, so that
it is found where all else of its receiver lies.

A *ruling* names people rather than a content, and lies in a table of its own (``score_rulings``).
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from server.app.score_rows import Data, Move, Row, row_of
from server.domain.events import (
    CreditsRuled,
    FlagRaised,
    FlagResolved,
    PollClosed,
    PostPublished,
    RuledPair,
)
from server.scoring.model import Act
from server.storage.event_log import Record

VOTERS = ":voters"
"""The giver of a quorum: no person's name has a colon. One for all polls, so that they saturate."""
REPORTED = "flag:"
"""A report is about no post of its receiver: its content is the reported post behind this word."""
VOTERS_MIN = 2
"""The author may be one of them."""
CLAIMS = {"reported": "report_upheld", "asked": "quorum"}
"""Kind of a claim -> kind of the act it becomes, and of the grant it needs."""


def part_moves(record: Record) -> list[Move]:
    """The claim or the grant in an event; nothing for most."""
    match record.event:
        case FlagRaised(target=target, rev=rev, on=on):
            act = f"reported:{target}:{record.actor}@{rev}"
            claim = row_of(
                record, act, "reported", record.actor, REPORTED + target, giver="", on=on
            )
            return [Move(claim)]
        case FlagResolved(target=target, rev=rev, upheld=upheld):
            act = f"report_upheld:{target}@{rev}"
            return [Move(row_of(record, act, "report_upheld", "", REPORTED + target, on=upheld))]
        case PostPublished(post=post, poll=poll, source=None) if poll is not None:
            if not (poll.quorum_people or poll.quorum_regions):
                return []
            claim = row_of(record, f"asked:{post}@1", "asked", record.actor, post, giver="")
            return [Move(_of_region(claim, record))]
        case PollClosed(poll=post, quorum=True, voters=voters) if voters >= VOTERS_MIN:
            region = record.id.region
            grant = row_of(record, f"quorum:{post}:{region}@1", "quorum", "", post, giver=VOTERS)
            return [Move(_of_region(grant, record))]
        case CreditsRuled(case=case, quarter=quarter, pairs=pairs, rev=rev):
            return [_pair_ruling(record, case, quarter, pair, rev) for pair in pairs]
        case _:
            return []


def _of_region(row: Row, record: Record) -> Row:
    """A poll is closed by the region that published it, and by no other."""
    data = msgspec.structs.replace(row.data, region=record.id.region)
    return row._replace(data=data)


def is_part(row: Row) -> bool:
    """Whether a row is a claim or a grant, and no act by itself."""
    return row.data.kind in CLAIMS or (not row.author and row.data.kind in CLAIMS.values())


def joined(rows: Iterable[Row]) -> list[Row]:
    """Each claim that was decided about, as the row of a judgement, on or off; ``rows``: all parts on some
    contents."""
    latest: dict[str, Row] = {}
    for row in rows:
        known = latest.get(row.register)
        if known is None or row.rev > known.rev:
            latest[row.register] = row
    grants: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in latest.values():
        if row.data.kind not in CLAIMS:
            grants[row.content, row.data.kind, row.data.region].append(row)
    found = []
    for claim in latest.values():
        kind = CLAIMS.get(claim.data.kind, "")
        decided = grants.get((claim.content, kind, claim.data.region))
        if decided:
            grant = max(decided, key=lambda row: (row.data.on, row.act))
            found.append(_credit(claim, kind, grant))
    return found


def _credit(claim: Row, kind: str, grant: Row) -> Row:
    """A report that was made after the decision has upheld nothing."""
    data = msgspec.structs.replace(
        claim.data,
        kind=kind,
        public=claim.data.public and grant.data.public and kind != "report_upheld",
        on=claim.data.on and grant.data.on and claim.data.at <= grant.data.at,
    )
    act = f"{kind}:{claim.content}:{claim.author}@1"
    return claim._replace(act=act, giver=grant.giver, data=data)


# -- rulings -----------------------------------------------------------------------------------------------


def ruling(
    record: Record,
    act: str,
    kind: str,
    *,
    giver: str = "",
    author: str = "",
    content: str = "",
    quarter: str = "",
    on: bool = True,
) -> Move:
    """What somebody decided about credits: ``kind`` is one of the rules' rulings, ``act`` names switch and
    revision (``<register>@<rev>``), and what is left empty may be anything (docs/scoring.md section 2)."""
    data = Data(
        kind=kind,
        at=record.at,
        position=record.position,
        on=on,
        region=record.id.region,
        ruling=True,
    )
    return Move(Row(act, giver, author, content, quarter, data))


def _pair_ruling(record: Record, case: str, quarter: str, pair: RuledPair, rev: int) -> Move:
    """One switch for each pair of a case: what a later revision says of it is all that holds."""
    register = f"case:{record.id.region}:{case}:{pair.giver}:{pair.author}"
    return ruling(
        record,
        f"{register}@{rev}",
        pair.ruling,
        giver=pair.giver,
        author=pair.author,
        quarter=quarter,
        on=pair.ruling != "",
    )


def ruling_act(row: Row) -> Act:
    """A ruling as the scoring module takes it; nothing has to be looked up."""
    return Act(
        id=row.act,
        register=row.register,
        rev=row.rev,
        on=row.data.on,
        kind=row.data.kind,
        giver=row.giver,
        author=row.author,
        content=row.content,
        at=row.data.at,
        quarter=row.quarter,
    )
