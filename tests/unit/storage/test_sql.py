"""Constructs compiled once: parameters in the right order, conflicts decided as said, on both dialects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import bindparam, insert, literal, select, update

from server.storage import tables as t
from server.storage.sql import Tx, statement, upsert
from tests.support.folding import Scratch

TOPIC = {"topic": "tea", "names": "{}", "parent": "", "synonyms": "[]", "rev": 1}
READ = statement(select(t.topics.c.rev, t.topics.c.parent).where(t.topics.c.topic == "tea"))


@pytest.fixture
def tx() -> Iterator[Tx]:
    with Scratch().empty() as tx:
        yield tx


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_parameters_line_up_with_their_places(dialect: str) -> None:
    """Named in another order than the text asks for them, and one of them twice."""
    construct = (
        update(t.topics)
        .where(t.topics.c.topic == bindparam("t"), t.topics.c.rev < bindparam("r"))
        .values(rev=bindparam("r"), parent=bindparam("p"))
    )
    compiled = statement(construct).compiled(dialect)
    mark = "?" if dialect == "sqlite" else "%s"
    found = compiled.order({"p": "parent", "r": 5, "t": "tea"})
    assert compiled.text.count(mark) == len(found)
    assert sorted(map(str, found)) == ["5", "5", "parent", "tea"]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_statement_is_compiled_once(dialect: str) -> None:
    found = statement(select(t.topics.c.topic))
    assert found.compiled(dialect) is found.compiled(dialect)
    assert found.compiled(dialect).order({}) == ()


def test_what_sqlalchemy_bound_itself_is_filled_in(tx: Tx) -> None:
    tx.execute(statement(insert(t.topics)), TOPIC)
    query = select(t.topics.c.topic, literal(7)).where(t.topics.c.rev >= bindparam("least"))
    assert tx.rows(statement(query.limit(3)), {"least": 1}) == [("tea", 7)]
    assert tx.rows(statement(query.limit(3)), {"least": 2}) == []


def test_the_first_one_wins(tx: Tx) -> None:
    keep = upsert(t.topics)
    assert tx.execute(keep, TOPIC) == 1
    assert tx.execute(keep, TOPIC | {"rev": 9}) == 0
    assert tx.one(READ, {}) == (1, "")


def test_named_columns_are_updated_and_the_others_kept(tx: Tx) -> None:
    put = upsert(t.topics, ("rev",))
    tx.execute(put, TOPIC)
    assert tx.execute(put, TOPIC | {"rev": 5, "parent": "drinks"}) == 1
    assert tx.one(READ, {}) == (5, "")


@pytest.mark.parametrize(("rev", "changed"), [(0, 0), (1, 0), (2, 1)])
def test_only_what_is_newer_is_written(tx: Tx, rev: int, changed: int) -> None:
    put = upsert(t.topics, ("rev", "parent"), newer="rev")
    tx.execute(put, TOPIC)
    assert tx.execute(put, TOPIC | {"rev": rev, "parent": "drinks"}) == changed
    assert tx.one(READ, {}) == ((rev, "drinks") if changed else (1, ""))


def test_a_change_may_be_told_as_an_expression(tx: Tx) -> None:
    add = upsert(t.topics, {"rev": lambda stored, new: stored + new})
    for _ in range(3):
        tx.execute(add, TOPIC | {"rev": 2})
    assert tx.one(READ, {}) == (6, "")


def test_many_rows_at_once(tx: Tx) -> None:
    tx.many(statement(insert(t.topics)), [TOPIC | {"topic": name} for name in "abc"])
    assert len(tx.rows(statement(select(t.topics.c.topic)), {})) == 3
    tx.many(statement(insert(t.topics)), [])
    assert len(tx.rows(statement(select(t.topics.c.topic)), {})) == 3


def test_nothing_found_is_none(tx: Tx) -> None:
    assert tx.one(READ, {}) is None
