"""However a worker is started it is the same worker; what keeps it from working is named, with its variable."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq.vocabulary.requests import HOST_JOBS
from tests.commands import run
from tests.conftest import MODEL
from tests.service import Service, fresh_name
from tests.worker_process import CHECKOUT, WorkerProcess

COMMANDS = {"module": [sys.executable, "-m", "worker"], "celery": [sys.executable, "-m", "celery", "-A", "worker.app"]}


def run_worker(*arguments: str, **settings: object) -> tuple[int, str]:
    """`run.py worker` to its end: exit code and output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
    environment |= {name: str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "worker", *arguments]
    done = run(command, cwd=CHECKOUT, env=environment, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def inspector(own_service: Service) -> Iterator[Celery]:
    """Asks workers what they are."""
    app = Celery("inspector", broker=own_service.url, set_as_current=False)
    app.conf.control_exchange = own_service.prefix
    yield app
    app.close()


def described(inspector: Celery, service: Service, command: list[str]) -> dict[str, Any]:
    """Start a worker by a command, run a job on it, and tell what it is made of."""
    name = f"{fresh_name()}@here"
    settings = {"prefix": service.prefix, "slots": 3, "max_models": 2, "host": "the-host"}
    with WorkerProcess(service.url, service.ollama.url, [*command, "-n", name], **settings) as worker:
        worker.start().ready(service.queue)
        assert service.queue.generate(MODEL, "Why?").result(30).host == "the-host"
        asked = inspector.control.inspect([name], timeout=5, limit=1)
        stats, queues, tasks = asked.stats()[name], asked.active_queues()[name], sorted(asked.registered()[name])
    return {
        "pool": stats["pool"]["implementation"],
        "concurrency": stats["pool"]["max-concurrency"],
        "prefetch": stats["prefetch_count"],
        # A worker's own queue has its process id in its name.
        "queues": sorted(
            queue["name"] for queue in queues if not queue["name"].startswith(f"{service.prefix}.worker.")
        ),
        "tasks": tasks,
    }


def test_celerys_own_command_gives_the_same_worker(own_service: Service, inspector: Celery) -> None:
    """`celery -A worker.app worker` is `run.py worker`: same pool, concurrency, queues and tasks; both run jobs."""
    module = described(inspector, own_service, COMMANDS["module"])
    celery = described(inspector, own_service, [*COMMANDS["celery"], "worker"])

    assert module == celery
    assert module["pool"].endswith("thread:TaskPool")
    assert module["concurrency"] == 3 * 2 + len(HOST_JOBS) + 2
    assert module["queues"] == sorted([own_service.prefix, f"{own_service.prefix}.host.the-host"])


@pytest.fixture
def host() -> Iterator[ScriptedOllama]:
    """Only to be looked at."""
    with ScriptedOllama.start() as host:
        yield host


@pytest.mark.needs("redis-server 7")
def test_check_finds_everything_well(redis_server: EmbeddedRedis, host: ScriptedOllama) -> None:
    """With Redis and Ollama there it exits with 0, and tells version, models and slots."""
    code, said = run_worker("check", LLAMAQ_REDIS_URL=redis_server.url, OLLAMA_HOST=host.url, OLLAMA_NUM_PARALLEL=4)

    assert code == 0, said
    assert "WRONG" not in said
    assert "ok    redis:" in said
    assert "0.32.15" in said
    assert MODEL in said
    assert "4 for each of 1 model" in said


def test_check_names_what_does_not_answer() -> None:
    """Without Redis and Ollama it exits with 1, and names address and variable of both."""
    code, said = run_worker(
        "check", LLAMAQ_REDIS_URL="redis://user:secret@127.0.0.1:1/0", LLAMAQ_OLLAMA_URL="http://127.0.0.1:1"
    )

    redis_line, ollama_line = (line for line in said.splitlines() if line.startswith("WRONG"))
    assert code == 1
    assert "127.0.0.1:1" in redis_line
    assert "LLAMAQ_REDIS_URL" in redis_line
    assert "http://127.0.0.1:1" in ollama_line
    assert "LLAMAQ_OLLAMA_URL" in ollama_line
    assert "secret" not in said


def test_check_finds_a_redis_that_would_throw_jobs_away(host: ScriptedOllama) -> None:
    """Another eviction policy than noeviction is wrong; no append-only file is to be minded."""
    with EmbeddedRedis.start(appendonly=False) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        code, said = run_worker("check", LLAMAQ_REDIS_URL=server.url, LLAMAQ_OLLAMA_URL=host.url)

    assert code == 1
    assert "WRONG redis eviction: allkeys-lru" in said
    assert "maxmemory-policy noeviction" in said
    assert "mind  redis persistence" in said


def test_a_bad_setting_is_named() -> None:
    """A worker with settings that do not fit does not start; each variable is named once, with what it should be."""
    wrong = {
        "LLAMAQ_SLOTS": 0,
        "LLAMAQ_FLUSH_MS": "fast",
        "LLAMAQ_LEASE_SECONDS": 0.1,
        "LLAMAQ_OLLAMA_URL": "ftp://host",
        "LLAMAQ_REDIS_URL": "localhost:6379",
    }

    code, said = run_worker(**wrong)

    assert code == 2
    assert sorted(line.split(":")[0] for line in said.splitlines()) == sorted(wrong)


@pytest.mark.parametrize("file", ["/nonexistent/alive", f"{__file__}/alive"])
def test_a_liveness_file_that_cannot_be_touched_ends_the_start(file: str, own_service: Service) -> None:
    """It would only be missing later, when what supervises the worker takes it for dead."""
    settings = {"LLAMAQ_REDIS_URL": own_service.url, "LLAMAQ_OLLAMA_URL": own_service.ollama.url}
    code, said = run_worker(**settings, LLAMAQ_LIVENESS_FILE=file)

    assert code == 2
    assert f"LLAMAQ_LIVENESS_FILE: {file}: " in said
    _, said = run_worker("check", **settings, LLAMAQ_LIVENESS_FILE=file)
    assert f"WRONG liveness file: LLAMAQ_LIVENESS_FILE: {file}: " in said


@pytest.mark.parametrize(("file", "why"), [("/nonexistent.pem", "cannot be read"), (__file__, "holds no certificate")])
def test_authorities_that_cannot_be_used_end_the_start(file: str, why: str) -> None:
    """Otherwise each call of Ollama would fail with it."""
    code, said = run_worker(LLAMAQ_OLLAMA_CA_FILE=file)

    assert code == 2
    assert f"LLAMAQ_OLLAMA_CA_FILE: {file} {why}" in said


def test_check_ends_where_nobody_reads_on() -> None:
    """As before `head` or `grep -q`: without a traceback."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
    settings["LLAMAQ_REDIS_URL"] = "redis://127.0.0.1:1/0"
    done = run(["sh", "-c", f"{sys.executable} -m worker check | true"], cwd=CHECKOUT, env=settings, timeout=60)

    assert done.stderr == ""
