"""Starts what the gateway's measures need: a Redis, a scripted host, a worker, and a gateway."""

import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench.environment.services import MODEL
from bench.environment.waiting import wait_until
from bench.environment.workers import WorkerProcess, llamaq_worker
from bench.paths import Addresses
from embedded.redis import EmbeddedRedis, free_port
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue

PATHS = {"direct": "direct", "sdk": "llamaq-sdk", "gateway": "direct"}
"""By path, the reader of `bench.paths`. That of the gateway is the direct one, with another address."""


@dataclass(frozen=True, slots=True)
class Services:
    """The running processes, which share the same cores."""

    redis: EmbeddedRedis
    hosts: list[ScriptedOllama]
    gateway: WorkerProcess
    port: int

    def script(self, **fields: Any) -> None:
        """Let each host play a script, in place of what it played before."""
        for host in self.hosts:
            host.clear()
            host.script(**fields)

    def addresses(self, path: str) -> Addresses:
        """What the reader of a path gets."""
        url = f"http://127.0.0.1:{self.port}" if path == "gateway" else self.hosts[0].url
        return Addresses(self.redis.url, url, MODEL)


@contextmanager
def services(slots: int, hosts: int = 1) -> Iterator[Services]:
    """Start the services, and stop them at the end of the block. Each host has so many slots, and a worker."""
    port = free_port()
    with (
        ExitStack() as stack,
        EmbeddedRedis.start() as redis,
        WorkerProcess(["gateway"], {"LLAMAQ_REDIS_URL": redis.url, "LLAMAQ_GATEWAY_PORT": port}) as gateway,
    ):
        started = [stack.enter_context(ScriptedOllama.start(slots=slots)) for _ in range(hosts)]
        for host in started:
            stack.enter_context(llamaq_worker(redis.url, host.url, slots))
        with JobQueue(redis.url) as queue:
            wait_until(lambda: len(queue.hosts()) == hosts, "a report of each worker")
        wait_until(lambda: _answers(port), "an answer of the gateway", check=gateway.check)
        yield Services(redis, started, gateway, port)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
            return True
    except OSError:
        return False
