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
from tests.integration.house import House, fresh_name


class Number(BaseModel):
    """What is drawn out."""

    n: int


def _texts(house: House, number: int) -> list[str]:
    """Prompts that no other test has, and an answer scripted for each."""
    texts = [f"{fresh_name()} {n}" for n in range(number)]
    for n, text in enumerate(texts):
        house.ollama.script(contains=text, tokens=[json.dumps({"n": n})])
    return texts


def _generate(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"custom_id": f"q{n}", "kind": "generate", "request": {"model": MODEL, "prompt": text}}
        for n, text in enumerate(texts)
    ]


def _all(house: House, verb: str, *args: Any, asynchronous: bool, **how: Any) -> list[BatchResult]:
    if not asynchronous:
        return list(getattr(house.queue, verb)(*args, **how))

    async def run() -> list[BatchResult]:
        async with AsyncJobQueue(house.url, prefix=house.prefix) as queue:
            return [result async for result in getattr(queue, verb)(*args, **how)]

    return asyncio.run(run())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_extract_many_gives_values_in_order(house: House, asynchronous: bool) -> None:
    """One value for each text, in their order, whichever ended first; a slow one in front holds the rest back."""
    texts = _texts(house, 6)
    slow = f"{fresh_name()} slow"
    house.ollama.script(contains=slow, tokens=['{"n": 99}'], first_token_seconds=0.5)

    results = _all(house, "extract_many", Number, [slow, *texts], model=MODEL, in_flight=3, asynchronous=asynchronous)

    assert [result.parse(Number).n for result in results] == [99, 0, 1, 2, 3, 4, 5]
    assert [result.custom_id for result in results] == [str(number) for number in range(1, 8)]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failure_stands_in_its_place(house: House, asynchronous: bool) -> None:
    """Neither an invalid answer, nor an item that is no request, nor an unknown model ends the others."""
    (good,) = _texts(house, 1)
    bad = fresh_name()
    house.ollama.script(contains=bad, tokens=["no JSON"])
    items = [bad, {"prompt": ""}, {"prompt": good, "model": "nobody-has-it"}, {"prompt": good, "custom_id": "good"}]

    results = _all(house, "extract_many", Number, items, model=MODEL, repairs=0, asynchronous=asynchronous)

    assert [result.error and result.error.code for result in results] == [
        *("invalid_output", "invalid_request", "model_not_found"),
        None,
    ]
    assert results[0].error is not None
    assert results[0].error.text == "no JSON"
    assert (results[3].custom_id, results[3].parse(Number)) == ("good", Number(n=0))
    with pytest.raises(JobFailed, match="invalid_output"):
        results[0].parse(Number)


def test_a_schema_that_is_none_is_refused_at_once(house: House) -> None:
    """Before an item is read."""
    with pytest.raises(InvalidRequest, match="schema"):
        house.queue.extract_many({"type": "nonsense"}, Never(), model=MODEL)


