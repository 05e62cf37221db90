"""Starts what the gateway's measures need: a Redis, a scripted host, a worker, and a gateway."""

import pathlib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from bench.environment.polling import wait_until
from bench.environment.services import MODEL
from bench.environment.workers import WorkerProcess, start_llamaq_worker
from bench.gateway.rivals import RIVALS, Rival
from bench.paths import READERS, Addresses, Path
from embedded.redis import EmbeddedRedis, find_free_port
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue

OURS = {"direct": "direct", "sdk": "llamaq-sdk", "gateway": "direct", "gateway-openai": "openai"}
"""By path, the reader of `bench.paths`. That of a proxy is that of the API which it speaks, with another address."""


@dataclass(frozen=True, slots=True)
class Services:
    """The running processes, which share the same cores."""

    redis: EmbeddedRedis
    hosts: list[ScriptedOllama]
    gateway: WorkerProcess
    port: int
    rivals: dict[str, tuple[WorkerProcess, int]]

    @property
    def readers(self) -> dict[str, str]:
        """By path, the reader: ours, and those of the rivals that run."""
        return OURS | {rival.name: rival.reader for rival in RIVALS if rival.name in self.rivals}

    def proxy(self, path: str) -> WorkerProcess | None:
        """The process between reader and host; None for the direct path, and for the SDK."""
        if path.startswith("gateway"):
            return self.gateway
        return self.rivals[path][0] if path in self.rivals else None

    def script(self, **fields: Any) -> None:
        """Let each host play a script, in place of what it played before."""
        for host in self.hosts:
            host.clear()
            host.script(**fields)

    def addresses(self, path: str) -> Addresses:
        """What the reader of a path gets."""
        port = self.port if path.startswith("gateway") else self.rivals[path][1] if path in self.rivals else None
        url = f"http://127.0.0.1:{port}" if port else self.hosts[0].url
        return Addresses(self.redis.url, url, MODEL)

    def path(self, name: str) -> Path:
        """What reads by a path."""
        return READERS[self.readers[name]](self.addresses(name))


@contextmanager
def services(slots: int, hosts: int = 1, rivals: Mapping[str, pathlib.Path] | None = None) -> Iterator[Services]:
    """Start the services, and stop them at the end of the block. Each host has so many slots, and a worker.

    `rivals` has the Python of each rival that is to run, by its name.
    """
    port = find_free_port()
    with (
        ExitStack() as stack,
        EmbeddedRedis.start() as redis,
        WorkerProcess(["gateway"], {"LLAMAQ_REDIS_URL": redis.url, "LLAMAQ_GATEWAY_PORT": port}) as gateway,
    ):
        started = [stack.enter_context(ScriptedOllama.start(slots=slots)) for _ in range(hosts)]
        for host in started:
            stack.enter_context(start_llamaq_worker(redis.url, host.url, slots))
        with JobQueue(redis.url) as queue:
            wait_until(lambda: len(queue.hosts()) == hosts, "a report of each worker")
        wait_until(lambda: _answers(port), "an answer of the gateway", check=gateway.check)
        others = {
            rival.name: _rival(stack, rival, rivals[rival.name], started[0].url, slots)
            for rival in RIVALS
            if rivals and rival.name in rivals
        }
        yield Services(redis, started, gateway, port, others)


def _rival(stack: ExitStack, rival: Rival, python: pathlib.Path, url: str, slots: int) -> tuple[WorkerProcess, int]:
    port, folder = find_free_port(), stack.enter_context(TemporaryDirectory())
    process = stack.enter_context(rival.process(python, pathlib.Path(folder), url, slots, port))
    wait_until(lambda: _answers(port), f"an answer of {rival.name}", check=process.check)
    return process, port


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
            return True
    except urllib.error.HTTPError:  # also an answer
        return True
    except OSError:
        return False
