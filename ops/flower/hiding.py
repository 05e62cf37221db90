"""Removes prompts, results and passwords from what Flower receives.

Workers send none (`worker.celery.task_request`), but producers with `task_send_sent_event` and workers of an older
version may, in events and in answers to `inspect`. Flower would keep them and show them in its pages and its API.
"""

import re
from typing import Any

import flower.app
import flower.events
from celery.events.state import Task
from flower.events import EventsState
from flower.inspector import Inspector
from flower.views.monitor import Healthcheck, Metrics
from tornado.web import authenticated

HIDDEN = "(hidden)"
_NAME = re.compile(r"[\w.-]{1,128}")
# As worker.celery.task_request writes it. Names of models and hosts contain neither blanks nor quotes.
_ABOUT = re.compile(r"\{'model': '[^'\s]{1,256}', 'attempt': \d{1,6}, 'host': '[^'\s]{1,256}'\}")
_WORD = re.compile(r"[a-z_]{1,64}")
_HARMLESS = {"name": _NAME, "kwargs": _ABOUT, "result": _WORD, "exception": _WORD}
_PLAIN = {"type", "uuid", "hostname", "timestamp", "local_received", "clock", "utcoffset", "pid", "runtime", "retries"}
_PLAIN |= {"eta", "expires", "queue", "exchange", "routing_key", "terminated", "signum", "expired", "requeue"}
_PRIVATE = re.compile("llamaq|url|broker|backend", re.IGNORECASE)


def hide(event: dict[str, Any]) -> dict[str, Any]:
    """The event of a task, reduced to the fields that are known to be harmless."""
    return {name: value for name, value in event.items() if name in _PLAIN or _is_harmless(name, value)}


def _is_harmless(name: str, value: object) -> bool:
    return name in _HARMLESS and _HARMLESS[name].fullmatch(str(value).strip("'")) is not None


def format_task(task: Task) -> Task:
    """Hide a task for the pages: `--persistent` may have kept it in a file before this module was installed."""
    task.args = task.traceback = ""
    for name in ("kwargs", "result", "exception"):
        if getattr(task, name) and not _is_harmless(name, getattr(task, name)):
            setattr(task, name, HIDDEN)
    return task


class HidingState(EventsState):
    """Flower's state of tasks and workers."""

    def event(self, event: dict[str, Any]) -> None:
        """Store an event."""
        super().event(hide(event) if event["type"].startswith("task-") else event)


class HidingInspector(Inspector):
    """Flower's `inspect` calls to the workers."""

    def _on_update(self, workername: str, method: str, response: Any) -> None:
        if method == "conf":
            response = {name: value for name, value in response.items() if not _PRIVATE.search(name)}
        elif method in {"active", "reserved", "scheduled"}:
            response = [_without_arguments(task) for task in response]
        super()._on_update(workername, method, response)


def _without_arguments(task: dict[str, Any]) -> dict[str, Any]:
    if "request" in task:  # of `scheduled`
        return {**task, "request": _without_arguments(task["request"])}
    about = task.get("kwargs")
    return {**task, "args": "", "kwargs": about if _is_harmless("kwargs", about) else HIDDEN}


def install() -> None:
    """Replace Flower's classes with these, and require the login on the two pages that Flower leaves open."""
    flower.events.EventsState = HidingState
    flower.app.Inspector = HidingInspector
    for page in (Metrics, Healthcheck):
        page.get = authenticated(page.get)
