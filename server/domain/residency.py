"""What leaves a region, and in which lane: by field of a profile, by audience of content (I8).

docs/protocol/federation.md 21. A region's policy is an event of its own log (``residency.changed``),
so it can be told for each event which policy held when it was appended. What is withheld from the
global lane is left at its default there; the whole goes to ``local``, and to a policy group as much of
it as the group may have. All copies of one change carry the same ``rev``.
"""

from typing import get_args

import msgspec

from server.domain.events import (
    BallotKept,
    CaseDecided,
    CaseOpened,
    CreditsRuled,
    Event,
    FollowChanged,
    MembershipChanged,
    PersonalField,
    PersonHandedOver,
    PersonProfileChanged,
    PersonRegistered,
    PersonReleased,
    PersonRoleChanged,
    PersonStatusChanged,
    PersonTakenOver,
    PollClosed,
    PollRegionClosed,
    PollTallied,
    PostDeleted,
    ResidencyPolicy,
    ScoringChoiceChanged,
    ScoringHistoryErased,
    ScoringRootPublished,
    StandingPublished,
    TopicDefined,
)
from server.domain.facts import Facts
from server.domain.visibility import CONTROL, LOCAL

FIELDS: tuple[PersonalField, ...] = get_args(PersonalField)
REASON = "status_reason"
"""Why somebody was deactivated; stands in ``person.status_changed``, all other fields in the profile."""
DEFAULT = ResidencyPolicy(
    profile=("title", "unit", "country", "skills", "locale", "timezone"),
    in_groups={},
    audiences=("global", "group.*", "pair.*"),
)
"""What a company directory tells, and what people can be asked about. Not what they write about
themselves, and not why their account was closed: neither is needed to work with somebody abroad."""

EVERYTHING = ResidencyPolicy(profile=FIELDS, in_groups={}, audiences=DEFAULT.audiences)

DIRECTORY = (
    PersonRegistered,
    PersonProfileChanged,
    PersonStatusChanged,
    PersonRoleChanged,
    PersonHandedOver,
    PersonReleased,
    PersonTakenOver,
    TopicDefined,
    FollowChanged,
    StandingPublished,
    ScoringChoiceChanged,
    ScoringHistoryErased,
    ScoringRootPublished,
    CreditsRuled,
    BallotKept,
)
"""Who exists: known everywhere, or nobody could be addressed. Their fields have rules of their own. And of whoever
moves, that they have voted: held back, it would hold them back as well."""
ENDINGS = (PostDeleted, PollRegionClosed, PollTallied, PollClosed)
"""They end what left under an earlier policy; held back, it would stand abroad for ever."""

TELLINGS = (CaseOpened, CaseDecided)
"""They tell people of a case about themselves, wherever they live; to no region but theirs."""


def policy_of(region: str, facts: Facts) -> ResidencyPolicy:
    """The policy that holds for what this region appends now."""
    known = facts.residency(region)
    return known.policy if known is not None else DEFAULT


# -- content -------------------------------------------------------------------------------------------


def may_leave_in(lane: str, event: Event, policy: ResidencyPolicy) -> bool:
    """Whether an event may be appended to a lane at all; its fields are asked about below."""
    if lane in (LOCAL, CONTROL) or isinstance(event, DIRECTORY + ENDINGS + TELLINGS):
        return True
    if isinstance(event, MembershipChanged) and not event.joined:
        return True
    return leaves_in(lane, policy)


def leaves_in(lane: str, policy: ResidencyPolicy) -> bool:
    """Whether what people say may leave the region in a lane."""
    return lane in policy.audiences or f"{lane.partition('.')[0]}.*" in policy.audiences


# -- people --------------------------------------------------------------------------------------------


def leaving(policy: ResidencyPolicy, lane: str) -> frozenset[str]:
    """The fields about a person that may stand in a lane."""
    if lane == LOCAL:
        return frozenset(FIELDS)
    group = lane.removeprefix("group.") if lane.startswith("group.") else ""
    return frozenset((*policy.profile, *policy.in_groups.get(group, ())))


def withheld(event: Event, lane: str, policy: ResidencyPolicy) -> tuple[str, ...]:
    """Fields of the event that say something and may not stand in the lane."""
    allowed = leaving(policy, lane)
    return tuple([name for name in told(event) if name not in allowed])


def told(event: Event) -> tuple[str, ...]:
    """The fields about a person in which an event says anything at all."""
    if isinstance(event, PersonStatusChanged):
        return (REASON,) if event.reason else ()
    if not isinstance(event, PersonProfileChanged | PersonRegistered):
        return ()
    return tuple(
        [
            field.name
            for field in msgspec.structs.fields(event)
            if field.name in FIELDS and getattr(event, field.name) != field.default
        ]
    )


def public_part(event: Event, lane: str, policy: ResidencyPolicy) -> Event:
    """The event with what may not stand in the lane left at its default."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(event)}
    names = ["reason" if name == REASON else name for name in withheld(event, lane, policy)]
    return msgspec.structs.replace(event, **{name: defaults[name] for name in names})
