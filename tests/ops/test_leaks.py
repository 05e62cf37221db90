"""What was asked and answered, and what opens doors, is nowhere but where it belongs.

Planted words go through every way into the service, on a worker that logs at DEBUG; then all that the service says of
itself is searched for them.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import redis
from celery import Celery

from embedded.scripted.launcher import ScriptedOllama
from llamaq import AsyncJobQueue, JobFailed, JobQueue
from ops.topology.redis_server import LockedRedis
from tests.commands import run
from tests.conftest import MODEL
from tests.integration.scraping import port_of, scrape
from tests.service import fresh_name, wait_until
from tests.worker_process import CHECKOUT, WorkerProcess
from worker.celery.broker_address import celery_settings

WORD = "planted"
"""In all that is asked and answered. No line of ours has it."""
TOKEN = "token-of-the-front-door"
SCHEMA = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}


@pytest.fixture(scope="module")
def host() -> Iterator[ScriptedOllama]:
    """The host."""
    with ScriptedOllama.start(slots=2) as host:
        yield host


@pytest.fixture(scope="module")
def worker(locked_redis: LockedRedis, host: ScriptedOllama) -> Iterator[WorkerProcess]:
    """A worker that says all it can say, with a password and a token."""
    settings: dict[str, object] = {"redis_password_file": locked_redis.secrets / "redis_worker", "slots": 2}
    settings |= {"ollama_token": TOKEN, "metrics_port": 0, "log_format": "json"}
    command = [*WorkerProcess.COMMAND, "-E", "--loglevel", "DEBUG"]
    with WorkerProcess(locked_redis.bare_url("worker"), host.url, command, **settings) as worker:
        with JobQueue(locked_redis.url("producer")) as queue:
            worker.start().ready(queue)
        yield worker


@pytest.fixture
def queue(locked_redis: LockedRedis, worker: WorkerProcess) -> Iterator[JobQueue]:
    """A producer."""
    with JobQueue(locked_redis.url("producer")) as queue:
        yield queue


class Listener:
    """Hears Celery's events, as Flower does."""

    def __init__(self, server: LockedRedis) -> None:
        self.app = Celery("listener", broker=server.url("flower"), set_as_current=False)
        self.app.conf.update(celery_settings(server.url("flower")), control_exchange="llamaq")
        self.heard: list[dict[str, Any]] = []
        self._receiver: Any = None
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(self._hears)  # a heartbeat: from here on it hears all
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join(10)
        self.app.close()

    def _hears(self) -> bool:
        if not self.heard:
            self.app.control.heartbeat()  # the worker sends one now, and not only when the next is due
        return bool(self.heard)

    def _listen(self) -> None:
        with self.app.connection_for_read() as connection:
            self._receiver = self.app.events.Receiver(connection, handlers={"*": self.heard.append})
            self._receiver.capture(limit=None, timeout=None, wakeup=False)

    def inspected(self) -> str:
        """All that a worker answers when it is asked about itself."""
        inspect = self.app.control.inspect(timeout=20, limit=1)
        asked = [inspect.conf(), inspect.stats(), inspect.report(), inspect.registered(), inspect.active_queues()]
        return repr([*asked, inspect.active(), inspect.active(safe=True), inspect.reserved(), inspect.scheduled()])


def secrets(server: LockedRedis) -> list[str]:
    """What opens doors."""
    return [TOKEN, *(path.read_text() for path in server.secrets.iterdir() if path.name.startswith("redis_"))]


def found(text: str, server: LockedRedis) -> list[str]:
    """The lines that tell something they must not."""
    words = [WORD, *secrets(server)]
    return [line[:500] for line in text.splitlines() if any(word in line for word in words)]


def send_by_name(server: LockedRedis, job_id: str, request: object) -> None:
    """As another backend does, which lets Celery describe the arguments."""
    url = server.url("producer")
    with Celery("backend", broker=url, set_as_current=False) as app:
        app.conf.update(celery_settings(url))
        app.send_task("llamaq.generate", kwargs={"request": request}, queue="llamaq", task_id=job_id)


