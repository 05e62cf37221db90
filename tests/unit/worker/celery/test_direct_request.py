"""The task of a job without a message runs in Celery's pool, and Celery tells of it."""

import time
from types import SimpleNamespace
from typing import Any

from celery import Celery
from celery.worker import state

from tests.unit.worker.celery.test_task_request import Heard, job
from worker.celery import direct_request, task_request


def ids(requests: Any) -> set[str]:
    """The ids of some requests."""
    return {request.id for request in requests}


def test_a_job_without_a_message_is_shown_as_any_other() -> None:
    """As received, started and ended; while it waits, it is reserved, and while it runs, active."""
    app, heard = Celery("test", set_as_current=False), Heard()
    given: dict[str, Any] = {}

    @app.task(name="llamaq.generate", shared=False)
    def run() -> None:
        """Never called."""

    def apply_async(_: object, args: Any, **options: Any) -> None:
        given.update(options, args=args)

    pool = SimpleNamespace(apply_async=apply_async)
    direct_request.begin(SimpleNamespace(app=app, hostname="here", event_dispatcher=heard, pool=pool), job())
    assert given["args"][:2] == ("llamaq.generate", "the-id")
    assert given["args"][2]["args"] == ["the-id"]
    assert "the-id" in ids(state.reserved_requests)

    given["accept_callback"](1, time.monotonic())
    task_request.began(job())
    assert "the-id" in ids(state.active_requests)

    given["callback"]((0, "'completed'", 0.5))
    assert "the-id" not in ids([*state.reserved_requests, *state.active_requests])
    assert [event["type"] for event in heard.events] == ["task-received", "task-started", "task-succeeded"]
    assert {event["uuid"] for event in heard.events} == {"the-id"}
