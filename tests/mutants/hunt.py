"""Telling each lie to a copy of the package, and letting the tests find it.

The tests of one mutant run in a fork of this process, which has imported everything but ours: a mutant takes
a second or so, where a fresh interpreter takes four. What is ours is compiled once for each slot.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import Mutant, Stale

ROOT = Path(__file__).parents[2]
COPIED = ("server", "tests", "clients/python", "docs", "pyproject.toml")
UNIT = "tests/unit/federation"
SECONDS_MAX = 120
"""A lie that makes a test hang is caught as well."""

FIRST: dict[str, Sequence[str]] = {
    "domain/wire.py": ("vectors",),
    "federation/trust.py": ("trust", "keys", "ends"),
    "federation/ends.py": ("ends", "keys"),
    "federation/rosters.py": ("rosters",),
    "federation/handshake.py": ("handshake", "keys"),
    "federation/forks.py": ("trust", "link", "vectors"),
    "federation/intake.py": ("intake", "link"),
    "federation/leading.py": ("leading",),
    "federation/links.py": ("links",),
    "federation/flow.py": ("link", "world", "relay_world", "restore_world", "keys"),
    "federation/recovery.py": ("recovery",),
    "federation/link.py": ("link", "world"),
    "federation/serving.py": ("serving", "link", "world", "relay_world"),
    "federation/tracks.py": ("serving", "link", "world", "relay_world"),
    "federation/lanes.py": ("lanes", "link"),
    "federation/ledger.py": ("link", "world", "relay_world"),
    "federation/relay.py": ("relay", "relay_world"),
    "federation/packing.py": ("packing",),
    "federation/pages.py": ("pages",),
    "federation/deadlines.py": ("deadlines",),
    "federation/outbox.py": ("outbox", "presence_world"),
    "federation/ephemeral.py": ("ephemeral", "presence_world"),
    "federation/presence.py": ("presence_world",),
}
"""By file of the lie: the tests that know most about it."""
ELSEWHERE: dict[str, Sequence[str]] = {
    **{
        f"storage/{name}.py": ("tests/contract/test_log.py", "tests/contract/test_leads.py")
        for name in ("event_log", "log_writer")
    },
    "storage/poll_facts.py": ("tests/unit/app/test_polls.py",),
    "domain/cut.py": ("tests/unit/domain/test_cut.py",),
    "domain/decide/closing.py": ("tests/unit/domain/decide/test_closing.py",),
    "domain/decide/polls.py": ("tests/unit/app/test_polls.py",),
    "domain/decide/moves.py": ("tests/unit/app/test_moves.py",),
    "domain/leads.py": ("tests/unit/domain/test_leads.py", "tests/unit/federation/test_leading.py"),
    "app/handle.py": ("tests/unit/app/test_handle_failures.py",),
    "storage/epochs.py": ("tests/unit/app/test_incarnations.py",),
    "storage/extent.py": ("tests/contract/test_extent.py",),
    "app/incarnations.py": ("tests/unit/app/test_incarnations.py",),
    "domain/merge.py": ("tests/unit/app/test_incarnations.py",),
}
THEN = (
    *(
        f"{UNIT}/test_{name}.py"
        for name in ("link", "world", "relay_world", "join_world", "serving", "trust")
    ),
    "tests/simulation/test_mutated.py",
)
"""For what those do not catch."""

PRELOADED = [
    "pytest",
    "sqlalchemy.ext.asyncio",
    "aiosqlite",
    "msgspec",
    "structlog",
    "zstandard",
    "prometheus_client",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "uvicorn",
    "websockets",
    "alembic.command",
    "click",
    "argon2",
]


class Verdict(NamedTuple):
    mutant: Mutant
    killer: str
    """The test that failed; empty when none did."""
    trouble: str = ""
    """Why nothing can be said about it: the lie is stale, or the tests could not run."""

    @property
    def is_caught(self) -> bool:
        return bool(self.killer) and not self.trouble


def hunt(mutants: Sequence[Mutant], at_once: int) -> Iterator[Verdict]:
    """One verdict each, as they come; ``at_once``: processes."""
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="tap-mutants-") as folder:
        free = [_copy(Path(folder, str(number))) for number in range(at_once)]
        waiting, running = list(mutants), dict[int, tuple[Mutant, Path]]()
        try:
            while waiting or running:
                while waiting and free:
                    mutant = waiting.pop(0)
                    try:
                        text = mutant.applied_to(ROOT / "server")
                    except Stale as stale:
                        yield Verdict(mutant, "", str(stale))
                        continue
                    slot = free.pop()
                    (slot / "server" / mutant.file).write_text(text)
                    running[_fork(mutant, slot)] = mutant, slot
                if running:
                    pid, status = os.wait()
                    mutant, slot = running.pop(pid)
                    yield _verdict(mutant, slot, os.waitstatus_to_exitcode(status))
                    _restore(slot, mutant.file)
                    free.append(slot)
        finally:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _copy(folder: Path) -> Path:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def _restore(slot: Path, file: str) -> None:
    """The file as it was. What was compiled of the lie goes too: its time and size might be the next one's."""
    told = slot / "server" / file
    shutil.copy2(ROOT / "server" / file, told)
    for compiled in (told.parent / "__pycache__").glob(f"{told.stem}.*.pyc"):
        compiled.unlink()


def _fork(mutant: Mutant, slot: Path) -> int:
    """The process that runs the tests of one mutant."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 70
    try:
        signal.alarm(SECONDS_MAX)
        code = _run(mutant, slot)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _run(mutant: Mutant, slot: Path) -> int:
    with (slot / "out").open("wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.chdir(slot)
    os.environ["TAP_TEST_PROFILE"] = "dev"
    # Whoever comes next in this slot need not compile it all again.
    sys.dont_write_bytecode = False
    sys.path[:] = [str(slot), str(slot / "clients/python")] + [
        path
        for path in sys.path
        if Path(path or ".").resolve() not in (ROOT, ROOT / "clients/python")
    ]
    for name in [
        name for name in sys.modules if name.split(".")[0] in ("server", "tests", "tap_client")
    ]:
        del sys.modules[name]
    import pytest

    settled = [
        "-x",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-q",
        "--no-header",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    first = known_by(mutant)
    for tests in (first, [test for test in THEN if test not in first]):
        if tests and (code := int(pytest.main([*settled, *tests]))):
            return code
    return 0


def known_by(mutant: Mutant) -> list[str]:
    """Those which know most about the file of a lie."""
    if mutant.file in ELSEWHERE:
        return list(ELSEWHERE[mutant.file])
    return [f"{UNIT}/test_{name}.py" for name in FIRST[mutant.file]]


def _verdict(mutant: Mutant, slot: Path, code: int) -> Verdict:
    out = (slot / "out").read_text(errors="replace")
    if code == 0:
        return Verdict(mutant, "")
    if code == -signal.SIGALRM:
        return Verdict(mutant, "(hangs)")
    found = re.search(r"^FAILED (\S+)", out, re.MULTILINE)
    if code != 1 or not found:
        return Verdict(mutant, "", f"{mutant.name}: the tests could not run ({code}): {out[-400:]}")
    return Verdict(mutant, found[1].removeprefix("tests/"))
