"""What the log says about polls: how far a closing has come, every ballot, where voters live."""

import msgspec
from sqlalchemy import bindparam, exists, select

from server.domain.events import LaneEnd, PollClosed
from server.domain.facts import CastFact, PollFact, PollRegionFact
from server.domain.ids import sealed
from server.storage import tables as t
from server.storage.sql import Tx, point, statement

_POLL = point(t.polls, "home", "closing")
_REGIONS = point(
    t.poll_regions,
    *("region", "closed_epoch", "closed_at", "waits_for", "ends"),
    *("voters", "counts", "pairs", "rev", "verdict"),
    by=("poll",),
)
_OUTCOME = point(t.poll_outcomes, "outcome")
_CAST = ("person", "rev", "region", "epoch", "lane", "seq", "choices", "withdrawn")
_c, _n = t.ballot_casts.c, t.lanes.c
_BEYOND = (
    exists()
    .where(_n.region == _c.region, _n.epoch == _c.epoch, _n.lane == _c.lane, _n.seq < _c.seq)
    .where(t.leads.c.lane_id == _n.id)
)
"""A ballot that came before others of its lane: it says nothing about those (docs/protocol/federation.md 19.4)."""
_IN_ORDER = select(*[_c[name] for name in _CAST]).where(_c.poll == bindparam("poll"), ~_BEYOND)
_CASTS = statement(_IN_ORDER)
_CASTS_OF = statement(_IN_ORDER.where(_c.region == bindparam("region")))
_HELD = statement(
    _IN_ORDER.where(
        *[_c[name] == bindparam(name) for name in ("region", "epoch", "lane", "seq")],
    )
)
_CAST_REGIONS = statement(
    select(t.ballot_casts.c.region).distinct().where(t.ballot_casts.c.poll == bindparam("poll"))
)
_w, _p, _r = t.person_homes.c, t.persons.c, t.community_roles.c
_WAS_MEMBER = exists().where(_r.community == bindparam("community"))
"""Whoever ever had a role: who was let out again may have voted before."""
_WHERE_FROM, _WHERE_TO = select(_w.region), select(_p.moving_to).where(_p.moving_to != "")
_HOMES = statement(_WHERE_FROM.union(_WHERE_TO))
_MEMBERS_HOMES = statement(
    _WHERE_FROM.where(_WAS_MEMBER.where(_r.person == _w.person)).union(
        _WHERE_TO.where(_WAS_MEMBER.where(_r.person == _p.person))
    )
)
"""Where somebody lives or once did, for their secret ballots stay behind; or will next."""

_v, _b, _k = t.polls.c, t.ballots.c, t.ballots_kept.c
_CLOSED = exists().where(t.poll_outcomes.c.poll == _v.poll, t.poll_outcomes.c.region == _v.home)
_SECRET = statement(
    select(_v.poll, _v.place)
    .join(t.ballots, (_b.poll == _v.poll) & (_b.person == bindparam("person")))
    .where(_v.secret, ~_b.withdrawn, ~_CLOSED)
)
_KEPT = statement(select(_k.poll).where(_k.person == bindparam("person")))
_SECRET_POLLS = statement(
    select(_v.poll, _v.place, _CLOSED.label("closed")).where(_v.secret).order_by(_v.poll)
)

numbers = msgspec.json.Decoder(tuple[int, ...]).decode
names = msgspec.json.Decoder(frozenset[str]).decode
ends = msgspec.json.Decoder(tuple[LaneEnd, ...]).decode
outcome = msgspec.json.Decoder(PollClosed).decode


def load(tx: Tx, poll: str) -> PollFact | None:
    row = tx.one(_POLL, {"poll": poll})
    if row is None:
        return None
    home, closing = row
    published = tx.one(_OUTCOME, {"poll": poll, "region": home})
    regions = {said[0]: _region(*said) for said in tx.rows(_REGIONS, {"poll": poll})}
    return PollFact(home, bool(closing), regions, outcome(published[0]) if published else None)


def _region(
    region: str,
    closed_epoch: int,
    closed_at: int,
    waits_for: str,
    said_ends: str,
    voters: int,
    counts: str,
    pairs: str,
    rev: int,
    verdict: int,
) -> PollRegionFact:
    return PollRegionFact(
        closed=closed_epoch > 0,
        closed_at=closed_at,
        waits_for=names(waits_for),
        # A region speaks for its own lanes only (I7).
        ends=tuple([end for end in ends(said_ends) if end.region == region]),
        voters=voters,
        counts=numbers(counts),
        pairs=numbers(pairs),
        tallied=rev > 0,
        checked=verdict > 0,
    )


def casts(tx: Tx, poll: str, of_region: str) -> list[CastFact]:
    """Every ballot of a poll, or with a region its own, as far as lanes are held without a hole."""
    query = _CASTS_OF if of_region else _CASTS
    return [
        CastFact(
            person,
            rev,
            LaneEnd(region=region, epoch=epoch, lane=lane, seq=seq),
            numbers(choices),
            bool(withdrawn),
        )
        for person, rev, region, epoch, lane, seq, choices, withdrawn in tx.rows(
            query, {"poll": poll, "region": of_region}
        )
    ]


def cast_regions(tx: Tx, poll: str) -> frozenset[str]:
    return frozenset([region for (region,) in tx.rows(_CAST_REGIONS, {"poll": poll})])


def holds(tx: Tx, poll: str, end: LaneEnd) -> bool:
    key = {"region": end.region, "epoch": end.epoch, "lane": end.lane, "seq": end.seq}
    return tx.one(_HELD, {"poll": poll} | key) is not None


def secret_ballots(tx: Tx, person: str) -> list[tuple[str, str]]:
    """(poll, place) of the secret polls that are not closed and have a ballot of theirs, here or kept."""
    here = [(poll, place) for poll, place in tx.rows(_SECRET, {"person": person})]
    kept = [(poll, place) for poll, place, closed in _kept(tx, person).values() if not closed]
    return sorted({*here, *kept})


def unknown_ballots(tx: Tx, person: str) -> list[str]:
    """Names under which earlier homes keep a ballot of theirs, of polls that are not here (yet, or for ever)."""
    names = {name for (name,) in tx.rows(_KEPT, {"person": person})}
    return sorted(names - _kept(tx, person).keys())


def _kept(tx: Tx, person: str) -> dict[str, tuple[str, str, bool]]:
    """By the name a ballot is kept under, what is known of its poll: (poll, place, closed)."""
    names = {name for (name,) in tx.rows(_KEPT, {"person": person})}
    found = {}
    for poll, place, closed in tx.rows(_SECRET_POLLS, {}) if names else ():
        for name in names.intersection((poll, sealed(poll, person))):
            found[name] = (poll, place, bool(closed))
    return found


def homes(tx: Tx, members_of: str) -> frozenset[str]:
    """Where people live, lived or are on their way to: those ever let into a community, or with an empty name all."""
    query, key = (_MEMBERS_HOMES, {"community": members_of}) if members_of else (_HOMES, {})
    return frozenset([home for (home,) in tx.rows(query, key)])
