"""Posts of every kind, replies, direct messages; edits and deletions."""

from server.domain import limits
from server.domain.commands import DeletePost, EditPost, PublishPost, PublishReply
from server.domain.decide.base import (
    Context,
    Decided,
    Draft,
    Rule,
    in_place,
    lanes_of_both,
    readable_post,
    refuse,
    topics_named,
)
from server.domain.decide.files import attached
from server.domain.durations import DAY_MS, WEEK_MS
from server.domain.errors import Code, Refusal
from server.domain.events import (
    CitationChanged,
    PostDeleted,
    PostEdited,
    PostPublished,
    ReplyPublished,
)
from server.domain.facts import Facts, PersonFact
from server.domain.ids import PERSON_PATTERN
from server.domain.visibility import may_moderate, may_read_place

TITLED = frozenset({"question", "article", "paper", "idea", "announcement"})
PARTS = {"poll": "poll", "paper": "paper", "praise": "praise", "announcement": "announcement"}
"""Kind -> the part of the command that belongs to it; all but an announcement's are required."""
FIRST_MONDAY_MS = 4 * DAY_MS
"""1970-01-05."""
POLL_CLOSES_BEFORE = 2**47
"""UTC milliseconds, as of every time that a command names."""
WEB_ADDRESS = ("https://", "http://")