class Never:
    """Items that nobody may read."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("an item was read")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_batch_gives_results_as_they_end(house: House, asynchronous: bool) -> None:
    """Any kind; a slow one does not hold back the others, unless the order is asked for; all in the lane `batch`."""
    slow, *texts = _texts(house, 3)
    house.ollama.clear()
    gate = house.hold(contains=slow, tokens=["slow"])
    requests = [
        *_generate([slow, *texts]),
        {"kind": "chat", "model": MODEL, "messages": [{"role": "user", "content": "x"}]},
    ]

    async def run() -> list[BatchResult]:
        async with AsyncJobQueue(house.url, prefix=house.prefix) as queue:
            found: list[BatchResult] = []
            async for result in queue.batch(requests):
                found.append(result)
                if len(found) == 3:
                    await asyncio.to_thread(house.ollama.release, gate)
            return found

    def run_sync() -> list[BatchResult]:
        found: list[BatchResult] = []
        for result in house.queue.batch(requests):
            found.append(result)
            if len(found) == 3:
                house.ollama.release(gate)
        return found

    results = asyncio.run(run()) if asynchronous else run_sync()

    assert results[3].custom_id == "q0"
    assert {result.custom_id for result in results} == {"q0", "q1", "q2", "4"}
    assert all(result.ok for result in results)
    assert _lanes(house, results) == {"batch"}


def _lanes(house: House, results: list[BatchResult]) -> set[str]:
    records = [json.loads(house.redis.hget(house.keys.record(result.job_id or ""), "request")) for result in results]
    return {record["priority"] for record in records}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_no_more_are_on_their_way_than_asked_for(house: House, asynchronous: bool) -> None:
    """Whatever the number of items: what is queued and not ended is never beyond `in_flight`."""
    seen: list[int] = []

    def items() -> Iterable[dict[str, Any]]:
        for item in _generate(_texts(house, 9)):
            seen.append(sum(not status.ended for status in house.queue.jobs(limit=200)))
            yield item

    results = _all(house, "batch", items(), in_flight=2, asynchronous=asynchronous)

    assert len(results) == 9
    assert max(seen) <= 2


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_was_interrupted_goes_on_without_doing_anything_twice(house: House, asynchronous: bool) -> None:
    """Left in the middle, nothing is cancelled; under the same name each item is asked for once in all."""
    texts = _texts(house, 6)
    run = fresh_name()
    drawn = house.queue.extract_many(Number, texts, model=MODEL, in_flight=2, run=run)
    assert next(drawn).parse(Number).n == 0
    drawn.close()

    results = _all(house, "extract_many", Number, texts, model=MODEL, in_flight=2, run=run, asynchronous=asynchronous)

    assert [result.parse(Number).n for result in results] == [0, 1, 2, 3, 4, 5]
    assert len(house.asked()) == 6


def test_an_iteration_that_is_left_waits_for_nobody(house: House) -> None:
    """The jobs that were started go on by themselves: also with the model in the middle of an answer."""
    quick, slow = _texts(house, 2)
    house.ollama.clear()
    house.ollama.script(contains=quick, tokens=["quick"])
    gate = house.hold(contains=slow, tokens=["slow"])
    results = house.queue.batch(_generate([quick, slow]))
    assert next(results).custom_id == "q0"
    house.wait_held(gate)
    results.close()

    (job,) = [house.queue.job(status.id) for status in house.queue.jobs() if not status.ended]
    house.ollama.release(gate)
    assert job.result(30).text == "slow"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_full_queue_is_waited_for(house: House, asynchronous: bool) -> None:
    """Where others fill it, the next is submitted again after the pause that the refusal names."""
    texts = _texts(house, 5)
    settings = Settings(keys=Keys(house.prefix), max_queued=1)
    small = House(house.url, house.prefix, JobQueue(house.url, settings=settings), house.ollama)

    async def run() -> list[BatchResult]:
        async with AsyncJobQueue(house.url, settings=settings) as queue:
            return [result async for result in queue.batch(_generate(texts), in_flight=5)]

    results = asyncio.run(run()) if asynchronous else list(small.queue.batch(_generate(texts), in_flight=5))

    assert sorted(result.custom_id for result in results) == ["q0", "q1", "q2", "q3", "q4"]
    assert all(result.ok for result in results)
    small.queue.close()
    small.close()


def test_a_job_that_is_cancelled_or_expires_has_a_code(narrow_house: House) -> None:
    """Somebody cancels one from elsewhere, another is not started in time: both are told."""
    house = narrow_house
    first, second = _texts(house, 2)
    house.ollama.clear()
    # The one slot is taken by another job: which of a batch's own jobs is first, nobody knows.
    gate = house.hold(contains="taken", tokens=["x"])
    other = house.queue.generate(MODEL, "taken")
    house.wait_held(gate)
    requests = _generate([first, second])
    requests[1]["request"]["start_within"] = 1
    results = house.queue.batch(requests)

    expired = next(results)
    waiting = [status.id for status in house.queue.jobs() if not status.ended and status.id != other.id]
    assert [house.queue.job(job_id).cancel() for job_id in waiting] == [True]
    cancelled = next(results)

    assert (expired.custom_id, expired.error and expired.error.code) == ("q1", "expired")
    assert (cancelled.custom_id, cancelled.error and cancelled.error.code) == ("q0", "cancelled")
