"""Conflated values: a post's counters and a poll's tally as of now, and which changed since a position."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from server.storage import tables as t
from server.storage.queries.polls import poll_values
from server.storage.queries.shapes import Counts, PollValue, ValueOf
from server.storage.reader import Reader, Snapshot

_n = t.post_counts.c
_COUNTS = select(
    _n.post,
    _n.replies,
    _n.helpful,
    _n.solved,
    _n.votes_up,
    _n.votes_down,
    _n.acknowledged,
).where(_n.post.in_(bindparam("ids", expanding=True)))
_EMOJI = (
    select(t.emoji_counts.c.post, t.emoji_counts.c.emoji, t.emoji_counts.c.n)
    .where(t.emoji_counts.c.post.in_(bindparam("ids", expanding=True)), t.emoji_counts.c.n > 0)
    .order_by(t.emoji_counts.c.emoji)
)


OF_ONE_EVENT_MAX = 2**31 - 1
"""As many as it names: the size of its body is the bound."""


class Changed(NamedTuple):
    """One value that changed, and the position of its last change."""

    position: int
    of: ValueOf
    id: str


def _changed(table: Any, key: str, column: str, *conditions: Any) -> Any:
    c = table.c
    return (
        select(c.local_changed, c[key])
        .where(*conditions)
        .where(c[column].in_(bindparam("names", expanding=True)))
        .where(c.local_changed > bindparam("after"), c.local_changed <= bindparam("upto"))
        .order_by(c.local_changed)
        .limit(bindparam("limit"))
    )


_COUNTS_IN_PLACES = _changed(t.post_counts, "post", "place", _n.post == _n.root)
_COUNTS_IN_THREADS = _changed(t.post_counts, "post", "root")
_POLLS_IN_PLACES = _changed(t.polls, "poll", "place")
_POLLS_IN_THREADS = _changed(t.polls, "poll", "poll")


async def changed_since(
    snapshot: Snapshot, channels: Collection[str], after: int, upto: int, limit: int
) -> list[Changed]:
    """The first ``limit`` values on these channels last changed in (after, upto], in that order, and all others
    that changed with the last of them: an erasure changes many at once, and a cursor cannot stand between those.

    A place shows the counters of its tops of threads, a thread those of all its posts."""
    found = await _changed_in(snapshot, channels, after, upto, limit)
    if len(found) < limit:
        return found
    last = found[-1].position
    together = await _changed_in(snapshot, channels, last - 1, last, OF_ONE_EVENT_MAX)
    return [one for one in found if one.position < last] + together


async def _changed_in(
    snapshot: Snapshot, channels: Collection[str], after: int, upto: int, limit: int
) -> list[Changed]:
    places = [name for name in channels if name[:2] in ("c:", "d:")]
    threads = [name[2:] for name in channels if name.startswith("t:")]
    window = {"after": after, "upto": upto, "limit": limit}
    found: set[Changed] = set()
    sources: tuple[tuple[ValueOf, Any, list[str]], ...] = (
        ("post", _COUNTS_IN_PLACES, places),
        ("post", _COUNTS_IN_THREADS, threads),
        ("poll", _POLLS_IN_PLACES, places),
        ("poll", _POLLS_IN_THREADS, threads),
    )
    for of, query, names in sources:
        if names:
            rows = await snapshot.rows(query, window | {"names": sorted(names)})
            found.update(Changed(row[0], of, row[1]) for row in rows)
    return sorted(found)[:limit]


async def load_values(
    reader: Reader, keys: Iterable[tuple[ValueOf, str]]
) -> tuple[int, dict[tuple[ValueOf, str], Counts | PollValue]]:
    """(position, values): the named values as of one moment. Unknown posts count zero."""
    async with reader.snapshot() as snapshot:
        return await snapshot.position(), await values(snapshot, keys)


async def values(
    snapshot: Snapshot, keys: Iterable[tuple[ValueOf, str]]
) -> dict[tuple[ValueOf, str], Counts | PollValue]:
    """The named values; a poll whose post has not arrived has none."""
    wanted = list(dict.fromkeys(keys))
    posts = [name for of, name in wanted if of == "post"]
    polls = [name for of, name in wanted if of == "poll"]
    counters = await counts(snapshot, posts)
    tallies = await poll_values(snapshot, polls)
    found: dict[tuple[ValueOf, str], Counts | PollValue] = {}
    for of, name in wanted:
        value = counters.get(name, ZERO) if of == "post" else tallies.get(name)
        if value is not None:
            found[of, name] = value
    return found


ZERO = Counts()


async def counts(snapshot: Snapshot, posts: Collection[str]) -> dict[str, Counts]:
    """Counters of those posts that have any."""
    if not posts:
        return {}
    emoji: dict[str, dict[str, int]] = defaultdict(dict)
    for post, name, n in await snapshot.rows(_EMOJI, {"ids": posts}):
        emoji[post][name] = n
    return {
        post: Counts(
            replies=replies,
            helpful=helpful,
            solved=solved,
            votes_up=up,
            votes_down=down,
            acknowledged=acknowledged,
            emoji=emoji.get(post, {}),
        )
        for post, replies, helpful, solved, up, down, acknowledged in await snapshot.rows(
            _COUNTS, {"ids": posts}
        )
    }
