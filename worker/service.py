"""One worker's parts, put together, and their phases: start, quiet, drain, close."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from celery import Celery

from api_client import OllamaClient
from llamaq.client.blocking.queue import JobQueue
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.connection import connect, translated
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.deliveries import Deliveries
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Error, Failed, Outcome, Retry, Stopped
from tasks.attempt.attempt import Attempt
from tasks.attempt.contexts import Contexts
from worker.attempt import execute
from worker.attempt.event_writer import EventWriter
from worker.attempt.input_policy import screening
from worker.attempt.provision import Provision
from worker.attempt.timers import Timers
from worker.duties.cancel_channel import CancelChannel
from worker.duties.dead_letters import DeadLetters
from worker.duties.heartbeat import Heartbeat
from worker.duties.inbox import Inbox
from worker.duties.reaper import Reaper
from worker.duties.script_registry import ScriptRegistry
from worker.duties.webhooks import Webhooks, poster
from worker.host.probe import Probe, prober
from worker.settings.environment import Settings
from worker.telemetry import tracing
from worker.telemetry.logs import about
from worker.telemetry.metrics import Metrics, result

RELEASE_SECONDS = 10.0
"""For cutting what still runs at the end of a drain, and giving it back."""
_log = structlog.get_logger(__name__)


class Service:
    """What a worker process has beside Celery. Its phases come in the order of the methods.

    Attributes:
        queue: a producer's client, for what comes in by other ways than the SDK.
        store: the job store.
        pulse: whether this worker still consumes.
    """

    def __init__(self, config: Settings, app: Celery, worker: str, metrics: Metrics, clock: Clock = SYSTEM) -> None:
        keys = config.producer.keys
        client = connect(config.redis_url)
        self.queue = JobQueue(config.redis_url, settings=config.producer, clock=clock)
        self.store = JobStore(
            client,
            keys,
            host=config.host,
            worker=worker,
            lease_seconds=config.lease_seconds,
            conversation_ttl=config.conversation_ttl,
            result_ttl=config.result_ttl,
            clock=clock,
        )
        self._config = config
        self._clock = clock
        self._client = client
        self._ollama = OllamaClient(
            config.ollama_url,
            slots=config.slots * config.max_models,
            token=config.ollama_token.get_secret_value() if config.ollama_token else None,
            ca_file=config.ollama_ca_file,
        )
        self._scribe = EventWriter(client, keys, clock, config.flush_ms / 1000, config.lease_seconds)
        self._watch = Timers(clock)
        self._prober = prober(config)
        self._probe = Probe(self._prober, self.store, config, clock)
        self._tracing = tracing.chosen(config.otel, client, keys, content=bool(config.otel_content))
        self._metrics = metrics
        self._rescue = Reaper(self.store, metrics.rescued)
        self._library = ScriptRegistry(client, keys.scripts())
        secret = config.webhook_secret.get_secret_value() if config.webhook_secret else ""
        post = poster(private=bool(config.webhook_private))
        self._webhooks = Webhooks(Deliveries(client, keys), secret, clock, post)
        self._dead = DeadLetters(self.store)
        self._blobs = connect(config.redis_url, binary=True)
        self._inbox = Inbox(self._blobs, keys, self.queue, self.store, worker)
        self._control = CancelChannel(client, keys.control(config.host), self.cancel)
        self.pulse = Heartbeat(
            app, client, keys.worker_queue(worker), config.liveness_file, clock, config.drain_seconds
        )
        self._provision = Provision(
            ollama=self._tracing.ollama(self._ollama),
            store=self.store,
            blobs=self._blobs,
            keys=keys,
            scribe=self._scribe,
            watch=self._watch,
            clock=clock,
            loaded=self._probe.loaded,
            heard=self._probe.heard,
            over=self._probe.over,
            contexts=Contexts(self._ollama, clock),
            screening=partial(screening, config, self._probe.template),
        )
        # Not by job id: a worker that was frozen may begin a job's next attempt while the last one still winds down.
        self._running: set[Attempt] = set()
        self._changed = threading.Condition()
        self._hurried = False
        self._closing = threading.Event()
        metrics.watch(running=lambda: len(self._running), pulse_age=self.pulse.age_seconds)

    def start(self) -> None:
        """Report the host, listen for cancels, take part in rescue, and take in what comes by plain Redis."""
        self._dead.start()
        self._control.start()
        self._probe.start()
        self._rescue.start()
        self._library.start()
        self._webhooks.start()
        self._inbox.start()
        self.pulse.start()

    def execute(self, job_id: str, began: Callable[[ClaimedJob], None]) -> str:
        """Run a job that was placed here; a stale message has no effect.

        Returns:
            What the attempt came to, in the words of `llamaq_attempts_total`, with an error's code; "" of a stale one.
        """
        # Known before the claim, so that neither a cancel nor a drain overlooks it in between.
        attempt = Attempt(job_id)
        with self._changed:
            self._running.add(attempt)
        try:
            job = self.store.claim(job_id)
            if job is None:
                return ""
            with about(job):
                began(job)
                return self._run(job, attempt)
        finally:
            with self._changed:
                self._running.remove(attempt)
                self._changed.notify_all()

    def refuse(self, job_id: str, kind: str, message: str, error: Error) -> None:
        """Set a request aside that came by name and cannot be queued.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        with translated(self.queue.url):
            self.store.refuse(job_id, kind, "celery", message, error)

    def set_aside(self, job_id: str, kind: str, message: object, reason: Exception) -> None:
        """Put a message that cannot be run into the dead-letter stream, without waiting for Redis."""
        self._dead.add(job_id, kind.removeprefix("llamaq."), message, reason)

    def pause(self, seconds: float) -> bool:
        """Wait before trying again; False when there will be no again, as the worker ends."""
        return not self._closing.wait(seconds)

    def cancel(self, job_id: str) -> None:
        """Cut a job that was cancelled, if it runs here."""
        with self._changed:
            found = [attempt for attempt in self._running if attempt.job_id == job_id]
        for attempt in found:
            attempt.stop("cancelled")

    def status(self) -> dict[str, Any]:
        """This worker's view of its host, without asking anybody."""
        with self._changed:
            running = sorted(attempt.job_id for attempt in self._running)
        slots = {"slots": self._config.slots, "max_models": self._config.max_models}
        return {"host": self._config.host, **slots, "running": running, **self._probe.seen()}

    def quiet(self) -> None:
        """Take nothing more: placement passes this worker by from here on."""
        self.pulse.stop()
        self._inbox.stop()
        self._probe.stop()
        self._rescue.stop()
        self._library.stop()
        self._webhooks.stop()

    def drain(self, seconds: float) -> None:
        """Let running jobs end; after so many seconds, give back those that have not."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running or self._hurried, seconds)
            left = list(self._running)
        for attempt in left:
            attempt.stop("draining")
        with self._changed:
            self._changed.wait_for(lambda: not self._running, RELEASE_SECONDS)

    def hurry(self) -> None:
        """Wait for no running job any longer. Safe in a signal handler: the lock is one that its thread may hold."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads and the connections."""
        self._closing.set()
        self._tracing.close()
        self.store.close()
        self._dead.stop()
        self._control.stop()
        self._ollama.close()
        self._prober.close()
        for part in (self._inbox, self._probe, self._rescue, self._library, self._webhooks, self.pulse):
            part.join()
        self._scribe.close()
        self._watch.close()
        self.queue.close()
        self._blobs.close()
        self._client.close()

    def _run(self, job: ClaimedJob, attempt: Attempt) -> str:
        self._metrics.began(job)
        began = self._clock.monotonic()
        with self._tracing.attempt(job) as ended:
            outcome = execute.final(job, execute.run(job, attempt, self._provision.services))
            stored = execute.settle(job, outcome, self.store, self._clock.random())
            ended(result(outcome, stored), outcome)
            self._metrics.ended(job, outcome, stored, self._clock.monotonic() - began)
            _log.info("attempt ended", outcome=result(outcome, stored), stored=stored, **_in_short(outcome))
        gone = isinstance(outcome, Retry) and bool(outcome.blame)
        if gone or not self._probe.loaded(job.model):
            self._probe.soon()  # the host has changed: tell the fleet now, not seconds later
        return " ".join([result(outcome, stored), *_in_short(outcome).values()])


def _in_short(outcome: Outcome) -> dict[str, str]:
    if isinstance(outcome, Failed | Retry):
        return {"code": outcome.error.code}
    return {"reason": outcome.reason} if isinstance(outcome, Stopped) else {}
