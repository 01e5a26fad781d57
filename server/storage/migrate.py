"""Schema revisions: brings a database to the newest one before anything else opens it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

HERE = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file."""
    settings = Config()
    settings.set_main_option("script_location", str(HERE))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


def upgrade(url: str) -> None:
    """Runs the revisions that are missing; ``url`` with a synchronous driver name."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            command.upgrade(config(connection), "head")
    finally:
        engine.dispose()


def newest() -> str:
    """The identifier of the newest revision this version knows."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None
    return head
