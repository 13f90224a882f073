"""Logs: structured, on standard error, for people or for machines."""

from __future__ import annotations

import logging
import sys

import structlog
from typing_extensions import override

from cdp.errors import BadInput
from cdp.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Send the logs of this process to standard error, as the settings want them.

    Raises:
        BadInput: there is no such level or format.
    """
    level = logging.getLevelNamesMapping().get(settings.log_level.upper())
    if level is None:
        raise BadInput(f"CDP_LOG_LEVEL={settings.log_level!r} is none; write debug, info, warning or error.")
    renderer: structlog.typing.Processor
    match settings.log_format:
        case "console":
            renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        case "json":
            renderer = structlog.processors.JSONRenderer()
        case other:
            raise BadInput(f"CDP_LOG_FORMAT={other!r} is none; write console or json.")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_OneLine()], force=True)


class _OneLine(logging.Handler):
    """What libraries log, among our lines and in the same form; an error is named, without its traceback."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        named = {"error": f"{type(error).__name__}: {error}"} if error is not None else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, **named)
