"""Producers without the SDK: Celery by task name, and plain Redis. A bad message harms nobody."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from llamaq import JobFailed
from tests.conftest import MODEL
from tests.service import Service, kinds, wait_until


@pytest.fixture
def celery(service: Service) -> Iterator[Celery]:
    """An application of somebody else's, who knows the broker and the names alone."""
    app = Celery("somebody", broker=service.url, set_as_current=False)
    app.conf.task_ignore_result = True
    yield app
    app.close()


def send(celery: Celery, service: Service, kind: str, job_id: str, **message: Any) -> None:
    """As the README has it."""
    celery.send_task(f"llamaq.{kind}", queue=service.prefix, task_id=job_id, **message)


def add(service: Service, job_id: str, kind: str, text: str) -> None:
    """As the README has it, by plain Redis."""
    service.redis.xadd(f"{service.prefix}:inbox", {"id": job_id, "kind": kind, "request": text})


def aside(service: Service, job_id: str) -> dict[str, str]:
    """The entry of the dead-letter stream for a job; waited for, since it may come after the job's event."""

    def found() -> list[dict[str, str]]:
        entries = service.redis.xrange(f"{service.prefix}:dead")
        return [fields for _, fields in entries if fields["id"] == job_id]

    wait_until(lambda: bool(found()))
    (entry,) = found()
    return entry


def ended(service: Service, job_id: str) -> list[str]:
    """Types of the job's events, once it has some."""
    wait_until(lambda: bool(service.log(job_id)))
    return kinds(list(service.queue.job(job_id).events()))


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        ("generate", {"model": MODEL, "prompt": "Why?", "options": {"seed": 1}}),
        ("chat", {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}),
        ("embedding", {"model": "smollm2-embed:135m", "input": ["a", "b"]}),
    ],
)
@pytest.mark.parametrize("way", ["celery", "redis"])
def test_a_job_sent_by_name_runs_like_any_other(
    service: Service, celery: Celery, way: str, kind: str, request_: dict[str, Any]
) -> None:
    """The id that the sender chose is the job's id; under it are its events and its result."""
    job_id = str(uuid.uuid4())

    if way == "celery":
        send(celery, service, kind, job_id, kwargs={"request": request_})
    else:
        add(service, job_id, kind, json.dumps(request_))

    assert ended(service, job_id)[-1] == "completed"
    job = service.queue.job(job_id)
    assert job.result(30).model == request_["model"]
    assert job.status().kind == kind
    assert len(service.list_requests()) == 1


@pytest.mark.parametrize("way", ["celery", "redis"])
def test_a_request_sent_twice_is_one_job(service: Service, celery: Celery, way: str) -> None:
    """The same id again, as after a lost answer, queues nothing new."""
    job_id = str(uuid.uuid4())
    request = {"model": MODEL, "prompt": "Why?"}

    for _ in range(3):
        if way == "celery":
            send(celery, service, "generate", job_id, kwargs={"request": request})
        else:
            add(service, job_id, "generate", json.dumps(request))
    assert ended(service, job_id)[-1] == "completed"
    last = str(uuid.uuid4())
    send(celery, service, "generate", last, kwargs={"request": request})
    assert ended(service, last)[-1] == "completed"

    assert len(service.list_requests()) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"model": MODEL},
        {"model": MODEL, "prompt": "x", "unknown": 1},
        {"model": MODEL, "prompt": "x", "options": {"num_ctx": "4096"}},
        {"model": MODEL, "prompt": "x", "options": {"temperature": float("nan")}},
        "no object",
        None,
    ],
)
def test_an_invalid_request_fails_typed_and_is_set_aside(service: Service, celery: Celery, request_: Any) -> None:
    """The job gets a `failed` event with `invalid_request`; the message is set aside with the reason."""
    job_id = str(uuid.uuid4())

    send(celery, service, "generate", job_id, kwargs={"request": request_})

    assert ended(service, job_id) == ["failed"]
    job = service.queue.job(job_id)
    with pytest.raises(JobFailed) as caught:
        job.result(30)
    assert caught.value.code == "invalid_request"
    entry = aside(service, job_id)
    assert entry["reason"] == caught.value.error.message
    assert (entry["source"], entry["kind"]) == ("celery", "generate")
    assert service.list_requests() == []


