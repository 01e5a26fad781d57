"""A link as conversations: what it is told, what it asks for (docs/protocol/federation.md 7 to 11)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from server.domain import limits
from server.domain.errors import Code, Mistake, Refusal
from server.domain.ids import LaneKey
from server.federation import frames, handshake, steps
from server.federation.forks import ForkProof
from server.federation.frames import (
    Ack,
    Batch,
    Fault,
    Fork,
    Frame,
    Heads,
    Hello,
    LaneRef,
    Ping,
    Tip,
    Want,
)
from server.federation.guests import GUESTS_MAX
from server.federation.handshake import Handshake, Identity
from server.federation.lanes import Held
from server.federation.link import Link
from server.federation.pauses import backoff_ms
from server.federation.status import LinkStatus
from server.federation.steps import (
    TRANSITIONS,
    Effect,
    Input,
    State,
    Trigger,
    close_code,
    next_state,
)
from server.federation.trust import Role, private_key, succession
from tests.unit.federation.lab import (
    EPOCH,
    START,
    ListLog,
    batch_of,
    events_after,
    key_of,
    reach_of,
    roster_of,
)

REGIONS = ("de", "fr", "in")


class Playbook:
    """One link of region ``me`` to ``peer``, whose words the test writes."""

    def __init__(self, me: str = "de", peer: str = "fr", *, dials: bool = True) -> None:
        self.me, self.peer, self.now = me, peer, START
        self.log = ListLog(me)
        self.roster = roster_of(*REGIONS)
        self.link = Link(
            Identity(me, EPOCH, key_of(me)), peer, self.roster, reach_of(*REGIONS), dials
        )
        self.effects: list[Effect] = []
        self.armed: int | None = None
        """When the timer is due."""

    def give(self, given: Input, *, jitter: float = 0.5, after: int = 0) -> list[str]:
        """What the link asks for, in short words; timers are left out."""
        self.now += after
        self.effects = self.link.step(self.now, given, jitter)
        for effect in self.effects:
            self.armed = effect.at if isinstance(effect, steps.SetTimer) else self.armed
        return [word for effect in self.effects if (word := self._word(effect))]

    def tell(self, conn: int, frame: Frame | bytes, *, after: int = 0) -> list[str]:
        data = frame if isinstance(frame, bytes) else frames.encode(frame)
        return self.give(steps.Received(conn, data), after=after)

    def sent(self, kind: type) -> Any:
        """The one frame of this kind among the last effects."""
        found = [
            frame
            for effect in self.effects
            if isinstance(effect, steps.Send)
            and isinstance(frame := frames.decode(effect.data), kind)
        ]
        assert len(found) == 1, found
        return found[0]

    def refusals(self) -> list[Code]:
        return [e.refusal.code for e in self.effects if isinstance(e, steps.Report) and e.refusal]

    def until(self, word: str, *, jitter: float = 0.5, limit: int = 60_000) -> int:
        """Fires the timer whenever it is due until the link asks for ``word``; milliseconds taken."""
        start = self.now
        while self.armed is not None and self.armed <= start + limit:
            self.now, self.armed = max(self.now, self.armed), None
            if word in self.give(steps.TimerFired(), jitter=jitter):
                return self.now - start
        pytest.fail(f"no {word!r} within {limit} ms")

    @staticmethod
    def _word(effect: Effect) -> str:
        match effect:
            case steps.Send(conn, data):
                return f"{frames.NAMES[type(frames.decode(data))]} on {conn}"
            case steps.Close(conn, code, _):
                return f"close {conn} {code}"
            case steps.Apply(batch):
                return f"apply {batch.key.lane} {batch.after}+{len(batch.events)}"
            case steps.LoadPage(key, after, _, _):
                return f"load {key.lane} {after}"
            case steps.LoadTips():
                return "load tips"
            case steps.Dial():
                return "dial"
            case steps.Report(state, refusal, _):
                return f"{state} {refusal.code}" if refusal else str(state)
        return ""

    # -- the way to a proven connection --

    def other_end(self, role: Role, key: str = "") -> Handshake:
        me = Identity(self.peer, EPOCH, key_of(key or self.peer))
        return Handshake(me, self.me, roster_of(*REGIONS), role, b"o" * 32)

    def dial(self, conn: int = 1) -> list[str]:
        """Our dialled connection is proven; the last effects follow the peer's proof."""
        other = self.other_end("accept")
        self.give(steps.Opened(conn, False, b"n" * 32))
        answer = other.receive(self.sent(Hello), self.now)
        assert answer
        words = self.tell(conn, answer)
        other.receive(self.sent(Hello), self.now)
        assert other.proven
        return words

    def accept(self, conn: int = 1) -> list[str]:
        other = self.other_end("dial")
        self.give(steps.Opened(conn, True, b"n" * 32))
        self.tell(conn, other.opening(self.now))
        last = other.receive(self.sent(Hello), self.now)
        assert last
        return self.tell(conn, last)

    def tips(self, conn: int = 1, held: dict[LaneKey, Held] | None = None) -> list[str]:
        return self.give(steps.TipsLoaded(conn, self.log.tips() | (held or {})))

    def live(self, held: dict[LaneKey, Held] | None = None) -> Playbook:
        self.give(steps.Started())
        self.dial()
        self.tips(held=held)
        self.tell(1, Heads(()))
        assert self.link.state is State.LIVE
        return self

    def status(self) -> LinkStatus:
        return self.link.status(self.now)


