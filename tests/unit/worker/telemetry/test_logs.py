"""Logs: one JSON object a line, whoever writes it, and within an attempt each tells which one it is."""

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import structlog

from llamaq.store.worker.claimed_job import ClaimedJob
from worker.telemetry import logs

JOB = ClaimedJob("j1", "7", 2, 1, 3, 0.5, 0.0, "chat", "m:latest", "t", "", "gpu-1", "{}")
WHICH = {"job_id": "j1", "attempt": 2, "host": "gpu-1", "kind": "chat", "model": "m:latest"}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, wanted: logs.Format | None) -> Iterator[None]:
    """The process's logging as `configure` sets it up, and put back afterwards."""
    root = logging.getLogger()
    handlers, level, hook = root.handlers, root.level, threading.excepthook
    monkeypatch.setattr("sys.stderr", stream)
    try:
        logs.configure(logging.INFO, wanted)
        yield
    finally:
        root.handlers, threading.excepthook = handlers, hook
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_ours_and_others_lines_tell_of_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within: ours, Celery's and any library's; another thread's and those after it do not."""
    stream = io.StringIO()
    with logging_to(stream, monkeypatch, "json"):
        with logs.about(JOB):
            structlog.get_logger("ours").info("said", outcome="completed")
            logging.getLogger("celery.worker").warning("heard %s", "this")
            other = threading.Thread(target=logging.getLogger("other").info, args=("elsewhere",))
            other.start()
            other.join()
        logging.getLogger("celery.worker").info("after")

    ours, celerys, elsewhere, after = lines(stream)
    assert (ours | WHICH, celerys | WHICH) == (ours, celerys)
    assert (ours["event"], ours["outcome"], ours["level"]) == ("said", "completed", "info")
    assert (celerys["event"], celerys["level"], celerys["logger"]) == ("heard this", "warning", "celery.worker")
    assert not WHICH.keys() & (elsewhere.keys() | after.keys())


def test_a_fault_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracebacks, warnings and a thread that ends by an exception do not break the lines up."""
    stream = io.StringIO()

    def fall() -> None:
        raise ZeroDivisionError("by design")

    with logging_to(stream, monkeypatch, "json"):
        try:
            fall()
        except ZeroDivisionError:
            structlog.get_logger("ours").exception("fell")
        warnings.warn("mind this", stacklevel=1)
        thread = threading.Thread(target=fall, name="faller")
        thread.start()
        thread.join()

    fell, warned, ended = lines(stream)
    assert "ZeroDivisionError: by design" in fell["exception"]
    assert "mind this" in warned["event"]
    assert ended["event"] == "the thread faller ended by an exception"
    assert "ZeroDivisionError: by design" in ended["exception"]


@pytest.mark.parametrize(
    ("stream", "wanted", "is_json"),
    [
        (io.StringIO(), None, True),
        (Terminal(), None, False),
        (io.StringIO(), "console", False),
        (Terminal(), "json", True),
    ],
)
def test_the_format_fits_the_stream_unless_asked_for(
    stream: io.StringIO, wanted: logs.Format | None, is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON, but for a terminal; `LLAMAQ_LOG_FORMAT` decides otherwise."""
    with logging_to(stream, monkeypatch, wanted):
        structlog.get_logger("ours").info("said")

    assert stream.getvalue().startswith("{") is is_json
    assert "said" in stream.getvalue()


def test_what_others_say_does_not_control_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the text of a line, in its fields, and in the exception of a fault; the colours are our own."""
    stream = io.StringIO()
    with logging_to(stream, monkeypatch, "console"):
        log = structlog.get_logger("ours")
        log.warning("said \x1b[2J", reason="why\x9b2J")
        log.error("a fault", exc_info=ValueError("the host said \x1b]0;title\x07"))

    said = stream.getvalue()
    assert not any(found in said for found in ("\x1b[2J", "\x1b]", "\x07", "\x9b"))
    assert "\u241b[2J" in said
    assert "the host said \u241b]0;title\u2407\n" in said


def test_a_line_of_a_pull_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the queue of such jobs; where the request cannot be read, that is all there is."""
    pull = replace(JOB, kind="pull", model=":pull", request_json='{"kind":"pull","model":"acme/big:7b"}')
    stream = io.StringIO()
    with logging_to(stream, monkeypatch, "json"):
        for job in (pull, replace(pull, request_json="{}")):
            with logs.about(job):
                structlog.get_logger("ours").info("said")

    assert [line["model"] for line in lines(stream)] == ["acme/big:7b", ":pull"]
