"""What the tests of the scribe share: a job that has begun, and a look at what was written of it."""

import time
from collections.abc import Callable
from typing import Any

from llamaq import Job
from tasks.attempt import Attempt
from tasks.job import ClaimedJob
from tasks.scribe import Scribe
from tasks.transcript import Transcript
from tests.unit.tasks.fleet import Fleet

NEVER = 3600.0
Writing = Callable[..., Scribe]


def until(met: Callable[[], Any]) -> None:
    """Wait for something that is bound to come about."""
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.005)


def begin(fleet: Fleet, scribe: Scribe, *, silent: bool = False) -> tuple[Job[Any], ClaimedJob, Transcript]:
    """A job that has just begun, with its transcript."""
    job, claimed = fleet.running(fleet.host(slots=20))
    return job, claimed, scribe.open(claimed, Attempt(job.id), silent=silent)


def deltas(fleet: Fleet, job: Job[Any]) -> list[str]:
    """The texts that were written."""
    return [event["text"] for event in fleet.log(job.id) if event["type"] == "delta"]
