"""One webhook at work: reads the tap from its cursor, sends, and notes how far it came.

Nothing is queued: while its receiver is away a webhook is a row in the database and a timer, and what it missed
is in the log. It has one request under way at a time, so events arrive in order, and no other reader ever
waits for it. What it holds is one page of the log, none while its receiver is away, and none from before an
erasure: what is gone must not leave late because a receiver is slow, or wants few requests a minute.

The place is written at most each second while all goes well, so a crash sends up to a second's events again; their
ids tell (tap.md section 2).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from server.app import metrics, webhook_steps, webhook_store
from server.app.cloudevents import CloudEvent, Message, batched, binary, structured
from server.app.feed import Feed, position_of
from server.app.handle import Handler
from server.app.webhook_signature import headers, message_id
from server.app.webhook_steps import Outcome, Place, Sent, State, Verdict
from server.app.webhook_store import Dead, Hook, Mode
from server.domain import limits
from server.domain.errors import Refusal
from server.storage.sql import Tx

log = logging.getLogger(__name__)

PAGE_EVENTS = limits.WEBHOOK_BATCH_EVENTS_MAX
SAVE_MS = 1_000
HIDDEN_MS = 1_000
"""Between two looks whether a restored node shows what it has: it may be for seconds."""
RETRY_MS = 5_000
"""Pause after a failure of our own, such as a database that takes no writes."""


class Consent(NamedTuple):
    """A receiver agrees to be sent to. ``rate``: requests a minute at most, 0 for any."""

    rate: int = 0


class Sender(Protocol):
    """The way out; the only part that knows of sockets. Nothing it does raises for what a receiver does."""

    async def post(
        self, webhook: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        """One attempt, over within WEBHOOK_ANSWER_SECONDS_MAX."""

    async def ask(self, webhook: str, url: str, origin: str) -> Consent | str:
        """Whether the receiver wants to be sent to, or in words why it is not known to."""

    async def forget(self, webhook: str) -> None:
        """Closes what is open to its receiver."""


class Means(NamedTuple):
    """What every worker works with. ``origin``: the host name this node says it is; ``pause``: for so many
    milliseconds; ``chance``: from [0, 1); ``hidden``: why nothing is shown to anybody, after a restore."""

    handler: Handler
    sender: Sender
    origin: str
    now: Callable[[], int]
    chance: Callable[[], float]
    pause: Callable[[int], Awaitable[None]]
    hidden: Callable[[], Refusal | None] = lambda: None


class Worker:
    """``secrets``: the newest first, opened. ``place`` is where it stands, for who looks."""

    def __init__(
        self, hook: Hook, place: Place, feed: Feed, secrets: list[bytes], means: Means
    ) -> None:
        self.hook, self.place = hook, place
        self.dead = 0
        """How many dead letters it has."""
        self._feed, self._secrets, self._means = feed, secrets, means
        self._saved, self._saved_at = place, means.now()
        self._events: list[CloudEvent] = []
        self._upto = place.position
        self._erasures = feed.tap.erasures
        """As they were when the page was read."""

    async def run(self) -> None:
        """Until cancelled, or paused: then an operator has to resume it."""
        while self.place.state is not State.PAUSED:
            try:
                await self.once()
            except Exception:
                log.exception("webhook %s stands still for a moment", self.hook.webhook)
                await self._means.pause(RETRY_MS)

    async def once(self) -> None:
        """One request with what it leads to, or a wait until there is something to send."""
        late = self.place.next_at - self._means.now()
        if late > 0:
            await self._means.pause(late)
        if self._means.hidden():
            await self._means.pause(HIDDEN_MS)
            return
        if not self._events or self._erasures != self._feed.tap.erasures:
            await self._look()
        if self._events:
            await self._send(self._events[: self.place.size if self.hook.mode == "batch" else 1])
        elif self._upto > self.place.position:
            self.place = webhook_steps.moved(self.place, self._upto)
            await self._save()
        else:
            await self._save(now=True)
            await self._feed.tap.moved(self.place.position)

    async def _look(self) -> None:
        """Reads the next page; anew where something was erased while it was read."""
        self._erasures = -1
        while self._erasures != self._feed.tap.erasures:
            self._erasures = self._feed.tap.erasures
            self._events, self._upto = await self._feed.read(self.place.position, PAGE_EVENTS)

    async def _send(self, events: list[CloudEvent]) -> None:
        message = message_of(events, self.hook.mode)
        while len(message.body) > limits.WEBHOOK_BODY_BYTES_MAX and len(events) > 1:
            events = events[: len(events) // 2]
            message = message_of(events, self.hook.mode)
        outcome = await attempt(self.hook, events, message, self._secrets, self._means)
        await self._judge(events, outcome)

    async def _judge(self, events: list[CloudEvent], outcome: Outcome) -> None:
        all_sent = len(events) == len(self._events)
        sent = Sent(len(events), self._upto if all_sent else position_of(events[-1]))
        now, before = self._means.now(), self.place
        step = webhook_steps.after(
            before, outcome, sent, now, self._means.chance(), rate=self.hook.rate
        )
        if step.dead:
            # Passed over once it is kept: while that fails it is sent again.
            await self._keep(step.place, dead_of(events[0], outcome, now))
        else:
            self.place = step.place
        if self.place.position == before.position:
            self._events = []  # read anew, as much may have been erased until then
        else:
            self._events = self._events[len(events) :]
        if self.place.state is not before.state:
            log.warning(
                "webhook %s is %s: %s", self.hook.webhook, self.place.state, self.place.reason
            )
        await self._save(now=self.place.state is not before.state)

    async def _save(self, *, now: bool = False) -> None:
        due = now or self._means.now() - self._saved_at >= SAVE_MS
        if due and self.place != self._saved:
            await self._keep(self.place)

    async def _keep(self, place: Place, dead: Dead | None = None) -> None:
        work = partial(_write, self.hook.webhook, place, dead)
        self.place, count = await self._means.handler.run(work)
        self._saved = self.place
        self.dead = self.dead if count is None else count
        self._saved_at = self._means.now()


async def attempt(
    hook: Hook, events: list[CloudEvent], message: Message, secrets: list[bytes], means: Means
) -> Outcome:
    """Signs and sends, once."""
    named = {
        **message.headers,
        **headers(message_id(hook.webhook, events), means.now(), message.body, secrets),
        "WebHook-Request-Origin": means.origin,
    }
    outcome = await means.sender.post(hook.webhook, hook.url, named, message.body)
    metrics.WEBHOOK_REQUESTS.labels(webhook_steps.verdict(outcome).name.lower()).inc()
    if webhook_steps.verdict(outcome) is Verdict.DELIVERED:
        metrics.WEBHOOK_EVENTS.inc(len(events))
    return outcome


def message_of(events: list[CloudEvent], mode: Mode) -> Message:
    """The request for some events; but in a batch, for one. A request needs a body (CloudEvents' webhooks 2.1), so
    an event without data goes structured where binary was asked."""
    if mode == "batch":
        return batched(events)
    (event,) = events
    return binary(event) if mode == "binary" and "data" in event else structured(event)


def dead_of(event: CloudEvent, outcome: Outcome, now: int) -> Dead:
    return Dead(
        position=position_of(event),
        event=event["id"],
        type=event["type"],
        error=webhook_steps.said(outcome),
        attempts=1,
        at=now,
    )


def _write(webhook: str, place: Place, dead: Dead | None, tx: Tx) -> tuple[Place, int | None]:
    """The place, and the dead letter in the same transaction; paused when there are too many of them. With how many
    there are, where one came."""
    count = None
    if dead is not None:
        webhook_store.bury(tx, webhook, dead)
        count = webhook_store.dead_count(tx, webhook)
        if count >= limits.WEBHOOK_DEAD_MAX:
            place = webhook_steps.paused(
                place,
                f"the receiver refused {limits.WEBHOOK_DEAD_MAX} events: see its dead letters",
            )
    webhook_store.save_place(tx, webhook, place)
    return place, count


async def pause(milliseconds: int) -> None:
    await asyncio.sleep(milliseconds / 1000)
