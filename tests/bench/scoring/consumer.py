"""One event more at a node: the CPU its scoring consumer takes from the tap to the committed line.

The people, posts, acts and lines of a quarter are written straight into the tables; then reactions come through the
tap, a batch at a time as after a busy half second, and the consumer does all it does on a node. What the log itself
costs is left out, and so is a listener.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import uvloop

from server.app import scores
from server.app.score_rows import Data, Row, row_of, to_columns
from server.app.score_store import write_lines
from server.app.scores import Scores
from server.domain.events import ReactionChanged
from server.domain.ids import EventId
from server.domain.visibility import GLOBAL
from server.ops.commands.serve import calm_collector
from server.scoring.model import Act
from server.scoring.score import Book, lines
from server.storage import tables as t
from server.storage.event_log import Record
from server.storage.sql import Statement, Tx, upsert
from tests.bench.figures import RUNS, Figure, compare
from tests.bench.scoring.incremental import BATCH, BOOK, batches, stored
from tests.bench.scoring.made import PEOPLE, person_of, stream
from tests.support.node import TestNode, open_test_node

MEASURED = 5_000
"""Events of a run."""
ROWS_PER_JOB = 20_000
PLACE = "01c" + "0" * 23


def reactions() -> Iterator[Act]:
    """The made-up acts, each as a mark that one event makes."""
    for act in stream():
        kind = "solved" if act.kind == "solved" else "helpful"
        register = f"{kind}:{act.content}:{act.giver}"
        yield act._replace(
            id=f"{register}@{act.rev}", register=register, kind=kind, topics=(), unscored=""
        )


def record(act: Act, position: int) -> Record:
    event = ReactionChanged(
        target=act.content,
        root=act.content,
        place=PLACE,
        author=act.author,
        reaction=act.kind,
        rev=act.rev,
        on=act.on,
    )
    where = EventId("in", 1, GLOBAL, position)
    return Record(position, where, "reaction.changed", act.at, act.giver, event, b"", (), None)


def blank(table: Any) -> dict[str, Any]:
    return {column.name: column.type.python_type() for column in table.c}


def people() -> Iterator[tuple[dict[str, Any], Row]]:
    """Everybody, at home here, with the profile they always had."""
    for n in range(PEOPLE):
        name, team, country = person_of(n)
        row = blank(t.persons) | {"person": name, "home": "in", "unit": team, "country": country}
        data = Data(kind="profile", at=0, position=1, unit=team, country=country)
        yield row, Row(f"person:{name}@1", name, "", "", "", data)


def post(content: str, author: str) -> dict[str, Any]:
    known = {"post": content, "root": content, "author": author, "kind": "question"}
    lists = {"topics": "[]", "mentions": "[]", "detail": None}
    return blank(t.posts) | known | lists | {"title": "Why is it red?"}


async def write(node: TestNode, into: Statement, rows: Iterable[dict[str, Any]]) -> None:
    for part in batches(rows, ROWS_PER_JOB):
        await node.handler.run(lambda tx, part=part: tx.many(into, part))  # type: ignore[misc]


async def fill(node: TestNode, before: Sequence[Act], later: Sequence[Act]) -> None:
    everybody = list(people())
    await write(node, upsert(t.persons), [person for person, _ in everybody])
    posts = {act.content: act.author for act in (*before, *later)}
    await write(node, upsert(t.posts), [post(*item) for item in posts.items()])
    rows = [profile for _, profile in everybody]
    for position, act in enumerate(before):
        register, author, content = act.id, act.author, act.content
        rows.append(row_of(record(act, position), register, act.kind, author, content, on=act.on))
    await write(node, upsert(t.score_acts), map(to_columns, rows))
    places = {act.id: str(position) for position, act in enumerate(before)}
    book = Book(before, BOOK)
    ledgers = [line for author in book.authors for line in lines(book, author)]
    for part in batches(ledgers, ROWS_PER_JOB):
        written = [stored(line, places[line.act]) for line in part]
        await node.handler.run(partial(_write, written=written))


def _write(tx: Tx, written: Any) -> None:
    write_lines(tx, [], written)


async def cost(folder: Path, before: int) -> list[float]:
    """Microseconds of CPU per event of each run after so many."""
    async with open_test_node(folder) as node:
        acts = reactions()
        behind, later = list(islice(acts, before)), list(islice(acts, RUNS * MEASURED))
        await fill(node, behind, later)
        consumer = Scores(node.tap, node.handler, node.reader, now=node.clock)
        node.tap.position = max(before, node.tap.position)
        await node.handler.run(partial(_begin, position=node.tap.position))
        del behind
        calm_collector()
        return [await consumed(node, consumer, part) for part in batches(later, MEASURED)]


async def consumed(node: TestNode, consumer: Scores, acts: Sequence[Act]) -> float:
    spent = 0.0
    for part in batches(acts, BATCH):
        position = node.tap.position
        node.tap.committed([record(act, position + n) for n, act in enumerate(part, 1)])
        began = time.process_time()
        await consumer.catch_up()
        spent += time.process_time() - began
    return spent / MEASURED * 1e6


def _begin(tx: Tx, position: int) -> None:
    cursor = {"name": scores.NAME, "epoch": 0, "position": position, "rules": BOOK.fingerprint}
    tx.execute(upsert(t.consumers, ["epoch", "position", "rules"]), cursor)


def figures(sizes: tuple[int, ...]) -> Iterator[Figure]:
    for before in sizes:
        with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
            runs = uvloop.run(cost(Path(folder), before))
        yield compare(f"consume_one_event_after_{before}", "us CPU", runs, {})
