"""An erasure over three real nodes, one of them away: receipts, and nothing left on any disk.

docs/protocol/federation.md 15; the folder of each node is searched for the words in every form.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from pathlib import Path

import pytest

from server.ops.demo.nodes import Place
from server.storage.digest import shared_digests_at
from tests.support.devices import Person
from tests.support.processes import enrol, places, rows, running, tap, until, until_level
from tests.support.residues import found

REGIONS = ("in", "de", "br")
WORDS = "Zimmermannsnägel aus Übersee"
SECRET = "Schlüsselübergabe um Mitternacht"
OTHERS = "what colleagues wrote stays"


async def _write(asha: Person, emil: Person) -> tuple[list[str], str]:
    """Asha's words wherever a node may keep them: the posts with WORDS, and the message with SECRET."""
    tea = "c:" + (await asha.do("community.create", name="Tea"))["community"]
    idea = await asha.do(
        "post.publish", place=tea, kind="idea", title=WORDS, text=f"{WORDS} " * 40, topics=["tea"]
    )
    post = idea["post"]
    for number in range(3):
        text = f"{WORDS} {number} " * (100 * number + 1)
        await asha.do("post.edit", post=post, title=WORDS, text=text, reason=WORDS)
    poll = {"method": "single", "choices": [WORDS, "none"]}
    voted = await asha.do("post.publish", place=tea, kind="poll", text="?", poll=poll)
    await emil.knows(post)
    reply = await asha.do("reply.publish", parent=post, text=f"No: {WORDS}")
    await emil.do("reaction.set", target=post, reaction="helpful", on=True)
    await emil.do("flag.raise", target=post, reason=f"he says {WORDS}")
    await emil.do("reply.publish", parent=post, text=OTHERS)
    chat = await asha.do("conversation.start", members=["emil"])
    place = "d:" + chat["conversation"]
    message = await asha.do("post.publish", place=place, kind="message", text=SECRET)
    await emil.knows(message["post"])
    return [post, voted["post"], reply["post"]], message["post"]


async def _ledger_line_is_written(place: Place) -> None:
    def there() -> bool:
        return any(WORDS in line for (line,) in rows(place, "SELECT line FROM credits"))

    await until("a ledger line names the post", there)


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_three_regions_one_of_them_away(tmp_path: Path) -> None:
    where = places(tmp_path, *REGIONS)
    asha_token = (await enrol(where["in"], ["asha", "bob"]))["asha"]
    emil_token = (await enrol(where["de"], ["emil"]))["emil"]
    async with running(where.values()) as nodes:
        asha, emil = Person(where["in"], asha_token), Person(where["de"], emil_token)
        posts, message = await _write(asha, emil)
        await _ledger_line_is_written(where["in"])
        await until_level(where.values())
        for place in where.values():
            files = {file for file, _ in found(place.folder, WORDS, SECRET, deflated=False)}
            assert files & {"tap.db", "tap.db-wal"}, "otherwise finding nothing would say nothing"

        await nodes["br"].stop()
        requests = []
        for post in posts:
            answer = await asha.do("content.erase", scope="post", target=post, reason="by mistake")
            requests += answer["requests"]
        private = (await asha.do("content.erase", scope="post", target=message))["requests"]
        for request in requests:
            await asha.until_missing(request, "br")
            told = (await asha.get(f"/erasures/{request}"))["erasure"]
            assert (told["regions"], len(told["receipts"])) == (3, 2)
        for request in private:
            await asha.until_missing(request)
            assert (await asha.get(f"/erasures/{request}"))["erasure"]["regions"] == 2
        assert _nothing_left(where["in"]) == _nothing_left(where["de"]) == set()

        await nodes["br"].start()
        for request in requests:
            await asha.until_missing(request)
        await until_level(where.values())
        assert [_nothing_left(place) for place in where.values()] == [set()] * 3
        held = [rows(place, "SELECT request FROM erasures") for place in where.values()]
        assert [len(ids) for ids in held] == [4, 4, 3], (
            "br learns nothing of a message it never had"
        )
        await asyncio.gather(asha.close(), emil.close())

    await asyncio.gather(*(_sound(place) for place in where.values()))
    assert [_nothing_left(place) for place in where.values()] == [set()] * 3
    for table in ("posts", "post_counts", "post_topics", "erasures", "flags"):
        digests = {
            region: shared_digests_at(f"sqlite:///{place.database}")[table]
            for region, place in where.items()
        }
        assert digests["in"] == digests["de"], table


async def _sound(place: Place) -> None:
    """The stopped node's tables are what its log says, others' words included, and nothing is open."""
    await asyncio.to_thread(tap, "--config", place.config, "rebuild", "--check")
    assert found(place.folder, OTHERS, deflated=False)
    said = await asyncio.to_thread(tap, "--config", place.config, "erasures", "--json")
    assert json.loads(said) == []


def _nothing_left(place: Place) -> set[tuple[str, str]]:
    return found(place.folder, WORDS, SECRET)


@pytest.mark.parametrize(
    "form",
    [
        WORDS.encode(),
        WORDS.encode("utf-16-le"),
        WORDS.encode("latin-1"),
        json.dumps({"text": WORDS}).encode(),
        json.dumps(json.dumps({"text": WORDS})).encode(),
        zlib.compress(WORDS.encode() * 3),
    ],
    ids=["utf-8", "utf-16", "latin-1", "json", "json in json", "zlib"],
)
def test_the_scanner_finds_what_it_should(tmp_path: Path, form: bytes) -> None:
    (tmp_path / "file").write_bytes(bytes(100) + form + bytes(100))
    assert found(tmp_path, WORDS)
    assert not found(tmp_path, SECRET)


def test_the_scanner_finds_raw_deflate(tmp_path: Path) -> None:
    packer = zlib.compressobj(wbits=-15)
    frame = packer.compress(f'{{"text":"{WORDS}"}}'.encode() * 2) + packer.flush(zlib.Z_SYNC_FLUSH)
    (tmp_path / "file").write_bytes(b"head" * 20 + frame[:-4] + bytes(50))
    assert found(tmp_path, WORDS) == {("file", "deflated")}
