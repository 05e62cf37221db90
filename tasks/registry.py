"""The task of each kind: the function that runs its jobs."""

from collections.abc import Callable
from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.requests import Kind
from tasks.attempt.context import AttemptContext
from tasks.chat import chat
from tasks.embedding import embedding
from tasks.extraction import extraction
from tasks.generate import generate
from tasks.load import load
from tasks.multimodal import multimodal
from tasks.pull import pull
from tasks.unload import unload

TASKS: dict[Kind, Callable[[ClaimedJob, AttemptContext, Any], Outcome]] = {
    "generate": generate,
    "chat": chat,
    "multimodal": multimodal,
    "extraction": extraction,
    "embedding": embedding,
    "pull": pull,
    "unload": unload,
    "load": load,
}


def run(job: ClaimedJob, context: AttemptContext) -> Outcome:
    """Apply the worker's input policy to the job's request, and run the task of its kind.

    Raises:
        InvalidRequest: the request cannot be read, or the input policy refuses it.
    """
    job = context.input_policy.admit(job)
    return TASKS[job.request.kind](job, context, job.request)
