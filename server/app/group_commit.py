"""Group commit: one thread takes all waiting jobs into one transaction, commits, and only then answers (I1).

Callers await on the event loop; the thread owns the only writing connection and runs whole batches
synchronously (docs/adr/0001-one-writer-thread.md has the measurement). What a job is, and what a commit means
to others, is said by who derives from ``GroupCommit``: ``app.handle``.

Long jobs (a page of a peer's backlog, a slice of an import) have transactions of their own, which end as soon as
somebody else waits: so nobody stands behind more than one of them. Where others always wait, every second
transaction takes one along, so that a crowd shuts no peer out.

House rules: nothing is announced inside the transaction; the records of a commit go to the readers on the
loop before the answers do, so whoever is answered can already be pushed to. If anything unforeseen happens
in a batch, it is rolled back and its jobs are run again one by one, so a bad job harms only itself. A full
disk refuses and recovers; a failed sync makes the node read-only for good.
"""

import asyncio
import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from server.app import metrics
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.storage.connection import Overtaken, Trouble, WriterConnection, trouble
from server.storage.event_log import Record
from server.storage.sql import Tx

log = logging.getLogger(__name__)
T = TypeVar("T")


class Job(NamedTuple, Generic[T]):
    """``work`` runs in the writer thread, in the batch's transaction; its value resolves ``future``."""

    work: Callable[[Tx], T]
    future: "asyncio.Future[T]"
    long: bool = False


class _Apart(NamedTuple):
    """Work on the connection outside of any transaction."""

    work: Callable[[WriterConnection], Any]
    future: "asyncio.Future[Any]"


def _nothing(_tx: Tx) -> None:
    """The work of a job that is done already."""


