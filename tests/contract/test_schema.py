"""The migrated schema is the one the code is written for, on every database."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, DefaultClause, Dialect, create_engine, inspect, text

from server.storage import migrate
from server.storage.tables import metadata


def plain(default: str | None) -> str | None:
    """A default as the database words it, without its quotes and casts."""
    return None if default is None else default.partition("::")[0].strip("'")


def default_of(column: Column[Any], dialect: Dialect) -> str | None:
    """The default the code asks for: a text as it stands, an expression as the database words it."""
    default = column.server_default
    if not isinstance(default, DefaultClause):
        return None
    if isinstance(default.arg, str):
        return default.arg
    return str(default.arg.compile(dialect=dialect))


def test_migrations_lead_to_the_tables_of_the_code(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        assert set(found.get_table_names()) == {*metadata.tables, "alembic_version"}
        for table in metadata.sorted_tables:
            key = found.get_pk_constraint(table.name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key], table.name
            held = {
                column["name"]: (column["nullable"], plain(column["default"]))
                for column in found.get_columns(table.name)
            }
            assert held == {
                column.name: (column.nullable, default_of(column, engine.dialect))
                for column in table.c
            }, table.name
            indexes = {index["name"] for index in found.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= indexes, table.name
    engine.dispose()


def test_migrating_again_changes_nothing(url: str) -> None:
    engine = create_engine(url)
    for _ in range(2):
        migrate.upgrade(url)
        with engine.connect() as connection:
            versions = connection.execute(text("SELECT version_num FROM alembic_version")).all()
        assert versions == [(migrate.newest(),)]
    engine.dispose()


def test_revisions_are_one_line_named_in_order() -> None:
    script = ScriptDirectory.from_config(migrate.config())
    revisions = list(script.walk_revisions())
    assert script.get_heads() == [migrate.newest()]
    names = [revision.revision for revision in reversed(revisions)]
    assert names == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    assert all((revision.doc or "").strip() for revision in revisions)
