"""Stories for every event kind, told in a small world by real commands or another region's log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

import msgspec

from server.app.handle import Answer
from server.domain import events as e
from server.domain.commands import from_builtins
from server.domain.events import Event
from server.domain.ids import derived_object_id
from server.domain.residency import DEFAULT
from server.domain.scoring_policy import DEFAULT as SCORING
from tests.support.node import START, ForeignLog, TestNode

VIEWERS = ("asha", "bob", "cleo", "mod")
"""Author and moderator-to-be, member, colleague who belongs nowhere, moderator and region admin."""


class World(NamedTuple):
    """Asha and Bob are in Tea, which Mod runs; Asha alone was let into the Vault; Dora lives in de."""

    node: TestNode
    abroad: ForeignLog
    tea: str
    vault: str
    home: str
    post: str
    question: str
    answer: str
    poll: str
    secret: str
    idea: str
    notice: str
    secret_post: str
    chat: str

    async def foreign(self, actor: str, *events: Event) -> None:
        batch = self.abroad.batch(self.node.clock.now, *[(actor, event) for event in events])
        tip = await self.node.handler.apply(batch)
        assert tip == self.abroad.seq, tip


async def build(node: TestNode) -> World:
    await node.register("mod", "region_admin", "moderator", name="Mod")
    for person in ("asha", "bob", "cleo"):
        await node.register(person)
    abroad = ForeignLog("de")
    dora = e.PersonRegistered(person="dora", home="de", name="Dora")
    await node.handler.apply(abroad.batch(node.clock.now, ("", dora)))
    tea, vault, home = await _communities(node)
    question = await node.post("bob", tea, "why?", "question", title="Why?")
    chat = await node.do("asha", "conversation.start", members=["bob"])
    return World(
        node=node,
        abroad=abroad,
        tea=tea,
        vault=vault,
        home=home,
        post=await node.post("asha", tea, "leaves", topics=["leaf"], mentions=["bob"]),
        question=question,
        answer=await node.reply("asha", question, "because"),
        poll=await node.post("asha", tea, "?", "poll", poll=_poll()),
        secret=await node.post("asha", home, "!", "poll", poll=_poll(secret=True)),
        idea=await node.post("bob", tea, "bigger cups", "idea", title="Cups"),
        notice=await node.post(
            "mod", tea, "read", "announcement", title="Read", announcement={"acknowledge": True}
        ),
        secret_post=await node.post("asha", vault, "numbers"),
        chat="d:" + chat["conversation"],
    )


async def _communities(node: TestNode) -> tuple[str, str, str]:
    tea = await node.community("mod", "Tea")
    vault = await node.community("mod", "Vault", visibility="private")
    home = await node.community("mod", "Home", audience="local")
    for person in ("asha", "bob"):
        await node.do(person, "membership.set", community=tea[2:], joined=True)
        await node.do(person, "membership.set", community=home[2:], joined=True)
    role = {"do": "community.set_role", "community": vault[2:], "person": "asha", "role": "member"}
    assert isinstance(await node.handler.handle("mod", "let-asha-in", from_builtins(role)), Answer)
    return tea, vault, home


def _poll(**more: Any) -> dict[str, Any]:
    return {"method": "single", "choices": ["green", "black"], **more}


class Case(NamedTuple):
    """``order``: viewers who cannot know what they now have to show, and must take a new snapshot.

    ``posts``: viewers who must fetch a post again. Anybody else's fold is exact."""

    name: str
    act: Callable[[World], Awaitable[Any]]
    order: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    given: Callable[[World], Awaitable[Any]] | None = None
    """What happened before the first snapshot."""


def does(actor: str, do: str, /, **arguments: Any) -> Callable[[World], Awaitable[Any]]:
    """A command; an argument given as a function is asked of the world."""

    async def act(w: World) -> None:
        told = {key: value(w) if callable(value) else value for key, value in arguments.items()}
        w.node.clock.advance(1)
        key = f"story-{w.node.clock.now}"
        answer = await w.node.handler.handle(actor, key, from_builtins({"do": do, **told}))
        assert isinstance(answer, Answer), answer

    return act


def arrives(actor: str, event: Callable[[World], Event]) -> Callable[[World], Awaitable[Any]]:
    async def act(w: World) -> None:
        await w.foreign(actor, event(w))

    return act


