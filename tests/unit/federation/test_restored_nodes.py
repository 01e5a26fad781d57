"""Real nodes whose database was put back: peers bring back what it lacks (docs/protocol/federation.md 16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.federation.dialled import PeerAddress
from server.federation.recovery import Phase, Recovery
from server.storage.connection import open_writer
from server.storage.digest import shared_digests_at
from tests.support.processes import until
from tests.unit.federation.lab import key_of, public_of
from tests.unit.federation.nodes import Region, live, now, put_back, region_of

pytestmark = pytest.mark.usefixtures("limit")
NEWER = key_of("the newer key of de")


async def copied(region: Region, to: Path) -> None:
    """What `sqlite3 .backup` gives, while the node runs."""
    await region.node.handler.run(lambda tx: tx.cursor.execute("SELECT 1"))
    connection = open_writer(region.node.url)
    connection._connection.execute(f"VACUUM INTO '{to}'")  # type: ignore[attr-defined]
    connection.close()


@pytest.mark.parametrize("rotated", [False, True])
async def test_goal_9_a_restored_node_and_its_peers_end_up_equal(
    tmp_path: Path, socks: dict[str, Any], rotated: bool
) -> None:
    socks.pop("in").close()
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    newer = NEWER.public_key().public_bytes_raw()
    at = f"http://127.0.0.1:{ports['de']}"
    pinned = [PeerAddress("de", at, (public_of("de"), newer), False)]
    backup = tmp_path / "backup.db"
    async with region_of(tmp_path, "fr", socks, peers=pinned) as fr:
        spare = socks | {"de": socks["de"].dup()}
        async with region_of(tmp_path, "de", spare) as de:
            await live(de, fr)
            await de.node.register("anna")
            await fr.node.register("luc")
            place = await de.node.community("anna", "Tea")
            post = await de.node.post("anna", place, "before")
            await copied(de, backup)
            for number in range(300):
                await de.node.post("anna", place, f"lost {number}")
            await de.node.do("anna", "post.edit", post=post, text="lost edit")
            ended = [de.own(lane) for lane in ("global", "control")]
            for key, seq in ended:
                await fr.holds(key, seq)
        put_back(tmp_path / "de.db", backup)
        changed: dict[str, Any] = {}
        if rotated:
            changed = {"private": NEWER, "former_keys": (public_of("de"),)}
        async with region_of(tmp_path, "de", socks, **changed) as de:
            # Nobody waits: the same object is changed before its lost change is back.
            await de.node.do("anna", "post.edit", "new-edit", post=post, text="new edit")
            for key, seq in ended:
                await de.holds(key, seq)
            for lane in ("global", "control"):
                await fr.holds(*de.own(lane))
            recovery = Recovery("de", needed=True)
            await until(
                "people may write",
                lambda: recovery.observe(now(), *de.links.seen) is Phase.OPEN,
            )
            for region in (de, fr):
                async with region.node.reader.snapshot() as snapshot:
                    assert (await snapshot.position()) > 300
    assert shared_digests_at(f"sqlite:///{tmp_path}/de.db") == shared_digests_at(
        f"sqlite:///{tmp_path}/fr.db"
    )
