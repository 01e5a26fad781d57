"""One place that decides how log lines look: structlog and the standard library's loggers alike.

Lines go to standard error, for people (console) or collectors (json). Each has a UTC time, a level, a
logger and an event in plain words, with the details as fields. Secrets and what people wrote are never
fields: ids are. Tracebacks come without local variables, which hold both and take a second to print.
"""

import logging
import sys
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_QUIET = {
    # Says at "info" what our own ready and stop lines say, and names every connection.
    "uvicorn.error": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    "websockets": logging.WARNING,
    "alembic": logging.WARNING,
    "sqlalchemy.engine": logging.WARNING,
    "aiosqlite": logging.WARNING,
}


def configure(level: str, style: str) -> None:
    """Set up logging once, before anything logs. ``level`` and ``style`` as in [log]."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(shared, style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def _formatter(shared: list[Any], style: str) -> logging.Formatter:
    tail: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if style == "json":
        tail += [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
    else:
        tail += [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=tail)
