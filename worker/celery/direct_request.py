"""Begins the task of an assigned job in Celery's pool, without Celery's way from a message to its task.

That way reads a message of any form, and runs any task. Of an assigned job only the kind and the id are not known.
"""

import os
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import structlog
from billiard.einfo import ExceptionInfo
from celery.worker import state

from worker.celery import task_request
from worker.celery.lifecycle import worker_of
from worker.celery.task_request import TaskRequest

_log = structlog.get_logger(__name__)


class _Origin(NamedTuple):
    """What Celery shows of the message of a request."""

    delivery_info: dict[str, Any]
    properties: dict[str, Any]


_NONE = _Origin({"exchange": "", "routing_key": ""}, {"priority": 0, "correlation_id": None})


class DirectRequest(TaskRequest):
    """The task of an assigned job. Flower and `inspect` show it like any other.

    Attributes:
        runs: whether its job runs now.
        following: what the same thread runs next: a job that was claimed with the end of this one.
    """

    def __init__(self, consumer: Any, kind: str, job_id: str) -> None:
        name = f"llamaq.{kind}"
        super().__init__(
            _NONE,
            headers={"id": job_id, "task": name, "ignore_result": True},
            body=[[job_id], {}, {}],
            decoded=True,
            app=consumer.app,
            task=consumer.app.tasks[name],
            hostname=consumer.hostname,
            eventer=consumer.event_dispatcher,
        )
        self.runs = False
        self.following: DirectRequest | None = None
        self._pool = consumer.pool

    def submit(self) -> None:
        """Have the pool run the job, and then those that follow."""
        self._pool.apply_async(partial(_run_in_turn, self), callback=_ignore)

    def run(self) -> None:
        """Run the job in this thread, which is one of the pool."""
        self.runs = True
        try:
            self._run()
        finally:
            self.runs = False

    def _run(self) -> None:
        began = monotonic()
        self.on_accepted(os.getpid(), began)
        try:
            outcome = worker_of(self.app).execute(self.id, task_request.show_attempt)
        except Exception:  # noqa: BLE001 - outside an attempt: the reaper requeues the job
            _log.exception("a task failed outside its attempt", job_id=self.id)
            self.on_failure(ExceptionInfo(), return_ok=True)  # else Celery logs it a second time
        else:
            self.on_success((False, outcome, monotonic() - began))


def _run_in_turn(request: DirectRequest | None) -> None:
    while request is not None:
        try:
            request.run()
        except BaseException:
            if request.following is not None:
                request.following.submit()
            raise
        # The pool holds the first request until the last one has ended. With the link it would hold all of them.
        request.following, request = None, request.following


def start_task(consumer: Any, kind: str, job_id: str) -> None:
    """Give the task of the job to this thread, where another one ends in it, or to Celery's pool.

    Another thread would have to be woken, and begin no sooner: this one has Python's lock until it waits for something.

    Raises:
        Exception: the pool takes no task, as while it closes.
    """
    request = DirectRequest(consumer, kind, job_id)
    request.send_event("task-received", name=request.name, args="", kwargs="", retries=0, eta=None, expires=None)
    state.task_reserved(request)
    ending = task_request.current_request()
    if isinstance(ending, DirectRequest) and ending.runs and ending.following is None:
        ending.following = request
        return
    try:
        request.submit()
    except BaseException:
        state.task_ready(request)
        raise


def _ignore(_: object) -> None:
    """Do nothing: the request has noted its end."""
