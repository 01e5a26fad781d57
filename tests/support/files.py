"""The files of nodes in this process, and regions that hand them to each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from server.app.media import Media, Source, Unavailable
from server.domain.errors import Refusal
from server.domain.visibility import lane_audience
from server.storage.media_files import MediaFiles
from tests.support.federated import Federation
from tests.support.node import TestNode
from tests.support.pictures import pieces


def media_of(
    node: TestNode,
    folder: Path,
    source: Source,
    regions: tuple[str, ...] = (),
    groups: Mapping[str, tuple[str, ...]] | None = None,
    *,
    leaves: bool = True,
) -> Media:
    files = MediaFiles(folder)
    files.open()
    return Media(
        files,
        node.handler,
        node.reader,
        node.tap,
        region=node.region,
        audience=lambda lane, origin: lane_audience(
            lane, origin, {node.region, *regions}, groups or {}
        ),
        leaves=leaves,
        source=source,
        now=node.clock,
    )


class Nowhere:
    """A node without peers."""

    async def stream(self, region: str, hash: str) -> AsyncIterator[bytes]:
        for _ in ():
            yield b""
        raise Unavailable("there are no peers")


class Asking:
    """``app.media.Source`` of one region: what the others' nodes would hand it."""

    def __init__(self, region: str, federation: Federation, files: Mapping[str, Media]) -> None:
        self._region, self._federation, self._files = region, federation, files
        self.refused: list[tuple[str, str]] = []
        """(region asked, code)"""

    async def stream(self, region: str, hash: str) -> AsyncIterator[bytes]:
        if region in self._federation.away:
            raise Unavailable("it is away")
        found = await self._files[region].for_region(self._region, hash)
        if isinstance(found, Refusal):
            self.refused.append((region, found.code))
            raise Unavailable(found.message)
        async for piece in pieces(found.read_bytes()):
            yield piece


@contextmanager
def files_of(
    federation: Federation, folder: Path, groups: Mapping[str, tuple[str, ...]] | None = None
) -> Iterator[dict[str, Media]]:
    """Every region's files, asked of one another."""
    found: dict[str, Media] = {}
    for region, node in federation.nodes.items():
        asking = Asking(region, federation, found)
        others = tuple(federation.nodes)
        found[region] = media_of(node, folder / f"media-{region}", asking, others, groups)
    try:
        yield found
    finally:
        for media in found.values():
            media.close()
