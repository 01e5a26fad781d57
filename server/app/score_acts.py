"""From events to the rows of ``score_acts``: what may earn somebody credit, as the tap brought it. Pure.

A row's id is ``<register>@<rev>``, so a repeat, or the copy of an event in a second lane, is the same
row. Three sorts of rows share the table:

- *judgements*  somebody's act on a content, in a register that is one giver's about one content
- *fates*       what happened to a content (deleted, hidden); no giver, no author
- *profiles*    a person's unit and country from a moment on; no content, no quarter

Rows hold what the event said and nothing looked up, so they never depend on what else had arrived;
``score_store`` joins them with content and profiles when lines are computed.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec

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
from server.domain.merge import may_write
from server.domain.visibility import GLOBAL
from server.scoring.rules import quarter_of
from server.storage.event_log import Record

IDEA_KINDS = {
    "shortlisted": "idea_shortlisted",
    "accepted": "idea_accepted",
    "piloted": "idea_accepted",
    "shipped": "idea_shipped",
}
"""Stage -> act; a pilot keeps the acceptance that led to it, every other stage takes it back."""
OWN = "loop_closed"


class Data(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a row that no query asks for (JSON in the column ``data``)."""

    kind: str
    at: int
    position: int
    """This node's position of the event: the name of a ledger line, which must not tell its giver."""
    on: bool = True
    public: bool = False
    unit: str = ""
    country: str = ""


class Row(NamedTuple):
    act: str
    giver: str
    author: str
    content: str
    quarter: str
    data: Data

    @property
    def register(self) -> str:
        return self.act.rpartition("@")[0]

    @property
    def rev(self) -> int:
        return int(self.act.rpartition("@")[2])


class Family(NamedTuple):
    """Registers of which one at most is on: the answers to a question, the movers of an idea."""

    prefix: str
    column: Literal["giver", "content"]
    """Under which column, with which value, all rows of the family are found."""
    value: str
    chosen: str
    """Who or what this event chose; empty for none."""


class Move(NamedTuple):
    """A row to keep, alone or as one of a family that the others have to hear of."""

    row: Row
    family: Family | None = None


def moves(record: Record) -> list[Move]:
    """What an event adds to the acts; nothing for most."""
    event = record.event
    if event is None or not may_write(event, record.id.region):
        return []
    match event:
        case ReactionChanged(reaction="helpful" | "solved", target=target, author=author):
            register = f"{event.reaction}:{target}:{record.actor}"
            return _given(record, event.reaction, register, event, author, target)
        case VerificationChanged(target=target, author=author):
            register = f"verified:{target}:{record.actor}"
            return _given(record, "verified", register, event, author, target)
        case CitationChanged(citing=citing, cited=cited, author=author):
            return _given(record, "cited", f"cited:{cited}:{citing}", event, author, cited)
        case PostPublished(praise=praise, source=None) if praise is not None:
            row = _row(record, f"praised:{event.post}@1", "praised", praise.to, event.post)
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


def _row(
    record: Record,
    act: str,
    kind: str,
    author: str,
    content: str,
    *,
    giver: str | None = None,
    on: bool = True,
) -> Row:
    public = record.id.lane == GLOBAL
    data = Data(kind=kind, at=record.at, position=record.position, on=on, public=public)
    who = record.actor if giver is None else giver
    return Row(act, who, author, content, quarter_of(record.at), data)


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
    return [Move(_row(record, f"{register}@{event.rev}", kind, author, content, on=event.on))]


def _accepted(record: Record, event: AnswerAccepted) -> list[Move]:
    """The answer's author is credited by the asker, and the asker for closing the loop."""
    asker, answer, question = record.actor, event.answer or "", event.question
    answers = Family(f"accepted:{question}:", "giver", asker, answer)
    closers = Family(f"{OWN}:{question}:", "content", question, event.author if answer else "")
    author = event.author if answer else ""
    accepted = _row(
        record,
        f"{answers.prefix}{answer}@{event.rev}",
        "accepted",
        author,
        answer,
        on=answer != "",
    )
    closed = _row(
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
    row = _row(record, act, kind, event.author, event.post, giver=mover, on=kind != "")
    return Move(row, movers)


def _fates(record: Record) -> list[Move]:
    match record.event:
        case PostDeleted(post=post, rev=rev):
            return [Move(_fate(record, f"deleted:{post}@{rev}", "deleted", post))]
        case ErasureRequested(posts=posts):
            gone = [post.post for post in posts]
            return [Move(_fate(record, f"erased:{post}@1", "deleted", post)) for post in gone]
        case ModerationActed(act="hide", target=post, rev=rev, on=on):
            return [Move(_fate(record, f"hidden:{post}@{rev}", "hidden", post, on))]
        case _:
            return []


def _fate(record: Record, act: str, kind: str, post: str, on: bool = True) -> Row:
    return _row(record, act, kind, "", post, giver="", on=on)


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
    # A narrower lane may tell more of the same revision: a row of its own, whichever comes first.
    copy = "" if record.id.lane == GLOBAL else f"/{record.id.lane}"
    return Row(f"person:{person}{copy}@{rev}", person, "", "", "", data)


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


_encode = msgspec.json.Encoder()
_decode = msgspec.json.Decoder(Data).decode


def to_columns(row: Row) -> dict[str, Any]:
    return {**row._asdict(), "data": _encode.encode(row.data).decode()}


def from_columns(columns: Iterable[Any]) -> Row:
    """From (act, giver, author, content, quarter, data) as stored."""
    act, giver, author, content, quarter, data = columns
    return Row(act, giver, author, content, quarter, _decode(data))
