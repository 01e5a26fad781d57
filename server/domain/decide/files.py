"""Which of the files somebody uploaded become part of what they publish."""

from server.domain.commands import Attach
from server.domain.decide.base import refuse
from server.domain.errors import Code, Refusal
from server.domain.events import Attachment
from server.domain.facts import Facts, PersonFact


def attached(
    wished: tuple[Attach, ...], who: PersonFact, facts: Facts
) -> tuple[Attachment, ...] | Refusal:
    """Only one's own uploads: to know a file's hash gives nobody the right to show it."""
    files: dict[str, Attachment] = {}
    for number, wish in enumerate(wished):
        if wish.hash in files:
            return refuse(Code.BAD_VALUE, "the same file is attached twice", "attachments")
        upload = facts.upload(who.person, wish.hash)
        if upload is None:
            return refuse(
                Code.NOT_FOUND,
                f"{wish.name} is not among what you uploaded, or lay unused too long: upload it again",
                f"attachments[{number}]",
            )
        files[wish.hash] = Attachment(
            hash=wish.hash,
            type=upload.type,
            size=upload.size,
            name=wish.name.strip(),
            width=upload.width,
            height=upload.height,
            alt=wish.alt.strip(),
            stays=upload.stays,
            thumbnail=b"" if upload.stays else upload.thumbnail,
        )
    return tuple(files.values())
