"""Slots of a host that six workers share, while those who hold them are killed again and again.

`LLAMAQ_TEST_KILLING_SECONDS` (8) is how long the killing goes on.
"""

import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.conftest import MODEL, Measure
from tests.faults.site import HOST, LEASE_SECONDS, Site
from tests.service import wait_until
from tests.worker_process import WorkerProcess

SECONDS = float(os.environ.get("LLAMAQ_TEST_KILLING_SECONDS", "8"))
KILL_EACH_SECONDS = 1.2
WORKERS, SLOTS, JOBS = 6, 4, 160
LEADER_SECONDS = 3
PROMISED_SECONDS = 5.0
"""Beyond the lease, as for any killed worker: until a leader has noticed, and the next round of the reaper has come."""


@pytest.fixture
def wide_site() -> Iterator[Site]:
    """A host that would take any number of requests at once: what limits them is the service."""
    with EmbeddedRedis.start() as server, ScriptedOllama.start(slots=64) as ollama, Site(server, ollama) as site:
        yield site


@pytest.mark.timeout(300)
def test_killed_holders_never_cost_a_slot_nor_give_one_too_many(wide_site: Site, measure: Measure) -> None:
    """6 workers, 4 slots, 160 jobs, a holder killed every 1.2 s: at most 4 requests; slots come back; all jobs end."""
    site = wide_site
    site.start_workers(WORKERS, slots=SLOTS)
    site.ollama.script(tokens=["x"] * 4, rate=4 * JOBS / (SECONDS * SLOTS), times=None)
    with (
        JobQueue(site.url, settings=Settings(keys=Keys(site.prefix), max_attempts=100)) as producer,
        ExitStack() as stack,
    ):
        jobs = producer.submit_many([{"kind": "generate", "model": MODEL, "prompt": "x"}] * JOBS)
        killing = Killing(site, stack)
        killing.run()
        killing.settle()
        states = {job.result(120).done_reason for job in jobs}
        wait_until(lambda: site.slots_held() == 0)

    what = f"slots of {len(killing.freed)} killed holders were free again, lease {LEASE_SECONDS} s"
    measure(f"{what}, median", statistics.median(killing.freed))
    measure(f"{what}, at most", max(killing.freed))
    measure("beyond the lease, and the grace that the reaper gave after rounds that came late", max(killing.late))
    assert site.ollama.stats(bodies=False)["max_running"] == SLOTS
    assert statistics.median(killing.late) <= LEADER_SECONDS
    assert max(killing.late) <= PROMISED_SECONDS
    assert states == {"stop"}


class Killing:
    """Kills a worker that holds a slot every 1.2 s, starts another instead, and looks when its slots are free again.

    Attributes:
        freed: of each kill, the seconds until none of the worker's attempts held its slot.
        late: how much of them was beyond the lease. Where the reaper's rounds come late, live workers get a grace;
            what falls into it is not counted.
    """

    def __init__(self, site: Site, stack: ExitStack) -> None:
        self.freed: list[float] = []
        self.late: list[float] = []
        self._site = site
        self._workers = list(site.workers)
        self._stack = stack
        self._lost: list[tuple[float, dict[str, str]]] = []

    def run(self) -> None:
        """Go on for the time, or until nobody waits any more."""
        start = time.monotonic()
        kills = 0
        line = f"{self._site.prefix}:waiting:normal:{MODEL}"
        while time.monotonic() < start + SECONDS and self._site.redis.zcard(line):
            if time.monotonic() >= start + kills * KILL_EACH_SECONDS and (running := self._list_running()):
                self._kill(random.choice(sorted(running)))
                kills += 1
            self._look()
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait for the slots of the last."""
        wait_until(lambda: not self._look())

    def _kill(self, job: str) -> None:
        name = self._site.redis.hget(self._site.keys.record(job), "worker")
        worker = next(own for own in self._workers if own.process.pid == int(name.rsplit(":", 2)[1]))
        worker.process.kill()
        worker.process.wait()
        self._lost.append((time.monotonic(), self._list_running(name)))
        settings = {"prefix": self._site.prefix, "slots": SLOTS, "host": HOST, "lease_seconds": LEASE_SECONDS}
        another = WorkerProcess(self._site.url, self._site.ollama.url, None, **settings)
        self._workers.append(self._stack.enter_context(another).start())

    def _look(self) -> bool:
        """Take down whose slots are free now; whether some are not."""
        left = []
        for killed_at, its in self._lost:
            now = self._list_running()
            if all(now.get(job) != fence for job, fence in its.items()):
                freed_at = time.monotonic()
                self.freed.append(freed_at - killed_at)
                self.late.append(freed_at - max(killed_at + LEASE_SECONDS, self._read_grace_end()))
            else:
                left.append((killed_at, its))
        self._lost = left
        return bool(left)

    def _read_grace_end(self) -> float:
        """Read when the last grace ends, on this process' clock; Redis keeps it in the machine's time."""
        grace = float(self._site.redis.hget(f"{self._site.prefix}:reaper", "grace") or 0)
        return grace - time.time() + time.monotonic()

    def _list_running(self, worker: str | None = None) -> dict[str, str]:
        """List the jobs that run on the host (by that worker), and the fences of their attempts."""
        found = {}
        for job in self._site.redis.hkeys(self._site.keys.slots(HOST)):
            lease, by, fence = self._site.redis.hmget(self._site.keys.record(job), "lease", "worker", "fence")
            if lease == "claimed" and worker in (None, by):
                found[job] = fence
        return found
