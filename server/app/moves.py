"""People who move between regions: what this node does by itself (docs/protocol/federation.md 18).

It reads the tap for handovers, takeovers and releases, and does its part of each:

- *leaving*   the old home writes what has to travel and then releases the person
- *elsewhere* any other region copies what it wrote in the person's conversations to the new home
- *arriving*  the new home prepares the account, and takes over where nobody has to be asked

Every step may be cut anywhere and is done again at the next start: what was written is found in the log,
what was finished is in ``moves_attended``. ``catch_up`` drives all of it, ``run`` for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
from sqlalchemy import bindparam, delete, select, update

from server.app import luggage, metrics
from server.app.handle import Handler, readable
from server.app.luggage import Route
from server.app.tap import Tap
from server.domain.decide import Context, Decided, Draft, moves
from server.domain.decide.base import refuse
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import CarriedKey, PersonHandedOver, PersonReleased, PersonTakenOver
from server.domain.facts import Facts, PersonFact
from server.domain.residency import may_leave_in, policy_of
from server.storage import tables as t
from server.storage.async_facts import load_person
from server.storage.reader import Reader
from server.storage.sql import Tx, statement, upsert

RECORDS_PER_READ = 256
COPIES_PER_JOB = 128
"""Drafts in one job of the writer, so that people's own commands are never far behind."""

_p, _d = t.persons.c, t.moves_attended.c
_DUE = (
    select(_p.person)
    .outerjoin(t.moves_attended, _d.person == _p.person)
    .where(_p.home_rev > 0, (_d.rev.is_(None)) | (_d.rev < _p.home_rev))
)
_ON_THE_MOVE = select(_p.person, _p.previous, _p.moving_to).where(_p.moving_to != "")
_ATTENDED = select(_d.rev, _d.to_).where(_d.person == bindparam("person"))
_DONE = upsert(t.moves_attended, ["rev", "to_"], newer="rev")
_RELEASE = select(t.releases.c.rev, t.releases.c.to_, t.releases.c.carried_keys).where(
    t.releases.c.person == bindparam("person")
)
_KEY = upsert(t.command_keys)
_NO_PASSWORD = statement(
    update(t.accounts).where(t.accounts.c.person == bindparam("p")).values(password_hash="")
)
_NO_SESSIONS = statement(delete(t.sessions).where(t.sessions.c.person == bindparam("person")))


