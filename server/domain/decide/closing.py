"""What a region's node owes a poll that ends (docs/protocol/federation.md 14.3 to 14.7).

    open ──► closed here ──► closed (by the poll's home) ──► checked here

Each step is one commit and follows from what is committed alone: whatever a node was doing when it
stopped, and whatever of it a restored one got back, asking again gives the next step. Nobody's clock is compared with another's. A region stops
at its own deadline or at a word from elsewhere; what counts is the cut that the poll's home publishes.
"""

from collections.abc import Sequence

from server.domain import cut as cutting
from server.domain import limits
from server.domain.decide.base import Context, Decided, Draft, in_place
from server.domain.decide.polls import has_ended
from server.domain.events import (
    BallotKept,
    Event,
    LaneEnd,
    PollChecked,
    PollClosed,
    PollRegionClosed,
    PollSpec,
    PollTallied,
)
from server.domain.facts import Facts, PollFact, PollRegionFact, PostFact
from server.domain.ids import sealed
from server.domain.visibility import LOCAL, lane_audience, pair_lane

GRACE_MS = limits.POLL_GRACE_SECONDS * 1000
UNKNOWN_PLACE_MS = 60_000
"""Until its community has arrived, whom its lane is for is not known: nothing may be said of it (I8)."""


def advance(poll: str, facts: Facts, context: Context) -> Decided:
    """The next step as events; where there is none, the answer's ``due`` is when to ask again (UTC
    milliseconds, or None: not before something about the poll is committed)."""
    post, fact = facts.post(poll), facts.poll(poll)
    if post is None or post.poll is None or post.deleted or fact is None or not fact.home:
        return _wait(None)
    community = facts.community(post.place[2:])
    if community is None:
        return _wait(context.now + UNKNOWN_PLACE_MS)
    own = fact.of(context.region)
    if not own.closed:
        if has_ended(post.poll, fact, context):
            return _close_region(post, post.poll, fact, facts, context)
        return _wait(post.poll.closes_at)
    if fact.outcome is None:
        if post.poll.secret and not own.tallied:
            # A restored region has got its word back from others, and not what it told the home alone.
            return Decided([_sub_tally(post, post.poll, fact.home, facts, context)], {"due": None})
        if fact.home == context.region:
            return _close(post, post.poll, fact, facts, context)
    elif not own.checked:
        return _check(post, post.poll, fact, fact.outcome, facts, context)
    return _wait(None)


def _wait(until: int | None) -> Decided:
    return Decided([], {"due": until})


def _say(post: PostFact, facts: Facts, context: Context, event: Event, *more: Draft) -> Decided:
    """The node's own word, to all who see the poll."""
    drafts = in_place(post.place, facts, context, "", event, post.post)
    return Decided([*drafts, *more], {"due": None})


# -- a region stops --------------------------------------------------------------------------------------


def _close_region(
    post: PostFact, spec: PollSpec, fact: PollFact, facts: Facts, context: Context
) -> Decided:
    own = fact.of(context.region)
    casts = facts.casts(post.post, context.region)
    ends = cutting.ends_of(casts)
    waits = _voting_regions(post, facts, context) if fact.home == context.region else ()
    event = PollRegionClosed(
        poll=post.post,
        place=post.place,
        region=context.region,
        ballots=0 if spec.secret else len(cutting.counted(casts, ends)),
        ends=() if spec.secret else ends,
        waits_for=tuple(sorted(waits)),
    )
    if spec.secret and fact.outcome is None and not own.tallied:
        return _say(post, facts, context, event, _sub_tally(post, spec, fact.home, facts, context))
    return _say(post, facts, context, event)


def _voting_regions(post: PostFact, facts: Facts, context: Context) -> frozenset[str]:
    """Where somebody may have voted: who may read the poll lives or lived there, or a ballot came from there.
    Who has left the company says nothing any more."""
    community = facts.community(post.place[2:])
    lane = community.audience if community else LOCAL
    company = context.peers | {context.region}
    homes = facts.homes(post.place[2:]) | facts.cast_regions(post.post) | {context.region}
    return homes & company & lane_audience(lane, context.region, company, context.groups)


