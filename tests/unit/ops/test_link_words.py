"""What somebody who was woken up reads: a sentence for each thing that is wrong, and nothing else."""

from typing import Any

import pytest

from server.ops.link_words import LANE_HEADS, PEER_HEADS, duration, lane_row, peer_row, said_of

NOW = 1_767_225_600_000
DAY = 86_400_000
FINE: dict[str, Any] = {
    "region": "fr",
    "state": "live",
    "since": NOW - DAY,
    "dialled_by": "de",
    "version": 1,
    "software": "0.1.0",
    "behind_events": 0,
    "filling_events": 0,
    "filled_events": 0,
    "lag_events": 0,
    "oldest_unacked_ms": None,
    "silent_ms": 2_000,
    "rtt_ms": 250,
    "skew_ms": -3,
    "peer_epoch": 7,
    "certificate_until": NOW + 60 * DAY,
    "sending_bytes": 2048,
    "credit_bytes": 4 << 20,
    "waiting_bytes": 0,
    "relayed": [],
    "forked": [],
    "last_error": "ConnectionRefusedError: an old one",
    "last_error_at": 1,
}


def view(*peers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"now": NOW, "read_only": "", "certificate_until": None, "peers": peers} | more


def test_a_line_that_is_dead_is_said_also_while_it_fills() -> None:
    """Which may last a day."""
    filling = {"state": "catching_up", "filling_events": 300, "filled_events": 104}
    wrong, warning = said_of(view(FINE | filling | {"silent_ms": 12_000}))
    assert wrong == ("wrong", "fr: catching_up, but not a word for 12 s")
    assert warning.words.startswith("fr: filling 34 %")


def test_of_what_is_fine_nothing_is_said() -> None:
    assert said_of(view(FINE, certificate_until=NOW + 31 * DAY)) == []


@pytest.mark.parametrize(
    ("changed", "level", "words"),
    [
        (
            {"state": "backing_off", "since": NOW - 180_000, "last_error": "TimeoutError"},
            "wrong",
            "fr: backing_off for 3 min: TimeoutError",
        ),
        ({"state": "dialing", "since": NOW - 900}, "warning", "fr: dialing for 900 ms: Connection"),
        (
            {"state": "catching_up", "filling_events": 300, "filled_events": 104},
            "warning",
            "fr: filling 34 %; fresh events come as they happen, earlier ones behind them",
        ),
        ({"silent_ms": 9_100}, "wrong", "fr: live, but not a word for 9 s"),
        (
            {"lag_events": 12, "oldest_unacked_ms": 61_000},
            "warning",
            "fr: lacks 12 of our events, the oldest for 61 s",
        ),
        ({"skew_ms": 5_001}, "warning", "fr: its clock is 5 s ahead of ours"),
        ({"skew_ms": -7_200_000}, "warning", "fr: its clock is 2 h behind ours"),
        ({"relayed": ["br"]}, "warning", "fr: brings the events of br, which we cannot reach"),
        ({"forked": ["br:1:global"]}, "wrong", "fr: two histories were signed of br:1:global"),
        ({"certificate_until": NOW + 29 * DAY}, "warning", "fr: its certificate ends in 29 days"),
        ({"certificate_until": NOW + 13 * DAY}, "warning", "13 days: renew it this week"),
        ({"certificate_until": NOW + 2 * DAY}, "wrong", "ends in 2 days: renew it now"),
        ({"certificate_until": NOW - 1}, "wrong", "fr: its certificate has ended"),
        (
            {"state": "refused", "since": 0, "last_error": "fr told us: \x1b[2Jgone"},
            "wrong",
            "told us: ?[2Jgone",
        ),
    ],
)
def test_each_fault_is_said_in_a_sentence(changed: dict[str, Any], level: str, words: str) -> None:
    [said] = said_of(view(FINE | changed))
    assert said.level == level
    assert words in said.words


def test_what_is_wrong_stands_before_what_is_a_warning() -> None:
    said = said_of(
        view(
            FINE | {"skew_ms": 9_000},
            FINE | {"region": "in", "state": "idle"},
            read_only="the disk reported an error",
            certificate_until=NOW + 20 * DAY,
        )
    )
    assert [one.level for one in said] == ["wrong", "wrong", "warning", "warning"]
    assert said[0].words.startswith("this node is read-only")
    assert "this node's certificate ends in 20 days" in [one.words for one in said]


def test_a_link_s_row_has_a_cell_for_each_head() -> None:
    row = peer_row(FINE, NOW)
    assert len(row) == len(PEER_HEADS)
    assert row[:4] == ("fr", "live", "24 h", "0")
    assert row[-3:] == ("2 of 4096 KiB", "60 days", "0.1.0 / 1")
    unknown = FINE | dict.fromkeys(
        ("version", "rtt_ms", "skew_ms", "silent_ms", "certificate_until")
    )
    assert set(peer_row(unknown, NOW)[6:9]) == {""}


LANE: dict[str, Any] = {
    "region": "de",
    "epoch": "1a",
    "lane": "global",
    "seq": 40,
    "base": None,
    "lead": None,
    "at": NOW - 5_000,
    "head": None,
    "forked": False,
    "peers": {
        "fr": {"acked": 40, "behind_events": 0, "behind_ms": None},
        "in": {"acked": 38, "behind_events": 2, "behind_ms": 4_000},
        "br": {"acked": None, "behind_events": 1, "behind_ms": 10},
    },
}


def test_a_lane_s_row_says_who_lacks_what() -> None:
    row = lane_row(LANE, NOW)
    assert len(row) == len(LANE_HEADS)
    assert row[:5] == ("de", "1a", "global", "40", "5 s ago")
    assert row[6] == "br not known yet, in at 38, lacks 2 for 4 s"
    fine = LANE | {"peers": {"fr": LANE["peers"]["fr"]}}
    assert lane_row(fine, NOW)[6] == "all 1 have it"


def test_a_lane_that_is_being_filled_says_how_far() -> None:
    row = lane_row(LANE | {"seq": 340, "base": 1_000, "lead": 1_200, "peers": {}}, NOW)
    assert row[3] == "1200, filling 34 %"
    row = peer_row(
        FINE | {"behind_events": 660, "filling_events": 1_000, "filled_events": 340}, NOW
    )
    assert "filling 34 %" in row


def test_a_forked_lane_is_not_to_be_overlooked() -> None:
    assert lane_row(LANE | {"region": "in", "forked": True, "head": 40, "peers": {}}, NOW)[5:] == (
        "forked!",
        "",
    )


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (119_000, "119 s"),
        (120_000, "2 min"),
        (7_200_000, "2 h"),
        (2 * DAY, "2 days"),
    ],
)
def test_a_duration_in_the_unit_that_says_most(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words
