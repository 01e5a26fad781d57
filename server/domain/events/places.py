"""Facts about communities, memberships, conversations and what was read in them."""

from server.domain.events.base import (
    CommunityRole,
    EditedCommunity,
    Event,
    Member,
    Source,
    Visibility,
)


class CommunityCreated(Event, frozen=True, kw_only=True):
    """A community exists; ``audience`` is the lane all its content travels in. Writer: its home."""

    community: str
    home: str
    name: str
    audience: str
    about: str = ""
    visibility: Visibility = "open"
    owner: str = ""
    source: Source | None = None
    at: int = 0


class CommunityChanged(Event, frozen=True, kw_only=True):
    """The settings anew. Writer: the community's home. Merge: higher rev."""

    community: str
    rev: int
    settings: EditedCommunity


class MembershipChanged(Event, frozen=True, kw_only=True):
    """A person joined or left of their own accord. Writer: the person's home. Merge: higher rev."""

    community: str
    person: str
    rev: int
    joined: bool


class CommunityRoleChanged(Event, frozen=True, kw_only=True):
    """A role was given or taken; in a private community it is what lets a person in.

    Writer: the community's home. Merge: higher rev per (community, person)."""

    community: str
    person: str
    rev: int
    role: CommunityRole


class ConversationStarted(Event, frozen=True, kw_only=True):
    """Direct messages between two people or a small group. Writer: the starter's home.

    Members in more than two regions: one copy per pair lane, same body; the first copy counts."""

    conversation: str
    home: str
    members: tuple[Member, ...]
    title: str = ""
    at: int = 0


class ConversationChanged(Event, frozen=True, kw_only=True):
    """Members or title anew. Writer: the conversation's home. Merge: higher rev."""

    conversation: str
    rev: int
    members: tuple[Member, ...]
    title: str = ""


class ReadMarked(Event, frozen=True, kw_only=True):
    """A person read a place or thread up to a moment; syncs their own devices. Lane: local.

    Writer: the person's home. Merge: the later ``up_to``."""

    channel: str
    up_to: int
