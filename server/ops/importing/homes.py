"""Which region a person or a community belongs to when an archive is spread over several.

A rule is a pure function of an id, so that every record finds its region without a look-up and a
second run spreads the same way.
"""

import csv
import hashlib
from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

from server.domain.errors import Code, Refused

HomeRule = Callable[[str], str]
"""Person or community id -> region."""

ZIPF_NODES = 20
ZIPF_EXPONENT = 0.9
_WEIGHTS = [rank**-ZIPF_EXPONENT for rank in range(1, ZIPF_NODES + 1)]
_BOUNDS = [bound / sum(_WEIGHTS) for bound in accumulate(_WEIGHTS)]


def zipf_node(name: str) -> int:
    """A node 1..20, skewed as real sites are: the largest holds 24 %, the smallest 1.6 %.

    The first eight bytes of SHA-256("tap:" + name) as a fraction, on the cumulated weights
    rank**-0.9 (the data folder's published rule)."""
    fraction = _fraction(name)
    return min(bisect(_BOUNDS, fraction), ZIPF_NODES - 1) + 1


def zipf20(regions: Sequence[str]) -> HomeRule:
    """The twenty skewed nodes, folded onto the given regions in their order."""
    return lambda name: regions[(zipf_node(name) - 1) % len(regions)]


def evenly(regions: Sequence[str]) -> HomeRule:
    """Every region about as many."""
    return lambda name: regions[int(_fraction(name) * len(regions)) % len(regions)]


def listed(path: Path, regions: Sequence[str]) -> HomeRule:
    """``id,region`` lines; a line ``*,region`` is for everybody else.

    Raises Refused for a region nobody named, and, from the rule, for an id without a home."""
    with path.open(newline="", encoding="utf-8") as lines:
        homes = {row[0].strip(): row[1].strip() for row in csv.reader(lines) if len(row) >= 2}
    strangers = sorted(set(homes.values()) - set(regions) - {"region"})
    if strangers:
        raise Refused(Code.BAD_VALUE, f"{path.name} names regions without an address: {strangers}")

    def rule(name: str) -> str:
        home = homes.get(name) or homes.get("*")
        if home is None:
            raise Refused(
                Code.BAD_VALUE, f"{path.name} gives {name} no home, and has no line for *"
            )
        return home

    return rule


def rule(text: str, regions: Sequence[str]) -> HomeRule:
    """The rule a command line names: ``zipf20``, ``hash`` or a CSV file."""
    match text:
        case "zipf20":
            return zipf20(regions)
        case "hash":
            return evenly(regions)
        case _:
            return listed(Path(text), regions)


def _fraction(name: str) -> float:
    digest = hashlib.sha256(f"tap:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
