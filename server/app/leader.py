"""What a leader is shown: their own months first, then quartiles of peers, then what followed their replies."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from server.app.views import LEADER, MONTHS_SHOWN
from server.app.views_leaders import led_by, measured
from server.domain.ids import community_place
from server.domain.scoring_policy import CAUTIOUS, ScoringPolicy, may_show, stance
from server.scoring.leading import NO_PEERS, STEPS, span_of
from server.scoring.periods import month_of, months_to, settled
from server.storage.queries import scoring, views
from server.storage.queries.shapes import Shape
from server.storage.reader import Snapshot

REPLIES_SHOWN = 10
ROLE = "communications_leader"


class LeaderMonth(Shape, frozen=True, kw_only=True):
    """One month: rates and shares in thousandths, ``reply_ms`` the median of working time; null where there was
    nothing to measure. ``provisional``: answers may still come in time. docs/scoring.md defines each."""

    month: str
    provisional: bool
    questions: int
    replied: int
    reply_rate: int | None
    reply_ms: int | None
    replies: int
    broadcasts: int
    reply_share: int | None
    countries: int
    closed: int
    closed_rate: int | None
    heard: int
    returned: int


class QuartilesView(Shape, frozen=True, kw_only=True):
    q1: int
    median: int
    q3: int


class PeersMonth(Shape, frozen=True, kw_only=True):
    """Peers of like span in a month, by measure; ``people`` rounded down to five."""

    month: str
    people: int
    why: Literal["", "too_few"]
    quartiles: dict[str, QuartilesView | None]


class FollowedReply(Shape, frozen=True, kw_only=True):
    """A reply of the leader's and what came of it. ``replies``: directly below it."""

    reply: str
    root: str
    title: str
    at: int
    accepted: bool
    helpful: int
    replies: int


class LeaderView(Shape, frozen=True, kw_only=True):
    """``members``: of the communities led, as of the newest month; ``span``: the class peers are of. ``months``:
    oldest first. ``compare``: whether ``peers`` may be shown, or what stands against it."""

    communities: tuple[str, ...]
    members: int
    span: str
    months: tuple[LeaderMonth, ...]
    compare: Literal["shown", "policy", "choice"]
    peers: tuple[PeersMonth, ...]
    followed: tuple[FollowedReply, ...]


async def view(
    snapshot: Snapshot, person: str, roles: frozenset[str], region: str, now: int
) -> LeaderView | None:
    """None for who leads nothing."""
    led = await led_by(snapshot, person)
    if not led and ROLE not in roles:
        return None
    shown = months_to(month_of(now), MONTHS_SHOWN + 2)
    stored = await views.leader_months(snapshot, person, shown[0])
    open_ = [row for row in stored if not settled(row.month, now)]
    closed = [row for row in stored if settled(row.month, now)][-MONTHS_SHOWN:]
    compare = await _compare(snapshot, person, region)
    members = stored[-1].members if stored else 0
    return LeaderView(
        communities=tuple(sorted(led)),
        members=members,
        span=span_of(members),
        months=tuple([_month(row, now) for row in (*closed, *open_)]),
        compare=compare,
        peers=await _peers(snapshot, closed) if compare == "shown" else (),
        followed=await _followed(snapshot, person, led),
    )


def _month(row: Any, now: int) -> LeaderMonth:
    values = measured(row.measures)._asdict()
    return LeaderMonth(month=row.month, provisional=not settled(row.month, now), **values)


async def _compare(
    snapshot: Snapshot, person: str, region: str
) -> Literal["shown", "policy", "choice"]:
    """Who is not compared sees no comparison: others' figures are theirs to give, as one's own are."""
    policy: ScoringPolicy = (await scoring.policies(snapshot)).get(region, CAUTIOUS)
    if may_show("leaders", policy, await scoring.choice(snapshot, person)):
        return "shown"
    return "policy" if stance("leaders", policy) == "never" else "choice"


async def _peers(snapshot: Snapshot, closed: Sequence[Any]) -> tuple[PeersMonth, ...]:
    """Of each month the class the leader was of in that month."""
    published = await views.figures(snapshot, LEADER, [row.month for row in closed])
    return tuple(
        [
            _peers_month(row.month, published[row.month].get(span_of(row.members)))
            for row in closed
            if row.month in published
        ]
    )


def _peers_month(month: str, figures: str | None) -> PeersMonth:
    found: Mapping[str, Any] = msgspec.json.decode(figures) if figures else NO_PEERS._asdict()
    return PeersMonth(
        month=month,
        people=found["people"],
        why=found["why"],
        quartiles={name: _quartiles(found["quartiles"].get(name)) for name in STEPS},
    )


def _quartiles(found: Mapping[str, int] | None) -> QuartilesView | None:
    return QuartilesView(**found) if found else None


async def _followed(
    snapshot: Snapshot, person: str, led: frozenset[str]
) -> tuple[FollowedReply, ...]:
    """The latest replies in the communities led."""
    places = [community_place(name) for name in led]
    rows = await views.replies(snapshot, person, places, REPLIES_SHOWN)
    return tuple(
        [
            FollowedReply(
                reply=row.post,
                root=row.root,
                title=row.title,
                at=row.at,
                accepted=row.answer == row.post,
                helpful=row.helpful,
                replies=row.replies,
            )
            for row in rows
        ]
    )
