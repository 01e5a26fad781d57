"""What ``decide`` and ``visibility`` may ask about the current state.

``Facts`` is a port: storage answers it inside the writer's transaction, so a command sees every
command decided before it, also in the same batch. Guarantee: answers reflect exactly the events
committed so far plus those of the running transaction; an unknown object is None or a zero register.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from server.domain.events import PollSpec, ResidencyPolicy


class PersonFact(NamedTuple):
    person: str
    home: str
    active: bool
    bot: bool
    unit: str
    country: str
    rev: int
    status_rev: int
    roles: frozenset[str]


class CommunityFact(NamedTuple):
    community: str
    home: str
    visibility: str
    audience: str
    archived: bool
    rev: int


class MemberFact(NamedTuple):
    """``joined``: the person's own wish; ``role``: what the community's home granted."""

    joined: bool
    joined_rev: int
    role: str
    role_rev: int


class ConversationFact(NamedTuple):
    conversation: str
    home: str
    members: tuple[tuple[str, str], ...]
    """(person, home region) of each member."""
    rev: int


class PostFact(NamedTuple):
    post: str
    kind: str
    place: str
    root: str
    parent: str
    author: str
    rev: int
    deleted: bool
    imported: bool
    poll: PollSpec | None
    announcement: bool


class ProfileFact(NamedTuple):
    """All that a person's home knows of them."""

    person: str
    rev: int
    name: str
    title: str
    unit: str
    country: str
    about: str
    skills: tuple[str, ...]
    locale: str
    timezone: str


class ResidencyFact(NamedTuple):
    """A region's policy as its log has it, and which regions its lanes are for."""

    rev: int
    policy: ResidencyPolicy
    regions: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]


class Register(NamedTuple):
    """The state of one switch: its writer's count of changes and whether it is on."""

    rev: int
    on: bool


class ValueRegister(NamedTuple):
    """The state of one register with a value (the accepted answer, an idea's stage ...)."""

    rev: int
    value: str


NO_MEMBER = MemberFact(False, 0, "none", 0)
OFF = Register(0, False)
UNSET = ValueRegister(0, "")


class Facts(Protocol):
    """Read access to current state; see the module's guarantee."""

    def person(self, person: str) -> PersonFact | None: ...
    def community(self, community: str) -> CommunityFact | None: ...
    def member(self, community: str, person: str) -> MemberFact: ...
    def conversation(self, conversation: str) -> ConversationFact | None: ...
    def post(self, post: str) -> PostFact | None: ...
    def reaction(self, target: str, person: str, reaction: str, emoji: str) -> Register: ...
    def acceptance(self, question: str) -> ValueRegister: ...
    def verification(self, target: str, person: str) -> Register: ...
    def citation(self, citing: str, cited: str) -> Register: ...
    def follow(self, person: str, kind: str, target: str) -> Register: ...
    def ballot(self, poll: str, person: str) -> ValueRegister: ...
    def acknowledged(self, post: str, person: str) -> bool: ...
    def idea_stage(self, post: str) -> ValueRegister: ...
    def moderation(self, target: str, act: str) -> Register: ...
    def hidden_at_home(self, target: str) -> Register: ...
    def person_role(self, person: str, role: str) -> Register: ...
    def flag(self, target: str, person: str) -> Register: ...
    def flag_resolution(self, target: str) -> Register: ...
    def topic_rev(self, topic: str) -> int: ...
    def read_mark(self, person: str, channel: str) -> int: ...
    def residency(self, region: str) -> ResidencyFact | None: ...
    def profiles(self, home: str) -> Iterable[ProfileFact]: ...
    def vote_imported(self, system: str, source_id: str) -> bool: ...
