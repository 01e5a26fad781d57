"""When a restored node shows what it holds and lets people write (docs/protocol/federation.md 16.3)."""

from __future__ import annotations

from server.domain import limits
from server.domain.ids import LaneKey
from server.federation.recovery import Phase, Recovery
from server.federation.relay import View
from tests.unit.federation.lab import EPOCH, START

OWN = LaneKey("in", EPOCH, "global")
OWN_CONTROL = LaneKey("in", EPOCH, "control")
CONTROL = LaneKey("de", EPOCH, "control")
GLOBAL = LaneKey("de", EPOCH, "global")
SETTLE = limits.RECOVERY_SETTLE_SECONDS * 1000
HELD = limits.RECOVERY_SECONDS_MAX * 1000
STEP = 500


class Talk:
    """The recovery of ``in``, whose peers are de and fr; time passes with each question."""

    def __init__(self) -> None:
        self.now = START
        self.recovery = Recovery("in", needed=True)
        self.tips = {OWN: 3, OWN_CONTROL: 1, CONTROL: 2, GLOBAL: 9}
        self.told: dict[str, dict[LaneKey, int]] = {"de": {}, "fr": {}}
        self.down: set[str] = set()
        self.without: list[LaneKey] = []

    def phase(self, after: int = STEP) -> Phase:
        for _ in range(after // STEP):
            self.now += STEP
            views = {
                peer: View(peer not in self.down, self.now, 10, tips)
                for peer, tips in self.told.items()
            }
            self.recovery.observe(self.now, views, self.tips, self.without)
        return self.recovery.phase


def test_who_lost_nothing_is_open_at_once() -> None:
    assert Recovery("in", needed=False).phase is Phase.OPEN


def test_while_no_peer_says_anything_nothing_is_shown_however_long() -> None:
    talk = Talk()
    assert talk.phase(10 * HELD) is Phase.HIDDEN
    talk.told["de"] = {CONTROL: 2}
    talk.down = {"de"}
    assert talk.phase(HELD) is Phase.HIDDEN, "what was said on a dead connection is no word"


def test_control_of_everybody_comes_first_then_our_own_tail() -> None:
    talk = Talk()
    talk.told = {"de": {CONTROL: 3, OWN: 5}, "fr": {CONTROL: 4, OWN: 3}}
    assert talk.phase(2 * SETTLE) is Phase.HIDDEN
    talk.tips[CONTROL] = 3
    assert talk.phase() is Phase.HIDDEN, "fr knows of one more"
    talk.tips[CONTROL] = 4
    assert talk.phase() is Phase.HELD
    talk.tips[OWN] = 5
    assert talk.phase() is Phase.OPEN


def test_our_own_control_is_control_too() -> None:
    talk = Talk()
    talk.told = {"de": {OWN_CONTROL: 2}, "fr": {OWN_CONTROL: 1}}
    assert talk.phase() is Phase.HIDDEN
    talk.tips[OWN_CONTROL] = 2
    assert talk.phase() is Phase.OPEN


def test_erasures_in_pair_and_group_lanes_are_waited_for() -> None:
    talk = Talk()
    pair = LaneKey("de", EPOCH, "pair.de.in")
    talk.told = {"de": {pair: 1}, "fr": {GLOBAL: 9}}
    assert talk.phase(2 * SETTLE) is Phase.HIDDEN
    talk.tips[pair] = 1
    assert talk.phase() is Phase.OPEN


def test_content_of_others_holds_nobody_up() -> None:
    talk = Talk()
    talk.told = {"de": {GLOBAL: 100_000}, "fr": {GLOBAL: 100_000}}
    assert talk.phase() is Phase.OPEN


def test_who_does_not_come_is_waited_for_only_a_moment() -> None:
    talk = Talk()
    talk.told["de"] = {CONTROL: 2}
    assert talk.phase(SETTLE) is Phase.HIDDEN
    assert talk.phase() is Phase.OPEN


def test_a_tail_that_does_not_come_holds_people_up_for_a_bounded_time() -> None:
    talk = Talk()
    talk.told = {"de": {OWN: 9}, "fr": {OWN: 9}}
    assert talk.phase() is Phase.HELD
    assert talk.phase(HELD - 2 * STEP) is Phase.HELD
    assert talk.phase(2 * STEP) is Phase.OPEN
    talk.told["de"][CONTROL] = 100
    assert talk.phase() is Phase.OPEN, "no phase comes back"


def test_a_lane_with_two_histories_is_not_waited_for() -> None:
    talk = Talk()
    talk.told = {"de": {OWN: 9, CONTROL: 7}, "fr": {OWN: 9}}
    talk.without = [OWN, CONTROL]
    assert talk.phase() is Phase.OPEN


def test_a_clock_set_back_makes_nobody_wait_longer() -> None:
    """A restored machine is often set right only after its start."""
    talk = Talk()
    talk.told = {"de": {CONTROL: 2, OWN: 9}, "fr": {}}
    assert talk.phase() is Phase.HIDDEN
    talk.now -= 3_600_000
    assert talk.phase(SETTLE + STEP) is Phase.HELD
    talk.now -= 3_600_000
    assert talk.phase(HELD + STEP) is Phase.OPEN
