"""Commands another region has to decide: which, of whom it is asked, and for whom it answers (I7).

A community's settings, roles, moderation and idea stages are written by its home. Whoever may change them
from another region says so at their own home; that asks the community's, which decides by its own facts.
Homes vouch for their people, so a region asks for its own and for nobody else.
"""

from server.domain.commands import (
    ChangeCommunity,
    Command,
    Moderate,
    MoveIdea,
    ResolveFlag,
    SetCommunityRole,
)
from server.domain.facts import Facts, PersonFact

ASKABLE = (ChangeCommunity, SetCommunityRole, Moderate, ResolveFlag, MoveIdea)


def region_to_ask(command: Command, facts: Facts) -> str:
    """The home of the community a command is about; empty when nobody else is to be asked."""
    match command:
        case ChangeCommunity(community=name) | SetCommunityRole(community=name):
            return _home(name, facts)
        case Moderate(target=post) | ResolveFlag(target=post) | MoveIdea(post=post):
            found = facts.post(post)
            place = found.place if found is not None else ""
            return _home(place[2:], facts) if place.startswith("c:") else ""
        case _:
            return ""


def _home(community: str, facts: Facts) -> str:
    found = facts.community(community)
    return found.home if found is not None else ""


def may_be_asked(command: Command, who: PersonFact, asker: str) -> bool:
    """Whether a region may ask this for this person."""
    return who.home == asker and isinstance(command, ASKABLE)