def publish_post(
    command: PublishPost, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    refusal = (
        _check_place(command, who, facts)
        or _check_shape(command)
        or _check_poll(command)
        or _check_paper(command)
        or _check_praise(command, who, facts, context)
    )
    if refusal is not None:
        return refusal
    files = attached(command.attachments, who, facts)
    if isinstance(files, Refusal):
        return files
    post = context.new_id()
    praised = (command.praise.to,) if command.praise else ()
    event = PostPublished(
        post=post,
        kind=command.kind,
        place=command.place,
        at=context.now,
        text=command.text,
        title=command.title.strip(),
        topics=topics_named(command.topics),
        mentions=command.mentions,
        notify=_told(facts, command.place, who.person, *praised, *command.mentions),
        lang=command.lang,
        poll=command.poll,
        paper=command.paper,
        praise=command.praise,
        announcement=command.announcement,
        attachments=files,
    )
    drafts = in_place(command.place, facts, context, who.person, event, post)
    return _with_citations(drafts, command.cites, post, command.place, who, facts, context)


def publish_reply(
    command: PublishReply, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    parent = readable_post(command.parent, who, facts)
    if isinstance(parent, Refusal):
        return parent
    root = parent if parent.post == parent.root else facts.post(parent.root)
    if facts.moderation(parent.root, "lock").on:
        return refuse(Code.LOCKED, "this thread is locked: no more replies", "parent")
    refusal = _check_archived(parent.place, facts)
    if refusal is not None:
        return refusal
    files = attached(command.attachments, who, facts)
    if isinstance(files, Refusal):
        return files
    if not command.text.strip() and not files:
        return refuse(Code.BAD_VALUE, "a reply needs a text or a file", "text")
    post = context.new_id()
    is_answer = parent.post == parent.root and parent.kind == "question"
    root_author = root.author if root is not None else ""
    event = ReplyPublished(
        post=post,
        kind="answer" if is_answer else "reply",
        place=parent.place,
        root=parent.root,
        parent=parent.post,
        at=context.now,
        text=command.text,
        mentions=command.mentions,
        notify=_told(
            facts, parent.place, who.person, parent.author, root_author, *command.mentions
        ),
        lang=command.lang,
        attachments=files,
    )
    drafts = in_place(parent.place, facts, context, who.person, event, post, parent.root)
    return _with_citations(drafts, command.cites, post, parent.place, who, facts, context)


def edit_post(
    command: EditPost, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = readable_post(command.post, who, facts)
    if isinstance(post, Refusal):
        return post
    if post.author != who.person:
        return refuse(Code.FORBIDDEN, "only the author can edit a post", "post")
    if refusal := _check_archived(post.place, facts):
        return refusal
    if not command.text.strip() and not command.title.strip():
        return refuse(Code.BAD_VALUE, "a post needs a text or a title; delete it instead", "text")
    if post.post == post.root and post.kind in TITLED and not command.title.strip():
        return refuse(Code.BAD_VALUE, f"a post of kind {post.kind} needs a title", "title")
    event = PostEdited(
        post=post.post,
        root=post.root,
        place=post.place,
        rev=post.rev + 1,
        text=command.text,
        title=command.title.strip(),
        topics=topics_named(command.topics),
        mentions=command.mentions,
        notify=_told(facts, post.place, who.person, *command.mentions),
        reason=command.reason,
        at=context.now,
    )
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"post": post.post, "rev": event.rev})


def delete_post(
    command: DeletePost, who: PersonFact, facts: Facts, context: Context
) -> Decided | Refusal:
    post = readable_post(command.post, who, facts)
    if isinstance(post, Refusal):
        return post
    if post.author != who.person:
        return refuse(
            Code.FORBIDDEN, "only the author can delete a post; moderators can hide it", "post"
        )
    event = PostDeleted(post=post.post, root=post.root, place=post.place, rev=post.rev + 1)
    drafts = in_place(post.place, facts, context, who.person, event, post.post)
    return Decided(drafts, {"post": post.post, "rev": event.rev})


def _with_citations(
    drafts: list[Draft],
    cites: tuple[str, ...],
    post: str,
    place: str,
    who: PersonFact,
    facts: Facts,
    context: Context,
) -> Decided | Refusal:
    for cited in dict.fromkeys(cites):
        fact = readable_post(cited, who, facts)
        if isinstance(fact, Refusal):
            return refuse(fact.code, f"a cited post cannot be used: {fact.message}", "cites")
        event = CitationChanged(
            citing=post, cited=cited, place=place, author=fact.author, rev=1, on=True
        )
        drafts += [
            Draft(lane, who.person, event, (post, cited))
            for lane in lanes_of_both(place, fact.place, facts, context)
        ]
    return Decided(drafts, {"post": post})


def _told(facts: Facts, place: str, actor: str, *people: str) -> tuple[str, ...]:
    """Whom to notify: the others named who may read the place; to be mentioned opens no door (I12)."""
    named = [person for person in dict.fromkeys(people) if person and person != actor]
    return tuple([person for person in named if may_read_place(facts, person, place)])


def _check_place(command: PublishPost, who: PersonFact, facts: Facts) -> Refusal | None:
    if not may_read_place(facts, who.person, command.place):
        return refuse(Code.NOT_FOUND, "there is no such place that you can see", "place")
    in_conversation = command.place.startswith("d:")
    if in_conversation != (command.kind == "message"):
        return refuse(
            Code.BAD_VALUE, "messages go to conversations, every other kind to communities", "kind"
        )
    if in_conversation:
        return None
    if command.kind == "announcement" and not _may_announce(command.place[2:], who, facts):
        return refuse(
            Code.FORBIDDEN, "announcements are for moderators and communications leaders", "kind"
        )
    return _check_archived(command.place, facts)


def _may_announce(community: str, who: PersonFact, facts: Facts) -> bool:
    if "communications_leader" in who.roles:
        return True
    return may_moderate(facts.community(community), facts.member(community, who.person), who)


def _check_archived(place: str, facts: Facts) -> Refusal | None:
    community = facts.community(place[2:]) if place.startswith("c:") else None
    if community is not None and community.archived:
        return refuse(Code.LOCKED, "this community is archived: it can be read only", "place")
    return None


def _check_shape(command: PublishPost) -> Refusal | None:
    if command.kind in TITLED and not command.title.strip():
        return refuse(Code.BAD_VALUE, f"a post of kind {command.kind} needs a title", "title")
    if not command.text.strip() and not command.title.strip() and not command.attachments:
        return refuse(Code.BAD_VALUE, "a post needs a text, a title or a file", "text")
    for kind, part in PARTS.items():
        present = getattr(command, part) is not None
        if present and command.kind != kind:
            return refuse(Code.BAD_VALUE, f"{part} belongs to a post of kind {kind}", part)
        if not present and command.kind == kind and kind != "announcement":
            return refuse(Code.BAD_VALUE, f"a post of kind {kind} needs its {part} part", part)
    return None


def _check_poll(command: PublishPost) -> Refusal | None:
    poll = command.poll
    if poll is None:
        return None
    choices = [choice.strip() for choice in poll.choices]
    if not 2 <= len(choices) <= limits.CHOICES_PER_POLL_MAX:
        return refuse(
            Code.BAD_VALUE, f"a poll has 2 to {limits.CHOICES_PER_POLL_MAX} choices", "poll.choices"
        )
    if any(not choice or len(choice) > limits.CHOICE_CHARS_MAX for choice in choices):
        return refuse(
            Code.BAD_VALUE,
            f"each choice has 1 to {limits.CHOICE_CHARS_MAX} characters",
            "poll.choices",
        )
    if len(set(choices)) < len(choices):
        return refuse(Code.BAD_VALUE, "two choices of the poll are the same", "poll.choices")
    if poll.closes_at is not None and not 0 < poll.closes_at < POLL_CLOSES_BEFORE:
        return refuse(
            Code.BAD_VALUE,
            "a poll closes at a moment in UTC milliseconds, or has none and stays open",
            "poll.closes_at",
        )
    if poll.count != "schulze" and poll.method != "ranked":
        return refuse(Code.BAD_VALUE, "only a ranked poll has a way to count ranks", "poll.count")
    if poll.count == "instant_runoff" and poll.secret:
        # Whole rankings would be added up, and an unusual one is a signature (I11).
        return refuse(Code.BAD_VALUE, "a secret ranked poll is counted by pairs", "poll.count")
    return None


def _check_paper(command: PublishPost) -> Refusal | None:
    paper = command.paper
    if paper is None:
        return None
    if len(paper.abstract) > limits.ABSTRACT_CHARS_MAX:
        return refuse(
            Code.BAD_VALUE,
            f"an abstract has up to {limits.ABSTRACT_CHARS_MAX} characters",
            "paper.abstract",
        )
    is_address = paper.link == "" or paper.link.startswith(WEB_ADDRESS)
    if len(paper.link) > limits.LINK_CHARS_MAX or not is_address:
        return refuse(Code.BAD_VALUE, "a paper's link is a web address", "paper.link")
    if len(paper.coauthors) > limits.MENTIONS_PER_POST_MAX or not all(
        map(PERSON_PATTERN.fullmatch, paper.coauthors)
    ):
        return refuse(
            Code.BAD_VALUE,
            f"coauthors are up to {limits.MENTIONS_PER_POST_MAX} people",
            "paper.coauthors",
        )
    return None


def _check_praise(
    command: PublishPost, who: PersonFact, facts: Facts, context: Context
) -> Refusal | None:
    praise = command.praise
    if praise is None:
        return None
    if praise.to == who.person:
        return refuse(Code.BAD_VALUE, "praise is for somebody else", "praise.to")
    if facts.person(praise.to) is None:
        return refuse(Code.NOT_FOUND, f"nobody is called {praise.to}", "praise.to")
    if not 1 <= len(praise.behaviour.strip()) <= limits.REASON_CHARS_MAX:
        return refuse(Code.BAD_VALUE, "say what the person did", "praise.behaviour")
    if facts.praises(who.person, week_start(context.now)) >= limits.PRAISE_PER_WEEK_MAX:
        return refuse(
            Code.ALLOWANCE_SPENT,
            f"you praised {limits.PRAISE_PER_WEEK_MAX} times this week: on Monday you can again",
            "praise",
        )
    return None


def week_start(now: int) -> int:
    """When the week of a moment began, in UTC milliseconds: on its Monday at 00:00 UTC."""
    return now - (now - FIRST_MONDAY_MS) % WEEK_MS


RULES: dict[type, Rule] = {
    PublishPost: publish_post,
    PublishReply: publish_reply,
    EditPost: edit_post,
    DeletePost: delete_post,
}
