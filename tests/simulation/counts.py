"""Polls counted once more, in the plainest way: by the words of docs/protocol/federation.md 14.2 and 14.4.

Nothing here is shared with what it is there to check, ``server/domain/tally.py`` and ``cut.py``. A ballot is the
choices somebody named, each once; of a ranked poll the best first. ``pairs`` is the matrix row by row, as published.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise, permutations
from typing import Any

import msgspec

from server.domain.events import LaneEnd, PollSpec

Ballot = tuple[int, ...]
Order = tuple[tuple[int, ...], ...]


def sums(spec: PollSpec, ballots: Sequence[Ballot]) -> dict[str, Any]:
    """What is published of any number of ballots: ``voters``, ``counts`` and ``pairs``."""
    choices = range(len(spec.choices))
    named = [ballot[:1] if spec.method == "ranked" else ballot for ballot in ballots]
    counts = tuple([sum(choice in one for one in named) for choice in choices])
    by_pairs = spec.method == "ranked" and not _keeps_rankings(spec)
    pairs = tuple([_preferring(ballots, a, b) for a in choices for b in choices])
    return {"voters": len(ballots), "counts": counts, "pairs": pairs if by_pairs else ()}


def result(
    spec: PollSpec, poll: str, ballots: Sequence[Ballot], regions: int, cut: Iterable[LaneEnd]
) -> dict[str, Any]:
    """What ``poll.closed`` must say if these are all; ``regions``: from how many of them they came."""
    found = sums(spec, ballots)
    kinds = Counter(ballots) if _keeps_rankings(spec) else {}
    rankings = sorted([[[choice] for choice in ballot], n] for ballot, n in kinds.items())
    return {
        **found,
        **said_of(spec, poll, found, regions, cut, rankings),
        "order": _order(spec, ballots, found["counts"]) if ballots else (),
    }


def said_of(
    spec: PollSpec,
    poll: str,
    found: dict[str, Any],
    regions: int,
    cut: Iterable[LaneEnd] = (),
    rankings: Sequence[Any] = (),
) -> dict[str, Any]:
    """Regions, quorum and digest, which follow from sums alone."""
    voters, counts, pairs = found["voters"], found["counts"], found["pairs"]
    ends = sorted([end.region, end.epoch, end.lane, end.seq] for end in cut)
    packed = msgspec.msgpack.encode([poll, ends, regions, voters, counts, pairs, rankings])
    return {
        "regions": regions,
        "quorum": not (voters < spec.quorum_people or regions < spec.quorum_regions),
        "digest": hashlib.sha256(b"tap tally 1" + packed).digest(),
    }


def _keeps_rankings(spec: PollSpec) -> bool:
    return spec.method == "ranked" and spec.count == "instant_runoff" and not spec.secret


def _preferring(ballots: Iterable[Ballot], a: int, b: int) -> int:
    """How many name ``a`` before ``b``, or do not name ``b``."""
    return sum(
        a in one and a != b and (b not in one or one.index(a) < one.index(b)) for one in ballots
    )


# -- who won -------------------------------------------------------------------------------------------


def _order(spec: PollSpec, ballots: Sequence[Ballot], counts: Sequence[int]) -> Order:
    size = len(spec.choices)
    if spec.method != "ranked":
        return _groups({choice: counts[choice] for choice in range(size)})
    return (_runoff if _keeps_rankings(spec) else _schulze)(size, ballots)


def _groups(points: dict[int, int]) -> Order:
    """The most points first; equal ones share a place."""
    most = sorted(set(points.values()), reverse=True)
    return tuple([tuple([c for c in sorted(points) if points[c] == n]) for n in most])


def _wins(size: int, ballots: Sequence[Ballot]) -> dict[tuple[int, int], int]:
    """(a, b) -> how many prefer a, where more do than prefer b."""
    every = {(a, b): _preferring(ballots, a, b) for a in range(size) for b in range(size)}
    return {(a, b): n if n > every[b, a] else 0 for (a, b), n in every.items()}


def _schulze(size: int, ballots: Sequence[Ballot]) -> Order:
    """Every chain of victories from one choice to another is tried: as strong as its weakest."""
    wins, left, order = _wins(size, ballots), set(range(size)), []

    def strongest(a: int, b: int) -> int:
        others = set(range(size)) - {a, b}
        chains = [(a, *via, b) for n in range(size - 1) for via in permutations(others, n)]
        return max(min(wins[step] for step in pairwise(chain)) for chain in chains)

    while left:
        best = {a for a in left if not any(strongest(b, a) > strongest(a, b) for b in left - {a})}
        order.append(tuple(sorted(best)))
        left -= best
    return tuple(order)


def _runoff(size: int, ballots: Sequence[Ballot]) -> Order:
    """Places are filled from above by whom more than half put first, else from below."""
    left = set(range(size))
    top: Order = ()
    bottom: Order = ()
    while left:
        seen = [[c for c in _whole(size, ballot) if c in left] for ballot in ballots]
        votes = {c: sum(one[:1] == [c] for one in seen) for c in left}
        most, fewest = max(votes.values()), min(votes.values())
        if most * 2 > len(ballots):
            taken = {c for c in left if votes[c] == most}
            top = (*top, tuple(sorted(taken)))
        else:
            taken = _weakest(_wins(size, ballots), {c for c in left if votes[c] == fewest})
            bottom = (tuple(sorted(taken)), *bottom)
        left -= taken
    return top + bottom


def _whole(size: int, ballot: Ballot) -> Ballot:
    """Whoever leaves out one choice only has ranked it last."""
    rest = tuple([choice for choice in range(size) if choice not in ballot])
    return ballot + rest if len(rest) == 1 else ballot


def _weakest(wins: dict[tuple[int, int], int], tied: set[int]) -> set[int]:
    """Who beats none of the others, wins no more pairs and has no better balance, as long as that tells."""
    won = Counter([a for (a, _), n in wins.items() if n])
    lost = Counter([b for (_, b), n in wins.items() if n])

    def is_above(a: int, b: int) -> bool:
        return wins[a, b] > 0 or won[a] > won[b] or won[a] - lost[a] > won[b] - lost[b]

    weak = {a for a in tied if not any(is_above(a, b) for b in tied - {a})}
    return tied if not weak or weak == tied else _weakest(wins, weak)
