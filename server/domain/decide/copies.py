"""A fact about a person in as many copies as audiences may know different parts of it.

docs/protocol/federation.md 21. All copies carry the same ``rev``; ``storage.projections.people`` keeps
them apart. Order within a commit is for readers at home, who are shown what changes something: the
whole before its part of a profile, a registration before what completes it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from server.domain.decide.base import Context, Decided, Draft
from server.domain.events import (
    Event,
    PersonProfileChanged,
    PersonRegistered,
    PersonStatusChanged,
    ResidencyChanged,
    ResidencyPolicy,
)
from server.domain.facts import Facts, ProfileFact
from server.domain.residency import EVERYTHING, leaving, public_part, withheld
from server.domain.visibility import CONTROL, GLOBAL, LOCAL


def profile_drafts(
    event: PersonProfileChanged, actor: str, policy: ResidencyPolicy, context: Context
) -> list[Draft]:
    return [*_fuller(event, actor, policy, context), _public(event, actor, policy)]


def registration_drafts(
    event: PersonRegistered, actor: str, policy: ResidencyPolicy, context: Context
) -> list[Draft]:
    """A new colleague; what only some may know follows as revision 1 of the profile, which is that of the
    registration in any epoch."""
    profile = PersonProfileChanged(
        person=event.person,
        rev=1,
        name=event.name,
        title=event.title,
        unit=event.unit,
        country=event.country,
        locale=event.locale,
        timezone=event.timezone,
    )
    fuller = [d._replace(new_rev=False) for d in _fuller(profile, actor, policy, context)]
    return [_public(event, actor, policy), *fuller]


def status_drafts(event: PersonStatusChanged, actor: str, policy: ResidencyPolicy) -> list[Draft]:
    whole = [Draft(LOCAL, actor, event, ())] if withheld(event, GLOBAL, policy) else []
    return [*whole, _public(event, actor, policy)]


def adopt(
    policy: ResidencyPolicy,
    regions: Collection[str],
    groups: Mapping[str, Collection[str]],
    facts: Facts,
    context: Context,
) -> Decided:
    """The operator's policy, if it is not the one that holds, and in the same commit the profiles of
    which it tells somebody more or less than the one before."""
    known = facts.residency(context.region)
    event = ResidencyChanged(
        region=context.region,
        rev=known.rev + 1 if known else 1,
        policy=policy,
        regions=tuple(sorted(regions)),
        groups={name: tuple(sorted(groups[name])) for name in sorted(groups)},
    )
    if known and known[1:] == (event.policy, event.regions, event.groups):
        return Decided([], {"rev": known.rev})
    # A log from before there were policies told everybody all.
    before = known.policy if known else EVERYTHING
    # A roster adopted at run time: the node decides by the new groups only once this is written.
    after = _grouped(context, groups)
    then = _grouped(context, known.groups) if known else after
    profiles = _anew(facts.profiles(context.region), (before, then), (policy, after))
    return Decided([Draft(CONTROL, "", event, ()), *profiles], {"rev": event.rev})


def _grouped(context: Context, groups: Mapping[str, Collection[str]]) -> Context:
    return context._replace(groups={name: frozenset(them) for name, them in groups.items()})


def _anew(
    profiles: Iterable[ProfileFact],
    before: tuple[ResidencyPolicy, Context],
    after: tuple[ResidencyPolicy, Context],
) -> Iterator[Draft]:
    for profile in profiles:
        event = PersonProfileChanged(**profile._replace(rev=profile.rev + 1)._asdict())
        drafts = profile_drafts(event, "", *after)
        if drafts != profile_drafts(event, "", *before):
            yield from drafts


def _public(event: Event, actor: str, policy: ResidencyPolicy) -> Draft:
    return Draft(GLOBAL, actor, public_part(event, GLOBAL, policy), ())


def _fuller(
    event: PersonProfileChanged, actor: str, policy: ResidencyPolicy, context: Context
) -> Iterator[Draft]:
    kept = set(withheld(event, GLOBAL, policy))
    if not kept:
        return
    yield Draft(LOCAL, actor, event, ())
    for group in sorted(policy.in_groups):
        lane = f"group.{group}"
        if context.region in context.groups.get(group, ()) and kept & leaving(policy, lane):
            yield Draft(lane, actor, public_part(event, lane, policy), ())
