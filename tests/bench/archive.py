"""Import and rebuild, on the two real archives when they lie beside the checkout, else on made-up records."""

import tempfile
import time
from pathlib import Path

import uvloop

from server.domain.events import Source
from server.domain.ids import derived_object_id
from server.domain.import_records import (
    ImportCommunity,
    ImportPerson,
    ImportPost,
    ImportRecord,
    ImportReply,
)
from server.storage.connection import open_writer
from server.storage.rebuild import rebuild_on
from tests.bench.figures import RUNS, at_least, emit
from tests.bench.records import archive_records
from tests.support.node import START, open_test_node


def _source(kind: str, n: int) -> Source:
    return Source(system="bench", id=f"{kind}-{n}")


def made_up(replies: int = 15_000) -> list[ImportRecord]:
    """One community, 200 people, threads of 30."""
    community = derived_object_id(START, "bench", "community")
    records: list[ImportRecord] = [
        ImportCommunity(source=_source("c", 0), community=community, name="Bench", at=START)
    ]
    records += [
        ImportPerson(source=_source("p", n), person=f"b{n}", name=f"B {n}") for n in range(200)
    ]
    root = ""
    for n in range(replies):
        post = derived_object_id(START + n, "bench", str(n))
        common = {"source": _source("m", n), "post": post, "author": f"b{n % 200}"}
        common |= {"community": community, "at": START + n, "text": "Some words. " * 20}
        if n % 30 == 0:
            root = post
            records.append(ImportPost(kind="update", title="A thread", **common))
        else:
            records.append(ImportReply(kind="reply", root=root, parent=root, **common))
    return records


async def _load(folder: Path, records: list[ImportRecord]) -> tuple[float, str]:
    async with open_test_node(folder) as node:
        began = time.process_time()
        outcomes = await node.handler.import_records(records)
        spent = time.process_time() - began
        assert all(outcome == "new" for outcome in outcomes), "a fresh node knows no record"
        return len(records) / spent, node.url


def _rebuild(url: str) -> float:
    connection = open_writer(url)
    began = time.process_time()
    report = rebuild_on(connection, check=True)
    spent = time.process_time() - began
    connection.close()
    assert not report.different, report
    return report.events / spent


def main() -> None:
    records, name = archive_records() or (made_up(), "made-up records")
    imports, rebuilds = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
            rate, url = uvloop.run(_load(Path(folder), records))
            imports.append(rate)
            rebuilds.append(_rebuild(url))
    size = {f"records ({name})": float(len(records))}
    emit(at_least("import", "events/s/core", 5_000, imports, size))
    emit(at_least("rebuild_and_compare", "events/s/core", 10_000, rebuilds, size))
