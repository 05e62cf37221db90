"""Looks at the host every few seconds and reports what it offers; placement goes by that.

1. A host that answers is reported; one whose circuit is not closed, or that loads a model, every second.
2. A host that does not is told of, so that its circuit opens, and knocked at: with growing pauses while nobody wants
   it, every second while jobs wait for it.
3. The first words of a trial's answer close the circuit: the answer may be long, and others wait.
"""

import json
import threading
from typing import Any

import structlog
from redis.exceptions import RedisError

from api_client import OllamaClient, OllamaError
from llamaq.store.clock import Clock
from llamaq.store.worker.job_store import JobStore
from worker.host.inventory import Inventory, Report
from worker.settings.environment import Settings
from worker.telemetry.throttled_warning import ThrottledWarning

AGAIN_SECONDS = 1.0
"""Between two looks while something is about to change, or Redis does not answer."""
LONGEST_REST_SECONDS = 15.0
"""Between two knocks at a host that nobody wants."""
CONNECT_SECONDS = 2.0
JOIN_SECONDS = 5.0
_log = structlog.get_logger(__name__)


def prober(config: Settings) -> OllamaClient:
    """A client that gives up sooner than one for jobs: a host that is back must be seen within a second or two."""
    return OllamaClient(
        config.ollama_url,
        token=config.ollama_token.get_secret_value() if config.ollama_token else None,
        ca_file=config.ollama_ca_file,
        connect_timeout_seconds=CONNECT_SECONDS,
        retries=1,
    )


class Probe:
    """The thread that reports one host."""

    def __init__(self, ollama: OllamaClient, store: JobStore, config: Settings, clock: Clock) -> None:
        self._address = ollama.address
        self._inventory = Inventory(ollama)
        self._store = store
        self._config = config
        self._clock = clock
        self._complaint = ThrottledWarning("the host could not be reported: Redis does not answer", clock)
        self._report = Report('{"models":[]}', [], frozenset(), whole=True, templates={})
        self._error: OllamaError | None = None
        self._busy = False
        self._wanted = True
        self._misses = 0
        self._speaking: set[str] = set()
        self._wake = threading.Event()
        self._reporting = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="llamaq-probe", daemon=True)

    def start(self) -> None:
        """Begin, with a report at once."""
        self._thread.start()

    def stop(self) -> None:
        """Withdraw this worker; nothing is reported after that."""
        with self._reporting:
            self._stopped = True
            self._wake.set()
            try:
                self._store.leave()
            except (RedisError, OSError) as error:
                _log.warning("could not say good-bye; the host lapses by itself", error=str(error))

    def soon(self) -> None:
        """Look again now: a job has just found the host changed."""
        self._wake.set()

    def heard(self, job_id: str) -> None:
        """A job's answer comes, piece by piece: where the host is on trial, that proves that it is well."""
        if job_id not in self._speaking:
            self._speaking.add(job_id)
            if self._store.circuit != "closed":
                self._wake.set()

    def over(self, job_id: str) -> None:
        """A job's answer has ended."""
        self._speaking.discard(job_id)

    def loaded(self, model: str) -> bool:
        """Whether the model was in memory at the last look."""
        return model in self._report.loaded

    def template(self, model: str) -> str:
        """A model's prompt template, as last seen; empty where it is not known."""
        return self._report.templates.get(model, "")

    def seen(self) -> dict[str, Any]:
        """What the last look saw: the status that was reported, the circuit, and what went wrong."""
        error = None if self._error is None else self._error.message
        return {"circuit": self._store.circuit, "error": error, **json.loads(self._report.status)}

    def join(self) -> None:
        """Wait for the thread's end, before its connections are closed under it."""
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            if self._look():
                self._wake.wait(AGAIN_SECONDS if self._busy else self._config.probe_seconds)
            elif self._error is None:
                self._wake.wait(AGAIN_SECONDS)  # Redis is away
            else:
                self._rest()

    def _look(self) -> bool:
        """Look and tell; whether the host answers, and Redis took it."""
        error = None
        try:
            if self._error is not None:
                self._inventory.knock()
            self._report = self._inventory.take()
        except OllamaError as trouble:
            error = trouble
        self._note(error)
        return self._tell() and error is None

    def _rest(self) -> None:
        """Leave the host alone for a while, unless jobs wait for it; each second the fleet is told that it is down."""
        self._misses += 1
        pause = min(AGAIN_SECONDS * 2.0 ** (self._misses - 1), LONGEST_REST_SECONDS)
        until = self._clock.monotonic() + pause * (0.5 + self._clock.random() / 2)
        while not self._stopped:
            self._wake.wait(AGAIN_SECONDS)
            self._wake.clear()
            if self._wanted or self._clock.monotonic() > until:
                return
            self._tell()

    def _tell(self) -> bool:
        with self._reporting:
            if self._stopped:
                return True
            try:
                if self._error is None:
                    self._tell_report()
                else:
                    self._wanted = self._store.down(self._config.slots, self._config.max_models, self._error.message)
            except (RedisError, OSError) as trouble:
                self._complaint.make(trouble)
                return False
            self._complaint.settle()
        return True

    def _tell_report(self) -> None:
        was = self._store.circuit
        loading = self._store.report(
            self._config.slots,
            self._config.max_models,
            self._report.status,
            self._report.models,
            loaded=sorted(self._report.loaded),
            affinity_patience=self._config.affinity_patience,
            lane_patience=self._config.lane_patience,
        )
        if self._store.trial in self._speaking:
            self._store.proven()
        if was != self._store.circuit:
            _log.info("the circuit changed", circuit=self._store.circuit, before=was)
        self._busy = loading or not self._report.whole or self._store.circuit != "closed"

    def _note(self, error: OllamaError | None) -> None:
        if self._error is None and error is not None:
            _log.warning("Ollama does not answer; its jobs wait", url=self._address, error=error.message)
        elif self._error is not None and error is None:
            _log.info("Ollama answers again", url=self._address)
            self._misses, self._wanted = 0, True
        self._error = error
