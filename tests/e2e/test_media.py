"""Files between real regions: fetched when somebody looks, from whoever has them, gone with their post."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from tap_client import Client

from server.ops.demo.nodes import Node, Place
from tests.support.pictures import jpeg
from tests.support.processes import SECONDS_MAX, do_when_known, enrol, places, running, until

pytestmark = pytest.mark.e2e
PEOPLE = {"in": "asha", "de": "ben", "br": "cleo"}


def held(place: Place) -> list[str]:
    """Hashes of the files that lie at a place."""
    folder = place.database.parent / "media"
    return [path.parent.name + path.name for path in folder.glob("??/*")]


def media(node: Node, token: str, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    method = "POST" if "content" in more else "GET"
    url = f"{node.place.url}/api/v1/media{path}"
    return httpx.request(method, url, headers=headers, timeout=SECONDS_MAX, **more)


async def test_a_picture_crosses_regions_and_leaves_all_of_them(tmp_path: Path) -> None:
    made = places(tmp_path, *PEOPLE)
    tokens = {region: (await enrol(made[region], [who]))[who] for region, who in PEOPLE.items()}
    async with running(made.values()) as nodes, Client(made["in"].url, tokens["in"]) as asha:
        sent = await asyncio.to_thread(
            media, nodes["in"], tokens["in"], "", content=jpeg((900, 600))
        )
        hash_ = sent.json()["hash"]
        place = (await asha.do({"do": "community.create", "name": "Tea"})).answer["community"]
        attach = [{"hash": hash_, "name": "leaf.jpg", "alt": "A leaf"}]
        wish = {
            "do": "post.publish",
            "place": "c:" + place,
            "kind": "update",
            "attachments": attach,
        }
        post = (await do_when_known(asha, wish, "with-a-picture")).answer["post"]

        def reads(region: str, more: str = "") -> bool:
            return media(nodes[region], tokens[region], f"/{hash_}{more}").status_code == 200

        # The thumbnail comes with the post, the bytes when somebody looks.
        for region in ("de", "br"):
            await until(f"{region} has the post", lambda r=region: reads(r, "/thumbnail"))  # type: ignore[misc]
        assert (held(made["de"]), held(made["br"])) == ([], [])
        came = await asyncio.to_thread(media, nodes["de"], tokens["de"], f"/{hash_}")
        assert hashlib.sha256(came.content).hexdigest() == hash_
        assert held(made["de"]) == [hash_]

        # While its own region is away, another that has it hands it out.
        await nodes["in"].stop()
        assert await asyncio.to_thread(reads, "br")
        assert held(made["br"]) == [hash_]
        await nodes["in"].start()

    async with running(made.values()) as nodes, Client(made["in"].url, tokens["in"]) as asha:
        await asha.do({"do": "post.delete", "post": post})
        for region in PEOPLE:
            await until(f"the file is gone in {region}", lambda r=region: held(made[r]) == [])  # type: ignore[misc]
