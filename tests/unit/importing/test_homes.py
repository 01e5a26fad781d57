"""Where people are sent: skewed, even or listed, and the same every time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from server.domain.errors import Refused
from server.ops.importing import homes
from tests.support.archives import DATA, archive

REGIONS = ["in", "de", "br"]
PEOPLE = [f"person.{n}" for n in range(3_000)]


def test_known_people_are_on_their_published_nodes() -> None:
    people = {"asha": 10, "ncar.n001": 6, "ncar.n106": 1, "bike.21": 12, "x": 6}
    assert {name: homes.zipf_node(name) for name in people} == people


def test_the_rule_is_the_data_folders() -> None:
    archive("ncar-zulip")  # skips without the data
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from assign_nodes import node;"
        "print(*[node(f'person.{n}') for n in range(3000)])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, DATA], capture_output=True, text=True, check=True
    )
    assert [homes.zipf_node(name) for name in PEOPLE] == [int(n) for n in answer.stdout.split()]


def test_nodes_fold_onto_the_regions_in_their_order() -> None:
    rule = homes.rule("zipf20", REGIONS)
    for name in PEOPLE:
        assert rule(name) == REGIONS[(homes.zipf_node(name) - 1) % 3]


def test_hash_spreads_evenly() -> None:
    counts = Counter(map(homes.rule("hash", REGIONS), PEOPLE))
    assert all(900 < counts[region] < 1_100 for region in REGIONS)


def test_a_list_of_homes_may_have_a_line_for_everybody_else(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_text("id,region\nasha,in\n*,de\n")
    rule = homes.rule(str(path), REGIONS)
    assert (rule("asha"), rule("anyone")) == ("in", "de")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("asha,fr\n", "without an address"), ("asha,in\n", "gives bo no home")],
)
def test_a_list_that_leaves_someone_out_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_text(text)
    with pytest.raises(Refused, match=problem):
        homes.rule(str(path), REGIONS)("bo")
