"""The loss of the master while answers are streamed: how long submits are refused, and how the answers end."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from bench.environment.services import MODEL
from bench.environment.workers import start_llamaq_worker
from bench.figures.results import Results
from bench.scaling.fleet.sentinel import start_replicated_redis
from bench.scaling.plan import RATE, Plan
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import ScriptedModel
from llamaq import BrokerUnavailable, Job, JobQueue
from llamaq.vocabulary.events import Completed, Delta, Started
from llamaq.vocabulary.kinds.generate import TextResult

PATH = "sentinel"
MAX_WAIT_SECONDS = 60.0
BETWEEN_SECONDS = 0.02


class Answer(NamedTuple):
    """The events of a reader.

    Attributes:
        silence: the longest, seconds.
        whole: whether the result has every token.
        more: tokens that the reader was given beyond those of the result; below 0, what it missed.
        attempts: that it took.
    """

    silence: float
    whole: bool
    more: int
    attempts: int


def measure(plan: Plan, results: Results) -> None:
    """Measure once for each round: each needs a Redis of its own."""
    for _ in range(plan.failovers):
        with (
            start_replicated_redis() as redis,
            ScriptedOllama.start(slots=plan.streams, models=[ScriptedModel(MODEL)]) as host,
            start_llamaq_worker(redis.url, host.url, plan.streams) as worker,
            JobQueue(redis.url) as queue,
        ):
            host.script(count=plan.failover_tokens, rate=RATE, times=None)
            jobs = _start_jobs(queue, plan.streams)
            with ThreadPoolExecutor(plan.streams) as readers:
                answers = [readers.submit(_follow, job, plan.failover_tokens) for job in jobs]
                time.sleep(plan.failover_tokens / RATE / 4)
                redis.master.kill()
                _note(results, _outage_seconds(queue), [answer.result(MAX_WAIT_SECONDS) for answer in answers])
            worker.check()


def _start_jobs(queue: JobQueue, count: int) -> list[Job[TextResult]]:
    jobs = [queue.generate(MODEL, "go", wait_for_model=True) for _ in range(count)]
    for job in jobs:
        next(event for event in job.events() if isinstance(event, Started))
    return jobs


def _follow(job: Job[TextResult], tokens: int) -> Answer:
    last, silence, text, result, attempts = time.monotonic(), 0.0, "", "", 0
    for event in job.events():
        if isinstance(event, Started):
            text, attempts = "", event.attempt
        elif isinstance(event, Delta):
            now = time.monotonic()
            text, silence, last = text + (event.text or ""), max(silence, now - last), now
        elif isinstance(event, Completed) and isinstance(event.result, TextResult):
            result = event.result.text
    told = len(result.split())
    return Answer(silence, told == tokens, len(text.split()) - told, attempts)


def _outage_seconds(queue: JobQueue) -> float:
    """Measure the seconds until a submit succeeds again."""
    began = time.monotonic()
    while True:
        try:
            queue.generate(MODEL, "again", wait_for_model=True)
        except BrokerUnavailable:
            if time.monotonic() - began > MAX_WAIT_SECONDS:
                raise
            time.sleep(BETWEEN_SECONDS)
        else:
            return time.monotonic() - began


def _note(results: Results, outage: float, answers: list[Answer]) -> None:
    results.add("failover_submit_seconds", PATH, outage)
    results.add("failover_silence_seconds", PATH, max(answer.silence for answer in answers))
    results.add("failover_answers", PATH, len(answers))
    results.add("failover_whole", PATH, sum(answer.whole for answer in answers))
    results.add("failover_doubled", PATH, sum(answer.more > 0 for answer in answers))
    results.add("failover_missed", PATH, sum(answer.more < 0 for answer in answers))
    results.add("failover_again", PATH, sum(answer.attempts > 1 for answer in answers))
