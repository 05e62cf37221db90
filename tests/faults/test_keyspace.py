"""What jobs, workers, models, tenants and conversations leave in Redis once their lifetimes are over: nothing."""

import os
import signal

import pytest
import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.service import wait_until
from tests.worker_process import WorkerProcess

JOBS = int(os.environ.get("KEYSPACE_JOBS", "600"))
WORKERS = int(os.environ.get("KEYSPACE_WORKERS", "3"))
"""10,000 and 50 take some minutes."""
MODELS, TENANTS = 300, 50
PREFIX = "keyspace"


def _request(number: int) -> dict[str, object]:
    common = {"model": f"unknown-{number % MODELS}", "tenant": f"tenant-{number % TENANTS}"}
    if number % 10:
        return {"kind": "generate", "prompt": "x", **common}
    return {"kind": "chat", "conversation": f"conversation-{number}", "message": "x", **common}


@pytest.mark.timeout(900)
def test_the_keyspace_is_as_it_was_before() -> None:
    """Jobs of models that nobody has, and workers that come and go, in order or killed, on hosts of their own."""
    with (
        EmbeddedRedis.start() as server,
        ScriptedOllama.start() as ollama,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
        JobQueue(server.url, settings=Settings(keys=Keys(PREFIX), result_ttl=1)) as queue,
    ):
        jobs = queue.submit_many(_request(number) for number in range(JOBS))
        for job in jobs:
            job.cancel()
        for number in range(WORKERS):
            host = f"comes-and-goes-{number}"
            with _make_worker(server, ollama, host) as worker:
                worker.start()
                wait_until(lambda host=host: client.exists(f"{PREFIX}:host:{host}"))  # type: ignore[misc]  # a default binds it
                worker.signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
                worker.wait()
        with _make_worker(server, ollama, "stays") as worker:
            worker.start().ready(queue)
            client.zadd(f"{PREFIX}:hosts", {f"comes-and-goes-{number}": 1 for number in range(WORKERS)}, xx=True)

            def list_left() -> set[str]:
                return {key for key in client.scan_iter(count=1000) if not _is_of_the_worker(key)}

            wait_until(lambda: list_left() == set())
            assert all(client.ttl(card) > 0 for card in client.scan_iter(f"{PREFIX}:card:*"))
            assert client.smembers(f"_kombu.binding.{PREFIX}") == {f"{PREFIX}\x06\x16\x06\x16{PREFIX}"}


def _is_of_the_worker(key: str) -> bool:
    """A key of the one worker that runs, of the fleet as a whole, or of kombu, which sweeps what is overdue."""
    names = (".scripts", ".store", ":ended", ":hosts", ":inbox", ":reaper", ":forecast", ":webhook_sender:none")
    fleet = {f"{PREFIX}{name}" for name in names}
    own = (*(f"{PREFIX}{name}" for name in (":host:stays", ":card:", ":model:smollm2", ".worker.", ".host.stays")),)
    return key in fleet or key.startswith((*own, "_kombu.binding"))


def _make_worker(server: EmbeddedRedis, ollama: ScriptedOllama, host: str) -> WorkerProcess:
    return WorkerProcess(server.url, ollama.url, prefix=PREFIX, host=host, probe_seconds=0.5, conversation_ttl=60)
