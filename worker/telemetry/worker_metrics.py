"""The Prometheus metrics of one worker. `docs/metrics.md` lists them; a test keeps the two equal."""

from collections.abc import Callable, Iterable
from functools import cache, partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.outcome import Completed, Failed, Outcome, Retry, Stopped
from llamaq.vocabulary.errors import InvalidRequest

# The range is from a small model that is loaded to a job that waits for an hour.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
# Otherwise each counter and histogram would have a second series, which rate() does not need.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types


class Metrics:
    """The metrics of one worker. Those of the whole fleet are read from Redis by `worker.telemetry.fleet_metrics`.

    Labels are kinds, lanes, models, outcomes and codes, never tenants or jobs, whose number has no limit.

    Attributes:
        registry: holds the metrics that are served.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        which = ["kind", "model"]
        self._wait = self._histogram("llamaq_job_wait_seconds", "From submit to first attempt.", ["model", "lane"])
        self._first = self._histogram("llamaq_job_first_token_seconds", "From submit to first token.", which)
        self._total = self._histogram("llamaq_job_total_seconds", "From submit to completion.", which)
        self._attempt = self._histogram("llamaq_attempt_seconds", "Running time of an attempt.", which)
        self._attempts = self._counter("llamaq_attempts", "Attempts that ended, by outcome.", [*which, "outcome"])
        self._failures = self._counter(
            "llamaq_failures", "Attempts that ended in an error, by code.", [*which, "code", "retried"]
        )
        self._prompt = self._counter("llamaq_prompt_tokens", "Tokens read, of completed jobs.", which)
        self._output = self._counter("llamaq_output_tokens", "Tokens written, of completed jobs.", which)
        self._reaped = self._counter("llamaq_rescue_actions", "What this worker did as the reaper.", ["action"])
        self._duty_failures = self._counter(
            "llamaq_duty_failures", "Rounds of a worker's duties that failed unexpectedly.", ["duty"]
        )
        self._duty_failing = Gauge(
            "llamaq_duty_failing_seconds", "Since a duty had a good round.", ["duty"], registry=self.registry
        )
        for action in Reaped._fields:
            self._reaped(action)  # shown as 0 from the start, so that the first one is an increase
        self._running = Gauge("llamaq_worker_running_attempts", "Attempts in this worker.", registry=self.registry)
        self._heartbeat_age = Gauge(
            "llamaq_worker_pulse_age_seconds", "Since this worker last consumed a message.", registry=self.registry
        )

    def watch(
        self,
        running: Callable[[], float],
        heartbeat_age: Callable[[], float],
        failing: Callable[[str], float],
        duties: Iterable[str],
    ) -> None:
        """Set the functions that give the gauges at each scrape, and the names of the duties."""
        self._running.set_function(running)
        self._heartbeat_age.set_function(heartbeat_age)
        for duty in duties:
            self._duty_failing.labels(duty).set_function(partial(failing, duty))
            self._duty_failures(duty)  # shown as 0 from the start, so that the first one is an increase

    def count_start(self, job: ClaimedJob) -> None:
        """Count a claimed attempt."""
        if job.attempt == 1:
            self._wait(job.model, _lane(job)).observe(job.waited_seconds)

    def count_end(self, job: ClaimedJob, outcome: Outcome, stored: str, seconds: float) -> None:
        """Count an attempt that ended with an outcome; `stored` is the answer of `JobStore`."""
        which = (job.kind, job.model)
        self._attempts(*which, outcome_label(outcome, stored)).inc()
        self._attempt(*which).observe(seconds)
        if stored != "ok":
            return
        if isinstance(outcome, Failed | Retry):
            retried = "yes" if isinstance(outcome, Retry) else "no"
            self._failures(*which, outcome.error.code, retried).inc()
        elif isinstance(outcome, Completed):
            self._count_completed(job, outcome)

    def count_reaped(self, done: Reaped) -> None:
        """Count the actions of a round of the reaper that this worker led."""
        for action, number in done._asdict().items():
            self._reaped(action).inc(number)

    def count_duty_failure(self, duty: str) -> None:
        """Count a failed round of a duty."""
        self._duty_failures(duty).inc()

    def _count_completed(self, job: ClaimedJob, outcome: Completed) -> None:
        which = (job.kind, job.model)
        usage, timings = outcome.result.get("usage") or {}, outcome.result.get("timings") or {}
        for counter, tokens in ((self._prompt, "prompt_tokens"), (self._output, "output_tokens")):
            counter(*which).inc(usage.get(tokens) or 0)
        for histogram, timing in ((self._first, "first_token"), (self._total, "total")):
            if timings.get(timing) is not None:
                histogram(*which).observe(timings[timing])

    def _histogram(self, name: str, meaning: str, labels: list[str]) -> Callable[..., Histogram]:
        return cache(Histogram(name, meaning, labels, buckets=BUCKETS, registry=self.registry).labels)

    def _counter(self, name: str, meaning: str, labels: list[str]) -> Callable[..., Counter]:
        # The library checks the labels at each call, which takes longer than to count.
        return cache(Counter(name, meaning, labels, registry=self.registry).labels)


def outcome_label(outcome: Outcome, stored: str) -> str:
    """The outcome label: `completed`, `failed`, `retried`, `cancelled`, `drained`, `fenced` or `unsent`."""
    if stored in {"cancelled", "fenced", "unsent"}:
        return stored
    match outcome:
        case Stopped("draining"):
            return "drained"
        case Stopped(reason):
            return reason
        case Retry():
            return "retried"
        case _:
            return type(outcome).__name__.lower()


def _lane(job: ClaimedJob) -> str:
    try:
        return job.request.priority
    except InvalidRequest:  # the attempt reports it
        return ""
