"""What the tests of the event writer share: a job that has begun, and a look at what was written of it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

from embedded.scripted.fleet import Fleet
from llamaq import Job
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.worker.claimed_job import ClaimedJob
from tasks.attempt.stoppable import Attempt
from worker.attempt.event_buffer import EventBuffer
from worker.attempt.event_writer import EventWriter
from worker.duties.duty import Duty, Phase
from worker.duties.health import Health
from worker.duties.supervisor import Supervisor

NEVER = 3600.0
Writing = Callable[..., EventWriter]


class Later(Clock):
    """The clock of this machine, so many seconds ahead."""

    seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds


@contextmanager
def run_supervised(*duties: Duty) -> Iterator[list[str]]:
    """Run duties. Yields the names of those that failed, one for each time; all threads have ended at the end."""
    failed: list[str] = []
    supervisor = Supervisor(duties, SYSTEM, Health(SYSTEM), failed.append)
    before = set(threading.enumerate())
    supervisor.start()
    started = set(threading.enumerate()) - before
    try:
        yield failed
    finally:
        for phase in get_args(Phase):
            supervisor.stop(phase)
        supervisor.close()
    assert not [thread.name for thread in started if thread.is_alive()]


def wait_until(met: Callable[[], Any]) -> None:
    """Wait for something that is bound to come about."""
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.005)


def begin(fleet: Fleet, writer: EventWriter, *, silent: bool = False) -> tuple[Job[Any], ClaimedJob, EventBuffer]:
    """A job that has just begun, with its event buffer."""
    job, claimed = fleet.start_job(fleet.add_host(slots=20))
    return job, claimed, writer.open(claimed, Attempt(job.id), silent=silent)


def deltas(fleet: Fleet, job: Job[Any]) -> list[str]:
    """The texts that were written."""
    return [event["text"] for event in fleet.log(job.id) if event["type"] == "delta"]
