"""What others make of a post: reactions, acceptance, verification, follows, stages, receipts."""

from server.domain.commands import (
    AcceptAnswer,
    Acknowledge,
    Follow,
    MoveIdea,
    React,
    Verify,
)
from server.domain.decide.base import (
    Context,
    Decided,
    Draft,
    Rule,
    in_place,
    readable_post,
    refuse,
    topic_named,
)
from server.domain.errors import Code, Refusal
from server.domain.events import (
    AnnouncementAcknowledged,
    AnswerAccepted,
    FollowChanged,
    IdeaStageChanged,
    ReactionChanged,
    VerificationChanged,
)
from server.domain.facts import Facts, PersonFact, PostFact
from server.domain.visibility import GLOBAL, LOCAL, may_moderate


def react(command: React, who: PersonFact, facts: Facts, context: Context) -> Decided | Refusal:
    post = readable_post(command.target, who, facts)
    if isinstance(post, Refusal):
        return post
    emoji = command.emoji.strip()
    if (command.reaction == "emoji") != bool(emoji):
        return refuse(
            Code.BAD_VALUE, "an emoji goes with the reaction emoji, and only there", "emoji"
        )
    if command.reaction != "emoji" and post.author == who.person:
        return refuse(Code.FORBIDDEN, "helpful and solved are for what others wrote", "target")
    now = facts.reaction(post.post, who.person, command.reaction, emoji)
    if now.on == command.on:
        return Decided([], {"rev": now.rev})
    event = ReactionChanged(
        target=post.post,
        root=post.root,
        place=post.place,
        author=post.author,
        reaction=command.reaction,
        emoji=emoji,
        rev=now.rev + 1,
        on=command.on,
    )
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"rev": event.rev})


def accept(
    command: AcceptAnswer, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    question = readable_post(command.question, who, facts)
    if isinstance(question, Refusal):
        return question
    if question.kind != "question":
        return refuse(Code.BAD_VALUE, "only questions have an accepted answer", "question")
    if question.author != who.person:
        return refuse(Code.FORBIDDEN, "only the asker can accept an answer", "question")
    author = ""
    if command.answer is not None:
        answer = readable_post(command.answer, who, facts)
        if isinstance(answer, Refusal):
            return refuse(answer.code, answer.message, "answer")
        if answer.root != question.post or answer.post == question.post:
            return refuse(Code.BAD_VALUE, "this is no answer to the question", "answer")
        author = answer.author
    now = facts.acceptance(question.post)
    if now.value == (command.answer or ""):
        return Decided([], {"rev": now.rev})
    event = AnswerAccepted(
        question=question.post,
        place=question.place,
        rev=now.rev + 1,
        answer=command.answer,
        author=author,
    )
    refs = [question.post, command.answer or ""]
    drafts = in_place(question.place, facts, context, who.person, event, *filter(None, refs))
    return Decided(drafts, {"rev": event.rev})


def verify(command: Verify, who: PersonFact, facts: Facts, context: Context) -> Decided | Refusal:
    post = readable_post(command.target, who, facts)
    if isinstance(post, Refusal):
        return post
    if post.author == who.person:
        return refuse(Code.FORBIDDEN, "somebody else has to verify what you wrote", "target")
    if not _moderates(post, who, facts):
        return refuse(Code.FORBIDDEN, "verifying is for the community's stewards", "target")
    now = facts.verification(post.post, who.person)
    if now.on == command.on:
        return Decided([], {"rev": now.rev})
    event = VerificationChanged(
        target=post.post,
        root=post.root,
        place=post.place,
        author=post.author,
        rev=now.rev + 1,
        on=command.on,
    )
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"rev": event.rev})


def follow(command: Follow, who: PersonFact, facts: Facts, context: Context) -> Decided | Refusal:
    """What is gone, or no longer for one's eyes, can be let go of all the same."""
    topic = command.kind == "topic"
    target = topic_named(command.target) if topic else command.target
    now = facts.follow(who.person, command.kind, target)
    if now.on == command.on:
        return Decided([], {"rev": now.rev})
    refusal = _not_to_follow(command, who, facts) if command.on else None
    if refusal is not None:
        return refusal
    # Only the topic tree is known everywhere; a word out of some place's posts is not (I8).
    known = command.kind == "person" or (topic and facts.topic_rev(target) > 0)
    event = FollowChanged(kind=command.kind, target=target, rev=now.rev + 1, on=command.on)
    return Decided([Draft(GLOBAL if known else LOCAL, who.person, event, ())], {"rev": event.rev})


def _not_to_follow(command: Follow, who: PersonFact, facts: Facts) -> Refusal | None:
    if command.kind == "person":
        if command.target == who.person:
            return refuse(Code.BAD_VALUE, "you cannot follow yourself", "target")
        if facts.person(command.target) is None:
            return refuse(Code.NOT_FOUND, f"nobody is called {command.target}", "target")
    elif command.kind == "post":
        post = readable_post(command.target, who, facts)
        if isinstance(post, Refusal):
            return refuse(post.code, post.message, "target")
    return None


def acknowledge(
    command: Acknowledge, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = readable_post(command.post, who, facts)
    if isinstance(post, Refusal):
        return post
    if not post.announcement:
        return refuse(Code.BAD_VALUE, "this post asks for no acknowledgement", "post")
    if facts.acknowledged(post.post, who.person):
        return Decided([], {})
    event = AnnouncementAcknowledged(post=post.post, place=post.place)
    return Decided(in_place(post.place, facts, context, who.person, event, post.post), {})


def move_idea(
    command: MoveIdea, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = readable_post(command.post, who, facts)
    if isinstance(post, Refusal):
        return post
    if post.kind != "idea":
        return refuse(Code.BAD_VALUE, "only ideas have stages", "post")
    community = facts.community(post.place[2:])
    if not _moderates(post, who, facts):
        return refuse(Code.FORBIDDEN, "ideas are moved by the community's moderators", "post")
    if community is not None and community.home != context.region:
        return refuse(Code.WRONG_REGION, f"this community is run from {community.home}", "post")
    if command.owner and facts.person(command.owner) is None:
        return refuse(Code.NOT_FOUND, f"nobody is called {command.owner}", "owner")
    now = facts.idea_stage(post.post)
    event = IdeaStageChanged(
        post=post.post,
        place=post.place,
        author=post.author,
        rev=now.rev + 1,
        stage=command.stage,
        owner=command.owner,
        due=command.due,
        note=command.note,
    )
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"rev": event.rev})


def _moderates(post: PostFact, who: PersonFact, facts: Facts) -> bool:
    if not post.place.startswith("c:"):
        return False
    name = post.place[2:]
    return may_moderate(facts.community(name), facts.member(name, who.person), who)


RULES: dict[type, Rule] = {
    React: react,
    AcceptAnswer: accept,
    Verify: verify,
    Follow: follow,
    Acknowledge: acknowledge,
    MoveIdea: move_idea,
}
