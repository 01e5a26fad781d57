"""What the first start keeps for those after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import update

from server.app.auth import Identity
from server.ops import config_file
from server.ops.accounts import desk
from server.ops.demo import company, founding, nodes
from server.ops.demo.command import demo_places
from server.ops.demo.nodes import Place
from server.storage import tables as t
from server.storage.sql import statement


async def signed_in(place: Place, tokens: dict[str, str]) -> set[str]:
    async with desk(config_file.load(place.config, {}).config, "tests") as node:
        found = [await node.auth.identify(token) for token in tokens.values()]
    return {one.who.person for one in found if isinstance(one, Identity)}


@pytest.mark.timeout(120)
async def test_a_demo_of_last_year_has_tokens_that_are_worth_something(tmp_path: Path) -> None:
    place = demo_places(tmp_path, 8421)[-1]
    everybody = {person.id for person in company.at_home(place.region)}
    nodes.configure([place])
    first = await founding.secrets(tmp_path, [place])
    assert await signed_in(place, first.tokens) == everybody
    second = await founding.secrets(tmp_path, [place])
    assert (second.tokens, second.runs) == (first.tokens, 1)
    async with desk(config_file.load(place.config, {}).config, "tests") as node:
        await node.core.handler.run(
            lambda tx: tx.execute(statement(update(t.sessions).values(expires_at=1)), {})
        )
    path = tmp_path / founding.SECRETS
    path.write_text(json.dumps(json.loads(path.read_text()) | {"issued_at": 1}))
    third = await founding.secrets(tmp_path, [place])
    assert third.password == first.password
    assert await signed_in(place, third.tokens) == everybody