def _theirs(lane: str = "global", region: str = "fr") -> LaneKey:
    return LaneKey(region, EPOCH, lane)


def _ours(lane: str = "global") -> LaneKey:
    return LaneKey("de", EPOCH, lane)


def _want(*after: tuple[LaneKey, int], credit: int = limits.CREDIT_BYTES) -> Want:
    return Want(("de",), tuple([Tip(*key, seq) for key, seq in after]), credit)


# ---------------------------------------------------------------- the table


def test_every_transition_leads_to_a_state_that_can_be_left() -> None:
    reached = set(TRANSITIONS.values())
    assert reached == set(State)
    for state in State:
        assert (state, Trigger.STOPPED) in TRANSITIONS


def test_a_transition_that_is_not_in_the_table_is_our_mistake() -> None:
    for state in State:
        for trigger in Trigger:
            if (state, trigger) not in TRANSITIONS:
                with pytest.raises(Mistake):
                    next_state(state, trigger)


# ---------------------------------------------------------------- from dialling to living


def test_a_link_from_start_to_live() -> None:
    book = Playbook()
    assert book.give(steps.Started()) == ["dialing", "dial"]
    assert book.give(steps.Opened(1, False, b"n" * 32)) == ["proving", "HELLO on 1"]
    answer = book.other_end("accept").receive(book.sent(Hello), book.now)
    assert answer
    assert book.tell(1, answer) == ["HELLO on 1", "catching_up", "load tips"]
    assert book.tips() == ["WANT on 1"]
    assert book.sent(Want).origins == ("fr",)
    assert book.tell(1, Heads(())) == ["live"]
    assert book.status().dialled_by == "de"
    assert book.status().peer_epoch == EPOCH


def test_who_is_dialled_waits() -> None:
    book = Playbook("fr", "de", dials=False)
    assert book.give(steps.Started()) == []
    assert book.accept() == ["catching_up", "load tips"]
    assert book.status().dialled_by == "de"
    assert book.give(steps.Disconnected(1, "reset")) == ["idle"]


def test_catching_up_ends_when_all_that_was_told_is_applied() -> None:
    book = Playbook()
    book.give(steps.Started())
    book.dial()
    book.tips()
    assert book.tell(1, Heads((Tip(*_theirs(), 3),))) == []
    first = batch_of(_theirs(), [b"one", b"two"])
    assert book.tell(1, first) == ["apply global 0+2"]
    assert book.give(steps.Applied(_theirs(), 2)) == ["ACK on 1"]
    assert book.status().behind_events == 1
    book.tell(1, batch_of(_theirs(), [b"three"], Held(2, first.head.hash)))
    assert book.give(steps.Applied(_theirs(), 3)) == ["ACK on 1", "live"]


def test_what_another_peer_brought_is_not_behind() -> None:
    book = Playbook().live()
    book.tell(1, Heads((Tip(*_theirs(), 3),)))
    assert book.status().behind_events == 3
    book.give(steps.Committed({_theirs(): 3}))
    assert book.status().behind_events == 0


def test_falling_behind_is_catching_up_again() -> None:
    book = Playbook().live()
    assert book.tell(1, Heads((Tip(*_theirs(), 256),))) == []
    assert book.tell(1, Heads((Tip(*_theirs(), 257),))) == ["catching_up"]


# ---------------------------------------------------------------- receiving


def test_i1_nothing_is_acknowledged_before_it_is_committed() -> None:
    book = Playbook().live()
    assert book.tell(1, batch_of(_theirs(), [b"one", b"two"])) == ["apply global 0+2"]
    assert book.give(steps.Applied(_theirs(), 2)) == ["ACK on 1"]
    assert book.sent(Ack).tips == (Tip(*_theirs(), 2),)


def test_a_lane_first_used_now_flows_without_being_asked_for() -> None:
    book = Playbook().live()
    for key in (_theirs("pair.de.fr"), LaneKey("fr", EPOCH + (1 << 32), "global")):
        assert book.tell(1, batch_of(key, [b"new"])) == [f"apply {key.lane} 0+1"]


def test_i5_a_replayed_batch_changes_nothing() -> None:
    book = Playbook().live()
    batch = batch_of(_theirs(), [b"one"])
    book.tell(1, batch)
    book.give(steps.Applied(_theirs(), 1))
    assert book.tell(1, batch) == ["ACK on 1"], "or it would count against our credit for ever"
    assert book.sent(Ack).tips == (Tip(*_theirs(), 1),)
    assert book.status().events_in == 1


