"""Rebuilding from the log gives the same tables, says what differs, and mends it (I6)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from server.storage.connection import WriterConnection, open_writer
from server.storage.digest import HOME_ONLY, REBUILT, digests, shared_digests, shared_digests_at
from server.storage.rebuild import rebuild
from server.storage.tables import PROJECTIONS
from tests.support.company import history
from tests.support.living import Abroad, live
from tests.support.node import open_test_node
from tests.support.world import build_world

SPOILT: dict[str, str] = {
    "persons": "UPDATE persons SET name = 'Mallory' WHERE person = 'asha'",
    "fuller_profiles": "UPDATE fuller_profiles SET about = 'none'",
    "residency": "UPDATE residency SET rev = rev + 1",
    "person_homes": "UPDATE person_homes SET region = region || 'x'",
    "releases": "UPDATE releases SET cut = '[]'",
    "person_roles": "DELETE FROM person_roles",
    "communities": "UPDATE communities SET local_position = 1",
    "memberships": "UPDATE memberships SET rev = rev + 1",
    "community_roles": "UPDATE community_roles SET role = 'owner'",
    "conversations": "UPDATE conversations SET title = 'x'",
    "conversation_members": "DELETE FROM conversation_members WHERE person = 'asha'",
    "read_marks": "UPDATE read_marks SET up_to = up_to + 1",
    "posts": "UPDATE posts SET text = 'better'",
    "post_revisions": "DELETE FROM post_revisions",
    "post_topics": "UPDATE post_topics SET topic = topic || 's'",
    "media_posts": "UPDATE media_posts SET lanes = '[]'",
    "post_counts": "UPDATE post_counts SET helpful = helpful + 1",
    "emoji_counts": "UPDATE emoji_counts SET n = n + 1",
    "reactions": "UPDATE reactions SET person = person || 'x'",
    "acceptances": "UPDATE acceptances SET rev = rev + 1",
    "verifications": "DELETE FROM verifications",
    "citations": "UPDATE citations SET rev = rev + 1",
    "imported_votes": "UPDATE imported_votes SET vote = 'none'",
    "follows": "DELETE FROM follows",
    "acknowledgements": "UPDATE acknowledgements SET at = at + 1",
    "idea_stages": "UPDATE idea_stages SET stage = 'declined'",
    "moderations": "UPDATE moderations SET reason = 'none'",
    "hidden_at_home": "DELETE FROM hidden_at_home",
    "flags": "UPDATE flags SET at = at + 1",
    "flag_resolutions": "UPDATE flag_resolutions SET seen = seen + 1",
    "topics": "UPDATE topics SET names = '{}'",
    "standings": "UPDATE standings SET standing = standing + 1",
    "scoring_policies": "UPDATE scoring_policies SET rev = rev + 1",
    "scoring_choices": "DELETE FROM scoring_choices",
    "scoring_histories": "UPDATE scoring_histories SET rev = rev + 1",
    "scoring_roots": "UPDATE scoring_roots SET people = people + 1",
    "cases": "UPDATE cases SET reason = 'none'",
    "case_parties": "DELETE FROM case_parties",
    "case_decisions": "UPDATE case_decisions SET outcome = 'none'",
    "credit_rulings": "UPDATE credit_rulings SET pairs = '[]'",
    "erasures": "DELETE FROM erasures",
    "erasure_receipts": "UPDATE erasure_receipts SET bodies = bodies + 1",
    "ballots": "UPDATE ballots SET choices = '[9]'",
    "poll_choices": "UPDATE poll_choices SET votes = votes + 1",
    "ballot_casts": "DELETE FROM ballot_casts",
    "ballots_kept": "DELETE FROM ballots_kept",
    "poll_outcomes": "UPDATE poll_outcomes SET outcome = '{}'",
    "polls": "UPDATE polls SET voters = voters + 1",
    "poll_regions": "DELETE FROM poll_regions",
    "bodies": "DELETE FROM bodies",
    "event_channels": "DELETE FROM event_channels WHERE channel = 'g'",
}


EVERYTHING = history(7, 440)
"""Always the same: enough of every kind to leave a row in every table."""


@pytest.fixture
async def stopped(url: str, tmp_path: Path) -> str:
    """The address of a node that lived through everything and was stopped."""
    async with open_test_node(tmp_path, url=url) as node:
        world = await build_world(node)
        await live(node, EVERYTHING, Abroad(world.abroad))
    return url


def run(url: str, statement: str) -> int:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement)).rowcount
    finally:
        engine.dispose()


def all_digests(connection: WriterConnection) -> dict[str, str]:
    with connection.transaction() as tx:
        return digests(tx)


async def test_i6_a_rebuild_finds_nothing_to_mend(url: str, tmp_path: Path, seed: int) -> None:
    async with open_test_node(tmp_path, url=url) as node:
        world = await build_world(node)
        await live(node, history(seed, 200), Abroad(world.abroad))
        events = node.tap.position
    assert rebuild(url, check=True) == (events, ())


async def test_i6_what_was_spoilt_is_named_and_mended(stopped: str) -> None:
    """Every table in turn: named by a check, which changes nothing, and mended by a rebuild."""
    assert SPOILT.keys() == {table.name for table in REBUILT}
    with closing(open_writer(stopped)) as connection:
        whole = all_digests(connection)
        for name, statement in SPOILT.items():
            assert run(stopped, statement) > 0, f"{name} holds nothing to spoil"
        spoilt = all_digests(connection)
        report = rebuild(stopped, check=True)
        assert set(report.different) == SPOILT.keys()
        assert all_digests(connection) == spoilt, "a check changes nothing"
        assert set(rebuild(stopped, check=False).different) == SPOILT.keys()
        assert all_digests(connection) == whole


@pytest.mark.parametrize("name", ["posts", "post_counts", "event_channels"])
async def test_i6_only_what_was_spoilt_is_named(stopped: str, name: str) -> None:
    run(stopped, SPOILT[name])
    assert rebuild(stopped, check=True).different == (name,)


async def test_i6_a_node_goes_on_after_a_rebuild(url: str, stopped: str, tmp_path: Path) -> None:
    run(stopped, "DELETE FROM posts")
    rebuild(stopped, check=False)
    async with open_test_node(tmp_path, url=url) as node:
        place = await node.community("mod", "After")
        await node.post("mod", place)
    assert rebuild(stopped, check=True).different == ()


# ---------------------------------------------------------------- comparing databases


def _shared(url: str) -> dict[str, str]:
    return shared_digests_at(url)


async def test_i6_two_engines_hold_the_same(url: str, tmp_path: Path, seed: int) -> None:
    """Whichever database a region chose: the digests of the same events are the same."""
    found = []
    for number, address in enumerate((url, "")):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with open_test_node(folder, url=address) as node:
            world = await build_world(node)
            await live(node, history(seed, 150), Abroad(world.abroad))
            found.append(_shared(node.url))
    one, other = found
    assert [name for name in one if one[name] != other[name]] == []
    assert one.keys() == {table.name for table in PROJECTIONS if table.name not in HOME_ONLY}


async def test_digests_leave_out_what_is_a_nodes_own(stopped: str) -> None:
    before = _shared(stopped)
    for statement in (
        "UPDATE posts SET local_position = 1",
        "UPDATE polls SET local_changed = 1",
        "DELETE FROM read_marks",
        "DELETE FROM hidden_at_home",
    ):
        assert run(stopped, statement)
    assert _shared(stopped) == before
    run(stopped, SPOILT["posts"])
    engine = create_engine(stopped)
    with engine.connect() as connection:
        after = shared_digests(connection)
    engine.dispose()
    assert [name for name in before if before[name] != after[name]] == ["posts"]


def test_digests_are_told_while_somebody_writes(url: str) -> None:
    """One consistent read of a database that another process has open."""
    connection = open_writer(url)
    before = _shared(url)

    class Undo(Exception):
        pass

    def write(tx: Any) -> None:
        tx.cursor.execute("INSERT INTO topics (topic, rev) VALUES ('tea', 1)")
        assert _shared(url) == before, "nothing uncommitted is seen"
        raise Undo

    with pytest.raises(Undo), connection.transaction() as tx:
        write(tx)
    assert _shared(url) == before
    connection.close()
