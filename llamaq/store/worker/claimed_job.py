"""A job that this worker has claimed."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from llamaq.store.answers import Answer, Fields
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import AnyRequest, parse_json

_log = logging.getLogger(__name__)


class UnreadableRequest(InvalidRequest):
    """A stored request that this worker cannot read, although its producer's llamaq has checked it."""

    def __str__(self) -> str:
        problems = super().__str__()
        return f"this worker is older than the producer, or the record is damaged; update the workers: {problems}"


@dataclass(frozen=True)
class ClaimedJob:
    """One attempt at a job.

    Attributes:
        fence: a random name that every write of this attempt carries. A number counted in Redis would come twice
            after a failover that lost the last writes.
        attempt: its number, as in its events.
        tries: the number of attempts so far that count; an attempt that a worker's shutdown ended does not.
        waited_seconds: from the submit to the claim.
        ran_seconds: running time of earlier attempts, which counts towards the deadline.
        model: whose queue the job was in; for a host job that is `:pull` or `:unload`.
        refusal_counts: whether a refusal of the host (503, 429) counts as a try, because other jobs are not refused.
    """

    id: str
    fence: str
    attempt: int
    tries: int
    max_attempts: int
    waited_seconds: float
    ran_seconds: float
    kind: str
    model: str
    tenant: str
    conversation: str
    host: str
    request_json: str
    refusal_counts: bool = False

    @classmethod
    def of(cls, job_id: str, host: str, fence: str, answer: Fields) -> "ClaimedJob":
        """The job out of the answer of `claim.lua`, or what `finish.lua` tells of the next one."""
        return cls(
            id=job_id,
            fence=fence,
            attempt=answer.integer("attempt"),
            tries=answer.integer("tries"),
            max_attempts=answer.integer("max_attempts"),
            waited_seconds=answer.number("waited_seconds"),
            ran_seconds=answer.number("ran_seconds"),
            kind=answer.text("kind"),
            model=answer.text("model"),
            tenant=answer.text("tenant"),
            conversation=answer.text("conversation"),
            host=host,
            request_json=answer.text("request"),
            refusal_counts=answer.flag("refusal_counts"),
        )

    @classmethod
    def read_next(cls, host: str, fence: str, answer: Answer) -> list["ClaimedJob"]:
        """Read the job that `finish.lua` has claimed with this fence, in a list; an empty one where it claimed none.

        One whose record is damaged is left out, as the end of the job before it is not to fail: the reaper ends it.
        """
        found: list[ClaimedJob] = []
        for row in answer.rows("next") if fence and answer.word != "FENCED" else []:
            try:
                found.append(cls.of(row.text("id"), host, fence, row))
            except ValueError as error:
                _log.error("job %s is claimed, and its record is damaged: %s", row.text("id"), error)
        return found

    @cached_property
    def request(self) -> AnyRequest:
        """The request. It is parsed after the claim, so that a request that cannot be read ends its job.

        Raises:
            UnreadableRequest: it is of a newer producer, or damaged.
        """
        try:
            return parse_json(self.request_json, self.kind)
        except InvalidRequest as error:
            raise UnreadableRequest(error.problems) from error

    @property
    def named_model(self) -> str:
        """The model that the request names, for logs; `model` where it cannot be read."""
        try:
            return self.request.model if self.model.startswith(":") else self.model
        except InvalidRequest:
            return self.model


class DirectJobs(Protocol):
    """Begins the jobs that were claimed with the end of another one, and have no message."""

    @property
    def wanted(self) -> bool:
        """Whether it takes one."""

    def begin(self, job: ClaimedJob) -> None:
        """Have one run: in another thread, or in this one after the job that ends."""