def then(*acts: Callable[[World], Awaitable[Any]]) -> Callable[[World], Awaitable[Any]]:
    async def act(w: World) -> None:
        for one in acts:
            await one(w)

    return act


def _object(name: str) -> str:
    return derived_object_id(START, name)


def _erase(post: Callable[[World], str]) -> Callable[[World], Awaitable[Any]]:
    return does("asha", "content.erase", scope="post", target=post)


async def _fill(w: World) -> None:
    """More posts than a snapshot shows, in another community of Bob's."""
    coffee = await w.node.community("bob", "Coffee", key="fill-coffee")
    for number in range(48):
        await w.node.post("bob", coffee, f"cup {number}", key=f"fill-cup-{number}")


def _post(w: World) -> str:
    return w.post


def _tea(w: World) -> str:
    return w.tea[2:]


def _vault(w: World) -> str:
    return w.vault[2:]


_settings = {"community": _tea, "name": "Green tea", "about": "leaves"}
_react = does("bob", "reaction.set", target=_post, reaction="helpful", on=True)
_emoji = {"target": _post, "reaction": "emoji", "emoji": "👍"}
_vote = does("bob", "ballot.cast", poll=lambda w: w.poll, choices=[1])
_edit = does("asha", "post.edit", post=_post, text="better leaves", topics=["tea"])
_hide = {"target": _post, "act": "hide", "reason": "rude"}
_role = {"community": _vault, "person": "cleo"}


def _moved(w: World, *members: str) -> Event:
    inside = tuple(e.Member(person=person, region="in") for person in members)
    return e.ConversationChanged(conversation=w.chat[2:], rev=2, members=inside, title="We")


def _abroad_asks(w: World, **more: Any) -> Event:
    return e.PostPublished(
        post=_object("asked"),
        kind="poll",
        place=w.tea,
        at=START + 5,
        text="?",
        poll=e.PollSpec(method="ranked", choices=("a", "b"), **more),
    )


def _closed(w: World) -> Event:
    end = e.LaneEnd(region="de", epoch=1, lane="global", seq=4)
    return e.PollClosed(
        poll=_object("asked"),
        place=w.tea,
        voters=3,
        regions=2,
        quorum=False,
        digest=b"\x00\xff",
        counts=(1, 2),
        pairs=(0, 1, 2, 0),
        order=((1,), (0,)),
        cut=(end,),
        late=("br",),
    )


def _region_closed(w: World) -> Event:
    return e.PollRegionClosed(
        poll=_object("asked"), place=w.tea, region="de", ballots=1, waits_for=("br", "de", "in")
    )


def _checked(agrees: bool) -> Callable[[World], Event]:
    return lambda w: e.PollChecked(poll=_object("asked"), place=w.tea, region="de", agrees=agrees)


def _vote_imported(w: World) -> Event:
    return e.VoteImported(
        target=w.post,
        root=w.post,
        place=w.tea,
        vote="up",
        at=1,
        source=e.Source(system="forum", id="vote-1"),
    )


def _from_abroad(w: World, **more: Any) -> Event:
    return e.PostPublished(
        post=_object("abroad"), kind="update", place=w.tea, at=START + 5, text="hallo", **more
    )


async def _told_to_a_group(w: World) -> None:
    group = ForeignLog("de", "group.eu")
    fuller = e.PersonProfileChanged(person="dora", rev=2, name="Dora D", about="Plays the zither.")
    assert await w.node.handler.apply(group.batch(w.node.clock.now, ("", fuller))) == 1


def _tallied(w: World) -> Event:
    return e.PollTallied(poll=w.secret, place=w.home, region="de", rev=1, voters=2, counts=(2, 0))


_FILES = (
    e.Attachment(
        hash="a" * 64,
        type="image/jpeg",
        size=3_000,
        name="leaf.jpg",
        width=40,
        height=30,
        alt="A leaf",
        thumbnail=b"small",
    ),
    e.Attachment(hash="b" * 64, type="application/pdf", size=9, name="tea.pdf", stays=True),
)


def _post_with_files(w: World) -> Event:
    post = derived_object_id(START, "de", "with files")
    return e.PostPublished(
        post=post, kind="update", place=w.tea, at=w.node.clock.now, attachments=_FILES
    )


