"""What the fleet tells of its models and hosts, by each of the ways to ask."""

import asyncio
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from celery import Celery

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama, Stats
from embedded.scripted.script import ScriptedModel
from llamaq import AsyncJobQueue
from llamaq.vocabulary.wire import wire_object
from tests.commands import run
from tests.fleet.pair import Pair, pair
from tests.service import wait_until
from tests.worker_process import CHECKOUT, WorkerProcess

PROBES = 3


@pytest.fixture(scope="module")
def both(redis_server: EmbeddedRedis) -> Iterator[Pair]:
    """Hosts x (a, b) and y (b, c)."""
    with pair(redis_server.url) as found:
        yield found


def test_hosts_and_models_are_told_whole(both: Pair) -> None:
    """Both clients give the same: of hosts slots, circuit and version, of models what Ollama says of them."""
    both.queue.generate("a", "Why?").result(30)
    wait_until(lambda: any(model.loaded for model in both.status("x").models))

    host = both.status("x")
    assert (host.circuit, host.last_error, host.slots, host.slots_used, host.max_models) == ("closed", None, 2, 0, 3)
    assert (host.version, [model.model for model in host.models]) == ("0.32.15", ["a:latest", "b:latest"])
    a, b = host.models
    assert (a.loaded, a.gpu_share, b.loaded, b.gpu_share) == (True, 0.0, False, None)
    assert a.memory
    assert a.expires_at is not None
    assert (a.capabilities, a.circuit, a.quantization is not None) == (("completion",), "closed", True)

    async def asked() -> list[str]:
        async with AsyncJobQueue(both.queue.url, settings=both.queue.settings) as queue:
            return [status.host for status in await queue.hosts()]

    assert sorted(asyncio.run(asked())) == ["x", "y"]


def test_a_model_is_looked_at_in_detail_once(both: Pair) -> None:
    """`/api/show` costs: one question for each digest, however often the host is probed."""
    seen = _times(both.x.stats(), "/api/tags")
    both.x.wait(lambda stats: _times(stats, "/api/tags") >= seen + PROBES)

    shown = [json.loads(entry["body"])["model"] for entry in both.x.stats()["requests"] if entry["path"] == "/api/show"]

    assert Counter(shown)["a:latest"] == 1
    assert Counter(shown)["b:latest"] == 1


def test_the_celery_task_gives_the_list(both: Pair) -> None:
    """`llamaq.vocabulary.models` by name answers with records as of `llamaq models --json`, which go after a minute."""
    task_id = str(uuid.uuid4())
    keys = both.queue.settings.keys
    with Celery(broker=both.queue.url, backend=both.queue.url, set_as_current=False) as app:
        answer = app.send_task("llamaq.models", queue=keys.intake_queue(), task_id=task_id).get(timeout=30)
        left = app.backend.client.ttl(app.backend.get_key_for_task(task_id))

    names = [(record["model"], record["host"]) for record in answer]
    assert sorted(names) == sorted((model.model, model.host) for model in both.queue.models())
    assert set(answer[0]) == set(wire_object(both.queue.models()[0]))
    assert 0 < left <= 60


def test_celerys_remote_control_gives_each_workers_view(both: Pair) -> None:
    """`celery -A worker.app inspect llamaq_status`."""
    settings = {"LLAMAQ_REDIS_URL": both.queue.url, "LLAMAQ_PREFIX": both.queue.settings.keys.prefix}
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "inspect", "llamaq_status", "--json", "-t", "30"]
    # It ends as soon as those that are asked have answered.
    command += ["-d", ",".join(both.nodes)]
    done = run(command, cwd=CHECKOUT, env={**os.environ, **settings})

    assert done.returncode == 0, done.stderr
    told = {status["host"]: status for status in json.loads(done.stdout).values()}
    assert told["x"]["circuit"] == "closed"
    assert told["x"]["slots"] == 2
    assert {model["model"] for model in told["y"]["models"]} >= {"b:latest", "c:latest"}


def test_a_host_without_a_model_is_seen(both: Pair) -> None:
    """It offers nothing and stands among the hosts; so does one that has never answered, with the reason."""
    prefix = both.queue.settings.keys.prefix
    with ExitStack() as stack:
        empty, dead = (stack.enter_context(ScriptedOllama.start(models=[ScriptedModel("last:1b")])) for _ in range(2))
        empty.remove_model("last:1b")
        dead.kill()
        for name, server in {"empty": empty, "dead": dead}.items():
            worker = WorkerProcess(both.queue.url, server.url, prefix=prefix, host=name)
            stack.enter_context(worker).start()
        wait_until(lambda: {status.host for status in both.queue.hosts()} == {"x", "y", "empty", "dead"})

        assert (both.status("empty").circuit, both.offers("empty")) == ("closed", set())
        assert (both.status("dead").circuit, both.status("dead").seen_at) == ("open", None)
        assert "cannot reach" in (both.status("dead").last_error or "")


def _times(stats: Stats, path: str) -> int:
    return sum(entry["path"] == path for entry in stats["requests"])
