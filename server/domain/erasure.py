"""What an erasure destroys: which events hold words about a post, and which words. PURE.

A reply, a reaction, a moderator's reason are acts of others and stay: a reply is erased by its own
request. Reports go, since they mostly quote what they report.
"""

from collections.abc import Collection, Iterable, Iterator

from server.domain.events import (
    Attachment,
    Event,
    FlagRaised,
    FlagResolved,
    PostEdited,
    PostPublished,
    ReplyPublished,
)


def post_told_by(event: Event | None) -> str:
    """The post whose erasure destroys this event's body; empty for an event that none does."""
    match event:
        case PostPublished(post=post) | ReplyPublished(post=post) | PostEdited(post=post):
            return post
        case FlagRaised(target=post) | FlagResolved(target=post):
            return post
        case _:
            return ""


def is_on_its_thread(event: Event, shown: Collection[str]) -> bool:
    """Whether the thread's channel leads to it: the usual case, and the one that is not indexed again."""
    return bool(shown) and isinstance(event, PostPublished | ReplyPublished)


def words_of(event: Event) -> Iterator[str]:
    """The free text of such an event; some may be empty."""
    match event:
        case PostPublished():
            yield from (event.title, event.text)
            if event.poll is not None:
                yield from event.poll.choices
            if event.paper is not None:
                yield from (event.paper.abstract, event.paper.link)
            if event.praise is not None:
                yield event.praise.behaviour
            yield from _words_of_files(event.attachments)
        case ReplyPublished():
            yield event.text
            yield from _words_of_files(event.attachments)
        case PostEdited():
            yield from (event.title, event.text, event.reason)
        case FlagRaised():
            yield event.reason
        case FlagResolved():
            yield event.note
        case _:
            pass


def _words_of_files(files: Iterable[Attachment]) -> Iterator[str]:
    for file in files:
        yield from (file.name, file.alt)
