"""Producers without the SDK: Celery by task name, and plain Redis. A bad message harms nobody."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from llamaq import JobFailed
from tests.conftest import MODEL
from tests.integration.house import House, kinds, until


@pytest.fixture
def celery(house: House) -> Iterator[Celery]:
    """An application of somebody else's, who knows the broker and the names alone."""
    app = Celery("somebody", broker=house.url, set_as_current=False)
    app.conf.task_ignore_result = True
    yield app
    app.close()


def send(celery: Celery, house: House, kind: str, job_id: str, **message: Any) -> None:
    """As the README has it."""
    celery.send_task(f"llamaq.{kind}", queue=house.prefix, task_id=job_id, **message)


def add(house: House, job_id: str, kind: str, text: str) -> None:
    """As the README has it, by plain Redis."""
    house.redis.xadd(f"{house.prefix}:inbox", {"id": job_id, "kind": kind, "request": text})


def aside(house: House, job_id: str) -> dict[str, str]:
    """The entry of the dead-letter stream for a job; waited for, since it may come after the job's event."""

    def found() -> list[dict[str, str]]:
        entries = house.redis.xrange(f"{house.prefix}:dead")
        return [fields for _, fields in entries if fields["id"] == job_id]

    until(lambda: bool(found()))
    (entry,) = found()
    return entry


def ended(house: House, job_id: str) -> list[str]:
    """Types of the job's events, once it has some."""
    until(lambda: bool(house.log(job_id)))
    return kinds(list(house.queue.job(job_id).events()))


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
    house: House, celery: Celery, way: str, kind: str, request_: dict[str, Any]
) -> None:
    """The id that the sender chose is the job's id; under it are its events and its result."""
    job_id = str(uuid.uuid4())

    if way == "celery":
        send(celery, house, kind, job_id, kwargs={"request": request_})
    else:
        add(house, job_id, kind, json.dumps(request_))

    assert ended(house, job_id)[-1] == "completed"
    job = house.queue.job(job_id)
    assert job.result(30).model == request_["model"]
    assert job.status().kind == kind
    assert len(house.asked()) == 1


@pytest.mark.parametrize("way", ["celery", "redis"])
def test_a_request_sent_twice_is_one_job(house: House, celery: Celery, way: str) -> None:
    """The same id again, as after a lost answer, queues nothing new."""
    job_id = str(uuid.uuid4())
    request = {"model": MODEL, "prompt": "Why?"}

    for _ in range(3):
        if way == "celery":
            send(celery, house, "generate", job_id, kwargs={"request": request})
        else:
            add(house, job_id, "generate", json.dumps(request))
    assert ended(house, job_id)[-1] == "completed"
    last = str(uuid.uuid4())
    send(celery, house, "generate", last, kwargs={"request": request})
    assert ended(house, last)[-1] == "completed"

    assert len(house.asked()) == 2


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
def test_an_invalid_request_fails_typed_and_is_set_aside(house: House, celery: Celery, request_: Any) -> None:
    """The job gets a `failed` event with `invalid_request`; the message is set aside with the reason."""
    job_id = str(uuid.uuid4())

    send(celery, house, "generate", job_id, kwargs={"request": request_})

    assert ended(house, job_id) == ["failed"]
    job = house.queue.job(job_id)
    with pytest.raises(JobFailed) as caught:
        job.result(30)
    assert caught.value.code == "invalid_request"
    entry = aside(house, job_id)
    assert entry["reason"] == caught.value.error.message
    assert (entry["source"], entry["kind"]) == ("celery", "generate")
    assert house.asked() == []


def test_a_refused_job_can_be_looked_at_like_any_other(house: House, celery: Celery) -> None:
    """status(), cancel() and the list of jobs take it as they take every job; it is kept for its time."""
    job_id = str(uuid.uuid4())
    send(celery, house, "chat", job_id, kwargs={"request": {"model": MODEL}})
    ended(house, job_id)
    job = house.queue.job(job_id)

    status = job.status()

    assert (status.state, status.kind, status.attempt, status.position) == ("failed", "chat", 0, None)
    assert job.cancel() is False
    assert job_id in [listed.id for listed in house.queue.jobs(5)]
    assert 86_300 < house.redis.ttl(house.keys.record(job_id)) <= 86_400


def test_an_unknown_model_sent_by_name_fails_typed(house: House, celery: Celery) -> None:
    """There is nobody to raise UnknownModel to: the job fails with `model_not_found`, naming what is near."""
    job_id = str(uuid.uuid4())

    send(celery, house, "generate", job_id, kwargs={"request": {"model": "smollm2", "prompt": "x"}})

    assert ended(house, job_id) == ["failed"]
    with pytest.raises(JobFailed, match=MODEL) as caught:
        house.queue.job(job_id).result(30)
    assert caught.value.code == "model_not_found"


def test_bad_messages_of_every_sort_leave_the_worker_at_work(house: House, celery: Celery) -> None:
    """No request, a wrong argument, a task nobody has, no JSON: each is set aside, and the next job runs."""
    names = [str(uuid.uuid4()) for _ in range(5)]
    send(celery, house, "generate", names[0])
    send(celery, house, "generate", names[1], kwargs={"request": {}, "more": 1})
    celery.send_task("somebody.elses", queue=house.prefix, task_id=names[2])
    add(house, names[3], "generate", "{no JSON")
    add(house, names[4], "nonsense", "{}")

    for name in names:
        assert aside(house, name)["reason"]
        assert ended(house, name) == ["failed"]
    job_id = str(uuid.uuid4())
    send(celery, house, "generate", job_id, kwargs={"request": {"model": MODEL, "prompt": "x"}})
    assert ended(house, job_id)[-1] == "completed"


def test_a_bad_message_does_not_touch_a_job_of_the_same_id(house: House, celery: Celery) -> None:
    """Somebody's broken message under the id of a real job changes nothing of that job."""
    job = house.queue.generate(MODEL, "Why?")
    result = job.result(30)

    send(celery, house, "generate", job.id, kwargs={"request": {"model": MODEL}})

    assert aside(house, job.id)["reason"]
    assert (job.status().state, job.result(30)) == ("completed", result)
