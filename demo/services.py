"""The services of the demo: a worker, and the user's Redis and Ollama, or embedded ones."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from api_client import OllamaClient, OllamaError
from embedded.child import spawn
from embedded.ollama.process import EmbeddedOllama
from embedded.redis import EmbeddedRedis
from embedded.weights import fetch_weights
from llamaq import JobQueue
from llamaq.store.connections.clients import connect
from llamaq.store.redis_errors import translate_errors
from llamaq.vocabulary.models import ModelStatus
from worker.settings.environment import Settings

READY_SECONDS = 60.0
STOP_SECONDS = 45.0
LOOK_SECONDS = 3
SLOTS = 2
DRAIN_SECONDS = 5.0
_RUN = Path(__file__).resolve().parents[1] / "run.py"


class ServiceMissing(Exception):
    """A service could not be started. The message names it in one line."""


@dataclass(frozen=True, slots=True)
class Part:
    """A server: its URL, its description, and whether the demo started it."""

    url: str
    what: str
    ours: bool = True


@contextmanager
def provide_redis(config: Settings) -> Iterator[Part]:
    """Provide the Redis of `LLAMAQ_REDIS_URL`, else an embedded one.

    Raises:
        BrokerUnavailable: the Redis of `LLAMAQ_REDIS_URL` does not answer.
    """
    if config.is_given("redis_url"):
        with (
            translate_errors(config.redis_url),
            connect(config.redis_url, retry=False, limit_seconds=LOOK_SECONDS) as client,
        ):
            client.ping()
        yield Part(config.redis_url, "yours, of LLAMAQ_REDIS_URL", ours=False)
        return
    with EmbeddedRedis.start() as server:
        yield Part(server.url, f"embedded: {server.kind}")


@contextmanager
def provide_ollama(config: Settings) -> Iterator[Part]:
    """Provide the Ollama of the settings, if it answers and has a model; else the embedded one with its model.

    Raises:
        ServiceMissing: its runtime could not be fetched.
        NotFetched: the model could not be fetched.
    """
    found = _probe_ollama(config.ollama_url)
    if found is not None:
        yield Part(config.ollama_url, found, ours=False)
        return
    _install_runtime()
    with EmbeddedOllama.start(fetch_weights(), slots=SLOTS) as server:
        yield Part(server.url, "embedded: SmolLM2-135M on llama.cpp")


def _install_runtime() -> None:
    """Let run.py install the model's runtime: it has the lock files, and lets one process install at a time."""
    if importlib.util.find_spec("xllamacpp"):
        return
    # It prints its progress and its errors.
    with subprocess.Popen([sys.executable, str(_RUN), "model"], stdout=subprocess.DEVNULL) as run:  # noqa: S603 - ours
        try:
            failed = run.wait()
        except KeyboardInterrupt:
            run.terminate()
            raise
    if failed:
        raise ServiceMissing("no Ollama answers, and the embedded model could not be set up, see above")


def choose_slots(config: Settings) -> int:
    """Choose the worker's slots: those of the environment, else those of the embedded model."""
    return config.slots if config.is_given("slots") else SLOTS


def choose_drain_seconds(config: Settings) -> float:
    """Choose how long an ending worker waits for jobs: that of the environment, else a few, as for a demo."""
    return config.drain_seconds if config.is_given("drain_seconds") else DRAIN_SECONDS


@contextmanager
def start_gateway(settings: dict[str, str]) -> Iterator[str]:
    """Start a gateway in a process of its own, at its usual port, or at a free one where that is taken: its address.

    Raises:
        ServiceMissing: it did not start. The message holds the end of its log.
    """
    with tempfile.TemporaryFile("w+") as log:
        for port in ({}, {"LLAMAQ_GATEWAY_PORT": "0"}):
            process = spawn(
                [sys.executable, "-m", "gateway"],
                output=subprocess.PIPE,
                errors=log.fileno(),
                environment={**os.environ, **settings, **port},
                group=True,
            )
            with process.stdout as first:  # type: ignore[union-attr]  # a pipe was asked for
                address = first.readline().decode().strip()  # it listens, or has ended
            if address:
                break
            process.wait()
        else:
            log.seek(0)
            raise ServiceMissing(f"the gateway did not start; it said:\n{log.read()[-2000:]}")
        try:
            yield address
        finally:
            _end(process)


@contextmanager
def start_worker(settings: dict[str, str]) -> Iterator[tuple["subprocess.Popen[bytes]", IO[str]]]:
    """Start a worker in a process of its own, which logs to the file."""
    with tempfile.TemporaryFile("w+") as log:
        process = spawn(
            [sys.executable, "-m", "worker"],
            output=log.fileno(),
            errors=log.fileno(),
            environment={**os.environ, **settings},
            group=True,
        )
        try:
            yield process, log
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def await_models(queue: JobQueue, process: "subprocess.Popen[bytes]", log: IO[str]) -> list[ModelStatus]:
    """The models of the worker's host, as soon as it is reported.

    Raises:
        ServiceMissing: the worker did not report. The message holds the end of its log.
    """
    limit = time.monotonic() + READY_SECONDS
    while not (models := queue.models()):
        code = process.poll()
        if code is not None or time.monotonic() > limit:
            log.seek(0)
            what = "did not report its host" if code is None else f"ended with code {code}"
            raise ServiceMissing(f"the worker {what}; it said:\n{log.read()[-2000:]}")
        time.sleep(0.05)
    return models


def _probe_ollama(url: str) -> str | None:
    with OllamaClient(url, connect_timeout_seconds=1, retries=0) as client:
        try:
            version, installed = client.version(), client.tags()
        except OllamaError:
            return None
    return f"yours: Ollama {version}" if installed else None
