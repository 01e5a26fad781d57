"""How soon all is right again: a disk put back, two histories, a new key, a reply too early, an erasure.

The goals are those of docs/performance.md, "Between regions".
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from server.domain.events import PostPublished, ReplyPublished
from server.domain.ids import object_id
from server.storage.queries import listing
from tests.bench.federation.lines import Pair, pair, percentile
from tests.bench.federation.member import Asked, started
from tests.bench.figures import RUNS, at_most, emit
from tests.support.devices import Person
from tests.support.node import ForeignLog, TestNode, open_test_node
from tests.support.processes import enrol, places, running, until_level
from tests.unit.federation.nodes import now, put_back

LOST_EVENTS = 60_000
"""A day's events of the average of twenty regions."""
FORKED_EVENTS = 1_000
ROTATED_EVENTS = 40_000
ORPHANS = 500
ERASURES = 20
REGIONS = ("in", "de", "br", "fr", "us")


def _copied(database: Path, to: Path) -> None:
    """A backup, while the region runs."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(to),))


async def _back(regions: Pair, region: Asked) -> None:
    """``de`` as a new process, which dials."""
    await region.ask("serve", peers=[("fr", regions.cable.port, True)])


# -- restored logs -----------------------------------------------------------------------------------------


async def restore(_full: bool) -> None:
    """From the start of the process with the older copy, a day old, to people writing and the last lost event."""
    writes, whole = [], []
    for _ in range(RUNS):
        async with pair() as regions:
            database, backup = regions.folder / "de.db", regions.folder / "backup.db"
            _copied(database, backup)
            await regions.connect()
            last = await regions.de.ask("fill", lane="global", count=LOST_EVENTS)
            await regions.holds("global", last)
            await regions.de.kill()
            _forget(database)
            put_back(database, backup)
            began = time.monotonic()
            async with started("member", regions.folder, "de") as de:
                await _back(regions, de)
                writes.append(await de.ask("recovered") - began)
                lost = {"region": "de", "epoch": regions.epoch, "lane": "global", "seq": last}
                whole.append(await de.ask("holds", **lost) - began)
    beside = {"lost_events": float(LOST_EVENTS)}
    emit(at_most("restore_writes_again", "s", 60, writes, beside))
    emit(at_most("restore_tail_is_back", "s", 60, whole, beside))


async def fork(_full: bool) -> None:
    """Nobody notices that the copy is older, and the node goes on under the same numbers."""
    found = []
    for _ in range(RUNS):
        async with pair() as regions:
            database, backup = regions.folder / "de.db", regions.folder / "backup.db"
            _copied(database, backup)
            await regions.connect()
            last = await regions.de.ask("fill", lane="global", count=FORKED_EVENTS)
            await regions.holds("global", last)
            await regions.de.kill()
            _forget(database)
            backup.rename(database)
            async with started("member", regions.folder, "de") as de:
                await de.ask("fill", lane="global", count=FORKED_EVENTS + 1)
                began = time.monotonic()
                await _back(regions, de)
                found.append(await regions.fr.ask("forked") - began)
    emit(at_most("fork_found", "s", 5, found))


def _forget(database: Path) -> None:
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()


# -- keys --------------------------------------------------------------------------------------------------


async def rotation(_full: bool) -> None:
    """In the middle of a backlog; what was signed before is still on its way."""
    refused, seconds = [], []
    for _ in range(RUNS):
        async with pair() as regions:
            last = await regions.de.ask("fill", lane="global", count=ROTATED_EVENTS)
            began = time.monotonic()
            await regions.connect()
            await regions.holds("global", ROTATED_EVENTS // 4)
            await regions.de.ask("rotate")
            seconds.append(await regions.holds("global", last) - began)
            refused.append(await regions.fr.ask("rejected"))
    beside = {"events": float(ROTATED_EVENTS), "seconds": percentile(seconds, 0.5)}
    emit(at_most("rotation_rejects", "refused", 0, refused, beside))


# -- replies that came first -------------------------------------------------------------------------------


async def orphans(_full: bool) -> None:
    """A parent's batch handed to the writer, until a read of its thread has both."""
    with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
        async with open_test_node(Path(folder)) as node:
            await node.register("asha")
            place = await node.community("asha")
            took = await _attached(node, place)
    emit(at_most("reply_attached_p99", "ms", 100, [percentile(took, 0.99)], {"replies": ORPHANS}))


async def _attached(node: TestNode, place: str) -> list[float]:
    """Milliseconds of each."""
    asking, answering = ForeignLog("de"), ForeignLog("fr")
    threads = [object_id(now(), n.to_bytes(10, "big")) for n in range(ORPHANS)]
    replies = [object_id(now(), (ORPHANS + n).to_bytes(10, "big")) for n in range(ORPHANS)]
    for post, reply in zip(threads, replies, strict=True):
        early = ReplyPublished(
            post=reply, kind="reply", place=place, root=post, parent=post, at=now(), text="yes"
        )
        await node.handler.apply(answering.batch(now(), ("luc", early)))
    took = []
    for post, reply in zip(threads, replies, strict=True):
        parent = PostPublished(post=post, kind="update", place=place, at=now(), text="well?")
        batch = asking.batch(now(), ("anna", parent))
        began = time.monotonic()
        await node.handler.apply(batch)
        async with node.reader.snapshot() as snapshot:
            tops = await listing.in_place(snapshot, place, listing.NEWEST, ORPHANS)
            below = await listing.below(snapshot, post, listing.OLDEST, 10)
        took.append((time.monotonic() - began) * 1000)
        assert post in {key.post for key in tops}
        assert [key.post for key in below] == [reply]
    return took


# -- erasure -----------------------------------------------------------------------------------------------


async def erasure(_full: bool) -> None:
    """Five whole nodes as they run in production, all in reach; each erasure is of one post."""
    with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
        where = places(Path(folder), *REGIONS)
        token = (await enrol(where["in"], ["asha"]))["asha"]
        async with running(where.values()):
            asha = Person(where["in"], token)
            tea = "c:" + (await asha.do("community.create", name="Tea"))["community"]
            wrote = [
                await asha.do("post.publish", place=tea, kind="update", text=f"post {n}")
                for n in range(ERASURES)
            ]
            await until_level(where.values())
            took = []
            for post in [answer["post"] for answer in wrote]:
                began = time.monotonic()
                [request] = (await asha.do("content.erase", scope="post", target=post))["requests"]
                await asha.until_missing(request)
                took.append(time.monotonic() - began)
            await asha.close()
    beside = {"regions": len(REGIONS), "p50": percentile(took, 0.5), "erasures": len(took)}
    emit(at_most("erasure_receipts_p99", "s", 30, [percentile(took, 0.99)], beside))
