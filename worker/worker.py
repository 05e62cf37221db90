"""One worker: creates its parts, and takes them through the phases start, quiet, drain and close."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from celery import Celery
from redis.exceptions import RedisError

from api_client.body.body_reader import BodyReader
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.redis_errors import translate_errors
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.failing_duties import FailingDuties
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.minute_figures import MinuteFigures
from llamaq.store.worker.outcome import Completed, Error, Failed, Outcome, Retry, Stopped
from llamaq.store.worker.webhook_deliveries import Deliveries
from tasks.attempt import failures
from tasks.attempt.context_lengths import ContextLengths
from tasks.attempt.failures import WorkerEvent, error_of
from tasks.attempt.stoppable import Attempt
from worker.attempt import execute
from worker.attempt.context_factory import ContextFactory
from worker.attempt.direct_jobs import DirectJobs
from worker.attempt.event_writer import EventWriter
from worker.attempt.input_policy import make_input_policy
from worker.attempt.running_attempts import RunningAttempts
from worker.attempt.stream_reader import StreamReader
from worker.attempt.timers import Timers
from worker.connections import Connections
from worker.duties import webhook_post
from worker.duties.cancel_channel import CancelChannel
from worker.duties.dead_letters import DeadLetters
from worker.duties.duty import Duty
from worker.duties.fleet_history import FleetHistory
from worker.duties.health import Health
from worker.duties.heartbeat import Heartbeat
from worker.duties.inbox import Inbox
from worker.duties.reaper import Reaper
from worker.duties.script_registry import ScriptRegistry
from worker.duties.supervisor import Supervisor
from worker.duties.webhooks import Webhooks
from worker.gate import Incoming
from worker.host.probe import Probe
from worker.settings.environment import Settings
from worker.telemetry import tracing
from worker.telemetry.logs import about
from worker.telemetry.worker_metrics import Metrics, outcome_label

_log = structlog.get_logger(__name__)


class Worker:
    """The parts of a worker process that are not Celery's. Celery calls `start`, `quiet`, `drain` and `close` in order.

    Attributes:
        queue: a producer's client, for requests that come by task name or through the inbox.
        heartbeat: checks that this worker still consumes.
        supervisor: runs the duties.
    """

    def __init__(self, config: Settings, app: Celery, name: str, metrics: Metrics, clock: Clock = SYSTEM) -> None:
        keys = config.producer.keys
        self._config, self._name, self._metrics, self._clock = config, name, metrics, clock
        self._closing = threading.Event()
        self._reader = BodyReader()
        self._connections = Connections.open(config, clock, self._reader)
        redis = self._connections.redis
        self.queue = self._connections.queue
        self._store = _make_job_store(config, self._connections, name, clock)
        self._tracing = tracing.make_tracing(config.otel, redis, keys, content=bool(config.otel_content))

        self._running = RunningAttempts()
        self._direct = DirectJobs(self._running, self._requeue, self._is_over)
        self._store.direct = self._direct
        self._events = EventWriter(
            redis, keys, clock, config.flush_ms / 1000, config.lease_seconds, config.flush_max_ms / 1000
        )
        self._reader.batch = self._events
        self._timers = Timers(clock)
        self._probe = Probe(self._connections.probe, self._store, config, clock)
        self._contexts = self._make_context_factory()
        self._dead_letters = DeadLetters(self._store)
        health = Health(clock, partial(FailingDuties(redis, keys).note, config.host, name))
        self.heartbeat = Heartbeat(
            app, redis, keys.worker_queue(name), config.liveness_file, clock, health, config.drain_seconds
        )

        self._scripts = ScriptRegistry(redis, keys, lambda: self._reaper.leads)
        self._reaper = Reaper(self._store, metrics.count_reaped, self._scripts.wake)
        self._fleet_history = FleetHistory(MinuteFigures(redis, keys), lambda: self._reaper.leads)
        self.supervisor = Supervisor(self._make_duties(), clock, health, metrics.count_duty_failure)
        names = [duty.name for duty in self.supervisor.duties]
        metrics.watch(lambda: len(self._running), self.heartbeat.age_seconds, health.failing_seconds, names)

    def start(self) -> None:
        """Start every duty."""
        self.supervisor.start()

    def quiet(self) -> None:
        """Stop the duties that take work in. From now on no job is assigned to this worker."""
        _log.info("stopping: no job is taken any more", worker=self._name, running=len(self._running))
        self._direct.close()
        self.supervisor.stop("quiet")

    def drain(self, seconds: float) -> None:
        """Wait for the running attempts. After `seconds` the jobs of those that are left are requeued."""
        if len(self._running):
            _log.info("draining", worker=self._name, running=len(self._running), seconds=seconds)
        self._running.drain(seconds)
        self._probe.leave()
        self.supervisor.stop("drain")

    def hurry(self) -> None:
        """End the wait of a drain now. Safe in a signal handler."""
        self._running.hurry()

    def close(self) -> None:
        """End the threads and the connections."""
        self._closing.set()
        self._store.close()
        self._connections.abort()
        self.supervisor.close()
        self._tracing.close()
        self._connections.close()

    def execute(self, job_id: str, show_attempt: Callable[[ClaimedJob], None]) -> str:
        """Run a job that was assigned to this host; a stale message has no effect.

        Returns:
            The outcome, as `llamaq_attempts_total` names it, and the code of its error; "" for a stale message.
        """
        direct = self._direct.take(job_id)
        if direct is not None:
            with direct.registered:
                show_attempt(direct.job)
                return self._run(direct.job, direct.attempt)
        # Registered before the claim, so that a cancel or a drain in between finds the attempt.
        with self._running.register(job_id) as attempt:
            job = self._store.claim(job_id)
            if job is None:
                return ""
            show_attempt(job)
            return self._run(job, attempt)

    def refuse(self, message: Incoming, error: Error) -> None:
        """Set a request aside that came by task name and cannot be queued.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        _log.warning("a request sent by name was refused", job_id=message.job_id, kind=message.kind, code=error.code)
        with translate_errors(self.queue.url):
            self._store.refuse(message.job_id, message.kind, message.source, message.content, error)

    def set_aside(self, message: Incoming, error: Error) -> None:
        """Put a message that cannot be run into the dead-letter stream, without waiting for Redis."""
        self._dead_letters.add(message, error)

    def start_tasks_with(self, start: Callable[[str, str], None]) -> None:
        """Start tasks of assigned jobs with `start` from now on; the end of a job then claims the next one."""
        self._direct.start = start

    def start_task(self, kind: str, job_id: str) -> bool:
        """Begin the task of an assigned job; returns whether it began: else Celery has to take its message."""
        if self._direct.start is None:
            return False
        try:
            self._direct.start(kind, job_id)
        except Exception:  # noqa: BLE001 - the message is still there
            _log.exception("the task of an assigned job cannot be started; Celery takes its message", job_id=job_id)
            return False
        return True

    def mend_damaged_keys(self) -> None:
        """Let the reaper look for damaged keys: Celery's consumer connects, maybe after a failure by one."""
        self._reaper.mend_now()

    def pause(self, seconds: float) -> bool:
        """Wait before another try. Returns False when the worker ends, so that no other try is made."""
        return not self._closing.wait(seconds)

    def status(self) -> dict[str, Any]:
        """This worker's view of its host, from memory."""
        slots = {"slots": self._config.slots, "max_models": self._config.max_models}
        return {"host": self._config.host, **slots, "running": self._running.job_ids(), **self._probe.last_status()}

    def _run(self, job: ClaimedJob, attempt: Attempt) -> str:
        self._metrics.count_start(job)
        began_at = self._clock.monotonic()
        with about(job), self._tracing.trace_attempt(job) as end_span:
            outcome = execute.run(job, attempt, self._contexts.open)
            if self._probe.is_remote(job.model):
                outcome = failures.excuse_remote_model(outcome)
            outcome = failures.limit_tries(outcome, job)
            ran_seconds = self._clock.monotonic() - began_at
            stored = execute.settle(job, outcome, self._store, self._clock.random(), ran_seconds)
            end_span(outcome_label(outcome, stored), outcome)
            self._metrics.count_end(job, outcome, stored, self._clock.monotonic() - began_at)
            if isinstance(outcome, Completed) and stored == "ok":
                self._fleet_history.count_completed(outcome.result)
            _log_end(outcome, stored)
        if failures.is_host_failure(outcome) or not self._probe.is_loaded(job.model):
            self._probe.wake()  # the host has changed: report it now, before all that waits has failed there
        code = [outcome.error.code] if isinstance(outcome, Failed | Retry) else []
        return " ".join([outcome_label(outcome, stored), *code])

    def _requeue(self, job: ClaimedJob) -> None:
        execute.settle(job, Stopped("draining"), self._store, 0, 0)

    def _is_over(self, job: ClaimedJob) -> bool:
        with suppress(RedisError, OSError):  # the next write of the attempt tells it too
            return self._connections.redis.hget(self._config.producer.keys.record(job.id), "state") != "running"
        return False

    def _make_duties(self) -> list[Duty]:
        """Make every duty of the worker. The supervisor runs each in a thread."""
        keys, redis = self._config.producer.keys, self._connections.redis
        duties: list[Duty] = [
            StreamReader(self._reader, self._events.pause_seconds, self._clock),
            self._events,
            self._timers,
            self._dead_letters,
            CancelChannel(redis, keys, self._config.host, self._running.cancel, self._running.job_ids, self._clock),
            self.heartbeat,
            self._probe,
            self._reaper,
            self._fleet_history,
            self._scripts,
            Inbox(self._connections.binary_redis, keys, self.queue, self._store, self._name),
        ]
        if self._config.webhook_secret:
            secret = self._config.webhook_secret.get_secret_value()
            post = partial(webhook_post.post, private=bool(self._config.webhook_private))
            duties.append(Webhooks(Deliveries(redis, keys, self._config.webhooks), secret, self._clock, post))
        return duties

    def _make_context_factory(self) -> ContextFactory:
        ollama = self._connections.ollama
        return ContextFactory(
            ollama=self._tracing.trace_client(ollama),
            store=self._store,
            blobs=self._connections.binary_redis,
            keys=self._config.producer.keys,
            events=self._events,
            timers=self._timers,
            clock=self._clock,
            is_loaded=self._probe.is_loaded,
            can_think=self._probe.can_think,
            own_name=self._probe.own_name,
            on_answer=self._probe.note_answer,
            on_answer_end=self._probe.note_answer_end,
            context_lengths=ContextLengths(ollama, self._clock),
            make_input_policy=partial(make_input_policy, self._config, self._probe.prompt_template),
        )


def _make_job_store(config: Settings, connections: Connections, worker: str, clock: Clock) -> JobStore:
    return JobStore(
        connections.redis,
        config.producer.keys,
        host=config.host,
        worker=worker,
        lease_seconds=config.lease_seconds,
        conversation_ttl=config.conversation_ttl,
        result_ttl=config.result_ttl,
        lost=error_of(WorkerEvent.LEASE_LAPSED),
        exhausted=error_of(WorkerEvent.LEASE_LAPSED_LAST),
        orphaned=error_of(WorkerEvent.MODEL_GONE),
        orphan_seconds=config.orphan_seconds,
        clock=clock,
    )


def _log_end(outcome: Outcome, stored: str) -> None:
    """Log the last line of an attempt: a warning where it failed."""
    said = {"outcome": outcome_label(outcome, stored), "stored": stored}
    if isinstance(outcome, Failed | Retry):
        _log.warning("attempt ended", **said, code=outcome.error.code, message=failures.log_message(outcome.error))
    else:
        _log.info("attempt ended", **said)
