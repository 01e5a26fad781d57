"""What must be so when everything works again: who holds what, who shows what, and what was on which wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from server.domain.ids import LaneKey
from server.federation.lanes import Reach
from server.ops.demo.nodes import Place
from server.storage.digest import shared_digests_at
from server.storage.rebuild import rebuild
from tests.support.cables import Cable
from tests.support.processes import rows

REGIONS = ("br", "de", "fr", "in", "us")
GROUPS = {"eu": ("de", "fr")}
AUDIENCES: Mapping[str, tuple[str, ...]] = {
    "global": REGIONS,
    "group.eu": ("de", "fr"),
    "pair.de.fr": ("de", "fr"),
    "local": ("us",),
}
"""Where people write: the lane, and the regions where they do."""
ALIKE = (("br", "in"), ("de", "fr"))
"""Regions which may know the same, and so must show the same."""


def tips(place: Place) -> dict[LaneKey, tuple[int, bytes]]:
    found = rows(place, "SELECT region, epoch, lane, seq, hash FROM lanes")
    return {LaneKey(*row[:3]): (row[3], row[4]) for row in found}


def differing(where: Mapping[str, Place]) -> list[LaneKey]:
    """Lanes of which not all of their audience hold the same."""
    held = {region: tips(place) for region, place in where.items()}
    reach = Reach(frozenset(where), GROUPS)
    return [
        key
        for key in set().union(*held.values())
        if len({held[r].get(key) for r in where if reach.may_receive(key, r)}) > 1
    ]


def check_content(where: Mapping[str, Place], texts: Mapping[str, Iterable[str]]) -> None:
    """0 lost, 0 doubled, and none where it must not be."""
    for region, place in where.items():
        query = "SELECT text FROM posts WHERE text LIKE 'mark-%'"
        held = Counter(text for (text,) in rows(place, query))
        due = Counter(
            text for lane, some in texts.items() if region in AUDIENCES[lane] for text in some
        )
        assert held == due, (region, "lost", due - held, "doubled or foreign", held - due)


def check_lanes(where: Mapping[str, Place]) -> None:
    """Equal chains over the audience, none anywhere else, and each without a hole."""
    assert differing(where) == []
    reach = Reach(frozenset(where), GROUPS)
    for region, place in where.items():
        for key in tips(place):
            assert reach.may_receive(key, region), (region, key)
        query = (
            "SELECT l.lane, l.seq, count(e.seq), max(e.seq) FROM lanes l "
            "JOIN events e ON e.lane_id = l.id GROUP BY l.id"
        )
        for lane, seq, count, last in rows(place, query):
            assert seq == count == last, (region, lane)


def check_shown(where: Mapping[str, Place]) -> None:
    """What is shown follows from the log, and is the same wherever the same may be known."""
    for place in where.values():
        assert rebuild(f"sqlite:///{place.database}", check=True).different == ()
    for one, other in ALIKE:
        digests = [shared_digests_at(f"sqlite:///{where[r].database}") for r in (one, other)]
        assert digests[0] == digests[1], (one, other)


def check_wires(cables: Mapping[tuple[str, str], Cable]) -> None:
    """I8, on every byte that went anywhere; and the ear was at the line indeed."""
    reach = Reach(frozenset(REGIONS), GROUPS)
    kinds: Counter[str] = Counter()
    for (near, far), cable in cables.items():
        for to, way in ((far, cable.there), (near, cable.back)):
            heard = way.overheard
            assert heard is not None
            kinds += heard.kinds
            foreign = [lane for lane in heard.marks if to not in AUDIENCES[lane]]
            assert foreign == [], (cable.name, to, foreign)
            hidden = [key for key in heard.lanes if not reach.may_receive(key, to)]
            assert hidden == [], (cable.name, to, hidden)
            assert heard.marks["global"] > 0, (cable.name, to)
            if {near, far} == {"de", "fr"}:
                assert {"group.eu", "pair.de.fr"} <= set(heard.marks)
    assert {"HELLO", "WANT", "BATCH", "PACKED", "HEAD", "ACK", "PING"} <= set(kinds)
