"""Checks each message before Celery handles it: some bad messages would end the worker, others be retried for ever."""

from collections.abc import Container
from datetime import datetime
from typing import Any

import structlog
from kombu.exceptions import KombuError

from llamaq.store.keys import checked_id
from llamaq.vocabulary.errors import InvalidRequest
from worker.celery import model_listing
from worker.duties import heartbeat

log = structlog.get_logger(__name__)
NO_JOB = frozenset({heartbeat.TASK, model_listing.TASK})
"""Tasks that run no job."""


class BadMessage(Exception):
    """A message that cannot be run. `job_id` is its id, or "" where none can be read."""

    def __init__(self, reason: str, job_id: str = "") -> None:
        super().__init__(reason)
        self.job_id = job_id


def check(message: Any, tasks: Container[str]) -> None:
    """Check that Celery can run a message: of protocol 2, or of protocol 1 as older clients send it.

    Raises:
        BadMessage: it is neither, or names a task that this worker does not have.
    """
    headers = message.headers if isinstance(message.headers, dict) else {}
    payload = _payload(message, str(headers.get("id") or ""))
    protocol_1 = isinstance(payload, dict) and "task" not in headers
    fields = payload if protocol_1 else headers
    name, job_id = fields.get("task"), fields.get("id")
    try:
        job_id = checked_id(job_id if isinstance(job_id, str) else "")
    except InvalidRequest as error:
        raise BadMessage(str(error)) from error
    if not isinstance(name, str) or name not in tasks:
        raise BadMessage(f"there is no task {name!r}", job_id)
    arguments = (payload.get("args", []), payload.get("kwargs", {})) if protocol_1 else _arguments(payload, job_id)
    if name not in NO_JOB and not _names_a_job(*arguments):
        raise BadMessage("the arguments are neither a job id nor request={...}", job_id)
    _check_times(fields, job_id)


def _payload(message: Any, job_id: str) -> Any:
    try:
        return message.decode()
    except (KombuError, ValueError, TypeError, KeyError, LookupError) as error:
        raise BadMessage(f"the body cannot be read: {type(error).__name__}", job_id) from error


def _arguments(payload: Any, job_id: str) -> tuple[Any, Any]:
    if not isinstance(payload, list) or len(payload) != 3 or not isinstance(payload[2], dict):
        raise BadMessage("the body is not [args, kwargs, embed]", job_id)
    return payload[0], payload[1]


def _names_a_job(args: object, kwargs: object) -> bool:
    """Whether the arguments are the id of an assigned job, or the keyword `request` of a request sent by name."""
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        return False
    return (len(args) == 1 and isinstance(args[0], str) and not kwargs) or (not args and set(kwargs) == {"request"})


def _check_times(fields: dict[str, Any], job_id: str) -> None:
    for name in ("eta", "expires"):
        value = fields.get(name)
        try:
            if value is not None:
                datetime.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise BadMessage(f"{name} is no time: {value!r}", job_id) from error
