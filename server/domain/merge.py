"""Who may write an event (I7), told from the event alone so that every node agrees in any order (I6).

Everything else about merging is one rule, applied by the projections: a register takes the higher
``rev``; a deletion is final; things that are written once are kept. Where two origins claim the same
new object (an archive imported twice into different regions), the lower region code wins.
"""

from server.domain.events import (
    BallotKept,
    CommunityCreated,
    ConversationStarted,
    ErasureCompleted,
    Event,
    PersonHandedOver,
    PersonRegistered,
    PersonReleased,
    PollChecked,
    PollRegionClosed,
    PollTallied,
    ResidencyChanged,
)


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
        ):
            return region == origin
        case PersonHandedOver(to=to) | PersonReleased(to=to):
            return to != origin
        case _:
            return True
