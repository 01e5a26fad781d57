"""Servers as processes on a core of their own, and what they spend there."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
BENCH = ROOT / ".bench"
SERVER_CORE, LOAD_CORE = 0, 1
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10
CPUCLOCK_SCHED = 2
"""Linux: a process's own run time in ns, the clock that ``clock_getcpuclockid`` names (posix-cpu-timers.c)."""
QUIET_SECONDS = 0.5
QUIET_SHARE = 0.02
"""Of a core: a node with a few thousand connections and nothing to do stays below it."""
QUIET_WINDOWS_MAX = 120


class Skipped(Exception):
    """Something this machine lacks; the text says what."""


def build(name: str) -> Path:
    """The program made from ``name.c``, compiled again when a source is newer. Raises Skipped."""
    compiler, program = shutil.which("cc"), BENCH / name
    if compiler is None:
        raise Skipped("NO C COMPILER: the load and the floor cannot be built, nothing is measured")
    BENCH.mkdir(exist_ok=True)
    sources = [HERE / f"{name}.c", *HERE.glob("*.h")]
    newest = max(source.stat().st_mtime for source in sources)
    if not program.exists() or program.stat().st_mtime < newest:
        _compile(compiler, sources[0], program)
    return program


def _compile(compiler: str, source: Path, program: Path) -> None:
    """With TLS where OpenSSL's headers are; only one figure needs it, and says so when it is missing."""
    command = [compiler, "-O2", "-Wall", "-o", str(program), str(source)]
    with_tls = [*command, "-DWITH_TLS", "-lssl", "-lcrypto"]
    if subprocess.run(with_tls, capture_output=True, check=False).returncode:
        subprocess.run(command, check=True)


def on_core(core: int) -> Sequence[str]:
    """A prefix that pins what is started; on one core alone everything shares it, and says so."""
    if (os.cpu_count() or 1) <= max(SERVER_CORE, LOAD_CORE):
        print("ONE CORE ONLY: server and load share it; figures mean little", file=sys.stderr)
        return ()
    return ("taskset", "-c", str(core))


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """What this thread starts meanwhile runs on one core."""
    before = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[int]:
    """A server on its core while the block runs: its process id, once ``port`` answers."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*on_core(SERVER_CORE), *command], stdout=out, stderr=out, cwd=ROOT
        )
    try:
        _await_port(port, process, log)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not start:\n{log.read_text()[-2000:]}")


# -- what is spent -----------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """Run time of a process and its descendants, user and system, of threads that ended too."""
    total = 0.0
    for one in _family(pid):
        with contextlib.suppress(OSError):
            total += time.clock_gettime(~one << 3 | CPUCLOCK_SCHED)
    return total


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield from _family(int(child))


def rss_kib(pid: int) -> int:
    """Resident memory of a process and its descendants."""
    page_kib = os.sysconf("SC_PAGE_SIZE") // 1024
    return sum(
        int(Path(f"/proc/{one}/statm").read_text().split()[1]) * page_kib for one in _family(pid)
    )


def other_threads_turns(pid: int) -> int:
    """How often threads other than the main one got the processor: each read or write of the database
    happens in one of them."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        if task.parent.name != str(pid):
            total += int(task.read_text().split()[2])
    return total


def forget_peak(pid: int) -> None:
    """``peak_rss_kib`` counts from now on (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_rss_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def idle_share(pid: int, seconds: float = 1.0) -> float:
    """CPU seconds per second now, while nobody asks for anything."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def until_quiet(pid: int, share: float = QUIET_SHARE) -> float:
    """Waits until the server has nothing left to do; what it spends then, CPU seconds per second."""
    for _ in range(QUIET_WINDOWS_MAX):
        spent = idle_share(pid, QUIET_SECONDS)
        if 0 <= spent < share:  # below 0 the clock jumped
            return spent
    raise RuntimeError(f"process {pid} does not come to rest")
