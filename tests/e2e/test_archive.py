"""Two real archives spread over three real nodes arrive everywhere, whole, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.ops.demo.nodes import Place
from server.ops.importing.homes import zipf_node
from server.storage.digest import shared_digests_at
from tests.e2e import truth
from tests.e2e.held import held, homes, vote_counts
from tests.support.archives import DATA, archive
from tests.support.processes import enrol, places, running, tap, until_level

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

REGIONS = ("in", "de", "br")
ARCHIVES = (("zulip", "ncar-zulip"), ("stackexchange", "se-bicycles-meta"))


@pytest.fixture(scope="module")
def expected() -> truth.Truth:
    for _, name in ARCHIVES:
        archive(name)
    return truth.read(DATA)


def load(where: list[Place], tokens: Path) -> tuple[int, int]:
    """Imports both archives over the network; (new, known) records of all regions."""
    new = known = 0
    for kind, name in ARCHIVES:
        to = [word for place in where for word in ("--to", f"{place.region}={place.url}")]
        report = tap(
            *("import", "--from", kind, archive(name), *to),
            *("--home-rule", "zipf20", "--token-file", tokens),
        )
        lines = [line.split() for line in report.splitlines() if line.startswith("to ")]
        assert len(lines) == len(where), report
        new += sum(int(line[2].replace(",", "")) for line in lines)
        known += sum(int(line[4].replace(",", "")) for line in lines)
        assert all(line[-2] == "0" for line in lines), report
    return new, known


def check(place: Place, expected: truth.Truth) -> None:
    """Every person, community, post, link, acceptance and vote, on this node."""
    got = held(place)
    services = {f"import.{region}" for region in REGIONS}
    assert got.persons - services == expected.persons
    assert got.communities == expected.communities
    assert got.posts == expected.posts
    assert got.acceptances == expected.acceptances
    assert got.votes == expected.votes
    counted = {
        name: (expected.votes[name, "up"], expected.votes[name, "down"]) for name in expected.posts
    }
    shown = {name[1]: votes for name, votes in counted.items() if votes != (0, 0)}
    assert vote_counts(place) == shown
    lives = homes(place)
    for person in expected.persons:
        assert lives[person] == REGIONS[(zipf_node(person) - 1) % len(REGIONS)]


async def test_both_archives_arrive_everywhere_whole_and_once(
    expected: truth.Truth, tmp_path: Path
) -> None:
    where = list(places(tmp_path, *REGIONS).values())
    tokens = tmp_path / "tokens"
    for place in where:
        token = (await enrol(place, [f"import.{place.region}"], "service")).popitem()[1]
        with tokens.open("a") as file:
            file.write(f"{place.region}={token}\n")
    # Facts of the archives' own descriptions, so that a wrong reading of them cannot hide.
    assert len(expected.persons) == 197 + 312
    assert len(expected.posts) == 6_690 + 453 + 971 + 2_448
    assert len(expected.acceptances) == 157
    assert expected.votes.total() == 5_671 - 181
    async with running(where):
        new, known = load(where, tokens)
        assert (new, known) == (6_918 + 9_832, 0)
        await until_level(where, 120)
        for place in where:
            check(place, expected)
        assert load(where, tokens) == (0, new)
    digests = [shared_digests_at(f"sqlite:///{place.database}") for place in where]
    assert digests[0] == digests[1] == digests[2]
