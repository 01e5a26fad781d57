"""The session as a conversation: frames in, effects out, no clock and no socket."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_client.backoff import STEADY_MS
from tap_client.choice import Remembered
from tap_client.effects import (
    Cut,
    Effect,
    Fail,
    Hear,
    Live,
    Move,
    Remember,
    Renew,
    Reset,
    Retry,
    Send,
    Settle,
    Typing,
    Warn,
)
from tap_client.errors import ProtocolError, Refused, Stale, Unauthenticated
from tap_client.frames import Done, Event, event
from tap_client.link import End
from tap_client.outbox import KEY_KEPT_MS
from tap_client.session import Session, State
from tap_client.silence import SILENCE_MS_MAX
from tap_client.store import Waiting

from tests.unit.client import fake_node


def session(cursor: str | None = None, *waiting: Waiting, in_flight_max: int = 16) -> Session:
    talk = Session("secret", cursor, waiting, lambda: 0.5, in_flight_max=in_flight_max)
    # A websocket is known to work here: nothing new to remember at its welcome.
    talk.network_changed(Remembered("websocket", 0), 0)
    return talk


def welcome(resume: str = "fresh", cursor: str = "1.10", **more: Any) -> dict[str, Any]:
    frame = {"t": "welcome", "cursor": cursor, "resume": resume, "person": "asha"}
    return frame | {"channels": ["g", "c:a"]} | more


def live(cursor: str | None = None, *waiting: Waiting, in_flight_max: int = 16) -> Session:
    """A session that has been welcomed and caught up at position 10."""
    talk = session(cursor, *waiting, in_flight_max=in_flight_max)
    talk.opened()
    talk.received(welcome(), 0)
    assert talk.state is State.LIVE
    return talk


def positions(effects: list[Effect]) -> list[int]:
    return [effect.event.position for effect in effects if isinstance(effect, Hear)]


def sent(effects: list[Effect]) -> list[dict[str, Any]]:
    return [effect.frame for effect in effects if isinstance(effect, Send)]


def hear(talk: Session, position: int, *channels: str) -> list[int]:
    return positions(talk.received(fake_node.event(position, *channels), 0))


def waiting(number: int, since: int = 0) -> Waiting:
    return Waiting(f"key-{number:04}", {"do": "post.publish", "text": str(number)}, since)


# -- hello, welcome, resume ---------------------------------------------------------------------------


def test_a_first_connection_says_hello_and_is_live_at_once() -> None:
    talk = session()
    assert sent(talk.opened()) == [{"t": "hello", "token": "secret", "client": "tap-client"}]
    assert talk.received(welcome(), 0) == [Move("1.10"), Live()]
    assert talk.cursor == "1.10"
    assert talk.person == "asha"


@pytest.mark.parametrize("resume", ["complete", "paged"])
def test_a_resumed_connection_hears_what_it_missed_and_then_is_live(resume: str) -> None:
    talk = session("1.4")
    assert sent(talk.opened())[0]["cursor"] == "1.4"
    # The node may name its present position: what lies before it is still owed to us.
    assert talk.received(welcome(resume, "1.10"), 0) == []
    assert talk.state is State.CATCHING_UP
    assert [hear(talk, position) for position in (5, 7)] == [[5], [7]]
    assert talk.received({"t": "mark", "cursor": "1.10"}, 0) == [Move("1.10"), Live()]


def test_a_reset_is_told_and_goes_on_from_the_nodes_cursor() -> None:
    talk = session("1.4")
    talk.opened()
    assert talk.received(welcome("reset", "2.3", reason="too old"), 0) == [
        Reset("too old", "2.3"),
        Live(),
    ]
    assert hear(talk, 4) == [4]
    assert talk.cursor == "2.4"


def test_a_reset_in_mid_connection_is_told_too() -> None:
    talk = live()
    frame = {"t": "reset", "reason": "restored", "cursor": "2.1"}
    assert talk.received(frame, 0) == [Reset("restored", "2.1")]
    assert hear(talk, 2) == [2]


def test_frames_of_the_future_are_passed_over() -> None:
    talk = live()
    assert talk.received({"t": "hologram", "x": 1}, 0) == []
    assert talk.received({"t": "pong", "server_time": 1}, 0) == []


@pytest.mark.parametrize(
    "frame",
    [
        {"t": "event", "position": "x"},
        {"t": "value", "of": "post"},
        {"t": "mark"},
        {"t": "mark", "cursor": "nonsense"},
        {"t": "done"},
    ],
)
def test_malformed_frames_are_the_nodes_fault(frame: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        live().received(frame, 0)


# -- exactly once, in order -----------------------------------------------------------------------------


def test_an_event_heard_before_is_not_heard_again() -> None:
    talk = live()
    assert hear(talk, 11) == [11]
    assert hear(talk, 11) == []
    assert hear(talk, 9) == []


def test_a_channel_watched_from_a_cursor_replays_beside_live_traffic() -> None:
    talk = live()
    assert hear(talk, 20, "c:a") == [20]
    frame = sent(talk.watch(["t:x"], "1.3"))[0]
    assert frame == {"t": "watch", "id": 1, "channels": ["t:x"], "since": "1.3"}
    assert hear(talk, 5, "t:x") == [5]
    assert hear(talk, 21, "c:a") == [21]  # live traffic in between
    assert hear(talk, 8, "t:x") == [8]
    assert hear(talk, 8, "t:x") == []
    assert hear(talk, 20, "c:a", "t:x") == []  # heard already, through the community
    assert hear(talk, 22, "t:x") == [22]


def test_replays_move_no_cursor() -> None:
    talk = live()
    talk.watch(["t:x"], "1.3")
    effects = talk.received(fake_node.event(5, "t:x"), 0)
    assert effects == [Hear(event(fake_node.event(5, "t:x")), None)]
    assert talk.cursor == "1.10"


def test_a_replay_cut_off_goes_on_where_it_was() -> None:
    talk = live()
    talk.watch(["t:x"], "1.3")
    talk.watch(["t:plain"], None)
    hear(talk, 5, "t:x")
    talk.lost(End(1006, ""), 0)
    hello = sent(talk.opened())[0]
    assert hello["channels"] == ["t:plain"]
    again = sent(talk.received(welcome("complete"), 0))
    assert again == [{"t": "watch", "id": 3, "channels": ["t:x"], "since": "1.5"}]
    assert hear(talk, 5, "t:x") == []
    assert hear(talk, 6, "t:x") == [6]


def test_a_replay_that_is_through_leaves_a_channel_like_all_others() -> None:
    talk = live()
    talk.watch(["t:x"], "1.3")
    hear(talk, 5, "t:x")
    assert talk.received({"t": "watching", "id": 1, "channels": ["t:x"], "refused": []}, 0) == []
    assert hear(talk, 11, "t:x") == [11]
    talk.lost(End(1006, ""), 0)
    assert sent(talk.opened())[0]["channels"] == ["t:x"]
    assert sent(talk.received(welcome("complete"), 0)) == []


def test_a_replay_of_too_much_is_heard_from_now_on() -> None:
    talk = live()
    talk.watch(["t:x"], "1.3")
    refusal = {"channel": "t:x", "code": "gone"}
    warned, again = talk.received(
        {"t": "watching", "id": 1, "channels": [], "refused": [refusal]}, 0
    )
    assert isinstance(warned, Warn)
    assert sent([again]) == [{"t": "watch", "id": 2, "channels": ["t:x"]}]


def test_an_unwatched_channel_is_forgotten() -> None:
    talk = live()
    talk.watch(["t:x"], "1.3")
    assert sent(talk.unwatch(["t:x"])) == [{"t": "unwatch", "channels": ["t:x"]}]
    assert hear(talk, 5, "t:x") == []
    talk.lost(End(1006, ""), 0)
    assert "channels" not in sent(talk.opened())[0]


def test_a_channel_we_may_not_hear_is_named_and_not_asked_for_again() -> None:
    talk = live()
    talk.watch(["t:x", "t:y"], None)
    frame = {"t": "watching", "id": 1, "channels": ["t:x"]}
    refusal = {"channel": "t:y", "code": "forbidden"}
    assert talk.received(frame | {"refused": [refusal]}, 0) == [Warn("may not watch t:y")]
    talk.lost(End(1006, ""), 0)
    assert sent(talk.opened())[0]["channels"] == ["t:x"]


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=60))
def test_whatever_is_repeated_each_event_is_heard_once_and_in_order(
    arrivals: list[tuple[int, bool]],
) -> None:
    """A node that obeys the protocol but repeats itself at will, over any cuts."""
    talk = session("1.0")
    talk.opened()
    talk.received(welcome("complete", "1.0"), 0)
    heard: list[int] = []
    for position, cut in arrivals:
        if cut:
            talk.lost(End(1006, ""), 0)
            talk.opened()
            talk.received(welcome("complete", "1.30"), 0)
        heard += hear(talk, position)
    assert heard == sorted(set(heard))


# -- commands ---------------------------------------------------------------------------------------------


def done(number: int, **more: Any) -> dict[str, Any]:
    return {
        "t": "done",
        "key": f"key-{number:04}",
        "ok": True,
        "answer": {},
        "cursor": "1.11",
    } | more


def test_a_command_is_sent_and_settled() -> None:
    talk = live()
    frame = {"t": "do", "key": "key-0001", "command": waiting(1).command}
    assert sent(talk.do(waiting(1), 0)) == [frame]
    answer = done(1, answer={"post": "p"}, repeated=True)
    assert talk.received(answer, 0) == [Settle("key-0001", Done({"post": "p"}, "1.11", True))]
    assert talk.received(answer, 0) == []
    assert talk.unsettled == 0


def test_a_command_given_while_down_is_sent_after_the_welcome() -> None:
    talk = session()
    assert talk.do(waiting(1), 0) == []
    talk.opened()
    assert sent(talk.received(welcome(), 0))[0]["key"] == "key-0001"


def test_an_unanswered_command_is_sent_again_with_its_key() -> None:
    talk = live()
    first = sent(talk.do(waiting(1), 0))
    talk.lost(End(1006, ""), 0)
    talk.opened()
    assert sent(talk.received(welcome("complete"), 0)) == first


def test_commands_left_from_an_earlier_run_are_sent() -> None:
    talk = session("1.4", waiting(1), waiting(2))
    talk.opened()
    frames = sent(talk.received(welcome("complete"), 0))
    assert [frame["key"] for frame in frames] == ["key-0001", "key-0002"]


def test_only_a_window_is_in_flight_and_oldest_go_first() -> None:
    talk = live(None, *map(waiting, range(4)), in_flight_max=2)
    talk.lost(End(1006, ""), 0)
    talk.opened()
    first = sent(talk.received(welcome("complete"), 0))
    assert [frame["key"] for frame in first] == ["key-0000", "key-0001"]
    assert sent(talk.received(done(0), 0))[0]["key"] == "key-0002"


def test_a_final_refusal_settles() -> None:
    talk = live()
    talk.do(waiting(1), 0)
    error = {"code": "forbidden", "message": "no", "field": "place", "retry": False}
    (settled,) = talk.received(done(1, ok=False, error=error), 0)
    assert isinstance(settled, Settle)
    assert isinstance(settled.outcome, Refused)
    assert (settled.outcome.code, settled.outcome.field) == ("forbidden", "place")


def test_a_refusal_for_now_is_tried_again_later() -> None:
    talk = live()
    talk.do(waiting(1), 0)
    error = {"code": "overloaded", "message": "later", "retry": True}
    assert talk.received(done(1, ok=False, error=error), 1_000) == []
    due = talk.wake_at()
    assert due == 1_000 + 750  # half a second plus half of the first half
    assert talk.woken(due - 1) == []
    assert sent(talk.woken(due))[0]["key"] == "key-0001"
    assert talk.wake_at() == 1_000 + SILENCE_MS_MAX  # nothing else is waited for


def test_a_command_older_than_the_nodes_memory_is_not_sent() -> None:
    talk = session("1.4", waiting(1), waiting(2, since=KEY_KEPT_MS))
    talk.opened()
    settled, send = talk.received(welcome("complete"), KEY_KEPT_MS + 1)
    assert isinstance(settled, Settle)
    assert isinstance(settled.outcome, Stale)
    assert isinstance(send, Send)


# -- endings ------------------------------------------------------------------------------------------------


def test_a_lost_connection_is_tried_again_later_and_later() -> None:
    talk = session()
    waits = [talk.lost(End(None, "refused"), 0)[0] for _ in range(3)]
    assert waits == [Retry(0.75), Retry(1.25), Retry(2.25)]
    talk.opened()
    talk.received(welcome(), 0)
    assert talk.lost(End(1006, ""), STEADY_MS - 1) == [Retry(4.25)]
    talk.opened()
    talk.received(welcome(), 0)
    assert talk.lost(End(1006, ""), STEADY_MS) == [Retry(0.75)]


def test_a_stopping_node_says_when_to_come_back() -> None:
    talk = live()
    talk.received({"t": "bye", "code": 4503, "reason": "restart", "retry_ms": 4_000}, 0)
    assert talk.lost(End(4503, "restart"), 0) == [Retry(4.5)]


def test_a_refused_token_ends_the_session() -> None:
    talk = live()
    (failed,) = talk.lost(End(4401, "expired"), 0)
    assert isinstance(failed, Fail)
    assert isinstance(failed.error, Unauthenticated)
    assert talk.lost(End(1006, ""), 0) == []


def test_a_command_the_node_cannot_read_is_found_and_given_up() -> None:
    talk = live(None, in_flight_max=4)
    for number in (1, 2):
        talk.do(waiting(number), 0)
    assert talk.lost(End(1009, "too big"), 0) == [Retry(0.75)]  # which of the two was it?
    talk.opened()
    one = sent(talk.received(welcome("complete"), 0))
    assert [frame["key"] for frame in one] == ["key-0001"]
    assert sent(talk.received(done(1), 0))[0]["key"] == "key-0002"
    settled, _ = talk.lost(End(1009, "too big"), 0)
    assert isinstance(settled, Settle)
    assert settled.key == "key-0002"
    assert isinstance(settled.outcome, Refused)


# -- is the node there? --------------------------------------------------------------------------------------


def kinds(effects: list[Effect]) -> list[str]:
    return [frame["t"] for frame in sent(effects)]


def test_after_thirty_silent_seconds_it_asks_and_ten_later_it_gives_up() -> None:
    talk = live()
    assert talk.woken(SILENCE_MS_MAX - 1) == []
    assert kinds(talk.woken(SILENCE_MS_MAX)) == ["ping"]
    due = talk.wake_at()
    assert due == SILENCE_MS_MAX + 10_000
    (cut,) = talk.woken(due)
    assert isinstance(cut, Cut)


def test_any_word_counts_as_alive() -> None:
    talk = live()
    talk.woken(SILENCE_MS_MAX)
    talk.received({"t": "pong", "server_time": 0}, 31_000)
    assert talk.woken(SILENCE_MS_MAX + 10_000) == []
    talk.heard_something(50_000)
    assert talk.wake_at() == 80_000


def test_another_network_is_asked_about_with_little_patience() -> None:
    talk = live()
    assert kinds(talk.network_changed(None, 1_000)) == ["ping"]
    assert talk.wake_at() == 4_000


def test_a_reader_that_pauses_takes_silence_for_nothing() -> None:
    talk = live()
    talk.stop_reading()
    assert talk.wake_at() is None
    talk.read_on(70_000)
    assert talk.wake_at() == 70_000 + SILENCE_MS_MAX


def test_in_the_background_nothing_is_asked_and_a_lost_connection_stays_lost() -> None:
    talk = live()
    assert sent(talk.background()) == [{"t": "background"}]
    assert talk.wake_at() is None
    assert talk.lost(End(1006, ""), 0) == [Retry(None)]
    talk.foreground(0)
    talk.opened()
    talk.received(welcome("complete"), 0)
    talk.background()
    assert kinds(talk.foreground(5_000)) == ["foreground", "ping"]
    assert talk.wake_at() == 8_000


# -- transports ------------------------------------------------------------------------------------------------


def test_a_transport_that_is_not_there_gives_way_at_once_and_comes_up_again_later() -> None:
    talk = Session("secret", None, (), lambda: 0.5)
    assert talk.lost(End(None, "404", is_absent=True), 0) == [Retry(0)]
    assert talk.choice.transport == "events"
    talk.opened()
    assert talk.received(welcome(), 0)[0] == Remember("events", 0)
    talk.received({"t": "pong"}, 59_999)
    assert [type(effect) for effect in talk.woken(60_000)] == [Cut]
    assert talk.choice.transport == "websocket"
    talk.lost(End(None, ""), 60_000)
    assert talk.lost(End(None, "cut off"), 60_000) == [Retry(0)]
    assert talk.choice.transport == "events"


def test_what_the_node_itself_says_is_no_fault_of_the_transport() -> None:
    talk = session()
    for code in (4409, 4503, 4408):
        talk.opened()
        talk.lost(End(code, ""), 0)
    for _ in range(3):
        talk.opened()
        talk.received({"t": "bye", "code": 1001, "reason": "stopping", "retry_ms": 10}, 0)
        talk.lost(End(1001, "stopping"), 0)
    assert talk.choice.transport == "websocket"


# -- tokens ----------------------------------------------------------------------------------------------------


def renewable(token: str | None = None) -> Session:
    return Session(token, None, (), lambda: 0.5, is_renewable=True)


def test_a_token_is_due_before_the_first_connection_and_when_it_ends_soon() -> None:
    talk = renewable()
    assert talk.credentials.is_due(0)
    assert talk.take("one") == []
    assert not talk.credentials.is_due(0)
    talk.opened()
    # The node's clock is an hour ahead; 90 s are left by either.
    talk.received(welcome(server_time=3_600_000, expires_at=3_690_000), 0)
    assert not talk.credentials.is_due(29_999)
    assert talk.credentials.is_due(30_000)


def test_a_refused_token_is_never_taken_again() -> None:
    talk = renewable("one")
    talk.opened()
    assert talk.lost(End(4401, "expired"), 0) == [Retry(0.75)]
    assert talk.credentials.is_due(0)
    with pytest.raises(Unauthenticated):
        talk.take("one")
    talk.take("two")
    assert sent(talk.opened())[0]["token"] == "two"


def test_a_token_the_node_never_heard_of_was_not_refused() -> None:
    """The provider took its time: the node closed over the earlier token while the next one was on its way."""
    talk = renewable("one")
    talk.opened()
    talk.received(welcome(server_time=0, expires_at=90_000), 0)
    talk.take("two")
    talk.lost(End(4401, "expired"), 115_000)
    assert not talk.credentials.is_due(115_000)
    assert sent(talk.opened())[0]["token"] == "two"
    talk.received(welcome(server_time=0), 116_000)
    talk.take("three")
    talk.received({"t": "renewed", "expires_at": 900_000}, 117_000)
    talk.lost(End(4401, "signed out"), 118_000)
    assert talk.credentials.is_due(118_000)
    talk.take("two")
    with pytest.raises(Unauthenticated):
        talk.take("three")


def test_a_token_about_to_end_is_renewed_on_the_connection() -> None:
    talk = renewable("one")
    talk.opened()
    talk.received(welcome(server_time=0, expires_at=90_000), 0)
    assert talk.received({"t": "expiring", "expires_at": 90_000}, 30_000) == [Renew()]
    assert sent(talk.take("two")) == [{"t": "token", "token": "two"}]
    talk.received({"t": "renewed", "expires_at": 900_000}, 31_000)
    assert not talk.credentials.is_due(31_000)
    assert live().received({"t": "expiring", "expires_at": 1}, 0) == []


# -- going back ------------------------------------------------------------------------------------------------


def heard_events(talk: Session, *positions: int) -> list[Event]:
    effects = [talk.received(fake_node.event(position, "c:a"), 0) for position in positions]
    return [one.event for many in effects for one in many if isinstance(one, Hear)]


def test_what_could_not_be_handled_comes_again_in_order_and_once() -> None:
    talk = live()
    unheard = heard_events(talk, 11, 12, 13)[1:]
    frames = sent(talk.rewind("1.11", unheard))
    assert frames == [{"t": "ping"}, {"t": "rewind", "cursor": "1.11"}]
    assert heard_events(talk, 14) == []  # it was on its way, and comes again
    talk.received({"t": "pong"}, 0)
    assert [event.position for event in heard_events(talk, 12, 13, 14, 15)] == [12, 13, 14, 15]


def test_a_replay_begins_again_before_what_could_not_be_handled() -> None:
    talk = live()
    talk.watch(["t:x"], "1.3")
    (heard,) = talk.received(fake_node.event(5, "t:x"), 0)
    assert isinstance(heard, Hear)
    talk.received({"t": "watching", "id": 1, "channels": ["t:x"], "refused": []}, 0)
    (cut,) = talk.rewind("1.10", [heard.event])
    assert isinstance(cut, Cut)
    talk.lost(End(None, ""), 0)
    talk.opened()
    again = sent(talk.received(welcome("complete"), 0))
    assert again == [{"t": "watch", "id": 2, "channels": ["t:x"], "since": "1.4"}]


def test_a_repair_that_is_not_exact_is_left_to_a_new_connection() -> None:
    talk = live()
    talk.rewind("1.10", heard_events(talk, 11))
    talk.received({"t": "pong"}, 0)
    (cut,) = talk.received(fake_node.event(12, "c:a"), 0)
    assert isinstance(cut, Cut)
    talk.lost(End(None, ""), 0)
    assert sent(talk.opened())[0]["cursor"] == "1.10"


# -- who is there, who types -----------------------------------------------------------------------------------


def test_presence_is_known_while_connected_and_watched_anew() -> None:
    talk = live()
    talk.watch(["p:bela"], None)
    frame = {"t": "value", "of": "presence", "id": "bela", "position": 0}
    talk.received(frame | {"value": {"state": "online"}}, 0)
    assert talk.presence == {"bela": "online"}
    talk.lost(End(1006, ""), 0)
    assert talk.presence == {}
    assert "channels" not in sent(talk.opened())[0]
    assert sent(talk.received(welcome("complete"), 0))[0]["channels"] == ["p:bela"]


def test_typing_is_said_every_three_seconds_and_heard_without_oneself() -> None:
    talk = live()
    assert kinds(talk.typing("t:x", 0)) == ["typing"]
    assert talk.typing("t:x", 2_999) == []
    talk.typed("t:x")
    assert kinds(talk.typing("t:x", 3_000)) == ["typing"]
    frame = {"t": "typing", "channel": "t:x", "people": ["asha", "bela"]}
    assert talk.received(frame, 0) == [Typing("t:x", ("bela",))]


# -- poisoned commands -----------------------------------------------------------------------------------------


def test_one_the_node_fails_at_again_and_again_is_told_and_holds_up_nobody() -> None:
    talk = live(None, in_flight_max=1)
    talk.do(waiting(1), 0)
    talk.do(waiting(2), 0)
    failure = done(1, ok=False, error={"code": "internal", "message": "ours", "retry": True})
    now = 0
    for _ in range(2):
        talk.received(failure, now)
        talk.received(done(2, ok=True), now)
        now += 20_000
        talk.woken(now)
    settled = talk.received(failure, now)
    assert isinstance(settled[0], Settle)
    assert isinstance(settled[0].outcome, Refused)
    assert talk.unsettled == 0


def test_a_node_that_is_full_fails_no_command_and_keeps_their_order() -> None:
    talk = live(None, in_flight_max=1)
    talk.do(waiting(1), 0)
    full = done(1, ok=False, error={"code": "disk_full", "message": "full", "retry": True})
    for hour in range(10):
        now = hour * 3_600_000
        assert talk.received(full, now) == []
        assert talk.do(waiting(2), now) == []
        assert [frame["key"] for frame in sent(talk.woken(now + 20_000))][:1] == ["key-0001"]


def test_a_command_that_brings_the_node_down_three_times_is_told() -> None:
    talk = live(None, in_flight_max=1)
    talk.do(waiting(1), 0)
    for _ in range(2):
        assert not any(isinstance(one, Settle) for one in talk.lost(End(1011, "ours"), 0))
        talk.opened()
        talk.received(welcome("complete"), 0)
    assert isinstance(talk.lost(End(1011, "ours"), 0)[0], Settle)