def test_a_refused_job_can_be_looked_at_like_any_other(service: Service, celery: Celery) -> None:
    """status(), cancel() and the list of jobs take it as they take every job; it is kept for its time."""
    job_id = str(uuid.uuid4())
    send(celery, service, "chat", job_id, kwargs={"request": {"model": MODEL}})
    ended(service, job_id)
    job = service.queue.job(job_id)

    status = job.status()

    assert (status.state, status.kind, status.attempt, status.position) == ("failed", "chat", 0, None)
    assert job.cancel() is False
    assert job_id in [listed.id for listed in service.queue.jobs(5)]
    assert 86_300 < service.redis.ttl(service.keys.record(job_id)) <= 86_400


def test_an_unknown_model_sent_by_name_fails_typed(service: Service, celery: Celery) -> None:
    """There is nobody to raise UnknownModel to: the job fails with `model_not_found`, naming what is near."""
    job_id = str(uuid.uuid4())

    send(celery, service, "generate", job_id, kwargs={"request": {"model": "smollm2", "prompt": "x"}})

    assert ended(service, job_id) == ["failed"]
    with pytest.raises(JobFailed, match=MODEL) as caught:
        service.queue.job(job_id).result(30)
    assert caught.value.code == "model_not_found"


def test_bad_messages_of_every_sort_leave_the_worker_at_work(service: Service, celery: Celery) -> None:
    """No request, a wrong argument, a task nobody has, no JSON: each is set aside, and the next job runs."""
    names = [str(uuid.uuid4()) for _ in range(5)]
    send(celery, service, "generate", names[0])
    send(celery, service, "generate", names[1], kwargs={"request": {}, "more": 1})
    celery.send_task("somebody.elses", queue=service.prefix, task_id=names[2])
    add(service, names[3], "generate", "{no JSON")
    add(service, names[4], "nonsense", "{}")

    for name in names:
        assert aside(service, name)["reason"]
        assert ended(service, name) == ["failed"]
    job_id = str(uuid.uuid4())
    send(celery, service, "generate", job_id, kwargs={"request": {"model": MODEL, "prompt": "x"}})
    assert ended(service, job_id)[-1] == "completed"


def test_a_bad_message_does_not_touch_a_job_of_the_same_id(service: Service, celery: Celery) -> None:
    """Somebody's broken message under the id of a real job changes nothing of that job."""
    job = service.queue.generate(MODEL, "Why?")
    result = job.result(30)

    send(celery, service, "generate", job.id, kwargs={"request": {"model": MODEL}})

    assert aside(service, job.id)["reason"]
    assert (job.status().state, job.result(30)) == ("completed", result)


def test_null_is_absent_by_task_name_and_in_the_inbox(service: Service, celery: Celery) -> None:
    """Clients that write every field: nulls say nothing, PHP's `[]` is an empty object, 64.0 a whole number."""
    names = ("system", "suffix", "raw", "template", "format", "keep_alive", "think", "stream", "priority", "tenant")
    nulls = dict.fromkeys((*names, "metadata", "notify", "start_within", "deadline", "wait_for_model"))
    options = {"num_predict": 64.0, "seed": None}
    request: dict[str, Any] = {**nulls, "model": MODEL, "prompt": "x", "options": options, "metadata": []}
    by_name, by_redis = str(uuid.uuid4()), str(uuid.uuid4())

    send(celery, service, "generate", by_name, kwargs={"request": request})
    add(service, by_redis, "generate", json.dumps(request))

    for job_id in (by_name, by_redis):
        assert service.queue.job(job_id).result(30).text
    assert [asked["options"] for asked in service.list_requests()] == [{"num_predict": 64}] * 2
