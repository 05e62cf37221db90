"""The gate for messages from outside: from Celery's broker, from remote control, and from the inbox.

Nobody knows what such a message holds, so nothing here lists what may go wrong with it. Any exception while a message
is read or taken sets that message aside, with its reason, and nothing else. Only an outage of Redis is passed on: the
message is not at fault, and is taken again.
"""

import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from redis import exceptions as redis

from llamaq.store.redis_errors import is_refusal
from llamaq.store.worker.outcome import Error
from llamaq.vocabulary.errors import BrokerUnavailable, SubmitError
from llamaq.vocabulary.wire import byte_length
from tasks.attempt import failures
from tasks.attempt.failures import WorkerEvent

Source = Literal["celery", "control", "inbox"]
MOST_TAKES = 3
"""A message that was taken so often, by workers that ended before they had dealt with it, is set aside."""
MOST_BYTES = 128 * 1024 * 1024
"""Of one JSON text. Its parser and what follows need a few times as much memory; Redis takes texts of 512 MiB."""
MOST_PARTS = 5_000_000
"""Values of one JSON text. The parser needs about a hundred bytes for each, also for an empty list."""
DEEPEST = 250
"""Levels of one JSON text: more than a request may have, and few enough for each parser and writer behind the gate."""
TAKEN_TOO_OFTEN = failures.error_of(
    WorkerEvent.LEASE_LAPSED_LAST, f"workers took the message {MOST_TAKES} times, and each ended before it was done"
)
_log = structlog.get_logger(__name__)


class BadMessage(Exception):
    """The message cannot be run; the text says why."""


@dataclass(slots=True)
class Incoming:
    """One message from outside, as far as it has been read.

    Attributes:
        content: what a dead letter keeps of it.
        job_id: the id that its job has or was to have; empty until it is known, and for messages that mean no job.
        kind: of that job.
        read: whether the message itself was understood, so that what fails now is a fault of ours.
    """

    source: Source
    content: str
    job_id: str = ""
    kind: str = ""
    read: bool = False


SetAside = Callable[[Incoming, Error], None]


def handle_or_set_aside(
    message: Incoming, handle: Callable[[], object], set_aside: SetAside, later: tuple[type[Exception], ...] = ()
) -> Error | None:
    """Handle one message, or set it aside. After an exception of `later` it stays where it is, and is taken again.

    Returns:
        What was wrong with it, where it was set aside.

    Raises:
        Exception: an outage of Redis, or one of `later`; or the message could not be set aside either.
    """
    try:
        handle()
    except Exception as error:
        if is_outage(error) or isinstance(error, later):
            raise
        reason = _make_error(message, error)
        set_aside(message, reason)
        return reason
    return None


def is_outage(error: Exception) -> bool:
    """Whether Redis did not answer, or refuses for now: the same message may be taken later."""
    if isinstance(error, BrokerUnavailable) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, redis.ResponseError):
        return not is_refusal(error)
    return isinstance(
        error, BrokerUnavailable | redis.ConnectionError | redis.TimeoutError | ConnectionError | TimeoutError
    )


def read_json(text: str, loads: Callable[[str], Any] = json.loads) -> Any:
    """Parse a text of unknown origin.

    Raises:
        BadMessage: it is not JSON, too large to be parsed, or nested too deeply; the place is named.
    """
    if (size := byte_length(text)) > MOST_BYTES:
        raise BadMessage(f"the JSON has {size} bytes, at most {MOST_BYTES} are read: send images by their sha256")
    if text.count(",") + text.count("[") + text.count("{") > MOST_PARTS:
        raise BadMessage(f"the JSON has more than {MOST_PARTS} parts")
    try:
        value = loads(text)
    except RecursionError:
        raise BadMessage(f"the JSON is nested more than {DEEPEST} levels deep") from None
    except Exception as error:
        raise BadMessage(f"not JSON: {_shorten(error)}") from error
    for place in _find_too_deep(value):
        raise BadMessage(f"{place}: nested more than {DEEPEST} levels deep")
    return value


def _find_too_deep(root: Any) -> Iterator[str]:
    """Find the beginning of the path of what is nested too deeply."""
    level = [(root, "")]
    for _ in range(DEEPEST):
        level = [
            (inner, f"{path}.{name}" if path.count(".") < 8 else path)
            for value, path in level
            if isinstance(value, dict | list)
            for name, inner in (value.items() if isinstance(value, dict) else enumerate(value))
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    yield from (path.lstrip(".")[:200] for _, path in level)


def _make_error(message: Incoming, error: Exception) -> Error:
    if isinstance(error, SubmitError) and not isinstance(error, BrokerUnavailable):
        return failures.refusal(error)
    if isinstance(error, BadMessage):
        return Error("invalid_request", str(error))
    # The text of an exception is not told: it may quote the message, which may be a user's prompt. Redis' own does not.
    what = _shorten(error) if isinstance(error, BrokerUnavailable | redis.ResponseError) else type(error).__name__
    place = traceback.extract_tb(error.__traceback__)[-1]
    at = f"{place.filename}:{place.lineno}"
    _log.error("a message could not be taken", source=message.source, job_id=message.job_id, error=what, at=at)
    if message.read:
        return failures.error_of(WorkerEvent.OWN_FAULT, f"the worker could not take it in: {what}")
    return Error("invalid_request", f"the message cannot be read: {what}")


def _shorten(error: Exception) -> str:
    return f"{type(error).__name__} {error}"[:200]
