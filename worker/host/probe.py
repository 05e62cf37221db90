"""Probes the host every few seconds, and reports its models and their state to the scheduler.

1. A host that answers is reported every `LLAMAQ_PROBE_SECONDS`, and every second while its circuit is not closed or it
   loads a model.
2. A host that does not answer is reported down, so that its circuit opens. It is asked again every second while jobs
   wait for it, else with growing pauses.
3. The first piece of an answer closes a half-open circuit. To wait for the whole answer would delay other jobs.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from redis.exceptions import RedisError

from api_client import OllamaClient, OllamaError
from llamaq.store.clock import Clock
from llamaq.store.connections.deadline import time_limit
from llamaq.store.worker.host_state import HostState
from llamaq.store.worker.job_store import JobStore
from llamaq.vocabulary.models import normalise
from worker.duties.duty import Duty
from worker.host.inventory import Inventory, Report
from worker.settings.environment import Settings
from worker.settings.ollama_address import machine

CARDS_SECONDS = 60.0
"""The pause between two looks at whether Redis still has the descriptions of the models."""
AGAIN_SECONDS = 1.0
"""The pause between two probes while the host's state changes."""
FAREWELL_SECONDS = 2.0
"""For so long a worker that stops tries to tell Redis: its own end must not wait for an outage."""
ENDED_SECONDS = 10.0
"""For so long a worker that stops is listed after its drain."""
LONGEST_PAUSE_SECONDS = 15.0
"""The longest pause between two requests to a host that is down and that no job waits for."""
_PAUSES = {
    "": "the host gets jobs again",
    "paused": "an operator paused the host: it gets no new jobs",
    "draining": "an operator drains the host: nothing new begins, and what runs ends",
}
_log = structlog.get_logger(__name__)


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
        self._cards: Mapping[str, str] = {}
        self._cards_at = float("-inf")
        self._reporting = threading.Lock()
        self._withdrawn = False

    def stop(self) -> None:
        """Withdraw this worker from its host, and report nothing more."""
        reporting = self._reporting.acquire(timeout=FAREWELL_SECONDS)
        try:
            super().stop()
            if reporting:
                self._withdrawn = self._leave(self._config.drain_seconds + ENDED_SECONDS)
        finally:
            if reporting:
                self._reporting.release()

    def leave(self) -> None:
        """Remove this worker from the list, as nothing of it runs. Not tried where Redis did not answer to `stop`."""
        if self._withdrawn:
            self._leave(0)

    def _leave(self, seconds: float) -> bool:
        try:
            with time_limit(FAREWELL_SECONDS):
                self._store.leave(seconds)
        except (RedisError, OSError) as error:
            _log.warning("the worker could not be withdrawn; its report lapses by itself", error=str(error))
            return False
        return True

    def note_answer(self, job_id: str) -> None:
        """Note that a piece of a job's answer has come. The first one closes a half-open circuit."""
        if job_id not in self._answering:
            self._answering.add(job_id)
            if self._host.is_recovering:
                self.wake()

    def note_answer_end(self, job_id: str) -> None:
        """Note that a job's answer has ended."""
        self._answering.discard(job_id)

    def is_loaded(self, model: str) -> bool:
        """Whether the model was in memory at the last probe."""
        return model in self._report.loaded

    def can_think(self, model: str) -> bool:
        """Whether a model had the capability `thinking` at the last probe."""
        return normalise(model) in self._report.thinking

    def is_remote(self, model: str) -> bool:
        """Whether a model runs elsewhere, as on ollama.com, and the host passes its answers on."""
        return model in self._report.remote

    def own_name(self, model: str) -> str:
        """A model's name as the host wrote it at the last probe. On its disk letter case may count."""
        return self._report.own_names.get(model, model)

    def prompt_template(self, model: str) -> str:
        """A model's prompt template at the last probe; empty where it is not known."""
        return self._report.templates.get(model, "")

    def last_status(self) -> dict[str, Any]:
        """The last probe: the status that was reported, the circuit, and the error."""
        error = (self._report.problem or None) if self._error is None else self._error.message
        state = self._host.pause or "running"
        return {"state": state, "circuit": self._host.circuit, "last_error": error, **json.loads(self._report.status)}

    def run_round(self) -> float:
        """Probe the host, unless it is down and its pause has not ended, and report it."""
        if self._error is None or self._host.wanted or self._clock.monotonic() > self._paused_until:
            self._ask_host()
        with self._reporting:
            if not self.stopping.is_set():
                self._send_report()
        changing = not self._report.whole or self._host.loading or self._host.is_recovering
        return AGAIN_SECONDS if changing or self._error is not None else self._config.probe_seconds

    def _ask_host(self) -> None:
        try:
            if self._error is not None:
                self._inventory.ping()
            report = self._inventory.take()
        except OllamaError as error:
            self._note_error(error)
        else:
            self._note_report(report)

    def _keep_cards(self) -> None:
        now = self._clock.monotonic()
        if self._report.cards and (self._report.cards != self._cards or now >= self._cards_at + CARDS_SECONDS):
            self._store.keep_cards(self._report.cards)
            self._cards, self._cards_at = self._report.cards, now

    def _note_error(self, error: OllamaError) -> None:
        if self._error is None:
            _log.warning("Ollama does not answer as it should; its jobs wait", url=self._address, error=error.message)
        self._error = error
        self._misses += 1
        pause = min(AGAIN_SECONDS * 2.0 ** (self._misses - 1), LONGEST_PAUSE_SECONDS)
        self._paused_until = self._clock.monotonic() + pause * (0.5 + self._clock.random() / 2)

    def _note_report(self, report: Report) -> None:
        if report.problem and report.problem != self._report.problem:
            _log.warning("a part of what the host lists is left out", url=self._address, error=report.problem)
        self._report = report
        if self._error is not None:
            _log.info("Ollama answers again", url=self._address)
        self._error = None
        self._misses = 0

    def _send_report(self) -> None:
        before = self._host
        if self._error is not None:
            size = self._config.slots, self._config.max_models
            down = self._store.report_down(*size, self._error.message, self._config.webhooks)
            self._host = down._replace(pause=before.pause)
            return
        self._host = self._store.report(
            self._config.slots,
            self._config.max_models,
            self._report.status,
            self._report.models,
            loaded=sorted(self._report.loaded),
            affinity_patience=self._config.affinity_patience,
            lane_patience=self._config.lane_patience,
            runners=self._report.runners,
            contexts=self._report.contexts,
            machine=machine(self._config.ollama_url, self._config.host),
            webhooks=self._config.webhooks,
        )
        self._keep_cards()
        for job_id in self._host.trials & self._answering:
            self._host = self._store.report_answer(job_id)._replace(pause=self._host.pause)
        if self._host.sizes and self._host.sizes != before.sizes:
            _log.warning("workers of this host state different sizes; the least counts", sizes=self._host.sizes)
        if self._host.machines > 1 and self._host.machines != before.machines:
            _log.error("other machines report this host too: set another LLAMAQ_HOST for each", host=self._config.host)
        if before.pause != self._host.pause:
            _log.info(_PAUSES[self._host.pause], host=self._config.host)
        if before.circuit != self._host.circuit:
            _log.info("the circuit changed", circuit=self._host.circuit, before=before.circuit)
