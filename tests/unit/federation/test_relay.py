"""Whom the relay asks, decision by decision (docs/protocol/federation.md section 9.5)."""

from __future__ import annotations

from collections.abc import Mapping

from server.domain import limits
from server.domain.ids import LaneKey
from server.federation.relay import Relay, View
from tests.unit.federation.lab import EPOCH, START

DE = LaneKey("de", EPOCH, "global")
DE_EU = LaneKey("de", EPOCH, "group.eu")
OWN = LaneKey("in", EPOCH, "global")
SECOND = 1000
GRACE = limits.RELAY_SECONDS_MIN * SECOND


class Talk:
    """The relay of ``in``, which has links to de, fr and jp; time passes with each question."""

    def __init__(self, held: Mapping[LaneKey, int] | None = None) -> None:
        self.now = START
        self.relay = Relay()
        self.relay.loaded(held or {DE: 5, OWN: 9})
        self.tips: dict[str, dict[LaneKey, int]] = {"de": {}, "fr": {}, "jp": {}}
        self.down: set[str] = set()
        self.silent_since: dict[str, int] = {}
        self.rtt = {"de": 10, "fr": 20, "jp": 10}

    def asked(self, after: int = 0, without: tuple[LaneKey, ...] = ()) -> dict[str, set[str]]:
        """Who is asked for what, beside their own."""
        found: dict[str, frozenset[str]] = {}
        for _ in range(after // 500 + 1):
            views = {
                peer: View(
                    peer not in self.down,
                    self.silent_since.get(peer, self.now),
                    self.rtt[peer],
                    {} if peer in self.down else tips,
                )
                for peer, tips in self.tips.items()
            }
            found = self.relay.decide(self.now, views, without)
            self.now += 500
        return {peer: set(origins) for peer, origins in found.items() if origins}


def _cut(held: Mapping[LaneKey, int] | None = None) -> Talk:
    """de is out of reach; fr holds two events more of it."""
    talk = Talk(held)
    talk.down.add("de")
    talk.tips["fr"][DE] = 7
    return talk


def test_an_origin_that_is_reached_is_asked_of_nobody_else() -> None:
    talk = Talk()
    talk.tips["fr"][DE] = 7
    assert talk.asked(60_000) == {}


def test_an_origin_out_of_reach_is_asked_of_who_is_ahead() -> None:
    talk = _cut()
    assert talk.asked(GRACE - 500) == {}
    assert talk.asked() == {"fr": {"de"}}


def test_nobody_is_asked_who_has_nothing_more() -> None:
    talk = _cut()
    talk.tips["fr"][DE] = 5
    assert talk.asked(10_000) == {}
    talk.tips["fr"][DE] = 6
    assert talk.asked() == {"fr": {"de"}}, "de was out of reach for long enough"


def test_who_holds_most_is_asked_then_who_is_nearest() -> None:
    talk = _cut()
    talk.tips["jp"][DE] = 7
    assert talk.asked(GRACE) == {"jp": {"de"}}
    talk = _cut()
    talk.tips["jp"][DE] = 6
    assert talk.asked(GRACE) == {"fr": {"de"}}


def test_one_is_asked_at_a_time_and_kept_when_all_has_come() -> None:
    talk = _cut()
    talk.asked(GRACE)
    talk.tips["jp"][DE] = 900
    assert talk.asked() == {"fr": {"de"}}
    talk.tips["jp"].clear()
    talk.relay.moved({DE: 7})
    assert talk.asked(60_000) == {"fr": {"de"}}


def test_it_is_given_back_when_the_origin_speaks_again() -> None:
    talk = _cut()
    talk.asked(GRACE)
    talk.down.clear()
    assert talk.asked() == {}


def test_a_relay_that_goes_away_is_replaced() -> None:
    talk = _cut()
    talk.asked(GRACE)
    talk.tips["jp"][DE] = 7
    talk.down.add("fr")
    assert talk.asked() == {"jp": {"de"}}


def test_a_relay_that_brings_nothing_is_left_for_another() -> None:
    talk = _cut()
    talk.tips["jp"][DE] = 6
    assert talk.asked(GRACE) == {"fr": {"de"}}
    assert talk.asked(limits.RELAY_STALLED_SECONDS_MAX * SECOND) == {"jp": {"de"}}


def test_a_relay_that_brings_something_is_kept() -> None:
    talk = _cut()
    talk.tips["fr"][DE], talk.tips["jp"][DE] = 900, 900
    talk.rtt["fr"] = 1
    for seq in range(6, 60):
        assert talk.asked() in ({}, {"fr": {"de"}})
        talk.relay.moved({DE: seq})
    assert talk.asked() == {"fr": {"de"}}


def test_another_is_asked_for_a_lane_the_first_is_not_in() -> None:
    talk = _cut()
    assert talk.asked(GRACE) == {"fr": {"de"}}
    talk.relay.moved({DE: 7})
    talk.tips["jp"][DE_EU] = 3
    assert talk.asked(GRACE - 500) == {"fr": {"de"}}
    assert talk.asked(500) == {"jp": {"de"}}


def test_a_line_that_is_dead_one_way_counts_as_out_of_reach() -> None:
    talk = Talk()
    talk.silent_since["de"] = talk.now
    assert talk.asked(8_000) == {}, "silence alone says nothing: there may be no news"
    talk.tips["fr"][DE] = 6
    assert talk.asked(GRACE - 500) == {}
    assert talk.asked() == {"fr": {"de"}}
    del talk.silent_since["de"]
    assert talk.asked() == {}


def test_our_own_lost_tail_is_asked_for_at_once() -> None:
    talk = Talk()
    talk.tips["fr"][OWN], talk.tips["jp"][OWN] = 11, 10
    assert talk.asked() == {"fr": {"in"}}
    talk.relay.moved({OWN: 11})
    assert talk.asked() == {}
    talk.tips["jp"][OWN] = 12
    assert talk.asked() == {"jp": {"in"}}


def test_a_lane_that_is_left_out_moves_nobody() -> None:
    talk = _cut()
    assert talk.asked(10_000, (DE,)) == {}


def test_nothing_is_asked_before_we_know_our_own_log() -> None:
    talk = Talk()
    talk.relay = Relay()
    talk.tips["fr"][OWN] = 11
    assert talk.asked(10_000) == {}
    talk.relay.loaded({OWN: 11})
    assert talk.asked(10_000) == {}


def test_a_clock_set_back_delays_nothing() -> None:
    talk = _cut()
    talk.asked(GRACE - 500)
    talk.now -= 3_600_000
    assert talk.asked(1_000) == {"fr": {"de"}}


def test_what_we_lost_is_asked_of_one_peer_after_the_other_without_a_pause() -> None:
    """Each is in lanes the others are not in, and nobody else brings them."""
    pairs = {peer: LaneKey("in", EPOCH, f"pair.{peer}.in") for peer in ("de", "fr")}
    talk = Talk()
    talk.tips["de"][pairs["de"]] = 5
    talk.tips["fr"][pairs["fr"]] = 3
    assert talk.asked() == {"de": {"in"}}
    talk.relay.moved({pairs["de"]: 5})
    assert talk.asked() == {"fr": {"in"}}
    talk.relay.moved({pairs["fr"]: 3})
    assert talk.asked() == {}
