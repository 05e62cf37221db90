"""Submits requests that were sent by Celery task name. The task id becomes the job id."""

from typing import Any

import kombu.utils.json
import structlog

from llamaq.vocabulary.errors import InvalidRequest
from worker.gate import Incoming, handle_or_set_aside, is_outage
from worker.worker import Worker

AGAIN_SECONDS = 1.0
_log = structlog.get_logger(__name__)


def take(worker: Worker, kind: str, job_id: str, request: Any) -> str:
    """Submit one request. A refused one is set aside, and its job ends `failed`, so that a reader sees it.

    Returns:
        `failed <code>` of one that was refused, else nothing.
    """
    message = Incoming("celery", kombu.utils.json.dumps(request), job_id, kind, read=True)

    def submit() -> None:
        if not isinstance(request, dict):
            raise InvalidRequest.of("request", "send the request as the keyword argument `request`, an object")
        worker.queue.submit({**request, "kind": kind}, job_id=job_id)

    while True:
        try:
            refusal = handle_or_set_aside(message, submit, worker.refuse)
        except Exception as error:
            if not is_outage(error):
                raise
            # The message is acknowledged, so only this thread has it. It waits here until Redis is back.
            _log.warning("a request sent by name waits for Redis", job_id=job_id, error=str(error))
            if worker.pause(AGAIN_SECONDS):
                continue
            _log.error("a request sent by name is lost: the worker ends while Redis is away", job_id=job_id)
            return ""
        return f"failed {refusal.code}" if refusal else ""