def test_a_repeat_of_what_another_peer_brought_is_acknowledged() -> None:
    """Section 9.5: it was under way when we asked anew, from further on."""
    book = Playbook().live()
    first = batch_of(_theirs(), [b"one"])
    second = batch_of(_theirs(), [b"two"], Held(1, first.head.hash))
    book.give(steps.Relayed(frozenset({"in"})))
    book.tips(held={_theirs(): Held(1, first.head.hash)})
    assert book.tell(1, first) == ["ACK on 1"]
    assert book.tell(1, second) == ["apply global 1+1"]
    assert book.tell(1, first) == [], "the commit's ACK tells of it"


def _bad_batches() -> dict[Code, Batch]:
    good = batch_of(_theirs(), [b"one", b"two"])
    one, two = good.events
    forged = frames.Head.of(good.head.signed)
    return {
        Code.BROKEN_CHAIN: batch_of(_theirs(), [b"late"], Held(7, b"h" * 32)),
        Code.BAD_COMMITMENT: replace(good, events=(one, replace(two, body=b"TWO"))),
        Code.BAD_SIGNATURE: replace(good, head=replace(forged, signature=b"s" * 64)),
        Code.WRONG_LANE: batch_of(_theirs("pair.fr.in"), [b"not for de"]),
        Code.TOO_LARGE: batch_of(_theirs(), [b"x" * (limits.EVENT_BODY_BYTES_MAX + 1)]),
        Code.BAD_FRAME: replace(good, events=(replace(one, salt=None), two)),
    }


@pytest.mark.parametrize("code", _bad_batches())
def test_a_bad_batch_closes_the_connection_and_nothing_of_it_is_applied(code: Code) -> None:
    book = Playbook().live()
    words = book.tell(1, _bad_batches()[code])
    assert words == ["ERROR on 1", f"close 1 {close_code(code)}", f"backing_off {code}"]
    assert book.sent(Fault).code == code
    assert book.status().last_error is not None
    assert book.tell(1, batch_of(_theirs(), [b"one"])) == [], "the connection is given up"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xc1junk", Code.BAD_ENCODING),
        (b"\x91\x63", Code.UNKNOWN_KIND),
        (b"\x91\x07", Code.BAD_FRAME),
        (b"\x00" * (limits.PEER_FRAME_BYTES_MAX + 1), Code.TOO_LARGE),
        (frames.encode(Ack((Tip("de", EPOCH, "global", 1),), 0)), Code.BAD_FRAME),
        (frames.encode(Playbook().other_end("dial").opening(START)), Code.BAD_FRAME),
    ],
)
def test_a_frame_without_sense_closes_the_connection(raw: bytes, code: Code) -> None:
    book = Playbook().live()
    assert book.tell(1, raw)[:2] == ["ERROR on 1", f"close 1 {close_code(code)}"]
    assert book.refusals() == [code]


def test_a_batch_before_our_want_is_refused() -> None:
    book = Playbook()
    book.give(steps.Started())
    book.dial()
    assert book.tell(1, batch_of(_theirs(), [b"one"]))[0] == "ERROR on 1"
    assert book.sent(Fault).code == Code.BAD_FRAME


def test_i5_a_fork_leaves_the_lane_out_until_the_node_restarts() -> None:
    held = {_theirs(): Held(1, b"h" * 32)}
    book = Playbook().live(held)
    book.tell(1, batch_of(_theirs(), [b"one"]))
    assert book.refusals() == [Code.FORK]
    assert book.status().forked == (f"fr:{EPOCH:x}:global",)
    book.until("dial")
    book.dial(2)
    book.tips(2, held)
    assert book.sent(Want).without == (LaneRef(*_theirs()),)


def _fork(key: LaneKey) -> ForkProof:
    one, two = batch_of(key, [b"one"]), batch_of(key, [b"two"])
    return ForkProof(one.head.signed, two.head.signed, two.head.hash, ())


def test_i5_a_proven_fork_leaves_the_lane_out_at_once_and_is_passed_on() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    proof = _fork(_theirs())
    assert book.give(steps.ForkKnown(proof)) == ["live fork", "FORK on 1", "load tips"]
    assert book.sent(Fork) == proof.frame
    assert book.tips() == ["WANT on 1"]
    assert book.sent(Want).without == (LaneRef(*_theirs()),)
    assert book.tell(1, batch_of(_theirs(), [b"under way"])) == []
    assert book.give(steps.ForkKnown(proof)) == []


def test_what_was_told_of_a_lane_before_its_fork_is_not_behind() -> None:
    book = Playbook().live()
    book.tell(1, Heads((Tip(*_theirs(), 300),)))
    assert book.link.state is State.CATCHING_UP
    book.give(steps.ForkKnown(_fork(_theirs())))
    assert book.tips() == ["WANT on 1", "live"]
    assert book.status().behind_events == 0


def test_i8_a_fork_of_a_lane_that_is_not_for_the_peer_is_not_told() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    told = book.give(steps.ForkKnown(_fork(LaneKey("in", EPOCH, "pair.de.in"))))
    assert told == ["live fork", "load tips"]


