"""Two regions with a long line between them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.federation.member import Asked, started
from tests.support.cables import Cable

ONE_WAY_SECONDS = 0.125


class Pair(NamedTuple):
    """Two regions with a long line between them, not yet connected; ``de`` writes and dials."""

    de: Asked
    fr: Asked
    cable: Cable
    epoch: int
    folder: Path
    """Of both; a region's database is ``<region>.db``."""

    async def connect(self, others: Sequence[str] = ()) -> int:
        """``others``: further regions that may dial ``de``; the port it answers on."""
        peers = [("fr", self.cable.port, True), *[(name, 1, False) for name in others]]
        return int(await self.de.ask("serve", peers=peers))

    async def holds(self, lane: str, seq: int) -> float:
        return float(await self.fr.ask("holds", region="de", epoch=self.epoch, lane=lane, seq=seq))


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
        async with started("member", folder, "de") as de, started("member", folder, "fr") as fr:
            port = await fr.ask("serve", peers=[("de", 1, False)])
            cable = Cable("de-fr", port)
            cable.delay(ONE_WAY_SECONDS)
            await cable.open()
            await de.ask("found")
            try:
                yield Pair(de, fr, cable, await de.ask("epoch"), Path(folder))
            finally:
                await cable.close()


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
