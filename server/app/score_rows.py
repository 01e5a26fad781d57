"""The rows of ``score_acts`` and how they are stored. Pure.

A row holds what an event said and nothing looked up. Its id is ``<register>@<rev>``, so a repeat, or the copy
of an event in a second lane, is the same row.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec

from server.domain.visibility import GLOBAL
from server.scoring.rules import quarter_of
from server.storage.event_log import Record


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
    region: str = ""
    """Whose word it is, where only one region's counts: of a claim and its grant, of a ruling."""
    ruling: bool = False
    """It is about credits, not about a content."""


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


def row_of(
    record: Record,
    act: str,
    kind: str,
    author: str,
    content: str,
    *,
    giver: str | None = None,
    on: bool = True,
) -> Row:
    """The row of an event by its actor, or by ``giver``."""
    public = record.id.lane == GLOBAL
    data = Data(kind=kind, at=record.at, position=record.position, on=on, public=public)
    who = record.actor if giver is None else giver
    return Row(act, who, author, content, quarter_of(record.at), data)


_encode = msgspec.json.Encoder()
_decode = msgspec.json.Decoder(Data).decode


def to_columns(row: Row) -> dict[str, Any]:
    act, giver, author, content, quarter, data = row
    return {
        "act": act,
        "giver": giver,
        "author": author,
        "content": content,
        "quarter": quarter,
        "data": _encode.encode(data).decode(),
    }


def from_columns(columns: Iterable[Any]) -> Row:
    """From (act, giver, author, content, quarter, data) as stored."""
    act, giver, author, content, quarter, data = columns
    return Row(act, giver, author, content, quarter, _decode(data))