def test_who_connects_later_is_told_of_a_fork() -> None:
    book = Playbook()
    book.give(steps.ForkKnown(_fork(_ours())))
    book.give(steps.ForkKnown(_fork(_theirs("pair.de.in", "in"))))
    book.give(steps.Started())
    book.dial()
    assert book.tips() == ["WANT on 1"]
    told = book.tell(1, _want())
    assert told.count("FORK on 1") == 1, "I8: nothing of a lane that is not for fr"


def test_a_fork_is_told_after_the_keys_that_its_proof_needs() -> None:
    """Else a peer that does not know them yet refuses the proof and the connection, every time."""
    book = Playbook()
    new = private_key(b"n" * 32)
    word = succession("de", new.public_key().public_bytes_raw(), key_of("de"))
    book.roster.learn(word)
    book.give(steps.ForkKnown(_fork(_ours())))
    book.give(steps.Started())
    book.dial()
    assert "FORK on 1" not in book.tips()
    book.tell(1, _want())
    sent = [frames.decode(e.data) for e in book.effects if isinstance(e, steps.Send)]
    keys = next(n for n, frame in enumerate(sent) if isinstance(frame, Heads) and frame.keys)
    fork = next(n for n, frame in enumerate(sent) if isinstance(frame, Fork))
    assert sent[keys].keys == (word,)
    assert keys < fork


def test_a_fork_told_by_a_peer_is_checked_and_told_to_all() -> None:
    book = Playbook().live()
    proof = _fork(LaneKey("in", EPOCH, "global"))
    book.tell(1, proof.frame)
    assert [e for e in book.effects if isinstance(e, steps.ForkProven)] == [steps.ForkProven(proof)]
    book.give(steps.ForkKnown(proof))
    book.tell(1, proof.frame)
    assert book.effects == [], "known by now"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (_fork(_theirs("pair.fr.in")).frame, Code.WRONG_LANE),
        (replace(_fork(_theirs()).frame, hash=b"h" * 32), Code.BAD_VALUE),
        (
            replace(_fork(_theirs()).frame, first=replace(_fork(_theirs()).frame.first, seq=2)),
            Code.BAD_VALUE,
        ),
    ],
)
def test_a_fork_that_proves_nothing_closes_the_connection(frame: Fork, code: Code) -> None:
    book = Playbook().live()
    assert book.tell(1, frame)[0] == "ERROR on 1"
    assert book.refusals() == [code]


def test_a_fork_of_a_region_nobody_pins_is_passed_over() -> None:
    proof = _fork(LaneKey("jp", EPOCH, "global"))
    assert Playbook().live().tell(1, proof.frame) == []


def test_a_batch_that_contradicts_ours_is_evidence() -> None:
    book = Playbook().live({_theirs(): Held(1, b"h" * 32)})
    batch = batch_of(_theirs(), [b"one", b"two"])
    book.tell(1, batch)
    (prove,) = [e for e in book.effects if isinstance(e, steps.ProveFork)]
    assert (prove.evidence.after, prove.evidence.head) == (0, batch.head.signed)
    assert len(prove.evidence.events) == 2


def test_a_batch_the_log_contradicts_is_evidence_too() -> None:
    book = Playbook().live()
    batch = batch_of(_theirs(), [b"one"])
    book.tell(1, batch)
    book.give(steps.ApplyRefused(_theirs(), Refusal(Code.FORK, "two histories")))
    (prove,) = [e for e in book.effects if isinstance(e, steps.ProveFork)]
    assert prove.evidence.head == batch.head.signed


# ---------------------------------------------------------------- relay


def test_one_more_origin_is_asked_for_and_given_back() -> None:
    """Section 9.5: by the same WANT, on the same connection."""
    held = {_theirs(): Held(3, b"f" * 32), _theirs(region="in"): Held(5, b"i" * 32)}
    book = Playbook().live(held)
    assert book.give(steps.Relayed(frozenset({"in"}))) == ["load tips"]
    assert book.give(steps.Relayed(frozenset({"in"}))) == []
    assert book.tips(held=held) == ["WANT on 1"]
    want = book.sent(Want)
    assert want.origins == ("fr", "in")
    assert {(tip.region, tip.seq) for tip in want.after} == {("fr", 3), ("in", 5)}
    following = batch_of(_theirs(region="in"), [b"six"], Held(5, b"i" * 32))
    assert book.tell(1, following) == ["apply global 5+1"]
    book.give(steps.Relayed(frozenset()))
    book.tips(held=held)
    assert book.sent(Want).origins == ("fr",)


def test_what_is_asked_of_a_peer_outlives_the_connection() -> None:
    book = Playbook().live()
    book.give(steps.Relayed(frozenset({"in"})))
    book.give(steps.Disconnected(1, "reset"))
    assert book.give(steps.Relayed(frozenset({"in", "de"}))) == []
    book.until("dial")
    book.dial(2)
    book.tips(2)
    assert book.sent(Want).origins == ("de", "fr", "in")


def test_lanes_of_others_that_moved_are_told_within_a_second_and_once() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    book.give(steps.TimerFired())
    moved = {_theirs(region="in"): 4, _theirs("pair.de.in", "in"): 2, _theirs(): 9}
    assert book.give(steps.Committed(moved)) == []
    assert book.until("HEAD on 1") == limits.GOSSIP_SECONDS_MIN * 1000
    assert book.sent(Heads).tips == (Tip(*_theirs(region="in"), 4),), "I8, and no news to fr of fr"
    assert book.until("PING on 1") <= limits.LINK_PING_SECONDS * 1000


