"""Records, moments and a playbook: tests of a session read as a conversation.

    book.told(Ping()).asked(SendFrame(Pong(server_time=UTC)))

``told`` gives the session an input; ``asked`` says which effects must have come of it, all of them and
in this order. A difference is shown line by line.
"""

from __future__ import annotations

from typing import Any

from server.domain import limits
from server.domain.events import NAMES, Event, MembershipChanged, PostPublished, encode_body
from server.domain.facts import PersonFact
from server.domain.ids import EventId
from server.domain.visibility import Touched
from server.realtime import effects as fx
from server.realtime.buckets import Buckets
from server.realtime.reading import Node
from server.realtime.ring import Ready
from server.realtime.session import Session
from server.storage.event_log import Record

REGION, EPOCH = "in", 1 << 32 | 5
UTC = 1_767_225_600_000
NODE = Node(REGION, EPOCH)
TEA, CHESS = "c:" + "0" * 25 + "t", "c:" + "0" * 25 + "c"
TALK = "d:" + "0" * 25 + "d"
THREAD, OTHER = "t:" + "0" * 25 + "1", "t:" + "0" * 25 + "2"
ABROAD = "p:dora"
ME = "u:asha"
OWN = frozenset({"g", ME, TEA})
ASHA = PersonFact("asha", REGION, True, False, "it", "IN", 1, 0, frozenset())


def cursor(position: int, epoch: int = EPOCH) -> str:
    return f"{epoch:x}.{position}"


def post(place: str = TEA, text: str = "hello", **more: Any) -> PostPublished:
    return PostPublished(post="0" * 26, kind="update", place=place, at=UTC, text=text, **more)


def joined(place: str = TEA, person: str = "asha", on: bool = True) -> MembershipChanged:
    return MembershipChanged(community=place[2:], person=person, rev=1, joined=on)


def record(
    position: int,
    *channels: str,
    event: Event | None = None,
    touched: Touched | None = None,
    actor: str = "bob",
) -> Record:
    event = post(channels[0] if channels else TEA) if event is None else event
    id_ = EventId(REGION, EPOCH, "global", position)
    body = encode_body(event)
    return Record(
        position, id_, NAMES[type(event)], UTC + position, actor, event, body, channels, touched
    )


def entry(position: int, *channels: str, event: Event | None = None) -> Ready:
    return Ready(record(position, *channels, event=event), EPOCH)


def commands_of_people() -> Buckets:
    return Buckets(limits.COMMANDS_PER_10_S, limits.COMMANDS_BURST)


class Playbook:
    """A session and what is known of the world; ``given`` changes the world."""

    def __init__(self, session: Session | None = None) -> None:
        self.session = session or Session(NODE, 0, commands_of_people())
        self.moment = fx.Moment(now=0, utc=UTC, hub=0, sent=0, flushed=0, narrowed=0)
        self.effects: list[fx.Effect] = []

    def given(self, **world: int) -> Playbook:
        self.moment = self.moment._replace(**world)
        return self

    def told(self, what: fx.Input) -> Playbook:
        self.effects = self.session.receive(what, self.moment)
        return self

    def asked(self, *expected: fx.Effect) -> Playbook:
        assert [str(effect) for effect in self.effects] == [str(effect) for effect in expected]
        assert self.effects == list(expected)
        return self

    def asked_for(self, kind: type) -> Any:
        """The only effect of a kind, whatever else there is."""
        (found,) = [effect for effect in self.effects if isinstance(effect, kind)]
        return found

    def is_now(self, state: str) -> Playbook:
        assert self.session.state == state
        return self


def interests(
    ticket: int,
    position: int,
    own: frozenset[str] = OWN,
    asked: frozenset[str] = frozenset(),
    allowed: frozenset[str] | None = None,
) -> fx.Interests:
    return fx.Interests(ticket, position, own, asked, asked if allowed is None else allowed)
