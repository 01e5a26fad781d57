"""The acts of scoring as an acts file holds them, for the standalone module (docs/scoring.md section 7).

They say who gave what to whom, which nothing over the network does: for who operates the node alone.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from server.app import public_mirror
from server.app.score_desk import Desk
from server.scoring.explain import act_map
from server.scoring.model import Act
from server.scoring.rules import shipped
from server.storage.reader import Reader

Acts = list[dict[str, Any]]


async def acts_here(reader: Reader) -> Acts:
    """Of all that this node knows by now, as its ledgers are computed from it; the earliest first."""
    async with reader.snapshot() as snapshot:
        return _in_order(await Desk(snapshot).all_acts())


async def public_acts(reader: Reader, region: str) -> Acts:
    """Of what the public lanes tell alone, as any region reads them on a mirror (``public_mirror``).

    ``region``: whose mirror it is; the acts are the same for each."""
    cut = await public_mirror.cut_here(reader)
    with TemporaryDirectory(prefix="tap-acts-") as folder:
        file = Path(folder, "mirror.db")
        async with public_mirror.opened(file, region, shipped(), cut) as mirror:
            await mirror.follow(reader, cut)
            return _in_order(await mirror.acts())


def _in_order(acts: Iterable[Act]) -> Acts:
    return [act_map(act) for act in sorted(acts, key=lambda act: (act.at, act.id))]