def test_i9_gossip_is_kept_of_so_many_lanes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "VECTOR_LANES_MAX", 3)
    book = Playbook().live()
    for epoch in range(1, 9):
        book.tell(1, Heads((Tip("fr", epoch, "global", 1),)))
    assert len(book.link.view.tips) == 3
    book.tell(1, Heads((Tip("fr", 1, "global", 2),)))
    assert book.link.view.tips[LaneKey("fr", 1, "global")] == 2, "what is kept is kept up to date"


def test_more_lanes_than_a_vector_holds_are_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Playbook().live()
    monkeypatch.setattr(frames, "VECTOR_LANES_MAX", 2)
    lanes = {LaneKey("in", EPOCH + n, "global"): n for n in range(1, 6)}
    book.give(steps.Committed(lanes))
    assert book.tell(1, _want()) == ["HEAD on 1"] * 3
    told = [frames.decode(e.data) for e in book.effects if isinstance(e, steps.Send)]
    tips = [tip for frame in told if isinstance(frame, Heads) for tip in frame.tips]
    assert {tip.key: tip.seq for tip in tips} == lanes


def test_a_batch_tells_enough() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    book.give(steps.TimerFired())
    _publish(book)
    book.give(steps.PageLoaded(_ours(), 0, book.log.page(_ours(), 0)))
    assert book.give(steps.TimerFired(), after=2_000) == []


def test_the_relay_sees_what_peers_hold() -> None:
    book = Playbook().live()
    tips = {_theirs(region="in"): 7, _ours(): 2, LaneKey("xx", EPOCH, "global"): 1}
    hidden = {_theirs("pair.fr.in"): 4, _theirs("local"): 3}
    book.tell(1, Heads(tuple([Tip(*key, seq) for key, seq in (tips | hidden).items()])), after=50)
    view = book.link.view
    assert (view.proven, view.heard_at) == (True, book.now)
    assert view.tips == {_theirs(region="in"): 7, _ours(): 2}
    book.give(steps.Disconnected(1, "reset"))
    assert not book.link.view.proven
    assert book.link.view.tips == {}


def test_a_full_or_read_only_node_keeps_the_batch_and_tries_again() -> None:
    book = Playbook().live()
    book.tell(1, batch_of(_theirs(), [b"one"]))
    busy = Refusal(Code.OVERLOADED, "the writer is busy")
    assert book.give(steps.ApplyRefused(_theirs(), busy)) == ["live overloaded"]
    assert book.until("apply global 0+1") <= 2_000
    assert book.give(steps.Applied(_theirs(), 1)) == ["ACK on 1"]


def test_a_writer_that_keeps_refusing_is_asked_less_often() -> None:
    book = Playbook().live()
    book.tell(1, batch_of(_theirs(), [b"one"]))
    pauses = []
    for _ in range(4):
        book.give(steps.ApplyRefused(_theirs(), Refusal(Code.INTERNAL, "a bug")), jitter=1.0)
        pauses.append(book.until("apply global 0+1"))
    assert pauses == [500, 1000, 2000, 4000]
    book.give(steps.Applied(_theirs(), 1))
    tip = Held(1, batch_of(_theirs(), [b"one"]).head.hash)
    book.tell(1, batch_of(_theirs(), [b"two"], tip))
    book.give(steps.ApplyRefused(_theirs(), Refusal(Code.INTERNAL, "a bug")), jitter=1.0)
    assert book.until("apply global 1+1") == 500


def test_a_batch_the_log_refuses_closes_the_connection() -> None:
    book = Playbook().live()
    book.tell(1, batch_of(_theirs(), [b"one"]))
    fork = Refusal(Code.FORK, "two histories")
    assert book.give(steps.ApplyRefused(_theirs(), fork))[-1] == "backing_off fork"
    assert book.status().forked


def test_the_next_want_waits_for_applies_of_the_last_connection() -> None:
    """Else it would name less than will be committed, and events would come twice."""
    book = Playbook().live()
    book.tell(1, batch_of(_theirs(), [b"one"]))
    book.give(steps.Disconnected(1, "reset"))
    book.until("dial")
    assert book.dial(2) == ["HELLO on 2", "catching_up"]
    assert book.give(steps.Applied(_theirs(), 1)) == ["load tips"]


def test_tips_of_an_earlier_connection_are_ignored() -> None:
    book = Playbook()
    book.give(steps.Started())
    book.dial()
    book.give(steps.Disconnected(1, "reset"))
    book.until("dial")
    book.dial(2)
    assert book.tips(1) == []
    assert book.tips(2) == ["WANT on 2"]


# ---------------------------------------------------------------- sending


def _publish(book: Playbook, lane: str = "global", count: int = 1) -> list[str]:
    for _ in range(count):
        key = book.log.append(lane, b"hello", book.now)
    return book.give(steps.Committed({key: book.log.tip(key).seq}))


