"""Logs on stderr, as JSON lines or for a terminal. No line holds a key, or what a request or an answer says."""

import logging
import sys
from typing import Literal

import structlog

from llamaq.escaping import escape_event


def _drop_colour_message(_: object, __: str, about: structlog.types.EventDict) -> structlog.types.EventDict:
    about.pop("color_message", None)  # uvicorn says each of its messages twice
    return about


def configure(wanted: Literal["json", "console"] | None) -> None:
    """Send the records of all loggers to stderr in one format."""
    chosen = wanted or ("console" if sys.stderr.isatty() else "json")
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_colour_message,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    last: list[structlog.types.Processor] = [structlog.processors.JSONRenderer()]
    if chosen == "console":
        last = [escape_event, structlog.dev.ConsoleRenderer()]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.INFO
    logging.captureWarnings(capture=True)
