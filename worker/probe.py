"""Looks at the host every few seconds and reports what it offers; placement goes by that."""

import threading
from typing import Any

import structlog
from redis.exceptions import RedisError

from api_client import InstalledModel, OllamaClient, OllamaError, RunningModel
from llamaq.models import normalise
from llamaq.wire import dumps
from tasks.store import JobStore
from worker.settings import Settings

AGAIN_SECONDS = 1.0
"""Between two looks while the host, or Redis, does not answer."""
JOIN_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Probe:
    """The thread that reports one host. A host that does not answer is withdrawn, so that jobs wait or go elsewhere."""

    def __init__(self, ollama: OllamaClient, store: JobStore, config: Settings) -> None:
        self._ollama = ollama
        self._store = store
        self._config = config
        self._loaded: frozenset[str] = frozenset()
        self._well = True
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
        """Look again now: a job has just found the host gone."""
        self._wake.set()

    def loaded(self, model: str) -> bool:
        """Whether the model was in memory at the last look."""
        return model in self._loaded

    def join(self) -> None:
        """Wait for the thread's end, before its connections are closed under it."""
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            well = self._look()
            self._wake.wait(self._config.probe_seconds if well else AGAIN_SECONDS)

    def _look(self) -> bool:
        try:
            installed, running, version = self._ollama.tags(), self._ollama.ps(), self._ollama.version()
        except OllamaError as error:
            return self._tell(None, error)
        self._loaded = frozenset(loaded_names(installed, running))
        return self._tell((status(installed, running, version), [normalise(model.name) for model in installed]), None)

    def _tell(self, report: tuple[str, list[str]] | None, error: OllamaError | None) -> bool:
        with self._reporting:
            if self._stopped:
                return True
            try:
                if report is None:
                    self._store.leave()
                else:
                    self._store.report(self._config.slots, self._config.max_models, *report)
            except (RedisError, OSError) as trouble:
                _log.warning("the host could not be reported: Redis does not answer", error=str(trouble))
                return False
        self._note(error)
        return error is None

    def _note(self, error: OllamaError | None) -> None:
        if self._well and error is not None:
            _log.warning("Ollama does not answer; its jobs wait", url=self._ollama.address, error=error.message)
        elif not self._well and error is None:
            _log.info("Ollama answers again", url=self._ollama.address)
        self._well = error is None


def loaded_names(installed: tuple[InstalledModel, ...], running: tuple[RunningModel, ...]) -> list[str]:
    """Names of the models in memory. Names that share one file share one runner, and `/api/ps` tells only the first."""
    digests = {model.digest for model in running}
    named = {normalise(model.name) for model in running}
    return [name for model in installed if (name := normalise(model.name)) in named or model.digest in digests]


def status(installed: tuple[InstalledModel, ...], running: tuple[RunningModel, ...], version: str) -> str:
    """The host's status as JSON: its version, and of each model what `llamaq.models.ModelStatus` holds."""
    by_name = {normalise(model.name): model for model in running}
    by_digest = {model.digest: model for model in running if model.digest}
    models = [
        _model(model, by_name.get(normalise(model.name)) or by_digest.get(model.digest or "")) for model in installed
    ]
    return dumps({"version": version, "models": models})


def _model(model: InstalledModel, running: RunningModel | None) -> dict[str, Any]:
    details = model.details
    known = {
        "model": normalise(model.name),
        "size": model.size,
        "family": details.family or None,
        "parameter_size": details.parameter_size or None,
        "quantization": details.quantization_level or None,
        "context_length": details.context_length,
        "capabilities": sorted(model.capabilities or ()),
        "loaded": running is not None,
    }
    if running is None:
        return known
    return known | {
        "vram": running.size_vram,
        "expires_at": running.expires_at.timestamp() if running.expires_at else None,
        "context_length": running.context_length or known["context_length"],
    }
