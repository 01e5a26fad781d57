"""Facts about people."""

from server.domain.events.base import CarriedKey, Event, Id, LaneEnd, RegionRole, Rev, Source


class PersonRegistered(Event, frozen=True, kw_only=True):
    """A colleague exists. Writer: their home region. Merge: first wins (rev 1 of the profile)."""

    person: Id
    home: Id
    name: str
    title: str = ""
    unit: str = ""
    country: str = ""
    locale: str = "en"
    timezone: str = "UTC"
    bot: bool = False
    source: Source | None = None


class PersonProfileChanged(Event, frozen=True, kw_only=True):
    """The whole profile anew. Writer: home region. Merge: higher rev."""

    person: Id
    rev: Rev
    name: str
    title: str = ""
    unit: str = ""
    country: str = ""
    about: str = ""
    skills: tuple[str, ...] = ()
    locale: str = "en"
    timezone: str = "UTC"


class PersonStatusChanged(Event, frozen=True, kw_only=True):
    """Activated or deactivated (left, suspended). Writer: home region. Merge: higher rev."""

    person: Id
    rev: Rev
    active: bool
    reason: str = ""


class PersonRoleChanged(Event, frozen=True, kw_only=True):
    """A region-wide role granted or taken. Writer: home region. Merge: higher rev per (person, role)."""

    person: Id
    role: RegionRole
    rev: Rev
    on: bool


class PersonHandedOver(Event, frozen=True, kw_only=True):
    """The old home gives a moving person up; they are read-only until taken over. Writer: old home."""

    person: Id
    to: Id
    rev: Rev


class PersonReleased(Event, frozen=True, kw_only=True):
    """The old home has written all that the new one needs: from here on only that may decide.

    Writer: old home, in the lane of the two. Merge: higher rev per person, that of the handover."""

    person: Id
    to: Id
    rev: Rev
    cut: tuple[LaneEnd, ...] = ()
    """How far the lanes must be held that may hold something of the person's own."""
    keys: tuple[CarriedKey, ...] = ()


class PersonTakenOver(Event, frozen=True, kw_only=True):
    """The new home takes the person; from here on it writes for them. Writer: new home, or the old one
    itself when the move is called off."""

    person: Id
    previous: Id
    rev: Rev
