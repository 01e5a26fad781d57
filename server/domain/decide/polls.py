"""Ballots, and the author's end of a poll (docs/protocol/federation.md 14.1)."""

from server.domain.commands import CastBallot, ClosePoll
from server.domain.decide.base import Context, Decided, Draft, Rule, in_place, readable_post, refuse
from server.domain.errors import Code, Refusal
from server.domain.events import BallotCast, PollClosing, PollSpec
from server.domain.facts import Facts, PersonFact, PollFact
from server.domain.visibility import LOCAL


def cast_ballot(
    command: CastBallot, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = readable_post(command.poll, who, facts)
    if isinstance(post, Refusal):
        return post
    poll = post.poll
    if poll is None:
        return refuse(Code.BAD_VALUE, "this post is no poll", "poll")
    if has_ended(poll, facts.poll(post.post), context):
        return refuse(Code.CLOSED, "this poll is closed", "poll")
    refusal = _check_choices(command, poll)
    if refusal is not None:
        return refusal
    now = facts.ballot(post.post, who.person)
    # Back where the ballot lies, it is theirs to change.
    if poll.secret and now.value in NO_CHOICE and facts.ballot_kept(post.post, who.person):
        return refuse(
            Code.CONFLICT, "you voted before you moved to this region: that ballot counts", "poll"
        )
    event = BallotCast(
        poll=post.post,
        place=post.place,
        rev=now.rev + 1,
        choices=command.choices,
        withdrawn=command.withdrawn,
        secret=poll.secret,
    )
    if poll.secret:
        drafts = [Draft(LOCAL, who.person, event, (post.post,))]
    else:
        drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"rev": event.rev})


NO_CHOICE = frozenset({"", "[]"})
"""No ballot here, or one that was taken back."""


def has_ended(poll: PollSpec, fact: PollFact | None, context: Context) -> bool:
    """Whether this region takes no more ballots: its clock says so, or anybody whose word ends the poll.
    Once closed here it stays so, also when the clock is set back."""
    if poll.closes_at is not None and context.now >= poll.closes_at:
        return True
    if fact is None:
        return False
    closed = fact.of(context.region).closed or fact.of(fact.home).closed
    return closed or fact.closing or fact.outcome is not None


def _check_choices(command: CastBallot, poll: PollSpec) -> Refusal | None:
    chosen = command.choices
    if command.withdrawn:
        return (
            refuse(Code.BAD_VALUE, "a withdrawn ballot has no choices", "choices")
            if chosen
            else None
        )
    if not chosen:
        return refuse(Code.BAD_VALUE, "choose at least one", "choices")
    if poll.method == "single" and len(chosen) != 1:
        return refuse(Code.BAD_VALUE, "choose exactly one", "choices")
    if len(set(chosen)) < len(chosen):
        return refuse(Code.BAD_VALUE, "a choice is named twice", "choices")
    if max(chosen) >= len(poll.choices):
        return refuse(Code.BAD_VALUE, f"the poll has {len(poll.choices)} choices", "choices")
    return None


def close_poll(
    command: ClosePoll, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = readable_post(command.poll, who, facts)
    if isinstance(post, Refusal):
        return post
    if post.poll is None:
        return refuse(Code.BAD_VALUE, "this post is no poll", "poll")
    if post.author != who.person:
        return refuse(Code.FORBIDDEN, "only the author can close a poll", "poll")
    if has_ended(post.poll, facts.poll(post.post), context):
        return Decided([], {})
    event = PollClosing(poll=post.post, place=post.place, at=context.now)
    return Decided(in_place(post.place, facts, context, who.person, event, post.post), {})


RULES: dict[type, Rule] = {CastBallot: cast_ballot, ClosePoll: close_poll}
