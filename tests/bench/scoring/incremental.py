"""One event more: the CPU it takes to know the lines it changes, and to keep the act and these lines.

``score_one_event_after_N`` is the scoring module by itself (``server/scoring/following.py``): all N acts went
through it one batch after the other, and it holds the running quarter and the one before. The cost must not grow
with what lies behind.

``keep_one_event_after_N`` is what a store adds: the act's row, the lines' JSON, both tables on SQLite with so many
acts and lines before, and the commit.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
import uvloop

from server.app.score_rows import Data, Row, to_columns
from server.app.score_store import Stored, put_rows, write_lines
from server.ops.commands.serve import calm_collector
from server.scoring.explain import line_map
from server.scoring.following import Following
from server.scoring.model import Act, Line
from server.scoring.rules import quarter_of, shipped
from server.scoring.running import Changed
from server.storage.sql import Tx
from tests.bench.figures import RUNS, Figure, at_most, compare
from tests.bench.scoring.made import stream
from tests.support.node import TestNode, open_test_node

MEASURED = 20_000
"""Events of a run."""
BATCH = 256
"""As the scoring consumer takes them off the tap."""
ROWS_PER_INSERT = 10_000
GOAL_MICROSECONDS = 60
KEPT_AFTER_MAX = 1_000_000
"""Filling the tables with more takes half an hour."""
BOOK = shipped()
T = TypeVar("T")
FILLING = "x" * 350
"""As long as a line's JSON is on average."""


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(items)
    while part := list(islice(source, size)):
        yield part


class Stream:
    """The acts, and the ledgers that followed those that came so far."""

    def __init__(self, before: int) -> None:
        self.acts = stream()
        self.position = 0
        self._following = Following(BOOK)
        self._quarter = ""
        for part in batches(islice(self.acts, before), BATCH):
            self.come(part)

    def come(self, part: list[Act]) -> Changed:
        changed = self._following.come(part)
        self.position += len(part)
        quarter = quarter_of(part[-1].at)
        if quarter != self._quarter:
            self._following.keep(self._quarter or quarter)
            self._quarter = quarter
        return changed

    def score(self) -> float:
        """Microseconds of CPU per event of a run."""
        parts = list(batches(islice(self.acts, MEASURED), BATCH))
        began = time.process_time()
        for part in parts:
            self.come(part)
        return (time.process_time() - began) / MEASURED * 1e6


def scored(before: int) -> list[float]:
    followed = Stream(before)
    calm_collector()
    return [followed.score() for _ in range(RUNS)]


# -- what a store adds -------------------------------------------------------------------------------------


def row_of(act: Act, position: int) -> Row:
    data = Data(kind=act.kind, at=act.at, position=position, on=act.on, public=act.public)
    return Row(act.id, act.giver, act.author, act.content, quarter_of(act.at), data)


def stored(line: Line, name: str) -> Stored:
    """As the consumer stores it: under its event's position in the log."""
    shown = line_map(line, BOOK, "Why is it red?") | {"act": name}
    text = msgspec.json.encode(shown).decode()
    return Stored(name, line.person, line.at, line.milli_points, line.quarter, text)


def fill(url: str, acts: Iterable[Act]) -> dict[str, str]:
    """Writes these acts with a line each; the position of each."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA synchronous = OFF")
    names: dict[str, str] = {}
    for part in batches(acts, ROWS_PER_INSERT):
        position = len(names)
        names |= {act.id: str(position + n) for n, act in enumerate(part)}
        connection.executemany(
            "INSERT OR IGNORE INTO score_acts (act, giver, author, content, quarter, data)"
            " VALUES (:act, :giver, :author, :content, :quarter, :data)",
            [to_columns(row_of(act, position + n)) for n, act in enumerate(part)],
        )
        connection.executemany(
            "INSERT OR IGNORE INTO credits (act, person, at, milli_points, quarter, line)"
            " VALUES (?, ?, ?, 5000, ?, ?)",
            [(names[act.id], act.author, act.at, quarter_of(act.at), FILLING) for act in part],
        )
    connection.commit()
    connection.close()
    return names


async def kept(folder: Path, before: int) -> list[float]:
    """Microseconds of CPU per event of each run, scoring left out."""
    async with open_test_node(folder) as node:
        names = fill(node.url, islice(stream(), before))
        followed = Stream(before)
        calm_collector()
        return [await _keep(node, followed, names) for _ in range(RUNS)]


async def _keep(node: TestNode, followed: Stream, names: dict[str, str]) -> float:
    spent = 0.0
    for part in batches(islice(followed.acts, MEASURED), BATCH):
        first = followed.position
        changed = followed.come(part)
        began = time.process_time()
        names |= {act.id: str(first + n) for n, act in enumerate(part)}
        rows = [row_of(act, first + n) for n, act in enumerate(part)]
        lines = [stored(line, names[line.act]) for line in changed.lines]
        gone = [names[act] for act in changed.gone]
        work = partial(_write, rows=rows, gone=gone, lines=lines, quarter=rows[-1].quarter)
        await node.handler.run(work)
        spent += time.process_time() - began
    return spent / MEASURED * 1e6


def _write(tx: Tx, rows: list[Row], gone: list[str], lines: list[Stored], quarter: str) -> None:
    put_rows(tx, rows)
    write_lines(tx, [Stored(name, "", 0, 0, quarter, "") for name in gone], lines)


def figures(sizes: tuple[int, ...]) -> Iterator[Figure]:
    for before in sizes:
        name = f"score_one_event_after_{before}"
        yield at_most(name, "us CPU", GOAL_MICROSECONDS, scored(before))
        if before <= KEPT_AFTER_MAX:
            with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
                runs = uvloop.run(kept(Path(folder), before))
            yield compare(f"keep_one_event_after_{before}", "us CPU", runs, {})
