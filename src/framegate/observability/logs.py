"""Structured logs on stderr: key-value lines for people, JSON for machines.

Nothing of a file's content goes into a log: names are escaped, texts that an analyser read in a
frame or heard are never logged.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger

type LogFormat = Literal["text", "json"]
type LogLevel = Literal["debug", "info", "warning", "error"]

_QUIET = ("dbos", "sqlalchemy", "alembic", "RapidOCR", "faster_whisper", "httpx", "magika")


def configure(level: LogLevel = "warning", form: LogFormat = "text") -> None:
    """Set up once, at the start of a process. Vendor loggers speak at warning and above."""
    number = logging.getLevelNamesMapping()[level.upper()]
    # tracebacks without local variables: those may hold what a frame shows or a person said
    ending: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format="%(message)s")
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.ERROR))


def logger(name: str) -> FilteringBoundLogger:
    """A logger bound to a part's name."""
    bound: FilteringBoundLogger = structlog.get_logger(part=name)
    return bound
