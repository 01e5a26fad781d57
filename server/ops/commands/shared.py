"""What the verbs share: exit codes, failures in one sentence, the configuration, output as JSON."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import structlog

from server.ops import config_file, lock, logging
from server.ops.config import Config, ConfigError
from server.ops.config_file import Loaded
from server.ops.core import StartError, explained
from server.ops.membership import effective
from server.ops.place import database_url, sqlite_file
from server.storage.reader import Reader

T = TypeVar("T")


class Exit(IntEnum):
    """What a script can rely on (docs/operations/cli.md)."""

    DONE = 0
    FOUND = 1
    """The verb did its work, and what it looked for is wrong: a refusal, a failed check."""
    USAGE = 2
    """Wrong arguments or a configuration that cannot be used; click's own code for usage."""
    MACHINE = 3
    """Something around Tap is in the way: a port, a lock, a disk, a node out of reach."""
    BUG = 70
    """Our own mistake (sysexits EX_SOFTWARE); a traceback is printed."""


def fail(message: str, exit_code: Exit = Exit.FOUND) -> NoReturn:
    """End the verb with a sentence, or a few, on standard error."""
    for line in message.splitlines():
        click.echo(f"tap: {line}", err=True)
    sys.exit(exit_code)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def load(*, rostered: bool = True) -> Loaded:
    """The configuration of this call (--config, else TAP_CONFIG, else the usual places); logging set.

    ``rostered``: with peers and groups as the roster says, if there is one."""
    given = click.get_current_context().find_root().params.get("config")
    try:
        loaded = config_file.load(config_file.find(given), os.environ)
        if rostered:
            loaded = loaded._replace(config=effective(loaded.config))
    except ConfigError as error:
        fail(str(error), Exit.USAGE)
    logging.configure(loaded.config.log.level, loaded.config.log.format)
    return loaded


def quiet_config() -> Config:
    """The configuration for a verb whose output is its answer: only warnings are logged beside it."""
    config = load().config
    structlog.reset_defaults()
    logging.configure("warning", config.log.format)
    return config


def require_database(config: Config) -> None:
    """Ends the verb when there is nothing to look at: a reader must not create an empty database."""
    file = sqlite_file(config)
    if file is not None and not file.exists():
        fail(f"There is no database {file}: this node was never started.", Exit.MACHINE)


def require_owner(config: Config) -> None:
    """Ends the verb where the node could not read what it would write."""
    try:
        lock.require_owner(Path(config.node.data_dir))
    except lock.NotOwner as error:
        fail(str(error), Exit.MACHINE)


def look(config: Config, read: Callable[[Reader], Awaitable[T]]) -> T:
    """What a verb reads from the database, whether the node runs or not."""
    require_database(config)

    async def run() -> T:
        reader = Reader.open(database_url(config))
        try:
            return await read(reader)
        finally:
            await reader.close()

    try:
        with explained(config):
            return asyncio.run(run())
    except StartError as error:
        fail(str(error), Exit.MACHINE)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Left-aligned columns as wide as their widest cell."""
    cells = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
