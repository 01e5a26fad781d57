"""Lines worked out anew, in one snapshot: from what a batch touched, or from whole quarters, to what changed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from server.app import score_store
from server.app.score_acts import OWN
from server.app.score_changes import Changes, Touches, difference
from server.app.score_desk import Desk
from server.app.score_parts import CLAIMS
from server.app.score_retention import bare, bare_before, encoded
from server.app.score_store import Stored
from server.domain.scoring_policy import CAUTIOUS
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
from server.storage.queries.scoring import policies
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
    """Valid for one snapshot, of which alone it waits; lines are those of people whose home is ``region``."""

    def __init__(
        self, snapshot: Snapshot, rulebook: Rulebook, region: str, now: int | None = None
    ) -> None:
        """``now``: UTC milliseconds, by which old lines are bare (``score_retention``); without it none are."""
        self._snapshot, self._desk = snapshot, Desk(snapshot)
        self._rulebook, self._region, self._now = rulebook, region, now

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

    # -- what its lines are made of --------------------------------------------------------------------

    async def gathered(self, work: Work) -> "Gathered":
        """All that the lines of a part are worked out from, and what is stored of them."""
        part = work.part
        people = {one.person for one in part.scopes} | {one.author for one in part.series}
        home = await self._desk.at_home(people, self._region)
        ours = Part(
            {scope for scope in part.scopes if scope.person in home},
            {one for one in part.series if one.author in home},
        )
        partners = {**work.partners, **await self._partners(ours.scopes)}
        acts = await self._desk.acts(
            await score_store.needed(self._snapshot, needs(ours, partners))
        )
        # Who is at home elsewhere has no lines here, whatever was stored.
        elsewhere = {Scope(one.author, one.quarter) for one in part.series - ours.series}
        stored = Part(part.scopes | elsewhere, ours.series)
        return Gathered(
            part=ours,
            acts=acts,
            desk=self._desk,
            since=await score_store.began_anew(self._snapshot, home),
            bared=await self._bare_before(),
            before=await self._before(stored, acts),
            rulebook=self._rulebook,
        )

    async def _bare_before(self) -> int:
        if self._now is None:
            return 0
        policy = (await policies(self._snapshot)).get(self._region, CAUTIOUS)
        return bare_before(policy, self._now)

    async def _before(self, part: Part, acts: Sequence[Act]) -> Mapping[str, Stored]:
        """The part's lines as they are stored, by name."""
        found = await score_store.lines(self._snapshot, part.scopes)
        named = {
            line_name(self._desk, act.id, act.kind): act
            for act in acts
            # What is off is no line, and may share its event with what is.
            if act.on and act.kind in self._rulebook.judgements
        }
        for line in await score_store.lines_named(self._snapshot, named):
            act = named[line.act]
            if Series(act.giver, line.person, line.quarter) in part.series:
                found.append(line)
        return {line.act: line for line in found}


class Gathered(NamedTuple):
    """What the lines of a part are worked out from; needs no snapshot any more."""

    part: Part
    acts: Sequence[Act]
    desk: Desk
    since: Mapping[str, int]
    """Whose ledger began anew, and when (UTC milliseconds)."""
    bared: int
    """Lines before (UTC milliseconds) no longer say what they were about."""
    before: Mapping[str, Stored]
    rulebook: Rulebook

    def changes(self) -> Changes:
        """What is otherwise than stored. A busy author's quarter takes long: not for the loop."""
        scored = part_lines(self.part, self.acts, self.rulebook)
        kept = [line for line in scored if line.at >= self.since.get(line.person, 0)]
        return difference(self.before, {line.act: line for line in map(self._stored, kept)})

    def _stored(self, line: Line) -> Stored:
        name = line_name(self.desk, line.act, line.kind)
        shown = line_map(line, self.rulebook, self.desk.title(line.content)) | {"act": name}
        text = encoded(bare(shown) if line.at < self.bared else shown)
        return Stored(name, line.person, line.at, line.milli_points, line.quarter, text)


def line_name(desk: Desk, act: str, kind: str) -> str:
    """An act's own id names its giver; its place in our log does not."""
    return f"{desk.position(act)}{'-own' if kind == OWN else ''}"
