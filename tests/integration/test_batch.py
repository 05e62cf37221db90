"""Many jobs, a few at a time: extract_many and batch, sync and async; bounded, resumable, each failure in its place."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from llamaq import AsyncJobQueue, BatchResult, InvalidRequest, JobFailed, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.conftest import MODEL
from tests.service import Service, fresh_name


class Number(BaseModel):
    """What is drawn out."""

    n: int


def _texts(service: Service, number: int) -> list[str]:
    """Prompts that no other test has, and an answer scripted for each."""
    texts = [f"{fresh_name()} {n}" for n in range(number)]
    for n, text in enumerate(texts):
        service.ollama.script(contains=text, tokens=[json.dumps({"n": n})])
    return texts


def _generate(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"custom_id": f"q{n}", "kind": "generate", "request": {"model": MODEL, "prompt": text}}
        for n, text in enumerate(texts)
    ]


def _all(service: Service, verb: str, *args: Any, asynchronous: bool, **how: Any) -> list[BatchResult]:
    if not asynchronous:
        return list(getattr(service.queue, verb)(*args, **how))

    async def run() -> list[BatchResult]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            return [result async for result in getattr(queue, verb)(*args, **how)]

    return asyncio.run(run())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_extract_many_gives_values_in_order(service: Service, asynchronous: bool) -> None:
    """One value for each text, in their order, whichever ended first; a slow one in front holds the rest back."""
    texts = _texts(service, 6)
    slow = f"{fresh_name()} slow"
    service.ollama.script(contains=slow, tokens=['{"n": 99}'], first_token_seconds=0.5)

    results = _all(service, "extract_many", Number, [slow, *texts], model=MODEL, in_flight=3, asynchronous=asynchronous)

    assert [result.parse(Number).n for result in results] == [99, 0, 1, 2, 3, 4, 5]
    assert [result.custom_id for result in results] == [str(number) for number in range(1, 8)]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failure_stands_in_its_place(service: Service, asynchronous: bool) -> None:
    """Neither an invalid answer, nor an item that is no request, nor an unknown model ends the others."""
    (good,) = _texts(service, 1)
    bad = fresh_name()
    service.ollama.script(contains=bad, tokens=["no JSON"])
    items = [bad, {"prompt": ""}, {"prompt": good, "model": "nobody-has-it"}, {"prompt": good, "custom_id": "good"}]

    results = _all(service, "extract_many", Number, items, model=MODEL, repairs=0, asynchronous=asynchronous)

    assert [result.error and result.error.code for result in results] == [
        *("invalid_output", "invalid_request", "model_not_found"),
        None,
    ]
    assert results[0].error is not None
    assert results[0].error.text == "no JSON"
    assert (results[3].custom_id, results[3].parse(Number)) == ("good", Number(n=0))
    with pytest.raises(JobFailed, match="invalid_output"):
        results[0].parse(Number)


def test_a_schema_that_is_none_is_refused_at_once(service: Service) -> None:
    """Before an item is read."""
    with pytest.raises(InvalidRequest, match="schema"):
        service.queue.extract_many({"type": "nonsense"}, Never(), model=MODEL)


class Never:
    """Items that nobody may read."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("an item was read")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_batch_gives_results_as_they_end(service: Service, asynchronous: bool) -> None:
    """Any kind; a slow one does not hold back the others, unless the order is asked for; all in the lane `batch`."""
    slow, *texts = _texts(service, 3)
    service.ollama.clear()
    gate = service.hold(contains=slow, tokens=["slow"])
    requests = [
        *_generate([slow, *texts]),
        {"kind": "chat", "model": MODEL, "messages": [{"role": "user", "content": "x"}]},
    ]

    async def run() -> list[BatchResult]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            found: list[BatchResult] = []
            async for result in queue.batch(requests):
                found.append(result)
                if len(found) == 3:
                    await asyncio.to_thread(service.ollama.release, gate)
            return found

    def run_sync() -> list[BatchResult]:
        found: list[BatchResult] = []
        for result in service.queue.batch(requests):
            found.append(result)
            if len(found) == 3:
                service.ollama.release(gate)
        return found

    results = asyncio.run(run()) if asynchronous else run_sync()

    assert results[3].custom_id == "q0"
    assert {result.custom_id for result in results} == {"q0", "q1", "q2", "4"}
    assert all(result.ok for result in results)
    assert _lanes(service, results) == {"batch"}


