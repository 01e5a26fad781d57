"""The client against a scripted node over real sockets: both encodings, cuts, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tap_client import (
    Again,
    Client,
    Done,
    Ended,
    Event,
    FileStore,
    Full,
    MemoryStore,
    Refused,
    TapError,
    Unauthenticated,
    Value,
)
from tap_client.address import is_loopback, live_address
from tap_client.clock import now_ms
from tap_client.frames import Encoding
from tap_client.store import Waiting

from tests.unit.client.fake_node import SECONDS_MAX, Line, fake_node

POST = {"do": "post.publish", "place": "c:a", "kind": "update", "text": "नमस्ते 👋"}


class Ears:
    """Keeps what the client hears, and lets a test wait for the n-th event."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.values: list[Value] = []
        self.resets: list[tuple[str, str]] = []
        self._came = asyncio.Condition()

    async def event(self, event: Event) -> None:
        async with self._came:
            self.events.append(event)
            self._came.notify_all()

    def value(self, value: Value) -> None:
        self.values.append(value)

    def reset(self, reason: str, cursor: str) -> None:
        self.resets.append((reason, cursor))

    async def until(self, events: int) -> list[int]:
        async with asyncio.timeout(SECONDS_MAX), self._came:
            await self._came.wait_for(lambda: len(self.events) >= events)
        return [event.position for event in self.events]


