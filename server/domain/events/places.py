"""Facts about communities, memberships, conversations and what was read in them."""

from server.domain.events.base import (
    CommunityRole,
    EditedCommunity,
    Event,
    Id,
    Member,
    Number,
    Rev,
    Source,
    Visibility,
)


class CommunityCreated(Event, frozen=True, kw_only=True):
    """A community exists; ``audience`` is the lane all its content travels in. Writer: its home."""

    community: Id
    home: Id
    name: str
    audience: str
    about: str = ""
    visibility: Visibility = "open"
    owner: Id = ""
    source: Source | None = None
    at: Number = 0


class CommunityChanged(Event, frozen=True, kw_only=True):
    """The settings anew. Writer: the community's home. Merge: higher rev."""

    community: Id
    rev: Rev
    settings: EditedCommunity


class MembershipChanged(Event, frozen=True, kw_only=True):
    """A person joined or left of their own accord. Writer: the person's home. Merge: higher rev."""

    community: Id
    person: Id
    rev: Rev
    joined: bool


class CommunityRoleChanged(Event, frozen=True, kw_only=True):
    """A role was given or taken; in a private community it is what lets a person in.

    Writer: the community's home. Merge: higher rev per (community, person)."""

    community: Id
    person: Id
    rev: Rev
    role: CommunityRole


class ConversationStarted(Event, frozen=True, kw_only=True):
    """Direct messages between two people or a small group. Writer: the starter's home.

    Members in more than two regions: one copy per pair lane, same body; the first copy counts."""

    conversation: Id
    home: Id
    members: tuple[Member, ...]
    title: str = ""
    at: Number = 0


class ConversationChanged(Event, frozen=True, kw_only=True):
    """Members or title anew. Writer: the conversation's home. Merge: higher rev."""

    conversation: Id
    rev: Rev
    members: tuple[Member, ...]
    title: str = ""


class ReadMarked(Event, frozen=True, kw_only=True):
    """A person read a place or thread up to a moment; syncs their own devices. Lane: local.

    Writer: the person's home. Merge: the later ``up_to``."""

    channel: Id
    up_to: Number
