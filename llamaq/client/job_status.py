"""Asks for the status of a job, and reads the answer, without any I/O."""

from collections.abc import Sequence

from llamaq.store.answers import Fields
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import Status
from llamaq.store.script_runs import Call
from llamaq.vocabulary import status
from llamaq.vocabulary.status import JobStatus


def status_call(keys: Keys, job_id: str, *, why: bool = False) -> Call:
    """The call of `status.lua`; `why` asks why the job waits, too, which costs more with each host of its model."""
    return Call(keys.prefix, Status(id=job_id, fields=" ".join(status.FIELDS), why=int(why)))


def fields_call(keys: Keys, job_id: str, names: Sequence[str]) -> Call:
    """The call of `status.lua` for some fields of the record."""
    return Call(keys.prefix, Status(id=job_id, fields=" ".join(names), why=0))


def read_status(job_id: str, answer: Fields) -> JobStatus:
    """The typed status out of the answer of `status.lua`."""
    return status.read_status(
        job_id, answer.row("record").as_texts(), *read_position(answer), why=answer.optional("why")
    )


def read_position(answer: Fields) -> tuple[int | None, float | None]:
    """The position and the seconds until the start out of the answer of `status.lua`."""
    position, eta = answer.optional("position"), answer.optional("eta_seconds")
    return None if position is None else int(position), None if eta is None else float(eta)
