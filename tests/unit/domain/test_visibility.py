"""On which channels every kind of event appears, and which regions a lane is for (I8, I12)."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import events as e
from server.domain.events import EVENTS
from server.domain.events.base import Event
from server.domain.ids import LANE_PATTERN, REGION_PATTERN
from server.domain.residency import DEFAULT
from server.domain.scoring_policy import DEFAULT as SCORING
from server.domain.visibility import Touched, channels, lane_audience, pair_lane, touched
from tests.support.shapes import FEW, values

ROOT, REPLY, PLACE = "root", "reply", "c:tea"
THREAD = "t:root"
about_reply = {"root": ROOT, "place": PLACE}
members = (e.Member(person="asha", region="in"), e.Member(person="bob", region="de"))
source = e.Source(system="s", id="1")


def _erased(post: str) -> e.ErasedPost:
    return e.ErasedPost(post=post, kind="reply", author="asha", at=1, rev=2, **about_reply)


class Shown(NamedTuple):
    """An event of the actor ``asha``: where it appears, and which value it changes where."""

    event: Event
    on: tuple[str, ...]
    value: Touched | None = None


def post_value(id: str, *where: str) -> Touched:
    return Touched("post", id, where)


def poll_value(*where: str) -> Touched:
    return Touched("poll", ROOT, where)


CASES: dict[str, list[Shown]] = {
    "person.registered": [Shown(e.PersonRegistered(person="bob", home="in", name="Bob"), ("g",))],
    "person.profile_changed": [
        Shown(e.PersonProfileChanged(person="bob", rev=2, name="Bob"), ("g",))
    ],
    "person.status_changed": [
        Shown(e.PersonStatusChanged(person="bob", rev=1, active=False), ("g",))
    ],
    "person.role_changed": [
        Shown(e.PersonRoleChanged(person="bob", role="auditor", rev=1, on=True), ("g",))
    ],
    "person.handed_over": [Shown(e.PersonHandedOver(person="bob", to="de", rev=1), ("g",))],
    "person.released": [Shown(e.PersonReleased(person="bob", to="de", rev=1), ())],
    "person.taken_over": [Shown(e.PersonTakenOver(person="bob", previous="in", rev=2), ("g",))],
    "community.created": [
        Shown(
            e.CommunityCreated(community="tea", home="in", name="Tea", audience="global"), ("g",)
        ),
        Shown(
            e.CommunityCreated(
                community="tea",
                home="in",
                name="Tea",
                audience="global",
                visibility="private",
                owner="bob",
            ),
            (PLACE, "u:bob"),
        ),
    ],
    "community.changed": [
        Shown(
            e.CommunityChanged(community="tea", rev=2, settings=e.EditedCommunity(name="Tea")),
            ("g", PLACE),
        ),
        Shown(
            e.CommunityChanged(
                community="tea",
                rev=2,
                settings=e.EditedCommunity(name="Tea", visibility="private"),
            ),
            (PLACE,),
        ),
    ],
    "membership.changed": [
        Shown(
            e.MembershipChanged(community="tea", person="bob", rev=1, joined=True),
            (PLACE, "u:bob"),
        )
    ],
    "community.role_changed": [
        Shown(
            e.CommunityRoleChanged(community="tea", person="bob", rev=1, role="member"),
            (PLACE, "u:bob"),
        )
    ],
    "conversation.started": [
        Shown(
            e.ConversationStarted(conversation="lunch", home="in", members=members),
            ("d:lunch", "u:asha", "u:bob"),
        )
    ],
    "conversation.changed": [
        Shown(
            e.ConversationChanged(conversation="lunch", rev=2, members=members[:1]),
            ("d:lunch", "u:asha"),
        )
    ],
    "read.marked": [Shown(e.ReadMarked(channel=PLACE, up_to=1), ("u:asha",))],
    "post.published": [
        Shown(
            e.PostPublished(post=ROOT, kind="update", place=PLACE, at=1, notify=("bob", "cleo")),
            (PLACE, THREAD, "u:bob", "u:cleo"),
        ),
        Shown(
            # A mention is what the text says; who is told is decided by the author's region.
            e.PostPublished(post=ROOT, kind="update", place=PLACE, at=1, mentions=("bob",)),
            (PLACE, THREAD),
        ),
    ],
    "reply.published": [
        Shown(
            e.ReplyPublished(
                post=REPLY,
                kind="reply",
                parent=ROOT,
                at=1,
                text="x",
                notify=("bob", "bob"),
                **about_reply,
            ),
            (THREAD, "u:bob"),
            post_value(ROOT, PLACE, THREAD),
        )
    ],
    "post.edited": [
        Shown(
            e.PostEdited(post=ROOT, rev=2, text="x", notify=("bob",), **about_reply),
            (PLACE, THREAD, "u:bob"),
        ),
        Shown(e.PostEdited(post=REPLY, rev=2, text="x", **about_reply), (THREAD,)),
    ],
    "post.deleted": [
        Shown(e.PostDeleted(post=ROOT, rev=2, **about_reply), (PLACE, THREAD)),
        Shown(
            e.PostDeleted(post=REPLY, rev=2, **about_reply),
            (THREAD,),
            post_value(ROOT, PLACE, THREAD),
        ),
    ],
    "erasure.requested": [
        Shown(e.ErasureRequested(request="r", scope="post", target=ROOT, open=True), ("g",)),
        Shown(
            e.ErasureRequested(request="r", scope="post", target=ROOT, posts=(_erased(ROOT),)),
            (PLACE, THREAD, "u:asha"),
        ),
        Shown(
            e.ErasureRequested(
                request="r", scope="person", target="bob", posts=(_erased(REPLY), _erased(ROOT))
            ),
            (THREAD, PLACE, "u:asha"),
        ),
        Shown(
            e.ErasureRequested(request="r", scope="post", target=REPLY, posts=(_erased(REPLY),)),
            (THREAD, "u:asha"),
            post_value(ROOT, PLACE, THREAD),
        ),
    ],
    "erasure.completed": [
        Shown(e.ErasureCompleted(request="r", region="in", bodies=1), ()),
        Shown(e.ErasureCompleted(request="r", region="in", bodies=1, by="bob"), ("u:bob",)),
    ],
    "reaction.changed": [
        Shown(
            e.ReactionChanged(
                target=ROOT, author="bob", reaction="helpful", rev=1, on=True, **about_reply
            ),
            ("u:asha",),
            post_value(ROOT, PLACE, THREAD),
        ),
        Shown(
            e.ReactionChanged(
                target=REPLY, author="bob", reaction="helpful", rev=1, on=True, **about_reply
            ),
            ("u:asha",),
            post_value(REPLY, THREAD),
        ),
    ],
    "answer.accepted": [
        Shown(
            e.AnswerAccepted(question=ROOT, place=PLACE, rev=1, answer=REPLY, author="bob"),
            (PLACE, THREAD, "u:bob"),
        ),
        Shown(e.AnswerAccepted(question=ROOT, place=PLACE, rev=2), (PLACE, THREAD)),
    ],
    "verification.changed": [
        Shown(
            e.VerificationChanged(target=REPLY, author="bob", rev=1, on=True, **about_reply),
            (THREAD, "u:bob"),
        )
    ],
    "citation.changed": [
        Shown(
            e.CitationChanged(citing=ROOT, cited=REPLY, place=PLACE, author="bob", rev=1, on=True),
            ("u:asha", "u:bob"),
        )
    ],
    "vote.imported": [
        Shown(
            e.VoteImported(target=ROOT, vote="up", at=1, source=source, **about_reply),
            (),
            post_value(ROOT, PLACE, THREAD),
        )
    ],
    "follow.changed": [
        Shown(e.FollowChanged(kind="person", target="bob", rev=1, on=True), ("u:asha", "u:bob")),
        Shown(e.FollowChanged(kind="topic", target="tea", rev=1, on=True), ("u:asha",)),
    ],
    "announcement.acknowledged": [
        Shown(
            e.AnnouncementAcknowledged(post=ROOT, place=PLACE),
            ("u:asha",),
            post_value(ROOT, PLACE, THREAD),
        )
    ],
    "idea.stage_changed": [
        Shown(
            e.IdeaStageChanged(post=ROOT, place=PLACE, author="bob", rev=1, stage="shipped"),
            (PLACE, THREAD, "u:bob"),
        )
    ],
    "ballot.cast": [
        Shown(
            e.BallotCast(poll=ROOT, place=PLACE, rev=1, choices=(0,)),
            ("u:asha",),
            poll_value(PLACE, THREAD),
        )
    ],
    "ballot.kept": [
        Shown(e.BallotKept(poll=ROOT, place=PLACE, person="bob", region="in"), ()),
    ],
    "poll.closing": [
        Shown(e.PollClosing(poll=ROOT, place=PLACE, at=1), (), poll_value(PLACE, THREAD))
    ],
    "poll.region_closed": [
        Shown(
            e.PollRegionClosed(poll=ROOT, place=PLACE, region="in"), (), poll_value(PLACE, THREAD)
        )
    ],
    "poll.tallied": [
        Shown(e.PollTallied(poll=ROOT, place=PLACE, region="in", rev=1, voters=1, counts=(1,)), ())
    ],
    "poll.closed": [
        Shown(
            e.PollClosed(poll=ROOT, place=PLACE, voters=1, regions=1, quorum=True, digest=b""),
            (PLACE, THREAD),
            poll_value(PLACE, THREAD),
        )
    ],
    "poll.checked": [
        Shown(
            e.PollChecked(poll=ROOT, place=PLACE, region="in", agrees=True),
            (),
            poll_value(PLACE, THREAD),
        )
    ],
    "topic.defined": [Shown(e.TopicDefined(topic="tea", rev=1, names={}), ("g",))],
    "flag.raised": [
        Shown(e.FlagRaised(target=ROOT, rev=1, reason="rude", **about_reply), ("u:asha",))
    ],
    "flag.resolved": [Shown(e.FlagResolved(target=ROOT, place=PLACE, rev=1, upheld=True), ())],
    "moderation.acted": [
        Shown(
            e.ModerationActed(target=ROOT, act="hide", rev=1, on=True, **about_reply),
            (PLACE, THREAD),
        ),
        Shown(
            e.ModerationActed(target=REPLY, act="hide", rev=1, on=True, **about_reply), (THREAD,)
        ),
    ],
    "moderation.hidden_at_home": [
        Shown(e.HiddenAtHome(target=REPLY, rev=1, on=True, **about_reply), (THREAD,))
    ],
    "standing.published": [
        Shown(e.StandingPublished(person="bob", rev=1, day=1, rules="1", standing=5), ("u:bob",))
    ],
    "scoring.policy_changed": [
        Shown(e.ScoringPolicyChanged(region="in", rev=1, policy=SCORING), ())
    ],
    "scoring.choice_changed": [
        Shown(
            e.ScoringChoiceChanged(person="bob", rev=1, choice=e.ScoringChoice(profile=True)),
            ("u:bob",),
        )
    ],
    "scoring.history_erased": [
        Shown(e.ScoringHistoryErased(person="bob", rev=1, before=5), ("u:bob",))
    ],
    "scoring.root_published": [
        Shown(
            e.ScoringRootPublished(
                region="in", day=1, rules="1", quarter="q", cut=(), people=0, root="0" * 64
            ),
            (),
        )
    ],
    "case.opened": [
        Shown(
            e.CaseOpened(
                case=REPLY,
                region="in",
                kind="ring",
                parties=("asha", "bob"),
                quarter="2026Q1",
                reason="",
                at=1,
            ),
            (),
        )
    ],
    "case.decided": [
        Shown(
            e.CaseDecided(
                case=REPLY,
                region="in",
                rev=1,
                outcome="dismissed",
                reason="fine",
                by="carla",
                parties=("asha", "bob"),
                at=1,
            ),
            (),
        )
    ],
    "credits.ruled": [
        Shown(e.CreditsRuled(case=REPLY, region="in", rev=1, quarter="2026Q1", pairs=()), ())
    ],
    "epoch.opened": [Shown(e.EpochOpened(previous=0, nonce=b""), ())],
    "key.rotated": [Shown(e.KeyRotated(key=b"", key_id="k"), ())],
    "key.retired": [Shown(e.KeyRetired(key_id="k"), ())],
    "roster.changed": [Shown(e.RosterChanged(version=1, document="{}"), ())],
    "log.closed": [Shown(e.LogClosed(), ())],
    "residency.changed": [
        Shown(
            e.ResidencyChanged(region="in", rev=1, policy=DEFAULT, regions=("de", "in"), groups={}),
            (),
        )
    ],
}
ALL = [(kind, shown) for kind, cases in CASES.items() for shown in cases]


def test_every_kind_of_event_has_its_channels_said_here() -> None:
    assert CASES.keys() == EVENTS.keys()
    assert all(type(shown.event) is EVENTS[kind] for kind, shown in ALL)


@pytest.mark.parametrize(("kind", "shown"), ALL, ids=[f"{k} {i}" for i, (k, _) in enumerate(ALL)])
def test_the_channels_of_an_event(kind: str, shown: Shown) -> None:
    assert channels(shown.event, "asha") == shown.on
    assert touched(shown.event) == shown.value


@pytest.mark.parametrize("kind", EVENTS)
@FEW
@given(data=st.data())
def test_channels_are_told_once_each_and_only_of_known_kinds(
    kind: str, data: st.DataObject
) -> None:
    event = data.draw(values(EVENTS[kind]))
    shown = channels(event, "asha")
    assert len(set(shown)) == len(shown)
    of = [event, *getattr(event, "posts", ())]
    places = {getattr(one, "place", None) for one in of}
    for channel in shown:
        assert channel == "g" or channel[:2] in ("c:", "d:", "t:", "u:") or channel in places


@pytest.mark.parametrize("kind", ["ballot.cast", "reaction.changed", "read.marked", "flag.raised"])
def test_what_one_person_did_quietly_is_on_their_own_channel_alone(kind: str) -> None:
    """I11, and no less for likes and reports: others see a count, never who."""
    for shown in CASES[kind]:
        assert channels(shown.event, "asha") == ("u:asha",)
        assert channels(shown.event, "bob") == ("u:bob",)


# ---------------------------------------------------------------- lanes and regions (I8)

regions = st.from_regex(REGION_PATTERN, fullmatch=True)
REGIONS = ("br", "de", "fr", "in")
GROUPS = {"eu": ["de", "fr"]}


@pytest.mark.parametrize(
    ("lane", "origin", "audience"),
    [
        ("global", "in", {"br", "de", "fr", "in"}),
        ("control", "in", {"br", "de", "fr", "in"}),
        ("global", "jp", {"br", "de", "fr", "in", "jp"}),
        ("local", "in", {"in"}),
        ("group.eu", "de", {"de", "fr"}),
        ("group.eu", "in", {"de", "fr", "in"}),
        ("group.unknown", "de", {"de"}),
        ("pair.de.in", "in", {"de", "in"}),
        ("pair.de.in", "fr", {"de", "fr", "in"}),
        ("everybody", "in", {"in"}),
        ("", "in", {"in"}),
    ],
)
def test_i8_the_audience_of_a_lane(lane: str, origin: str, audience: set[str]) -> None:
    assert lane_audience(lane, origin, REGIONS, GROUPS) == audience


@given(
    st.one_of(st.from_regex(LANE_PATTERN, fullmatch=True), st.text(max_size=12)),
    st.sampled_from(REGIONS),
)
def test_i8_a_lane_is_for_nobody_it_does_not_name(lane: str, origin: str) -> None:
    audience = lane_audience(lane, origin, REGIONS, GROUPS)
    assert origin in audience
    named = set(lane.split(".")) | set(GROUPS.get(lane.removeprefix("group."), ()))
    if lane not in ("global", "control"):
        assert audience - {origin} <= named


@given(regions, regions)
def test_a_pair_lane_has_one_name_from_both_sides(a: str, b: str) -> None:
    assert pair_lane(a, b) == pair_lane(b, a)
    assert LANE_PATTERN.fullmatch(pair_lane(a, b))
    assert lane_audience(pair_lane(a, b), a, REGIONS, GROUPS) == {a, b}
