"""Who knows about a topic, whom to ask, and what somebody's record is (docs/scoring.md 8)."""

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from msgspec import Meta

from server.api.resources.paging import as_of
from server.api.route import Call, Limit, NoQuery, Query
from server.app import expert_pages
from server.app.expert_pages import Known
from server.app.expert_store import Row
from server.app.working_hours import shared_minutes
from server.domain import limits
from server.domain.decide.base import topic_named
from server.domain.errors import Code, Refusal
from server.storage.queries import people, records
from server.storage.queries.shapes import PersonView, Shape
from server.storage.reader import Snapshot

T = TypeVar("T")
V = TypeVar("V")
_Topics = Annotated[
    str, Meta(max_length=(limits.TOPIC_CHARS_MAX + 1) * limits.TOPICS_PER_POST_MAX, min_length=1)
]


class ExpertsQuery(Query, frozen=True, kw_only=True):
    """``topic``: one, or several separated by commas. ``ask``: for a question about to be asked, leaves oneself
    out and puts whoever has much to answer behind the others."""

    topic: _Topics
    limit: Limit = 10
    ask: bool = False


class TopicRecord(Shape, frozen=True, kw_only=True):
    """``evidence``: what vouches for the person, as a sentence. ``expert``: enough answers to enough people of
    enough units; else they are emerging. ``last_at``: of their last answer on the topic."""

    topic: str
    expert: bool
    evidence: str
    answers: int
    good: int
    askers: int
    units: int
    last_at: int


class ExpertView(Shape, frozen=True, kw_only=True):
    """``record``: on the topic they know best of those asked about; where these list fewer people than asked for,
    further ones on the topics above them. ``shared_minutes``: how much of one's own
    working day, nine to five, is also theirs; null without a known time zone. ``week_answers``,
    ``week_calls``: answers given, and open questions that name them, in the last seven days."""

    person: str
    record: TopicRecord
    shared_minutes: int | None
    week_answers: int
    week_calls: int
    busy: bool


class Experts(Shape, frozen=True, kw_only=True):
    """The best first. Only who may be shown by the policy of their region and wants to be, or does not mind."""

    cursor: str
    experts: tuple[ExpertView, ...]
    people: dict[str, PersonView]


class InfluenceView(Shape, frozen=True, kw_only=True):
    """``breadth``: so many of the person's posts were each used by so many people outside their unit, in 180
    days. ``contents``: used at all, by ``people`` of ``countries``."""

    breadth: int
    contents: int
    people: int
    countries: tuple[str, ...]


class MilestoneView(Shape, frozen=True, kw_only=True):
    """``name``: started, question, answer, accepted, paper or abroad. ``post``: which one it was."""

    name: str
    at: int
    post: str


class MedianView(Shape, frozen=True, kw_only=True):
    """Half of ``people`` reached the milestone within ``days`` of their first post."""

    name: str
    days: int
    people: int


class PublishedView(Shape, frozen=True, kw_only=True):
    """Milli-points and level that the person's region published for a day (days since 1970), faded from there to
    today where this node knows the rules."""

    standing: int
    level: int
    day: int
    rules: str


class PersonRecord(Shape, frozen=True, kw_only=True):
    """What somebody's contributions tell. Null is what is not shown to whoever asks: by the policy of the person's
    region or by their choice. ``medians``: of everybody who agreed to be counted, where they are enough."""

    cursor: str
    person: str
    topics: tuple[TopicRecord, ...] | None
    influence: InfluenceView | None
    milestones: tuple[MilestoneView, ...] | None
    published: PublishedView | None
    medians: tuple[MedianView, ...]


async def experts(call: Call[ExpertsQuery, None]) -> Experts | Refusal:
    services, query, me = call.services, call.query, call.person
    topics = [topic_named(topic) for topic in query.topic.split(",") if topic]
    if not 0 < len(topics) <= limits.TOPICS_PER_POST_MAX:
        wanted = f"between one and {limits.TOPICS_PER_POST_MAX} topics, separated by commas"
        return Refusal(Code.BAD_VALUE, wanted, "topic")
    now, asker = services.now(), me if query.ask else ""

    async def load(snapshot: Snapshot) -> Experts:
        found = await expert_pages.who_knows(snapshot, topics, now, query.limit, spread_for=asker)
        views = await people.by_ids(snapshot, {me, *[known.row.person for known in found]})
        topics_shown = {known.row.topic for known in found}
        names = await records.topic_names(snapshot, topics_shown, views[me].locale)
        mine = views[me].timezone
        shared = {
            known.row.person: shared_minutes(now, mine, views[known.row.person].timezone)
            for known in found
        }
        return Experts(
            cursor=await as_of(services, snapshot),
            experts=tuple([_expert(known, names, shared[known.row.person]) for known in found]),
            people={name: views[name] for name in shared},
        )

    return await services.reader.load(load)


def _expert(known: Known, names: dict[str, str], minutes: int | None) -> ExpertView:
    return ExpertView(
        person=known.row.person,
        record=_topic(known.row, names),
        shared_minutes=minutes,
        week_answers=known.load.answers,
        week_calls=known.load.calls,
        busy=known.load.is_busy,
    )


async def record(call: Call[NoQuery, None]) -> PersonRecord | Refusal:
    services, name = call.services, call.path["person"]

    async def load(snapshot: Snapshot) -> PersonRecord | Refusal:
        views = await people.by_ids(snapshot, {name, call.person})
        if name not in views:
            return Refusal(Code.NOT_FOUND, f"nobody is called {name}", "person")
        seen = await expert_pages.eyes(snapshot, call.person, views[name])
        found = await expert_pages.account(snapshot, name, seen, services.now())
        topics = [row.topic for row in found.topics or ()]
        names = await records.topic_names(snapshot, topics, views[call.person].locale)
        medians = await expert_pages.medians(snapshot)
        return PersonRecord(
            cursor=await as_of(services, snapshot),
            person=name,
            topics=_all(found.topics, lambda row: _topic(row, names)),
            influence=InfluenceView(**found.influence._asdict()) if found.influence else None,
            milestones=_all(
                found.milestones,
                lambda one: MilestoneView(name=one.name, at=one.at, post=one.content),
            ),
            published=PublishedView(**found.published._asdict()) if found.published else None,
            medians=tuple([MedianView(**median._asdict()) for median in medians]),
        )

    # Some twenty questions, all in one turn of a thread.
    return await services.reader.load(load)


def _all(found: Iterable[T] | None, view: Callable[[T], V]) -> tuple[V, ...] | None:
    return None if found is None else tuple([view(one) for one in found])


def _topic(row: Row, names: dict[str, str]) -> TopicRecord:
    return TopicRecord(
        topic=row.topic,
        expert=row.expert,
        evidence=evidence(row.good, row.answers, names.get(row.topic, row.topic)),
        answers=row.answers,
        good=row.good,
        askers=row.askers,
        units=row.units,
        last_at=row.last_at,
    )


def evidence(good: int, answers: int, topic: str) -> str:
    """``11 of 14 answers on roaming were accepted or best rated``."""
    noun, verb = ("answer", "was") if answers == 1 else ("answers", "were")
    return f"{good} of {answers} {noun} on {topic} {verb} accepted or best rated"
