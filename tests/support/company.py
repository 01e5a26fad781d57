"""Histories as honest regions write them: every kind of event that is folded, from several origins.

``Company`` plays the regions' writers: it hands out revs, knows who lives where, and lets each home write
only what is its own (I7). Its chance is a parameter: Hypothesis's, so that a failure shrinks, or a seed.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from server.domain import events as e
from server.domain.events.base import Event
from server.domain.ids import derived_object_id
from server.domain.residency import DEFAULT
from server.domain.scoring_policy import DEFAULT as SCORING

START = 1_767_225_600_000
HOMES = {"asha": "in", "bob": "in", "dora": "de", "emil": "de", "fred": "fr"}
REGIONS = ("de", "fr", "in")
COMMUNITIES = {"tea": "in", "kaffee": "de"}
EMOJI = ("👍", "🎉")
TOPICS = ("leaf", "cup", "pot")


class Written(NamedTuple):
    """An event with what its header says."""

    origin: str
    actor: str
    at: int
    event: Event
    lane: str = "global"


class Post(NamedTuple):
    id: str
    root: str
    place: str
    author: str
    kind: str
    parent: str
    at: int


ONCE = (
    e.PostDeleted,
    e.AnnouncementAcknowledged,
    e.ErasureCompleted,
    e.CaseOpened,
    e.CommunityCreated,
)


class Company:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.written: list[Written] = []
        self._revs: Counter[tuple[str, ...]] = Counter()
        self._seen: set[tuple[str, ...]] = set()
        self._posts: list[Post] = []
        self._conversations: list[tuple[str, str]] = []
        self._ballots: dict[tuple[str, str], tuple[int, ...]] = {}
        self._homes = dict(HOMES)
        self.cases: dict[tuple[str, int], e.CaseOpened] = {}
        self._open()

    def _open(self) -> None:
        """Everybody and every community is known somewhere from the start; news of it may come last."""
        for person, home in HOMES.items():
            registered = e.PersonRegistered(person=person, home=home, name=person.title())
            self.write(home, "", registered)
        for name, home in COMMUNITIES.items():
            owner = self.somebody_of(home)
            created = e.CommunityCreated(
                community=name, home=home, name=name, audience="global", owner=owner
            )
            self.write(home, owner, created)
            self._seen.add(("community", name))
        for kind in ("question", "poll", "idea", "announcement"):
            self._publish(kind)

    # -- the writers' books --

    def write(self, origin: str, actor: str, event: Event) -> None:
        self.written.append(Written(origin, actor, START + len(self.written), event))

    def act(self, actor: str, event: Event) -> None:
        """What a person does is written by their home."""
        self.write(self._homes[actor], actor, event)

    def rev(self, *register: str) -> int:
        self._revs[register] += 1
        return self._revs[register]

    def once(self, *key: str) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def id(self, what: str) -> str:
        return derived_object_id(START, what, str(len(self.written)))

    # -- picking --

    def somebody(self) -> str:
        return self.chance.choice(sorted(HOMES))

    def somebody_of(self, region: str) -> str:
        return self.chance.choice(sorted(p for p, home in HOMES.items() if home == region))

    def flip(self) -> bool:
        return self.chance.random() < 0.5

    def community(self) -> str:
        return self.chance.choice(sorted(COMMUNITIES))

    def post(self, *kinds: str) -> Post | None:
        found = [post for post in self._posts if not kinds or post.kind in kinds]
        return self.chance.choice(found) if found else None

    # -- what happens --

    def _files(self) -> tuple[e.Attachment, ...]:
        """Of few different ones, so that posts share them."""
        names = TOPICS[: len(self.written) % 5 % 3]
        return tuple(
            [
                e.Attachment(
                    hash=hashlib.sha256(name.encode()).hexdigest(),
                    type="image/png",
                    size=len(name),
                    name=f"{name}.png",
                    thumbnail=name.encode(),
                )
                for name in names
            ]
        )

    def _publish(self, kind: str) -> None:
        author, post = self.somebody(), self.id("post")
        place = "c:" + self.community()
        spec = e.PollSpec(method="multiple", choices=("a", "b", "c"), secret=self.flip())
        published = e.PostPublished(
            post=post,
            kind=kind,  # type: ignore[arg-type]
            place=place,
            at=START + len(self.written),
            text=f"{kind} {len(self.written)}",
            title="T",
            topics=tuple(self.chance.sample(TOPICS, self.chance.randint(0, 2))),
            notify=tuple(self.chance.sample(sorted(HOMES), self.chance.randint(0, 2))),
            poll=spec if kind == "poll" else None,
            announcement=e.AnnouncementSpec(acknowledge=True) if kind == "announcement" else None,
            attachments=self._files(),
        )
        self.act(author, published)
        self._posts.append(Post(post, post, place, author, kind, "", published.at))

    def publish(self) -> None:
        self._publish(self.chance.choice(["update", "question", "poll", "idea", "announcement"]))

    def reply(self) -> None:
        parent = self.post()
        if parent is None:
            return
        author, post = self.somebody(), self.id("reply")
        replied = e.ReplyPublished(
            post=post,
            kind="answer" if parent.kind == "question" else "reply",
            place=parent.place,
            root=parent.root,
            parent=parent.id,
            at=START + len(self.written),
            text=f"reply {len(self.written)}",
            notify=(parent.author,),
            attachments=self._files(),
        )
        self.act(author, replied)
        self._posts.append(
            Post(post, parent.root, parent.place, author, replied.kind, parent.id, replied.at)
        )

    def edit(self) -> None:
        post = self.post()
        if post is None or ("deleted", post.id) in self._seen:
            return
        edited = e.PostEdited(
            post=post.id,
            root=post.root,
            place=post.place,
            rev=self.rev("post", post.id) + 1,
            text=f"edit {len(self.written)}",
            topics=tuple(self.chance.sample(TOPICS, self.chance.randint(0, 2))),
            reason="typo",
            at=START + len(self.written),
        )
        self.act(post.author, edited)

    def delete(self) -> None:
        post = self.post()
        if post is None or not self.once("deleted", post.id):
            return
        rev = self.rev("post", post.id) + 1
        deleted = e.PostDeleted(post=post.id, root=post.root, place=post.place, rev=rev)
        self.act(post.author, deleted)

    def erase(self) -> None:
        post, request = self.post(), self.id("request")
        if post is None:
            return
        home = self._homes[post.author]
        scope = self.chance.choice(["post", "person"])
        target = post.id if scope == "post" else post.author
        meant = [p for p in self._posts if p is post or (scope == "person" and p.author == target)]
        asked = e.ErasureRequested(
            request=request,
            scope=scope,  # type: ignore[arg-type]
            target=target,
            reason="law",
            posts=tuple([self._left_over(post) for post in meant]),
            open=self.flip(),
        )
        self.write(home, post.author, asked)
        for region in REGIONS:
            self.write(region, "", e.ErasureCompleted(request=request, region=region, bodies=1))

    def _left_over(self, post: Post) -> e.ErasedPost:
        return e.ErasedPost(
            post=post.id,
            kind=post.kind,
            place=post.place,
            root=post.root,
            parent=post.parent,
            author=post.author,
            at=post.at,
            rev=self.rev("post", post.id) + 1,
        )

    def react(self) -> None:
        post, person = self.post(), self.somebody()
        if post is None:
            return
        reaction = self.chance.choice(["helpful", "solved", "emoji"])
        emoji = self.chance.choice(EMOJI) if reaction == "emoji" else ""
        rev = self.rev("reaction", post.id, person, reaction, emoji)
        event = e.ReactionChanged(
            target=post.id,
            root=post.root,
            place=post.place,
            author=post.author,
            reaction=reaction,  # type: ignore[arg-type]
            emoji=emoji,
            rev=rev,
            on=bool(rev % 2),
        )
        self.act(person, event)

    def accept(self) -> None:
        question = self.post("question")
        if question is None:
            return
        answers = [p for p in self._posts if p.root == question.id and p.id != question.id]
        answer = self.chance.choice([*answers, None])
        event = e.AnswerAccepted(
            question=question.id,
            place=question.place,
            rev=self.rev("accepted", question.id),
            answer=answer.id if answer else None,
            author=answer.author if answer else "",
        )
        self.act(question.author, event)

    def verify(self) -> None:
        post, person = self.post(), self.somebody()
        if post is None:
            return
        rev = self.rev("verified", post.id, person)
        event = e.VerificationChanged(
            target=post.id,
            root=post.root,
            place=post.place,
            author=post.author,
            rev=rev,
            on=bool(rev % 2),
        )
        self.act(person, event)

    def cite(self) -> None:
        citing, cited = self.post(), self.post()
        if citing is None or cited is None:
            return
        rev = self.rev("cited", citing.id, cited.id)
        event = e.CitationChanged(
            citing=citing.id,
            cited=cited.id,
            place=citing.place,
            author=cited.author,
            rev=rev,
            on=bool(rev % 2),
        )
        self.act(citing.author, event)

    def vote(self) -> None:
        post = self.post()
        if post is None:
            return
        event = e.VoteImported(
            target=post.id,
            root=post.root,
            place=post.place,
            vote=self.chance.choice(["up", "down", "star"]),
            at=START,
            source=e.Source(system="forum", id=self.id("vote")),
        )
        self.write(self._homes[post.author], "", event)

    def follow(self) -> None:
        person = self.somebody()
        kind = self.chance.choice(["person", "topic"])
        target = self.somebody() if kind == "person" else self.chance.choice(TOPICS)
        rev = self.rev("follow", person, kind, target)
        event = e.FollowChanged(kind=kind, target=target, rev=rev, on=bool(rev % 2))  # type: ignore[arg-type]
        self.act(person, event)

    def acknowledge(self) -> None:
        post, person = self.post("announcement"), self.somebody()
        if post is not None and self.once("acknowledged", post.id, person):
            self.act(person, e.AnnouncementAcknowledged(post=post.id, place=post.place))

    def move_idea(self) -> None:
        post = self.post("idea")
        if post is None:
            return
        home = COMMUNITIES[post.place[2:]]
        event = e.IdeaStageChanged(
            post=post.id,
            place=post.place,
            author=post.author,
            rev=self.rev("stage", post.id),
            stage=self.chance.choice(["reviewed", "accepted", "shipped"]),
            due=self.chance.choice([None, START]),
        )
        self.write(home, self.somebody_of(home), event)

    def ballot(self) -> None:
        poll, person = self.post("poll"), self.somebody()
        if poll is None:
            return
        withdrawn = self.chance.random() < 0.3
        event = e.BallotCast(
            poll=poll.id,
            place=poll.place,
            rev=self.rev("ballot", poll.id, person),
            choices=()
            if withdrawn
            else tuple(sorted(self.chance.sample(range(3), 2)))[: 1 + self.flip()],
            withdrawn=withdrawn,
        )
        self.act(person, event)

    def tally(self) -> None:
        poll, region = self.post("poll"), self.chance.choice(REGIONS)
        if poll is None:
            return
        tallied = e.PollTallied(
            poll=poll.id,
            place=poll.place,
            region=region,
            rev=self.rev("tally", poll.id, region),
            voters=self.chance.randint(0, 9),
            counts=(1, 2, 3),
        )
        self.write(region, "", tallied)

    def close_poll(self) -> None:
        poll, region = self.post("poll"), self.chance.choice(REGIONS)
        if poll is None:
            return
        where = {"poll": poll.id, "place": poll.place}
        if self.flip() and self.once("closing", poll.id):
            self.act(poll.author, e.PollClosing(**where, at=START))
        if self.flip() and self.once("closed here", poll.id, region):
            end = e.LaneEnd(region=region, epoch=1, lane="global", seq=9)
            closed = e.PollRegionClosed(
                **where, region=region, ballots=3, ends=(end,), waits_for=(region,)
            )
            self.write(region, "", closed)
        if self.flip() and self.once("closed", poll.id):
            outcome = e.PollClosed(
                **where, voters=3, regions=1, quorum=True, counts=(1, 2, 0), digest=b"d"
            )
            self.write(self._homes[poll.author], "", outcome)
        if self.once("checked", poll.id, region):
            self.write(region, "", e.PollChecked(**where, region=region, agrees=self.flip()))

    def keep_ballot(self) -> None:
        poll, person = self.post("poll"), self.somebody()
        if poll is None:
            return
        for region in self.chance.sample(REGIONS, self.chance.randint(1, 2)):
            kept = e.BallotKept(poll=poll.id, place=poll.place, person=person, region=region)
            self.write(region, person, kept)

    def join(self) -> None:
        person, community = self.somebody(), self.community()
        rev = self.rev("member", community, person)
        event = e.MembershipChanged(
            community=community, person=person, rev=rev, joined=bool(rev % 2)
        )
        self.act(person, event)

    def grant(self) -> None:
        person, community = self.somebody(), self.community()
        home = COMMUNITIES[community]
        event = e.CommunityRoleChanged(
            community=community,
            person=person,
            rev=self.rev("role", community, person),
            role=self.chance.choice(["none", "member", "moderator", "owner"]),
        )
        self.write(home, self.somebody_of(home), event)

    def change_community(self) -> None:
        community = self.community()
        home = COMMUNITIES[community]
        settings = e.EditedCommunity(
            name=f"{community} {len(self.written)}",
            visibility=self.chance.choice(["open", "private"]),
            archived=self.flip(),
            mode=self.chance.choice(["quiet", "feedback", "friendly", "programme"]),
        )
        rev = self.rev("community", community) + 1
        event = e.CommunityChanged(community=community, rev=rev, settings=settings)
        self.write(home, self.somebody_of(home), event)

    def converse(self) -> None:
        """Over several regions: a copy in each pair lane; all copies are of one origin."""
        starter = self.somebody()
        home = self._homes[starter]
        name = self.id("conversation")
        members = self._members(starter)
        event = e.ConversationStarted(
            conversation=name, home=home, members=members, title="T", at=START
        )
        for _ in range(len({member.region for member in members})):
            self.write(home, starter, event)
        self._conversations.append((name, starter))

    def change_conversation(self) -> None:
        if not self._conversations:
            return
        name, starter = self.chance.choice(self._conversations)
        event = e.ConversationChanged(
            conversation=name,
            rev=self.rev("conversation", name) + 1,
            members=self._members(starter),
            title=f"T{len(self.written)}",
        )
        self.act(starter, event)

    def _members(self, starter: str) -> tuple[e.Member, ...]:
        names = {starter, *self.chance.sample(sorted(HOMES), 2)}
        return tuple([e.Member(person=name, region=HOMES[name]) for name in sorted(names)])

    def read(self) -> None:
        person = self.somebody()
        event = e.ReadMarked(channel="c:" + self.community(), up_to=self.chance.randint(1, 50))
        self.act(person, event)

    def change_profile(self) -> None:
        person = self.somebody()
        rev = self.rev("profile", person) + 1
        event = e.PersonProfileChanged(
            person=person, rev=rev, name=f"{person} {rev}", skills=("tea",)
        )
        if self.flip():
            whole = msgspec.structs.replace(event, about=f"about {rev}", unit="tea")
            in_group = msgspec.structs.replace(event, unit="tea")
            for copy, lane in ((whole, "local"), (in_group, "group.eu")):
                self.written.append(
                    Written(self._homes[person], person, START + len(self.written), copy, lane)
                )
        self.act(person, event)

    def change_status(self) -> None:
        person = self.somebody()
        rev = self.rev("status", person)
        event = e.PersonStatusChanged(person=person, rev=rev, active=not rev % 2)
        self.act(person, event)

    def change_role(self) -> None:
        person, role = self.somebody(), self.chance.choice(["auditor", "moderator"])
        rev = self.rev("region role", person, role)
        event = e.PersonRoleChanged(person=person, role=role, rev=rev, on=bool(rev % 2))  # type: ignore[arg-type]
        self.act(person, event)

    def move(self) -> None:
        """Handed over by the old home and taken by the new one, which counts on from there."""
        person = self.somebody()
        old = self._homes[person]
        new = self.chance.choice([region for region in REGIONS if region != old])
        handed = e.PersonHandedOver(person=person, to=new, rev=self.rev("home", person))
        released = e.PersonReleased(
            person=person,
            to=new,
            rev=handed.rev,
            cut=(e.LaneEnd(region=old, epoch=1, lane="global", seq=len(self.written)),),
            keys=(e.CarriedKey(key=self.id("key"), digest=b"d", answer=b"a", at=START),),
        )
        taken = e.PersonTakenOver(person=person, previous=old, rev=self.rev("home", person))
        self.write(old, person, handed)
        self.write(old, "", released)
        self.write(new, person, taken)
        self._homes[person] = new
        if self.chance.random() < 0.3:
            # The old home's log was restored, and it released them anew: the number is the handover's.
            end = e.LaneEnd(region=old, epoch=2, lane="global", seq=self.chance.randint(1, 9))
            self.write(old, "", msgspec.structs.replace(released, cut=(*released.cut, end)))

    def claim(self) -> None:
        """Two regions import one archive, each sure that the community is its own."""
        name = self.id("claimed")
        for home in self.chance.sample(REGIONS, 2):
            created = e.CommunityCreated(
                community=name, home=home, name=f"{home}'s", audience="global", at=START
            )
            self.write(home, "", created)

    def claim_person(self) -> None:
        """The same for a colleague, who may move afterwards."""
        person = self.somebody()
        claimant = self.chance.choice(REGIONS)
        if claimant != HOMES[person] and self.once("claimed", person, claimant):
            registered = e.PersonRegistered(person=person, home=claimant, name=claimant)
            self.write(claimant, "", registered)

    def register_anew(self) -> None:
        """After a log was restored that had lost the registration; a claimant's may be lost as well."""
        person = self.somebody()
        home = self.chance.choice(REGIONS)
        if home == HOMES[person] or ("claimed", person, home) in self._seen:
            name, unit = self.chance.choice(["A", "Z"]), self.chance.choice(["", "tea"])
            again = e.PersonRegistered(
                person=person, home=home, name=name, unit=unit, bot=self.flip()
            )
            self.write(home, "", again)

    def say_anew(self) -> None:
        """After a log was restored that had lost what is written once."""
        lost = self.chance.choice([one for one in self.written if isinstance(one.event, ONCE)])
        changed: dict[str, Any] = {}
        match lost.event:
            case e.PostDeleted(rev=rev):
                changed = {"rev": rev + 2**31}
            case e.ErasureCompleted():
                changed = {"bodies": 0}
            case e.CaseOpened(at=at):
                changed = {"at": at + self.chance.randint(0, 1), "received": 8_000}
            case e.CommunityCreated():
                changed = {"name": self.chance.choice(["A", "Z"]), "about": "from a newer file"}
        self.write(lost.origin, lost.actor, msgspec.structs.replace(lost.event, **changed))

    def define_topic(self) -> None:
        topic = self.chance.choice(TOPICS)
        event = e.TopicDefined(
            topic=topic, rev=self.rev("topic", topic), names={"en": f"{topic} {len(self.written)}"}
        )
        self.write("in", "asha", event)

    def flag(self) -> None:
        post, person = self.post(), self.somebody()
        if post is None:
            return
        event = e.FlagRaised(
            target=post.id,
            root=post.root,
            place=post.place,
            rev=self.rev("flag", post.id, person),
            reason="rude",
            on=self.flip(),
        )
        self.act(person, event)

    def moderate(self) -> None:
        post = self.post()
        if post is None:
            return
        home = COMMUNITIES[post.place[2:]]
        moderator = self.somebody_of(home)
        act = self.chance.choice(["hide", "lock", "pin"])
        rev = self.rev("moderated", post.id, act)
        event = e.ModerationActed(
            target=post.id,
            root=post.root,
            place=post.place,
            act=act,  # type: ignore[arg-type]
            rev=rev,
            on=bool(rev % 2),
            reason="rude",
        )
        self.write(home, moderator, event)
        resolved = e.FlagResolved(
            target=post.id,
            place=post.place,
            rev=self.rev("resolved", post.id),
            upheld=self.flip(),
            seen=self.chance.randrange(3),
        )
        self.write(home, moderator, resolved)

    def hide_at_home(self) -> None:
        post = self.post()
        if post is None:
            return
        rev = self.rev("hidden", post.id)
        event = e.HiddenAtHome(
            target=post.id, root=post.root, place=post.place, rev=rev, on=bool(rev % 2)
        )
        self.write("in", "asha", event)

    def publish_standing(self) -> None:
        person = self.somebody()
        event = e.StandingPublished(
            person=person,
            rev=self.rev("standing", person),
            day=20_000,
            rules="1",
            standing=self.chance.randint(0, 99),
            topics={"tea": 5},
            shown=self.flip(),
        )
        self.act(person, event)

    def choose(self) -> None:
        person = self.somebody()
        event = e.ScoringChoiceChanged(
            person=person,
            rev=self.rev("choice", person),
            choice=e.ScoringChoice(profile=self.flip(), boards=None, experts=self.flip()),
        )
        self.act(person, event)

    def begin_anew(self) -> None:
        person = self.somebody()
        event = e.ScoringHistoryErased(
            person=person, rev=self.rev("history", person), before=START + len(self.written)
        )
        self.act(person, event)

    def change_scoring(self) -> None:
        region = self.chance.choice(REGIONS)
        policy = msgspec.structs.replace(SCORING, k=self.chance.randint(10, 20))
        event = e.ScoringPolicyChanged(
            region=region, rev=self.rev("scoring", region), policy=policy
        )
        self.write(region, "", event)

    def publish_root(self) -> None:
        region = self.chance.choice(REGIONS)
        event = e.ScoringRootPublished(
            region=region,
            day=20_000,
            rules="1",
            quarter="2024-4",
            cut=(e.LaneEnd(region=region, epoch=1, lane="global", seq=len(self.written)),),
            people=self.chance.randint(0, 9),
            root=hashlib.sha256(str(len(self.written)).encode()).hexdigest(),
        )
        self.write(region, "", event)

    def open_case(self) -> None:
        region, number = self.chance.choice(REGIONS), self.chance.randrange(9)
        one, other = self.somebody(), self.somebody()
        event = e.CaseOpened(
            case=f"case{number}",
            region=region,
            kind="ring",
            parties=tuple(dict.fromkeys((one, other))),
            quarter="2024Q4",
            reason="look",
            at=START + len(self.written),
            received=9_000,
            flows=(e.CreditFlow(giver=one, author=other, contents=2, base=9_000, counted=7_500),),
        )
        if (region, number) not in self.cases:  # written once
            self.cases[region, number] = event
            self.write(region, "", event)

    def decide_case(self) -> None:
        if not self.cases:
            return
        (region, number), case = self.chance.choice(sorted(self.cases.items(), key=str))
        rev = self.rev("case", f"{region}{number}")
        outcome: e.CaseOutcome = self.chance.choice(("dismissed", "reversed"))
        decided = e.CaseDecided(
            case=case.case,
            region=region,
            rev=rev,
            outcome=outcome,
            reason="looked",
            by=self.somebody(),
            parties=case.parties,
            at=START + len(self.written),
        )
        self.write(region, decided.by, decided)
        ruling = "ring_reversed" if outcome == "reversed" else ""
        pairs = tuple(
            [
                e.RuledPair(giver=flow.giver, author=flow.author, ruling=ruling)
                for flow in case.flows
            ]
        )
        ruled = e.CreditsRuled(
            case=case.case, region=region, rev=rev, quarter=case.quarter, pairs=pairs
        )
        self.write(region, "", ruled)

    def change_residency(self) -> None:
        region = self.chance.choice(REGIONS)
        event = e.ResidencyChanged(
            region=region,
            rev=self.rev("residency", region),
            policy=DEFAULT,
            regions=REGIONS,
            groups={"eu": ("de", "fr")},
        )
        self.write(region, "", event)

    def rotate_key(self) -> None:
        region, number = self.chance.choice(REGIONS), self.chance.randrange(9)
        self.write(region, "", e.KeyRotated(key=b"k", key_id=f"k{number}"))

    def retire_key(self) -> None:
        number = self.chance.randrange(9)
        self.write(self.chance.choice(REGIONS), "", e.KeyRetired(key_id=f"k{number}"))

    def change_roster(self) -> None:
        event = e.RosterChanged(version=self.chance.randrange(1, 9), document="{}")
        self.write(self.chance.choice(REGIONS), "", event)


