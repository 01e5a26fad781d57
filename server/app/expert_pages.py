"""Who knows, as people read it: a topic's experts with what vouches for them, and one person's record.

Everything comes from folded tables by index; what others may see of a person is asked again at every reading
(``scoring_policy.may_show``), so an opt-out holds from the commit that says it.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select

from server.app import expert_milestones, score_store
from server.app.expert_store import Row, row_from, standings
from server.app.score_desk import Desk
from server.app.score_rows import Row as ActRow
from server.domain.scoring_policy import CAUTIOUS, ScoringChoice, ScoringPolicy, What, may_show
from server.scoring.influence import Influence, influence
from server.scoring.local import Received
from server.scoring.milestones import Median, Milestone
from server.scoring.rules import DAY_MS, day_of, quarter_of, shipped
from server.storage import tables as t
from server.storage.queries import scoring
from server.storage.queries.shapes import PersonView
from server.storage.reader import Snapshot

LOAD_DAYS = 7
BUSY = 10
"""Answers and open calls in a week: two a working day. Beyond it the next question goes to somebody else, since
a few good people would else get most of them (Li and King, G-Finder, CIKM 2010)."""
SPARE = 20
"""Read beyond what is asked for: some may have opted out a moment ago, and some may be busy."""
TOPICS_SHOWN = 50
"""Of one person's record."""
TOLD = frozenset({"accepted", "cited"})
"""Uses that name whose they are: the asker, the author of the post that cites."""
USES = TOLD | {"solved"}

_e, _n, _k, _m, _s = (
    t.expertise.c,
    t.expertise_answers.c,
    t.expertise_calls.c,
    t.milestone_medians.c,
    t.standings.c,
)
_FIRST = (
    select(*_e)
    .where(_e.topic == bindparam("topic"), _e.shown)
    .order_by(_e.place, _e.person)
    .limit(bindparam("limit"))
)
_OF_PERSON = (
    select(*_e)
    .where(_e.person == bindparam("person"))
    .order_by(_e.place, _e.topic)
    .limit(TOPICS_SHOWN)
)
_names: Any = bindparam("names", expanding=True)
_ABOVE = select(t.topics.c.parent).where(t.topics.c.topic.in_(_names), t.topics.c.parent != "")
_ANSWERED = (
    select(_n.author, func.count())
    .where(_n.author.in_(_names), _n.at >= bindparam("since"))
    .group_by(_n.author)
)
_CALLED = (
    select(_k.person, func.count())
    .where(_k.person.in_(_names), _k.at >= bindparam("since"))
    .group_by(_k.person)
)
_OPEN_TO_ALL = (
    select(t.posts.c.post)
    .join(t.communities, t.communities.c.community == func.substr(t.posts.c.place, 3))
    .where(t.posts.c.post.in_(_names), t.communities.c.visibility == "open")
)
_MEDIANS = select(_m.milestone, _m.days, _m.people)
_PUBLISHED = select(_s.standing, _s.level, _s.day, _s.rules).where(
    _s.person == bindparam("person"), _s.shown
)


class Load(NamedTuple):
    """What somebody had to do with questions in the last days."""

    answers: int
    calls: int
    """Open questions that name them."""

    @property
    def is_busy(self) -> bool:
        return self.answers + self.calls >= BUSY


class Known(NamedTuple):
    """Somebody who knows, for the topic they know best of those asked about, or above those."""

    row: Row
    load: Load


class Published(NamedTuple):
    """What a person's home published of them."""

    standing: int
    level: int
    day: int
    """For which it was said."""
    rules: str


class Account(NamedTuple):
    """One person's record; None for what is not shown to the one who asks."""

    topics: tuple[Row, ...] | None
    influence: Influence | None
    milestones: tuple[Milestone, ...] | None
    published: Published | None


# -- a topic's people ------------------------------------------------------------------------------------


async def who_knows(
    snapshot: Snapshot, topics: Collection[str], now: int, limit: int, *, spread_for: str = ""
) -> list[Known]:
    """The first ``limit`` people of the topics, and where these have fewer, of the topics above them.

    ``spread_for``: somebody about to ask, who is left out, and for whose question whoever is busy stands behind
    those who are not."""
    rows = await _nearest(snapshot, topics, limit, spread_for)
    loads = await _loads(snapshot, [row.person for row in rows], now)
    known = [Known(row, loads[row.person]) for row in rows]
    if spread_for:
        known.sort(key=lambda one: one.load.is_busy)
    return known[:limit]


async def _nearest(
    snapshot: Snapshot, topics: Collection[str], limit: int, without: str
) -> list[Row]:
    """Level by level up the tree until they are enough: each person for the nearest topic, the nearest first.

    A topic that few asked about is thin, and who knows the field around it is the next best guess: as language
    models back off from a rare context to a shorter one (Katz, 1987)."""
    nearest: dict[str, Row] = {}
    seen: set[str] = set()
    level = set(topics)
    while level and len(nearest) < limit:
        best = await _best(snapshot, level, limit + SPARE)
        news = best.keys() - nearest.keys() - {without}
        shown = await _listed(snapshot, news)
        rows = sorted([best[person] for person in shown], key=_order)
        nearest |= {row.person: row for row in rows}
        seen |= level
        # Two regions may make a circle of the tree: nothing is asked about twice.
        level = {row.parent for row in await snapshot.named(_ABOVE, level)} - seen
    return list(nearest.values())


