"""Celery's events and `inspect` answers about a job, which Flower shows.

Celery's own events quote the arguments, and a request that is sent by name is an argument. They also report success
whenever the task returns, however the job ended. So these events hold model, attempt and host, and the job's end in
Celery's states. They hold nothing of the request or the answer.
"""

import re
from contextvars import ContextVar
from typing import Any

from celery.worker.request import Request

from llamaq.store.worker.claimed_job import ClaimedJob

_CODE = re.compile(r"[a-z_]{1,64}")
_EVENTS = {
    "completed": "task-succeeded",
    "failed": "task-failed",
    "retried": "task-retried",
    "drained": "task-retried",
    "cancelled": "task-revoked",
}
"""Celery's event for each outcome of `llamaq_attempts_total`. After other outcomes another worker sends the event."""


class TaskRequest(Request):
    """A message for one of our tasks, as Celery shows it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.name = self._type  # the sender may have set another name to be shown
        self._by_name = not self._request_dict["args"]
        # The sender made these from the arguments.
        self._argsrepr = self._kwargsrepr = ""

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """Note the message of this thread, which calls the task next."""
        # By thread, not by id: a request sent by name and the message of its job may run at once, with the same id.
        _current.set(self)
        super().on_accepted(pid, time_accepted)

    def send_start(self, job: ClaimedJob) -> None:
        """Send that the attempt has started. Its claim has succeeded."""
        self._kwargsrepr = repr({"model": job.named_model, "attempt": job.attempt, "host": job.host})
        super().send_event("task-started", kwargs=self._kwargsrepr)

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: ARG002 - the signature is Celery's
        """What `inspect active` and `query_task` answer."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002 - the signature is Celery's
        """Send the job's event in place of one of Celery's, or none."""
        if type == "task-succeeded":
            self._send_end(str(fields.get("result")).strip("'"), fields.get("runtime"))
        elif type == "task-failed":
            # An exception outside an attempt. Its message may quote anything, so only the log has it.
            super().send_event(type, exception="internal", traceback="")
        elif type != "task-started":  # sent by `send_start`: the attempt starts with its claim
            super().send_event(type, **fields)

    def _send_end(self, outcome: str, runtime: float | None) -> None:
        word, _, code = outcome.partition(" ")
        event = _EVENTS.get(word)
        if event is None or (self._by_name and word != "failed"):
            return  # a job that was sent by name is shown when it is assigned
        fields: dict[str, Any] = {"runtime": runtime}
        if event == "task-succeeded":
            fields["result"] = word
        elif event == "task-revoked":
            fields |= {"terminated": False, "signum": None, "expired": False}
        else:
            fields |= {"exception": code if _CODE.fullmatch(code) else word, "traceback": ""}
        super().send_event(event, **fields)


_current: ContextVar[TaskRequest | None] = ContextVar("current_request", default=None)


def current_request() -> TaskRequest | None:
    """The request that runs in this thread, or ran in it last."""
    return _current.get()


def show_attempt(job: ClaimedJob) -> None:
    """Show that an attempt at the job runs in this thread."""
    request = current_request()
    if request is not None:
        request.send_start(job)
