"""Affinity on a real worker: few loads, and nobody waits long for one. The host counts its loads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from embedded.redis import EmbeddedRedis
from embedded.scripted.script import ScriptedModel
from llamaq import Job, TextResult
from tests.fleet.one_model import one_model_service, waited_seconds
from tests.service import Service, wait_until

A, B, C = "a:1", "b:1", "c:1"
LOAD_SECONDS = 0.2
MODELS = [ScriptedModel(name, load_seconds=LOAD_SECONDS) for name in (A, B, C)]
JOB_SECONDS = 0.25
PATIENCE_SECONDS = 4.0
LONG_PATIENCE_SECONDS = 120.0
"""More than a whole trace takes on a slow machine: running out in the middle, it would rightly cost one more load."""
SLACK_SECONDS = 10.0
"""For messages, probes and the noise of a busy machine."""


def brief(service: Service) -> None:
    """Let each request take about `JOB_SECONDS`."""
    service.ollama.script(tokens=["x"] * 5, rate=5 / JOB_SECONDS, times=None)


@contextmanager
def endless(service: Service, model: str, waiting: int = 3) -> Iterator[list[Job[TextResult]]]:
    """Keep so many jobs of a model waiting for as long as the block lasts; all that were sent."""
    sent: list[Job[TextResult]] = []
    over = threading.Event()

    def send() -> None:
        line = f"{service.prefix}:waiting:normal:{model}"
        while not over.wait(0.02):
            if service.redis.zcard(line) < waiting:
                sent.append(service.queue.generate(model, "endless"))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        thread.join()


def test_model_files_on_one_blob_are_one_runner(redis_server: EmbeddedRedis) -> None:
    """40 jobs over three of them, some with the context that is the default: 1 load, and each job in its turn."""
    shared = [ScriptedModel(name, load_seconds=LOAD_SECONDS, weights="blob") for name in (A, B, C)]
    with one_model_service(redis_server.url, models=shared, affinity_patience=3600) as service:
        wait_until(lambda: len(service.queue.models()) == len(shared))
        host = service.keys.host(service.queue.hosts()[0].host)
        service.queue.generate(A, "x").result(60)
        wait_until(lambda: service.redis.hget(host, "default_ctx") == "4096")
        gate = service.hold(tokens=["x"])
        first = service.queue.generate(A, "x")
        jobs = [
            service.queue.generate((A, B, C)[number % 3], "x", options={"num_ctx": 4096} if number % 2 else {})
            for number in range(38)
        ]
        service.ollama.release(gate)
        for job in (first, *jobs):
            job.result(60)

        stats = service.ollama.stats()
        assert sum(stats["loads"].values()) == 1
        assert service.redis.hget(host, "swaps") == "1"
        started = sorted(jobs, key=lambda job: str(job.status().started_at))
        assert [job.id for job in started] == [job.id for job in jobs]
        assert {model.model for model in service.queue.models() if model.loaded} == {A, B, C}


def test_the_trace_costs_three_loads(redis_server: EmbeddedRedis) -> None:
    """A B A A C A B C with one model at a time: 3 loads, and no job waits longer than its turn plus patience."""
    with one_model_service(redis_server.url, models=MODELS, affinity_patience=LONG_PATIENCE_SECONDS) as service:
        brief(service)
        # In one round trip: on a slow machine the first job would have ended before the last is there.
        jobs = service.queue.submit_many(
            {"kind": "generate", "model": model, "prompt": "x"} for model in (A, B, A, A, C, A, B, C)
        )
        for job in jobs:
            job.result(60)

        stats = service.ollama.stats()
        assert stats["loads"] == {A: 1, B: 1, C: 1}
        assert stats["aborted_loads"] == {}
        assert stats["max_running"] == 1
        assert [body["model"] for body in service.list_requests()] == [A] * 4 + [B] * 2 + [C] * 2
        for place, job in enumerate(jobs):
            turn = place * (JOB_SECONDS + LOAD_SECONDS)
            assert waited_seconds(job) <= turn + LONG_PATIENCE_SECONDS + SLACK_SECONDS


def test_endless_traffic_for_one_model_does_not_keep_another_out(redis_server: EmbeddedRedis) -> None:
    """Under endless A traffic a B job starts within the maximum wait plus one A job, and not at once."""
    with one_model_service(redis_server.url, models=MODELS, affinity_patience=PATIENCE_SECONDS) as service:
        brief(service)
        with endless(service, A) as stream:
            wait_until(lambda: len(stream) > 4)
            before = service.ollama.stats()["served_by_model"][A]
            other = service.queue.generate(B, "x")
            other.result(60)
            served = service.ollama.stats()["served_by_model"][A] - before

        assert served > 3
        assert waited_seconds(other) <= PATIENCE_SECONDS + JOB_SECONDS + LOAD_SECONDS + SLACK_SECONDS


def test_a_change_of_runner_options_is_a_load_like_any_other(redis_server: EmbeddedRedis) -> None:
    """Jobs with another num_ctx wait for each other instead of reloading the model to and fro."""
    with one_model_service(redis_server.url, models=MODELS, affinity_patience=30) as service:
        brief(service)
        first = service.queue.generate(A, "first")
        service.wait_requests(1)
        jobs = [service.queue.generate(A, "x", options={"num_ctx": 2048} if odd else {}) for odd in (1, 0, 1, 0, 1, 0)]
        for job in [first, *jobs]:
            job.result(60)

        assert service.ollama.stats()["loads"] == {A: 2}


def test_a_slow_load_is_not_cut(redis_server: EmbeddedRedis) -> None:
    """A load that takes longer than patience, lease and every look at the host is waited for, and done once."""
    slow = [ScriptedModel(A), ScriptedModel(B, load_seconds=3.5)]
    with one_model_service(redis_server.url, models=slow, affinity_patience=0.2, lease_seconds=2, slots=2) as service:
        service.queue.generate(A, "x").result(60)
        jobs = [service.queue.generate(B, "x") for _ in range(2)]
        wait_until(lambda: service.ollama.stats(bodies=False)["loading"].get(B) == 1)
        began = time.monotonic()
        back = service.queue.generate(A, "x")
        for job in [*jobs, back]:
            assert job.result(60).attempts == 1

        stats = service.ollama.stats()
        assert stats["loads"] == {A: 2, B: 1}
        assert stats["aborted_loads"] == {}
        assert time.monotonic() - began > 2