async def _best(snapshot: Snapshot, topics: Collection[str], limit: int) -> dict[str, Row]:
    """The first people of each topic, by person: for the topic they know best of these."""
    best: dict[str, Row] = {}
    for topic in sorted(topics):
        for found in await snapshot.rows(_FIRST, {"topic": topic, "limit": limit}):
            row = row_from(found)
            best[row.person] = min(row, best.get(row.person, row), key=_order)
    return best


def _order(row: Row) -> tuple[int, str]:
    return row.place, row.person


async def _listed(snapshot: Snapshot, people: Collection[str]) -> set[str]:
    policies = await scoring.policies(snapshot)
    choices = await scoring.choices(snapshot, people)
    return {
        name
        for name, one in (await standings(snapshot, people)).items()
        if one.active and may_show("experts", policies.get(one.home, CAUTIOUS), choices[name])
    }


async def _loads(snapshot: Snapshot, people: Collection[str], now: int) -> dict[str, Load]:
    since = now - LOAD_DAYS * DAY_MS
    answers, calls = [
        {row[0]: int(row[1]) for row in await snapshot.named(query, people, {"since": since})}
        for query in (_ANSWERED, _CALLED)
    ]
    return {name: Load(answers.get(name, 0), calls.get(name, 0)) for name in people}


# -- one person --------------------------------------------------------------------------------------------


class Eyes(NamedTuple):
    """Who looks at whom: oneself sees all there is, others what policy and choice allow, and nothing of who left."""

    own: bool
    active: bool
    policy: ScoringPolicy
    choice: ScoringChoice

    def may_see(self, what: What) -> bool:
        if self.own:
            return self.policy.scores != "off"
        return self.active and may_show(what, self.policy, self.choice)


async def eyes(snapshot: Snapshot, reader: str, seen: PersonView) -> Eyes:
    policy = (await scoring.policies(snapshot)).get(seen.home, CAUTIOUS)
    choice = await scoring.choice(snapshot, seen.id)
    return Eyes(reader == seen.id, seen.active, policy, choice)


async def account(snapshot: Snapshot, person: str, eyes: Eyes, now: int) -> Account:
    return Account(
        topics=await topics_of(snapshot, person) if eyes.may_see("experts") else None,
        influence=(
            await _influence(snapshot, person, now, own=eyes.own)
            if eyes.may_see("profile")
            else None
        ),
        milestones=(
            tuple((await expert_milestones.of_people(snapshot, [person])).get(person, ()))
            if eyes.may_see("milestones")
            else None
        ),
        published=(
            await _published(snapshot, person, day_of(now)) if eyes.may_see("profile") else None
        ),
    )


async def topics_of(snapshot: Snapshot, person: str) -> tuple[Row, ...]:
    """What somebody knows best, at most ``TOPICS_SHOWN`` topics."""
    return tuple([row_from(row) for row in await snapshot.rows(_OF_PERSON, {"person": person})])


async def _influence(snapshot: Snapshot, person: str, now: int, *, own: bool) -> Influence:
    """From all acts on oneself's work; what others see rests on those they can read themselves."""
    rulebook, day = shipped(), day_of(now)
    days = rulebook.on(day).influence.days
    quarters = {quarter_of(max(0, now - ago * DAY_MS)) for ago in (*range(0, days, 80), days)}
    rows = await score_store.needed(snapshot, [Received(person, q) for q in sorted(quarters)])
    since = (await score_store.began_anew(snapshot, [person])).get(person, 0)
    held = [row for row in rows if row.data.at >= since]
    if not own:
        held = await _readable(snapshot, held)
    return influence(await Desk(snapshot).acts(held), person, rulebook, day)


async def _readable(snapshot: Snapshot, rows: Sequence[ActRow]) -> list[ActRow]:
    """Without the uses that not everybody may read, or that do not say whose they are: a count of few people
    tells who was one of them, and from which country, where nothing else does."""
    posts = {post for row in rows if row.data.kind in TOLD for post in _posts(row)}
    found = await snapshot.named(_OPEN_TO_ALL, posts)
    open_to_all = {row.post for row in found}
    return [
        row
        for row in rows
        if row.data.kind not in USES
        or (row.data.public and row.data.kind in TOLD and open_to_all.issuperset(_posts(row)))
    ]


def _posts(row: ActRow) -> list[str]:
    """Of an acceptance question and answer, of a citation the cited and the citing."""
    return row.register.split(":")[1:]


async def _published(snapshot: Snapshot, person: str, today: int) -> Published | None:
    row = await snapshot.one(_PUBLISHED, {"person": person})
    return faded(Published(*row), today) if row else None


def faded(published: Published, today: int) -> Published:
    """As it stands today: it is not published again for fading alone (docs/scoring.md 9.3). By rules that this node
    does not know, another release's, it stays as it was said."""
    rulebook = shipped()
    days = today - published.day
    if days <= 0 or published.rules != rulebook.fingerprint:
        return published
    rules = rulebook.on(today)
    standing = rules.decayed(published.standing, days)
    return published._replace(standing=standing, level=rules.level(standing))


async def medians(snapshot: Snapshot) -> Sequence[Median]:
    """How long people who agreed to be counted needed, as of the last turn of the day."""
    return [Median(*row) for row in await snapshot.rows(_MEDIANS)]
