"""Versions apart: what a node does not know it keeps, passes on, and folds once it was upgraded (section 12)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from server.domain.events import Event
from server.federation import handshake, relay
from server.federation.frames import Batch
from server.federation.steps import State
from server.ops import listener
from server.storage import event_log
from server.storage.digest import shared_digests_at
from server.storage.rebuild import rebuild
from tests.unit.federation.lab import World
from tests.unit.federation.nodes import region_of

pytestmark = pytest.mark.usefixtures("limit")


def _older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that apply others' events know no posts; who writes one does not read it from the wire."""
    known = event_log.decode_known

    def older(name: str, body: bytes) -> Event | None:
        return None if name.startswith("post.") else known(name, body)

    monkeypatch.setattr(event_log, "decode_known", older)


async def test_unknown_events_are_stored_relayed_and_folded_after_the_upgrade(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """de writes what fr and in do not know; in has it from fr, for it cannot reach de."""
    monkeypatch.setattr(relay, "GRACE_MS", 0)
    nowhere = listener.bind("127.0.0.1", 0)
    urls = {}
    with contextlib.closing(nowhere), monkeypatch.context() as before:
        _older(before)
        without = {"in": nowhere, **{name: socks[name] for name in ("de", "fr")}}
        async with (
            region_of(tmp_path, "de", without) as de,
            region_of(tmp_path, "fr", socks) as fr,
            region_of(tmp_path, "in", socks) as india,
        ):
            await fr.links.reached("in", State.LIVE)
            await de.node.register("anna")
            place = await de.node.community("anna")
            for number in range(3):
                await de.node.post("anna", place, f"post {number}")
            await india.holds(*de.own())
            for region in (de, fr, india):
                urls[region.node.region] = region.node.url
                async with region.node.reader.snapshot() as snapshot:
                    lane = await event_log.lane_page(snapshot, de.own()[0], 0)
                    assert len(lane) == de.own()[1]
    assert shared_digests_at(urls["in"]) != shared_digests_at(urls["de"])
    # Upgraded: `tap rebuild` folds what was kept.
    for region in ("fr", "in"):
        report = rebuild(urls[region], check=False)
        assert "posts" in report.different
        assert shared_digests_at(urls[region]) == shared_digests_at(urls["de"])
        assert rebuild(urls[region], check=True).different == ()


@pytest.mark.parametrize("old", [("de",), ("fr",), ("de", "in"), ("fr", "in")])
def test_who_knows_no_packed_batches_gets_plain_ones(
    monkeypatch: pytest.MonkeyPatch, old: tuple[str, ...]
) -> None:
    """Section 12: only what both ends name is used; the old and the new mix in any order."""
    init = handshake.Handshake.__init__

    def older(self: handshake.Handshake, me: handshake.Identity, *others: Any) -> None:
        init(self, me, *others)
        self._offered = () if me.region in old else handshake.FEATURES

    monkeypatch.setattr(handshake.Handshake, "__init__", older)
    world = World("de", "fr", "in").start().run(3_000)
    for region in ("de", "fr", "in"):
        for _ in range(300):
            world.nodes[region].log.append("global", b"x" * 100, world.now)
    for node in world.nodes.values():
        node.committed({key: tip.seq for key, tip in node.log.tips().items()})
    world.run(10_000)
    world.check_converged()
    assert world.packed == {
        (a, b) for a in world.nodes for b in world.nodes if a != b and not {a, b} & set(old)
    }
    assert all(isinstance(frame, Batch) for frame in world.batches(old[0], "fr"))
