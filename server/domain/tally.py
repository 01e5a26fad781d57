"""Counting a poll: what ballots add up to, and what follows from it (docs/protocol/federation.md 14.2).

A ballot is a ranking: groups of choices, the best first; within a group they are tied, and whatever is
not named stands below all that is. A tally is additive: the tallies of any split of the ballots, added in
any order, are the tally of all of them. So regions count apart, and nobody has to see a ballot twice.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from server.domain.events import BallotPart, LaneEnd, PollSpec

Ranking = tuple[tuple[int, ...], ...]
Order = tuple[tuple[int, ...], ...]
"""Groups of choices, the winners first; who stands in one group is tied. Empty: nobody voted."""


class Tally(NamedTuple):
    voters: int
    counts: tuple[int, ...]
    """Votes by choice; of a ranked poll the first preferences."""
    pairs: tuple[int, ...] = ()
    """Row by row, how many ballots put the row's choice above the column's; of ranked polls that are
    counted by pairs."""
    rankings: tuple[tuple[Ranking, int], ...] = ()
    """Each ranking with its ballots, in order; of ranked polls that are counted by instant runoff."""


class Outcome(NamedTuple):
    order: Order
    quorum: bool
    """Enough people from enough regions took part; always true where none was asked for."""


def method(spec: PollSpec) -> str:
    """``votes``, ``pairs`` or ``rankings``: what is added up. A secret poll never shows whole rankings:
    with a few choices there are more orders than voters, and a strange one is a signature (I11)."""
    if spec.method != "ranked":
        return "votes"
    return "rankings" if spec.count == "instant_runoff" and not spec.secret else "pairs"


def as_ranking(spec: PollSpec, choices: Sequence[int]) -> Ranking:
    """A cast ballot as a ranking: whatever a region signed, only what the poll offers, and each once."""
    known = tuple(dict.fromkeys([choice for choice in choices if choice < len(spec.choices)]))
    match spec.method:
        case "ranked":
            return tuple([(choice,) for choice in known])
        case "single":
            return (known,) if len(known) == 1 else ()
        case "multiple":
            return (tuple(sorted(known)),) if known else ()


# -- adding up -----------------------------------------------------------------------------------------


def count(how: str, size: int, ballots: Iterable[Ranking]) -> Tally:
    """The tally of some ballots. Blank ones count as voters and for no choice."""
    kinds = Counter(ballots)
    voters = sum(kinds.values())
    if how == "rankings":
        return Tally(voters, _firsts(size, kinds), rankings=tuple(sorted(kinds.items())))
    if how == "pairs":
        return Tally(voters, _firsts(size, kinds), _pairs(size, kinds))
    votes = [0] * size
    for ranking, n in kinds.items():
        for choice in ranking[0] if ranking else ():
            votes[choice] += n
    return Tally(voters, tuple(votes))


def _firsts(size: int, kinds: Mapping[Ranking, int]) -> tuple[int, ...]:
    """A ballot whose best choices are tied has no first preference."""
    votes = [0] * size
    for ranking, n in kinds.items():
        if ranking and len(ranking[0]) == 1:
            votes[ranking[0][0]] += n
    return tuple(votes)


def _pairs(size: int, kinds: Mapping[Ranking, int]) -> tuple[int, ...]:
    above = [0] * (size * size)
    for ranking, n in kinds.items():
        below = set(range(size))
        for group in ranking:
            below.difference_update(group)
            for better in group:
                for worse in below:
                    above[better * size + worse] += n
    return tuple(above)


def add(tallies: Iterable[Tally]) -> Tally:
    """The tally of all the ballots of some tallies of one poll; of none: no votes for no choice."""
    found = list(tallies)
    rankings = Counter[Ranking]()
    for tally in found:
        rankings.update(dict(tally.rankings))
    return Tally(
        sum([tally.voters for tally in found]),
        _sums([tally.counts for tally in found]),
        _sums([tally.pairs for tally in found]),
        tuple(sorted(rankings.items())),
    )


def _sums(rows: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple([sum(column) for column in zip(*rows, strict=True)])


def digest(poll: str, cut: Iterable[LaneEnd], regions: int, tally: Tally) -> bytes:
    """What every region must come to by itself (docs/protocol/federation.md 14.4)."""
    ends = sorted([(end.region, end.epoch, end.lane, end.seq) for end in cut])
    counted = [poll, ends, regions, tally.voters, tally.counts, tally.pairs, tally.rankings]
    return hashlib.sha256(b"tap tally 1" + msgspec.msgpack.encode(counted)).digest()


# -- what follows ---------------------------------------------------------------------------------------


def outcome(spec: PollSpec, tally: Tally, regions: int) -> Outcome:
    """Order and quorum; ``regions``: from how many a ballot was counted. No order where nobody voted, or
    too few in secret for counts to be shown."""
    enough = tally.voters >= spec.quorum_people and regions >= spec.quorum_regions
    if not tally.voters or not tally.counts:
        return Outcome((), enough)
    size = len(spec.choices)
    match method(spec):
        case "pairs":
            return Outcome(schulze(size, tally.pairs), enough)
        case "rankings":
            return Outcome(instant_runoff(size, tally.voters, dict(tally.rankings)), enough)
        case _:
            return Outcome(by_votes(tally.counts), enough)


def by_votes(counts: Sequence[int]) -> Order:
    """Most votes first."""
    return tuple(
        [
            tuple([choice for choice, n in enumerate(counts) if n == votes])
            for votes in sorted(set(counts), reverse=True)
        ]
    )


def schulze(size: int, pairs: Sequence[int]) -> Order:
    """Markus Schulze's method with winning votes (arXiv 1804.02973): one choice is above another if the
    strongest chain of victories from it is stronger than the one back."""
    paths = [[_victory(pairs, size, a, b) for b in range(size)] for a in range(size)]
    for via in range(size):
        for a in range(size):
            if a != via:
                for b in range(size):
                    if b not in (a, via):
                        paths[a][b] = max(paths[a][b], min(paths[a][via], paths[via][b]))
    left, order = list(range(size)), []
    while left:
        best = tuple([a for a in left if all(paths[a][b] >= paths[b][a] for b in left)])
        order.append(best)
        left = [a for a in left if a not in best]
    return tuple(order)


def _victory(pairs: Sequence[int], size: int, a: int, b: int) -> int:
    """How many prefer a to b, if more do than the other way round."""
    won, lost = pairs[a * size + b], pairs[b * size + a]
    return won if won > lost else 0


def instant_runoff(size: int, voters: int, kinds: Mapping[Ranking, int]) -> Order:
    """Whoever more than half of all voters put first takes the next place from above; else whoever the
    fewest do takes the next from below; then ballots pass on to their next choice. A tie for the fewest
    goes by how the tied do in pairs, and where that says nothing they share the place."""
    whole = _merged(size, kinds)
    pairs = _pairs(size, kinds)
    left, top, bottom = list(range(size)), list[tuple[int, ...]](), list[tuple[int, ...]]()
    while left:
        votes = _leading(left, whole)
        most, fewest = max(votes.values()), min(votes.values())
        if most * 2 > voters:
            placed = tuple([choice for choice in left if votes[choice] == most])
            top.append(placed)
        else:
            tied = [choice for choice in left if votes[choice] == fewest]
            placed = _weakest(size, pairs, tied)
            bottom.append(placed)
        left = [choice for choice in left if choice not in placed]
    return (*top, *reversed(bottom))


def _merged(size: int, kinds: Mapping[Ranking, int]) -> Counter[Ranking]:
    """Rankings that say the same, such as one that leaves out its last choice, are one."""
    merged = Counter[Ranking]()
    for ranking, n in kinds.items():
        merged[_whole(size, ranking)] += n
    return merged


def _whole(size: int, ranking: Ranking) -> Ranking:
    """With what it does not name as its last group."""
    named = {choice for group in ranking for choice in group}
    rest = tuple([choice for choice in range(size) if choice not in named])
    return (*ranking, rest) if rest else ranking


def _leading(left: Sequence[int], kinds: Mapping[Ranking, int]) -> dict[int, int]:
    """Each ballot goes to the first of its choices that is left and stands alone in its group."""
    votes = dict.fromkeys(left, 0)
    for ranking, n in kinds.items():
        for group in ranking:
            if len(group) == 1 and group[0] in votes:
                votes[group[0]] += n
                break
    return votes


def _weakest(size: int, pairs: Sequence[int], tied: list[int]) -> tuple[int, ...]:
    """Those of the tied who beat none of the others, win no more pairs and have no better balance."""
    wins = [sum(_victory(pairs, size, a, b) > 0 for b in range(size)) for a in range(size)]
    losses = [sum(_victory(pairs, size, b, a) > 0 for b in range(size)) for a in range(size)]
    for _ in tied:
        weak = [
            a
            for a in tied
            if not any(
                _victory(pairs, size, a, b)
                or wins[a] > wins[b]
                or wins[a] - losses[a] > wins[b] - losses[b]
                for b in tied
                if b != a
            )
        ]
        if not weak or len(weak) == len(tied):
            break
        tied = weak
    return tuple(tied)


# -- secret polls ---------------------------------------------------------------------------------------


def parts(regional: Mapping[str, Tally], voters_min: int) -> tuple[BallotPart, ...] | None:
    """Sub-tallies fit to be shown: those of less than ``voters_min`` voters are merged, if need be with
    the smallest of the others. None: fewer than that voted at all, and nothing may be shown."""
    voted = sorted([(tally.voters, region) for region, tally in regional.items() if tally.voters])
    small = [region for voters, region in voted if voters < voters_min]
    alone = [region for voters, region in voted if voters >= voters_min]
    while small and alone and sum(regional[region].voters for region in small) < voters_min:
        small.append(alone.pop(0))
    groups = ([small] if small else []) + [[region] for region in alone]
    if any(sum(regional[region].voters for region in group) < voters_min for group in groups):
        return None
    return tuple([_part(sorted(group), regional) for group in groups])


def _part(regions: list[str], regional: Mapping[str, Tally]) -> BallotPart:
    tally = add([regional[region] for region in regions])
    return BallotPart(
        regions=tuple(regions), voters=tally.voters, counts=tally.counts, pairs=tally.pairs
    )


def of_part(part: BallotPart) -> Tally:
    return Tally(part.voters, part.counts, part.pairs)
