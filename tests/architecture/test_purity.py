"""The rules of Tap are plain functions: they wait for nothing, read no clock and roll no dice.

import-linter (pyproject.toml) holds which room may import which; this reads the syntax trees, so that
it also sees a coroutine, a call of a clock and a bare ``open``. Time comes in as ``now``, chance as
bytes or a seed, and effects go out as values (docs/ARCHITECTURE.md).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parents[2]

PURE_ZONES = [
    "server/domain/**/*.py",
    "server/scoring/**/*.py",
    *(f"server/app/{name}.py" for name in ("naming", "webhook_signature", "webhook_steps")),
    # All but the edge, and asyncapi, which prints itself.
    *(
        f"server/realtime/{name}.py"
        for name in (
            "buckets",
            "effects",
            "frames",
            "handshake",
            "hub",
            "interest",
            "permits",
            "presence",
            "present",
            "reading",
            "replies",
            "ring",
            "session",
            "states",
            "values",
            "watching",
            "wheel",
        )
    ),
    # All of it but the edge: links and what stands beside it in the package's docstring.
    *(
        f"server/federation/{name}.py"
        for name in (
            "asking",
            *("catchup", "deadlines", "flow", "forks", "frames", "guests", "handshake"),
            *(
                "intake",
                "lanes",
                "ledger",
                "link",
                "membership",
                "outbox",
                "packing",
                "pauses",
                "relay",
            ),
            *("rosters", "serving", "status", "steps"),
            *("trust", "window"),
        )
    ),
]

# Whole modules whose only use is an effect.
IMPURE_MODULES = {
    "asyncio", "concurrent", "glob", "http", "logging", "multiprocessing", "os", "pathlib",
    "queue", "random", "sched", "secrets", "select", "selectors", "shutil", "signal", "socket",
    "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib",
    "aiosqlite", "alembic", "anyio", "click", "httpx", "prometheus_client", "psycopg", "sqlalchemy",
    "starlette", "structlog", "uvicorn", "uvloop", "websockets",
}  # fmt: skip

# Calls that read a clock or roll dice inside modules that are else pure.
IMPURE_CALLS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "uuid1", "uuid4", "uuid6", "uuid7",
    "open", "print", "input", "breakpoint", "exec", "eval", "__import__",
    # Key material is chance too: whoever owns the key passes it in.
    "Ed25519PrivateKey.generate", "X25519PrivateKey.generate",
}  # fmt: skip

COROUTINES = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


def impurities(source: str) -> Iterator[str]:
    """What in this module waits, reads a clock, rolls dice or touches the world: "line: what"."""
    for node in ast.walk(ast.parse(source)):
        for what in _impurities_of(node):
            yield f"{getattr(node, 'lineno', '?')}: {what}"


def _impurities_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"import {alias.name}" for alias in names if _is_impure(alias.name))
        case ast.ImportFrom(module=str(module)) if _is_impure(module):
            yield f"from {module} import"
        case ast.Call(func=function) if (name := _last_two(function)) in IMPURE_CALLS:
            yield f"{name}()"
        case ast.comprehension(is_async=1):
            yield "async comprehension"
        case _ if isinstance(node, COROUTINES):
            yield type(node).__name__


def _is_impure(module: str) -> bool:
    return module.split(".")[0] in IMPURE_MODULES


def _last_two(function: ast.expr) -> str:
    """``datetime.datetime.now`` and ``datetime.now`` are the same clock."""
    return ".".join(ast.unparse(function).split(".")[-2:])


@pytest.mark.parametrize("zone", PURE_ZONES)
def test_pure_zone_has_no_effects(zone: str) -> None:
    files = sorted(ROOT.glob(zone))
    assert files, f"{zone} is empty: a rule over nothing holds nothing; follow the code with it"
    found = [
        f"{path.relative_to(ROOT)}:{impurity}"
        for path in files
        for impurity in impurities(path.read_text("utf-8"))
    ]
    assert not found, f"pass `now`, bytes or an effect value instead: {found}"


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import asyncio", "import asyncio"),
        ("import os.path", "import os.path"),
        ("from time import monotonic", "from time import"),
        ("def f():\n    import random", "import random"),
        ("import websockets", "import websockets"),
        ("from websockets.asyncio.client import connect", "from websockets.asyncio.client import"),
        ("async def f(): ...", "AsyncFunctionDef"),
        ("x = datetime.datetime.now(UTC)", "datetime.now()"),
        ("x = datetime.now(tz=UTC)", "datetime.now()"),
        ("x = uuid.uuid4()", "uuid.uuid4()"),
        ("x = (y async for y in z)", "async comprehension"),
        ("open('rules.toml')", "open()"),
    ],
)
def test_sees_an_effect(source: str, what: str) -> None:
    assert what in [impurity.split(": ")[1] for impurity in impurities(source)]


def test_lets_plain_rules_pass() -> None:
    source = """
        from datetime import UTC, datetime
        from uuid import UUID

        def due(now: int, last: int) -> datetime:
            return datetime.fromtimestamp(now - last, UTC)
    """
    assert list(impurities(dedent(source))) == []
