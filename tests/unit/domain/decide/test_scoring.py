"""A person's choice and a region's policy: whole registers, written where they belong."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from server.domain.decide.scoring import adopt
from server.domain.scoring_policy import DEFAULT, UNDECIDED, ScoringChoice, ScoringPolicy
from server.storage.queries import scoring
from tests.support.node import TestNode, open_test_node

WIDER = ScoringPolicy(
    scores="opt_in",
    boards="off",
    leaders="off",
    recognition="off",
    k=12,
    retention_days=365,
    agreement="KBV 7",
)


async def chosen(node: TestNode, person: str) -> ScoringChoice:
    async with node.reader.snapshot() as snapshot:
        return await scoring.choice(snapshot, person)


async def test_a_choice_is_written_whole_and_a_repeat_writes_nothing(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        assert await chosen(node, "asha") == UNDECIDED
        assert await node.do("asha", "scoring.choose", profile=True, boards=False) == {"rev": 1}
        assert await chosen(node, "asha") == ScoringChoice(profile=True, boards=False)
        before = node.tap.position
        again = await node.do("asha", "scoring.choose", profile=True, boards=False)
        assert again == {"rev": 1}
        assert node.tap.position == before
        assert await node.do("asha", "scoring.choose", experts=True) == {"rev": 2}
        assert await chosen(node, "asha") == ScoringChoice(experts=True)


async def test_a_policy_is_written_once_and_again_when_it_changes(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        assert await node.handler.append(partial(adopt, DEFAULT)) == {"rev": 1}
        before = node.tap.position
        assert await node.handler.append(partial(adopt, DEFAULT)) == {"rev": 1}
        assert node.tap.position == before
        assert await node.handler.append(partial(adopt, WIDER)) == {"rev": 2}
        async with node.reader.snapshot() as snapshot:
            assert await scoring.policies(snapshot) == {node.region: WIDER}
