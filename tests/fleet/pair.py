"""Two scripted hosts and a worker for each, over one Redis."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import GENERATING, ScriptedModel
from llamaq import HostStatus, Job, JobQueue
from llamaq.vocabulary.events import Started
from tests.changed_worker import Constants, command
from tests.service import fresh_name, wait_until
from tests.worker_process import WorkerProcess

PROBE_SECONDS = 0.5
LOG_CHARS = 6_000
A, B, C = (ScriptedModel(f"{letter}:latest") for letter in "abc")


class Pair:
    """Host `x` with the models a and b, host `y` with b and c.

    Attributes:
        queue: a producer.
        hosts: the scripted servers by the names of their hosts.
        nodes: Celery's names of the workers.
    """

    def __init__(self, queue: JobQueue, hosts: dict[str, ScriptedOllama], nodes: list[str]) -> None:
        self.queue = queue
        self.hosts = hosts
        self.nodes = nodes

    @property
    def x(self) -> ScriptedOllama:
        """The host with a and b."""
        return self.hosts["x"]

    @property
    def y(self) -> ScriptedOllama:
        """The host with b and c."""
        return self.hosts["y"]

    def status(self, host: str) -> HostStatus:
        """What the fleet knows of a host."""
        return next(status for status in self.queue.hosts() if status.host == host)

    def offers(self, host: str) -> set[str]:
        """The models that the fleet takes a host to have."""
        return {model.model for status in self.queue.hosts() if status.host == host for model in status.models}

    def wait_circuit(self, host: str, circuit: str) -> None:
        """Wait until a host's circuit is as it should be."""
        wait_until(lambda: self.status(host).circuit == circuit)

    def model_circuit(self, host: str, model: str) -> str:
        """The circuit of a model on a host."""
        return next(status.circuit for status in self.status(host).models if status.model == model)

    def wait_rest(self, host: str, model: str) -> None:
        """Wait until refusals have opened a model's circuit, and no job runs on the host any longer."""
        wait_until(lambda: (self.model_circuit(host, model), self.status(host).slots_used) == ("open", 0))

    def tidy(self) -> None:
        """Start hosts that were killed, end what runs, and wait until the fleet finds every host well and idle."""
        for server in self.hosts.values():
            if not server.running:
                server.restart()
            server.clear()
        for status in self.queue.jobs(limit=200):
            if not status.ended:
                self.queue.job(status.id).cancel()
        wait_until(lambda: {(host.circuit, host.slots_used) for host in self.queue.hosts()} == {("closed", 0)})

    def count_requests(self, host: str, model: str | None = None) -> int:
        """How many requests to models, or to one, a host has got."""
        requests = self.hosts[host].stats()["requests"]
        return sum(entry["path"] in GENERATING and model in (None, entry["model"]) for entry in requests)


@contextmanager
def pair(redis_url: str, hosts: str = "xy", soon: Constants | None = None, **settings: object) -> Iterator[Pair]:
    """Start the hosts that are named, and a worker for each, with some of its constants changed."""
    prefix = f"test-{fresh_name()[:12]}"
    models = {"x": (A, B), "y": (B, C)}
    with ExitStack() as stack:
        queue = stack.enter_context(JobQueue(redis_url, prefix=prefix))
        servers = {name: stack.enter_context(ScriptedOllama.start(slots=2, models=models[name])) for name in hosts}
        given = {"prefix": prefix, "slots": 2, "max_models": 3, "probe_seconds": PROBE_SECONDS, **settings}
        nodes = []
        for name, server in servers.items():
            worker = stack.enter_context(WorkerProcess(redis_url, server.url, command(soon or {}), host=name, **given))
            stack.callback(_tell, name, worker)
            worker.start()
            nodes.append(worker.node)
        found = Pair(queue, servers, nodes)
        wait_until(lambda: all(found.offers(name) for name in hosts))
        yield found


def _tell(name: str, worker: WorkerProcess) -> None:
    """Pytest shows a worker's words where a test failed."""
    print(f"--- worker of {name}\n{worker.log()[-LOG_CHARS:]}")  # noqa: T201 - as above


def starts(job: Job[Any]) -> list[Started]:
    """The beginnings of a job that has ended."""
    return [event for event in job.events() if isinstance(event, Started)]
