"""A real Ollama: the one that `OLLAMA_HOST` names, with a worker in front of it.

Where none with a model answers, these tests are not selected: they are for whoever has one, and no run lacks them.
"""

import os
from collections.abc import Iterator

import pytest

from api_client import OllamaClient, OllamaError
from embedded.redis import EmbeddedRedis
from llamaq import JobQueue
from tests.service import fresh_name
from tests.worker_process import WorkerProcess
from worker.settings.environment import Settings


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the live tests out where there is nothing to try them on."""
    live = [item for item in items if item.get_closest_marker("live")]
    if live and not _answers():
        config.hook.pytest_deselected(items=live)
        items[:] = [item for item in items if item not in live]


def _answers() -> bool:
    if not os.environ.get("OLLAMA_HOST"):
        return False
    with OllamaClient(Settings().ollama_url, connect_timeout_seconds=3, retries=0) as client:
        try:
            return bool(client.tags())
        except OllamaError:
            return False


@pytest.fixture(scope="session")
def real_ollama() -> str:
    """Its URL."""
    return Settings().ollama_url


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
    assert able, "the Ollama at OLLAMA_HOST has no model that completes text: ollama pull smollm2:135m"
    return min(able, key=lambda model: model.size or 0).model
