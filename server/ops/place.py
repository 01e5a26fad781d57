"""Where a node's things lie: its database's addresses and the built web client."""

from pathlib import Path
from urllib.parse import quote

import server
from server.ops.config import Config

SQLITE_FILE = "tap.db"


def sqlite_file(config: Config) -> Path | None:
    """The database's file, or None when it is a server's."""
    if config.storage.url:
        return None
    return Path(config.node.data_dir) / SQLITE_FILE


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


def web_folder() -> Path:
    """The built web client: inside the installed package, else in the checkout."""
    package = Path(server.__file__).parent
    installed = package / "web"
    return installed if installed.exists() else package.parent / "clients" / "web" / "dist"