HAPPENINGS: tuple[Callable[[Company], None], ...] = (
    Company.publish,
    Company.reply,
    Company.edit,
    Company.delete,
    Company.erase,
    Company.react,
    Company.accept,
    Company.verify,
    Company.cite,
    Company.vote,
    Company.follow,
    Company.acknowledge,
    Company.move_idea,
    Company.ballot,
    Company.tally,
    Company.close_poll,
    Company.keep_ballot,
    Company.join,
    Company.grant,
    Company.change_community,
    Company.converse,
    Company.change_conversation,
    Company.read,
    Company.change_profile,
    Company.change_status,
    Company.change_role,
    Company.move,
    Company.claim,
    Company.claim_person,
    Company.register_anew,
    Company.say_anew,
    Company.define_topic,
    Company.flag,
    Company.moderate,
    Company.hide_at_home,
    Company.publish_standing,
    Company.choose,
    Company.begin_anew,
    Company.change_scoring,
    Company.publish_root,
    Company.open_case,
    Company.decide_case,
    Company.rotate_key,
    Company.retire_key,
    Company.change_roster,
    Company.change_residency,
)


def history(seed: int, happenings: int) -> list[Written]:
    """A long history, the same for the same seed: each happening comes up about equally often."""
    chance = random.Random(seed)
    company = Company(chance)
    for n in range(happenings):
        HAPPENINGS[
            n % len(HAPPENINGS) if chance.random() < 0.7 else chance.randrange(len(HAPPENINGS))
        ](company)
    return company.written
