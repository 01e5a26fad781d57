"""Keys that follow one another, and that end (docs/protocol/federation.md 17)."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.events import Event, KeyRetired, KeyRotated, LogClosed
from server.domain.ids import EventId, LaneKey
from server.federation import frames
from server.federation.frames import Batch, Heads, Hello, Succession
from server.federation.handshake import Handshake, Identity
from server.federation.lanes import Held
from server.federation.steps import REJECTIONS, Report, State
from server.federation.trust import (
    ANY_KEY,
    Roster,
    heed,
    key_id,
    private_key,
    sign_head,
    succession,
    verify_head,
)
from tests.unit.federation.lab import EPOCH, Node, World, key_of, public_of, roster_of

CONTROL = LaneKey("de", EPOCH, "control")
GLOBAL = LaneKey("de", EPOCH, "global")


def new_key(name: str) -> Ed25519PrivateKey:
    return private_key(hashlib.sha256(b"next key " + name.encode()).digest())


def raw(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def rotated(region: str, new: Ed25519PrivateKey, old: Ed25519PrivateKey) -> KeyRotated:
    word = succession(region, raw(new), old)
    return KeyRotated(
        key=word.key, key_id=key_id(word.key), before=raw(old), signature=word.signature
    )


def rotate(node: Node, new: Ed25519PrivateKey) -> None:
    """As the node does it: announced in ``control``, then used."""
    node.publish("control", rotated(node.region, new, node.log.private))
    node.use_key(new)


def verify(roster: Roster, lane: LaneKey, seq: int, private: Ed25519PrivateKey) -> None:
    verify_head(sign_head(lane, Held(seq, b"h" * 32), private), roster)


def refused(act: Callable[..., object], *arguments: Any) -> Code:
    with pytest.raises(Refused) as error:
        act(*arguments)
    return error.value.refusal.code


# -- what is believed ---------------------------------------------------------------------------------


def test_a_chain_of_words_leads_from_a_pinned_key_to_the_newest() -> None:
    roster, keys = roster_of("de"), [key_of("de"), new_key("1"), new_key("2")]
    words = [succession("de", raw(new), old) for old, new in itertools.pairwise(keys)]
    assert roster.learn(words[1]) is False, "by a key nobody knows: says nothing"
    assert [roster.learn(word) for word in words] == [True, True]
    assert [roster.learn(word) for word in words] == [False, False], "known already"
    verify(roster, GLOBAL, 1, keys[2])
    assert roster.words("de") == tuple(words)
    assert roster.words("fr") == ()
    assert roster.fresh() == tuple(words)
    assert roster.fresh() == ()


def test_the_word_for_a_pinned_key_is_kept_for_those_who_pin_an_earlier_one() -> None:
    """After a rotation and a restart a node pins its own newest key."""
    old, new = key_of("de"), new_key("1")
    mine = Roster({"de": [raw(old), raw(new)], "fr": [public_of("fr")]})
    heed(mine, EventId(*CONTROL, 3), rotated("de", new, old))
    assert mine.words("de") == (succession("de", raw(new), old),)
    assert all(end.proven for end in meet(mine, new, roster_of("de", "fr")))


@pytest.mark.parametrize(
    "change",
    [
        {"signature": bytes(64)},
        {"key": raw(new_key("evil"))},
        {"region": "fr"},
    ],
)
def test_a_word_that_no_known_key_signed_teaches_nothing(change: dict[str, Any]) -> None:
    roster = Roster({"de": [public_of("de")], "fr": [public_of("de")]})
    word = msgspec.structs.replace(succession("de", raw(new_key("1")), key_of("de")), **change)
    assert refused(roster.learn, word) is Code.BAD_SIGNATURE
    assert roster.words() == ()


def test_a_region_cannot_fill_our_memory_with_keys() -> None:
    roster, old = roster_of("de"), key_of("de")
    learned = 0
    for number in range(limits.KEYS_PER_REGION_MAX + 3):
        learned += roster.learn(succession("de", raw(new_key(str(number))), old))
    assert learned == limits.KEYS_PER_REGION_MAX - 1


def test_a_newer_pin_forgets_what_does_not_follow_from_it() -> None:
    """The old key was stolen: the thief's successor goes with it, the region's own does not."""
    stolen, fresh = key_of("de"), new_key("by the administrators")
    roster = roster_of("de")
    roster.learn(succession("de", raw(new_key("thief")), stolen))
    ended = [(key_id(raw(stolen)), CONTROL, 7)]
    roster.pin({"de": [raw(stolen), raw(fresh)]}, ended)
    roster.learn(succession("de", raw(new_key("1")), fresh))
    assert not roster.knows("de", key_id(raw(new_key("thief"))))
    roster.pin({"de": [raw(stolen), raw(fresh)]}, ended)
    assert roster.knows("de", key_id(raw(new_key("1"))))
    assert roster.learn(succession("de", raw(new_key("thief")), stolen)) is False
    verify(roster, CONTROL, 7, stolen)
    assert refused(verify, roster, CONTROL, 8, stolen) is Code.BAD_SIGNATURE
    later = LaneKey("de", EPOCH + 1, "global")
    assert refused(verify, roster, later, 1, stolen) is Code.BAD_SIGNATURE


def test_a_newer_pin_takes_back_the_ends_of_the_one_before() -> None:
    """Administrators mend a place they got wrong, or a region comes back: who runs on goes by that like who starts."""
    lost, fresh = key_of("de"), new_key("by the administrators")
    keys = {"de": [raw(lost), raw(fresh)]}
    roster = roster_of("de")
    roster.pin(keys, [(key_id(raw(lost)), CONTROL, 3), (ANY_KEY, CONTROL, 5)])
    roster.pin(keys, [(key_id(raw(lost)), CONTROL, 7)])
    verify(roster, CONTROL, 7, lost)
    verify(roster, CONTROL._replace(epoch=EPOCH + 1), 1, fresh)
    assert refused(verify, roster, CONTROL, 8, lost) is Code.BAD_SIGNATURE
    roster.pin(keys)
    assert not roster.has_ended("de", key_id(raw(lost)))


def test_a_newer_pin_takes_back_no_word_of_the_region_s_own() -> None:
    old, new = key_of("de"), new_key("1")
    keys = {"de": [raw(old), raw(new)]}
    roster = Roster(keys)
    heed(roster, EventId(*CONTROL, 4), KeyRetired(key_id=key_id(raw(old)), earlier=()))
    roster.pin(keys, [(key_id(raw(old)), CONTROL, 9)])
    assert refused(verify, roster, CONTROL, 5, old) is Code.BAD_SIGNATURE
    roster.pin(keys)
    assert refused(verify, roster, CONTROL, 5, old) is Code.BAD_SIGNATURE
    verify(roster, CONTROL, 4, old)


def test_a_retired_key_vouches_for_each_lane_up_to_the_event_that_ends_it() -> None:
    roster, old, new = roster_of("de"), key_of("de"), new_key("1")
    heed(roster, EventId(*CONTROL, 3), rotated("de", new, old))
    both = [(lane, seq, key) for lane in (CONTROL, GLOBAL) for seq in (9, 10) for key in (old, new)]
    for lane, seq, key in both:
        verify(roster, lane, seq, key)
    assert roster.keys("de") == (raw(old), raw(new))
    for lane in (GLOBAL, CONTROL):
        assert not roster.has_ended("de", key_id(raw(old)))
        heed(roster, EventId(*lane, 9), KeyRetired(key_id=key_id(raw(old))))
        verify(roster, lane, 9, old)
        assert refused(verify, roster, lane, 10, old) is Code.BAD_SIGNATURE
        verify(roster, lane, 10, new)
    assert roster.has_ended("de", key_id(raw(old)))
    assert roster.keys("de") == (raw(new),), "nor does it open files to anybody"
    # A lane whose end has not come yet: whoever catches up needs its old heads.
    verify(roster, LaneKey("de", EPOCH, "pair.de.fr"), 99, old)


def test_nothing_follows_the_end_of_a_closed_lane() -> None:
    roster = roster_of("de")
    roster.learn(succession("de", raw(new_key("1")), key_of("de")))
    heed(roster, EventId(*CONTROL, 4), LogClosed())
    for key in (key_of("de"), new_key("1")):
        verify(roster, CONTROL, 4, key)
        assert refused(verify, roster, CONTROL, 5, key) is Code.BAD_SIGNATURE
    assert not roster.has_ended("de", key_id(raw(key_of("de")))), "it still hands over what it has"
    assert not roster.vouches(ANY_KEY, CONTROL, 5)


@pytest.mark.parametrize(
    ("lane", "event"),
    [
        (GLOBAL, rotated("de", new_key("1"), key_of("de"))),
        (CONTROL, KeyRotated(key=raw(new_key("1")), key_id="", before=b"", signature=b"")),
        (CONTROL, KeyRotated(key=b"short", key_id="", before=b"k", signature=b"x" * 64)),
        (CONTROL, rotated("de", new_key("1"), new_key("nobody's"))),
        (CONTROL, rotated("fr", new_key("1"), key_of("de"))),
        (CONTROL, None),
    ],
)
def test_an_event_that_is_no_announcement_teaches_nothing(
    lane: LaneKey, event: Event | None
) -> None:
    roster = roster_of("de")
    heed(roster, EventId(*lane, 1), event)
    assert roster.words() == ()


# -- the handshake -----------------------------------------------------------------------------------


def meet(de: Roster, private: Ed25519PrivateKey, fr: Roster) -> tuple[Handshake, Handshake]:
    dial = Handshake(Identity("de", EPOCH, private), "fr", de, "dial", b"d" * 32)
    accept = Handshake(Identity("fr", EPOCH, key_of("fr")), "de", fr, "accept", b"a" * 32)
    first = over_the_wire(dial.opening(0))
    answer = over_the_wire(accept.receive(first, 0))
    accept.receive(over_the_wire(dial.receive(answer, 0)), 0)
    return dial, accept


def over_the_wire(hello: Hello | None) -> Hello:
    assert hello is not None
    decoded = frames.decode(frames.encode(hello))
    assert isinstance(decoded, Hello)
    return decoded


def test_who_has_not_heard_of_the_new_key_takes_it_by_the_words_in_hello() -> None:
    keys = [key_of("de"), new_key("1"), new_key("2")]
    mine, theirs = roster_of("de", "fr"), roster_of("de", "fr")
    for old, new in itertools.pairwise(keys):
        mine.learn(succession("de", raw(new), old))
    assert all(end.proven for end in meet(mine, keys[2], theirs))
    assert theirs.words("de") == mine.words("de")
    # It fell back to the old one before it used the new: nothing has ended.
    assert all(end.proven for end in meet(mine, keys[0], theirs))


def test_a_key_that_has_ended_proves_nobody() -> None:
    mine, theirs = roster_of("de", "fr"), roster_of("de", "fr")
    heed(theirs, EventId(*CONTROL, 9), KeyRetired(key_id=key_id(public_of("de"))))
    assert refused(meet, mine, key_of("de"), theirs) is Code.BAD_SIGNATURE


def test_words_about_another_region_have_no_place_in_hello() -> None:
    theirs = roster_of("de", "fr", "in")
    word = succession("in", raw(new_key("1")), key_of("in"))
    accept = Handshake(Identity("fr", EPOCH, key_of("fr")), "de", theirs, "accept", b"a" * 32)
    accept.receive(over_the_wire(hello_of("de", ())), 0)
    assert refused(accept.receive, hello_of("de", (word,)), 0) is Code.BAD_SIGNATURE
    assert theirs.words() == ()


def hello_of(region: str, keys: tuple[Succession, ...]) -> Hello:
    name = key_id(public_of(region))
    return Hello(region, "fr", (1, 1), EPOCH, name, b"d" * 32, 0, b"", (), keys)


# -- worlds ---------------------------------------------------------------------------------------------


def rejections(world: World) -> list[Report]:
    return [
        report
        for node in world.nodes.values()
        for _, report in node.reports
        if report.refusal and (report.refusal.code in REJECTIONS or report.state is State.REFUSED)
    ]


def many(node: Node, lane: str, count: int) -> None:
    for _ in range(count):
        node.log.append(lane, b"x" * 400, node.world.now)
    node.committed({key: tip.seq for key, tip in node.log.tips().items()})


@pytest.mark.parametrize("seed", range(12))
def test_a_rotation_during_catch_up_is_refused_by_nobody(seed: int) -> None:
    """fr is far behind and reaches de through in only; it gets old heads by the old key, new ones by the new."""
    world = World("de", "fr", "in", seed=seed, both_dial=bool(seed % 2))
    world.bytes_per_ms = 40
    world.part("de", "fr")
    world.start().run(2_000)
    de, chance = world.nodes["de"], random.Random(seed)
    many(de, "global", 3_000)
    world.run(chance.randrange(100, 4_000))
    rotate(de, new_key("1"))
    many(de, "global", 1_000)
    world.run(chance.randrange(100, 4_000))
    if seed % 3 == 0:
        world.cuts.clear()
    if seed % 3 == 1:
        for node in (world.nodes["in"], world.nodes["fr"]):
            node.crash()
            node.start()
    rotate(de, new_key("2"))
    many(de, "group.eu", 500)
    world.cuts.clear()
    world.run(60_000)
    world.check_converged()
    assert rejections(world) == []
    assert world.states() == {State.LIVE}
    by = {f.head.key_id for f in world.batches("in", "fr") + world.batches("de", "fr")}
    assert key_id(raw(new_key("2"))) in by


@pytest.mark.parametrize("announced", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_crash_in_the_middle_of_a_rotation_changes_nothing_for_others(
    seed: int, announced: bool
) -> None:
    """The named crash point: it comes back with the old key, and finishes what it began."""
    world = World("de", "fr", "in", seed=seed).start().run(3_000)
    de, new = world.nodes["de"], new_key("1")
    many(de, "global", 300)
    if announced:
        de.publish("control", rotated("de", new, de.log.private))
        world.run(world.random.randrange(0, 200))
    de.crash()
    world.run(1_000)
    de.start()
    many(de, "global", 300)
    world.run(1_000)
    if announced:
        de.use_key(new)
    else:
        rotate(de, new)
    many(de, "global", 300)
    world.run(30_000)
    world.check_converged()
    assert rejections(world) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_relay_that_forgot_a_word_waits_for_it_instead_of_being_refused(seed: int) -> None:
    """in committed what the new key signed and crashed before ``control`` came; then it serves fr."""
    world = World("de", "fr", "in", seed=seed, both_dial=True)
    world.part("de", "fr")
    world.part("in", "fr")
    world.start().run(2_000)
    de, india = world.nodes["de"], world.nodes["in"]
    rotate(de, new_key("1"))
    many(de, "global", 600)
    world.run(3_000)
    assert len(india.log.lanes[GLOBAL]) == 600
    world.part("de", "in")
    india.crash()
    del india.log.lanes[CONTROL]
    india.start()
    world.run(1_000)
    world.cuts.discard(frozenset(("in", "fr")))
    many(de, "global", 1)
    world.run(8_000)
    assert rejections(world) == []
    world.cuts.clear()
    world.run(40_000)
    world.check_converged()
    assert rejections(world) == []


def test_who_connects_after_the_end_takes_old_heads_up_to_it_and_none_beyond() -> None:
    world = World("de", "fr", "in", both_dial=True)
    de, old = world.nodes["de"], key_of("de")
    world.part("de", "fr")
    world.part("in", "fr")
    world.start().run(2_000)
    many(de, "global", 600)
    world.run(3_000)
    rotate(de, new_key("1"))
    for lane in ("global", "control"):
        de.publish(lane, KeyRetired(key_id=key_id(raw(old))))
    many(de, "global", 300)
    world.run(5_000)
    world.cuts.discard(frozenset(("in", "fr")))
    world.run(30_000)
    world.check_converged()
    assert rejections(world) == []
    heads = {batch.head.key_id for batch in world.batches("in", "fr") if batch.head.key == GLOBAL}
    assert heads == {key_id(raw(old)), key_id(raw(new_key("1")))}
    # Whoever has the old key now can add nothing.
    de.log.private = old
    many(de, "global", 1)
    assert any(r.refusal.code is Code.BAD_SIGNATURE for r in settled(world) if r.refusal)
    world.cuts.clear()
    assert all(len(node.log.lanes[GLOBAL]) == 901 for n, node in world.nodes.items() if n != "de")


def settled(world: World) -> list[Report]:
    world.run(3_000)
    return [report for node in world.nodes.values() for _, report in node.reports]


def test_words_go_before_what_they_vouch_for() -> None:
    world = World("de", "fr").start().run(3_000)
    many(world.nodes["de"], "global", 10)
    rotate(world.nodes["de"], new_key("1"))
    many(world.nodes["de"], "global", 10)
    world.run(3_000)
    ours = [frame for a, b, frame in world.sent if (a, b) == ("de", "fr")]
    told = next(n for n, frame in enumerate(ours) if isinstance(frame, Heads) and frame.keys)
    name = key_id(raw(new_key("1")))
    signed = [n for n, f in enumerate(ours) if isinstance(f, Batch) and f.head.key_id == name]
    assert told < min(signed)
