"""From events to the rows of ``score_acts``: what may earn somebody credit, as the tap brought it. Pure.

Four sorts of rows share the table:

- *judgements*  somebody's act on a content, in a register that is one giver's about one content
- *fates*       what happened to a content (deleted, hidden); no giver, no author
- *profiles*    a person's unit and country from a moment on; no content, no quarter
- *parts*       claims and grants, that make a judgement together (``score_parts``)

Rows hold what the event said and nothing looked up, so they never depend on what else had arrived;
``score_desk`` joins them with content and profiles when lines are computed.
"""

from collections.abc import Iterable
from functools import partial

import msgspec

from server.app.score_parts import REPORTED, part_moves
from server.app.score_rows import Data, Family, Move, Row, row_of
from server.domain.events import (
    AnswerAccepted,
    CitationChanged,
    ErasureRequested,
    IdeaStageChanged,
    ModerationActed,
    PersonProfileChanged,
    PersonRegistered,
    PostDeleted,
    PostPublished,
    ReactionChanged,
    VerificationChanged,
)
from server.domain.ids import incarnation
from server.domain.merge import may_write
from server.domain.visibility import GLOBAL
from server.storage.event_log import Record

IDEA_KINDS = {
    "shortlisted": "idea_shortlisted",
    "accepted": "idea_accepted",
    "piloted": "idea_accepted",
    "shipped": "idea_shipped",
}
"""Stage -> act; a pilot keeps the acceptance that led to it, every other stage takes it back."""
OWN = "loop_closed"
LAST = 2**53
"""Higher than any revision."""


def moves(record: Record) -> list[Move]:
    """What an event adds to the acts; nothing for most."""
    if record.event is None or not may_write(record.event, record.id.region):
        return []
    return part_moves(record) + _judgements(record)


def _judgements(record: Record) -> list[Move]:
    match event := record.event:
        case ReactionChanged(reaction="helpful" | "solved", target=target, author=author):
            register = f"{event.reaction}:{target}:{record.actor}"
            return _given(record, event.reaction, register, event, author, target)
        case VerificationChanged(target=target, author=author):
            register = f"verified:{target}:{record.actor}"
            return _given(record, "verified", register, event, author, target)
        case CitationChanged(citing=citing, cited=cited, author=author):
            return _given(record, "cited", f"cited:{cited}:{citing}", event, author, cited)
        case PostPublished(praise=praise, source=None) if praise is not None:
            row = row_of(record, f"praised:{event.post}@1", "praised", praise.to, event.post)
            return [Move(row)]
        case AnswerAccepted(source=None):
            return _accepted(record, event)
        case IdeaStageChanged():
            return [_moved(record, event)]
        case PersonRegistered(person=person):
            return [Move(_profile(record, person, 1, event))]
        case PersonProfileChanged(person=person, rev=rev):
            return [Move(_profile(record, person, rev, event))]
        case _:
            return _fates(record)


def _given(
    record: Record,
    kind: str,
    register: str,
    event: ReactionChanged | VerificationChanged | CitationChanged,
    author: str,
    content: str,
) -> list[Move]:
    """A plain switch of the actor's own."""
    if not record.actor:
        return []
    return [Move(row_of(record, f"{register}@{event.rev}", kind, author, content, on=event.on))]


def _accepted(record: Record, event: AnswerAccepted) -> list[Move]:
    """The answer's author is credited by the asker, and the asker for closing the loop."""
    asker, answer, question = record.actor, event.answer or "", event.question
    answers = Family(f"accepted:{question}:", "giver", asker, answer)
    closers = Family(f"{OWN}:{question}:", "content", question, event.author if answer else "")
    author = event.author if answer else ""
    accepted = row_of(
        record,
        f"{answers.prefix}{answer}@{event.rev}",
        "accepted",
        author,
        answer,
        on=answer != "",
    )
    closed = row_of(
        record,
        f"{closers.prefix}{closers.chosen}@{event.rev}",
        OWN,
        asker,
        question,
        giver=closers.chosen,
        on=closers.chosen != "",
    )
    return [Move(accepted, answers), Move(closed, closers)]


def _moved(record: Record, event: IdeaStageChanged) -> Move:
    kind = IDEA_KINDS.get(event.stage, "")
    mover = record.actor if kind else ""
    movers = Family(f"idea:{event.post}:", "content", event.post, mover)
    act = f"{movers.prefix}{mover}@{event.rev}"
    row = row_of(record, act, kind, event.author, event.post, giver=mover, on=kind != "")
    return Move(row, movers)


def _fates(record: Record) -> list[Move]:
    match record.event:
        case PostDeleted(post=post, rev=rev):
            return [Move(_fate(record, f"deleted:{post}@{rev}", "deleted", post))]
        case ErasureRequested(posts=posts):
            return [Move(row) for post in posts for row in _erased(record, post.post)]
        case ModerationActed(act="hide", target=post, rev=rev, on=on):
            return [Move(_fate(record, f"hidden:{post}@{rev}", "hidden", post, on))]
        case _:
            return []


def _fate(record: Record, act: str, kind: str, post: str, on: bool = True) -> Row:
    return row_of(record, act, kind, "", post, giver="", on=on)


def _erased(record: Record, post: str) -> list[Row]:
    """What others did with it lapses. What only a destroyed body told is off for ever, so that it comes to the
    same where that body never came: whom it praised, that it asked for a quorum, who reported it."""
    off = partial(row_of, record, author="", giver="", on=False)
    return [
        _fate(record, f"erased:{post}@1", "deleted", post),
        off(f"praised:{post}@{LAST}", "praised", content=post),
        off(f"asked:{post}@{LAST}", "asked", content=post),
        off(f"report_upheld:{post}@{LAST}", "report_upheld", content=REPORTED + post),
    ]


def destroyed(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    """What some rows turned off for ever: the content, how the names of the acts begin that said it, and the one
    that says it is off."""
    return [
        (row.content, "report" if row.content.startswith(REPORTED) else row.data.kind, row.act)
        for row in rows
        if row.act.endswith(f"@{LAST}")
    ]


def _profile(
    record: Record, person: str, rev: int, event: PersonRegistered | PersonProfileChanged
) -> Row:
    data = Data(
        kind="profile",
        at=record.at,
        position=record.position,
        unit=event.unit,
        country=event.country,
    )
    # Two that say one revision have a row each, whichever comes first: a narrower lane may tell more of it, and
    # a log that was restored may register anew whom it had lost.
    copy = "" if record.id.lane == GLOBAL else f"/{record.id.lane}"
    anew = f"+{record.id.epoch:x}" if rev == 1 and incarnation(record.id.epoch) > 1 else ""
    return Row(f"person:{person}{copy}{anew}@{rev}", person, "", "", "", data)


def spread(family: Family, known: Iterable[Row], new: Row) -> list[Row]:
    """The rows a family lacks once it has ``new``: each change of the choice, told to every register.

    Whatever the order in which changes arrive, the same rows are there in the end."""
    rows = {row.act: row for row in (*known, new)}
    nobody = family.prefix
    members = {row.register: row for row in rows.values() if row.register != nobody}
    choices = [row for row in rows.values() if row.data.on or row.register == nobody]
    added = {new.act: new}
    for choice in choices:
        for register, member in members.items():
            act = f"{register}@{choice.rev}"
            if act not in rows:
                added[act] = _taken_back(member, act, choice)
    return list(added.values())


def _taken_back(member: Row, act: str, choice: Row) -> Row:
    data = msgspec.structs.replace(choice.data, kind="", on=False)
    return member._replace(act=act, quarter=choice.quarter, data=data)
