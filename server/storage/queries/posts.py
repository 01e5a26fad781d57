"""Posts with all that is needed to show them: counters, tallies, authors, the reader's own marks."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, and_, bindparam, select

from server.domain.events import PollSpec, Source
from server.storage import tables as t
from server.storage.queries import media, people
from server.storage.queries.polls import poll_values
from server.storage.queries.shapes import (
    Bundle,
    Counts,
    Detail,
    FileView,
    IdeaState,
    Mine,
    PostView,
)
from server.storage.queries.values import ZERO, counts
from server.storage.reader import Snapshot

FOLLOWS_MAX = 5_000
"""Far more than anybody follows; keeps an answer bounded."""

_p = t.posts.c
_hide, _lock, _pin = (t.moderations.alias(act) for act in ("hide", "lock", "pin"))


def _acted(table: Any, act: str) -> Any:
    return and_(table.c.target == _p.post, table.c.act == act)


_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_POSTS = (
    select(
        t.posts,
        t.acceptances.c.answer,
        t.idea_stages.c.stage,
        t.idea_stages.c.owner,
        t.idea_stages.c.due,
        t.idea_stages.c.note,
        _hide.c.on_.label("hidden"),
        _hide.c.reason.label("hidden_for"),
        t.hidden_at_home.c.on_.label("hidden_here"),
        _lock.c.on_.label("locked"),
        _pin.c.on_.label("pinned"),
    )
    .outerjoin(t.acceptances, t.acceptances.c.question == _p.post)
    .outerjoin(t.idea_stages, t.idea_stages.c.post == _p.post)
    .outerjoin(t.hidden_at_home, t.hidden_at_home.c.target == _p.post)
    .outerjoin(_hide, _acted(_hide, "hide"))
    .outerjoin(_lock, _acted(_lock, "lock"))
    .outerjoin(_pin, _acted(_pin, "pin"))
    .where(_p.post.in_(_IDS), _p.kind != "")
)
_VERIFIED = select(t.verifications.c.target, t.verifications.c.person).where(
    t.verifications.c.target.in_(_IDS), t.verifications.c.on_
)
_PERSON: BindParameter[str] = bindparam("person")
_r, _b, _a, _f = t.reactions.c, t.ballots.c, t.acknowledgements.c, t.follows.c
_REACTIONS = select(_r.target, _r.reaction, _r.emoji).where(
    _r.person == _PERSON, _r.target.in_(_IDS), _r.on_
)
_BALLOTS = select(_b.poll, _b.choices).where(_b.person == _PERSON, _b.poll.in_(_IDS), ~_b.withdrawn)
_FOLLOWS = (
    select(_f.kind, _f.target)
    .where(_f.person == _PERSON, _f.on_)
    .order_by(_f.kind, _f.target)
    .limit(FOLLOWS_MAX)
)
_ACKNOWLEDGED = select(_a.post).where(_a.person == _PERSON, _a.post.in_(_IDS)).order_by(_a.post)
_READ = select(t.read_marks.c.channel, t.read_marks.c.up_to).where(
    t.read_marks.c.person == _PERSON,
    t.read_marks.c.channel.in_(bindparam("channels", expanding=True)),
)

_names = msgspec.json.Decoder(tuple[str, ...])
_numbers = msgspec.json.Decoder(tuple[int, ...])
_detail = msgspec.json.Decoder(Detail)
_source = msgspec.json.Decoder(Source)


async def bundle(
    snapshot: Snapshot, person: str, order: Sequence[str], places: Iterable[str] = ()
) -> Bundle:
    """The posts in that order with everything beside them; ``places``: whose read marks to add."""
    posts = await by_ids(snapshot, order)
    polls = {name: post.detail.poll for name, post in posts.items() if post.detail}
    shown = {name: poll for name, poll in polls.items() if poll is not None}
    channels = [*places, *["t:" + post for post in posts]]
    return Bundle(
        posts=posts,
        order=tuple(post for post in order if post in posts),
        people=await people.by_ids(snapshot, {post.author for post in posts.values()}),
        polls=await poll_values(snapshot, list(shown)),
        mine=await mine(snapshot, person, list(posts), shown, channels),
    )


async def by_ids(snapshot: Snapshot, ids: Collection[str]) -> dict[str, PostView]:
    """Those of the posts that have arrived; deleted, erased and hidden ones without their content."""
    if not ids:
        return {}
    asked = {"ids": list(ids)}
    verified: dict[str, list[str]] = defaultdict(list)
    for target, person in await snapshot.rows(_VERIFIED, asked):
        verified[target].append(person)
    counters = await counts(snapshot, ids)
    files = await media.of_posts(snapshot, ids)
    return {
        row.post: _view(
            row,
            tuple(sorted(verified[row.post])),
            tuple(files.get(row.post, ())),
            counters.get(row.post, ZERO),
        )
        for row in await snapshot.rows(_POSTS, asked)
    }


async def mine(
    snapshot: Snapshot,
    person: str,
    posts: Collection[str],
    polls: Mapping[str, PollSpec],
    channels: Collection[str] = (),
) -> Mine:
    """What the person did with these posts; of a secret poll only that they voted (I11)."""
    asked: dict[str, Any] = {"person": person, "ids": list(posts)}
    reactions: dict[str, list[str]] = defaultdict(list)
    for target, reaction, emoji in await snapshot.rows(_REACTIONS, asked):
        reactions[target].append(f"emoji:{emoji}" if reaction == "emoji" else reaction)
    ballots = await snapshot.rows(_BALLOTS, asked | {"ids": list(polls)})
    follows = await snapshot.rows(_FOLLOWS, {"person": person})
    acknowledged = await snapshot.rows(_ACKNOWLEDGED, asked)
    read = await snapshot.rows(_READ, {"person": person, "channels": list(channels)})
    return Mine(
        reactions={post: tuple(sorted(names)) for post, names in reactions.items()},
        ballots={
            row.poll: () if polls[row.poll].secret else _numbers.decode(row.choices)
            for row in ballots
        },
        follows=tuple(sorted([f"{row.kind}:{row.target}" for row in follows])),
        acknowledged=tuple(row.post for row in acknowledged),
        read={row.channel: row.up_to for row in read},
    )


def _view(
    row: Any, verified: tuple[str, ...], files: tuple[FileView, ...], counters: Counts
) -> PostView:
    deleted = row.deleted or row.erased
    hidden = bool(row.hidden or row.hidden_here)
    bare = deleted or hidden
    return PostView(
        id=row.post,
        kind=row.kind,
        place=row.place,
        root=row.root,
        parent=row.parent,
        author=row.author,
        at=row.at,
        title="" if bare else row.title,
        text="" if bare else row.text,
        topics=() if bare else _names.decode(row.topics),
        mentions=() if bare else _names.decode(row.mentions),
        lang=row.lang,
        detail=_detail.decode(row.detail) if row.detail and not bare else None,
        attachments=() if bare else files,
        rev=row.rev,
        edited_at=row.edited_at or None,
        deleted=deleted,
        source=_source.decode(row.source) if row.source else None,
        accepted=row.answer or None,
        verified_by=verified,
        idea=_idea(row),
        hidden=hidden,
        hidden_for=row.hidden_for if row.hidden and not deleted else "",
        locked=bool(row.locked),
        pinned=bool(row.pinned),
        counts=counters,
    )


def _idea(row: Any) -> IdeaState | None:
    if row.stage is None:
        return None
    return IdeaState(stage=row.stage, owner=row.owner, due=row.due, note=row.note)
