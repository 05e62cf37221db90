"""What each user of ops/redis/users.acl may do on a real Redis, over TLS, and what it may not."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from redis.exceptions import NoPermissionError

from embedded.scripted.launcher import ScriptedOllama
from llamaq import AsyncJobQueue, JobQueue
from llamaq.admission.submission import Submission
from llamaq.admission.submission import build_call as submit_call
from llamaq.settings.producer import Settings
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from llamaq.store.script_drivers import run
from llamaq.vocabulary.requests import parse
from ops.topology.redis_server import REDIS, LockedRedis
from tests.conftest import MODEL
from tests.integration.scraping import PORT, port_of, scrape
from tests.service import wait_until
from tests.worker_process import WorkerProcess
from worker.celery.broker_address import celery_settings

SECRET = "planted-words-of-a-prompt"


@pytest.fixture(scope="module")
def host() -> Iterator[ScriptedOllama]:
    """A scripted host with two slots, for the whole file."""
    with ScriptedOllama.start(slots=2) as host:
        yield host


@pytest.fixture(scope="module")
def served(locked_redis: LockedRedis, secrets: Path, host: ScriptedOllama) -> Iterator[WorkerProcess]:
    """A worker under its own user, whose password it reads from a file; it sends Celery's events, as for Flower."""
    settings = {"redis_password_file": secrets / "redis_worker", "slots": 2}
    command = [*WorkerProcess.COMMAND, "-E"]
    with WorkerProcess(locked_redis.bare_url("worker"), host.url, command, **settings) as worker:
        with JobQueue(locked_redis.url("producer")) as queue:
            worker.start().ready(queue)
        yield worker


@pytest.fixture
def producer(locked_redis: LockedRedis, served: WorkerProcess) -> Iterator[JobQueue]:
    """A producer under its own user, with a worker there."""
    with JobQueue(locked_redis.url("producer")) as queue:
        yield queue


def as_user(server: LockedRedis, user: str) -> Any:
    """A plain client."""
    return redis.Redis.from_url(server.url(user), decode_responses=True)


def refused(auditor: "redis.Redis") -> list[str]:
    """What the ACL has refused, but for what redis-py tells of itself at each connection and does without."""
    found = [f"{entry['username']}: {entry['reason']} {entry['object']}" for entry in auditor.acl_log()]
    return [line for line in found if "client|setinfo" not in line]


def test_whole_jobs_run_under_these_users(producer: JobQueue, host: ScriptedOllama, auditor: "redis.Redis") -> None:
    """Every verb of the SDK, streaming, conversations, cancelling, attaching and listing: the ACL refuses nothing."""
    job = producer.generate(MODEL, SECRET, idempotency_key="once", priority="interactive", start_within=60)
    assert "".join(job.text(on_restart="raise")) == job.result(30).text
    assert producer.generate(MODEL, SECRET, idempotency_key="once").id == job.id
    for message in ("one", "two"):
        assert producer.chat(MODEL, conversation="talk", message=message).result(30).message
    for many in producer.submit_many([{"kind": "generate", "model": MODEL, "prompt": "x"}] * 5):
        many.result(30)
    host.script(tokens=["a"] * 1000, rate=20)
    slow = producer.generate(MODEL, "slow")
    next(iter(slow.text()))
    slow.cancel()
    assert slow.status().state == "cancelled"
    assert producer.replay(job.id).result(30).text
    assert len(producer.jobs(tenant="default", model=MODEL)) >= 9
    producer.pause(model=MODEL)
    later = [producer.generate(MODEL, "x", start_after=1), producer.generate(MODEL, "x")]
    assert [row.waiting for row in producer.waiting()][:1] == [1]
    assert producer.waiting_by_tenant() == {"default": 2}
    assert producer.workers()
    producer.resume(model=MODEL)
    assert [each.result(30).text for each in later]
    for load in producer.load(MODEL):
        load.result(30)
    assert [producer.delete(each.id) for each in later] == [True, True]
    assert producer.models()
    assert producer.dead() == []

    assert refused(auditor) == []


def test_the_async_client_runs_under_the_same_user(
    locked_redis: LockedRedis, producer: JobQueue, auditor: "redis.Redis"
) -> None:
    """The same over asyncio."""

    async def whole() -> list[str]:
        async with AsyncJobQueue(locked_redis.url("producer")) as queue:
            job = await queue.generate(MODEL, SECRET)
            return [event.type async for event in job.events()]

    assert asyncio.run(whole())[-1] == "completed"
    assert refused(auditor) == []


