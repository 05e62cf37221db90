"""A Redis that is frozen, or whose connections go silent, or that became a replica: workers stop in time, and go on."""

import json
import os
import signal
import time
from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import PATIENCE, Fleet
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from llamaq.vocabulary.events import Delta
from tests.changed_worker import command
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.proxy import OutageProxy
from tests.faults.site import LEASE_SECONDS, Site
from tests.service import read_until, wait_until

DRAIN_SECONDS = 1
STOP_SECONDS = 2.0
LATE_SECONDS = 6
"""What a slow machine may need beyond both."""


def test_a_worker_stops_in_time_though_redis_is_frozen(own_site: Site) -> None:
    """SIGTERM with a job running: the process ends within the drain and the limit of a stop, here 2 s."""
    quick = command({"worker.celery.stop_signals.STOP_SECONDS": STOP_SECONDS})
    worker = own_site.start_worker(quick, drain_seconds=DRAIN_SECONDS, lease_seconds=15)
    own_site.hold(tokens=["half ", "an ", "answer"], hold_after=2)
    read_until(own_site.queue.generate(MODEL, "long"), Delta)
    os.kill(own_site.server.pid, signal.SIGSTOP)
    try:
        time.sleep(1)  # into the calls that now get no answer
        worker.signal(signal.SIGTERM)
        worker.wait(DRAIN_SECONDS + STOP_SECONDS + LATE_SECONDS)
    finally:
        os.kill(own_site.server.pid, signal.SIGCONT)


def test_connections_that_go_silent_cost_no_job(own_site: Site) -> None:
    """They are dropped without being closed, in the middle of an answer: it completes in its first attempt."""
    with OutageProxy(own_site.server.port) as proxy:
        worker = own_site.start_worker(redis_url=proxy.url)
        own_site.ollama.script(count=20 * 3 * LEASE_SECONDS, rate=20)
        job = own_site.queue.generate(MODEL, "long")
        read_until(job, Delta)
        own_site.start_worker(host="another-host")  # its reaper requeues what the first one does not renew

        proxy.set("drop")

        assert_completed(job, attempt=1)
        assert worker.process.poll() is None, worker.log()


def test_a_master_that_became_a_replica_is_left() -> None:
    """Its address leads to the new master, the old connections to the old one: producer and worker go on."""
    with (
        EmbeddedRedis.start() as old,
        EmbeddedRedis.start() as new,
        OutageProxy(old.port) as address,
        ScriptedOllama.start(slots=2) as ollama,
        Site(address, ollama) as site,
        redis.Redis(port=old.port) as old_client,
        redis.Redis(port=new.port) as new_client,
    ):
        new_client.replicaof("127.0.0.1", old.port)
        worker = site.start_worker()
        assert_completed(site.queue.generate(MODEL, "before"), attempt=1)
        ollama.script(count=20 * 5, rate=20)
        running = site.queue.generate(MODEL, "running")
        read_until(running, Delta)
        wait_until(lambda: new_client.info("replication")["master_link_status"] == "up")
        wait_until(lambda: new_client.info("replication")["slave_repl_offset"] > 0)

        address.target = new.port
        new_client.replicaof("NO", "ONE")
        old_client.replicaof("127.0.0.1", new.port)

        assert_completed(site.queue.generate(MODEL, "afterwards"), attempt=1)
        assert running.result(60).text.strip()
        assert worker.process.poll() is None, worker.log()


def _ask(asked: str, queue: JobQueue, job: Any) -> None:
    match asked:
        case "result":
            with pytest.raises(TimeoutError):
                job.result(timeout=4)  # longer than a job is waited for that is not there
        case "status":
            assert job.status().state == "queued"
        case "jobs":
            assert [status.id for status in queue.jobs()] == [job.id]
        case "hosts":
            assert [host.host for host in queue.hosts()] == ["alpha"]
        case "models":
            assert [model.model for model in queue.models()] == [MODEL]
        case "replay":
            assert queue.replay(job.id).id != job.id
        case "conversations":
            assert [one.name for one in queue.conversations()] == ["c"]
        case "settings":
            assert queue.conversation("c").settings().model
        case "dead":
            assert [one.reason for one in queue.dead()] == ["no model"]
            assert queue.dead_letter(queue.dead()[0].id)
        case _:
            assert job.cancel()


@pytest.mark.parametrize(
    "asked",
    ["result", "status", "cancel", "jobs", "hosts", "models", "replay", "conversations", "settings", "dead"],
)
def test_a_demoted_master_does_not_deny_a_job(asked: str) -> None:
    """It answers reads over connections that are still open, and lacks what the new master has: another is asked."""
    with (
        EmbeddedRedis.start() as old,
        EmbeddedRedis.start() as new,
        OutageProxy(old.port) as address,
        JobQueue(address.url) as queue,
        JobQueue(new.url) as other,
        redis.Redis(port=old.port) as demoted,
    ):
        client: Any = queue._connection.redis  # redis-py's, with its pool
        pool = client.connection_pool
        for connection in [pool.get_connection() for _ in range(3)]:  # they stay open, as after three calls at once
            pool.release(connection)
        demoted.replicaof("127.0.0.1", 1)  # of a master that never answers, so it stays as it is
        address.target = new.port
        fleet = Fleet(new.url, "llamaq")
        status = json.dumps({"version": "0", "models": [{"model": MODEL, "host": "alpha"}]})
        fleet.open_store().report(1, 1, status, [MODEL], **PATIENCE)
        fleet.close()
        other.conversation("c").set(model=MODEL)
        with redis.Redis(port=new.port, decode_responses=True) as there:
            letter = {"id": "", "kind": "chat", "source": "inbox", "message": "{}", "reason": "no model"}
            there.xadd("llamaq:dead", letter)
        job = queue.job(other.generate(MODEL, "x").id)

        _ask(asked, queue, job)
