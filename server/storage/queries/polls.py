"""Polls as readers see them: the tally as of now, the closing, and what it came to."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from server.domain.events import PollClosed, PollSpec
from server.storage import poll_facts
from server.storage import tables as t
from server.storage.post_facts import poll_of
from server.storage.projections.polls import AGREES, DIFFERS
from server.storage.queries.shapes import PollResult, PollValue
from server.storage.reader import Snapshot

_v, _r, _o = t.polls.c, t.poll_regions.c, t.poll_outcomes.c
_IDS: Any = bindparam("ids", expanding=True)
_SPECS = select(t.posts.c.post, t.posts.c.detail).where(
    t.posts.c.post.in_(_IDS), t.posts.c.kind == "poll"
)
_POLLS = select(_v.poll, _v.home, _v.closing, _v.voters).where(_v.poll.in_(_IDS))
_CHOICES = select(
    t.poll_choices.c.poll, t.poll_choices.c.choice, t.poll_choices.c.votes, t.poll_choices.c.firsts
).where(t.poll_choices.c.poll.in_(_IDS))
_REGIONS = (
    select(_r.poll, _r.region, _r.closed_epoch, _r.waits_for, _r.verdict)
    .where(_r.poll.in_(_IDS))
    .order_by(_r.region)
)
_OUTCOMES = (
    select(_o.poll, _o.outcome)
    .join(t.polls, (_v.poll == _o.poll) & (_v.home == _o.region))
    .where(_o.poll.in_(_IDS))
)


async def poll_values(snapshot: Snapshot, polls: Collection[str]) -> dict[str, PollValue]:
    """The tallies of those posts that are polls, hidden where the poll says so (I11, I12)."""
    asked = {"ids": list(polls)}
    specs = await snapshot.rows(_SPECS, asked) if polls else ()
    if not specs:
        return {}
    states = {row.poll: row for row in await snapshot.rows(_POLLS, asked)}
    choices: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in await snapshot.rows(_CHOICES, asked):
        choices[row.poll][row.choice] = row
    regions: dict[str, list[Any]] = defaultdict(list)
    for row in await snapshot.rows(_REGIONS, asked):
        regions[row.poll].append(row)
    outcomes = {row.poll: row.outcome for row in await snapshot.rows(_OUTCOMES, asked)}
    found = {}
    for poll, detail in specs:
        spec = poll_of(detail)
        if spec is not None and poll in outcomes:
            found[poll] = _closed(poll_facts.outcome(outcomes[poll]), regions[poll])
        elif spec is not None:
            found[poll] = _open(spec, states.get(poll), choices[poll], regions[poll])
    return found


def _open(spec: PollSpec, state: Any, choices: dict[int, Any], regions: Sequence[Any]) -> PollValue:
    hidden = spec.hidden_until_close or spec.secret
    size = range(len(spec.choices))
    voters = state.voters if state else 0
    home = state.home if state else ""
    # A region whose clock is ahead may have closed already; that ends nothing elsewhere.
    closing = bool(state and state.closing) or any(
        row.closed_epoch and row.region == home for row in regions
    )
    return PollValue(
        voters=voters,
        counts=None if hidden else tuple([_votes(spec, choices.get(at)) for at in size]),
        closed=False,
        closing=closing,
        waiting=_waiting(home, regions) if closing else (),
    )


def _votes(spec: PollSpec, row: Any) -> int:
    if row is None:
        return 0
    return int(row.firsts if spec.method == "ranked" else row.votes)


def _waiting(home: str, regions: Sequence[Any]) -> tuple[str, ...]:
    """Whom the poll's home waits for, itself last of all; before its word: itself."""
    closed = {row.region for row in regions if row.closed_epoch}
    awaited = {
        name
        for row in regions
        if row.region == home and row.closed_epoch
        for name in poll_facts.names(row.waits_for)
    }
    return tuple(sorted(awaited - closed)) or ((home,) if home else ())


def _closed(outcome: PollClosed, regions: Sequence[Any]) -> PollValue:
    result = PollResult(
        order=outcome.order,
        pairs=outcome.pairs,
        regions=outcome.regions,
        quorum=outcome.quorum,
        late=outcome.late,
        digest=outcome.digest.hex(),
        agreed=tuple([row.region for row in regions if row.verdict == AGREES]),
        differing=tuple([row.region for row in regions if row.verdict == DIFFERS]),
    )
    return PollValue(
        voters=outcome.voters, counts=outcome.counts or None, closed=True, result=result
    )