def _sub_tally(post: PostFact, spec: PollSpec, home: str, facts: Facts, context: Context) -> Draft:
    """For the poll's home alone: a small region is never shown by itself (I11)."""
    casts = facts.casts(post.post, context.region)
    tally = cutting.tally_of(spec, cutting.counted(casts, cutting.ends_of(casts)))
    event = PollTallied(
        poll=post.post,
        place=post.place,
        region=context.region,
        rev=1,
        voters=tally.voters,
        counts=tally.counts,
        pairs=tally.pairs,
    )
    lane = LOCAL if home == context.region else pair_lane(context.region, home)
    return Draft(lane, "", event, (post.post,))


# -- the poll's home closes it ---------------------------------------------------------------------------


def _close(
    post: PostFact, spec: PollSpec, fact: PollFact, facts: Facts, context: Context
) -> Decided:
    """Once all have closed whom it waits for, or the grace time is over; who is late is named."""
    own = fact.of(context.region)
    # Who closed told before that of the people it handed over: those may have voted where nobody was expected.
    expected = own.waits_for | _voting_regions(post, facts, context)
    done = _has_tally if spec.secret else _is_complete
    late = tuple([name for name in sorted(expected) if not done(post, spec, fact.of(name), facts)])
    until = own.closed_at + GRACE_MS
    if late and context.now < until:
        return _wait(until)
    if spec.secret:
        regional = {
            region: cutting.said_tally(said)
            for region, said in fact.regions.items()
            if _has_tally(post, spec, said, facts)
        }
        event = cutting.secret_outcome(post, spec, regional, late)
    else:
        casts = facts.casts(post.post)
        cut = cutting.cut_of(fact.regions, casts, late)
        event = cutting.outcome(post, spec, casts, cut, late)
    return _say(post, facts, context, event)


def _is_complete(post: PostFact, _spec: PollSpec, said: PollRegionFact, facts: Facts) -> bool:
    """Whether every ballot of a region that closed is here."""
    return said.closed and _holds(post, said.ends, facts)


def _holds(post: PostFact, ends: Sequence[LaneEnd], facts: Facts) -> bool:
    """An end is a ballot's own number, and lanes have no holes (I5): who holds it holds all before it."""
    return all(facts.holds_ballot(post.post, end) for end in ends)


def _has_tally(_post: PostFact, spec: PollSpec, said: PollRegionFact, _facts: Facts) -> bool:
    """Whether a region's sub-tally is here, and can be one."""
    return said.tallied and cutting.fits(spec, cutting.said_tally(said))


# -- every region checks ---------------------------------------------------------------------------------


def _check(
    post: PostFact,
    spec: PollSpec,
    fact: PollFact,
    said: PollClosed,
    facts: Facts,
    context: Context,
) -> Decided:
    """Counts again what the cut names, as soon as all of it is here."""
    if spec.secret:
        own = fact.of(context.region)
        agrees = cutting.secret_agrees(post, spec, said, context.region, own)
    else:
        if not _holds(post, said.cut, facts):
            return _wait(None)
        casts = facts.casts(post.post)
        agrees = cutting.outcome(post, spec, casts, said.cut, said.late) == said
        # What the cut leaves out is missing from every recount: only whose it is can tell.
        own = fact.of(context.region)
        agrees = agrees and (context.region in said.late or set(own.ends) <= set(said.cut))
    event = PollChecked(poll=post.post, place=post.place, region=context.region, agrees=agrees)
    return _say(post, facts, context, event)


# -- a voter moves ---------------------------------------------------------------------------------------


def keep_ballots(person: str, to: str, facts: Facts, context: Context) -> list[Draft]:
    """What the old home writes before a handover, in its commit: where the person has voted in secret, that
    ballot stays, and the new home takes no other (docs/protocol/federation.md 14.7). Polls the new home may
    not see are not named (I8); it passes on what it cannot read, for the next home may."""
    regions = context.peers | {context.region, to}
    names, places = [], []
    for poll, place in facts.secret_ballots(person):
        community = facts.community(place[2:]) if place.startswith("c:") else None
        lane = community.audience if community else LOCAL
        origin = community.home if community else context.region
        audience = lane_audience(lane, origin, regions, context.groups)
        if to in audience:
            places.append((poll, place))
        elif len(audience) > 1 or community is None:
            names.append(sealed(poll, person))
    names += [sealed(name, person) for name in facts.unknown_ballots(person)]
    return [
        Draft(
            pair_lane(context.region, to),
            person,
            BallotKept(poll=poll, place=place, person=person, region=context.region),
            (poll,) if place else (),
        )
        for poll, place in (*places, *[(name, "") for name in sorted(set(names))])
    ]
