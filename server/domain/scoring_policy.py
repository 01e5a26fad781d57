"""What may be told of people's contributions: the country's policy and the person's own word, both.

docs/scoring.md section 9. ``may_show`` alone answers "may this be shown to others"; boards, lists of
experts, profiles, exports and whatever is published ask it and nothing else.
"""

from typing import Literal, get_args

from server.domain import limits
from server.domain.events import ScoringChoice, ScoringPolicy

__all__ = [
    "AGREEMENT_COUNTRIES",
    "CAUTIOUS",
    "DEFAULT",
    "UNDECIDED",
    "WHAT",
    "ScoringChoice",
    "ScoringPolicy",
    "Stance",
    "What",
    "default_of",
    "may_show",
    "needs_agreement",
    "problems",
    "publishes",
    "stance",
]

What = Literal["profile", "boards", "experts", "milestones", "recognition", "leaders"]
"""The fields of ``ScoringChoice``, which says what each is."""
WHAT: tuple[What, ...] = get_args(What)

Stance = Literal["never", "if_chosen", "unless_refused"]
"""What a policy makes of a person's silence."""

DEFAULT = ScoringPolicy(
    scores="private",
    boards="off",
    leaders="quartiles",
    recognition="consent",
    k=limits.COHORT_PEOPLE_MIN,
    retention_days=0,
    agreement="",
)
"""People see their own figures; of others only what they themselves want shown, and no points."""

CAUTIOUS = ScoringPolicy(
    scores="private",
    boards="off",
    leaders="off",
    recognition="off",
    k=limits.COHORT_PEOPLE_MIN,
    retention_days=0,
    agreement="",
)
"""Where the law asks for an agreement first, and of a region whose policy has not arrived."""

AGREEMENT_COUNTRIES = frozenset({"AT", "DE", "FI"})
"""Where staff representatives must agree before conduct or performance is assessed by a system: DE BetrVG
87(1) no. 6 (BAG 1 ABR 7/15), AT ArbVG 96a, FI Act on Privacy in Working Life and Co-operation Act."""

UNDECIDED = ScoringChoice()
"""Whoever has not chosen anything."""


def needs_agreement(country: str, agreement: str) -> bool:
    """Whether the law keeps the region to ``CAUTIOUS``. ``country``: two capital letters."""
    return country in AGREEMENT_COUNTRIES and not agreement.strip()


def default_of(country: str, agreement: str = "") -> ScoringPolicy:
    """The policy of a region that configures none."""
    return CAUTIOUS if needs_agreement(country, agreement) else DEFAULT


def may_show(what: What, policy: ScoringPolicy, choice: ScoringChoice) -> bool:
    """Whether this may be shown of a person to others, by the policy of the region that is their home."""
    chosen: bool | None = getattr(choice, what)
    match stance(what, policy):
        case "never":
            return False
        case "if_chosen":
            return chosen is True
        case "unless_refused":
            return chosen is not False


def stance(what: What, policy: ScoringPolicy) -> Stance:
    """What a policy allows, before the person is asked.

    Where scores are private no figure of a person is shown, yet who wants to may be found as somebody who
    knows a topic: that rests on answers everybody can read. Where they are off nothing is shown at all."""
    if policy.scores == "off":
        return "never"
    match what:
        case "profile":
            return _SCORES[policy.scores]
        case "boards":
            return "never" if policy.scores == "private" else _BOARDS[policy.boards]
        case "experts":
            return "unless_refused" if policy.scores == "public" else "if_chosen"
        case "milestones":
            return "if_chosen"
        case "recognition":
            return _RECOGNITION[policy.recognition]
        case "leaders":
            return "never" if policy.leaders == "off" else "unless_refused"


_SCORES: dict[str, Stance] = {
    "private": "never",
    "opt_in": "if_chosen",
    "public": "unless_refused",
}
_BOARDS: dict[str, Stance] = {"off": "never", "opt_in": "if_chosen", "on": "unless_refused"}
_RECOGNITION: dict[str, Stance] = {
    "off": "never",
    "consent": "if_chosen",
    "on": "unless_refused",
}


def publishes(policy: ScoringPolicy, choice: ScoringChoice) -> tuple[bool, bool]:
    """(whether a person's standing is published, whether by topic too).

    Where only the list of experts shows somebody nothing is: every region makes that list from answers."""
    points = may_show("profile", policy, choice) or may_show("boards", policy, choice)
    return points, points and may_show("experts", policy, choice)


def problems(policy: ScoringPolicy, country: str) -> list[str]:
    """Why a region in this country cannot have this policy, as sentences; none is fine."""
    found = []
    if policy.boards != "off" and policy.scores in ("off", "private"):
        found.append(
            f'boards "{policy.boards}" would show points that scores "{policy.scores}" keeps back'
        )
    if not needs_agreement(country, policy.agreement):
        return found
    allowed = {
        "scores": ("off", "private"),
        "boards": ("off",),
        "leaders": ("off",),
        "recognition": ("off",),
    }
    for name, values in allowed.items():
        asked = getattr(policy, name)
        if asked not in values:
            found.append(
                f'{name} "{asked}" needs an agreement with the staff\'s representatives in {country}: '
                "put its id into scoring.agreement"
            )
    return found
