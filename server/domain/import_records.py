"""Records of an import: each about one object of another system (docs/howto/import.md).

They are validated as commands are, and refused with the same codes.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from server.domain import limits
from server.domain.commands import (
    About,
    MaybePerson,
    Name,
    Object,
    People,
    Person,
    ShortText,
    Text,
    Time,
    Title,
    Topics,
    guard,
    refuse_nul,
)
from server.domain.events import PostKind, Source


class ImportBase(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="import", forbid_unknown_fields=True
):
    """``source`` names the record for ever: importing it again changes nothing."""

    source: Source

    def __post_init__(self) -> None:
        refuse_nul(self)
        for part in (self.source.system, self.source.id):
            if not 1 <= len(part) <= limits.IMPORT_KEY_CHARS_MAX:
                most = limits.IMPORT_KEY_CHARS_MAX
                raise ValueError(f"system and id of the source have 1 to {most} characters")


class ImportPerson(ImportBase, tag="person", frozen=True, kw_only=True):
    person: Person
    name: Name
    bot: bool = False
    title: ShortText = ""
    unit: ShortText = ""
    country: Annotated[str, Meta(max_length=2)] = ""


class ImportCommunity(ImportBase, tag="community", frozen=True, kw_only=True):
    community: Object
    name: Name
    about: About = ""
    at: Time


class ImportPost(ImportBase, tag="post", frozen=True, kw_only=True):
    post: Object
    author: Person
    community: Object
    kind: PostKind
    at: Time
    text: Text
    title: Title = ""
    topics: Topics = ()
    mentions: People = ()


class ImportReply(ImportBase, tag="reply", frozen=True, kw_only=True):
    post: Object
    author: Person
    community: Object
    root: Object
    parent: Object
    kind: Literal["reply", "answer"]
    at: Time
    text: Text
    mentions: People = ()


class ImportAcceptance(ImportBase, tag="acceptance", frozen=True, kw_only=True):
    """Routed to the home of the question's author, who is named as ``by``."""

    by: Person
    community: Object
    question: Object
    answer: Object
    author: MaybePerson = ""


class ImportVote(ImportBase, tag="vote", frozen=True, kw_only=True):
    """A vote without a voter. ``by``: the target's author, whose home region writes it."""

    by: MaybePerson = ""
    community: Object
    root: Object
    target: Object
    vote: ShortText
    at: Time


ImportRecord = (
    ImportPerson | ImportCommunity | ImportPost | ImportReply | ImportAcceptance | ImportVote
)

_IMPORT: msgspec.json.Decoder[ImportRecord] = msgspec.json.Decoder(ImportRecord)


def import_record(line: bytes) -> ImportRecord:
    """One line of an import file; as ``from_json``."""
    return guard(_IMPORT.decode, line)
