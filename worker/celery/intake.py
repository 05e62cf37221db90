"""Submits requests that were sent by Celery task name. The task id becomes the job id."""

import json
from typing import Any

import structlog

from llamaq.vocabulary.errors import BrokerUnavailable, ConversationBusy, InvalidRequest, QueueFull, UnknownModel
from tasks.attempt import failures
from worker.worker import Worker

AGAIN_SECONDS = 1.0
_log = structlog.get_logger(__name__)


def take(worker: Worker, kind: str, job_id: str, request: Any) -> str:
    """Submit one request. A refused one is set aside, and its job ends `failed`, so that a reader sees it.

    Returns:
        `failed <code>` of one that was refused, else nothing.
    """
    while True:
        try:
            return _submit(worker, kind, job_id, request)
        except BrokerUnavailable as error:
            # The message is acknowledged, so only this thread has it. It waits here until Redis is back.
            _log.warning("a request sent by name waits for Redis", job_id=job_id, error=str(error))
            if worker.pause(AGAIN_SECONDS):
                continue
            _log.error("a request sent by name is lost: the worker ends while Redis is away", job_id=job_id)
            return ""


def _submit(worker: Worker, kind: str, job_id: str, request: Any) -> str:
    try:
        if not isinstance(request, dict):
            raise InvalidRequest.of("request", "send the request as the keyword argument `request`, an object")
        worker.queue.submit({**request, "kind": kind}, job_id=job_id)
    except (InvalidRequest, UnknownModel, QueueFull, ConversationBusy) as error:
        refusal = failures.refusal(error)
        _log.warning("a request sent by name was refused", job_id=job_id, kind=kind, code=refusal.code)
        worker.refuse(job_id, kind, json.dumps(request, default=str), refusal)
        return f"failed {refusal.code}"
    return ""
