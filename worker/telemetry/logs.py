"""Logs as JSON lines, or as coloured lines on a terminal. No line holds a prompt, a result or a secret."""

import logging
import sys
import threading
from contextvars import ContextVar
from typing import Literal

import structlog

from llamaq.escaping import escape_event
from llamaq.store.worker.claimed_job import ClaimedJob

Format = Literal["json", "console"]
_attempt: ContextVar[ClaimedJob | None] = ContextVar("attempt", default=None)


def choose_format(wanted: Format | None) -> Format:
    """Choose the format: that of `LLAMAQ_LOG_FORMAT`; without it `console` on a terminal, else `json`."""
    return wanted or ("console" if sys.stderr.isatty() else "json")


def configure(level: int | str = logging.INFO, wanted: Format | None = None) -> None:
    """Send all records to stderr in one format: of structlog, the standard library, Celery, and uncaught exceptions."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_attempt,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_make_renderers(choose_format(wanted)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # No line names them, and finding the place in the code takes a third of a line's time.
    logging._srcfile = None  # noqa: SLF001 - as Python's logging HOWTO says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_uncaught


class about:  # noqa: N801 - it is used as a function, like `contextlib.suppress`
    """A block in which each line that this thread logs names the attempt, also where a library logs it.

    The names are made for each line, because most attempts log only one.
    """

    __slots__ = ("_job", "_token")

    def __init__(self, job: ClaimedJob) -> None:
        self._job = job

    def __enter__(self) -> None:
        self._token = _attempt.set(self._job)

    def __exit__(self, *_: object) -> None:
        _attempt.reset(self._token)


def _add_attempt(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    job = _attempt.get()
    if job is None:
        return event
    return {
        "job_id": job.id,
        "attempt": job.attempt,
        "host": job.host,
        "kind": job.kind,
        "model": job.named_model,
        **event,
    }


def _make_renderers(wanted: Format) -> list[structlog.types.Processor]:
    if wanted == "json":
        return [structlog.processors.JSONRenderer()]
    return [escape_event, structlog.dev.ConsoleRenderer()]


def _log_uncaught(fault: threading.ExceptHookArgs) -> None:
    if fault.exc_type is SystemExit or fault.exc_value is None:
        return
    name = fault.thread.name if fault.thread else "?"
    cause = (fault.exc_type, fault.exc_value, fault.exc_traceback)
    logging.getLogger(__name__).critical("the thread %s ended by an exception", name, exc_info=cause)
