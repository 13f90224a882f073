"""Logs: structured, on standard error, for people or for machines; nobody's data is in them."""

from __future__ import annotations

import logging
import sys
import threading

import structlog
from typing_extensions import override

from cdp.errors import BadInput
from cdp.settings import Settings
from cdp.telemetry import described
from cdp.telemetry.redaction import redact_event


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
            redact_event,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_OneLine()], force=True)


def log_uncaught() -> None:
    """Have errors that nobody caught, in threads and while objects are thrown away, logged as all others are.

    Python would write them to standard error with their words, which may quote somebody's data.
    """
    log = structlog.get_logger("cdp.uncaught")

    def of_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and not isinstance(given.exc_value, SystemExit):
            log.error("thread_failed", **described(given.exc_value))

    def of_object(given: sys.UnraisableHookArgs) -> None:
        if given.exc_value is not None:
            log.error("error_could_not_be_raised", **described(given.exc_value))

    threading.excepthook = of_thread
    sys.unraisablehook = of_object


class _OneLine(logging.Handler):
    """What libraries log, among our lines and in the same form: the first line, and what kind of error it was.

    Further lines, and an error's own words, may quote what was worked on; those of the system's errors do not.
    """

    @override
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OSError):
            named = {"error": f"{type(error).__name__}: {error}"}
        else:
            named = described(error) if error is not None else {}
        says = record.getMessage().partition("\n")[0]
        structlog.get_logger().log(record.levelno, says, logger=record.name, **named)
