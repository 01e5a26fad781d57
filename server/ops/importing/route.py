"""Which region must write a record (I7): its author's home, or the community's own."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from server.domain.import_records import (
    ImportAcceptance,
    ImportCommunity,
    ImportPerson,
    ImportPost,
    ImportRecord,
    ImportReply,
    ImportVote,
)
from server.ops.importing.homes import HomeRule


def region(record: ImportRecord, home: HomeRule) -> str:
    """The home of the person who acts; of the community when it is the community itself.

    A vote names no voter and is written by the home of the content's author. One whose author is
    unknown goes where the community lives."""
    match record:
        case ImportPerson(person=person):
            return home(person)
        case ImportCommunity(community=community):
            return home(community)
        case ImportPost(author=author) | ImportReply(author=author):
            return home(author)
        case ImportAcceptance(by=by):
            return home(by)
        case ImportVote(by=by, community=community):
            return home(by or community)
        case _:
            assert_never(record)


def only(name: str, records: Iterable[ImportRecord], home: HomeRule) -> Iterator[ImportRecord]:
    """The records one region must write."""
    return (record for record in records if region(record, home) == name)
