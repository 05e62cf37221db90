"""Attaching to a job right after its request was sent without the SDK, before a worker has taken it in."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from llamaq import AsyncJobQueue, JobNotFound, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store import log_follower
from llamaq.store.keys import Keys

ATTACHING: dict[str, Callable[[Any], Any]] = {
    "status": lambda job: job.status().state,
    "cancel": lambda job: job.cancel(),
    "result": lambda job: job.result(60),
    "events": lambda job: next(job.events()).type,
    "text": lambda job: list(job.text()),
}
NOTHING = {"result", "text"}
"""What ends only with the job; here with its cancel."""


def _later(queue: JobQueue, job_id: str, *, cancel: bool) -> threading.Thread:
    """What a worker does with the request a moment later."""
    looked = threading.Event()

    def take() -> None:
        looked.wait(0.5)
        job = queue.submit({"kind": "generate", "model": "m", "prompt": "x", "wait_for_model": True}, job_id=job_id)
        if cancel:
            job.cancel("enough")

    thread = threading.Thread(target=take)
    thread.start()
    return thread


@pytest.mark.parametrize("verb", ATTACHING)
def test_attaching_waits_for_the_job(verb: str, queue: JobQueue) -> None:
    """Half a second before its record is there: no `JobNotFound`."""
    job_id = str(uuid4())
    taking = _later(queue, job_id, cancel=verb in NOTHING)

    try:
        answer = ATTACHING[verb](queue.job(job_id))
    except Exception as error:  # noqa: BLE001 - which one is the test's question
        answer = type(error).__name__
    taking.join()

    assert answer == {"status": "queued", "cancel": True, "events": "queued"}.get(verb, "JobCancelled")


def test_attaching_waits_over_asyncio_too(queue: JobQueue) -> None:
    """Status and events."""
    job_id = str(uuid4())
    taking = _later(queue, job_id, cancel=False)

    async def attach() -> tuple[str, str]:
        async with AsyncJobQueue(queue.url, settings=queue.settings) as awaited:
            job = awaited.job(job_id)
            stream = job.events()
            status, event = await asyncio.gather(job.status(), anext(stream))
            await stream.aclose()
            return status.state, event.type

    assert asyncio.run(attach()) == ("queued", "queued")
    taking.join()


@pytest.mark.parametrize("verb", ATTACHING)
def test_a_wrong_id_is_told_in_the_end(verb: str, queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wait, which does not take the time of the call: the error is not that Redis does not answer."""
    monkeypatch.setattr(log_follower, "APPEAR_SECONDS", 0.3)
    hasty = JobQueue(queue.url, settings=Settings(keys=Keys(queue.settings.keys.prefix), call_seconds=1))

    with pytest.raises(JobNotFound):
        ATTACHING[verb](hasty.job("no-such-job"))
    hasty.close()


@pytest.mark.parametrize("timeout", [0, 0.2])
def test_a_wrong_id_is_told_at_the_end_of_a_timeout_too(timeout: float, queue: JobQueue) -> None:
    """In both clients: "not ended yet" would keep the caller waiting for a job that there is not."""
    with pytest.raises(JobNotFound):
        queue.job("no-such-job").result(timeout)

    async def wait() -> None:
        async with AsyncJobQueue(queue.url, settings=queue.settings) as awaited:
            await awaited.job("no-such-job").result(timeout)

    with pytest.raises(JobNotFound):
        asyncio.run(wait())