def test_nothing_that_a_service_says_of_itself_tells_what_was_asked(
    locked_redis: LockedRedis,
    queue: JobQueue,
    host: ScriptedOllama,
    worker: WorkerProcess,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every kind and way in, good and bad, while it runs and after: in no log, event, metric or answer to inspect."""
    caplog.set_level(logging.DEBUG)
    with Listener(locked_redis) as listener:
        gate = fresh_name()
        host.script(tokens=[f"{WORD} answer"], hold=gate)
        send_by_name(locked_redis, "by-name", {"model": MODEL, "prompt": f"{WORD} prompt"})
        host.wait(lambda stats: stats["held"].get(gate, 0) == 1)
        during = listener.inspected()
        host.release(gate)
        queue.job("by-name").result(30)
        _everything_good(queue, host)
        asyncio.run(_async(locked_redis))
        _everything_bad(locked_redis, queue, host)
        wait_until(lambda: sum(event["type"] == "task-succeeded" for event in listener.heard) >= 5)
        wait_until(lambda: any(event.get("uuid") == "bad-name" for event in listener.heard))
        told = repr(listener.heard) + during + listener.inspected()

    assert "by-name" in during
    assert "invalid_request" in told
    assert f"'model': '{MODEL}'" in told.replace('"', "'").replace("\\'", "'")
    assert found(told, locked_redis) == []
    assert found(scrape(port_of(worker)).text, locked_redis) == []
    assert '"level": "debug"' in worker.log()
    assert found(worker.log(), locked_redis) == []
    assert found(caplog.text, locked_redis) == []


def _everything_good(queue: JobQueue, host: ScriptedOllama) -> None:
    host.script(tokens=[f"{WORD} text"])
    queue.generate(MODEL, f"{WORD} prompt", system=f"{WORD} system", metadata={"a": WORD}).result(30)
    host.script(tokens=[f"{WORD} reply"])
    queue.chat(MODEL, conversation="talk", message=f"{WORD} message").result(30)
    host.script(tokens=[json.dumps({"value": WORD})])
    queue.extract(MODEL, f"{WORD} prompt", schema=SCHEMA).result(30)
    host.script(tokens=[WORD], fault="cut")
    host.script(tokens=[WORD])
    queue.generate(MODEL, f"{WORD} prompt").result(60)


async def _async(server: LockedRedis) -> None:
    async with AsyncJobQueue(server.url("producer")) as queue:
        job = await queue.generate(MODEL, f"{WORD} prompt")
        await job.result(30)


def _everything_bad(server: LockedRedis, queue: JobQueue, host: ScriptedOllama) -> None:
    host.script(status=400, body={"error": f"cannot make sense of {WORD}"})
    with pytest.raises(JobFailed):
        queue.generate(MODEL, f"{WORD} prompt").result(30)
    send_by_name(server, "bad-name", {"model": MODEL, "prompt": f"{WORD} prompt", "temperature": WORD})
    send_by_name(server, "worse-name", f"{WORD} prompt")
    with redis.Redis.from_url(server.url("producer")) as plain:
        plain.xadd("llamaq:inbox", {"id": "bad-inbox", "kind": "generate", "request": f'{{"prompt": "{WORD}'})
        plain.lpush("llamaq", f"{WORD}: no message at all")
    with redis.Redis.from_url(server.url("auditor")) as auditor:
        wait_until(lambda: auditor.xlen("llamaq:dead") >= 4)


CLI = [sys.executable, "-m", "llamaq"]


@pytest.mark.parametrize(
    "words",
    [
        ["generate", MODEL, f"{WORD} prompt", "--deadline", "-1"],
        ["generate", "no-such-model", f"{WORD} prompt"],
        ["extract", MODEL, f"{WORD} prompt", "--schema", "/nonexistent"],
        ["describe", MODEL, "/nonexistent.png", f"{WORD} prompt"],
    ],
    ids=lambda words: words[0],
)
def test_errors_of_the_command_line_tell_neither_prompt_nor_password(
    words: list[str], locked_redis: LockedRedis, queue: JobQueue
) -> None:
    """What went wrong is told, without what was asked."""
    done = cli(words, LLAMAQ_REDIS_URL=locked_redis.url("producer"))
    assert done.returncode != 0
    assert done.stderr
    assert found(done.stdout + done.stderr, locked_redis) == []


def cli(words: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LLAMAQ_")}
    return run([*CLI, *words], cwd=CHECKOUT, env=bare | environment, timeout=60)


@pytest.mark.parametrize("url", ["rediss://u:{0}@127.0.0.1:1/0", "nonsense://u:{0}@h", "redis://u:{0}@h:port/0"])
@pytest.mark.parametrize("command", [["-m", "llamaq", "models"], ["-m", "worker", "check"], ["-m", "worker"]])
def test_a_url_that_does_not_work_is_told_without_its_password(url: str, command: list[str], tmp_path: Path) -> None:
    """By the command line, by the preflight, and by a worker that cannot start."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LLAMAQ_")}
    given = bare | {"LLAMAQ_REDIS_URL": url.format("planted-password"), "LLAMAQ_OLLAMA_URL": "http://u:planted@h:x"}
    done = run([sys.executable, *command], cwd=CHECKOUT, env=given, timeout=60)
    assert done.returncode != 0
    assert "planted" not in done.stdout + done.stderr
