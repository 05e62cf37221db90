"""A real Ollama: the one that `OLLAMA_HOST` names, with a worker in front of it. Where none answers, no test runs."""

import os
from collections.abc import Iterator

import pytest

from api_client import OllamaClient, OllamaError
from embedded.redis import EmbeddedRedis
from llamaq import JobQueue
from tests.integration.house import fresh_name
from tests.worker_process import WorkerProcess
from worker.settings.environment import Settings


@pytest.fixture(scope="session")
def real_ollama() -> str:
    """Its URL."""
    if not os.environ.get("OLLAMA_HOST"):
        pytest.skip("OLLAMA_HOST names no Ollama to try")
    url = Settings().ollama_url
    client = OllamaClient(url)
    try:
        installed = client.tags()
    except OllamaError as error:
        pytest.skip(f"no Ollama answers at OLLAMA_HOST: {error.message}")
    finally:
        client.close()
    if not installed:
        pytest.skip("the Ollama at OLLAMA_HOST has no model: ollama pull smollm2:135m")
    return url


@pytest.fixture(scope="session")
def live_queue(redis_server: EmbeddedRedis, real_ollama: str) -> Iterator[JobQueue]:
    """A producer whose jobs a worker runs on the real Ollama."""
    prefix = f"live-{fresh_name()[:12]}"
    with (
        JobQueue(redis_server.url, prefix=prefix) as queue,
        WorkerProcess(redis_server.url, real_ollama, prefix=prefix, slots=1) as worker,
    ):
        worker.start().ready(queue)
        yield queue


@pytest.fixture(scope="session")
def smallest(live_queue: JobQueue) -> str:
    """The smallest of its models that can talk."""
    # A server older than capabilities reports none: then any model may talk.
    able = [model for model in live_queue.models() if not model.capabilities or "completion" in model.capabilities]
    if not able:
        pytest.skip("the Ollama at OLLAMA_HOST has no model that completes text")
    return min(able, key=lambda model: model.size or 0).model