def test_a_commit_is_on_its_way_at_once() -> None:
    book = Playbook().live()
    assert book.tell(1, _want()) == ["HEAD on 1"]
    assert _publish(book) == ["load global 0"]
    page = book.log.page(_ours(), 0)
    assert book.give(steps.PageLoaded(_ours(), 0, page)) == ["BATCH on 1"]
    assert (book.status().lag_events, book.status().events_out) == (1, 1)
    assert book.tell(1, Ack((Tip(*_ours(), 1),), limits.CREDIT_BYTES)) == []
    assert (book.status().lag_events, book.status().oldest_unacked_ms) == (0, None)


def test_an_operator_sees_how_far_the_peer_is_with_each_lane() -> None:
    book = Playbook().live()
    _publish(book)
    [unheard] = book.link.lanes(book.now)
    assert (unheard.lane, unheard.acked, unheard.behind_events) == ("global", None, 1)
    book.tell(1, _want())
    book.give(steps.PageLoaded(_ours(), 0, book.log.page(_ours(), 0)))
    status = book.status()
    assert 0 < status.sending_bytes < status.credit_bytes == limits.CREDIT_BYTES
    [late] = book.link.lanes(book.now + 3_000)
    assert (late.acked, late.behind_events, late.behind_ms) == (0, 1, 3_000)
    book.tell(1, Ack((Tip(*_ours(), 1),), limits.CREDIT_BYTES))
    [done] = book.link.lanes(book.now + 3_000)
    assert (done.acked, done.behind_events, done.behind_ms) == (1, 0, None)
    assert book.status().sending_bytes == 0


def test_batches_stream_without_waiting_for_acknowledgements() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    _publish(book, count=700)
    for after in (0, 64, 128):
        page = book.log.page(_ours(), after)
        assert "PACKED on 1" in book.give(steps.PageLoaded(_ours(), after, page))
    assert book.status().lag_events == 700


def test_who_did_not_ask_for_packed_batches_gets_them_plain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = Playbook()
    with monkeypatch.context() as older:
        # The peer's end only: ours is made when the link is.
        older.setattr(handshake, "FEATURES", ())
        other = book.other_end("accept")
    monkeypatch.setattr(book, "other_end", lambda role: other)
    book.live()
    book.tell(1, _want())
    _publish(book, count=300)
    page = book.log.page(_ours(), 0)
    assert "BATCH on 1" in book.give(steps.PageLoaded(_ours(), 0, page))


def test_i8_a_lane_for_others_is_neither_sent_nor_mentioned() -> None:
    book = Playbook().live()
    book.log.append("pair.de.in", b"secret", book.now)
    book.log.append("local", b"secret", book.now)
    book.give(steps.Committed(dict.fromkeys(book.log.lanes, 1)))
    assert book.tell(1, _want((_ours("pair.de.in"), 0), (_ours("local"), 0))) == ["HEAD on 1"]
    assert book.sent(Heads).tips == ()
    assert book.status().lag_events == 0


def test_a_want_that_comes_before_our_tips_waits_for_them() -> None:
    book = Playbook()
    book.log.append("global", b"hello", book.now)
    book.give(steps.Started())
    book.dial()
    assert book.tell(1, _want()) == []
    assert book.tips() == ["WANT on 1", "HEAD on 1", "load global 0"]
    assert book.sent(Heads).tips == (Tip(*_ours(), 1),)


def test_a_foreign_lane_is_relayed_to_who_may_have_it() -> None:
    """The same WANT, sent to a third region (section 9)."""
    book = Playbook().live()
    origin = _theirs(region="in")
    events = events_after(origin, Held.nothing(origin), [b"one"])
    book.log.lanes[origin] = events
    book.give(steps.Committed({origin: 1, _theirs("pair.de.in", "in"): 1}))
    book.tell(1, Want(("in",), (), limits.CREDIT_BYTES))
    assert book.sent(Heads).tips == (Tip(*origin, 1),)


def test_a_new_want_replaces_the_old_one() -> None:
    book = Playbook().live()
    _publish(book, count=3)
    book.tell(1, _want((_ours(), 2)))
    assert book.tell(1, _want((_ours(), 1))) == ["HEAD on 1"]
    stale = book.log.page(_ours(), 2)
    assert book.give(steps.PageLoaded(_ours(), 2, stale)) == ["load global 1"]


def test_a_peer_that_holds_more_of_us_than_we_do_is_reported() -> None:
    """This node was restored from a backup without a new epoch: an operator must know."""
    book = Playbook().live()
    _publish(book)
    assert "live conflict" in book.tell(1, _want((_ours(), 9)))
    assert "lost events" in (book.status().last_error or "")


def test_a_peer_that_lost_what_it_had_is_behind_again() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    _publish(book, count=3)
    book.give(steps.PageLoaded(_ours(), 0, book.log.page(_ours(), 0)))
    book.tell(1, Ack((Tip(*_ours(), 3),), limits.CREDIT_BYTES))
    assert book.status().lag_events == 0
    book.tell(1, _want((_ours(), 1)))
    assert book.status().lag_events == 2


