"""What a worker counts: an attempt goes under what the store made of it, not under what it came to by itself."""

import pytest
from prometheus_client import generate_latest

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.outcome import Completed, Error, Failed, Outcome, Retry, Stopped
from tasks.attempt import failures
from tests.integration.scraping import Scrape, parsed
from worker.telemetry.worker_metrics import Metrics, outcome_label

JOB = ClaimedJob("j1", "7", 1, 1, 3, 0.5, 0.0, "generate", "m:latest", "t", "", "gpu-1", "no request")
BROKEN = Error("ollama_error", "it broke", retryable=True)
DONE = Completed({"usage": {"prompt_tokens": 3, "output_tokens": None}, "timings": {"total": 2.0}})


def seen(metrics: Metrics) -> Scrape:
    return parsed(generate_latest(metrics.registry).decode())


@pytest.mark.parametrize(
    ("outcome", "stored", "word"),
    [
        (DONE, "ok", "completed"),
        (DONE, "cancelled", "cancelled"),
        (DONE, "fenced", "fenced"),
        (DONE, "unsent", "unsent"),
        (Failed(BROKEN), "ok", "failed"),
        (Retry(BROKEN), "ok", "retried"),
        (Stopped("draining"), "ok", "drained"),
        (Stopped("draining"), "cancelled", "cancelled"),
        (Stopped("cancelled"), "cancelled", "cancelled"),
        (Stopped("fenced"), "fenced", "fenced"),
    ],
)
def test_an_attempt_is_counted_once_by_its_true_end(outcome: Outcome, stored: str, word: str) -> None:
    """One word for each; errors and tokens count only where the store took them."""
    metrics = Metrics()

    metrics.count_end(JOB, outcome, stored, 1.5)

    found = seen(metrics)
    assert outcome_label(outcome, stored) == word
    assert found.figure("llamaq_attempts_total") == found.figure("llamaq_attempts_total", outcome=word) == 1
    assert found.figure("llamaq_attempt_seconds_sum") == 1.5
    assert found.figure("llamaq_failures_total") == (word in {"failed", "retried"})
    assert found.figure("llamaq_prompt_tokens_total") == (3 if word == "completed" else 0)
    assert found.figure("llamaq_job_total_seconds_sum") == (2.0 if word == "completed" else 0)
    assert found.figure("llamaq_job_first_token_seconds_count") == 0


def test_a_request_that_cannot_be_read_is_counted_too() -> None:
    """Its lane is unknown; the attempt itself will say what is wrong."""
    metrics = Metrics()

    metrics.count_start(JOB)

    assert seen(metrics).figure("llamaq_job_wait_seconds_sum", lane="") == 0.5


def test_reaper_actions_are_there_before_the_first() -> None:
    """From 0 on, so that the first one is an increase."""
    metrics = Metrics()
    assert [seen(metrics).figure("llamaq_rescue_actions_total", action=action) for action in Reaped._fields] == [0] * 7
    assert seen(metrics).text.count("llamaq_rescue_actions_total{") == 7

    metrics.count_reaped(Reaped(lost=2, unclaimed=0, due=1, expired=0, refused=0))

    assert seen(metrics).figure("llamaq_rescue_actions_total", action="lost") == 2


def test_what_another_try_might_mend_fails_with_the_last_one() -> None:
    """Log and figures say `failed` where no attempt follows."""
    last = ClaimedJob("j1", "7", 3, 3, 3, 0.5, 0.0, "generate", "m:latest", "t", "", "gpu-1", "{}")

    assert failures.limit_tries(Retry(BROKEN), JOB) == Retry(BROKEN)
    assert failures.limit_tries(Retry(BROKEN), last) == Failed(BROKEN)
    assert failures.limit_tries(DONE, last) == DONE
