"""Sending import records to the regions that must write them: batched, retried, resumable.

One thread for each region, so that a slow one does not hold up the rest, and at most two batches
waiting for each, so that memory stays small. A node answers "known" for what it has, hence a batch
may always be sent again.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from tap_client import Http, TapError, Unreachable
from tap_client import Refused as NodeRefused
from tap_client.backoff import delay_seconds

from server.domain.errors import RETRYABLE, Code, Refused
from server.domain.import_records import ImportRecord
from server.ops.importing import files, route
from server.ops.importing.homes import HomeRule

BATCH_RECORDS_MAX = 500
"""Half a second of a node's writer at most: people's own commands come in between."""
BATCH_BYTES_MAX = 2 * 1024 * 1024
"""A quarter of what a node accepts in one request."""
BATCHES_WAITING_MAX = 2
ATTEMPTS_MAX = 10
"""About a minute and a half of waiting: a restart of the node is bridged, a missing node is not."""
REFUSALS_SHOWN_MAX = 20


class Target(NamedTuple):
    region: str
    url: str
    token: str


class Batch(NamedTuple):
    """``number`` counts a region's batches from 0; the same input makes the same batches."""

    region: str
    number: int
    lines: tuple[bytes, ...]


class Outcome(NamedTuple):
    """What became of records: new, known before, or refused with a sentence each."""

    new: int
    known: int
    refused: tuple[str, ...]

    def __add__(self, other: object) -> "Outcome":
        assert isinstance(other, Outcome)
        return Outcome(self.new + other.new, self.known + other.known, self.refused + other.refused)


NOTHING = Outcome(0, 0, ())


def batches(records: Iterable[ImportRecord], home: HomeRule) -> Iterator[Batch]:
    """The records in batches of their regions, in the order of their arrival for each region."""
    open_: dict[str, list[bytes]] = {}
    bytes_: dict[str, int] = {}
    numbers: dict[str, int] = {}

    def close(region: str) -> Batch:
        number = numbers.get(region, 0)
        numbers[region] = number + 1
        bytes_[region] = 0
        return Batch(region, number, tuple(open_.pop(region)))

    for record in records:
        region, line = route.region(record, home), files.encoded(record)
        lines = open_.setdefault(region, [])
        lines.append(line)
        bytes_[region] = bytes_.get(region, 0) + len(line)
        if len(lines) >= BATCH_RECORDS_MAX or bytes_[region] >= BATCH_BYTES_MAX:
            yield close(region)
    for region in list(open_):
        yield close(region)


class Progress:
    """Which batches are in, in a small file, so that an interrupted import goes on where it was.

    ``fingerprint`` names input, rule and regions: with other ones the file starts anew."""

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        self._path = path
        self._lock = Lock()
        self._fingerprint = fingerprint
        self._done: dict[str, int] = {}
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                kept = json.loads(path.read_text("utf-8"))
                if kept["fingerprint"] == fingerprint:
                    self._done = dict(kept["batches"])

    def is_done(self, batch: Batch) -> bool:
        return batch.number < self._done.get(batch.region, 0)

    def done(self, batch: Batch) -> None:
        with self._lock:
            self._done[batch.region] = batch.number + 1
            if self._path is not None:
                kept = {"fingerprint": self._fingerprint, "batches": self._done}
                unfinished = self._path.with_name(self._path.name + ".part")
                unfinished.write_text(json.dumps(kept), "utf-8")
                unfinished.replace(self._path)


def fingerprint(paths: Iterable[Path], rule: str, regions: Iterable[str]) -> str:
    """Of what decides the batches: files by name, size and time, the rule, the regions in order."""
    parts: list[Any] = [rule, *regions, BATCH_RECORDS_MAX, BATCH_BYTES_MAX]
    for path in paths:
        members = sorted(path.iterdir()) if path.is_dir() else [path]
        parts += [(member.name, *_stamp(member)) for member in members]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


class Sender:
    """Sends one region's batches, one after the other."""

    def __init__(
        self, target: Target, sleep: Callable[[float], None], chance: Callable[[], float]
    ) -> None:
        self._http = Http(target.url, target.token)
        self._region = target.region
        self._sleep = sleep
        self._chance = chance

    def send(self, batch: Batch) -> Outcome:
        """Raises TapError when the node refuses the whole request or stays out of reach."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                answer = self._http.post_lines("/import", list(batch.lines))
                refuse_for_now(answer)
                return outcome(self._region, batch, answer)
            except (Unreachable, NodeRefused) as error:
                final = isinstance(error, NodeRefused) and not error.retry
                if final or attempt == ATTEMPTS_MAX - 1:
                    raise
                self._sleep(delay_seconds(attempt, self._chance))
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        self._http.close()


def refuse_for_now(answer: dict[str, Any]) -> None:
    """Raises NodeRefused where a record was refused for what passes, such as a full disk: a batch is in once
    nothing of it is to be sent again."""
    for refusal in answer.get("refused", ()):
        if refusal["code"] in RETRYABLE:
            raise NodeRefused(refusal["code"], refusal["message"], retry=True)


def outcome(region: str, batch: Batch, answer: dict[str, Any]) -> Outcome:
    """A node's answer to a batch; a refusal is told with its record's source."""
    refused = []
    for refusal in answer.get("refused", ()):
        line = batch.lines[int(refusal["line"]) - 1]
        source = json.loads(line).get("source", {})
        name = f"{source.get('system')} {source.get('id')}"
        refused.append(f"{region}: {name}: {refusal['code']}: {refusal['message']}")
    return Outcome(int(answer["new"]), int(answer["known"]), tuple(refused))


def send_all(
    batches: Iterable[Batch],
    targets: Mapping[str, Target],
    progress: Progress,
    sleep: Callable[[float], None],
    chance: Callable[[], float],
    said: Callable[[str], None] = lambda _: None,
) -> dict[str, Outcome]:
    """Send every batch not in yet; outcomes by region. Raises Refused on the first failure.

    What was sent until then is in, and noted in ``progress``."""
    totals = dict.fromkeys(targets, NOTHING)
    with contextlib.ExitStack() as stack:
        lanes = {name: _Lane(Sender(target, sleep, chance)) for name, target in targets.items()}
        for lane in lanes.values():
            stack.callback(lane.close)
        for batch in batches:
            if progress.is_done(batch):
                continue
            _collect(lanes[batch.region], batch.region, BATCHES_WAITING_MAX, totals, progress, said)
            lanes[batch.region].submit(batch)
        for name, lane in lanes.items():
            _collect(lane, name, 1, totals, progress, said)
    return totals


class _Lane:
    """One region's thread and the batches on their way to it."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._thread = ThreadPoolExecutor(max_workers=1)
        self.sending: list[tuple[Batch, Future[Outcome]]] = []

    def submit(self, batch: Batch) -> None:
        self.sending.append((batch, self._thread.submit(self._sender.send, batch)))

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._sender.close()


def _collect(
    lane: _Lane,
    region: str,
    room: int,
    totals: dict[str, Outcome],
    progress: Progress,
    said: Callable[[str], None],
) -> None:
    """Wait until fewer than ``room`` batches are on their way."""
    while len(lane.sending) >= room:
        batch, sending = lane.sending.pop(0)
        try:
            totals[region] += sending.result()
        except (TapError, KeyError, ValueError, IndexError) as error:
            raise Refused(Code.CONFLICT, f"{region}: {error}") from error
        progress.done(batch)
        said(f"{region}: {totals[region].new:,} new, {totals[region].known:,} known")
