"""Whom an erasure after a cut may have touched: whose public ledger this node cannot make any more as it was.

An auditor reads the log as it is now. Where a body was destroyed after the cut, the credits that hung on it
are missing, though whoever published had them (docs/scoring.md section 9.5). ``Reach`` names everybody whose
ledger may be another for that, and rather some too many: its acts are those of the mirror at the cut, where
the post is gone but what others did with it still names giver and author.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from server.app import public_mirror, score_store
from server.app.public_mirror import Cut
from server.domain.events import ErasureRequested
from server.domain.events.base import ErasedPost
from server.domain.visibility import CONTROL
from server.scoring.local import Scope, partner_contents
from server.scoring.rules import Rulebook
from server.storage.reader import Reader, Snapshot

PRAISE = "praise"


class Reach(NamedTuple):
    """``people``: all who may be touched; ``anybody``: it cannot be known who else."""

    posts: int
    people: frozenset[str]
    anybody: bool

    def has(self, person: str) -> bool:
        return self.anybody or person in self.people


async def reach(source: Reader, mirror: Path, cut: Cut, rulebook: Rulebook) -> Reach:
    """What the erasures after a cut may have touched; ``mirror``: the file of one that followed to the cut.

    That is

    - the authors of what was erased, and who acted on it;
    - whoever wrote in its thread: a reply has its thread's topics, and another may now be the first that
      was of use to a newcomer;
    - whoever those authors credited: another post may be their first now, and a praise is a post of theirs;
    - partners of all these authors and givers, acts of a quarter going both ways between them often enough for
      the factor ``mutual``: it weighs whatever a giver gave.

    Whom an erased praise was for stood in it alone: with one of these it may be anybody."""
    posts = [post async for post in _erased(source, cut)]
    if not posts:
        return Reach(0, frozenset(), anybody=False)
    reader = Reader.open(f"sqlite:///{mirror}")
    try:
        async with reader.snapshot() as snapshot:
            people = await _touched(snapshot, posts, rulebook)
    finally:
        await reader.close()
    return Reach(len(posts), frozenset(people), any(post.kind == PRAISE for post in posts))


async def _erased(source: Reader, cut: Cut) -> AsyncIterator[ErasedPost]:
    before = {public_mirror.key_of(end): end.seq for end in cut}
    for end in await public_mirror.cut_here(source):
        if end.lane == CONTROL:
            after = before.get(public_mirror.key_of(end), 0)
            async for page in public_mirror.records(source, end, after):
                for record in page:
                    if isinstance(record.event, ErasureRequested):
                        for post in record.event.posts:
                            yield post


async def _touched(snapshot: Snapshot, posts: list[ErasedPost], rulebook: Rulebook) -> set[str]:
    acts = await score_store.on_contents(snapshot, {post.post for post in posts})
    authors = {post.author for post in posts} | {act.author for act in acts if act.author}
    givers = {act.giver for act in acts if act.giver}
    beside = await score_store.wrote_in(snapshot, {post.root for post in posts})
    credited = await score_store.credited_by(snapshot, authors)
    scopes = [
        Scope(name, quarter)
        for quarter in await score_store.quarters_of(snapshot, authors | givers)
        for name in authors | givers
    ]
    partners = await score_store.partners(snapshot, scopes, partner_contents(rulebook))
    return {*authors, *givers, *beside, *credited}.union(*partners.values())
