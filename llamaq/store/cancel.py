"""A cancel without any I/O: the call of `cancel.lua`, and what its answer means."""

from typing import Any

from llamaq.store import scripts
from llamaq.store.connection import Call
from llamaq.store.keys import Keys
from llamaq.vocabulary.errors import InvalidRequest, JobNotFound
from llamaq.vocabulary.wire import members


def call(keys: Keys, job_id: str, reason: str) -> Call:
    """The call of `cancel.lua`.

    Raises:
        InvalidRequest: the reason cannot be stored.
    """
    if not isinstance(reason, str):
        raise InvalidRequest.of("reason", f"must be a text, not {type(reason).__name__}")
    try:
        reason.encode()
    except UnicodeEncodeError:
        raise InvalidRequest.of("reason", "holds half a surrogate pair, which UTF-8 cannot carry") from None
    return Call(scripts.load("cancel"), [keys.prefix, job_id, members(reason=reason), reason])


def read(job_id: str, answer: list[Any]) -> bool:
    """Whether the job is cancelled now.

    Raises:
        JobNotFound: there is no such job.
    """
    if answer[0] == "MISSING":
        raise JobNotFound(job_id)
    return bool(answer[0] == "OK" or answer[1] == "cancelled")
