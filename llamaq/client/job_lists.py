"""Lists of jobs: what is asked for, and a page of what was found."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError, field_validator

from llamaq.client.job_status import read_status
from llamaq.store.answers import Answer, Fields, read_rows
from llamaq.store.keys import Keys, is_usable_id
from llamaq.store.producer_scripts import Jobs
from llamaq.store.script_drivers import unwrap
from llamaq.store.script_runs import Call
from llamaq.vocabulary import status
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.request import Lane, Name, Tenant
from llamaq.vocabulary.models import parse_model_name
from llamaq.vocabulary.problems import translate_error
from llamaq.vocabulary.requests import Kind
from llamaq.vocabulary.status import JobStatus, State
from llamaq.vocabulary.wire import Strict

_TIME = re.compile(r"\d{1,12}(\.\d{1,20})?", re.ASCII)


def _as_tuple(given: Any) -> Any:
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else given


class JobFilter(Strict):
    """Which jobs a list has: those for which all that is given holds.

    Attributes:
        state: any of these states.
        model: its name, also of a host job.
        code: of the error, of failed jobs.
        since: submitted then or later.
        until: submitted before.
    """

    state: Annotated[tuple[State, ...], BeforeValidator(_as_tuple)] = ()
    kind: Kind | None = None
    model: Name | None = None
    tenant: Tenant | None = None
    lane: Lane | None = None
    code: Annotated[str, Field(pattern="^[a-z_]{1,64}$")] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    @field_validator("model")
    @classmethod
    def _normalise_model(cls, model: str) -> str:
        return parse_model_name(model)


def parse_filter(**given: Any) -> JobFilter:
    """Parse a filter.

    Raises:
        InvalidRequest: names each part that is wrong.
    """
    try:
        return JobFilter(**given)
    except ValidationError as error:
        raise InvalidRequest(translate_error(error, given, JobFilter)) from error


class JobPage(list[JobStatus]):
    """A list of jobs, the newest first.

    Attributes:
        cursor: pass it to `jobs(after=...)` for the next page; None at the end.
    """

    def __init__(self, jobs: Iterable[JobStatus] = (), cursor: str | None = None) -> None:
        super().__init__(jobs)
        self.cursor = cursor


def jobs_call(keys: Keys, which: JobFilter, after: str | None, look_at: int, most: int) -> Call:
    """The call of `jobs.lua` for the jobs behind the cursor `after`.

    Raises:
        InvalidRequest: it is no cursor of a list.
    """
    at, _, job_id = after.partition(":") if isinstance(after, str) else ("", "", "")
    if after is not None and not (_TIME.fullmatch(at) and is_usable_id(job_id)):
        raise InvalidRequest.of("after", "give the `cursor` of a list of jobs")
    since, before = (str(moment.timestamp()) if moment else "" for moment in (which.since, which.until))
    arguments = Jobs(
        after_at=at,
        after_id=job_id,
        look_at=look_at,
        most=most,
        since=since,
        before=before,
        states=" ".join(which.state),
        kind=which.kind or "",
        model=which.model or "",
        tenant=which.tenant or "",
        lane=which.lane or "",
        code=which.code or "",
        fields=" ".join(status.LISTED_FIELDS),
    )
    return Call(keys.prefix, arguments)


def read_jobs(answer: Answer) -> JobPage:
    """The jobs out of the answer of `jobs.lua`; one whose record something else has damaged is left out."""
    cursor = f"{answer.text('at')}:{answer.text('id')}" if answer.flag("more") else None
    return JobPage(_read_statuses((row.text("id"), row) for row in answer.rows("jobs")), cursor)


def _read_statuses(rows: Iterable[tuple[str, Fields]]) -> list[JobStatus]:
    return read_rows(((f"the job {job_id}", (job_id, row)) for job_id, row in rows), lambda _, job: read_status(*job))


def read_job_ids(answers: Sequence[object]) -> list[str]:
    """Read the ids in replies to HKEYS."""
    return [str(job_id) for reply in answers if isinstance(reply, list) for job_id in reply]


def read_running(ids: Sequence[str], answers: Sequence[Answer | Exception]) -> list[JobStatus]:
    """The running jobs out of the answers of `status.lua`, in the order in which they began."""
    known = zip(ids, map(unwrap, answers), strict=True)
    found = _read_statuses((job_id, answer) for job_id, answer in known if answer.word == "OK")
    running = (job for job in found if job.state == "running")
    return sorted(running, key=lambda job: (job.started_at or job.submitted_at, job.id))
