"""Columns as migrations write them. Never changed: what has run must mean the same to the next database."""

from typing import Any

import sqlalchemy as sa

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits everywhere."""


def text(name: str, default: str = "") -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def big(name: str) -> "sa.Column[Any]":
    return sa.Column(name, BIG, server_default="0", nullable=False)
