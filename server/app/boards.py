"""A community's board of a month: ten people who helped others there, in the order of their names.

Nobody is ranked, nobody is last, and nobody stands there whose region's policy or own choice is against it: that
is asked at each reading, so who opts out is gone at once.
"""

from typing import Literal

from server.domain.scoring_policy import CAUTIOUS, may_show
from server.scoring.merits import BOARD_PEOPLE
from server.scoring.periods import month_of, months_to
from server.storage.queries import people, scoring, views
from server.storage.queries.shapes import CommunityView, Shape
from server.storage.reader import Snapshot

LOOKED_AT = 4 * BOARD_PEOPLE
"""Those listed when the board was drawn; some may have opted out or left since."""
MONTHS_OPEN = 2
"""The running month and the one before."""
POINTS_IN = "programme"
FRIENDLY = ("friendly", POINTS_IN)


class OnBoard(Shape, frozen=True, kw_only=True):
    """``helped``: how many colleagues; ``milli``: points counted per country, in mode programme alone."""

    person: str
    name: str
    home: str
    country: str
    helped: int
    milli: int | None


class Board(Shape, frozen=True, kw_only=True):
    """``people``: at most ten, by name. ``why`` not ``shown``: the community's mode has no board, or nobody who
    wants to be on it helped anybody."""

    community: str
    mode: str
    month: str
    topic: str
    shown: bool
    why: Literal["", "mode", "nobody"]
    people: tuple[OnBoard, ...]


def months_open(now: int) -> list[str]:
    """The months a board may be asked for."""
    return months_to(month_of(now), MONTHS_OPEN)


async def board(snapshot: Snapshot, community: CommunityView, topic: str, month: str) -> Board:
    """``community``: one the reader may read. ``topic``: empty for all."""
    found: tuple[OnBoard, ...] = ()
    if community.mode in FRIENDLY:
        found = await _people(snapshot, community, topic, month)
    why: Literal["", "mode", "nobody"] = "" if found else "nobody"
    return Board(
        community=community.id,
        mode=community.mode,
        month=month,
        topic=topic,
        shown=bool(found),
        why=why if community.mode in FRIENDLY else "mode",
        people=found,
    )


async def _people(
    snapshot: Snapshot, community: CommunityView, topic: str, month: str
) -> tuple[OnBoard, ...]:
    rows = await views.board(snapshot, month, community.id, topic, LOOKED_AT)
    names = [row.person for row in rows]
    shown = await people.by_ids(snapshot, names)
    policies = await scoring.policies(snapshot)
    choices = await scoring.choices(snapshot, names)
    top = [
        OnBoard(
            person=row.person,
            name=who.name,
            home=who.home,
            country=who.country,
            helped=row.people,
            milli=row.milli if community.mode == POINTS_IN else None,
        )
        for row in rows
        if (who := shown.get(row.person)) is not None
        and who.active
        and may_show("boards", policies.get(who.home, CAUTIOUS), choices[row.person])
    ]
    return tuple(sorted(top[:BOARD_PEOPLE], key=lambda one: (one.name.casefold(), one.person)))
