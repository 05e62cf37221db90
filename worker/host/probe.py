"""Looks at the host every few seconds and reports what it offers. The scheduler uses that report.

1. A host that answers is reported; every second while its circuit is not closed or it loads a model.
2. A host that does not answer is reported down, so that its circuit opens. It is asked again every second while jobs
   wait for it, else with growing pauses.
3. The first piece of an answer closes a half-open circuit: a whole answer may be long, and other jobs wait.
"""

import json
import threading
from typing import Any

import structlog
from redis.exceptions import RedisError

from api_client import OllamaClient, OllamaError
from llamaq.store.clock import Clock
from llamaq.store.worker.job_store import HostState, JobStore
from worker.duties.duty import Duty
from worker.host.inventory import Inventory, Report
from worker.settings.environment import Settings

AGAIN_SECONDS = 1.0
"""Between two looks while something is about to change."""
LONGEST_PAUSE_SECONDS = 15.0
"""Between two requests to a host that is down and that no job waits for."""
CONNECT_SECONDS = 2.0
_log = structlog.get_logger(__name__)


def probe_client(config: Settings) -> OllamaClient:
    """A client that gives up sooner than one for jobs, so that a host that is back is seen within a second or two."""
    return OllamaClient(
        config.ollama_url,
        token=config.ollama_token.get_secret_value() if config.ollama_token else None,
        ca_file=config.ollama_ca_file,
        connect_timeout_seconds=CONNECT_SECONDS,
        retries=1,
    )


class Probe(Duty):
    """The duty that reports one host."""

    name = "probe"
    when_redis_fails = "the host could not be reported: Redis does not answer"

    def __init__(self, ollama: OllamaClient, store: JobStore, config: Settings, clock: Clock) -> None:
        super().__init__()
        self._address = ollama.address
        self._inventory = Inventory(ollama)
        self._store = store
        self._config = config
        self._clock = clock
        self._report = Report('{"models":[]}', [], frozenset(), whole=True, templates={})
        self._error: OllamaError | None = None
        self._host = HostState()
        self._misses = 0
        self._paused_until = 0.0
        self._answering: set[str] = set()
        self._reporting = threading.Lock()

    def stop(self) -> None:
        """Withdraw this worker from its host. Nothing is reported after that."""
        with self._reporting:
            super().stop()
            try:
                self._store.leave()
            except (RedisError, OSError) as error:
                _log.warning("the worker could not be withdrawn; its report lapses by itself", error=str(error))

    def answer_began(self, job_id: str) -> None:
        """A piece of a job's answer has come: where the host is on trial, that proves that it is well."""
        if job_id not in self._answering:
            self._answering.add(job_id)
            if self._host.circuit != "closed":
                self.wake()

    def answer_ended(self, job_id: str) -> None:
        """A job's answer has ended."""
        self._answering.discard(job_id)

    def loaded(self, model: str) -> bool:
        """Whether the model was in memory at the last look."""
        return model in self._report.loaded

    def template(self, model: str) -> str:
        """A model's prompt template at the last look; empty where it is not known."""
        return self._report.templates.get(model, "")

    def seen(self) -> dict[str, Any]:
        """What the last look saw: the status that was reported, the circuit, and what went wrong."""
        error = None if self._error is None else self._error.message
        return {"circuit": self._host.circuit, "error": error, **json.loads(self._report.status)}

    def round(self) -> float:
        """Look at the host unless it is down and left alone for a while, and report it."""
        if self._error is None or self._host.wanted or self._clock.monotonic() > self._paused_until:
            self._look()
        with self._reporting:
            if not self.stopping.is_set():
                self._tell()
        changing = not self._report.whole or self._host.loading or self._host.circuit != "closed"
        return AGAIN_SECONDS if changing or self._error is not None else self._config.probe_seconds

    def _look(self) -> None:
        try:
            if self._error is not None:
                self._inventory.ping()
            self._report = self._inventory.take()
        except OllamaError as error:
            self._missed(error)
        else:
            self._answered()

    def _missed(self, error: OllamaError) -> None:
        if self._error is None:
            _log.warning("Ollama does not answer; its jobs wait", url=self._address, error=error.message)
        self._error = error
        self._misses += 1
        pause = min(AGAIN_SECONDS * 2.0 ** (self._misses - 1), LONGEST_PAUSE_SECONDS)
        self._paused_until = self._clock.monotonic() + pause * (0.5 + self._clock.random() / 2)

    def _answered(self) -> None:
        if self._error is not None:
            _log.info("Ollama answers again", url=self._address)
        self._error = None
        self._misses = 0

    def _tell(self) -> None:
        before = self._host
        if self._error is not None:
            self._host = self._store.down(self._config.slots, self._config.max_models, self._error.message)
            return
        self._host = self._store.report(
            self._config.slots,
            self._config.max_models,
            self._report.status,
            self._report.models,
            loaded=sorted(self._report.loaded),
            affinity_patience=self._config.affinity_patience,
            lane_patience=self._config.lane_patience,
        )
        if self._host.trial in self._answering:
            self._host = self._store.proven()
        if before.circuit != self._host.circuit:
            _log.info("the circuit changed", circuit=self._host.circuit, before=before.circuit)
