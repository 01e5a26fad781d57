"""What the configuration says reaches the part it is meant for."""

from __future__ import annotations

from pathlib import Path

import httpx

from server.ops import config_file, core, keys
from server.ops.bootstrap import build

CONFIG = """
[node]
region = "de"
name = "Germany"
[http]
trusted_proxies = ["10.0.0.0/8"]
[live]
presence = false
"""


async def test_presence_and_trusted_proxies_reach_the_gateway(tmp_path: Path) -> None:
    private = keys.generate(tmp_path / "data/node.key")
    config = config_file.parse(CONFIG, tmp_path).config
    async with core.opened(config, "test") as opened:
        gateway = build(opened, private).gateway
        assert not gateway._keeps_presence
        assert [str(network) for network in gateway._proxies] == ["10.0.0.0/8"]


async def test_the_documents_of_the_client_protocol_are_served_beside_the_others(
    tmp_path: Path,
) -> None:
    private = keys.generate(tmp_path / "data/node.key")
    config = config_file.parse(CONFIG, tmp_path).config
    committed = Path(__file__).parents[3] / "docs/protocol"
    async with core.opened(config, "test") as opened:
        transport = httpx.ASGITransport(app=build(opened, private).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://de") as http:
            for name in ("asyncapi.json", "client.schema.json", "openapi.json"):
                response = await http.get(f"/api/v1/{name}")
                assert response.headers["content-type"] == "application/json"
                assert response.content == (committed / name).read_bytes()