def _lanes(service: Service, results: list[BatchResult]) -> set[str]:
    records = [
        json.loads(service.redis.hget(service.keys.record(result.job_id or ""), "request")) for result in results
    ]
    return {record["priority"] for record in records}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_more_are_on_their_way_than_asked_for(service: Service, asynchronous: bool) -> None:
    """Whatever the number of items: what is queued and not ended is never beyond `in_flight`."""
    seen: list[int] = []

    def items() -> Iterable[dict[str, Any]]:
        for item in _generate(_texts(service, 9)):
            seen.append(sum(not status.ended for status in service.queue.jobs(limit=200)))
            yield item

    results = _all(service, "batch", items(), in_flight=2, asynchronous=asynchronous)

    assert len(results) == 9
    assert max(seen) <= 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_was_interrupted_goes_on_without_doing_anything_twice(service: Service, asynchronous: bool) -> None:
    """Left in the middle, nothing is cancelled; under the same name each item is asked for once in all."""
    texts = _texts(service, 6)
    run = fresh_name()
    drawn = service.queue.extract_many(Number, texts, model=MODEL, in_flight=2, run=run)
    assert next(drawn).parse(Number).n == 0
    drawn.close()

    results = _all(service, "extract_many", Number, texts, model=MODEL, in_flight=2, run=run, asynchronous=asynchronous)

    assert [result.parse(Number).n for result in results] == [0, 1, 2, 3, 4, 5]
    assert len(service.list_requests()) == 6


def test_an_iteration_that_is_left_waits_for_nobody(service: Service) -> None:
    """The jobs that were started go on by themselves: also with the model in the middle of an answer."""
    quick, slow = _texts(service, 2)
    service.ollama.clear()
    service.ollama.script(contains=quick, tokens=["quick"])
    gate = service.hold(contains=slow, tokens=["slow"])
    results = service.queue.batch(_generate([quick, slow]))
    assert next(results).custom_id == "q0"
    service.wait_held(gate)
    results.close()

    (job,) = [service.queue.job(status.id) for status in service.queue.jobs() if not status.ended]
    service.ollama.release(gate)
    assert job.result(30).text == "slow"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_full_queue_is_waited_for(service: Service, asynchronous: bool) -> None:
    """Where others fill it, the next is submitted again after the pause that the refusal names."""
    texts = _texts(service, 5)
    settings = Settings(keys=Keys(service.prefix), max_queued=1)
    small = Service(service.url, service.prefix, JobQueue(service.url, settings=settings), service.ollama)

    async def run() -> list[BatchResult]:
        async with AsyncJobQueue(service.url, settings=settings) as queue:
            return [result async for result in queue.batch(_generate(texts), in_flight=5)]

    results = asyncio.run(run()) if asynchronous else list(small.queue.batch(_generate(texts), in_flight=5))

    assert sorted(result.custom_id for result in results) == ["q0", "q1", "q2", "q3", "q4"]
    assert all(result.ok for result in results)
    small.queue.close()
    small.close()


def test_a_job_that_is_cancelled_or_expires_has_a_code(single_slot_service: Service) -> None:
    """Somebody cancels one from elsewhere, another is not started in time: both are told."""
    service = single_slot_service
    first, second = _texts(service, 2)
    service.ollama.clear()
    # The one slot is taken by another job: which of a batch's own jobs is first, nobody knows.
    gate = service.hold(contains="taken", tokens=["x"])
    other = service.queue.generate(MODEL, "taken")
    service.wait_held(gate)
    requests = _generate([first, second])
    requests[1]["request"]["start_within"] = 1
    results = service.queue.batch(requests)

    expired = next(results)
    waiting = [status.id for status in service.queue.jobs() if not status.ended and status.id != other.id]
    assert [service.queue.job(job_id).cancel() for job_id in waiting] == [True]
    cancelled = next(results)

    assert (expired.custom_id, expired.error and expired.error.code) == ("q1", "expired")
    assert (cancelled.custom_id, cancelled.error and cancelled.error.code) == ("q0", "cancelled")
