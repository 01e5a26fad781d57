"""Files beside a database that was put back: their posts come from peers, and the bytes are still there."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from server.app import pictures
from server.app.media import Found, Media
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import Attachment, PostPublished
from tests.support.faults import Watched, sqlite_error
from tests.support.files import Nowhere, media_of
from tests.support.node import ForeignLog, TestNode, open_test_node
from tests.support.pictures import jpeg, picture, pieces
from tests.support.restored import own, own_batch, restored


@contextmanager
def files_of(node: TestNode, folder: Path, *, leaves: bool = True) -> Iterator[Media]:
    media = media_of(node, folder, Nowhere(), ("in", "de"), leaves=leaves)
    try:
        yield media
    finally:
        media.close()


@pytest.mark.parametrize("leaves", [True, False])
async def test_what_was_uploaded_since_the_backup_is_there_once_its_post_is_back(
    tmp_path: Path, leaves: bool
) -> None:
    first, backup, folder = tmp_path / "first", tmp_path / "backup", tmp_path / "media"
    first.mkdir()
    async with open_test_node(first) as node:
        await node.register("asha")
        tea = await node.community("asha")
    shutil.copytree(first, backup)
    async with open_test_node(first) as node:
        with files_of(node, folder, leaves=leaves) as media:
            kept = await media.receive("asha", pieces(jpeg()))
            before = await media.find("asha", kept.hash)
            attach = {"hash": kept.hash, "name": "leaf.jpg", "alt": "A leaf"}
            await node.do("asha", "post.publish", "lost-post", **of(tea), attachments=[attach])
            lost = await own_batch(node, own(node))
    assert isinstance(before, Found)
    async with restored(backup, tmp_path / "second") as node:
        with files_of(node, folder, leaves=leaves) as media:
            assert await media.strays.clear() == 0
            assert await media.open("asha", kept.hash) == Refusal(
                Code.NOT_FOUND, "there is no such file that you can see"
            ), "nobody is shown what no post has"
            assert await node.handler.apply(lost) == lost.head.seq
            found = await media.open("asha", kept.hash)
            assert isinstance(found, Found)
            assert (found.path, found.type) == (before.path, before.type)
            assert found.thumbnail == before.thumbnail
            assert found.stays is not leaves
            handed = await media.for_region("de", kept.hash)
            assert isinstance(handed, Refusal) is not leaves
            assert await media.tidy() == 0


def of(place: str) -> dict[str, str]:
    return {"place": place, "kind": "update", "text": "look"}


async def test_what_is_let_go_while_it_is_looked_at_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture("PNG")
    name = hashlib.sha256(data).hexdigest()
    file = Attachment(hash=name, type="image/png", size=len(data), name="leaf.png")

    def looked_at(source: Path, target: BinaryIO) -> pictures.Picture:
        found = clean(source, target)
        source.unlink()
        return found

    clean = pictures.clean
    monkeypatch.setattr(pictures, "clean", looked_at)
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        tea = await node.community("asha")
        post = PostPublished(post="0" * 26, kind="update", place=tea, at=1, attachments=(file,))
        await node.handler.apply(ForeignLog("de").batch(node.clock.now, ("dora", post)))
        with files_of(node, tmp_path / "media") as media:
            path = media.files.path(name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            outcome = await media.open("asha", name)
            assert isinstance(outcome, Refusal)
            assert outcome.code is Code.NOT_HERE


async def test_what_the_writer_cannot_note_is_not_kept(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        await node.register("asha")
        with files_of(node, tmp_path / "media") as media:
            kept = await media.receive("asha", pieces(b"%PDF-1.7 one"))
            watched.commit_fails = sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full")
            for data in (b"%PDF-1.7 one", b"%PDF-1.7 two"):
                with pytest.raises(Refused, match="disk_full"):
                    await media.receive("asha", pieces(data))
            assert list(media.files.hashes()) == [kept.hash]
            watched.commit_fails = None
            await media.receive("asha", pieces(b"%PDF-1.7 two"))
