"""Every connection to Redis is cut, again and again: nobody runs anything twice."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from celery import Celery

from llamaq import Event
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site
from tests.service import read_until
from worker.duties.health import Health
from worker.duties.heartbeat import Heartbeat

CUTS = 4
SENDERS = 4


def cut_all_connections(own_site: Site) -> None:
    """As `CLIENT KILL` does: clients, and those that listen to channels."""
    for kind in ("normal", "pubsub"):
        own_site.redis.client_kill_filter(_type=kind, skipme=True)


def test_all_connections_cut_in_the_middle(own_site: Site) -> None:
    """Two jobs stream meanwhile: each was asked of Ollama once, ends in attempt 1, and its reader missed nothing."""
    own_site.start_worker()
    own_site.ollama.script(count=60, rate=20, times=2)
    jobs = [own_site.queue.generate(MODEL, f"long {number}") for number in range(2)]
    with ThreadPoolExecutor(2) as readers:
        read = [readers.submit(list[Event], job.events(fresh=False)) for job in jobs]
        for job in jobs:
            read_until(job, Delta)
        for _ in range(CUTS):
            cut_all_connections(own_site)
            time.sleep(0.5)  # into the stream, and into the connecting again

        for job, reading in zip(jobs, read, strict=True):
            assert reading.result(60) == assert_completed(job, attempt=1, text=" token" * 60)
    assert sorted(body["prompt"] for body in own_site.list_requests()) == ["long 0", "long 1"]
    assert_completed(own_site.queue.generate(MODEL, "afterwards"), attempt=1)


def test_heartbeats_while_connections_are_cut(own_site: Site) -> None:
    """A message that cannot be sent raises nothing, whatever fails inside kombu: the next one is tried."""
    app, over = Celery("pulse", broker=own_site.url, set_as_current=False), threading.Event()
    queue = f"{own_site.prefix}.worker.none"
    heartbeat = Heartbeat(app, own_site.redis, queue, "", SYSTEM, Health(SYSTEM), grace_seconds=1)

    def beat() -> int:
        sent = 0
        while not over.is_set():
            sent += heartbeat._send()
        return sent

    with ThreadPoolExecutor(SENDERS) as senders:
        sending = [senders.submit(beat) for _ in range(SENDERS)]
        for _ in range(40):
            time.sleep(0.05)
            cut_all_connections(own_site)
        over.set()
        assert all(sent.result(60) for sent in sending)
    app.close()