def _moderated_early(act: Literal["hide", "lock"]) -> Callable[[World], Event]:
    def event(w: World) -> Event:
        post = derived_object_id(START, "de", "with files")
        return e.ModerationActed(target=post, root=post, place=w.tea, act=act, rev=1, on=True)

    return event


def _deleted_early(w: World) -> Event:
    post = derived_object_id(START, "de", "with files")
    return e.PostDeleted(post=post, root=post, place=w.tea, rev=2)


def _erased_early(w: World) -> Event:
    post = derived_object_id(START, "de", "with files")
    left = e.ErasedPost(
        post=post, kind="update", place=w.tea, root=post, author="dora", at=w.node.clock.now, rev=3
    )
    return e.ErasureRequested(
        request=_object("er"), scope="post", target=post, posts=(left,), open=True
    )


def _reply_with_files(w: World) -> Event:
    return e.ReplyPublished(
        post=derived_object_id(START, "de", "with files below"),
        kind="reply",
        place=w.tea,
        root=w.post,
        parent=w.post,
        at=w.node.clock.now,
        text="see",
        attachments=_FILES[:1],
    )


CASES: dict[str, list[Case]] = {
    "person.registered": [
        Case(
            "an author, anew after a log was restored",
            arrives("", lambda w: e.PersonRegistered(person="dora", home="de", name="Zora")),
            given=arrives("dora", _post_with_files),
        ),
        Case(
            "oneself, claimed by another region as well",
            arrives("", lambda w: e.PersonRegistered(person="bob", home="de", name="Robert")),
            order=("bob",),
        ),
        Case(
            "the author was not known when the post came",
            then(
                arrives("emil", _from_abroad),
                arrives("", lambda w: e.PersonRegistered(person="emil", home="de", name="Emil")),
            ),
        ),
        Case(
            "a stranger is no part of a snapshot",
            does("mod", "person.register", person="fay", name="Fay"),
        ),
    ],
    "person.profile_changed": [
        Case(
            "an author has a new name",
            does("asha", "profile.change", name="Asha R", title="Lead", skills=["tea"]),
        ),
        Case(
            "at home all of it, although part of it does not leave",
            does("asha", "profile.change", name="Asha R", title="Lead", about="Plays the sarod."),
        ),
        Case(
            "of a colleague abroad what her region lets leave, then what it tells a group",
            then(
                arrives("dora", _from_abroad),
                arrives("", lambda w: e.PersonProfileChanged(person="dora", rev=2, name="Dora D")),
                _told_to_a_group,
            ),
        ),
    ],
    "person.status_changed": [
        Case("an author left", does("mod", "person.set_status", person="bob", active=False))
    ],
    "person.role_changed": [
        Case(
            "granted and taken",
            then(
                does("mod", "person.set_role", person="asha", role="auditor", on=True),
                does("mod", "person.set_role", person="mod", role="moderator", on=False),
            ),
        )
    ],
    "person.handed_over": [
        Case(
            "nobody writes for her meanwhile",
            then(
                arrives("dora", _from_abroad),
                arrives("", lambda w: e.PersonHandedOver(person="dora", to="fr", rev=1)),
            ),
        )
    ],
    "person.released": [
        Case(
            "on no channel", arrives("", lambda w: e.PersonReleased(person="dora", to="in", rev=1))
        )
    ],
    "person.taken_over": [
        Case(
            "a new home",
            arrives("", lambda w: e.PersonTakenOver(person="asha", previous="in", rev=2)),
        )
    ],
    "community.created": [
        Case("one's own is there at once", does("bob", "community.create", name="Coffee")),
        Case(
            "a private one",
            does("bob", "community.create", name="Cellar", visibility="private"),
        ),
    ],
    "community.changed": [
        Case("a new name", does("mod", "community.change", **_settings)),
        Case("archived", does("mod", "community.change", **_settings, archived=True)),
        Case("friendly", does("mod", "community.change", **_settings, mode="friendly")),
        Case(
            "who merely joined is out when it turns private",
            does("mod", "community.change", **_settings, visibility="private"),
        ),
        Case(
            "who joined is in when it opens again",
            then(
                does("mod", "community.change", **_settings, visibility="private"),
                does("mod", "community.change", **_settings, visibility="open"),
            ),
            order=("asha", "bob"),
        ),
        Case(
            "the window was full, so older posts come into it",
            does("mod", "community.change", **_settings, visibility="private"),
            order=("bob",),
            given=_fill,
        ),
    ],
    "membership.changed": [
        Case("left", does("bob", "membership.set", community=_tea, joined=False)),
        Case(
            "joined: the posts of before are not known",
            does("cleo", "membership.set", community=_tea, joined=True),
            order=("cleo",),
        ),
    ],
    "community.role_changed": [
        Case(
            "let into a private community",
            does("mod", "community.set_role", **_role, role="member"),
            order=("cleo",),
        ),
        Case(
            "put out of it",
            does("mod", "community.set_role", community=_vault, person="asha", role="none"),
        ),
        Case(
            "made moderator",
            does("mod", "community.set_role", community=_tea, person="bob", role="moderator"),
        ),
    ],
    "conversation.started": [
        Case(
            "the starter knows it is empty",
            does("bob", "conversation.start", members=["cleo"], title="Lunch"),
            order=("cleo",),
        )
    ],
    "conversation.changed": [
        Case("a title", arrives("asha", lambda w: _moved(w, "asha", "bob"))),
        Case("one came", arrives("asha", lambda w: _moved(w, "asha", "bob", "cleo")), ("cleo",)),
        Case(
            "one was put out, after a message",
            then(
                does("bob", "post.publish", place=lambda w: w.chat, kind="message", text="hi"),
                arrives("asha", lambda w: _moved(w, "asha")),
            ),
        ),
    ],
    "read.marked": [
        Case(
            "a place, a thread, and never backwards",
            then(
                does("bob", "read.mark", channel=lambda w: w.tea, up_to=START),
                does("bob", "read.mark", channel=lambda w: "t:" + w.post, up_to=START + 2),
                does("bob", "read.mark", channel=lambda w: w.tea, up_to=START - 1),
            ),
        )
    ],
    "post.published": [
        Case("with files, from abroad", arrives("dora", _post_with_files)),
        Case(
            "after it was hidden",
            arrives("dora", _post_with_files),
            posts=("asha", "bob", "mod"),
            given=arrives("dora", _moderated_early("hide")),
        ),
        Case(
            "after it was locked and deleted, all of it missed",
            then(
                arrives("dora", _moderated_early("lock")),
                arrives("dora", _deleted_early),
                arrives("dora", _post_with_files),
            ),
            posts=("asha", "bob", "mod"),
        ),
        Case(
            "of every kind, with all its parts",
            then(
                does("bob", "post.publish", place=lambda w: w.tea, kind="update", text="sip"),
                does(
                    "asha",
                    "post.publish",
                    place=lambda w: w.tea,
                    kind="paper",
                    text="t",
                    title="On tea",
                    lang="en",
                    paper={"abstract": "leaves", "coauthors": ["bob"]},
                ),
                does(
                    "bob",
                    "post.publish",
                    place=lambda w: w.tea,
                    kind="praise",
                    text="thanks",
                    praise={"to": "asha", "behaviour": "helps"},
                ),
                does(
                    "bob",
                    "post.publish",
                    place=lambda w: w.tea,
                    kind="poll",
                    text="when?",
                    poll=_poll(hidden_until_close=True),
                ),
            ),
        ),
        Case(
            "a message",
            does("asha", "post.publish", place=lambda w: w.chat, kind="message", text="psst"),
        ),
        Case(
            "in a private community, naming somebody outside",
            does(
                "asha",
                "post.publish",
                place=lambda w: w.vault,
                kind="update",
                text="hush",
                mentions=["cleo"],
            ),
        ),
        Case(
            "from abroad, naming somebody outside the private community it is in",
            arrives(
                "asha",
                lambda w: e.PostPublished(
                    post=_object("leak"),
                    kind="update",
                    place=w.vault,
                    at=START,
                    text="hush",
                    notify=("cleo",),
                ),
            ),
        ),
        Case("more than the window holds", _fill),
        Case(
            "older than a full window",
            arrives("dora", _from_abroad),
            given=_fill,
        ),
        Case(
            "imported long ago, with its source",
            arrives("dora", lambda w: _from_abroad(w, source=e.Source(system="forum", id="9"))),
        ),
        Case(
            "after a reply to it",
            then(
                arrives(
                    "dora",
                    lambda w: e.ReplyPublished(
                        post=_object("early"),
                        kind="reply",
                        place=w.tea,
                        root=_object("abroad"),
                        parent=_object("abroad"),
                        at=START + 6,
                        text="ja",
                    ),
                ),
                arrives("dora", _from_abroad),
            ),
        ),
    ],
    "reply.published": [
        Case("a reply and a reply to it", does("bob", "reply.publish", parent=_post, text="mm")),
        Case("with files", arrives("dora", _reply_with_files)),
    ],
    "post.edited": [
        Case("text and topics", _edit),
        Case(
            "a hidden one stays hidden",
            then(does("mod", "moderation.act", **_hide, on=True), _edit),
        ),
    ],
    "post.deleted": [
        Case("by its author", does("asha", "post.delete", post=_post)),
        Case(
            "a poll with ballots",
            then(_vote, does("asha", "post.delete", post=lambda w: w.poll)),
        ),
        Case(
            "after its erasure, which went before everything else",
            then(arrives("dora", _erased_early), arrives("dora", _deleted_early)),
            given=arrives("dora", _post_with_files),
        ),
    ],
    "erasure.requested": [
        Case("one post", _erase(_post)),
        Case(
            "what was edited, by its author",
            then(_edit, does("asha", "content.erase", scope="post", target=_post)),
        ),
        Case("a poll with ballots", then(_vote, _erase(lambda w: w.poll))),
        Case("an answer", _erase(lambda w: w.answer)),
        Case(
            "what was published since, is locked, and never seen",
            then(
                arrives("dora", _post_with_files),
                arrives("dora", _moderated_early("lock")),
                arrives("dora", _erased_early),
            ),
            posts=("asha", "bob", "mod"),
        ),
        Case("in a private place", _erase(lambda w: w.secret_post)),
        Case("what was deleted", then(does("asha", "post.delete", post=_post), _erase(_post))),
        Case(
            "a person: all of their posts",
            then(
                does("mod", "person.set_role", person="mod", role="privacy_officer", on=True),
                does("mod", "content.erase", scope="person", target="bob"),
            ),
        ),
    ],
    "erasure.completed": [
        Case(
            "a receipt",
            arrives(
                "",
                lambda w: e.ErasureCompleted(
                    request=_object("er"), region="de", bodies=1, by="asha"
                ),
            ),
        )
    ],
    "reaction.changed": [
        Case("helpful", _react),
        Case(
            "on and off again",
            then(_react, does("bob", "reaction.set", target=_post, reaction="helpful", on=False)),
        ),
        Case(
            "emoji of two, and on a reply",
            then(
                does("bob", "reaction.set", **_emoji, on=True),
                does("asha", "reaction.set", **_emoji, on=True),
                does("bob", "reaction.set", target=lambda w: w.answer, reaction="solved", on=True),
            ),
        ),
        Case(
            "from outside the community",
            does("cleo", "reaction.set", target=_post, reaction="solved", on=True),
        ),
    ],
    "answer.accepted": [
        Case(
            "accepted",
            does("bob", "answer.accept", question=lambda w: w.question, answer=lambda w: w.answer),
        ),
        Case(
            "and withdrawn",
            then(
                does(
                    "bob", "answer.accept", question=lambda w: w.question, answer=lambda w: w.answer
                ),
                does("bob", "answer.accept", question=lambda w: w.question, answer=None),
            ),
        ),
    ],
    "verification.changed": [
        Case(
            "a post and a reply",
            then(
                does("mod", "verification.set", target=_post, on=True),
                does("mod", "verification.set", target=lambda w: w.answer, on=True),
            ),
        ),
        Case(
            "and no longer",
            then(
                does("mod", "verification.set", target=_post, on=True),
                does("mod", "verification.set", target=_post, on=False),
            ),
        ),
    ],
    "citation.changed": [
        Case(
            "one post builds on another",
            does(
                "bob",
                "post.publish",
                place=lambda w: w.tea,
                kind="update",
                text="as she said",
                cites=lambda w: [w.post],
            ),
        )
    ],
    "vote.imported": [Case("a vote without a voter", arrives("", _vote_imported))],
    "follow.changed": [
        Case(
            "a person, a topic, a post; and one no more",
            then(
                does("bob", "follow.set", kind="person", target="asha", on=True),
                does("bob", "follow.set", kind="topic", target="leaf", on=True),
                does("bob", "follow.set", kind="post", target=_post, on=True),
                does("bob", "follow.set", kind="topic", target="leaf", on=False),
            ),
        )
    ],
    "announcement.acknowledged": [
        Case("read and confirmed", does("bob", "announcement.acknowledge", post=lambda w: w.notice))
    ],
    "idea.stage_changed": [
        Case(
            "shortlisted, with an owner",
            does(
                "mod",
                "idea.move",
                post=lambda w: w.idea,
                stage="shortlisted",
                owner="asha",
                due=START,
                note="soon",
            ),
        )
    ],
    "ballot.cast": [
        Case("openly", _vote),
        Case(
            "changed and withdrawn",
            then(
                _vote,
                does("bob", "ballot.cast", poll=lambda w: w.poll, choices=[0]),
                does("asha", "ballot.cast", poll=lambda w: w.poll, choices=[0]),
                does("bob", "ballot.cast", poll=lambda w: w.poll, withdrawn=True),
            ),
        ),
        Case("in secret", does("bob", "ballot.cast", poll=lambda w: w.secret, choices=[0])),
    ],
    "ballot.kept": [
        Case(
            "a newcomer has voted in secret elsewhere",
            arrives(
                "",
                lambda w: e.BallotKept(poll=w.secret, place=w.home, person="bob", region="de"),
            ),
        )
    ],
    "poll.closing": [Case("no more ballots", does("asha", "poll.close", poll=lambda w: w.poll))],
    "poll.region_closed": [
        Case(
            "the poll's home waits for two more",
            then(arrives("dora", _abroad_asks), arrives("", _region_closed)),
        ),
        Case(
            "a region whose clock is ahead",
            arrives(
                "",
                lambda w: e.PollRegionClosed(poll=w.poll, place=w.tea, region="de", ballots=1),
            ),
        ),
    ],
    "poll.tallied": [Case("another region's part of a secret poll", arrives("", _tallied))],
    "poll.closed": [
        Case(
            "counted and final",
            then(
                arrives("dora", _abroad_asks),
                does("bob", "ballot.cast", poll=lambda _: _object("asked"), choices=[1, 0]),
                arrives("", _closed),
            ),
        ),
        Case(
            "a hidden tally is shown",
            then(
                arrives("dora", lambda w: _abroad_asks(w, hidden_until_close=True)),
                arrives("", _closed),
            ),
        ),
        Case(
            "a region that is not the poll's home says so",
            then(
                does(
                    "asha",
                    "post.publish",
                    place=lambda w: w.tea,
                    kind="poll",
                    text="?",
                    poll=_poll(),
                ),
                arrives("", lambda w: msgspec.structs.replace(_closed(w), poll=w.poll)),
            ),
        ),
    ],
    "poll.checked": [
        Case(
            "one agrees, another does not",
            then(
                arrives("dora", _abroad_asks),
                arrives("", _closed),
                arrives("", _checked(True)),
                arrives("", _checked(False)),
            ),
        )
    ],
    "topic.defined": [
        Case(
            "no part of a snapshot",
            does("mod", "topic.define", topic="leaf", names={"en": "Leaf"}),
        )
    ],
    "flag.raised": [
        Case(
            "told to nobody else",
            does("bob", "flag.raise", target=_post, reason="rude"),
        )
    ],
    "flag.resolved": [
        Case(
            "told to nobody",
            then(
                does("bob", "flag.raise", target=_post, reason="rude"),
                does("mod", "flag.resolve", target=_post, upheld=True, note="ok"),
            ),
        )
    ],
    "moderation.acted": [
        Case(
            "locked and pinned",
            then(
                does("mod", "moderation.act", target=_post, act="lock", on=True),
                does("mod", "moderation.act", target=_post, act="pin", on=True),
            ),
        ),
        Case("hidden", does("mod", "moderation.act", **_hide, on=True)),
        Case(
            "hidden, and deleted by its author",
            then(
                does("mod", "moderation.act", **_hide, on=True),
                does("asha", "post.delete", post=_post),
            ),
        ),
        Case(
            "a poll with a ballot, hidden and shown again",
            then(
                _vote,
                does(
                    "mod",
                    "moderation.act",
                    target=lambda w: w.poll,
                    act="hide",
                    reason="rude",
                    on=True,
                ),
                does("mod", "moderation.act", target=lambda w: w.poll, act="hide", on=False),
            ),
            posts=("asha", "bob", "mod"),
        ),
    ],
    "moderation.hidden_at_home": [
        Case(
            "hidden twice, shown once",
            then(
                does("mod", "moderation.hide_at_home", target=_post, on=True, reason="law"),
                does("mod", "moderation.act", **_hide, on=True),
                does("mod", "moderation.hide_at_home", target=_post, on=False),
            ),
            posts=("asha", "bob", "mod"),
        ),
        Case(
            "hidden by the community first, whose reason stays",
            then(
                does("mod", "moderation.act", **_hide, on=True),
                does("mod", "moderation.hide_at_home", target=_post, on=True, reason="law"),
            ),
        ),
    ],
    "standing.published": [
        Case(
            "told to the person",
            arrives(
                "",
                lambda w: e.StandingPublished(
                    person="asha", rev=1, day=20_000, rules="1", standing=5_000
                ),
            ),
        )
    ],
    "scoring.policy_changed": [
        Case(
            "on no channel",
            arrives("", lambda w: e.ScoringPolicyChanged(region="de", rev=1, policy=SCORING)),
        )
    ],
    "scoring.choice_changed": [
        Case(
            "chosen, and another thing left to the policy again",
            then(
                does("asha", "scoring.choose", profile=True, boards=False),
                does("asha", "scoring.choose", profile=True),
            ),
        ),
        Case(
            "somebody else's is nobody's business",
            does("bob", "scoring.choose", experts=True),
        ),
    ],
    "scoring.history_erased": [
        Case("told to the person", does("asha", "scoring.erase_history")),
    ],
    "scoring.root_published": [
        Case(
            "on no channel",
            arrives(
                "",
                lambda w: e.ScoringRootPublished(
                    region="de", day=1, rules="1", quarter="q", cut=(), people=0, root="0" * 64
                ),
            ),
        )
    ],
    "case.opened": [
        Case(
            "on no channel: parties are told by a value",
            arrives(
                "",
                lambda w: e.CaseOpened(
                    case="01hzzzzzzzzzzzzzzzzzzzzzzz",
                    region="de",
                    kind="ring",
                    parties=("asha", "bob"),
                    quarter="2026Q1",
                    reason="",
                    at=1,
                ),
            ),
        )
    ],
    "case.decided": [
        Case(
            "on no channel: parties are told by a value",
            arrives(
                "",
                lambda w: e.CaseDecided(
                    case="01hzzzzzzzzzzzzzzzzzzzzzzz",
                    region="de",
                    rev=1,
                    outcome="dismissed",
                    reason="",
                    by="dora",
                    parties=("asha", "bob"),
                    at=1,
                ),
            ),
        )
    ],
    "credits.ruled": [
        Case(
            "on no channel",
            arrives(
                "",
                lambda w: e.CreditsRuled(
                    case="01hzzzzzzzzzzzzzzzzzzzzzzz", region="de", rev=1, quarter="q", pairs=()
                ),
            ),
        )
    ],
    "epoch.opened": [
        Case("on no channel", arrives("", lambda w: e.EpochOpened(previous=1, nonce=b"n")))
    ],
    "key.rotated": [
        Case("on no channel", arrives("", lambda w: e.KeyRotated(key=b"k" * 32, key_id="k2")))
    ],
    "key.retired": [Case("on no channel", arrives("", lambda w: e.KeyRetired(key_id="k1")))],
    "roster.changed": [
        Case("on no channel", arrives("", lambda w: e.RosterChanged(version=2, document="{}")))
    ],
    "log.closed": [Case("on no channel", arrives("", lambda w: e.LogClosed(reason="sold")))],
    "residency.changed": [
        Case(
            "on no channel",
            arrives(
                "",
                lambda w: e.ResidencyChanged(
                    region="de", rev=1, policy=DEFAULT, regions=("de", "in"), groups={}
                ),
            ),
        )
    ],
}
"""Event kind -> its stories. The kind is among the events of each."""
