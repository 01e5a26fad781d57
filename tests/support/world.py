"""A small company to decide in: enough people and places that every rule has somebody it lets through
and somebody it stops.

Asha owns Tea and Vault, Bob is a member of Tea, Cleo belongs nowhere. Mod administers and moderates the
region, Lead leads communications, Gone has left. Dora lives in de, where Kaffee is run from; de made
Asha an owner of it, which does not make India the one to write its settings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from server.app.handle import Answer
from server.domain import events as e
from server.domain.errors import Refusal
from server.domain.events import Event
from server.domain.ids import derived_object_id
from tests.support.node import START, ForeignLog, TestNode

DAY = 86_400_000
KAFFEE = derived_object_id(START, "kaffee")
GERMAN_POST = derived_object_id(START, "german post")
GERMAN_IDEA = derived_object_id(START, "german idea")
NOWHERE = derived_object_id(START, "nowhere")


class World(NamedTuple):
    node: TestNode
    abroad: ForeignLog
    tea: str
    vault: str
    home: str
    old: str
    chat: str
    post: str
    reply: str
    question: str
    answer: str
    poll: str
    several: str
    closed: str
    idea: str
    notice: str
    locked: str
    deleted: str
    secret: str
    message: str
    kaffee: str = "c:" + KAFFEE
    german_post: str = GERMAN_POST
    german_idea: str = GERMAN_IDEA
    nowhere: str = NOWHERE

    async def foreign(self, actor: str, *events: Event) -> None:
        """Events of de arrive."""
        batch = self.abroad.batch(self.node.clock.now, *[(actor, event) for event in events])
        assert await self.node.handler.apply(batch) == self.abroad.seq

    async def refusals(self, cases: dict[str, Case]) -> dict[str, tuple[str, str | None]]:
        """Name of the case -> (code, field); a command that is not refused is ("ok", None).

        Refusals change nothing: the log must not move, whatever is asked."""
        found = {}
        for name, (actor, do, arguments) in cases.items():
            before = self.node.tap.position
            outcome = await self.node.try_do(actor, do, **arguments)
            if isinstance(outcome, Refusal):
                assert self.node.tap.position == before, name
                assert len(outcome.message) > 10, name
                found[name] = (str(outcome.code), outcome.field)
            else:
                found[name] = ("ok", None)
        return found


Case = tuple[str, str, dict[str, Any]]
"""Who, does what, with which arguments."""


def poll_part(method: str = "single", **more: Any) -> dict[str, Any]:
    return {"method": method, "choices": ["green", "black", "white"], **more}


async def build_world(node: TestNode) -> World:
    """Needs a node of region ``in``."""
    await node.register("mod", "region_admin", "moderator")
    await node.register("lead", "communications_leader")
    for person in ("asha", "bob", "cleo", "gone"):
        await node.register(person, unit="tea")
    abroad = await _germany(node)
    tea = await node.community("asha", "Tea")
    vault = await node.community("asha", "Vault", visibility="private")
    home = await node.community("asha", "Home", audience="local")
    old = await node.community("asha", "Old")
    await node.do("bob", "membership.set", community=tea[2:], joined=True)
    chat = await node.do("asha", "conversation.start", members=["bob"])
    question = await node.post("bob", tea, "why?", "question", title="Why?")
    post = await node.post("asha", tea, "leaves", topics=["leaf"])
    world = World(
        node=node,
        abroad=abroad,
        tea=tea,
        vault=vault,
        home=home,
        old=old,
        chat="d:" + chat["conversation"],
        post=post,
        reply=await node.reply("bob", post, "indeed"),
        question=question,
        answer=await node.reply("asha", question, "because"),
        poll=await node.post("asha", tea, "?", "poll", poll=poll_part()),
        several=await node.post("asha", tea, "?", "poll", poll=poll_part("multiple")),
        closed=await node.post("asha", tea, "?", "poll", poll=poll_part(closes_at=START)),
        idea=await node.post("bob", tea, "bigger cups", "idea", title="Cups"),
        notice=await node.post(
            "lead", tea, "read", "announcement", title="Read", announcement={"acknowledge": True}
        ),
        locked=await node.post("asha", tea, "quiet"),
        deleted=await node.post("asha", tea, "oops"),
        secret=await node.post("asha", vault, "numbers"),
        message=await node.post("asha", "d:" + chat["conversation"], "psst", "message"),
    )
    await node.do("asha", "moderation.act", target=world.locked, act="lock", on=True)
    await node.do("asha", "post.delete", post=world.deleted)
    await node.do("asha", "community.change", community=old[2:], name="Old", archived=True)
    await node.do("mod", "person.set_status", person="gone", active=False)
    return world


async def _germany(node: TestNode) -> ForeignLog:
    abroad = ForeignLog("de")
    place = "c:" + KAFFEE
    batch = abroad.batch(
        node.clock.now,
        ("", e.PersonRegistered(person="dora", home="de", name="Dora")),
        ("dora", e.CommunityCreated(community=KAFFEE, home="de", name="Kaffee", audience="global")),
        ("dora", e.CommunityRoleChanged(community=KAFFEE, person="asha", rev=1, role="owner")),
        ("dora", e.PostPublished(post=GERMAN_POST, kind="update", place=place, at=START)),
        (
            "dora",
            e.PostPublished(post=GERMAN_IDEA, kind="idea", place=place, at=START, title="Mehr"),
        ),
    )
    assert await node.handler.apply(batch) == 5
    return abroad


def events_of(answer: Answer | Refusal) -> Answer:
    assert isinstance(answer, Answer), answer
    return answer
