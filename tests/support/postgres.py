"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket only we know, gone afterwards.

The server's programs refuse to run as root, so root hands the folder to an unprivileged user. Nothing is
synced: what is tested is our SQL, not the server's durability.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from server.storage.migrate import upgrade

TEMPLATE = "tap_template"
"""Migrated once; copying it takes a tenth of migrating."""
START_SECONDS = 60
INITDB = (
    *("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"),
    # Words in the order of a dictionary, as most servers have them, not in that of their bytes.
    *("--locale-provider=icu", "--icu-locale=en"),
)
SETTINGS = (
    "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=60"
    " -c autovacuum=off -c log_min_messages=fatal"
)


class Postgres(NamedTuple):
    """A running server; ``new_database`` gives SQLAlchemy's address of an empty, migrated one."""

    bin: Path
    folder: Path
    user: str | None
    numbers: Iterator[int]

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def new_database(self) -> str:
        name = f"tap_{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.url(name)

    def sql(self, statement: str) -> None:
        """Runs one statement as the server's owner, outside any transaction."""
        address = f"postgresql://postgres@/postgres?host={self.folder}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.bin / program, *arguments],
            user=self.user,
            group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
            extra_groups=None if self.user is None else [],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=START_SECONDS * 2,
        )

    def start(self) -> None:
        options = f"{SETTINGS} -k {self.folder}"
        log = str(self.folder / "log")
        data = str(self.folder / "data")
        self.run(
            "pg_ctl", "-w", "-t", str(START_SECONDS), "-D", data, "-l", log, "-o", options, "start"
        )

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "immediate", "-D", str(self.folder / "data"), "stop")


def _unprivileged() -> str | None:
    """Whom the server runs as: ourselves, or for root whoever there is that is nobody special."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@contextmanager
def running_postgres(bin: Path) -> Iterator[Postgres]:
    """The server while the block runs. ``bin``: the folder of its programs."""
    # Not below pytest's own folder: that is for one user only.
    folder = Path(tempfile.mkdtemp(prefix="tap-pg-"))
    server = Postgres(bin, folder, _unprivileged(), itertools.count(1))
    try:
        if server.user is not None:
            shutil.chown(folder, server.user)
        server.run("initdb", "-D", str(folder / "data"), *INITDB)
        server.start()
        try:
            server.sql(f"CREATE DATABASE {TEMPLATE}")
            upgrade(server.url(TEMPLATE))
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
