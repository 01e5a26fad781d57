"""One event more: the CPU it costs to keep the act, work out the lines it changes and write them.

The tables on SQLite hold so many acts and lines before the measured ones, the years gone by; the credits of
the quarter at hand are in memory. Then acts come in batches, as the tap brings them, each batch one commit.
The cost must not grow with what lies behind.
"""

import sqlite3
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
import uvloop

from server.app.score_rows import Data, Row, to_columns
from server.app.score_store import Stored, put_rows, write_lines
from server.ops.commands.serve import calm_collector
from server.scoring.explain import line_map
from server.scoring.model import Act, Line
from server.scoring.rules import quarter_of, shipped
from server.scoring.running import Changed, Running
from server.storage.sql import Tx
from tests.bench.figures import Figure, at_most
from tests.bench.scoring.made import ACTS_PER_QUARTER, stream
from tests.support.node import TestNode, open_test_node

MEASURED = 20_000
BATCH = 256
"""As the scoring consumer takes them off the tap."""
ROWS_PER_INSERT = 10_000
GOAL_MICROSECONDS = 60
BOOK = shipped()


def batches(acts: Iterable[Act], size: int) -> Iterator[list[Act]]:
    source = iter(acts)
    while part := list(islice(source, size)):
        yield part


def row_of(act: Act, position: int) -> Row:
    data = Data(kind=act.kind, at=act.at, position=position, on=act.on, public=act.public)
    return Row(act.id, act.giver, act.author, act.content, quarter_of(act.at), data)


def stored(line: Line, name: str) -> Stored:
    """As the consumer stores it: under its event's position in the log."""
    shown = line_map(line, BOOK, "Why is it red?") | {"act": name}
    text = msgspec.json.encode(shown).decode()
    return Stored(name, line.person, line.at, line.milli_points, line.quarter, text)


class Ledgers:
    """The consumer without the log: acts of the quarter at hand by content, and what they come to."""

    def __init__(self) -> None:
        self.on: dict[str, list[Act]] = {}
        self.names: dict[str, str] = {}
        """Act -> its event's position."""
        self.running = Running(BOOK)

    def come(self, acts: Collection[Act], position: int) -> Changed:
        contents = set()
        for number, act in enumerate(acts):
            self.on.setdefault(act.content, []).append(act)
            self.names[act.id] = str(position + number)
            contents.add(act.content)
        return self.running.put({content: self.on[content] for content in contents})


def fill(url: str, before: int, acts: Iterator[Act]) -> Ledgers:
    """Writes so many acts with a line each, and holds those of the quarter at hand."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA synchronous = OFF")
    ledgers = Ledgers()
    position = 0
    for part in batches(islice(acts, before), ROWS_PER_INSERT):
        connection.executemany(
            "INSERT OR IGNORE INTO score_acts (act, giver, author, content, quarter, data)"
            " VALUES (:act, :giver, :author, :content, :quarter, :data)",
            [to_columns(row_of(act, position + n)) for n, act in enumerate(part)],
        )
        connection.executemany(
            "INSERT OR IGNORE INTO credits (act, person, at, milli_points, quarter, line)"
            " VALUES (?, ?, ?, 5000, ?, ?)",
            [
                (str(position + n), act.author, act.at, quarter_of(act.at), FILLING)
                for n, act in enumerate(part)
            ],
        )
        if before - position <= ACTS_PER_QUARTER:
            ledgers.come(part, position)
        position += len(part)
    connection.commit()
    connection.close()
    return ledgers


FILLING = "x" * 350
"""As long as a line's JSON is on average."""


async def cost(folder: Path, before: int) -> float:
    """Microseconds of CPU per event after so many."""
    async with open_test_node(folder) as node:
        acts = stream()
        ledgers = fill(node.url, before, acts)
        calm_collector()
        return await _measured(node, ledgers, islice(acts, MEASURED), before)


async def _measured(node: TestNode, ledgers: Ledgers, acts: Iterator[Act], position: int) -> float:
    spent, events = 0.0, 0
    for part in batches(acts, BATCH):
        began = time.process_time()
        rows = [row_of(act, position + n) for n, act in enumerate(part)]
        changed = ledgers.come(part, position)
        lines = [stored(line, ledgers.names[line.act]) for line in changed.lines]
        gone = [ledgers.names[act] for act in changed.gone]
        work = partial(_write, rows=rows, gone=gone, lines=lines, quarter=rows[-1].quarter)
        await node.handler.run(work)
        spent += time.process_time() - began
        position += len(part)
        events += len(part)
    return spent / events * 1e6


def _write(tx: Tx, rows: list[Row], gone: list[str], lines: list[Stored], quarter: str) -> None:
    put_rows(tx, rows)
    write_lines(tx, [Stored(name, "", 0, 0, quarter, "") for name in gone], lines)


def figures(sizes: tuple[int, ...]) -> Iterator[Figure]:
    for before in sizes:
        with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
            runs = [uvloop.run(cost(Path(folder), before))]
        yield at_most(f"score_one_event_after_{before}", "us CPU", GOAL_MICROSECONDS, runs)
