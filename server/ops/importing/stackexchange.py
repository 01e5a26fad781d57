"""A question-and-answer archive: questions, answers, comments, accepted answers and votes.

The folder holds ``users.jsonl``, ``questions.jsonl``, ``answers.jsonl``, ``comments.jsonl`` and
``votes.jsonl``. The whole site becomes one community. Votes carry no voter and are kept as what they
are: shown, never scored. HTML becomes Markdown.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from server.domain.errors import Code, Refused
from server.domain.import_records import (
    ImportAcceptance,
    ImportCommunity,
    ImportPerson,
    ImportPost,
    ImportRecord,
    ImportReply,
    ImportVote,
)
from server.ops.importing import files, texts
from server.ops.importing.naming import Naming, millis
from server.ops.importing.report import Report

COMMUNITY_USER = -1
"""The site's own account. It "owns content from anonymous users" by the network's own words, so
what the archive holds without an author is given to it, and counted in the report."""


class User(msgspec.Struct, frozen=True):
    id: int
    name: str = ""


class Question(msgspec.Struct, frozen=True):
    id: int
    ts: str
    html: str
    title: str
    tags: tuple[str, ...] = ()
    author: int | None = None
    accepted: int | None = None
    closed: object = None


class Answer(msgspec.Struct, frozen=True):
    id: int
    ts: str
    html: str
    parent: int
    author: int | None = None


class Comment(msgspec.Struct, frozen=True):
    id: int
    ts: str
    text: str
    parent: int
    author: int | None = None


class Vote(msgspec.Struct, frozen=True):
    id: int
    post: int
    type: str
    day: str


class Place(NamedTuple):
    """A question or answer: its post, its question's post, who wrote it."""

    post: str
    root: str
    author: str


class Site(NamedTuple):
    """What a first reading keeps: ids and times, no texts. ``posts``: by source id."""

    community: str
    name: str
    at: int
    posts: dict[int, Place]


def convert(folder: Path, naming: Naming, name: str, report: Report) -> Iterator[ImportRecord]:
    """The archive as records; ``name`` is the community's. Raises Refused on a malformed row."""
    site = read_site(folder, naming, name)
    for user in files.rows(folder / "users.jsonl", User):
        yield person(user, naming, report)
    yield community(site, naming)
    for question in files.rows(folder / "questions.jsonl", Question):
        yield from question_records(question, site, naming, report)
    for answer in files.rows(folder / "answers.jsonl", Answer):
        yield from answer_records(answer, site, naming, report)
    for comment in files.rows(folder / "comments.jsonl", Comment):
        yield from comment_records(comment, site, naming, report)
    for vote in files.rows(folder / "votes.jsonl", Vote):
        yield from vote_records(vote, site, naming, report)
    note_what_stays_behind(folder, report)


def read_site(folder: Path, naming: Naming, name: str) -> Site:
    posts: dict[int, Place] = {}
    first = 2**47
    for question in files.rows(folder / "questions.jsonl", Question):
        at = millis(question.ts)
        first = min(first, at)
        post = naming.object(at, "post", question.id)
        posts[question.id] = Place(post, post, person_id(question.author, naming))
    for answer in files.rows(folder / "answers.jsonl", Answer):
        post = naming.object(millis(answer.ts), "post", answer.id)
        root = posts[answer.parent].root if answer.parent in posts else ""
        posts[answer.id] = Place(post, root, person_id(answer.author, naming))
    return Site(naming.object(first, "site", naming.system), name, first, posts)


def person_id(user: int | None, naming: Naming) -> str:
    return naming.person("community" if user in (None, COMMUNITY_USER) else str(user))


def person(user: User, naming: Naming, report: Report) -> ImportPerson:
    name = person_id(user.id, naming)
    return ImportPerson(
        source=naming.source("user", user.id),
        person=name,
        name=texts.name(user.name, name, report),
        bot=user.id == COMMUNITY_USER,
    )


def community(site: Site, naming: Naming) -> ImportCommunity:
    return ImportCommunity(
        source=naming.source("site", naming.system),
        community=site.community,
        name=site.name,
        about=f"From the archive {naming.system}; content under CC BY-SA, by the people named.",
        at=site.at,
    )