class GroupCommit(ABC):
    """``start`` on the running loop before use."""

    def __init__(self, connection: WriterConnection) -> None:
        self.read_only = ""
        """Why nothing can be written any more; empty while all is well."""
        self._connection = connection
        self._batches: queue.SimpleQueue[list[Job[Any]] | _Apart | None] = queue.SimpleQueue()
        self._waiting: list[Job[Any]] = []
        self._long: deque[Job[Any]] = deque()
        """Put in on the loop, taken out there and by the thread."""
        self._passed_over = False
        """Whether long jobs waited while the last transaction had others only."""
        self._busy = False
        """A batch is with the thread, or about to be handed over."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tap-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Finishes what waits, then stops the thread and closes the connection."""
        if self._thread.is_alive() and not self._stopping:
            self._stopping = True
            # The last job of its kind to be taken: whatever waits is in its batch or in one before.
            for long in (False, True):
                await self._enqueue(_nothing, long)
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    @property
    def waiting(self) -> int:
        """Jobs nobody has taken up yet."""
        return len(self._waiting) + len(self._long)

    # -- said by who derives from this -----------------------------------------------------------------

    @abstractmethod
    def _publish(self, records: Sequence[Record]) -> None:
        """On the loop: a commit with records is durable."""

    @abstractmethod
    def _begin(self, tx: Tx) -> None:
        """In the thread, before the jobs of a transaction."""

    @abstractmethod
    def _finish(self, tx: Tx) -> None:
        """After them, before the commit."""

    @abstractmethod
    def _committed(self) -> Sequence[Record]:
        """After the commit: what readers are to be told."""

    @abstractmethod
    def _undo(self) -> None:
        """Forgets what did not happen."""

    # -- on the loop ---------------------------------------------------------------------------------

    async def apart(self, work: Callable[[WriterConnection], T]) -> T:
        """Runs a function on the connection between two transactions: what cannot be in one.

        Raises Refused when the node cannot write; whatever ``work`` raises is raised."""
        if self._stopping or self.read_only:
            raise Refused(Code.STOPPING, "this node takes no more work")
        assert self._loop is not None, "the writer was not started"
        future: asyncio.Future[T] = self._loop.create_future()
        self._batches.put(_Apart(work, future))
        return await future

    async def _submit(self, work: Callable[[Tx], T], *, long: bool = False) -> T | Refusal:
        """``long``: it takes milliseconds, and whoever asked does not wait for it alone."""
        if self._stopping:
            return Refusal(Code.STOPPING, "this node is stopping; come back in a moment")
        if self.read_only:
            return self._for_good()
        if self.waiting >= limits.WRITER_QUEUE_JOBS_MAX:
            return Refusal(Code.OVERLOADED, "too much is waiting to be written; try again shortly")
        return await self._enqueue(work, long)

    async def _enqueue(self, work: Callable[[Tx], T], long: bool) -> T:
        assert self._loop is not None, "the writer was not started"
        future: asyncio.Future[T] = self._loop.create_future()
        (self._long if long else self._waiting).append(Job(work, future, long))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._hand_over)
        return await future

    def _hand_over(self) -> None:
        """Gives the writer all that waits, long jobs in their turn. Runs at the end of a turn of the loop, so
        that everybody who was just answered and asks again shares the next commit."""
        jobs = self._waiting[: limits.WRITER_BATCH_JOBS_MAX]
        del self._waiting[: limits.WRITER_BATCH_JOBS_MAX]
        if self._long and (self._passed_over or not jobs):
            jobs.append(self._long.popleft())
            self._passed_over = False
        else:
            self._passed_over = bool(self._long)
        self._busy = bool(jobs)
        if jobs:
            self._batches.put(jobs)

    def _settle(
        self, records: Sequence[Record], outcomes: Sequence[tuple[Job[Any], Any]], last: bool
    ) -> None:
        """On the loop, after the commit: first the readers, then the callers, then the next batch."""
        if last:
            assert self._loop is not None
            # Two turns: the first wakes the callers, the second finds what they ask next.
            self._loop.call_soon(self._loop.call_soon, self._hand_over)
        if records:
            self._publish(records)
        for job, outcome in outcomes:
            if job.future.done():
                continue
            if isinstance(outcome, Exception):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)

    # -- in the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while (jobs := self._batches.get()) is not None:
            if isinstance(jobs, _Apart):
                self._work_apart(jobs)
                continue
            self._batch(jobs, self._joined(jobs), last=True)
            metrics.COMMIT_BATCH_JOBS.observe(len(jobs))

    def _joined(self, jobs: list[Job[Any]]) -> Iterator[Job[Any]]:
        """The jobs; where these are long, further ones, which are added to them, until somebody else waits."""
        yield from tuple(jobs)
        while jobs[0].long and len(jobs) < limits.WRITER_LONG_JOBS_MAX:
            if self._waiting or not self._long:
                return
            jobs.append(self._long.popleft())
            yield jobs[-1]

    def _batch(
        self, jobs: list[Job[Any]], joined: Iterable[Job[Any]] | None = None, *, last: bool
    ) -> None:
        """One transaction; if it fails for a reason of one job, one transaction for each."""
        if self.read_only:
            self._refuse(jobs, self._for_good(), last)
            return
        try:
            outcomes = self._commit(joined or jobs)
        except Exception as error:
            self._undo()
            refusal = self._storage_refusal(error)
            if refusal is not None:
                self._refuse(jobs, refusal, last)
            elif len(jobs) == 1:
                self._announce([], [(jobs[0], self._failure(error))], last)
            else:
                for job in jobs:
                    self._batch([job], last=last and job is jobs[-1])
            return
        self._announce(self._committed(), outcomes, last)

    def _work_apart(self, apart: _Apart) -> None:
        try:
            outcome: Any = apart.work(self._connection)
        except Exception as error:
            refusal = self._storage_refusal(error)
            outcome = error if refusal is None else Refused(refusal.code, refusal.message)
        self._announce([], [(Job(_nothing, apart.future), outcome)], last=False)

    def _commit(self, jobs: Iterable[Job[Any]]) -> list[tuple[Job[Any], Any]]:
        with metrics.COMMIT_SECONDS.time(), self._connection.transaction() as tx:
            self._begin(tx)
            outcomes = [(job, job.work(tx)) for job in jobs]
            self._finish(tx)
        return outcomes

    def _storage_refusal(self, error: Exception) -> Refusal | None:
        """What the database's refusal means for everybody, or None when the job is to blame."""
        match trouble(error):
            case None:
                return None
            case Trouble.FULL:
                metrics.DATABASE_ERRORS.labels(Trouble.FULL.value).inc()
                return Refusal(Code.DISK_FULL, "the disk of this node is full; nothing was written")
            case Trouble.BUSY:
                metrics.DATABASE_ERRORS.labels(Trouble.BUSY.value).inc()
                return Refusal(Code.OVERLOADED, "the database does not answer; try again shortly")
            case Trouble.BROKEN:
                # A failed sync is never retried: the kernel may have dropped the pages (fsyncgate).
                is_ours = isinstance(error, Overtaken)
                self.read_only = str(error) if is_ours else f"the disk reported an error ({error})"
                metrics.DATABASE_ERRORS.labels(Trouble.BROKEN.value).inc()
                metrics.READ_ONLY.set(1)
                log.critical("node is read-only: %s", self.read_only)
                return self._for_good()

    def _for_good(self) -> Refusal:
        return Refusal(Code.READ_ONLY, f"this node is read-only: {self.read_only}")

    def _refuse(self, jobs: Sequence[Job[Any]], refusal: Refusal, last: bool) -> None:
        self._announce([], [(job, refusal) for job in jobs], last)

    @staticmethod
    def _failure(error: Exception) -> Refusal | Exception:
        if isinstance(error, Refused):
            return error.refusal
        log.error("a job of the writer failed", exc_info=error)
        return error

    def _announce(
        self, records: Sequence[Record], outcomes: Sequence[tuple[Job[Any], Any]], last: bool
    ) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, records, outcomes, last)
