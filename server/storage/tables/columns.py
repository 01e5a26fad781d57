"""The columns tables are made of, and what all tables belong to."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; on SQLite ``INTEGER`` so that a primary key is the row id itself."""


def key(name: str, kind: Any = Text) -> "Column[Any]":
    return Column(name, kind, primary_key=True, nullable=False)


def words(name: str, default: str = "") -> "Column[Any]":
    return Column(name, Text, nullable=False, server_default=default)


def big(name: str) -> "Column[Any]":
    return Column(name, Big, nullable=False, server_default="0")


def flag(name: str) -> "Column[Any]":
    return Column(name, Boolean, nullable=False)


def local(name: str = "local_position") -> "Column[Any]":
    """This node's commit position of the last change; excluded when nodes are compared."""
    return Column(name, Big, nullable=False, server_default="0", info={"local": True})


def small(name: str, *columns: Any) -> Table:
    """A table whose rows are little more than their key: clustered by it on SQLite."""
    return Table(name, metadata, *columns, sqlite_with_rowid=False)
