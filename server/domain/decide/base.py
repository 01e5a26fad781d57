"""What every rule shares: context in, drafts out, and the lane a place's content travels in."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from server.domain.errors import Code, Refusal
from server.domain.events import Event
from server.domain.facts import ConversationFact, Facts, PersonFact, PostFact
from server.domain.visibility import LOCAL, is_within, may_read_place, pair_lane


class Context(NamedTuple):
    """What a rule may know besides the facts: where and when it decides."""

    region: str
    now: int
    """UTC milliseconds."""
    new_id: Callable[[], str]
    """Mints one object id per call; the entropy comes from the edge."""
    groups: Mapping[str, frozenset[str]]
    """Policy groups of regions by name; ``group.<name>`` is their lane."""
    peers: frozenset[str] = frozenset()
    """The other regions."""


class Draft(NamedTuple):
    """An event that is decided but has no number yet."""

    lane: str
    actor: str
    event: Event
    refs: tuple[str, ...]
    """Object ids the event is about; they stand in the header."""
    new_rev: bool = True
    """Whether this decision gives the event its ``rev``, if it has one. A copy keeps the original's, and a
    release names its handover's: also where a restored log numbers above its past (docs/adr/0011)."""


class Decided(NamedTuple):
    drafts: list[Draft]
    answer: dict[str, Any]


Rule = Callable[[Any, PersonFact, Facts, Context], Decided | Refusal]


def refuse(code: Code, message: str, field: str | None = None) -> Refusal:
    return Refusal(code, message, field)


def lanes_of_place(place: str, facts: Facts, region: str) -> tuple[str, ...]:
    """Where a place's content goes: its community's audience, or the regions of its members.

    A conversation over several regions gets one copy per pair lane (DESIGN 6)."""
    kind, _, name = place.partition(":")
    if kind == "c":
        community = facts.community(name)
        # Whose audience nobody here knows stays at home.
        return (community.audience if community else LOCAL,)
    conversation = facts.conversation(name)
    return conversation_lanes(conversation, facts, region) if conversation else (LOCAL,)


def conversation_lanes(
    conversation: ConversationFact, facts: Facts, region: str
) -> tuple[str, ...]:
    """To where the members are by now: the event that named them may be older than a move."""
    homes: set[str] = set()
    for name, recorded in conversation.members:
        person = facts.person(name)
        homes |= (person.regions if person else frozenset()) or {recorded}
    return member_lanes(homes, region)


def member_lanes(homes: set[str], region: str) -> tuple[str, ...]:
    others = sorted(homes - {region})
    return tuple([pair_lane(region, other) for other in others]) or (LOCAL,)


def lanes_of_both(place: str, other: str, facts: Facts, context: Context) -> tuple[str, ...]:
    """Where a fact that names things of two places goes: to regions that may have both (I8)."""
    one, two = (lanes_of_place(name, facts, context.region) for name in (place, other))
    for inner, outer in ((one, two), (two, one)):
        if all(
            any(is_within(lane, wide, context.region, context.groups) for wide in outer)
            for lane in inner
        ):
            return inner
    return (LOCAL,)


def topic_named(text: str) -> str:
    """``Tea`` and ``tea`` are one topic."""
    return text.lower()


def topics_named(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(topic_named, texts)))


def in_place(
    place: str, facts: Facts, context: Context, actor: str, event: Event, *refs: str
) -> list[Draft]:
    lanes = lanes_of_place(place, facts, context.region)
    return [Draft(lane, actor, event, refs) for lane in lanes]


def readable_post(post: str, who: PersonFact, facts: Facts) -> PostFact | Refusal:
    """The post if it exists, stands and the person may read it; the same words for unknown and hidden."""
    fact = known_post(post, who, facts)
    return fact if isinstance(fact, Refusal) else why_gone(fact) or fact


def known_post(post: str, who: PersonFact, facts: Facts) -> PostFact | Refusal:
    """As ``readable_post``, and also where only its place in the thread is left."""
    fact = facts.post(post)
    if fact is None or fact.kind == "" or not may_read_place(facts, who.person, fact.place):
        return refuse(Code.NOT_FOUND, f"there is no post {post} that you can see", "post")
    return fact


def why_gone(post: PostFact) -> Refusal | None:
    """None: it stands."""
    if post.erased:
        return refuse(Code.GONE, "this post was erased", "post")
    if post.deleted:
        return refuse(Code.GONE, "this post was deleted", "post")
    return None