def question_records(
    question: Question, site: Site, naming: Naming, report: Report
) -> Iterator[ImportRecord]:
    place = site.posts[question.id]
    title, text = texts.titled(question.title, markdown(question.html), report)
    head, *rest = texts.parts(text)
    note_authorless(question, report)
    if question.closed is not None:
        report.note("questions marked closed: the mark is not carried over")
    yield ImportPost(
        source=naming.source("post", question.id),
        post=place.post,
        author=place.author,
        community=site.community,
        kind="question",
        at=millis(question.ts),
        title=title,
        text=head,
        topics=texts.topics(question.tags, report),
    )
    yield from continuations(question, "post", rest, place, site, naming, report)
    yield from acceptance(question, site, naming, report)


def acceptance(
    question: Question, site: Site, naming: Naming, report: Report
) -> Iterator[ImportAcceptance]:
    if question.accepted is None:
        return
    answer = site.posts.get(question.accepted)
    if answer is None:
        report.skip("acceptance", "the accepted answer is not in the archive")
        return
    asked = site.posts[question.id]
    yield ImportAcceptance(
        source=naming.source("acceptance", question.id),
        by=asked.author,
        community=site.community,
        question=asked.post,
        answer=answer.post,
        author=answer.author,
    )


def answer_records(
    answer: Answer, site: Site, naming: Naming, report: Report
) -> Iterator[ImportReply]:
    place = site.posts[answer.id]
    if not place.root:
        report.skip("answer", "its question is not in the archive")
        return
    head, *rest = texts.parts(markdown(answer.html))
    note_authorless(answer, report)
    yield ImportReply(
        source=naming.source("post", answer.id),
        post=place.post,
        author=place.author,
        community=site.community,
        root=place.root,
        parent=place.root,
        kind="answer",
        at=millis(answer.ts),
        text=head,
    )
    yield from continuations(answer, "post", rest, place, site, naming, report)


def comment_records(
    comment: Comment, site: Site, naming: Naming, report: Report
) -> Iterator[ImportReply]:
    above = site.posts.get(comment.parent)
    if above is None or not above.root:
        report.skip("comment", "its post is not in the archive")
        return
    head, *rest = texts.parts(comment.text)
    note_authorless(comment, report)
    at = millis(comment.ts)
    place = Place(
        naming.object(at, "comment", comment.id), above.root, person_id(comment.author, naming)
    )
    yield ImportReply(
        source=naming.source("comment", comment.id),
        post=place.post,
        author=place.author,
        community=site.community,
        root=above.root,
        parent=above.post,
        kind="reply",
        at=at,
        text=head,
    )
    yield from continuations(comment, "comment", rest, place, site, naming, report)


def vote_records(vote: Vote, site: Site, naming: Naming, report: Report) -> Iterator[ImportVote]:
    target = site.posts.get(vote.post)
    if target is None or not target.root:
        report.skip(f"vote {vote.type}", "its post is not in the archive")
        return
    yield ImportVote(
        source=naming.source("vote", vote.id),
        by=target.author,
        community=site.community,
        root=target.root,
        target=target.post,
        vote=vote.type,
        at=millis(vote.day),
    )


def continuations(
    row: Question | Answer | Comment,
    kind: str,
    rest: list[str],
    place: Place,
    site: Site,
    naming: Naming,
    report: Report,
) -> Iterator[ImportReply]:
    """The rest of a text too long for one post, as its author's replies to it."""
    at = millis(row.ts)
    for number, part in enumerate(rest, 2):
        report.note("texts too long for one post: continued in replies")
        source_id = f"{row.id}#{number}"
        yield ImportReply(
            source=naming.source(kind, source_id),
            post=naming.object(at, kind, source_id),
            author=place.author,
            community=site.community,
            root=place.root,
            parent=place.post,
            kind="reply",
            at=at,
            text=part,
        )


def markdown(html: str) -> str:
    """HTML as the Markdown Tap's clients show."""
    try:
        from markdownify import markdownify
    except ImportError:
        raise Refused(
            Code.BAD_VALUE, "HTML needs the extra `convert`: pip install 'tap-server[convert]'"
        ) from None
    text: str = markdownify(html, heading_style="ATX", bullets="-")
    return text.strip()


def note_authorless(row: Question | Answer | Comment, report: Report) -> None:
    if row.author is None:
        report.note("posts and comments without an author: given to the site's own account")


def note_what_stays_behind(folder: Path, report: Report) -> None:
    badges = folder / "badges.jsonl"
    if badges.exists():
        with files.opened(badges) as lines:
            report.note("badges: Tap has none", sum(1 for _ in lines))
    report.note("reputation, views and earlier edits: not carried over")
