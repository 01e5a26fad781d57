"""Which ballots count, and what the poll's home says about them (docs/protocol/federation.md 14.3 to 14.6).

A cut names, for each lane, the last ballot that counts. Whoever holds everything under it comes to the
same ``poll.closed`` by the functions below; that is how every region checks the one it was told.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from server.domain import limits
from server.domain import tally as counting
from server.domain.events import BallotPart, LaneEnd, PollClosed, PollSpec
from server.domain.facts import CastFact, PollRegionFact, PostFact
from server.domain.tally import Tally


def ends_of(casts: Iterable[CastFact]) -> tuple[LaneEnd, ...]:
    """The last of these ballots in each lane."""
    last: dict[tuple[str, int, str], int] = {}
    for cast in casts:
        region, epoch, lane, seq = _id(cast.end)
        last[region, epoch, lane] = max(seq, last.get((region, epoch, lane), 0))
    return tuple(
        [
            LaneEnd(region=region, epoch=epoch, lane=lane, seq=seq)
            for (region, epoch, lane), seq in sorted(last.items())
        ]
    )


def counted(casts: Iterable[CastFact], cut: Iterable[LaneEnd]) -> list[CastFact]:
    """Each person's last ballot under the cut, unless it was taken back or names nothing.

    One person, one ballot, also over a move: the register is the person's, not the region's. Where two
    homes gave the same number, all agree on one of them by the events' ids."""
    last = {_id(end)[:3]: end.seq for end in cut}
    newest: dict[str, CastFact] = {}
    for cast in casts:
        if cast.end.seq <= last.get(_id(cast.end)[:3], 0):
            known = newest.get(cast.person)
            if known is None or (cast.rev, _id(cast.end)) > (known.rev, _id(known.end)):
                newest[cast.person] = cast
    return [cast for cast in newest.values() if cast.choices and not cast.withdrawn]


def _id(end: LaneEnd) -> tuple[str, int, str, int]:
    return end.region, end.epoch, end.lane, end.seq


def tally_of(spec: PollSpec, ballots: Iterable[CastFact]) -> Tally:
    rankings = [counting.as_ranking(spec, ballot.choices) for ballot in ballots]
    return counting.count(counting.method(spec), len(spec.choices), rankings)


# -- open polls ------------------------------------------------------------------------------------------


def cut_of(
    regions: Mapping[str, PollRegionFact], casts: Sequence[CastFact], late: Collection[str]
) -> tuple[LaneEnd, ...]:
    """Where a region said its ballots end; of one that is late, what has come so far."""
    cut: list[LaneEnd] = []
    for region in sorted({cast.end.region for cast in casts}):
        said = regions.get(region)
        if said is None or not said.closed or region in late:
            cut += ends_of([cast for cast in casts if cast.end.region == region])
        else:
            cut += said.ends
    return tuple(cut)


def outcome(
    post: PostFact,
    spec: PollSpec,
    casts: Sequence[CastFact],
    cut: tuple[LaneEnd, ...],
    late: tuple[str, ...],
) -> PollClosed:
    """What a poll came to under a cut."""
    ballots = counted(casts, cut)
    regions = len({ballot.end.region for ballot in ballots})
    return _closed(post, spec, tally_of(spec, ballots), regions, cut=cut, late=late)


# -- secret polls ----------------------------------------------------------------------------------------


def fits(spec: PollSpec, tally: Tally) -> bool:
    """Whether a sub-tally can be one of this poll at all; what a region signs is not taken on trust."""
    size, pairs = len(spec.choices), counting.method(spec) == "pairs"
    numbers = (*tally.counts, *tally.pairs)
    return (
        tally.voters >= 0
        and len(tally.counts) == size
        and len(tally.pairs) == (size * size if pairs else 0)
        and all(0 <= n <= tally.voters for n in numbers)
        and (spec.method == "multiple" or sum(tally.counts) <= tally.voters)
    )


def said_tally(region: PollRegionFact) -> Tally:
    return Tally(region.voters, region.counts, region.pairs)


def secret_outcome(
    post: PostFact, spec: PollSpec, regional: Mapping[str, Tally], late: tuple[str, ...]
) -> PollClosed:
    """What the home says of a secret poll, from the sub-tallies it was sent."""
    parts = counting.parts(regional, limits.SECRET_VOTERS_MIN)
    if parts is None:
        voted = [tally.voters for tally in regional.values() if tally.voters]
        return _withheld(post, spec, sum(voted), len(voted), late)
    return _of_parts(post, spec, parts, late)


def _of_parts(
    post: PostFact, spec: PollSpec, parts: tuple[BallotPart, ...], late: tuple[str, ...]
) -> PollClosed:
    size = len(spec.choices)
    nobody = counting.count(counting.method(spec), size, ())
    tally = counting.add([nobody, *map(counting.of_part, parts)])
    regions = sum([len(part.regions) for part in parts])
    return _closed(post, spec, tally, regions, parts=parts, late=late)


def _withheld(
    post: PostFact, spec: PollSpec, voters: int, regions: int, late: tuple[str, ...]
) -> PollClosed:
    """Too few voted: that they did is all that is said."""
    return _closed(post, spec, Tally(voters, ()), regions, late=late)


def secret_agrees(
    post: PostFact, spec: PollSpec, said: PollClosed, region: str, own: PollRegionFact
) -> bool:
    """What a region can check of a secret poll: that the whole follows from its parts, that no part is
    too small, and that its own voters are in the part that names it."""
    mine = said_tally(own) if own.tallied and region not in said.late else None
    if not said.parts and said.voters:
        return (
            said.voters < limits.SECRET_VOTERS_MIN
            and (mine is None or mine.voters <= said.voters)
            and said == _withheld(post, spec, said.voters, said.regions, said.late)
        )
    tallies = [counting.of_part(part) for part in said.parts]
    if any(tally.voters < limits.SECRET_VOTERS_MIN or not fits(spec, tally) for tally in tallies):
        return False
    if said != _of_parts(post, spec, said.parts, said.late):
        return False
    return mine is None or not mine.voters or _is_in(mine, region, said.parts)


def _is_in(mine: Tally, region: str, parts: Sequence[BallotPart]) -> bool:
    named = [part for part in parts if region in part.regions]
    if len(named) != 1:
        return False
    tally = counting.of_part(named[0])
    if named[0].regions == (region,):
        return tally == mine
    return tally.voters >= mine.voters and all(
        whole >= part
        for whole, part in zip(
            (*tally.counts, *tally.pairs), (*mine.counts, *mine.pairs), strict=True
        )
    )


def _closed(
    post: PostFact,
    spec: PollSpec,
    tally: Tally,
    regions: int,
    *,
    cut: tuple[LaneEnd, ...] = (),
    parts: tuple[BallotPart, ...] = (),
    late: tuple[str, ...],
) -> PollClosed:
    order, quorum = counting.outcome(spec, tally, regions)
    return PollClosed(
        poll=post.post,
        place=post.place,
        voters=tally.voters,
        regions=regions,
        quorum=quorum,
        digest=counting.digest(post.post, cut, regions, tally),
        counts=tally.counts,
        pairs=tally.pairs,
        order=order,
        cut=cut,
        parts=parts,
        late=late,
    )