def test_producers_without_the_sdk_run_under_it_too(
    locked_redis: LockedRedis, producer: JobQueue, auditor: "redis.Redis"
) -> None:
    """The inbox, and Celery by name."""
    request = {"model": MODEL, "prompt": SECRET}
    url = locked_redis.url("producer")
    with as_user(locked_redis, "producer") as plain:
        plain.xadd("llamaq:inbox", {"id": "by-inbox", "kind": "generate", "request": json.dumps(request)})
    with Celery("backend", broker=url, backend=url, set_as_current=False) as app:
        app.conf.update(celery_settings(url), redis_backend_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED})
        app.send_task("llamaq.generate", kwargs={"request": request}, queue="llamaq", task_id="by-name")

        listed = app.send_task("llamaq.models", queue="llamaq").get(timeout=30)

    assert MODEL in {model["model"] for model in listed}
    for job_id in ("by-inbox", "by-name"):
        log = producer.job(job_id).events()
        assert [event.type for event in log][-1] == "completed"
    assert refused(auditor) == []


FORBIDDEN: dict[str, Callable[[Any], object]] = {
    "read another prefix": lambda client: client.hgetall("other:{1}"),
    "read another prefix's log": lambda client: client.xrange("other:{1}:events"),
    "write to another prefix": lambda client: client.set("other:x", "1"),
    "listen to another prefix": lambda client: client.execute_command("SUBSCRIBE", "other:{1}:events"),
    "publish to another prefix": lambda client: client.publish("other:control:h", "1"),
    "run a script of its own": lambda client: client.eval("return 1", 0),
    "load a script": lambda client: client.script_load("return 1"),
    "forget the scripts": lambda client: client.script_flush(),
    "plant a script for the workers to load": lambda client: client.hset("llamaq.store.scripts", "a", "b"),
    "load a function": lambda client: client.function_load("#!lua name=x\nredis.register_function('x', print)"),
    "flush the database": lambda client: client.flushdb(),
    "flush everything": lambda client: client.flushall(),
    "list the keys": lambda client: client.keys("*"),
    "scan the keys": lambda client: client.scan(),
    "read by-name requests of others": lambda client: client.lrange("llamaq", 0, -1),
    "take by-name requests of others": lambda client: client.rpop("llamaq"),
    "read the settings": lambda client: client.config_get("*"),
    "change the settings": lambda client: client.config_set("dir", "/tmp"),
    "see the other clients": lambda client: client.client_list(),
    "watch the commands": lambda client: client.execute_command("MONITOR"),
    "read the users": lambda client: client.acl_list(),
    "read the slow log, which quotes arguments": lambda client: client.slowlog_get(),
    "replicate": lambda client: client.replicaof("127.0.0.1", 1),
    "shut it down": lambda client: client.shutdown(),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_producer_cannot(what: str, locked_redis: LockedRedis) -> None:
    """What a stolen producer's password does not give."""
    with as_user(locked_redis, "producer") as client, pytest.raises(NoPermissionError):
        FORBIDDEN[what](client)


def test_a_producer_cannot_reach_another_prefix_through_our_scripts(
    locked_redis: LockedRedis, producer: JobQueue
) -> None:
    """The scripts take the prefix as an argument: Redis checks each key that they touch."""
    request = parse({"kind": "generate", "model": MODEL, "prompt": "x"})
    call = submit_call(Submission("stray", request), Settings(keys=Keys("other")))
    with (
        connect(locked_redis.url("producer")) as client,
        pytest.raises(redis.ResponseError, match=r"access|permission"),
    ):
        run(client, call)


@pytest.mark.parametrize("user", ["flower", "metrics", "exporter"])
def test_those_who_watch_cannot_read_what_was_asked(
    user: str, locked_redis: LockedRedis, producer: JobQueue, auditor: "redis.Redis"
) -> None:
    """Neither a record, nor a log, nor a request that waits in Celery's queue, nor what is published."""
    job = producer.generate(MODEL, SECRET)
    job.result(30)
    keys = Keys("llamaq")
    auditor.lpush("waiting-for-nobody", "x")
    with as_user(locked_redis, user) as client:
        for look in (
            lambda: client.hgetall(keys.record(job.id)),
            lambda: client.xrange(keys.events(job.id)),
            lambda: client.lrange("llamaq", 0, -1),
            lambda: client.rpop("llamaq"),
            lambda: client.lrange(keys.conversation("default", "talk"), 0, -1),
            lambda: client.xrange(keys.dead()),
            lambda: client.xrange(keys.inbox()),
            lambda: client.execute_command("SUBSCRIBE", keys.events(job.id)),
            lambda: client.execute_command("PSUBSCRIBE", "*"),
            lambda: client.execute_command("DUMP", keys.record(job.id)),
            client.slowlog_get,
            lambda: client.execute_command("MONITOR"),
            client.flushall,
        ):
            with pytest.raises(NoPermissionError):
                look()


def test_flowers_user_sees_workers_events_and_lengths(
    locked_redis: LockedRedis, producer: JobQueue, auditor: "redis.Redis"
) -> None:
    """All that Flower shows: who is there, what they do, what Celery tells of tasks, how long queues are."""
    url, heard = locked_redis.url("flower"), []
    with Celery("watcher", broker=url, set_as_current=False) as app:
        app.conf.update(celery_settings(url), control_exchange="llamaq")
        with app.connection() as connection:

            def note(event: dict[str, Any]) -> None:
                heard.append(event["type"])
                receiver.should_stop = event["type"] == "task-succeeded"

            receiver = app.events.Receiver(connection, handlers={"*": note})
            consumer = receiver.itercapture(limit=None, timeout=30, wakeup=True)
            next(consumer)
            producer.generate(MODEL, "x").result(30)
            for _ in consumer:
                if "task-succeeded" in heard:
                    break
        answers = app.control.inspect(timeout=10, limit=1).ping()
    with as_user(locked_redis, "flower") as client:
        assert client.llen("llamaq") == 0

    assert "task-succeeded" in heard
    assert len(answers) == 1
    assert refused(auditor) == []


def test_the_metrics_user_sees_figures_alone(locked_redis: LockedRedis, producer: JobQueue) -> None:
    """Redis' own figures, and how many there are of what; no value."""
    producer.generate(MODEL, "x").result(30)
    with as_user(locked_redis, "metrics") as client:
        assert client.info()["used_memory"] > 0
        assert client.zcard(Keys("llamaq").jobs()) > 0
        with pytest.raises(NoPermissionError):
            client.zrange(Keys("llamaq").jobs(), 0, -1)


def test_the_exporter_runs_under_its_own_user(
    locked_redis: LockedRedis, producer: JobQueue, auditor: "redis.Redis", secrets: Path
) -> None:
    """All metrics of the fleet, also where no worker has loaded the script; what it may read has no words of a job."""
    producer.generate(MODEL, "x").result(30)
    settings = {"redis_password_file": secrets / "redis_exporter", "metrics_port": 0}
    command = [*WorkerProcess.COMMAND, "exporter"]
    auditor.script_flush()
    with WorkerProcess(locked_redis.bare_url("exporter"), "http://127.0.0.1:1", command, **settings) as exporter:
        exporter.start()
        wait_until(lambda: bool(PORT.search(exporter.log())))
        seen = scrape(port_of(exporter))

    assert seen.figure("llamaq_redis_up") == 1
    assert seen.figure("llamaq_jobs_ended_total", state="completed") >= 1
    names = {"llamaq_backlog_jobs", "llamaq_queue_depth", "llamaq_host_up", "llamaq_redis_memory_bytes"}
    assert names <= set(seen.shapes)
    assert refused(auditor) == []


def test_nobody_comes_in_without_a_password(locked_redis: LockedRedis) -> None:
    """The default user is off, and an authority that is not known ends the connection before a password is sent."""
    anonymous = locked_redis.url("producer").replace("llamaq-producer:", "").replace(
        (locked_redis.secrets / "redis_producer").read_text() + "@", ""
    )  # fmt: skip
    with redis.Redis.from_url(anonymous) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    unknown = locked_redis.url("producer").split("&ssl_ca_certs")[0]
    with redis.Redis.from_url(unknown) as client, pytest.raises(redis.ConnectionError, match="certificate"):
        client.ping()


def test_each_user_has_its_placeholder_and_no_password_of_ours() -> None:
    """What is in the repository lets nobody in: the hashes are of no password, and the default user is off."""
    lines = (REDIS / "users.acl").read_text().splitlines()

    assert lines[0].startswith("user default off resetpass ")
    assert [line.split()[1] for line in lines[1:]] == [
        f"llamaq-{name}" for name in ("worker", "producer", "flower", "metrics", "exporter", "admin")
    ]
    assert all(line.split()[2:4] == ["on", "#" + "0" * 64] for line in lines[1:])
