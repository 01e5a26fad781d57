"""Lines worked out anew, in one snapshot: from what a batch touched, or from whole quarters, to what changed."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from server.app import score_store
from server.app.score_acts import OWN
from server.app.score_changes import Changes, Touches, difference
from server.app.score_desk import Desk
from server.app.score_parts import CLAIMS
from server.app.score_retention import bare, encoded
from server.app.score_store import Stored
from server.scoring.explain import line_map
from server.scoring.local import (
    Part,
    Partners,
    Scope,
    Series,
    Touched,
    affected,
    needs,
    part_lines,
    partner_contents,
    people_of,
    series_of,
)
from server.scoring.model import Act, Line
from server.scoring.rules import Rulebook
from server.storage.reader import Snapshot


class Work(NamedTuple):
    """What to work out anew; ``partners``: of the givers of its series."""

    part: Part
    partners: Partners

    def __bool__(self) -> bool:
        return bool(self.part.scopes or self.part.series)


def whole(scopes: Iterable[Scope]) -> Work:
    """Some authors' quarters."""
    return Work(Part(set(scopes), set()), {})


class Anew:
    """Valid for one snapshot; lines are those of people whose home is ``region``."""

    def __init__(self, snapshot: Snapshot, rulebook: Rulebook, region: str) -> None:
        self._snapshot, self._desk = snapshot, Desk(snapshot)
        self._rulebook, self._region = rulebook, region

    # -- which part ------------------------------------------------------------------------------------

    async def work(self, touches: Touches) -> Work:
        """What a batch may have changed."""
        await self._spread(touches)
        rows = await score_store.on_contents(self._snapshot, touches.contents)
        beside = await self._desk.replies_beside(rows)
        rows += await score_store.on_contents(
            self._snapshot, beside.keys() - touches.contents.keys()
        )
        for content, givers in beside.items():
            touches.content(content, givers)
        on: dict[str, list[Act]] = defaultdict(list)
        for act in await self._desk.acts(rows):
            if act.content in touches.contents:
                on[act.content].append(act)
        touched = [Touched(acts, touches.contents[content]) for content, acts in on.items()]
        # A claim that is made or decided about anew has another day, or another giver: of no one series.
        claims = {
            Scope(row.author, row.quarter) for row in rows if row.author and row.data.kind in CLAIMS
        }
        partners = await self._partners(people_of(series_of(touched)))
        return Work(affected(touched, partners, self._rulebook, claims), partners)

    async def _spread(self, touches: Touches) -> None:
        """From people, threads and rulings to the contents they touch."""
        snapshot = self._snapshot
        touches.first |= await score_store.posts_in(snapshot, touches.places)
        first = await score_store.first_posts(snapshot, set(touches.first.values()))
        touches.newcomers(first)
        for quarter, names in touches.people_by_quarter().items():
            touches.acts_of_people(await score_store.of_people(snapshot, names, quarter))
        for content in await score_store.in_threads(snapshot, touches.threads):
            touches.content(content, frozenset())
        for ruling in touches.rulings:
            for content, giver in await score_store.ruled_on(snapshot, ruling):
                touches.content(content, frozenset([giver]))

    async def _partners(self, people: Iterable[Scope]) -> Partners:
        return await score_store.partners(self._snapshot, people, partner_contents(self._rulebook))

    # -- its lines -------------------------------------------------------------------------------------

    async def changes(self, work: Work, bared: int) -> Changes:
        """What is otherwise than stored. Lines before ``bared`` (UTC milliseconds) no longer say what they
        were about."""
        part = work.part
        people = {one.person for one in part.scopes} | {one.author for one in part.series}
        home = await self._desk.at_home(people, self._region)
        ours = Part(
            {scope for scope in part.scopes if scope.person in home},
            {one for one in part.series if one.author in home},
        )
        partners = {**work.partners, **await self._partners(ours.scopes)}
        asked = needs(ours, partners)
        acts = await self._desk.acts(await score_store.needed(self._snapshot, asked))
        # In a thread, so that a busy author's quarter does not hold up the loop.
        scored = await asyncio.to_thread(part_lines, ours, acts, self._rulebook)
        since = await score_store.began_anew(self._snapshot, home)
        kept = [line for line in scored if line.at >= since.get(line.person, 0)]
        after = {line.act: line for line in self._stored(kept, bared)}
        # Who is at home elsewhere has no lines here, whatever was stored.
        elsewhere = {Scope(one.author, one.quarter) for one in part.series - ours.series}
        stored = Part(part.scopes | elsewhere, ours.series)
        return difference(await self._before(stored, acts), after)

    async def _before(self, part: Part, acts: Sequence[Act]) -> Mapping[str, Stored]:
        """The part's lines as they are stored, by name."""
        found = await score_store.lines(self._snapshot, part.scopes)
        named = {
            self._name(act.id, act.kind): act
            for act in acts
            # What is off is no line, and may share its event with what is.
            if act.on and act.kind in self._rulebook.judgements
        }
        for line in await score_store.lines_named(self._snapshot, named):
            act = named[line.act]
            if Series(act.giver, line.person, line.quarter) in part.series:
                found.append(line)
        return {line.act: line for line in found}

    def _stored(self, lines: Iterable[Line], bared: int) -> Iterator[Stored]:
        for line in lines:
            name = self._name(line.act, line.kind)
            title = self._desk.title(line.content)
            shown = line_map(line, self._rulebook, title) | {"act": name}
            text = encoded(bare(shown) if line.at < bared else shown)
            yield Stored(name, line.person, line.at, line.milli_points, line.quarter, text)

    def _name(self, act: str, kind: str) -> str:
        """An act's own id names its giver; its place in our log does not."""
        return f"{self._desk.position(act)}{'-own' if kind == OWN else ''}"
