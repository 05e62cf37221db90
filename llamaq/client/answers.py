"""Reads the answers of the store to a producer, without any I/O."""

import logging
from collections.abc import Sequence

from redis.exceptions import ResponseError

from llamaq.store.answers import Answer
from llamaq.store.connection import raised
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import Status
from llamaq.store.script_runs import Call
from llamaq.vocabulary import status
from llamaq.vocabulary.status import JobStatus

UPLOAD_SECONDS = 3600
"""How long a stored image is kept without a job."""
BATCH = 200
"""Jobs in one round trip of `submit_many`."""

_log = logging.getLogger(__name__)


def status_call(keys: Keys, job_id: str, *, why: bool = False) -> Call:
    """The call of `status.lua`; `why` asks why the job waits, too, which costs more with each host of its model."""
    return Call(keys.prefix, Status(id=job_id, fields=" ".join(status.FIELDS), why=int(why)))


def read_status(job_id: str, answer: Answer) -> JobStatus:
    """The typed status out of the answer of `status.lua`."""
    return status.read(job_id, answer.row("record").given(), *read_position(answer), why=answer.optional("why"))


def read_position(answer: Answer) -> tuple[int | None, float | None]:
    """The position and the seconds until the start out of the answer of `status.lua`."""
    position, eta = answer.optional("position"), answer.optional("eta_seconds")
    return None if position is None else int(position), None if eta is None else float(eta)


def read_kept(ids: Sequence[str], answers: Sequence[Answer | Exception]) -> list[JobStatus]:
    """The typed statuses out of the answers of `status.lua`; a record that something else has damaged is left out."""
    found = []
    for job_id, answer in zip(ids, answers, strict=True):
        # A script's own error is of this very class. Most of its subclasses are about Redis, and not about the job.
        if type(answer) is ResponseError or raised(answer).word == "MISSING":
            continue
        try:
            found.append(read_status(job_id, raised(answer)))
        except ValueError:  # of pydantic, json or status.read
            _log.warning("the record of job %s is damaged; it is left out of the list", job_id)
    return found
