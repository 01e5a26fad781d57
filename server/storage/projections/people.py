"""Persons and their region-wide roles, topics; residency policies."""

from typing import Any

from sqlalchemy import bindparam, delete, update

from server.domain.events import (
    PersonHandedOver,
    PersonProfileChanged,
    PersonRegistered,
    PersonReleased,
    PersonRoleChanged,
    PersonStatusChanged,
    PersonTakenOver,
    ResidencyChanged,
    TopicDefined,
)
from server.domain.residency import told
from server.domain.visibility import GLOBAL
from server.storage import tables as t
from server.storage.facts import FULLER
from server.storage.projections.base import Fold, Meta, register_fold, to_json
from server.storage.sql import Tx, point, statement, upsert

PROFILE = ("name", "title", "unit", "country", "about", "skills", "locale", "timezone")
EMPTY: dict[str, Any] = {
    "home": "",
    "name": "",
    "title": "",
    "unit": "",
    "country": "",
    "about": "",
    "skills": "[]",
    "locale": "en",
    "timezone": "UTC",
    "bot": False,
    "active": True,
    "source": "",
    "rev": 0,
    "status_rev": 0,
    "home_rev": 0,
    "registered_in": "",
    "previous": "",
    "moving_to": "",
}

PROFILE_AT_START = ("name", "title", "unit", "country", "locale", "timezone")
EMPTY_PROFILE = {name: EMPTY[name] for name in PROFILE}

_AT_START = point(t.persons, "bot", "source", *PROFILE_AT_START)
_READ = point(t.persons, "rev", "status_rev", "home_rev", "registered_in")
_INSERT = upsert(t.persons)
_BASICS = statement(
    update(t.persons)
    .where(t.persons.c.person == bindparam("p"))
    .values(
        {name: bindparam(name) for name in ("bot", "source", "registered_in", "local_position")}
    )
)
_PROFILE = statement(
    update(t.persons)
    .where(t.persons.c.person == bindparam("p"))
    .values({name: bindparam(name) for name in (*PROFILE, "rev", "local_position")})
)
_STATUS = statement(
    update(t.persons)
    .where(t.persons.c.person == bindparam("p"))
    .values({name: bindparam(name) for name in ("active", "status_rev", "local_position")})
)
_END_SESSIONS = statement(
    delete(t.sessions).where(
        t.sessions.c.person == bindparam("person"), t.sessions.c.created_at <= bindparam("at")
    )
)
_HOME = statement(
    update(t.persons)
    .where(t.persons.c.person == bindparam("p"))
    .values(
        {
            name: bindparam(name)
            for name in ("home", "home_rev", "previous", "moving_to", "local_position")
        }
    )
)

_FULLER = point(t.fuller_profiles, "rev", "given", "lane", *FULLER)
_PUT_FULLER = upsert(t.fuller_profiles, (*FULLER, "rev", "given", "lane"))
_WROTE = upsert(t.person_homes)


def _row(tx: Tx, person: str, meta: Meta) -> tuple[int, int, int, str]:
    """(rev, status_rev, home_rev, registered_in), creating an empty row for a person not heard of yet."""
    row = tx.one(_READ, {"person": person})
    if row is None:
        tx.execute(_INSERT, EMPTY | {"person": person, "local_position": meta.position})
        return (0, 0, 0, "")
    return row


def registered(tx: Tx, event: PersonRegistered, meta: Meta) -> bool:
    rev, _, home_rev, claimed = _row(tx, event.person, meta)
    _wrote_for(tx, event.person, event.home)
    if claimed and claimed < event.home:
        return False
    known = {"p": event.person, "local_position": meta.position}
    basics = {"bot": event.bot, "source": source_json(event.source)}
    profile = _profile(event, PROFILE_AT_START)
    is_better = is_fuller = True
    if claimed == event.home:
        # Registered, lost with a log that was restored, and registered anew: of each part the greater counts.
        before = tx.one(_AT_START, {"person": event.person})
        assert before is not None
        is_better = (event.bot, basics["source"]) > (bool(before[0]), before[1])
        is_fuller = tuple(profile.values()) > tuple(before[2:])
    elif home_rev == 0:
        tx.execute(_HOME, known | _home(event.home, 0))
    if is_better:
        tx.execute(_BASICS, known | basics | {"registered_in": event.home})
    if is_fuller := is_fuller and rev <= 1:
        tx.execute(_PROFILE, known | EMPTY_PROFILE | profile | {"rev": 1})
    return is_better or is_fuller


