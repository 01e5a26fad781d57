"""Small letters of every alphabet: SQLite's own ``lower`` and LIKE know only those of ASCII."""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

LOWER_IN_SQLITE = "lower_of_every_alphabet"
"""Each reader's connection has it (``reader``); it needs the interpreter for every row."""


class lower(FunctionElement[str]):
    """The text in small letters; PostgreSQL's own function takes them from the database's locale."""

    type = Text()
    inherit_cache = True


@compiles(lower)
def _anywhere(element: Any, compiler: Any, **more: Any) -> str:
    return f"lower({compiler.process(element.clauses, **more)})"


@compiles(lower, "sqlite")
def _in_sqlite(element: Any, compiler: Any, **more: Any) -> str:
    return f"{LOWER_IN_SQLITE}({compiler.process(element.clauses, **more)})"