class Moves:
    """One node's part in all moves. ``accept``: whoever arrives is taken over without asking."""

    def __init__(
        self,
        *,
        handler: Handler,
        tap: Tap,
        reader: Reader,
        now: Callable[[], int],
        accept: bool = False,
    ) -> None:
        self._handler, self._tap, self._reader = handler, tap, reader
        self._now, self._accept = now, accept
        self._position = -1
        self._due: set[str] = set()
        """People whose home changed since this node last did its part."""
        self._arriving: set[str] = set()
        """People on their way here, ready or not."""
        self._kept: set[str] = set()
        """Of those, whose client keys are kept here: released, and perhaps waiting for an operator."""
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Follows the tap until cancelled."""
        await self._tap.follow("moves", self.catch_up, lambda: self._position)

    async def catch_up(self) -> None:
        """Everything committed so far is attended to when this returns.

        Raises Refused while a restored log gets back what it lost: a release would name less than was written
        (docs/protocol/federation.md 16.3); to be tried again."""
        if self._handler.holding:
            raise Refused(self._handler.holding.code, self._handler.holding.message)
        async with self._busy:
            fresh = self._position < 0
            if fresh:
                await self._open()
            while fresh or self._due or self._position < self._tap.position:
                await self._look()
                changed = fresh or bool(self._due)
                for person in sorted(self._due):
                    await self._attend(person)
                    self._due.discard(person)
                for person in sorted(self._arriving):
                    await self._receive(person)
                if changed:
                    await self._measure()
                fresh = False

    async def _open(self) -> None:
        position = self._tap.position
        async with self._reader.snapshot() as snapshot:
            self._due = {row.person for row in await snapshot.rows(_DUE)}
            moving = await snapshot.rows(_ON_THE_MOVE)
        self._arriving = {row.person for row in moving if row.moving_to == self._handler.region}
        self._position = position

    async def _look(self) -> None:
        while self._position < self._tap.position:
            records = await self._tap.read(self._position, RECORDS_PER_READ)
            for record in records:
                match record.event:
                    case PersonHandedOver(person=person) | PersonTakenOver(person=person):
                        self._due.add(person)
                    case _:
                        pass
            self._position = records[-1].position

    async def _measure(self) -> None:
        async with self._reader.snapshot() as snapshot:
            moving = await snapshot.rows(_ON_THE_MOVE)
        here = self._handler.region
        leaving = sum(row.previous == here for row in moving)
        arriving = sum(row.moving_to == here for row in moving)
        metrics.PEOPLE_MOVING.labels("leaving").set(leaving)
        metrics.PEOPLE_MOVING.labels("arriving").set(arriving)

    # -- leaving, or elsewhere -------------------------------------------------------------------------

    async def _attend(self, person: str) -> None:
        """Does this node's part of where somebody's home is by now."""
        async with self._reader.snapshot() as snapshot:
            who = await load_person(snapshot, person)
            done = await snapshot.one(_ATTENDED, {"person": person})
        rev, copied_to = done or (0, "")
        if who is None or rev >= who.home_rev:
            return
        here, to = self._handler.region, who.moving_to or who.home
        leaving = who.moving_to != "" and who.previous == here
        self._arriving.discard(person)
        self._kept.discard(person)
        if to == here:
            if who.moving_to:
                self._arriving.add(person)
            await self._handler.run(lambda tx: self._prepare(tx, who))
            return
        # Its handover was attended to: since then everything was written to the new home too.
        known = copied_to == to and rev == who.home_rev - 1
        if not known or leaving:
            await self._carry(self._route(person, to), who.home_rev, leaving)
        await self._handler.run(lambda tx: _mark(tx, who, to))

    def _route(self, person: str, to: str) -> Route:
        handler = self._handler
        regions = handler.peers | {handler.region}
        return Route(person, handler.region, to, regions, handler.groups)

    async def _carry(self, route: Route, rev: int, leaving: bool) -> None:
        await self._write(route, luggage.copies(self._reader, route, acts=leaving))
        if not leaving:
            return
        await self._write(route, luggage.marks(self._reader, route))
        async with self._reader.snapshot() as snapshot:
            event = PersonReleased(
                person=route.person,
                to=route.to,
                rev=rev,
                cut=await luggage.cut(snapshot, route),
                keys=await luggage.keys(snapshot, route, self._now()),
            )
        self._settled(
            await self._handler.append(lambda facts, context: moves.release(event, facts, context))
        )

    async def _write(self, route: Route, drafts: AsyncIterator[Draft]) -> None:
        part: list[Draft] = []
        async for draft in drafts:
            part.append(draft)
            if len(part) == COPIES_PER_JOB:
                await self._append(route, part)
                part = []
        if part:
            await self._append(route, part)

    async def _append(self, route: Route, drafts: Sequence[Draft]) -> None:
        def decide(facts: Facts, context: Context) -> Decided | Refusal:
            who = facts.person(route.person)
            if who is None or route.to not in who.regions:
                # Called off, or gone on: the new region has no part in the conversations any more.
                return refuse(Code.CONFLICT, f"{route.person} does not move to {route.to} any more")
            policy = policy_of(context.region, facts)
            allowed = [d for d in drafts if may_leave_in(d.lane, d.event, policy)]
            return Decided(allowed, {})

        self._settled(await self._handler.append(decide))

    @staticmethod
    def _settled(outcome: object) -> None:
        """What came too late is no failure: the change of home that made it so is attended to next."""
        if isinstance(outcome, Refusal) and outcome.code is not Code.CONFLICT:
            raise Refused(outcome.code, outcome.message)

    # -- arriving --------------------------------------------------------------------------------------

    def _prepare(self, tx: Tx, who: PersonFact) -> None:
        """An account of an earlier stay opens nothing: the new home gives a fresh password."""
        if who.moving_to:
            tx.execute(_NO_PASSWORD, {"p": who.person})
            tx.execute(_NO_SESSIONS, {"person": who.person})
        _mark(tx, who, self._handler.region)

    async def _receive(self, person: str) -> None:
        """Once the old home has let go: keeps the client keys, and takes over where that is the rule."""
        if person in self._kept and not self._accept:
            return
        async with self._reader.snapshot() as snapshot:
            who = await load_person(snapshot, person)
            row = await snapshot.one(_RELEASE, {"person": person})
        if who is None or who.moving_to != self._handler.region:
            return  # gone on, or here: that change of home is attended to next
        if row is None or (row.rev, row.to_) != (who.home_rev, self._handler.region):
            return
        if person not in self._kept:
            carried = msgspec.json.decode(row.carried_keys, type=tuple[CarriedKey, ...])
            if carried:
                await self._handler.run(lambda tx: _keep_keys(tx, person, carried))
            self._kept.add(person)
        if self._accept:
            outcome = await self._handler.append(
                lambda facts, context: moves.takeover(person, moves.NODE, facts, context)
            )
            if isinstance(outcome, Refusal) and outcome.code is not Code.NOT_YET:
                raise Refused(outcome.code, outcome.message)


def _mark(tx: Tx, who: PersonFact, to: str) -> None:
    tx.execute(_DONE, {"person": who.person, "rev": who.home_rev, "to_": to})


def _keep_keys(tx: Tx, person: str, carried: Sequence[CarriedKey]) -> None:
    """What was carried out is not done again, even if its answer says nothing to this program (I2)."""
    rows = [
        msgspec.structs.asdict(key) | {"person": person, "answer": readable(key.answer)}
        for key in carried
    ]
    tx.many(_KEY, rows)
