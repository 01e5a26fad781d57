"""The webhooks of a node: what an operator sets and sees of them, and the tasks that send (tap.md section 8).

``run`` starts a task for each that is not paused. Whatever an operator changes ends its task and begins another
from the stored place, so a webhook has no state but its row.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple

from server.app import metrics, webhook_steps, webhook_store
from server.app.cloudevents import TYPE_PREFIX, CloudEvent, rfc3339
from server.app.feed import Feed, Filter, Nameless, nobody
from server.app.naming import Names
from server.app.sealing import Seal, Unsealable
from server.app.tap import Tap
from server.app.webhook_signature import SECRET_BYTES, secret_text
from server.app.webhook_steps import Outcome, Place, State, Verdict
from server.app.webhook_store import Dead, Hook, Mode
from server.app.webhook_worker import Means, Worker, attempt, dead_of, message_of
from server.domain import limits
from server.domain.durations import HOUR_MS
from server.domain.errors import Code, Refusal
from server.domain.ids import object_id
from server.storage.reader import Reader
from server.storage.sql import Tx

OVERLAP_MS = limits.WEBHOOK_SECRET_OVERLAP_HOURS * HOUR_MS
TEST_TYPE = TYPE_PREFIX + "webhook.tested"
GONE = Refusal(Code.NOT_FOUND, "there is no such webhook", "webhook")


class Wish(NamedTuple):
    """A webhook to be. ``beginning``: from the first event of the log on, else from the next one."""

    url: str
    label: str = ""
    mode: Mode = "structured"
    filter: Filter = Filter()
    names: Names = "pseudonyms"
    beginning: bool = False


class Seen(NamedTuple):
    """A webhook as an operator sees it. ``behind``: positions of the log it has not dealt with."""

    hook: Hook
    place: Place
    behind: int
    dead: int


class Made(NamedTuple):
    """``secret``: to be shown once."""

    webhook: str
    secret: str


class Webhooks:
    """Made by the composition root. ``entropy``: for ids and secrets."""

    def __init__(
        self,
        tap: Tap,
        reader: Reader,
        means: Means,
        seal: Seal,
        *,
        region: str,
        entropy: Callable[[int], bytes],
        nameless: Nameless = nobody,
    ) -> None:
        self._tap, self._reader, self._means, self._seal = tap, reader, means, seal
        self._region, self._entropy, self._nameless = region, entropy, nameless
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()

    async def run(self) -> None:
        """Sends until cancelled."""
        async with asyncio.TaskGroup() as group:
            async with self._changing:
                self._group = group
                async with self._reader.snapshot() as snapshot:
                    found = await webhook_store.hooks(snapshot)
                    dead = await webhook_store.dead_counts(snapshot)
                for hook, place in found:
                    self._start(hook, place, dead.get(hook.webhook, 0))
            await asyncio.Event().wait()

    def _start(self, hook: Hook, place: Place, dead: int) -> None:
        worker = self._worker(hook, place)
        worker.dead = dead
        self._workers[hook.webhook] = worker
        if self._group is not None and worker.place.state is not State.PAUSED:
            self._tasks[hook.webhook] = self._group.create_task(
                worker.run(), name=f"webhook-{hook.webhook}"
            )

    def _worker(self, hook: Hook, place: Place) -> Worker:
        try:
            secrets = self._secrets(hook)
        except Unsealable as error:
            place, secrets = webhook_steps.paused(place, f"{error}: give it a new one"), []
        return Worker(hook, place, self._feed(hook), secrets, self._means)

    async def _stop(self, webhook: str, stored: Place) -> tuple[Place, int]:
        """Ends its task; where it stands then, and its dead letters."""
        worker = self._workers.pop(webhook, None)
        task = self._tasks.pop(webhook, None)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._means.sender.forget(webhook)
        return (worker.place, worker.dead) if worker else (stored, 0)

    @contextmanager
    def _or_on(self, hook: Hook, place: Place, dead: int) -> Iterator[None]:
        """What an operator wants of a stopped one fails, as on a full disk: it goes on as it was."""
        try:
            yield
        except Exception:  # what was cancelled may be written all the same
            self._start(hook, place, dead)
            raise

    def _feed(self, hook: Hook) -> Feed:
        key = self._seal.pseudonyms(f"webhook {hook.webhook}")
        return Feed(self._tap, hook.filter, hook.names, key, self._nameless)

    def _secrets(self, hook: Hook) -> list[bytes]:
        """The newest first. Raises Unsealable."""
        sealed = [hook.secret]
        if hook.before_until > self._means.now():
            sealed.append(hook.secret_before)
        return [self._seal.open(one, hook.webhook) for one in sealed]

    def _opens(self, hook: Hook) -> bool:
        try:
            self._secrets(hook)
        except Unsealable:
            return False
        return True

    # -- what an operator does ---------------------------------------------------------------------------

    async def seen(self) -> list[Seen]:
        """All of them, oldest first."""
        async with self._reader.snapshot() as snapshot:
            found = await webhook_store.hooks(snapshot)
            dead = await webhook_store.dead_counts(snapshot)
        return [self._seen(hook, place, dead.get(hook.webhook, 0)) for hook, place in found]

    def _seen(self, hook: Hook, place: Place, dead: int) -> Seen:
        """As its worker has it, if there is one: what is stored may be a second old."""
        if worker := self._workers.get(hook.webhook):
            place, dead = worker.place, worker.dead
        return Seen(hook, place, self._tap.position - place.position, dead)

    async def add(self, wish: Wish, person: str) -> Made | Refusal:
        """Makes one when its receiver agrees; ``person``: who asks, empty for the node's operator."""
        async with self._changing:
            async with self._reader.snapshot() as snapshot:
                if len(await webhook_store.hooks(snapshot)) >= limits.WEBHOOKS_MAX:
                    return Refusal(Code.CONFLICT, f"there are {limits.WEBHOOKS_MAX} already")
            now = self._means.now()
            webhook = object_id(now, self._entropy(10))
            consent = await self._means.sender.ask(webhook, wish.url, self._means.origin)
            if isinstance(consent, str):
                await self._means.sender.forget(webhook)
                return Refusal(Code.CONFLICT, consent, "url")
            secret = self._entropy(SECRET_BYTES)
            sealed = self._seal.close(secret, webhook)
            hook = Hook(
                webhook=webhook,
                label=wish.label,
                url=wish.url,
                mode=wish.mode,
                filter=wish.filter,
                names=wish.names,
                secret=sealed,
                secret_before=b"",
                before_until=0,
                rate=consent.rate,
                person=person,
                at=now,
            )
            place = Place(position=0 if wish.beginning else self._tap.position)
            await self._means.handler.run(lambda tx: webhook_store.insert_hook(tx, hook, place))
            self._start(hook, place, 0)
            return Made(webhook, secret_text(secret))

    async def remove(self, webhook: str) -> Refusal | None:
        async with self._changing:
            found = await self._found(webhook)
            if found is None:
                return GONE
            hook, stored = found
            with self._or_on(hook, *await self._stop(webhook, stored)):
                await self._means.handler.run(lambda tx: webhook_store.delete_hook(tx, webhook))
            return None

    async def resume(self, webhook: str, *, skip: bool = False) -> Refusal | None:
        """Tries again at once. ``skip``: the event it stands at becomes a dead letter."""
        async with self._changing:
            found = await self._found(webhook)
            if found is None:
                return GONE
            hook, stored = found
            place, letters = await self._stop(webhook, stored)
            with self._or_on(hook, place, letters):
                dead = await self._next(hook, place) if skip else None
                place = webhook_steps.resumed(place, dead.position if dead else 0)
                count = await self._means.handler.run(partial(_resumed, webhook, place, dead))
            self._start(hook, place, count)
            return None

    async def _next(self, hook: Hook, place: Place) -> Dead | None:
        """The event it stands at, as a dead letter; None when nothing waits."""
        position = place.position
        while position < self._tap.position:
            shown = await self._feed(hook).read(position, 1)
            if shown.events:
                left_out = webhook_steps.Unreached("left out by the operator")
                return dead_of(shown.events[0], left_out, self._means.now())
            position = shown.position
        return None

    async def rotate(self, webhook: str) -> Made | Refusal:
        """A new secret; the one before signs too for WEBHOOK_SECRET_OVERLAP_HOURS."""
        async with self._changing:
            found = await self._found(webhook)
            if found is None:
                return GONE
            hook, stored = found
            secret = self._entropy(SECRET_BYTES)
            renewed = hook._replace(
                secret=self._seal.close(secret, webhook),
                secret_before=hook.secret,
                before_until=self._means.now() + OVERLAP_MS if self._opens(hook) else 0,
            )
            place, dead = await self._stop(webhook, stored)
            with self._or_on(hook, place, dead):
                await self._means.handler.run(lambda tx: webhook_store.save_secrets(tx, renewed))
            self._start(renewed, place, dead)
            return Made(webhook, secret_text(secret))

    async def test(self, webhook: str) -> Outcome | Refusal:
        """Sends an event that happened nowhere, beside those of the log."""
        found = await self._found(webhook)
        if found is None:
            return GONE
        now = self._means.now()
        event: CloudEvent = {
            "specversion": "1.0",
            "id": f"test-{now}",
            "source": f"/regions/{self._region}",
            "type": TEST_TYPE,
            "time": rfc3339(now),
            "datacontenttype": "application/json",
            "data": {"webhook": webhook},
        }
        return await self._attempt(found[0], event)

    async def dead(self, webhook: str, after: int) -> Sequence[Dead] | Refusal:
        """A page of its dead letters, in the order of the log."""
        if await self._found(webhook) is None:
            return GONE
        async with self._reader.snapshot() as snapshot:
            return await webhook_store.dead(snapshot, webhook, after)

    async def retry(self, webhook: str, position: int) -> Outcome | Refusal:
        """Sends a dead letter again, as the log has it by now; delivered, it is one no more."""
        found = await self._found(webhook)
        if found is None:
            return GONE
        async with self._reader.snapshot() as snapshot:
            if await webhook_store.one_dead(snapshot, webhook, position) is None:
                return Refusal(Code.NOT_FOUND, "there is no such dead letter", "position")
        records = await self._tap.read(position - 1, 1)
        # What it wanted when it was refused is sent, whatever the filter says of it by now.
        feed = self._feed(found[0])._replace(filter=Filter())
        shown = await feed.show(records, 1)
        outcome = await self._attempt(found[0], shown.events[0])
        if isinstance(outcome, Refusal):
            return outcome
        now = self._means.now()
        count = await self._means.handler.run(partial(_retried, webhook, position, outcome, now))
        if worker := self._workers.get(webhook):
            worker.dead = count
        return outcome

    async def _attempt(self, hook: Hook, event: CloudEvent) -> Outcome | Refusal:
        if hidden := self._means.hidden():
            return hidden
        try:
            secrets = self._secrets(hook)
        except Unsealable as error:
            return Refusal(Code.CONFLICT, f"{error}: give it a new one")
        return await attempt(hook, [event], message_of([event], hook.mode), secrets, self._means)

    async def _found(self, webhook: str) -> tuple[Hook, Place] | None:
        async with self._reader.snapshot() as snapshot:
            found = await webhook_store.hooks(snapshot)
        return next((one for one in found if one[0].webhook == webhook), None)

    # -- measurements --------------------------------------------------------------------------------------

    def measure(self) -> None:
        """Sets the gauges; no label says which webhook: ``tap webhook list`` does."""
        now, workers = self._means.now(), list(self._workers.values())
        metrics.WEBHOOK_DEAD.set(sum(worker.dead for worker in workers))
        places = [worker.place for worker in workers]
        for state in State:
            metrics.WEBHOOKS.labels(state).set(sum(place.state is state for place in places))
        since = min((place.failing_since for place in places if place.failing_since), default=now)
        metrics.WEBHOOK_FAILING_SECONDS.set((now - since) / 1000)
        at_work = [place.position for place in places if place.state is not State.PAUSED]
        behind = self._tap.position - min(at_work, default=self._tap.position)
        metrics.WEBHOOK_BEHIND_EVENTS.set(behind)


def _resumed(webhook: str, place: Place, dead: Dead | None, tx: Tx) -> int:
    if dead is not None:
        webhook_store.bury(tx, webhook, dead)
    webhook_store.save_place(tx, webhook, place)
    return webhook_store.dead_count(tx, webhook)


def _retried(webhook: str, position: int, outcome: Outcome, now: int, tx: Tx) -> int:
    if webhook_steps.verdict(outcome) is Verdict.DELIVERED:
        webhook_store.raise_dead(tx, webhook, position)
    else:
        webhook_store.failed_again(tx, webhook, position, webhook_steps.said(outcome), now)
    return webhook_store.dead_count(tx, webhook)
