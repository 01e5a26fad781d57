"""Records of another system become events once: ids are derived, so a second import changes nothing.

Records may refer to things that live in other regions and have not arrived here; events are complete
facts, so nothing is looked up but what prevents a double. Imported acts never score.
"""

from collections.abc import Callable
from typing import Any

from server.domain.decide.base import Context, Decided, Draft, lanes_of_place, refuse, topics_named
from server.domain.decide.copies import registration_drafts
from server.domain.decide.people import whereabouts
from server.domain.errors import Code, Refusal
from server.domain.events import (
    AnswerAccepted,
    CommunityCreated,
    Event,
    PersonRegistered,
    PostPublished,
    ReplyPublished,
    VoteImported,
)
from server.domain.facts import Facts
from server.domain.ids import community_place
from server.domain.import_records import (
    ImportAcceptance,
    ImportCommunity,
    ImportPerson,
    ImportPost,
    ImportReply,
    ImportVote,
)
from server.domain.residency import policy_of
from server.domain.visibility import GLOBAL

KNOWN = Decided([], {})


def _wrong_home(person: str, facts: Facts, context: Context) -> Refusal | None:
    known = facts.person(person) if person else None
    if known is None or known.home == context.region:
        return None
    return refuse(Code.WRONG_REGION, f"{whereabouts(known)}: import it there")


def _once(
    actor: str, event: Event, place: str, facts: Facts, context: Context, *refs: str
) -> Decided | Refusal:
    refusal = _wrong_home(actor, facts, context)
    if refusal is not None:
        return refusal
    # An archive's communities are global; one that lives elsewhere may not have arrived yet.
    known = facts.community(place.removeprefix("c:")) is not None
    lanes = lanes_of_place(place, facts, context.region) if known else (GLOBAL,)
    return Decided([Draft(lane, actor, event, refs) for lane in lanes], {})


def person(record: ImportPerson, facts: Facts, context: Context) -> Decided | Refusal:
    known = facts.person(record.person)
    if known is not None:
        return _wrong_home(record.person, facts, context) or KNOWN
    event = PersonRegistered(
        person=record.person,
        home=context.region,
        name=record.name,
        title=record.title,
        unit=record.unit,
        country=record.country,
        bot=record.bot,
        source=record.source,
    )
    policy = policy_of(context.region, facts)
    return Decided(registration_drafts(event, record.person, policy, context), {})


def community(record: ImportCommunity, facts: Facts, context: Context) -> Decided | Refusal:
    if facts.community(record.community) is not None:
        return KNOWN
    event = CommunityCreated(
        community=record.community,
        home=context.region,
        name=record.name,
        about=record.about,
        audience=GLOBAL,
        source=record.source,
        at=record.at,
    )
    return Decided([Draft(GLOBAL, "", event, (record.community,))], {})


def post(record: ImportPost, facts: Facts, context: Context) -> Decided | Refusal:
    if _is_known(record.post, facts):
        return KNOWN
    place = community_place(record.community)
    event = PostPublished(
        post=record.post,
        kind=record.kind,
        place=place,
        at=record.at,
        text=record.text,
        title=record.title,
        topics=topics_named(record.topics),
        mentions=record.mentions,
        source=record.source,
    )
    return _once(record.author, event, place, facts, context, record.post)


def reply(record: ImportReply, facts: Facts, context: Context) -> Decided | Refusal:
    if _is_known(record.post, facts):
        return KNOWN
    place = community_place(record.community)
    event = ReplyPublished(
        post=record.post,
        kind=record.kind,
        place=place,
        root=record.root,
        parent=record.parent,
        at=record.at,
        text=record.text,
        mentions=record.mentions,
        source=record.source,
    )
    return _once(record.author, event, place, facts, context, record.post, record.root)


def acceptance(record: ImportAcceptance, facts: Facts, context: Context) -> Decided | Refusal:
    if facts.acceptance(record.question).rev > 0:
        return KNOWN
    place = community_place(record.community)
    event = AnswerAccepted(
        question=record.question,
        place=place,
        rev=1,
        answer=record.answer,
        author=record.author,
        source=record.source,
    )
    return _once(record.by, event, place, facts, context, record.question, record.answer)


def vote(record: ImportVote, facts: Facts, context: Context) -> Decided | Refusal:
    if facts.vote_imported(record.source.system, record.source.id):
        return KNOWN
    refusal = _wrong_home(record.by, facts, context)
    if refusal is not None:
        return refusal
    place = community_place(record.community)
    event = VoteImported(
        target=record.target,
        root=record.root,
        place=place,
        vote=record.vote,
        at=record.at,
        source=record.source,
    )
    # The voter is unknown and must not be taken for the target's author: no actor.
    return _once("", event, place, facts, context, record.target)


def _is_known(post: str, facts: Facts) -> bool:
    known = facts.post(post)
    return known is not None and known.kind != ""


RULES: dict[type, Callable[[Any, Facts, Context], Decided | Refusal]] = {
    ImportPerson: person,
    ImportCommunity: community,
    ImportPost: post,
    ImportReply: reply,
    ImportAcceptance: acceptance,
    ImportVote: vote,
}
