"""Who may write an event (I7), told from the event alone so that every node agrees in any order (I6).

Everything else about merging is one rule, applied by the projections: a register takes the higher
``rev``; a deletion is final; things that are written once are kept. Where two origins claim the same
new object (an archive imported twice into different regions), the lower region code wins.
"""

from server.domain.events import (
    BallotKept,
    CaseDecided,
    CaseOpened,
    CommunityCreated,
    ConversationStarted,
    CreditsRuled,
    ErasureCompleted,
    Event,
    PersonHandedOver,
    PersonRegistered,
    PersonReleased,
    PollChecked,
    PollRegionClosed,
    PollTallied,
    ResidencyChanged,
    ScoringPolicyChanged,
    ScoringRootPublished,
)
from server.domain.ids import incarnation


def may_write(event: Event, origin: str) -> bool:
    """False when the event names another region as its writer: it is stored, never folded."""
    match event:
        case (
            PersonRegistered(home=home)
            | CommunityCreated(home=home)
            | ConversationStarted(home=home)
        ):
            return home == origin
        case (
            PollRegionClosed(region=region)
            | PollTallied(region=region)
            | PollChecked(region=region)
            | BallotKept(region=region)
            | ErasureCompleted(region=region)
            | ResidencyChanged(region=region)
            | ScoringPolicyChanged(region=region)
            | ScoringRootPublished(region=region)
            | CaseOpened(region=region)
            | CaseDecided(region=region)
            | CreditsRuled(region=region)
        ):
            return region == origin
        case PersonHandedOver(to=to) | PersonReleased(to=to):
            return to != origin
        case _:
            return True


def raised(rev: int, epoch: int) -> int:
    """The ``rev`` with which a writer in this epoch replaces a register of which it holds ``rev - 1``.

    A log that was restored may have lost changes that others hold, and must not give their numbers to
    new ones (docs/adr/0011). So what is written in a later incarnation starts above all that the ones
    before it can have reached: 2**30 changes of one object. Unchanged in the first incarnation.

    Each incarnation has 2**31 numbers. 28 random bits keep two of one ordinal apart (a backup put back
    twice), and as many of the count keep two changes of one commit in order."""
    if incarnation(epoch) == 1:
        return rev
    floor = incarnation(epoch) << 31 | (epoch & 0xFFFF_FFFF) >> 4
    return rev if rev > floor else floor + rev % 2**28