def test_the_age_of_what_is_unacknowledged_outlives_connections() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    _publish(book)
    book.give(steps.Disconnected(1, "reset"), after=5_000)
    pause = book.until("dial")
    book.dial(2)
    book.tips(2)
    book.tell(2, _want())
    assert book.status().oldest_unacked_ms == 5_000 + pause


# ---------------------------------------------------------------- being refused


@pytest.mark.parametrize("code", ["unknown_peer", "bad_signature", "unsupported_version"])
def test_a_peer_that_does_not_accept_us_is_asked_again_slowly(code: str) -> None:
    book = Playbook()
    book.give(steps.Started())
    book.give(steps.Opened(1, False, b"n" * 32))
    assert book.tell(1, Fault(code, "who are you?")) == ["close 1 1000", "refused"]
    assert book.status().last_error == f"fr told us: {code}: who are you?"
    assert 15_000 <= book.until("dial") <= 30_000


def test_a_dialled_peer_with_a_wrong_key_is_refused() -> None:
    book = Playbook()
    book.give(steps.Started())
    book.give(steps.Opened(1, False, b"n" * 32))
    answer = book.other_end("accept", key="mallory").receive(book.sent(Hello), book.now)
    assert answer
    assert book.tell(1, answer) == ["ERROR on 1", "close 1 4403", "refused bad_signature"]


def test_a_guest_with_a_wrong_key_changes_nothing() -> None:
    book = Playbook().live()
    guest = book.other_end("dial", key="mallory")
    assert book.give(steps.Opened(2, True, b"m" * 32)) == []
    assert book.tell(2, guest.opening(book.now)) == ["HELLO on 2"]
    last = guest.receive(book.sent(Hello), book.now)
    assert last
    assert book.tell(2, last) == ["ERROR on 2", "close 2 4403", "live bad_signature"]
    assert book.tell(1, batch_of(_theirs(), [b"one"])) == ["apply global 0+1"]


def test_what_a_guest_says_is_not_repeated_to_operators() -> None:
    book = Playbook().live()
    book.give(steps.Opened(2, True, b"m" * 32))
    assert book.tell(2, Fault("internal", "<b>call this number</b>")) == ["close 2 1000"]
    assert book.status().last_error is None


def test_only_hello_is_heard_from_a_guest() -> None:
    book = Playbook().live()
    book.give(steps.Opened(2, True, b"m" * 32))
    assert book.tell(2, _want()) == ["ERROR on 2", "close 2 4400", "live bad_frame"]


def test_i9_guests_are_few_and_the_newest_is_heard() -> None:
    book = Playbook("fr", "de", dials=False)
    for conn in range(2, 2 + GUESTS_MAX):
        assert book.give(steps.Opened(conn, True, b"m" * 32)) == []
    assert book.give(steps.Opened(99, True, b"m" * 32)) == ["ERROR on 2", "close 2 4503"]
    assert book.accept(100) == ["catching_up", "load tips"]


def test_a_silent_guest_is_shown_out() -> None:
    book = Playbook().live()
    book.give(steps.Opened(2, True, b"m" * 32))
    assert book.until("close 2 4401") == limits.HELLO_SECONDS_MAX * 1000
    assert book.link.state is State.LIVE


def test_a_dialled_peer_that_does_not_prove_itself_in_time() -> None:
    book = Playbook()
    book.give(steps.Started())
    book.give(steps.Opened(1, False, b"n" * 32))
    assert book.until("close 1 4401") == limits.HELLO_SECONDS_MAX * 1000
    assert book.refusals() == [Code.EXPIRED]


# ---------------------------------------------------------------- two connections


def test_both_dial_and_the_lower_regions_connection_stays() -> None:
    book = Playbook("de", "fr").live()
    words = book.accept(2)
    assert words == ["ERROR on 2", "close 2 4409", "PING on 1"]
    other = Playbook("fr", "de").live()
    words = other.accept(2)
    assert words[:2] == ["ERROR on 1", "close 1 4409"]
    assert other.status().dialled_by == "de"


def test_of_one_dialler_the_newer_connection_stays() -> None:
    """The peer restarted before we noticed that its old connection is dead."""
    book = Playbook("fr", "de", dials=False)
    book.give(steps.Started())
    book.accept(1)
    assert book.accept(2) == ["ERROR on 1", "close 1 4409", "catching_up", "load tips"]


def test_a_guest_proven_while_we_dial_makes_dialling_needless() -> None:
    book = Playbook()
    book.give(steps.Started())
    assert book.accept(2) == ["catching_up", "load tips"]
    assert book.give(steps.Opened(3, False, b"n" * 32)) == ["close 3 1000"]
    assert book.give(steps.DialFailed("late")) == []
    proving = Playbook()
    proving.give(steps.Started())
    proving.give(steps.Opened(1, False, b"n" * 32))
    assert proving.accept(2)[0] == "close 1 1000"


def test_words_on_a_connection_given_up_are_ignored() -> None:
    book = Playbook("fr", "de", dials=False)
    book.accept(1)
    book.accept(2)
    assert book.tell(1, Ping(5)) == []
    assert book.give(steps.Disconnected(1, "closed")) == []


