"""A job that this worker has claimed."""

from dataclasses import dataclass
from functools import cached_property

from llamaq.store.answers import Answer
from llamaq.vocabulary.requests import AnyRequest, parse_json


@dataclass(frozen=True)
class ClaimedJob:
    """One attempt at a job.

    Attributes:
        fence: what every write of this attempt carries; a later attempt's is higher.
        attempt: its number, as events show it.
        tries: attempts that count; one ended by a worker's orderly stop does not.
        waited_seconds: from the submit to the claim.
        ran_seconds: running time of earlier attempts, which the deadline counts too.
    """

    id: str
    fence: int
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

    @classmethod
    def of(cls, job_id: str, host: str, answer: Answer) -> "ClaimedJob":
        """The job out of the answer of `claim.lua`."""
        return cls(
            id=job_id,
            fence=answer.integer("fence"),
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
        )

    @cached_property
    def request(self) -> AnyRequest:
        """The request itself, read late: one that this version cannot read must end the job, not the claim.

        Raises:
            InvalidRequest: a newer or a damaged producer wrote it.
        """
        return parse_json(self.request_json, self.kind)