def _profile(event: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(event, name) for name in names}


def profile_changed(tx: Tx, event: PersonProfileChanged, meta: Meta) -> bool:
    """Readers are shown the fullest copy of the latest revision: the others change nothing for them."""
    values = _profile(event, PROFILE) | {"skills": to_json(event.skills), "rev": event.rev}
    fuller = tx.one(_FULLER, {"person": event.person})
    if meta.lane != GLOBAL:
        return _put_fuller(tx, event, values, fuller, meta)
    rev, *_ = _row(tx, event.person, meta)
    if rev >= event.rev:
        return False
    tx.execute(_PROFILE, values | {"p": event.person, "local_position": meta.position})
    return fuller is None or fuller[0] < event.rev


def _put_fuller(
    tx: Tx,
    event: PersonProfileChanged,
    values: dict[str, Any],
    known: tuple[Any, ...] | None,
    meta: Meta,
) -> bool:
    """Of two copies of one revision the one that says more; the lane decides between equals, and what they say
    between two registrations of one region."""
    news = (event.rev, len(told(event)), meta.lane, *[values[field] for field in FULLER])
    if known is not None and tuple(known) >= news:
        return False
    tx.execute(_PUT_FULLER, values | {"person": event.person, "given": news[1], "lane": news[2]})
    public = tx.one(_READ, {"person": event.person})
    return public is not None and public[0] <= event.rev


def status_changed(tx: Tx, event: PersonStatusChanged, meta: Meta) -> bool:
    _, status_rev, *_ = _row(tx, event.person, meta)
    if status_rev >= event.rev:
        return False
    values = {"active": event.active, "status_rev": event.rev, "local_position": meta.position}
    tx.execute(_STATUS, values | {"p": event.person})
    if not event.active:
        # For good: who is let in again signs in again. Those begun later stand when the log is folded anew.
        tx.execute(_END_SESSIONS, {"person": event.person, "at": meta.at})
    return True


def handed_over(tx: Tx, event: PersonHandedOver, meta: Meta) -> bool:
    """Between handover and takeover nobody writes for the person: no home."""
    return _move(tx, event.person, _home("", event.rev, meta.origin, event.to), meta)


def taken_over(tx: Tx, event: PersonTakenOver, meta: Meta) -> bool:
    _wrote_for(tx, event.person, meta.origin)
    return _move(tx, event.person, _home(meta.origin, event.rev, event.previous), meta)


def _home(home: str, rev: int, previous: str = "", moving_to: str = "") -> dict[str, Any]:
    """The whole register of where somebody is at home."""
    return {"home": home, "home_rev": rev, "previous": previous, "moving_to": moving_to}


def _move(tx: Tx, person: str, home: dict[str, Any], meta: Meta) -> bool:
    _, _, home_rev, _ = _row(tx, person, meta)
    if home_rev >= home["home_rev"]:
        return False
    tx.execute(_HOME, home | {"p": person, "local_position": meta.position})
    return True


def _wrote_for(tx: Tx, person: str, region: str) -> None:
    tx.execute(_WROTE, {"person": person, "region": region})


def source_json(source: Any) -> str:
    return to_json(source) if source is not None else ""


FOLDS: dict[type, Fold] = {
    PersonRegistered: registered,
    PersonProfileChanged: profile_changed,
    PersonStatusChanged: status_changed,
    PersonHandedOver: handed_over,
    PersonTakenOver: taken_over,
    PersonReleased: register_fold(
        t.releases,
        lambda e, m: {
            "person": e.person,
            "origin": m.origin,
            "to_": e.to,
            "rev": e.rev,
            "cut": to_json(e.cut),
            "carried_keys": to_json(e.keys),
        },
        # A home that was restored may say it again, with the number of the same handover.
        then=("cut", "carried_keys"),
    ),
    PersonRoleChanged: register_fold(
        t.person_roles,
        lambda e, m: {"person": e.person, "role": e.role, "rev": e.rev, "on_": e.on},
    ),
    ResidencyChanged: register_fold(
        t.residency,
        lambda e, m: {
            "region": e.region,
            "rev": e.rev,
            "policy": to_json(e.policy),
            "regions": to_json(e.regions),
            "groups": to_json(e.groups),
        },
    ),
    TopicDefined: register_fold(
        t.topics,
        lambda e, m: {
            "topic": e.topic,
            "names": to_json(e.names),
            "parent": e.parent,
            "synonyms": to_json(e.synonyms),
            "rev": e.rev,
        },
    ),
}
