"""Schema revisions: brings a database to the newest one before anything else opens it."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event

HERE = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file."""
    settings = Config()
    settings.set_main_option("script_location", str(HERE))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


def upgrade(url: str) -> None:
    """Runs the revisions that are missing, all of them or none; ``url`` with a synchronous driver name."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        _begin_ourselves(engine)
    try:
        with engine.begin() as connection:
            command.upgrade(config(connection), "head")
    finally:
        engine.dispose()


def _begin_ourselves(engine: Engine) -> None:
    """Python's driver begins a transaction for rows alone: each change of a table would be committed by itself, and
    a revision that was cut short could neither be gone on with nor be made again."""

    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def newest() -> str:
    """The identifier of the newest revision this version knows."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None
    return head