def no_wait() -> float:
    """Chance that makes every delay its least."""
    return 0.0


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect after a millisecond: the waits themselves are tested in test_session."""
    monkeypatch.setattr("tap_client.backoff.SECONDS_MIN", 0.001)
    monkeypatch.setattr("tap_client.backoff.SECONDS_MAX", 0.002)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_events_values_and_answers_in_either_encoding(encoding: Encoding, ears: Ears) -> None:
    async def node(line: Line) -> None:
        hello = await line.welcome()
        assert hello["token"] == "secret"
        wish = await line.heard("do")
        assert wish["command"] == POST
        await line.event(11, text="hello")
        await line.say(t="value", of="post", id="p", position=11, value={"replies": 1})
        await line.say(t="done", key=wish["key"], ok=True, answer={"post": "p"}, cursor="1.11")
        await line.event(12)
        await line.gone()

    async with (
        fake_node(node) as url,
        Client(url, "secret", on_event=ears.event, on_value=ears.value, encoding=encoding) as tap,
    ):
        await tap.live()
        done = await tap.do(POST)
        assert done == Done({"post": "p"}, "1.11", False)
        assert await ears.until(2) == [11, 12]
        assert ears.values == [Value("post", "p", 11, {"replies": 1})]
        assert tap.person == "asha"


async def test_a_cut_is_bridged_by_the_cursor_without_a_gap_or_a_repeat(ears: Ears) -> None:
    async def first(line: Line) -> None:
        await line.welcome()
        await line.event(11)
        await line.event(12)
        await ears.until(2)
        line.cut()

    async def second(line: Line) -> None:
        hello = await line.welcome("1.14", "complete")
        assert hello["cursor"] == "1.12"
        for position in (12, 13, 14):
            await line.event(position)
        await line.say(t="mark", cursor="1.14")
        await line.gone()

    async with (
        fake_node(first, second) as url,
        Client(url, "secret", on_event=ears.event, chance=no_wait) as tap,
    ):
        assert await ears.until(4) == [11, 12, 13, 14]
        await tap.live()
        assert tap.cursor == "1.14"


async def test_a_command_survives_a_cut_and_is_sent_with_the_same_key() -> None:
    keys: list[str] = []

    async def first(line: Line) -> None:
        await line.welcome()
        keys.append((await line.heard("do"))["key"])
        line.cut()

    async def second(line: Line) -> None:
        await line.welcome("1.10", "complete")
        keys.append((await line.heard("do"))["key"])
        await line.say(
            t="done", key=keys[1], ok=True, answer={"post": "p"}, cursor="1.11", repeated=True
        )
        await line.gone()

    async with fake_node(first, second) as url, Client(url, "secret", chance=no_wait) as tap:
        done = await asyncio.wait_for(tap.do(POST), SECONDS_MAX)
    assert done.repeated
    assert keys[0] == keys[1]


async def test_cursor_and_outbox_survive_a_restart(tmp_path: Path, ears: Ears) -> None:
    settled: list[tuple[str, Done | TapError]] = []
    answered = asyncio.Event()

    async def first(line: Line) -> None:
        await line.welcome()
        await line.event(11)
        await line.heard("do")
        await line.gone()

    async def second(line: Line) -> None:
        hello = await line.welcome("1.11", "complete")
        assert hello["cursor"] == "1.11"
        wish = await line.heard("do")
        assert wish["key"] == "my-own-key"
        await line.say(t="done", key=wish["key"], ok=True, answer={}, cursor="1.12")
        await line.gone()

    def on_settled(key: str, outcome: Done | TapError) -> None:
        settled.append((key, outcome))
        answered.set()

    async with fake_node(first, second) as url:
        async with Client(
            url, "secret", on_event=ears.event, store=FileStore(tmp_path / "bot.db")
        ) as tap:
            wish = asyncio.create_task(tap.do(POST, key="my-own-key"))
            await ears.until(1)
        with pytest.raises(Ended):
            await wish
        async with Client(
            url, "secret", on_settled=on_settled, store=FileStore(tmp_path / "bot.db")
        ):
            await asyncio.wait_for(answered.wait(), SECONDS_MAX)
    assert settled == [("my-own-key", Done({}, "1.12", False))]


async def test_a_bot_may_answer_from_its_callback() -> None:
    answers: list[Done] = []
    answered = asyncio.Event()

    async def node(line: Line) -> None:
        await line.welcome()
        for position in range(11, 40):
            await line.event(position)
        wish = await line.heard("do")
        await line.say(t="done", key=wish["key"], ok=True, answer={}, cursor="1.40")
        await line.gone()

    async def reply(event: Event) -> None:
        if event.position == 11:
            answers.append(await tap.do(POST))
            answered.set()

    async with fake_node(node) as url, Client(url, "secret", on_event=reply) as tap:
        await asyncio.wait_for(answered.wait(), SECONDS_MAX)
    assert answers == [Done({}, "1.40", False)]


async def test_a_slow_application_pauses_reading_and_loses_nothing(
    ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_client.delivery.UNHEARD_MAX", 5)
    may_go_on = asyncio.Event()

    async def slow(event: Event) -> None:
        await may_go_on.wait()
        await ears.event(event)

    async def node(line: Line) -> None:
        await line.welcome()
        for position in range(11, 61):
            await line.event(position)
        may_go_on.set()
        await line.gone()

    async with fake_node(node) as url, Client(url, "secret", on_event=slow):
        assert await ears.until(50) == list(range(11, 61))


async def test_a_refusal_is_raised_with_its_code() -> None:
    async def node(line: Line) -> None:
        await line.welcome()
        wish = await line.heard("do")
        error = {"code": "forbidden", "message": "not yours", "retry": False}
        await line.say(t="done", key=wish["key"], ok=False, error=error)
        await line.gone()

    async with fake_node(node) as url, Client(url, "secret") as tap:
        with pytest.raises(Refused) as refusal:
            await tap.do(POST)
    assert refusal.value.code == "forbidden"


async def test_a_refused_token_ends_everything_at_once() -> None:
    async def node(line: Line) -> None:
        await line.heard("hello")
        await line.close(4401, "expired")

    async with fake_node(node) as url:
        with pytest.raises(Unauthenticated):
            async with Client(url, "secret") as tap:
                await asyncio.wait_for(tap.do(POST), SECONDS_MAX)


async def test_a_failing_callback_ends_the_client_and_is_raised() -> None:
    async def node(line: Line) -> None:
        await line.welcome()
        await line.event(11)
        await line.gone()

    def broken(event: Event) -> None:
        raise KeyError(event.position)

    async with fake_node(node) as url:
        with pytest.raises(KeyError):
            async with Client(url, "secret", on_event=broken) as tap:
                await asyncio.wait_for(tap.ended(), SECONDS_MAX)


async def test_a_malformed_message_closes_the_connection_and_the_client_comes_back(
    ears: Ears,
) -> None:
    async def first(line: Line) -> None:
        await line.welcome()
        await line.raw("[not a frame")
        await line.gone()

    async def second(line: Line) -> None:
        await line.welcome("1.10", "complete")
        await line.event(11)
        await line.gone()

    async with (
        fake_node(first, second) as url,
        Client(url, "secret", on_event=ears.event, chance=no_wait),
    ):
        assert await ears.until(1) == [11]


async def test_a_reset_reaches_the_application(ears: Ears) -> None:
    told = asyncio.Event()

    async def node(line: Line) -> None:
        await line.welcome("2.7", "reset")
        await line.gone()

    def reset(reason: str, cursor: str) -> None:
        ears.reset(reason, cursor)
        told.set()

    async with fake_node(node) as url, Client(url, "secret", on_reset=reset):
        await asyncio.wait_for(told.wait(), SECONDS_MAX)
    assert ears.resets == [("too old", "2.7")]


async def test_watching_is_renewed_after_a_cut(ears: Ears) -> None:
    async def first(line: Line) -> None:
        await line.welcome()
        watch = await line.heard("watch")
        assert (watch["channels"], watch["since"]) == (["t:x"], "1.2")
        await line.event(5, "t:x")
        await ears.until(1)
        line.cut()

    async def second(line: Line) -> None:
        await line.welcome("1.10", "complete")
        assert (await line.heard("watch"))["since"] == "1.5"
        await line.event(6, "t:x")
        await line.gone()

    async with (
        fake_node(first, second) as url,
        Client(url, "secret", on_event=ears.event, chance=no_wait) as tap,
    ):
        await tap.live()
        tap.watch("t:x", since="1.2")
        assert await ears.until(2) == [5, 6]


async def refused_once(line: Line) -> bool:
    """A node that takes a command the second time; whether it had its key again."""
    await line.welcome()
    wish = await line.heard("do")
    error = {"code": "overloaded", "message": "later", "retry": True}
    await line.say(t="done", key=wish["key"], ok=False, error=error)
    again = await line.heard("do")
    await line.say(t="done", key=again["key"], ok=True, answer={}, cursor="1.11")
    await line.gone()
    return bool(again["key"] == wish["key"])


async def test_commands_wait_for_a_time_the_clock_decides() -> None:
    """A refusal for now is sent again when its time has come, by the injected clock."""
    clock: Iterator[int] = count(0, 1_000)
    numbers: list[Any] = []

    async def node(line: Line) -> None:
        numbers.append(await refused_once(line))

    async with (
        fake_node(node) as url,
        Client(url, "secret", chance=no_wait, clock=lambda: next(clock)) as tap,
    ):
        await asyncio.wait_for(tap.do(POST), SECONDS_MAX)
    assert numbers == [True]


async def test_a_clock_that_is_set_back_puts_off_nothing() -> None:
    running: list[Client] = []
    seconds: Iterator[int] = count(4_000)

    def clock() -> int:
        """A second later at each look; set back by an hour once a command waits for its time."""
        waits = running and running[0]._session._outbox.wake_at() is not None
        return (next(seconds) - (3_600 if waits else 0)) * 1_000

    async def node(line: Line) -> None:
        assert await refused_once(line)

    async with fake_node(node) as url, Client(url, "secret", chance=no_wait, clock=clock) as tap:
        running.append(tap)
        await asyncio.wait_for(tap.do(POST), SECONDS_MAX)


async def test_a_token_is_asked_for_before_connecting_and_a_refused_one_never_shown_again() -> None:
    given = ["old", "new"]
    shown: list[str] = []

    async def provider() -> str:
        return given.pop(0)

    async def first(line: Line) -> None:
        shown.append((await line.heard("hello"))["token"])
        await line.close(4401, "expired")

    async def second(line: Line) -> None:
        shown.append((await line.welcome())["token"])
        await line.gone()

    async with fake_node(first, second) as url, Client(url, provider, chance=no_wait) as tap:
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
    assert shown == ["old", "new"]


async def test_a_provider_that_has_nothing_better_ends_the_client() -> None:
    async def provider() -> str:
        return "always the same"

    async def node(line: Line) -> None:
        await line.heard("hello")
        await line.close(4401, "expired")

    async with fake_node(node) as url:
        with pytest.raises(Unauthenticated):
            async with Client(url, provider, chance=no_wait) as tap:
                await asyncio.wait_for(tap.ended(), SECONDS_MAX)


async def test_a_token_about_to_end_is_renewed_on_the_connection() -> None:
    given: list[str | Exception] = ["one", OSError("no network"), "two"]

    async def provider() -> str:
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    renewed = asyncio.Event()

    async def node(line: Line) -> None:
        await line.welcome()
        await line.say(t="expiring", expires_at=1)
        assert (await line.heard("token"))["token"] == "two"
        await line.say(t="renewed", expires_at=2)
        renewed.set()
        await line.gone()

    async with fake_node(node) as url, Client(url, provider, chance=no_wait):
        await asyncio.wait_for(renewed.wait(), SECONDS_MAX)
    assert given == []


async def test_an_event_that_cannot_be_handled_now_comes_again_and_what_follows_after_it(
    ears: Ears,
) -> None:
    refusals = [12, 12]

    async def later(event: Event) -> None:
        if refusals and event.position == refusals[0]:
            refusals.pop()
            raise Again
        await ears.event(event)

    async def node(line: Line) -> None:
        await line.welcome()
        for position in (11, 12, 13):
            await line.event(position)
        for _ in range(2):
            assert (await line.heard("rewind"))["cursor"] == "1.11"
            for position in (12, 13):
                await line.event(position)
        await line.gone()

    async with (
        fake_node(node) as url,
        Client(url, "secret", on_event=later, chance=no_wait),
    ):
        assert await ears.until(3) == [11, 12, 13]


async def test_the_outbox_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_client.client.OUTBOX_MAX", 1)

    async def node(line: Line) -> None:
        await line.welcome()
        await line.heard("do")
        await line.gone()

    async with fake_node(node) as url:
        async with Client(url, "secret") as tap:
            wish = asyncio.create_task(tap.do(POST))
            await asyncio.wait_for(tap.live(), SECONDS_MAX)
            with pytest.raises(Full):
                await tap.do(POST)
        with pytest.raises(Ended):
            await wish


async def test_the_network_is_back_and_nobody_waits_any_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tap_client.backoff.SECONDS_MIN", 1_000)
    monkeypatch.setattr("tap_client.backoff.SECONDS_MAX", 1_000)

    async def first(line: Line) -> None:
        await line.welcome()
        line.cut()

    async def second(line: Line) -> None:
        await line.welcome("1.10", "complete")
        await line.say(t="mark", cursor="1.10")
        await line.gone()

    async with fake_node(first, second) as url, Client(url, "secret") as tap:
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        await asyncio.wait_for(tap.waiting.wait(), SECONDS_MAX)
        tap.network_changed("home")
        await asyncio.wait_for(tap.live(), SECONDS_MAX)


async def test_who_types_and_who_is_there_reach_the_application() -> None:
    told = asyncio.Event()
    typing: list[tuple[str, tuple[str, ...]]] = []

    async def node(line: Line) -> None:
        await line.welcome()
        assert (await line.heard("watch"))["channels"] == ["p:bela"]
        value = {"state": "online"}
        await line.say(t="value", of="presence", id="bela", position=0, value=value)
        assert (await line.heard("typing"))["channel"] == "t:x"
        await line.say(t="typing", channel="t:x", people=["asha", "bela"])
        await line.gone()

    def typed(channel: str, people: tuple[str, ...]) -> None:
        typing.append((channel, people))
        told.set()

    async with fake_node(node) as url, Client(url, "secret", on_typing=typed) as tap:
        await tap.live()
        tap.watch("p:bela")
        tap.typing("t:x")
        await asyncio.wait_for(told.wait(), SECONDS_MAX)
        assert tap.presence("bela") == "online"
    assert typing == [("t:x", ("bela",))]


def test_addresses() -> None:
    assert live_address("https://tap.example.com/") == "wss://tap.example.com/api/v1/live"
    assert live_address("http://127.0.0.1:8001") == "ws://127.0.0.1:8001/api/v1/live"
    with pytest.raises(ValueError, match="address"):
        live_address("ftp://x")
    assert is_loopback("ws://127.0.0.1:1/x")
    assert is_loopback("ws://localhost:1/x")
    assert not is_loopback("wss://tap.example.com/x")


async def test_a_command_of_an_earlier_run_is_kept_until_its_fate_was_told(tmp_path: Path) -> None:
    """Nobody else waits for it: it must not go with a program that ends over something else."""
    store = FileStore(tmp_path / "bot.db")
    store.put(Waiting("my-own-key", POST, now_ms()))
    store.close()
    settled: list[str] = []
    told = asyncio.Event()

    async def first(line: Line) -> None:
        await line.welcome()
        assert (await line.heard("do"))["key"] == "my-own-key"
        await line.event(11)
        later = await line.heard("do")
        for key in ("my-own-key", later["key"]):
            await line.say(t="done", key=key, ok=True, answer={}, cursor="1.12")
        await line.gone()

    async def second(line: Line) -> None:
        await line.welcome()
        assert (await line.heard("do"))["key"] == "my-own-key"
        await line.say(t="done", key="my-own-key", ok=True, answer={}, cursor="1.12", repeated=True)
        await line.gone()

    async def breaks(event: Event) -> None:
        await tap.do(POST)  # which is answered later than what an earlier run left
        raise RuntimeError("something else")

    def on_settled(key: str, outcome: Done | TapError) -> None:
        settled.append(key)
        told.set()

    async with fake_node(first, second) as url:
        tap = Client(
            url,
            "secret",
            on_event=breaks,
            on_settled=on_settled,
            store=FileStore(tmp_path / "bot.db"),
        )
        with pytest.raises(RuntimeError):
            async with tap:
                await asyncio.wait_for(tap.ended(), SECONDS_MAX)
        assert settled == []
        async with Client(
            url, "secret", on_settled=on_settled, store=FileStore(tmp_path / "bot.db")
        ):
            await asyncio.wait_for(told.wait(), SECONDS_MAX)
    assert settled == ["my-own-key"]
    store = FileStore(tmp_path / "bot.db")
    assert store.waiting() == []
    store.close()


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize(
    "text", ["caf\udce9.pdf", 2**70, b"bytes", datetime(2026, 1, 1, tzinfo=UTC), float("nan")]
)
async def test_what_no_encoding_carries_is_refused_where_it_is_given(
    text: object, encoding: Encoding, tmp_path: Path
) -> None:
    """It would end the connection, and with a file every later run at its start."""

    async def node(line: Line) -> None:
        await line.welcome()
        wish = await line.heard("do")
        assert wish["command"] == POST
        await line.say(t="done", key=wish["key"], ok=True, answer={}, cursor="1.11")
        await line.gone()

    for store in (FileStore(tmp_path / "bot.db"), MemoryStore()):
        async with (
            fake_node(node) as url,
            Client(url, "secret", encoding=encoding, store=store) as tap,
        ):
            await tap.live()
            with pytest.raises(ValueError, match="command"):
                await asyncio.wait_for(tap.do(POST | {"text": text}), SECONDS_MAX)
            assert store.waiting() == []
            assert (await asyncio.wait_for(tap.do(POST), SECONDS_MAX)).cursor == "1.11"
