"""A node's past: people with tokens, and the places they belong to. Written once, kept, copied.

Everybody is in the community of all and in a team of ``TEAM_PEOPLE``. The first ``CLUB_PEOPLE`` belong to
``CLUBS`` more: with the directory and their own channel they hear ten. Every
tenth is in ``SLOW`` too. Nobody belongs to ``DESK``, which is open: what is said there reaches whom it
mentions, and nobody else. Events are appended hundreds to a job,
as an import would; tokens are rows of the node's own table.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import insert

from server.domain.decide import Context, Decided, Draft
from server.domain.errors import Refusal
from server.domain.events import CommunityCreated, Event, MembershipChanged, PersonRegistered
from server.domain.facts import Facts
from server.domain.visibility import GLOBAL
from server.ops import config_file
from server.ops.accounts import Desk, desk
from server.ops.core import now
from server.ops.demo.nodes import Node, Place, configure, free_ports
from server.storage import tables as t
from server.storage.sql import Tx, statement
from tests.bench.realtime.processes import BENCH, ROOT, SERVER_CORE, pinned, until_quiet

PEOPLE = 20_000
TEAM_PEOPLE = 100
CLUB_PEOPLE = 10_000
CLUBS = 6
CHANNELS = CLUBS + 4
DRAFTS_PER_JOB = 500
DAY_MS = 86_400_000
TOKENS = "tokens"
WHAT_IT_HANGS_ON = (
    "server/domain",
    "server/storage",
    "server/app",
    "tests/bench/realtime/company.py",
)

_INSERT_SESSION = statement(insert(t.sessions))


class PinnedNode(Node):
    """A node on the server's core, whose process can be looked at."""

    async def start(self) -> None:
        with pinned(SERVER_CORE):
            await super().start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


def community(index: int) -> str:
    return f"01bench{index:019d}"


ALL, DESK, SLOW, FIRST_CLUB, FIRST_TEAM = 0, 1, 2, 10, 100
SLOW_EVERY = 10


def place_of(index: int) -> str:
    return "c:" + community(index)


def team_of(person: int) -> int:
    return FIRST_TEAM + person // TEAM_PEOPLE


def name(person: int) -> str:
    return f"p{person:05d}"


def token(person: int) -> str:
    return "tap_" + hashlib.sha256(name(person).encode()).hexdigest()


def places_of(person: int) -> Iterator[int]:
    yield ALL
    yield team_of(person)
    if person % SLOW_EVERY == SLOW_EVERY - 1:
        yield SLOW
    if person < CLUB_PEOPLE:
        yield from range(FIRST_CLUB, FIRST_CLUB + CLUBS)


# -- keeping -----------------------------------------------------------------------------------------------


def settled(folder: Path) -> Place:
    """A place below ``folder`` where the company lives already; made first when nobody kept it."""
    kept = BENCH / f"company-{_version()}"
    if not kept.exists():
        for old in BENCH.glob("company-*"):
            shutil.rmtree(old)
        _found(kept)
    shutil.copytree(kept, folder / "in")
    place = _place(folder / "in")
    configure([place])
    return place


def _version() -> str:
    """Of all that decides what the database looks like; another one makes a new company."""
    found = hashlib.sha256()
    for part in WHAT_IT_HANGS_ON:
        path = ROOT / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.read_bytes())
    return found.hexdigest()[:12]


def _place(folder: Path) -> Place:
    folder.mkdir(parents=True, exist_ok=True)
    return Place("in", "India", "IN", folder, free_ports(1)[0])


def _found(kept: Path) -> None:
    unfinished = kept.with_name("unfinished-" + kept.name)
    shutil.rmtree(unfinished, ignore_errors=True)
    place = _place(unfinished)
    configure([place])
    asyncio.run(_write(place))
    unfinished.rename(kept)


async def _write(place: Place) -> None:
    async with desk(config_file.load(place.config, {}).config, "bench") as node:
        await _append(node, _history())
        await node.core.handler.run(_sessions)
    lines = [f"{token(person)} {place_of(team_of(person))}\n" for person in range(PEOPLE)]
    (place.folder / TOKENS).write_text("".join(lines), "utf-8")
    # Once started, so that scoring has read all of it and is at rest whenever a figure begins.
    started = PinnedNode(place)
    await started.start()
    await asyncio.to_thread(until_quiet, started.pid)
    await started.stop()


def _history() -> Iterator[tuple[str, Event]]:
    for index in sorted({ALL, DESK, *(place for p in range(PEOPLE) for place in places_of(p))}):
        yield (
            "",
            CommunityCreated(
                community=community(index), home="in", name=f"Place {index}", audience="global"
            ),
        )
    for person in range(PEOPLE):
        yield "", PersonRegistered(person=name(person), home="in", name=f"Person {person}")
    for person in range(PEOPLE):
        for index in places_of(person):
            yield (
                name(person),
                MembershipChanged(
                    community=community(index), person=name(person), rev=1, joined=True
                ),
            )


async def _append(node: Desk, history: Iterable[tuple[str, Event]]) -> None:
    drafts = [Draft(GLOBAL, actor, event, ()) for actor, event in history]
    for start in range(0, len(drafts), DRAFTS_PER_JOB):
        part = drafts[start : start + DRAFTS_PER_JOB]

        def decided(_: Facts, __: Context, part: Sequence[Draft] = part) -> Decided:
            return Decided(list(part), {})

        outcome = await node.core.handler.append(decided)
        assert not isinstance(outcome, Refusal), outcome


def _sessions(tx: Tx) -> None:
    at = now()
    rows = [
        {
            "digest": hashlib.sha256(token(person).encode()).digest(),
            "person": name(person),
            "kind": "device",
            "label": "bench",
            "created_at": at,
            "expires_at": at + 30 * DAY_MS,
            "names": "shown",
        }
        for person in range(PEOPLE)
    ]
    tx.many(_INSERT_SESSION, rows)
