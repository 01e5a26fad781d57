"""Client keys are kept as long as promised, and not for ever."""

from pathlib import Path

from server.app import housekeeping
from server.app.handle import Answer
from server.domain import limits
from server.domain.durations import DAY_MS
from server.storage import tables as t
from server.storage.sql import Tx, upsert
from tests.support.node import open_test_node

PUT_SESSION = upsert(t.sessions)


async def test_a_key_is_remembered_for_its_days_and_then_forgotten(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        place = await node.community("asha")
        wish = {"place": place, "kind": "update", "text": "once"}
        first = await node.try_do("asha", "post.publish", key="resent-key", **wish)
        assert isinstance(first, Answer)

        node.clock.advance(limits.KEY_KEPT_DAYS * DAY_MS - 10)
        await housekeeping.tidy(node.handler, node.clock.now)
        again = await node.try_do("asha", "post.publish", key="resent-key", **wish)
        assert isinstance(again, Answer)
        assert (again.repeated, again.result) == (True, first.result)

        node.clock.advance(20)
        assert await housekeeping.tidy(node.handler, node.clock.now) == 2
        anew = await node.try_do("asha", "post.publish", key="resent-key", **wish)
        assert isinstance(anew, Answer)
        assert not anew.repeated


async def test_an_ended_session_goes_and_a_running_one_stays(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        common = {
            "person": "asha",
            "kind": "device",
            "label": "",
            "created_at": 0,
            "names": "shown",
        }

        def put(tx: Tx) -> None:
            for digest, ends in ((b"old", 5), (b"new", node.clock.now + 1)):
                tx.execute(PUT_SESSION, common | {"digest": digest, "expires_at": ends})

        await node.handler.run(put)
        assert await housekeeping.tidy(node.handler, node.clock.now) == 1
        assert await housekeeping.tidy(node.handler, node.clock.now + 2) == 1
