"""Where a node's database and files lie, as each of their readers wants to be told."""

from pathlib import Path
from urllib.parse import quote

from server.ops.config import Config

SQLITE_FILE = "tap.db"


def sqlite_file(config: Config) -> Path | None:
    """The database's file, or None when it is a server's."""
    if config.storage.url:
        return None
    return Path(config.node.data_dir) / SQLITE_FILE


def media_folder(config: Config) -> Path:
    """Where the bytes of files lie."""
    return Path(config.node.data_dir) / "media"


def public_mirror_file(config: Config) -> Path:
    """Where public ledgers are computed (app/public_mirror); made anew whenever it is not there."""
    return Path(config.node.data_dir) / "public.db"


def sealing_file(config: Config) -> Path:
    """The key of what is sealed in the database; beside it, and to be kept with it."""
    return Path(config.node.data_dir) / "sealing.key"


def database_url(config: Config) -> str:
    """What storage opens: ``sqlite:///<file>`` or ``postgresql+psycopg://...``."""
    file = sqlite_file(config)
    if file is not None:
        return f"sqlite:///{file}"
    return config.storage.url.replace("postgresql://", "postgresql+psycopg://", 1)


def sync_url(config: Config, read_only: bool = False) -> str:
    """For SQLAlchemy's plain engines; with ``read_only`` SQLite refuses every write."""
    file = sqlite_file(config)
    if file is None:
        return database_url(config)
    mode = "?mode=ro&uri=true" if read_only else "?uri=true"
    return f"sqlite+pysqlite:///file:{quote(str(file))}{mode}"
