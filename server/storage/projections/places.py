"""Communities, memberships, roles, conversations, read marks."""

from typing import Any

from sqlalchemy import bindparam, delete, update

from server.domain.events import (
    CommunityChanged,
    CommunityCreated,
    CommunityRoleChanged,
    ConversationChanged,
    ConversationStarted,
    MembershipChanged,
    ReadMarked,
)
from server.storage import tables as t
from server.storage.projections.base import Fold, Meta, register_fold, to_json
from server.storage.projections.people import source_json
from server.storage.sql import Tx, point, statement, upsert

SETTINGS = ("name", "about", "visibility", "archived", "mode")
BIRTH = ("home", "audience", "owner", "source", "at")

AT_START = ("name", "about", "visibility")

_COMMUNITY = point(t.communities, "rev", "home")
_AT_START = point(t.communities, *BIRTH, *AT_START)
_NEW_COMMUNITY = upsert(t.communities)
_BIRTH = statement(
    update(t.communities)
    .where(t.communities.c.community == bindparam("c"))
    .values({name: bindparam(name) for name in (*BIRTH, "local_position")})
)
_SETTINGS = statement(
    update(t.communities)
    .where(t.communities.c.community == bindparam("c"))
    .values({name: bindparam(name) for name in (*SETTINGS, "rev", "local_position")})
)


def created(tx: Tx, event: CommunityCreated, meta: Meta) -> bool:
    rev, home = _community_row(tx, event.community, meta)
    if home and home < event.home:
        return False
    key = {"c": event.community, "local_position": meta.position}
    birth = {name: getattr(event, name) for name in BIRTH} | {"source": source_json(event.source)}
    settings = {name: getattr(event, name) for name in AT_START}
    is_better = is_fuller = True
    if home == event.home:
        # Imported, lost with a log that was restored, and imported from a newer file: of each part the greater counts.
        before = tx.one(_AT_START, {"community": event.community})
        assert before is not None
        is_better = tuple(birth.values()) > tuple(before[: len(BIRTH)])
        is_fuller = tuple(settings.values()) > tuple(before[len(BIRTH) :])
    if is_better:
        tx.execute(_BIRTH, key | birth)
    if is_fuller := is_fuller and rev <= 1:
        tx.execute(_SETTINGS, key | settings | {"archived": False, "mode": "quiet", "rev": 1})
    return is_better or is_fuller


def changed(tx: Tx, event: CommunityChanged, meta: Meta) -> bool:
    rev, _ = _community_row(tx, event.community, meta)
    if rev >= event.rev:
        return False
    settings = {name: getattr(event.settings, name) for name in SETTINGS}
    key = {"c": event.community, "local_position": meta.position}
    tx.execute(_SETTINGS, key | settings | {"rev": event.rev})
    return True


def _community_row(tx: Tx, community: str, meta: Meta) -> tuple[int, str]:
    row = tx.one(_COMMUNITY, {"community": community})
    if row is not None:
        return row
    empty: dict[str, Any] = dict.fromkeys(("name", "about", *BIRTH), "")
    empty |= {"visibility": "private", "archived": False, "mode": "quiet", "at": 0, "rev": 0}
    tx.execute(_NEW_COMMUNITY, empty | {"community": community, "local_position": meta.position})
    return (0, "")


_CONVERSATION = point(t.conversations, "rev", "home")
_CONVERSATION_PUT = upsert(
    t.conversations, ("home", "title", "members", "at", "rev", "local_position")
)
_CONVERSATION_SET = statement(
    update(t.conversations)
    .where(t.conversations.c.conversation == bindparam("c"))
    .values({name: bindparam(name) for name in ("home", "at")})
)
_MEMBERS_GONE = statement(
    delete(t.conversation_members).where(
        t.conversation_members.c.conversation == bindparam("conversation")
    )
)
_MEMBER = upsert(t.conversation_members)


def conversation_started(tx: Tx, event: ConversationStarted, meta: Meta) -> bool:
    row = tx.one(_CONVERSATION, {"conversation": event.conversation})
    if row is not None:
        if row[1]:
            return False
        tx.execute(_CONVERSATION_SET, {"c": event.conversation, "home": event.home, "at": event.at})
        return True
    return _put_conversation(tx, event, 1, event.home, event.at, meta)


def conversation_changed(tx: Tx, event: ConversationChanged, meta: Meta) -> bool:
    row = tx.one(point(t.conversations, "rev", "home", "at"), {"conversation": event.conversation})
    rev, home, at = row or (0, "", 0)
    if rev >= event.rev:
        return False
    return _put_conversation(tx, event, event.rev, home, at, meta)


def _put_conversation(
    tx: Tx,
    event: ConversationStarted | ConversationChanged,
    rev: int,
    home: str,
    at: int,
    meta: Meta,
) -> bool:
    name = event.conversation
    values = {"title": event.title, "members": to_json(event.members), "rev": rev, "home": home}
    tx.execute(
        _CONVERSATION_PUT,
        values | {"conversation": name, "at": at, "local_position": meta.position},
    )
    tx.execute(_MEMBERS_GONE, {"conversation": name})
    tx.many(_MEMBER, [{"person": m.person, "conversation": name} for m in event.members])
    return True


_READ = point(t.read_marks, "up_to")
_READ_PUT = upsert(t.read_marks, ("up_to",), newer="up_to")


def read_marked(tx: Tx, event: ReadMarked, meta: Meta) -> bool:
    values = {"person": meta.actor, "channel": event.channel, "up_to": event.up_to}
    return tx.execute(_READ_PUT, values) > 0


FOLDS: dict[type, Fold] = {
    CommunityCreated: created,
    CommunityChanged: changed,
    ConversationStarted: conversation_started,
    ConversationChanged: conversation_changed,
    ReadMarked: read_marked,
    MembershipChanged: register_fold(
        t.memberships,
        lambda e, m: {
            "community": e.community,
            "person": e.person,
            "rev": e.rev,
            "joined": e.joined,
            "local_position": m.position,
        },
    ),
    CommunityRoleChanged: register_fold(
        t.community_roles,
        lambda e, m: {
            "community": e.community,
            "person": e.person,
            "rev": e.rev,
            "role": e.role,
            "local_position": m.position,
        },
    ),
}
