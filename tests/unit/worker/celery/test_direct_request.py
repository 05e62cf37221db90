"""The task of an assigned job runs in Celery's pool, and Celery tells of it."""

import gc
import threading
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.worker import state
from structlog.testing import capture_logs

from llamaq.store.worker.claimed_job import ClaimedJob
from tests.unit.worker.celery.test_task_request import SECRET, Heard, job
from worker.celery import direct_request, task_request

Execute = Callable[[str, Callable[[ClaimedJob], None]], str]


def shown(requests: Any) -> bool:
    """Whether the job is among some requests of Celery's."""
    return "the-id" in {request.id for request in requests}


def begun(execute: Execute, apply_async: Callable[..., None]) -> Heard:
    """Begin the job in a worker and a pool that do so; returns what Celery tells of it."""
    app, heard = Celery("test", set_as_current=False), Heard()

    @app.task(name="llamaq.generate", shared=False)
    def run() -> None:
        """Never called."""

    app.llamaq_worker = SimpleNamespace(execute=execute)
    pool = SimpleNamespace(apply_async=apply_async)
    heard.consumer = SimpleNamespace(app=app, hostname="here", event_dispatcher=heard, pool=pool)
    direct_request.start_task(heard.consumer, "generate", "the-id")
    return heard


def test_its_task_is_shown_as_any_other() -> None:
    """As received, started and ended; while it waits, it is reserved, and while it runs, active."""
    targets: list[Callable[[], None]] = []
    seen: list[dict[str, Any]] = []

    def execute(job_id: str, began: Callable[[ClaimedJob], None]) -> str:
        assert job_id == "the-id"
        began(job())
        seen.extend(request.info() for request in state.active_requests if request.id == job_id)
        return "completed"

    heard = begun(execute, lambda target, **_: targets.append(target))
    assert shown(state.reserved_requests)
    assert not shown(state.active_requests)
    assert [event["type"] for event in heard.events] == ["task-received"]

    targets[0]()
    assert not shown([*state.reserved_requests, *state.active_requests, *state.requests.values()])
    assert [event["type"] for event in heard.events] == ["task-received", "task-started", "task-succeeded"]
    assert {event["uuid"] for event in heard.events} == {"the-id"}
    assert [(info["name"], info["hostname"]) for info in seen] == [("llamaq.generate", "here")]
    assert seen[0]["time_start"] is not None


def test_a_fault_outside_the_attempt_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """As of a claim while Redis is away: the thread of the pool goes on, and no text of the fault is told.

    It is logged once, by us: Celery's own line would have the traceback again.
    """

    def fail(*_: object) -> str:
        raise RuntimeError(SECRET)

    with capture_logs() as logged:
        heard = begun(fail, lambda target, **_: target())
    assert [line["event"] for line in logged] == ["a task failed outside its attempt"]
    assert not [record for record in caplog.records if record.name.startswith("celery")]
    assert [event["type"] for event in heard.events] == ["task-received", "task-failed"]
    assert SECRET not in repr(heard.events)
    assert not shown([*state.active_requests, *state.requests.values()])


def test_of_a_task_that_no_pool_takes_nothing_is_left() -> None:
    """Its message goes Celery's way, and would be shown a second time."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    with pytest.raises(RuntimeError, match="cannot schedule"):
        begun(lambda *_: "", refuse)
    assert not shown([*state.reserved_requests, *state.requests.values()])


def test_a_job_that_follows_runs_in_the_same_thread() -> None:
    """Once the one before has ended. A job that is begun from elsewhere, or as a second one, goes to the pool."""
    targets: list[Callable[[], None]] = []
    ran: list[tuple[str, threading.Thread]] = []

    def execute(job_id: str, _: object) -> str:
        ran.append((job_id, threading.current_thread()))
        if job_id == "the-id":
            for following in ("next", "second"):
                direct_request.start_task(heard.consumer, "generate", following)
        return "completed"

    heard = begun(execute, lambda target, **_: targets.append(target))
    targets[0]()
    direct_request.start_task(heard.consumer, "generate", "later")

    here = threading.current_thread()
    assert ran == [("the-id", here), ("next", here)]
    assert [event["uuid"] for event in heard.events if event["type"] == "task-succeeded"] == ["the-id", "next"]
    told = [event["type"] for event in heard.events if event["uuid"] in {"the-id", "next"}]
    assert told == ["task-received", "task-received", "task-succeeded", "task-succeeded"]
    assert len(targets) == 3
    for target in targets[1:]:
        target()
    assert [job_id for job_id, _ in ran[2:]] == ["second", "later"]
    assert not shown(state.requests.values())


def test_of_a_job_that_has_ended_nothing_is_kept() -> None:
    """However many follow in the same thread, as they do for hours in a busy worker."""
    targets: list[Callable[[], None]] = []
    ran: list[weakref.ref[task_request.TaskRequest]] = []
    kept: list[int] = []

    def execute(*_: object) -> str:
        gc.collect()
        kept.append(sum(ref() is not None for ref in ran))
        current = task_request.current_request()
        assert current
        ran.append(weakref.ref(current))
        if len(ran) < 5:
            direct_request.start_task(heard.consumer, "generate", f"next-{len(ran)}")
        return "completed"

    heard = begun(execute, lambda target, **_: targets.append(target))
    targets[0]()
    assert kept == [0, 1, 1, 1, 1]  # the pool has the first one


def test_a_job_that_follows_a_broken_one_runs_all_the_same() -> None:
    """It is claimed, so nobody else would begin it."""
    targets: list[Callable[[], None]] = []

    def execute(job_id: str, _: object) -> str:
        if job_id == "the-id":
            direct_request.start_task(heard.consumer, "generate", "next")
            raise SystemExit
        return "completed"

    heard = begun(execute, lambda target, **_: targets.append(target))
    with pytest.raises(SystemExit):
        targets[0]()
    targets[1]()
    assert [event["uuid"] for event in heard.events if event["type"] == "task-succeeded"] == ["next"]
