"""Who may write an event, told from the event alone (I7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import events as e
from server.domain.events import EVENTS
from server.domain.events.base import Event
from server.domain.merge import may_write
from server.domain.residency import DEFAULT
from server.domain.scoring_policy import DEFAULT as SCORING
from tests.support.shapes import FEW, values

member = e.Member(person="asha", region="in")
NAMING_THEIR_WRITER: dict[str, Event] = {
    "person.registered": e.PersonRegistered(person="asha", home="in", name="Asha"),
    "community.created": e.CommunityCreated(
        community="t", home="in", name="Tea", audience="global"
    ),
    "conversation.started": e.ConversationStarted(conversation="d", home="in", members=(member,)),
    "ballot.kept": e.BallotKept(poll="p", place="c:t", person="asha", region="in"),
    "poll.region_closed": e.PollRegionClosed(poll="p", place="c:t", region="in"),
    "poll.checked": e.PollChecked(poll="p", place="c:t", region="in", agrees=True),
    "poll.tallied": e.PollTallied(poll="p", place="c:t", region="in", rev=1, voters=1, counts=(1,)),
    "erasure.completed": e.ErasureCompleted(request="r", region="in", bodies=1),
    "residency.changed": e.ResidencyChanged(
        region="in", rev=1, policy=DEFAULT, regions=(), groups={}
    ),
    "scoring.policy_changed": e.ScoringPolicyChanged(region="in", rev=1, policy=SCORING),
    "scoring.root_published": e.ScoringRootPublished(
        region="in", day=1, rules="1", quarter="q", cut=(), people=0, root="0" * 64
    ),
    "case.opened": e.CaseOpened(
        case="k", region="in", kind="ring", parties=("asha",), quarter="q", reason="why", at=1
    ),
    "case.decided": e.CaseDecided(
        case="k",
        region="in",
        rev=1,
        outcome="dismissed",
        reason="why",
        by="vikram",
        parties=("asha",),
        at=1,
    ),
    "credits.ruled": e.CreditsRuled(case="k", region="in", rev=1, quarter="q", pairs=()),
}
"""Kinds whose body says which region writes them."""


@pytest.mark.parametrize("kind", NAMING_THEIR_WRITER)
def test_an_event_that_names_its_writer_is_believed_from_no_other(kind: str) -> None:
    event = NAMING_THEIR_WRITER[kind]
    assert may_write(event, "in")
    assert not may_write(event, "de")


def test_nobody_hands_a_person_over_to_themselves() -> None:
    event = e.PersonHandedOver(person="asha", to="de", rev=1)
    assert may_write(event, "in")
    assert not may_write(event, "de")


@pytest.mark.parametrize(
    "kind", [k for k in EVENTS if k not in NAMING_THEIR_WRITER and k != "person.handed_over"]
)
@FEW
@given(data=st.data(), origin=st.sampled_from(["in", "de"]))
def test_all_others_are_their_origins_word(kind: str, data: st.DataObject, origin: str) -> None:
    assert may_write(data.draw(values(EVENTS[kind])), origin)
