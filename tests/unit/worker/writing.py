"""What the tests of the scribe share: a job that has begun, and a look at what was written of it."""

import time
from collections.abc import Callable
from typing import Any

from embedded.scripted.fleet import Fleet
from llamaq import Job
from llamaq.store.worker.claimed_job import ClaimedJob
from tasks.attempt.attempt import Attempt
from worker.attempt.event_buffer import EventBuffer
from worker.attempt.event_writer import EventWriter

NEVER = 3600.0
Writing = Callable[..., EventWriter]


def until(met: Callable[[], Any]) -> None:
    """Wait for something that is bound to come about."""
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.005)


def begin(fleet: Fleet, scribe: EventWriter, *, silent: bool = False) -> tuple[Job[Any], ClaimedJob, EventBuffer]:
    """A job that has just begun, with its transcript."""
    job, claimed = fleet.running(fleet.host(slots=20))
    return job, claimed, scribe.open(claimed, Attempt(job.id), silent=silent)


def deltas(fleet: Fleet, job: Job[Any]) -> list[str]:
    """The texts that were written."""
    return [event["text"] for event in fleet.log(job.id) if event["type"] == "delta"]
