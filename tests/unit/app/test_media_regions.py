"""Files among three regions: who may have them is the lane's to say, and they are gone with their post (I8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from server.app.erasure import Erasures
from server.app.media import Found, Media
from server.domain.errors import Code, Refusal
from tests.support.federated import Federation, open_federation
from tests.support.files import files_of
from tests.support.pictures import jpeg, picture, pieces

GROUPS = {"eu": ("de", "fr")}


class World(NamedTuple):
    regions: Federation
    files: dict[str, Media]

    async def attach(self, person: str, region: str, data: bytes) -> dict[str, str]:
        kept = await self.files[region].receive(person, pieces(data))
        return {"hash": kept.hash, "name": "file", "alt": ""}

    async def read(self, person: str, region: str, hash: str) -> Found | Refusal:
        return await self.files[region].open(person, hash)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Asha in India, Ben in Germany, Fleur in France; Germany and France are a group."""
    async with open_federation(tmp_path, "in", "de", "fr", groups=GROUPS) as regions:
        for region, person in (("in", "asha"), ("de", "ben"), ("fr", "fleur")):
            await regions[region].register(person)
        await regions.settle()
        with files_of(regions, tmp_path, GROUPS) as files:
            yield World(regions, files)


def here(found: Found | Refusal) -> bytes:
    assert isinstance(found, Found), found
    assert found.path is not None
    return found.path.read_bytes()


async def test_what_is_for_all_is_fetched_where_it_is_looked_at(world: World) -> None:
    tea = await world.regions["in"].community("asha", "Tea")
    attach = await world.attach("asha", "in", jpeg())
    await world.regions["in"].post("asha", tea, attachments=[attach])
    await world.regions.settle()
    assert here(await world.read("ben", "de", attach["hash"])) == here(
        await world.read("asha", "in", attach["hash"])
    )
    # India is away: France asks Germany, which may have it too.
    world.regions.away.add("in")
    assert here(await world.read("fleur", "fr", attach["hash"]))


async def test_a_group_keeps_its_files_to_itself(world: World) -> None:
    tea = await world.regions["de"].community("ben", "Tee", audience="group.eu")
    attach = await world.attach("ben", "de", picture("PNG"))
    await world.regions["de"].post("ben", tea, attachments=[attach])
    await world.regions.settle()
    assert here(await world.read("fleur", "fr", attach["hash"]))
    for region in ("de", "fr"):
        outcome = await world.files[region].for_region("in", attach["hash"])
        assert isinstance(outcome, Refusal)
        assert outcome.code is Code.NOT_FOUND
    outcome = await world.read("asha", "in", attach["hash"])
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.NOT_FOUND


async def test_a_conversation_of_three_regions_gets_its_file_in_each_lane(world: World) -> None:
    chat = await world.regions["in"].do("asha", "conversation.start", members=["ben", "fleur"])
    attach = await world.attach("asha", "in", jpeg())
    place = "d:" + chat["conversation"]
    await world.regions.settle()
    await world.regions["in"].post("asha", place, kind="message", attachments=[attach])
    await world.regions.settle()
    for person, region in (("ben", "de"), ("fleur", "fr")):
        assert here(await world.read(person, region, attach["hash"]))
    # The copy in Germany came in the pair's lane: from there it is not France's to have.
    outcome = await world.files["de"].for_region("fr", attach["hash"])
    assert isinstance(outcome, Refusal)


async def test_a_receipt_waits_until_the_bytes_are_gone(world: World) -> None:
    india, files = world.regions["in"], world.files["in"]
    tea = await india.community("asha", "Tea")
    attach = await world.attach("asha", "in", jpeg())
    post = await india.post("asha", tea, attachments=[attach | {"alt": "SecretLeaf"}])
    await india.do("asha", "content.erase", scope="post", target=post)
    assert any(files.files.hashes())
    erasures = Erasures(
        india.handler,
        india.tap,
        india.reader,
        lambda origin, lanes: frozenset(world.files),
        now=india.clock,
        scored=lambda: india.tap.position,
        delete_files=files.tidy,
        file=Path(india.url.removeprefix("sqlite:///")),
    )
    assert await erasures.settle() == 0
    assert not any(files.files.hashes())
    database = Path(india.url.removeprefix("sqlite:///"))
    assert b"SecretLeaf" not in await asyncio.to_thread(database.read_bytes)


@pytest.mark.parametrize("looked", [True, False])
async def test_deleted_it_is_gone_everywhere(world: World, looked: bool) -> None:
    tea = await world.regions["in"].community("asha", "Tea")
    attach = await world.attach("asha", "in", jpeg())
    post = await world.regions["in"].post("asha", tea, attachments=[attach])
    await world.regions.settle()
    if looked:
        here(await world.read("ben", "de", attach["hash"]))
    await world.regions["in"].do("asha", "post.delete", post=post)
    await world.regions.settle()
    for region, gone in (("in", 1), ("de", int(looked)), ("fr", 0)):
        media = world.files[region]
        assert sum(1 for _ in media.files.hashes()) == gone, region
        await media.tidy()
        assert not any(media.files.hashes())
        outcome = await media.for_region("fr", attach["hash"])
        assert isinstance(outcome, Refusal)
