"""Conversations of a session: what it is told, what it asks for, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from server.app.handle import Answer
from server.domain import limits
from server.domain.commands import Acknowledge
from server.domain.errors import Code, Refusal
from server.realtime import effects as fx
from server.realtime import frames, replies
from server.realtime.frames import (
    Background,
    Do,
    Foreground,
    Hello,
    Ping,
    RefusedChannel,
    Rewind,
    Token,
    Typing,
    Unwatch,
    Watch,
)
from server.realtime.reading import CATCH_UP_EVENTS_MAX
from server.realtime.session import GRACE_MS, NEVER, OTHERS_BURST, RETRY_MS, STRIKES_MAX, WARNING_MS
from server.realtime.states import TABLE, CloseCode, State
from tests.unit.realtime.scenes import (
    ABROAD,
    ASHA,
    CHESS,
    EPOCH,
    ME,
    OTHER,
    OWN,
    REGION,
    TEA,
    THREAD,
    UTC,
    Playbook,
    cursor,
    entry,
    interests,
    joined,
)

CHANNELS = tuple(sorted(OWN))
EXPIRES = UTC + 3_600_000
ONLINE, AWAY = fx.Appear("online"), fx.Appear("away")
COMMAND = Acknowledge(post="0" * 26)


def welcome(at: int, resume: frames.Resume, reason: str | None = None) -> fx.SendFrame:
    return fx.SendFrame(
        frames.Welcome(
            cursor=cursor(at),
            epoch=EPOCH,
            region=REGION,
            person="asha",
            server_time=UTC,
            expires_at=EXPIRES,
            resume=resume,
            reason=reason,
            channels=CHANNELS,
        )
    )


def mark(at: int) -> fx.SendFrame:
    return fx.SendFrame(frames.Mark(cursor=cursor(at)))


def goodbye(code: int, reason: str, retry_ms: int = 0) -> tuple[fx.Effect, fx.Effect]:
    bye = frames.Bye(code=code, reason=reason, retry_ms=retry_ms)
    return fx.SendFrame(bye), fx.Close(code, reason)


def signed_in(hello: Hello | None = None, hub: int = 10) -> Playbook:
    """Somebody who said hello and is known: what they may hear is being loaded."""
    book = Playbook().given(hub=hub, flushed=hub)
    book.told(hello or Hello()).is_now("authenticating")
    return book.told(fx.SignedIn(ASHA, 0, EXPIRES))


def live(hub: int = 10) -> Playbook:
    book = signed_in(hub=hub).told(interests(1, hub)).told(fx.Page(2, (), hub, ready=True))
    return book.given(sent=hub).is_now("live")


# -- greeting ----------------------------------------------------------------------------------------------


def test_a_fresh_client_is_welcomed_and_live() -> None:
    book = Playbook().given(hub=10)
    book.told(Hello(token="s")).asked(fx.Authenticate("s")).is_now("authenticating")
    book.told(fx.SignedIn(ASHA, 0, EXPIRES)).asked(fx.LoadInterests(1, "asha", frozenset()))
    book.told(interests(1, 10)).asked(ONLINE, fx.CatchUp(2, CHANNELS, 10, None)).is_now(
        "catching_up"
    )
    book.told(fx.Page(2, (), 10, ready=True))
    book.asked(welcome(10, "fresh"), fx.Join(CHANNELS), mark(10)).is_now("live")


def test_what_was_committed_while_interests_were_loaded_is_not_missed() -> None:
    book = signed_in().told(interests(1, 7)).asked(ONLINE, fx.CatchUp(2, CHANNELS, 7, None))
    book.told(fx.Page(2, (entry(9, TEA),), 10, ready=True))
    book.asked(welcome(7, "fresh"), fx.SendEvents((entry_of(book),)), fx.Join(CHANNELS), mark(10))


def entry_of(book: Playbook) -> object:
    return book.asked_for(fx.SendEvents).entries[0]


def test_a_resume_from_the_ring_is_complete() -> None:
    missed = entry(5, TEA), entry(8, "g")
    book = signed_in(Hello(cursor=cursor(4))).told(interests(1, 10))
    book.asked(ONLINE, fx.CatchUp(2, CHANNELS, 4, None))
    book.told(fx.Page(2, missed, 10, ready=True))
    book.asked(
        welcome(4, "complete"),
        fx.SendEvents(missed),
        fx.Join(CHANNELS),
        fx.SendValues(CHANNELS, 4, True),
        mark(10),
    )


def test_a_resume_from_the_log_is_paged() -> None:
    first, second = (entry(5, TEA),), (entry(12, TEA),)
    book = signed_in(Hello(cursor=cursor(4))).told(interests(1, 10))
    book.told(fx.Page(2, first, 7, ready=False))
    book.asked(welcome(4, "paged"), fx.SendEvents(first), fx.CatchUp(3, CHANNELS, 7, None))
    book.given(hub=12).told(fx.Page(3, second, 12, ready=True))
    book.asked(fx.SendEvents(second), fx.Join(CHANNELS), fx.SendValues(CHANNELS, 4, True), mark(12))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("no cursor", "bad_cursor"),
        (cursor(4, EPOCH + 1), "unknown_epoch"),
        (cursor(11), "ahead"),
    ],
)
def test_a_cursor_that_leads_nowhere_is_reset(told: str, reason: str) -> None:
    book = signed_in(Hello(cursor=told)).told(interests(1, 10))
    book.told(fx.Page(2, (), 10, ready=True))
    book.asked(welcome(10, "reset", reason), fx.Join(CHANNELS), mark(10))


def test_channels_named_in_hello_resume_too_and_it_is_told_why_others_do_not() -> None:
    book = signed_in(Hello(channels=(THREAD, "t:nonsense", OTHER, ABROAD)))
    asked = frozenset({THREAD, OTHER, ABROAD})
    book.asked(fx.LoadInterests(1, "asha", asked))
    book.told(interests(1, 10, asked=asked, allowed=frozenset({THREAD})))
    book.asked(ONLINE, fx.CatchUp(2, tuple(sorted(OWN | {THREAD})), 10, None))
    book.told(fx.Page(2, (), 10, ready=True))
    refused = (RefusedChannel(ABROAD, Code.FORBIDDEN), RefusedChannel(OTHER, Code.FORBIDDEN))
    assert book.effects[1] == fx.SendFrame(frames.Watching(id=0, channels=(), refused=refused))


@pytest.mark.parametrize(
    ("refusal", "code", "retry_ms"),
    [
        (Refusal(Code.EXPIRED, "old"), CloseCode.UNAUTHENTICATED, 0),
        (Refusal(Code.UNAUTHENTICATED, "who"), CloseCode.UNAUTHENTICATED, 0),
        (Refusal(Code.INTERNAL, "our fault"), CloseCode.UNAVAILABLE, RETRY_MS),
    ],
)
def test_who_is_not_known_is_sent_away(refusal: Refusal, code: int, retry_ms: int) -> None:
    book = Playbook().told(Hello()).told(fx.SignedIn(refusal, 0, 0))
    book.asked(*goodbye(code, refusal.code, retry_ms)).is_now("closed")


def test_a_person_has_a_bounded_number_of_connections() -> None:
    book = Playbook().told(Hello())
    book.told(fx.SignedIn(ASHA, limits.CONNECTIONS_PER_PERSON_MAX, EXPIRES))
    book.asked(*goodbye(CloseCode.TOO_MANY_CONNECTIONS, "too many connections", RETRY_MS))


def test_who_was_locked_out_meanwhile_is_sent_away() -> None:
    gone = Refusal(Code.UNAUTHENTICATED, "gone")
    book = signed_in().told(interests(1, 10)._replace(own=frozenset(), refusal=gone))
    book.asked(*goodbye(CloseCode.UNAUTHENTICATED, Code.UNAUTHENTICATED))


def test_hello_must_come_in_time() -> None:
    book = Playbook().given(now=limits.UNAUTHENTICATED_SECONDS_MAX * 1000 - 1)
    book.told(fx.Tick()).asked().is_now("opening")
    book.given(now=limits.UNAUTHENTICATED_SECONDS_MAX * 1000).told(fx.Tick())
    book.asked(*goodbye(CloseCode.HELLO_TIMEOUT, "no hello", RETRY_MS))


@pytest.mark.parametrize(
    "frame", [Watch(id=1, channels=()), Unwatch(channels=()), Do("12345678", COMMAND)]
)
def test_hello_must_come_first(frame: fx.Input) -> None:
    refusal = Refusal(Code.BAD_FRAME, "hello must come first")
    book = Playbook().told(frame)
    book.asked(replies.error(refusal), *goodbye(CloseCode.BAD_FRAME, Code.BAD_FRAME))


@pytest.mark.parametrize("frame", [Hello(), Watch(id=1, channels=()), Do("12345678", COMMAND)])
def test_frames_before_the_welcome_are_refused_but_not_deadly(frame: fx.Input) -> None:
    book = Playbook().told(Hello()).told(frame).is_now("authenticating")
    assert book.asked_for(fx.SendFrame).frame.error.code == Code.BAD_FRAME


# -- live ----------------------------------------------------------------------------------------------------


def test_answers_a_ping_in_every_state_that_speaks() -> None:
    pong = fx.SendFrame(frames.Pong(server_time=UTC))
    Playbook().told(Ping()).asked(pong)
    signed_in().told(Ping()).asked(pong)
    live().told(Ping()).asked(pong)


def test_a_command_is_submitted_once_and_answered_under_its_key() -> None:
    book = live().told(Do("12345678", COMMAND)).asked(fx.Submit("asha", "12345678", COMMAND))
    answer = Answer(position=11, cursor=cursor(11), result={"rev": 1}, repeated=True)
    book.told(fx.Answered("12345678", answer)).asked(
        fx.SendFrame(
            frames.Done(
                key="12345678", ok=True, answer={"rev": 1}, cursor=cursor(11), repeated=True
            )
        )
    )
    refusal = Refusal(Code.NOT_FOUND, "no such post")
    book.told(fx.Answered("87654321", refusal)).asked(replies.done("87654321", refusal))


def test_a_malformed_command_is_refused_under_its_key() -> None:
    refusal = Refusal(Code.UNKNOWN_KIND, "no such command", "do")
    live().told(Do("12345678", refusal)).asked(replies.done("12345678", refusal))


def test_commands_come_from_a_bucket_that_refills() -> None:
    book = live()
    for n in range(limits.COMMANDS_BURST):
        book.told(Do(f"key-{n:05}", COMMAND)).asked_for(fx.Submit)
    book.told(Do("one-more", COMMAND)).asked(replies.done("one-more", replies.TOO_FAST))
    book.given(now=10_000 // limits.COMMANDS_PER_10_S + 1)
    book.told(Do("one-more", COMMAND)).asked_for(fx.Submit)
    book.told(Do("and-more", COMMAND)).asked(replies.done("and-more", replies.TOO_FAST))


def test_who_never_slows_down_is_cut_off() -> None:
    book = live()
    for n in range(limits.COMMANDS_BURST + STRIKES_MAX):
        book.told(Do(f"key-{n:05}", COMMAND)).is_now("live")
    book.told(Do("one-more", COMMAND))
    book.asked(fx.Leave(CHANNELS), *goodbye(CloseCode.RATE_LIMITED, "too many commands", RETRY_MS))


def test_a_malformed_frame_is_answered_and_many_end_it() -> None:
    bad = fx.Malformed(Refusal(Code.UNKNOWN_KIND, "what?"), fatal=False)
    book = live()
    for _ in range(OTHERS_BURST):
        book.told(bad).asked(replies.error(bad.refusal))
    book.told(bad).is_now("closed")


@pytest.mark.parametrize(
    ("code", "close"),
    [(Code.BAD_ENCODING, CloseCode.BAD_FRAME), (Code.TOO_LARGE, CloseCode.TOO_LARGE)],
)
def test_what_cannot_be_understood_ends_it(code: Code, close: int) -> None:
    bad = fx.Malformed(Refusal(code, "?"), fatal=True)
    live().told(bad).asked(replies.error(bad.refusal), fx.Leave(CHANNELS), *goodbye(close, code))


def test_marks_progress_that_brought_no_event() -> None:
    book = live().told(fx.Tick()).asked()
    book.given(hub=12, sent=12).told(fx.Tick()).asked(mark(12))
    book.told(fx.Tick()).asked()


# -- watching ------------------------------------------------------------------------------------------------


def allowed(id: int, *channels: str, since: int | None = None, at: int = 10) -> fx.Authorized:
    return fx.Authorized(id, since, at, channels, ())


def test_watches_from_now_on() -> None:
    book = live().told(Watch(id=7, channels=(THREAD, THREAD)))
    book.asked(fx.Authorize(7, None, "asha", (THREAD,)))
    book.told(allowed(7, THREAD))
    book.asked(fx.Join((THREAD,)), replies.watching(7, (THREAD,)))
    book.told(Watch(id=8, channels=(THREAD, TEA))).asked(replies.watching(8, (THREAD, TEA)))


def test_tells_which_channels_may_not_be_watched() -> None:
    book = live().told(Watch(id=7, channels=(THREAD, "nonsense", OTHER)))
    refused = (("nonsense", str(Code.BAD_VALUE)),)
    book.asked(fx.Authorize(7, None, "asha", (THREAD, OTHER), refused))
    refused += ((OTHER, str(Code.FORBIDDEN)),)
    book.told(fx.Authorized(7, None, 10, (THREAD,), refused))
    book.asked(fx.Join((THREAD,)), replies.watching(7, (THREAD,), refused))


def test_replays_a_channel_and_repeats_nothing_that_another_brought() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,), since=cursor(2)))
    book.asked(fx.Authorize(7, 2, "asha", (THREAD,)))
    book.given(hub=13, sent=13).told(allowed(7, THREAD, since=2))
    book.asked(fx.Leave(CHANNELS), fx.CatchUp(3, (THREAD,), 2, 13)).is_now("catching_up")
    old, brought, fresh = entry(5, THREAD, TEA), entry(12, TEA, THREAD), entry(13, THREAD)
    book.told(fx.Page(3, (old, brought, fresh), 13, ready=True))
    book.asked(
        fx.SendEvents((old, fresh), replayed=True),
        fx.SendValues((THREAD,), 2, True),
        replies.watching(7, (THREAD,)),
        fx.CatchUp(4, (*CHANNELS, THREAD), 13, None),
    )
    book.told(fx.Page(4, (), 13, ready=True))
    book.asked(
        fx.Join((*CHANNELS, THREAD)), fx.SendValues((*CHANNELS, THREAD), 10, False), mark(13)
    )


def test_a_replay_that_is_too_long_is_refused() -> None:
    book = live(hub=99_999).told(Watch(id=7, channels=(THREAD,), since=cursor(2)))
    book.told(allowed(7, THREAD, since=2, at=99_999))
    page = tuple([entry(n, THREAD) for n in range(3, CATCH_UP_EVENTS_MAX + 5)])
    book.told(fx.Page(3, page, 9_000, ready=False))
    assert replies.watching(7, (), ((THREAD, Code.GONE),)) in book.effects
    assert book.asked_for(fx.CatchUp).channels == CHANNELS


@pytest.mark.parametrize(
    ("since", "code"),
    [
        ("nonsense", Code.BAD_CURSOR),
        (cursor(4, EPOCH + 1), Code.BAD_CURSOR),
        (cursor(11), Code.BAD_CURSOR),
    ],
)
def test_a_watch_from_a_cursor_that_leads_nowhere_is_refused(since: str, code: Code) -> None:
    book = live().told(Watch(id=7, channels=(THREAD,), since=since))
    book.asked(replies.watching(7, (), ((THREAD, str(code)),)))


def test_permission_is_asked_again_when_it_changed_meanwhile() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,)))
    book.given(narrowed=11).told(allowed(7, THREAD, at=10))
    book.asked(fx.Authorize(7, None, "asha", (THREAD,)))


def test_a_connection_watches_a_bounded_number_of_channels() -> None:
    many = tuple([f"t:{n:026}" for n in range(limits.CHANNELS_PER_CONNECTION_MAX + 1)])
    book = live().told(Watch(id=7, channels=many[:-1])).told(Watch(id=8, channels=many[-2:]))
    full = ((many[-1], str(Code.TOO_LARGE)),)
    book.asked(fx.Authorize(8, None, "asha", (many[-2],), full))
    book.told(allowed(7, *many[:-1])).told(Watch(id=9, channels=many[-1:]))
    book.asked(replies.watching(9, (), full))


def test_an_unwatch_takes_back_what_is_still_being_asked() -> None:
    book = live().told(Watch(id=7, channels=(THREAD, OTHER))).told(Unwatch(channels=(THREAD,)))
    book.told(allowed(7, THREAD, OTHER))
    book.asked(fx.Join((OTHER,)), replies.watching(7, (OTHER,)))


def test_unwatches_what_was_watched_and_keeps_ones_own() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,))).told(allowed(7, THREAD))
    book.told(Unwatch(channels=(THREAD, TEA, "g", OTHER))).asked(fx.Drop((THREAD,)))
    book.told(Unwatch(channels=(THREAD,))).asked()


def test_a_replay_repeats_nothing_that_a_lost_channel_brought() -> None:
    book = live().given(hub=12, sent=12).told(fx.Turned(12)).told(interests(3, 12, OWN - {TEA}))
    book.told(fx.Page(4, (), 12, ready=True)).told(Watch(id=7, channels=(THREAD,), since=cursor(8)))
    book.told(allowed(7, THREAD, since=8, at=12))
    before, brought = entry(10, TEA, THREAD), entry(11, TEA, THREAD)
    book.told(fx.Page(5, (before, brought), 12, ready=True))
    assert book.asked_for(fx.SendEvents).entries == (before,), "live from 10 on"


def test_a_watched_place_stays_watched_when_it_is_joined_and_left() -> None:
    book = live().told(Watch(id=7, channels=(CHESS,))).told(allowed(7, CHESS))
    asked = frozenset({CHESS})
    book.given(hub=11, sent=11).told(fx.Turned(11)).asked_for(fx.Leave)
    book.told(interests(3, 11, OWN | asked, asked)).told(fx.Page(4, (), 11, ready=True))
    book.given(hub=12, sent=12).told(fx.Turned(12))
    book.told(interests(5, 12, OWN, asked)).told(fx.Page(6, (), 12, ready=True))
    assert CHESS in book.asked_for(fx.Join).channels
    book.told(Unwatch(channels=(CHESS,))).asked(fx.Drop((CHESS,)))


def test_a_joined_place_is_heard_from_the_joining_on_although_watched_later() -> None:
    book = live().given(hub=50, sent=50).told(fx.Turned(36))
    book.told(Watch(id=7, channels=(CHESS,))).told(allowed(7, CHESS, at=50))
    book.told(interests(3, 50, OWN | {CHESS}, frozenset()))
    missed = entry(40, CHESS)
    book.told(fx.Page(4, (missed,), 50, ready=True))
    assert book.asked_for(fx.SendEvents).entries == (missed,)


def test_an_unwatch_while_something_is_owed_pulls_it_without_the_channel() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,))).told(allowed(7, THREAD))
    book.given(hub=12, sent=11).told(Unwatch(channels=(THREAD,)))
    book.asked(fx.Leave((*CHANNELS, THREAD)), fx.CatchUp(3, CHANNELS, 11, None))


def test_after_a_reset_nothing_counts_as_brought() -> None:
    book = live().given(hub=99_999).told(fx.Flooded())
    page = tuple([entry(n, TEA) for n in range(11, CATCH_UP_EVENTS_MAX + 20)])
    book.told(fx.Page(3, page, 9_000, ready=False)).told(interests(4, 99_999))
    book.told(fx.Page(5, (), 99_999, ready=True)).is_now("live")
    book.told(Watch(id=7, channels=(THREAD,), since=cursor(5)))
    book.told(allowed(7, THREAD, since=5, at=99_999))
    skipped, brought = entry(9_500, TEA, THREAD), entry(8_999, TEA, THREAD)
    book.told(fx.Page(6, (brought, skipped), 99_999, ready=False))
    assert book.asked_for(fx.SendEvents).entries == (skipped,)


# -- falling behind ------------------------------------------------------------------------------------------


def test_a_slow_reader_is_left_alone_and_pulls_later() -> None:
    book = live().given(hub=15, sent=14, flushed=12)
    book.told(fx.Paused()).asked(fx.Leave(CHANNELS)).is_now("behind")
    book.given(hub=20).told(fx.Resumed()).asked(fx.CatchUp(4, CHANNELS, 14, None))
    late = (entry(16, TEA),)
    book.told(fx.Page(4, late, 20, ready=True))
    book.asked(fx.SendEvents(late), fx.Join(CHANNELS), fx.SendValues(CHANNELS, 12, False), mark(20))


def test_a_page_that_was_asked_before_falling_behind_is_dropped() -> None:
    book = live().told(fx.Flooded()).asked(fx.Leave(CHANNELS), fx.CatchUp(3, CHANNELS, 10, None))
    book.told(fx.Paused()).asked().is_now("behind")
    book.told(fx.Resumed()).asked(fx.CatchUp(5, CHANNELS, 10, None))
    book.told(fx.Page(3, (entry(9, TEA),), 10, ready=False)).asked()


def test_whoever_is_too_far_behind_starts_anew() -> None:
    book = live().given(hub=99_999).told(fx.Flooded())
    page = tuple([entry(n, TEA) for n in range(11, CATCH_UP_EVENTS_MAX + 20)])
    book.told(fx.Page(3, page, 9_000, ready=False))
    book.asked(
        fx.SendEvents(page),
        fx.SendFrame(frames.Reset(reason="too_far_behind", cursor=cursor(99_999))),
        fx.LoadInterests(4, "asha", frozenset()),
    ).is_now("reloading")


def test_a_page_that_cannot_be_read_ends_it_for_now() -> None:
    book = live().told(fx.Flooded()).told(fx.PageFailed(3, Refusal(Code.INTERNAL, "disk")))
    book.asked(*goodbye(CloseCode.UNAVAILABLE, Code.INTERNAL, RETRY_MS))


def test_values_that_could_not_be_taken_are_asked_for_later() -> None:
    book = live().given(flushed=10)
    book.told(fx.ValuesMissed(8)).asked()
    book.told(fx.Tick()).asked(fx.SendValues(CHANNELS, 8, False))
    book.told(fx.ValuesMissed(7)).told(fx.Paused()).told(fx.Resumed())
    book.told(fx.Page(4, (), 10, ready=True))
    assert book.asked_for(fx.SendValues) == fx.SendValues(CHANNELS, 7, False)


# -- in the background ---------------------------------------------------------------------------------------


def test_a_parked_connection_gets_answers_only_and_goes_on_where_it_was() -> None:
    book = live().given(hub=15, sent=14, flushed=12)
    book.told(Background()).asked(fx.Leave(CHANNELS), AWAY).is_now("parked")
    book.told(fx.Tick()).asked().told(Background()).asked().told(fx.Paused()).asked()
    book.told(Ping()).asked_for(fx.SendFrame)
    book.told(Do("12345678", COMMAND)).asked_for(fx.Submit)
    book.given(hub=20).told(Foreground()).asked(ONLINE, fx.CatchUp(4, CHANNELS, 14, None))
    book.is_now("catching_up").told(Foreground()).asked()
    late = (entry(16, TEA),)
    book.told(fx.Page(4, late, 20, ready=True))
    book.asked(fx.SendEvents(late), fx.Join(CHANNELS), fx.SendValues(CHANNELS, 12, False), mark(20))


def test_a_page_that_was_asked_before_parking_is_dropped() -> None:
    book = live().told(fx.Flooded()).told(Background()).asked(AWAY).is_now("parked")
    book.told(fx.Page(3, (entry(9, TEA),), 10, ready=False)).asked()
    book.told(Foreground()).asked(ONLINE, fx.CatchUp(5, CHANNELS, 10, None))


def test_who_parks_before_it_is_known_what_they_may_hear_asks_again() -> None:
    book = live().given(hub=12, sent=12).told(fx.Turned(11)).told(Background()).is_now("parked")
    book.told(interests(3, 12)).asked()
    book.told(Foreground()).asked(ONLINE, fx.LoadInterests(5, "asha", frozenset())).is_now(
        "reloading"
    )
    book.told(interests(5, 12, OWN - {TEA})).asked(fx.CatchUp(6, ("g", ME), 11, None))


def test_what_is_watched_in_the_background_is_heard_from_then_on() -> None:
    book = live().told(Background()).given(hub=12).told(Watch(id=7, channels=(THREAD,)))
    book.told(allowed(7, THREAD, at=12)).asked(replies.watching(7, (THREAD,)))
    book.given(hub=14).told(Foreground()).asked(
        ONLINE, fx.CatchUp(4, (*CHANNELS, THREAD), 10, None)
    )
    before, after = entry(11, THREAD), entry(13, THREAD)
    book.told(fx.Page(4, (before, after), 14, ready=True))
    assert book.asked_for(fx.SendEvents).entries == (after,)


def test_a_hint_before_the_welcome_is_out_of_place() -> None:
    book = signed_in().told(Background()).is_now("authenticating")
    assert book.asked_for(fx.SendFrame).frame.error.code == Code.BAD_FRAME
    book.told(interests(1, 10)).told(Background()).is_now("catching_up")
    assert book.asked_for(fx.SendFrame).frame.error.code == Code.BAD_FRAME


def test_who_never_stops_coming_and_going_is_cut_off() -> None:
    book = live()
    for n in range(OTHERS_BURST):
        book.told(Foreground() if n % 2 else Background())
    book.told(Background())
    book.asked(*goodbye(CloseCode.RATE_LIMITED, "too many frames", RETRY_MS))


# -- going back ------------------------------------------------------------------------------------------------


def reset(reason: str, at: int) -> fx.SendFrame:
    return fx.SendFrame(frames.Reset(reason=reason, cursor=cursor(at)))


def test_sends_again_what_follows_a_cursor_and_nothing_that_was_not_owed() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,))).given(hub=12, sent=12, flushed=12)
    book.told(allowed(7, THREAD, at=12)).given(hub=20, sent=20, flushed=18)
    book.told(Rewind(cursor=cursor(11)))
    book.asked(fx.Leave((*CHANNELS, THREAD)), fx.CatchUp(3, (*CHANNELS, THREAD), 11, None))
    again, unowed, live_since = entry(12, TEA), entry(12, THREAD), entry(13, THREAD)
    book.told(fx.Page(3, (again, unowed, live_since), 20, ready=True))
    book.asked(
        fx.SendEvents((again, live_since)),
        fx.Join((*CHANNELS, THREAD)),
        fx.SendValues((*CHANNELS, THREAD), 11, True),
        mark(20),
    )


def test_goes_back_to_before_the_connection_as_a_resume_would() -> None:
    book = live().told(Rewind(cursor=cursor(4))).asked_for(fx.CatchUp)
    assert book.after == 4
    book = live().told(Rewind(cursor=cursor(4)))
    book.told(fx.Page(3, (entry(5, TEA),), 10, ready=True))
    assert [one.position for one in book.asked_for(fx.SendEvents).entries] == [5]


@pytest.mark.parametrize(
    ("told", "reason"),
    [("no cursor", "bad_cursor"), (cursor(4, EPOCH + 1), "unknown_epoch"), (cursor(11), "ahead")],
)
def test_what_cannot_be_said_again_is_reset(told: str, reason: str) -> None:
    book = live().told(Rewind(cursor=told))
    asked = fx.LoadInterests(3, "asha", frozenset())
    book.asked(fx.Leave(CHANNELS), reset(reason, 10), asked).is_now("reloading")
    book.told(interests(3, 10)).told(fx.Page(4, (), 10, ready=True)).is_now("live")


def test_a_rewind_never_skips_what_is_still_owed() -> None:
    book = live().given(hub=20).told(fx.Flooded()).told(Rewind(cursor=cursor(15)))
    book.asked(fx.CatchUp(4, CHANNELS, 10, None))


def test_a_rewind_while_reloading_keeps_joined_places_from_their_joining() -> None:
    book = live().given(hub=12, sent=12).told(fx.Turned(12)).told(Rewind(cursor=cursor(9))).asked()
    book.told(interests(3, 12, OWN | {CHESS}))
    book.asked(fx.CatchUp(4, tuple(sorted(OWN | {CHESS})), 9, None))
    page = entry(10, CHESS), entry(11, TEA), entry(13, CHESS)
    book.given(hub=13).told(fx.Page(4, page, 13, ready=True))
    assert book.asked_for(fx.SendEvents).entries == page[1:]


def test_a_rewind_behind_waits_and_one_in_the_background_is_refused() -> None:
    book = live().told(fx.Paused()).told(Rewind(cursor=cursor(8))).asked().is_now("behind")
    book.told(fx.Resumed()).asked(fx.CatchUp(4, CHANNELS, 8, None))
    book = live().told(Background()).told(Rewind(cursor=cursor(8))).is_now("parked")
    assert book.asked_for(fx.SendFrame).frame.error.code == Code.BAD_FRAME


def test_a_replay_after_a_rewind_brings_what_was_given_up_and_lost() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,))).told(allowed(7, THREAD))
    book.given(hub=20, sent=20).told(Unwatch(channels=(THREAD,))).told(Rewind(cursor=cursor(15)))
    book.told(fx.Page(3, (), 20, ready=True))
    book.told(Watch(id=8, channels=(THREAD,), since=cursor(9)))
    book.told(allowed(8, THREAD, since=9, at=20))
    brought, lost = entry(12, THREAD), entry(17, THREAD)
    book.told(fx.Page(4, (brought, lost), 20, ready=True))
    assert book.asked_for(fx.SendEvents).entries == (lost,)


# -- who is there, who is typing -------------------------------------------------------------------------------


def test_shows_its_person_as_it_goes() -> None:
    book = signed_in().told(interests(1, 10))
    assert book.asked_for(fx.Appear) == fx.Appear("online")
    book.told(fx.Page(2, (), 10, ready=True)).told(Background())
    assert book.asked_for(fx.Appear) == fx.Appear("away")
    assert book.told(Foreground()).asked_for(fx.Appear) == fx.Appear("online")


def test_the_present_state_comes_after_watching_and_whenever_one_is_live_again() -> None:
    book = live().told(Watch(id=7, channels=("p:bob", THREAD)))
    book.told(allowed(7, "p:bob", THREAD)).asked(
        fx.Join(("p:bob", THREAD)),
        replies.watching(7, ("p:bob", THREAD)),
        fx.SendPresence(("bob",)),
    )
    book.told(Watch(id=8, channels=("p:bob",))).asked(
        replies.watching(8, ("p:bob",)), fx.SendPresence(("bob",))
    )
    book.told(Background()).told(Foreground()).told(fx.Page(4, (), 10, ready=True))
    assert book.asked_for(fx.SendPresence) == fx.SendPresence(("bob",))
    book.told(Background()).told(Watch(id=9, channels=("p:bob",)))
    book.asked(replies.watching(9, ("p:bob",)))


def test_typing_is_passed_on_where_the_client_hears() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,))).told(allowed(7, THREAD))
    book.told(Typing(channel=THREAD)).asked(fx.SayTyping(THREAD))
    for channel in (OTHER, TEA, "g", "nonsense"):
        book.told(Typing(channel=channel)).asked(replies.error(replies.NOT_HEARD))


# -- credentials that end --------------------------------------------------------------------------------------

END = EXPIRES + GRACE_MS


def expiring(at: int = EXPIRES) -> fx.SendFrame:
    return fx.SendFrame(frames.Expiring(expires_at=at))


def at_utc(book: Playbook, utc: int) -> Playbook:
    """Time passes, for people and for limits alike."""
    return book.given(utc=utc, now=utc - UTC).told(fx.Tick())


def test_the_end_of_the_credentials_is_told_a_minute_before_and_kept_after_a_grace() -> None:
    book = live()
    assert book.session.deadline == EXPIRES - WARNING_MS - UTC
    at_utc(book, EXPIRES - WARNING_MS - 1).asked()
    at_utc(book, EXPIRES - WARNING_MS).asked(expiring())
    assert book.session.deadline == END - UTC
    at_utc(book, END - 1).asked().is_now("live")
    at_utc(book, END)
    book.asked(fx.Leave(CHANNELS), *goodbye(CloseCode.UNAUTHENTICATED, Code.EXPIRED))
    assert book.session.deadline == NEVER


def test_credentials_about_to_end_are_told_with_the_first_page() -> None:
    book = Playbook().given(utc=EXPIRES - 5_000).told(Hello()).told(fx.SignedIn(ASHA, 0, EXPIRES))
    book.told(interests(1, 0)).told(fx.Page(2, (), 0, ready=True))
    assert book.effects[-1] == expiring()
    assert book.session.deadline == 5_000 + GRACE_MS


def test_a_newer_token_takes_over() -> None:
    book = at_utc(live(), EXPIRES - WARNING_MS).told(Token(token="new")).asked(fx.Renew("new"))
    book.told(fx.Renewed("new", ASHA, EXPIRES + 1)).asked(
        fx.JudgeBy("new"),
        fx.SendFrame(frames.Renewed(expires_at=EXPIRES + 1)),
    )
    at_utc(book, END).asked(expiring(EXPIRES + 1)).is_now("live")


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (Refusal(Code.EXPIRED, "old"), Refusal(Code.EXPIRED, "old")),
        (ASHA._replace(person="bob"), replies.OF_ANOTHER),
    ],
)
def test_a_token_that_is_no_good_changes_nothing(who: Any, refusal: Refusal) -> None:
    book = live().told(Token(token="bad")).told(fx.Renewed("bad", who, EXPIRES + 9))
    book.asked(replies.error(refusal)).is_now("live")
    at_utc(book, EXPIRES - WARNING_MS).asked(expiring())


def test_a_sleeping_device_is_warned_when_it_wakes_and_closed_when_it_is_time() -> None:
    book = at_utc(live().told(Background()), EXPIRES - WARNING_MS).asked().is_now("parked")
    book.told(Foreground())
    assert book.effects[-1] == expiring()
    book = at_utc(live().told(Background()), END)
    book.asked(*goodbye(CloseCode.UNAUTHENTICATED, Code.EXPIRED))


def test_a_token_before_the_welcome_is_out_of_place() -> None:
    book = signed_in().told(Token(token="new")).is_now("authenticating")
    assert book.asked_for(fx.SendFrame).frame.error.code == Code.BAD_FRAME


# -- permission ------------------------------------------------------------------------------------------------


def test_joining_a_community_brings_it_from_that_position_on() -> None:
    book = live().given(hub=15, sent=15).told(fx.Turned(12))
    book.asked(fx.Leave(CHANNELS), fx.LoadInterests(3, "asha", frozenset())).is_now("reloading")
    more = tuple(sorted(OWN | {CHESS}))
    book.told(interests(3, 15, OWN | {CHESS})).asked(fx.CatchUp(4, more, 12, None))
    book.told(fx.Page(4, (entry(13, CHESS),), 15, ready=True)).asked_for(fx.SendEvents)
    book.is_now("live")


def test_a_lost_permission_takes_the_channel_and_what_was_watched_with_it() -> None:
    book = live().told(Watch(id=7, channels=(THREAD,))).told(allowed(7, THREAD))
    book.given(hub=12, sent=12)
    book.told(fx.Turned(11)).asked_for(fx.Leave)
    asked = frozenset({THREAD})
    book.told(interests(3, 12, OWN - {TEA}, asked, allowed=frozenset()))
    book.asked(
        replies.watching(0, (), ((THREAD, str(Code.FORBIDDEN)),)),
        fx.CatchUp(4, ("g", ME), 11, None),
    )


def test_an_event_met_while_catching_up_turns_as_well() -> None:
    left = entry(6, "g", ME, event=joined(on=False))
    beyond = entry(7, TEA)
    book = live(hub=10).given(sent=5).told(fx.Flooded()).given(hub=11)
    book.told(fx.Page(3, (left, beyond), 11, ready=True))
    book.is_now("live")  # known as of 10: that event is reflected already
    book = live(hub=5).told(fx.Flooded()).given(hub=11)
    book.told(fx.Page(3, (left, beyond), 11, ready=True))
    book.asked(fx.SendEvents((left,)), fx.LoadInterests(4, "asha", frozenset()))
    assert book.session.sent == 6


def test_a_narrowed_community_is_asked_about_before_anything_more_is_sent() -> None:
    book = live().told(fx.Flooded()).given(hub=12, narrowed=11)
    book.told(fx.Page(3, (entry(12, TEA),), 12, ready=True))
    book.asked(fx.LoadInterests(4, "asha", frozenset())).is_now("reloading")


def test_what_was_watched_while_reloading_stays() -> None:
    book = live().given(hub=12, sent=12).told(fx.Turned(11))
    book.told(Watch(id=7, channels=(THREAD,))).told(allowed(7, THREAD, at=12)).asked(
        replies.watching(7, (THREAD,))
    )
    # What was asked for before says nothing about it.
    watched = frozenset({THREAD})
    book.told(interests(3, 12)).asked(fx.LoadInterests(4, "asha", watched)).is_now("reloading")
    book.told(interests(4, 12, asked=watched))
    book.asked(fx.CatchUp(5, (*CHANNELS, THREAD), 11, None))
    before, after = entry(12, THREAD), entry(13, THREAD)
    book.given(hub=13).told(fx.Page(5, (before, after), 13, ready=True))
    assert book.asked_for(fx.SendEvents).entries == (after,), "watched from 12 on"


def test_an_answer_seen_before_the_change_is_asked_again() -> None:
    book = live().given(hub=15, sent=15).told(fx.Turned(12)).told(interests(3, 11))
    book.asked(fx.LoadInterests(4, "asha", frozenset())).is_now("reloading")
    book.told(interests(3, 15)).asked()


# -- ends ------------------------------------------------------------------------------------------------------


def test_a_stopping_node_says_when_to_come_back() -> None:
    live().told(fx.Drain(700)).asked(
        fx.Leave(CHANNELS), *goodbye(CloseCode.GOING_AWAY, "stopping", 700)
    )


def test_a_stopping_node_answers_what_it_took() -> None:
    book = live().told(Do("12345678", COMMAND)).told(fx.Drain(700)).is_now("draining")
    assert fx.Close(CloseCode.GOING_AWAY, "stopping") not in book.effects
    book.told(Do("87654321", COMMAND)).asked(replies.done("87654321", replies.STOPPING))
    refusal = Refusal(Code.CONFLICT, "no")
    book.told(fx.Answered("12345678", refusal)).asked(
        replies.done("12345678", refusal), fx.Close(CloseCode.GOING_AWAY, "stopping")
    )


def test_signing_out_ends_it() -> None:
    book = live().told(fx.Expelled())
    book.asked(fx.Leave(CHANNELS), *goodbye(CloseCode.UNAUTHENTICATED, "signed out"))


def test_a_lost_socket_leaves_the_hub_once() -> None:
    book = live().told(fx.Lost()).asked(fx.Leave(CHANNELS)).is_now("closed")
    book.told(fx.Lost()).asked()
    book.told(fx.Resumed()).asked()


def test_every_state_but_the_last_has_a_way_out() -> None:
    for state, row in TABLE.items():
        ends = {end for ends in row.values() for end in ends}
        assert (State.CLOSED in ends) is (state is not State.CLOSED)
