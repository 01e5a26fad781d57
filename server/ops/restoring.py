"""What a node does about a past that is in doubt: it gets back what its database lacks, keeps people out until
that may be shown, and keeps the forks of other regions' logs and of its own (docs/protocol/federation.md 16).
"""

import asyncio
from collections.abc import Callable

import structlog

from server.app import metrics
from server.app.handle import Handler
from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import LaneKey
from server.federation import frames
from server.federation.forks import ForkProof, stored
from server.federation.links import Links
from server.federation.recovery import Phase, Recovery
from server.storage import forks
from server.storage.epochs import end_recovery
from server.storage.reader import Reader
from server.storage.sql import Tx

LOOK_SECONDS = 0.5
COUNT_SECONDS = 10.0
"""How often open forks are counted: another process may have resolved one."""
HIDDEN = Refusal(
    Code.RECOVERING,
    "this node was restored from a backup and first asks its peers what happened since; try again shortly",
)
HELD = Refusal(
    Code.RECOVERING,
    "this node was restored from a backup and is getting its last changes back; try again shortly",
)
_LEVELS = {Phase.OPEN: 0, Phase.HELD: 1, Phase.HIDDEN: 2}

log = structlog.get_logger(__name__)


class Restoring:
    """The gate of a restored node. ``hidden`` is asked by whoever shows something.

    ``steady``: milliseconds that never jump."""

    def __init__(self, recovery: Recovery, handler: Handler, steady: Callable[[], int]) -> None:
        self._recovery, self._handler, self._steady = recovery, handler, steady
        self._apply(recovery.phase)

    def hidden(self) -> Refusal | None:
        """Why nothing is shown; None while all is."""
        return HIDDEN if self._recovery.phase is Phase.HIDDEN else None

    def _apply(self, phase: Phase) -> None:
        self._handler.holding = {Phase.HIDDEN: HIDDEN, Phase.HELD: HELD, Phase.OPEN: None}[phase]
        metrics.RECOVERING.set(_LEVELS[phase])

    async def run(self, links: Links) -> None:
        """Until all is open, and that is written down."""
        while (phase := self._recovery.phase) is not Phase.OPEN:
            await asyncio.sleep(LOOK_SECONDS)
            if self._recovery.observe(self._steady(), *links.seen) is not phase:
                log.warning("the restored node goes on", phase=self._recovery.phase)
                self._apply(self._recovery.phase)
        try:
            await self._handler.run(end_recovery)
        except Refused as error:  # the next start asks once more
            log.warning("the end of the recovery is not written", reason=error.refusal.message)


async def known_forks(reader: Reader) -> list[ForkProof]:
    """Those of earlier runs, resolved or not: their lanes stay left out."""
    async with reader.snapshot() as snapshot:
        return [stored(fork.proof) for fork in await forks.every(snapshot)]


class Forks:
    """Keeps what links prove. ``found`` is called by them, ``run`` until cancelled."""

    def __init__(self, handler: Handler, reader: Reader, now: Callable[[], int]) -> None:
        self._handler, self._reader, self._now = handler, reader, now
        self._new: asyncio.Queue[ForkProof] = asyncio.Queue()

    def found(self, proof: ForkProof) -> None:
        self._new.put_nowait(proof)
        ours = LaneKey(self._handler.region, self._handler.epoch, proof.key.lane)
        if proof.key == ours:
            reason = f"there are two events {proof.seq} of our lane {proof.key.lane}"
            self._handler.distrust(reason, proof.key.epoch)

    async def run(self) -> None:
        while True:
            await self._count()
            try:
                async with asyncio.timeout(COUNT_SECONDS):
                    proof = await self._new.get()
            except TimeoutError:
                continue
            await self._keep(proof)

    async def _count(self) -> None:
        async with self._reader.snapshot() as snapshot:
            found = await forks.every(snapshot)
        metrics.FORKS.set(sum(not fork.resolved_at for fork in found))

    async def _keep(self, proof: ForkProof) -> None:
        frame, now = frames.encode(proof.frame), self._now()

        def work(tx: Tx) -> None:
            forks.keep(tx, proof.key, proof.seq, frame, now)

        try:
            await self._handler.run(work)
        except Refused as error:  # whoever proved it says it again at the next connection
            log.warning("the proof of a fork is not written", reason=error.refusal.message)