# ---------------------------------------------------------------- time


def test_backing_off_is_full_jitter_with_a_cap() -> None:
    assert [backoff_ms(n, 0.0) for n in (1, 5, 99)] == [250, 250, 250]
    assert [backoff_ms(n, 1.0) for n in (1, 2, 3, 4, 99)] == [500, 1000, 2000, 4000, 4000]


def test_failures_wait_longer_until_the_cap() -> None:
    book = Playbook()
    book.give(steps.Started())
    pauses = []
    for _ in range(6):
        book.give(steps.DialFailed("refused"), jitter=1.0)
        pauses.append(book.until("dial"))
    assert pauses == [500, 1000, 2000, 4000, 4000, 4000]


def test_an_inbound_hello_ends_the_pause() -> None:
    book = Playbook()
    book.give(steps.Started())
    for _ in range(9):
        book.give(steps.DialFailed("refused"), jitter=1.0)
        book.until("dial")
    book.give(steps.DialFailed("refused"), jitter=1.0)
    assert book.accept(2) == ["catching_up", "load tips"]
    book.give(steps.Disconnected(2, "reset"), jitter=1.0)
    assert book.until("dial") == 500


def test_a_link_that_lived_starts_over_from_the_shortest_pause() -> None:
    book = Playbook()
    book.give(steps.Started())
    for _ in range(5):
        book.give(steps.DialFailed("refused"), jitter=1.0)
        book.until("dial")
    book.dial()
    book.tips()
    book.tell(1, Heads(()))
    book.give(steps.TimerFired())
    book.tell(1, Ping(book.now, book.sent(Ping).time))
    book.give(steps.Disconnected(1, "reset"), jitter=1.0)
    assert book.until("dial") == 500


def test_ping_measures_round_trip_and_skew() -> None:
    book = Playbook().live()
    assert book.give(steps.TimerFired()) == ["PING on 1"]
    asked = book.sent(Ping)
    book.tell(1, Ping(asked.time + 100 + 7_000, asked.time), after=200)
    assert (book.status().rtt_ms, book.status().skew_ms) == (200, 7_000)
    book.tell(1, Ping(5, 4))
    assert book.status().rtt_ms == 200, "an echo of no ping of ours"


def test_a_ping_is_answered_once() -> None:
    book = Playbook().live()
    assert book.tell(1, Ping(42)) == ["PING on 1"]
    assert book.sent(Ping).echo == 42
    assert book.tell(1, book.sent(Ping)) == []


def test_every_ping_tells_how_far_we_are() -> None:
    book = Playbook().live()
    book.tell(1, _want())
    assert book.give(steps.TimerFired(), after=10_000) == ["PING on 1", "HEAD on 1"]
    assert book.until("PING on 1") == limits.LINK_PING_SECONDS * 1000


def test_a_silent_peer_is_left() -> None:
    book = Playbook().live()
    assert book.until("close 1 4401") == limits.LINK_SILENCE_SECONDS_MAX * 1000
    assert book.link.state is State.BACKING_OFF
    assert book.status().last_error == "silent for 25 s"


def test_a_peer_that_answers_is_not_left() -> None:
    book = Playbook().live()
    while book.now - START <= 4 * limits.LINK_SILENCE_SECONDS_MAX * 1000:
        book.until("PING on 1")
        book.tell(1, Ping(book.now, book.sent(Ping).time))
    assert book.link.state is State.LIVE


def test_a_clock_set_back_does_not_stop_the_link() -> None:
    book = Playbook().live()
    book.give(steps.TimerFired())
    book.now -= 3_600_000
    book.tell(1, Ping(5))
    assert book.until("PING on 1") <= limits.LINK_PING_SECONDS * 1000


# ---------------------------------------------------------------- stopping


def test_a_stopping_node_says_so_and_opens_nothing_more() -> None:
    book = Playbook().live()
    book.give(steps.Opened(2, True, b"m" * 32))
    words = book.give(steps.Stopped())
    assert words == ["ERROR on 2", "close 2 1001", "ERROR on 1", "close 1 1001", "idle"]
    assert book.give(steps.Opened(3, True, b"m" * 32)) == ["close 3 1001"]
    late = book.other_end("dial").opening(book.now)
    assert [book.tell(conn, late) for conn in (1, 2, 3)] == [[], [], []]
    assert book.give(steps.TimerFired(), after=60_000) == []
    assert book.give(steps.Started()) == ["dialing", "dial"]


def test_who_is_told_to_wait_comes_back() -> None:
    book = Playbook().live()
    assert book.tell(1, Fault("stopping", "back soon")) == ["close 1 1000", "backing_off"]
    assert book.tell(1, Fault("stopping")) == []


def test_a_code_of_a_later_version_is_a_reason_like_any() -> None:
    book = Playbook().live()
    assert book.tell(1, Fault("too_sunny", "here")) == ["close 1 1000", "backing_off"]
    assert book.status().last_error == "fr told us: too_sunny: here"
