"""Names in Tap for things of another system: pure in the source, so a second run makes no doubles."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from server.domain import ids
from server.domain.events import Source

_NOT_IN_PERSON_IDS = re.compile(r"[^a-z0-9._-]+")


class Naming(NamedTuple):
    """``system`` names the archive for ever (in ids too); ``prefix`` begins its people's ids."""

    system: str
    prefix: str

    def source(self, kind: str, source_id: str | int) -> Source:
        """Source ids of different kinds overlap in most systems; the kind keeps them apart."""
        return Source(system=self.system, id=f"{kind}/{source_id}")

    def object(self, at: int, kind: str, source_id: str | int) -> str:
        """The object's id: time first, so that imported things sort where they belong."""
        return ids.derived_object_id(at, self.system, kind, str(source_id))

    def person(self, source_id: str | int) -> str:
        """``<prefix>.<id>``, in the letters a person id may hold.

        Raises ValueError when nothing usable is left."""
        name = f"{self.prefix}.{_NOT_IN_PERSON_IDS.sub('-', str(source_id).lower())}"
        if not ids.PERSON_PATTERN.fullmatch(name):
            raise ValueError(f"{source_id!r} makes no person id with the prefix {self.prefix!r}")
        return name


def millis(text: str) -> int:
    """UTC milliseconds of an ISO 8601 time or day; a time without a zone is UTC.

    Raises ValueError when the text is neither."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
