"""A result: the fields of its kind, and those that every result has."""

from collections.abc import Sequence
from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import NANOSECONDS, Reply, sum_figures


def build_completed(
    job: ClaimedJob,
    context: AttemptContext,
    replies: Sequence[Reply],
    found: dict[str, Any],
    turn: Sequence[dict[str, Any]] = (),
) -> Completed:
    """Build the outcome of an attempt with these answers of Ollama; `found` holds the fields of the kind."""
    common = {
        "model": job.request.model,
        "host": job.host,
        "attempts": job.attempt,
        "done_reason": replies[-1].done_reason,
        "usage": {
            "prompt_tokens": sum_figures(replies, "prompt_eval_count"),
            "output_tokens": sum_figures(replies, "eval_count"),
        },
        "timings": _timings(job, context, replies),
    }
    echoed = {"metadata": job.request.metadata} if job.request.metadata else {}
    removed = context.input_policy.removed
    filtered = {"filtered": removed} if removed else {}
    return Completed({**found, **common, **echoed, **filtered}, tuple(turn))


def _timings(job: ClaimedJob, context: AttemptContext, replies: Sequence[Reply]) -> dict[str, float | None]:
    first = context.first_token_after()
    return {
        "queued": round(job.waited_seconds, 4),
        "load": _seconds(sum_figures(replies, "load_duration")),
        "prompt": _seconds(sum_figures(replies, "prompt_eval_duration")),
        "output": _seconds(sum_figures(replies, "eval_duration")),
        "first_token": None if first is None else round(job.waited_seconds + first, 4),
        "total": round(job.waited_seconds + context.elapsed(), 4),
    }


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / NANOSECONDS, 9)
