"""What a worker tells of a job in Celery's events, and to `inspect`."""

import json
import threading
from typing import Any

import pytest
from celery import Celery
from kombu.message import Message

from llamaq.store.worker.claimed_job import ClaimedJob
from worker.celery.task_request import TaskRequest, show_attempt

SECRET = "planted"


class Heard:
    """Stands for Celery's dispatcher."""

    enabled = True
    consumer: Any = None

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def send(self, type: str, **fields: Any) -> None:  # noqa: A002 - the signature is Celery's
        self.events.append({"type": type, **fields})


@pytest.fixture
def heard() -> Heard:
    """The events."""
    return Heard()


def received(heard: Heard, *, by_name: bool) -> TaskRequest:
    """A message as it comes out of the queue, described by its sender."""
    app = Celery("test", set_as_current=False)

    @app.task(name="llamaq.generate", shared=False)
    def run() -> None:
        """Never called."""

    args, kwargs = ([], {"request": {"prompt": SECRET}}) if by_name else (["the-id"], {})
    headers = {"id": "the-id", "task": "llamaq.generate", "shadow": SECRET, "argsrepr": SECRET, "kwargsrepr": SECRET}
    body = json.dumps([args, kwargs, {}])
    kind = {"content_type": "application/json", "content_encoding": "utf-8"}
    message = Message(body=body, headers=headers, delivery_info={}, properties={}, **kind)
    return TaskRequest(message, app=app, task=app.tasks["llamaq.generate"], eventer=heard, headers=headers)


def job() -> ClaimedJob:
    """A claimed job."""
    given: dict[str, Any] = {"fence": "1", "attempt": 2, "tries": 1, "max_attempts": 3, "waited_seconds": 0.0}
    given |= {"ran_seconds": 0.0, "kind": "generate", "model": "m:1b", "tenant": "", "conversation": "", "host": "h"}
    return ClaimedJob(id="the-id", request_json=SECRET, **given)


def test_arguments_are_never_shown(heard: Heard) -> None:
    """Not what the sender made of them, nor themselves: in events, to `inspect`, or in a log line of Celery's."""
    request = received(heard, by_name=True)
    shown = [request.argsrepr, request.kwargsrepr, request.name, repr(request), str(request)]
    assert SECRET not in repr([*shown, request.info(), request.info(safe=True)])
    assert request.name == "llamaq.generate"


def test_an_attempt_is_shown_once_it_has_its_slot(heard: Heard) -> None:
    """With its model, its number and its host; that a thread took the message says nothing yet."""
    request = received(heard, by_name=False)
    request.send_event("task-started")
    assert heard.events == []
    request.send_start(job())
    about = "{'model': 'm:1b', 'attempt': 2, 'host': 'h'}"
    assert heard.events == [{"type": "task-started", "uuid": "the-id", "kwargs": about}]
    assert request.info()["kwargs"] == about


@pytest.mark.parametrize(
    ("outcome", "event", "more"),
    [
        ("completed", "task-succeeded", {"result": "completed"}),
        ("failed timed_out", "task-failed", {"exception": "timed_out"}),
        ("retried ollama_error", "task-retried", {"exception": "ollama_error"}),
        ("drained", "task-retried", {"exception": "drained"}),
        ("cancelled", "task-revoked", {"terminated": False}),
    ],
)
def test_the_end_is_that_of_the_job(heard: Heard, outcome: str, event: str, more: dict[str, object]) -> None:
    """Not that of the task, which always comes back."""
    received(heard, by_name=False).send_event("task-succeeded", result=repr(outcome), runtime=1.5)
    (told,) = heard.events
    assert told["type"] == event
    assert told["runtime"] == 1.5
    assert more.items() <= told.items()


@pytest.mark.parametrize("outcome", ["", "fenced", "unsent", "None"])
def test_of_an_attempt_that_another_has_nothing_is_told(heard: Heard, outcome: str) -> None:
    """A stale message, too."""
    received(heard, by_name=False).send_event("task-succeeded", result=repr(outcome), runtime=0.1)
    assert heard.events == []


def test_a_request_that_was_only_taken_in_is_no_success(heard: Heard) -> None:
    """The job begins when it is assigned; one that was refused has failed."""
    request = received(heard, by_name=True)
    request.send_event("task-succeeded", result="''", runtime=0.1)
    assert heard.events == []
    request.send_event("task-succeeded", result="'failed invalid_request'", runtime=0.1)
    assert [event["exception"] for event in heard.events] == ["invalid_request"]


def test_a_fault_tells_no_more_than_that_there_was_one(heard: Heard) -> None:
    """An exception's words may quote anything."""
    received(heard, by_name=False).send_event("task-failed", exception=SECRET, traceback=SECRET)
    assert SECRET not in repr(heard.events)


def test_of_two_messages_with_one_id_the_one_that_runs_is_shown(heard: Heard) -> None:
    """A request sent by name is still being put away while its assigned job begins in another thread."""
    intake, assigned = received(heard, by_name=True), received(heard, by_name=False)
    threads = [threading.Thread(target=_run, args=(request,)) for request in (assigned, intake)]
    for thread in threads:
        thread.start()
        thread.join()
    assert [event["type"] for event in heard.events] == ["task-started", "task-succeeded"]
    assert "m:1b" in heard.events[0]["kwargs"]


def _run(request: TaskRequest) -> None:
    """What a thread of the pool does with a message."""
    request.on_accepted(1, 0.0)
    if request.args:
        show_attempt(job())
    request.on_success((0, "'completed'" if request.args else "''", 0.1))
