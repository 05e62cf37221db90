"""The status of a job, as `job.status()` gives it, and of a queue, as `queue.waiting()` does."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pydantic import Field

from llamaq.vocabulary.results import AnyResult, ErrorInfo, TaggedResult
from llamaq.vocabulary.wait_reason import Why
from llamaq.vocabulary.wire import Frozen, JsonObject

State = Literal["queued", "running", "retrying", "completed", "failed", "cancelled", "expired"]
TERMINAL_STATES = frozenset({"completed", "failed", "cancelled", "expired"})
"""The types of the terminal events, too."""
TIMES = ("submitted_at", "started_at", "finished_at")
LISTED_FIELDS = (
    *("state", "kind", "model", "target", "tenant", "lane", "attempt", "host", "worker", *TIMES),
    *("not_before", "pieces", "piece_at"),
    *("error", "reason", "metadata"),
)
"""Of the record, what a list of jobs has: without the result, which may have many megabytes."""
FIELDS = (*LISTED_FIELDS, "result")


class JobStatus(Frozen):
    """The record of a job.

    Attributes:
        attempt: attempts begun so far.
        worker: of the last attempt.
        result: None until it is completed, and in lists of jobs.
        tokens: pieces of the last attempt so far, mostly a token each; `result.usage` has the exact number.
        last_token_at: when the last of them was written.
        start_after: the time before which it does not start, where one was given.
        position: jobs ahead, while queued; None once it has a slot, and before `start_after`.
        eta_seconds: until it starts, while queued; None while nothing was measured.
        reason: why it was cancelled or expired.
        metadata: of the request.
        tenant: whose job it is; None where a cancel came before the job itself.
        lane: its priority; None likewise.
        why: why it waits; None once it has a slot.
    """

    id: str
    state: State
    kind: str
    model: str
    attempt: int = 0
    host: str | None = None
    worker: str | None = None
    submitted_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: TaggedResult | None = None
    error: ErrorInfo | None = None
    reason: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    tenant: str | None = None
    lane: str | None = None
    tokens: int = 0
    last_token_at: datetime | None = None
    start_after: datetime | None = None
    position: int | None = None
    eta_seconds: float | None = None
    why: Why | None = None

    @property
    def standing(self) -> str:
        """Where the job stands, in words: of one that waits also why."""
        match self.state:
            case "queued":
                ahead = "" if self.position is None else f", with {self.position} ahead"
                return f"it is queued{ahead}. {self.why.sentence if self.why else 'It is about to start.'}"
            case "running":
                return f"its attempt {self.attempt} runs on {self.host}"
            case "retrying":
                return f"its attempt {self.attempt} failed, and the next has not begun"
        return f"it is {self.state}"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in TERMINAL_STATES


class QueueStatus(Frozen):
    """The jobs that wait in one lane for one model; or, without a lane, those of the model that wait for their time.

    Attributes:
        model: what they wait for; of host jobs their queue, such as `:pull@gpu-1`.
        waiting: the number of jobs.
        oldest_seconds: since the submit of the oldest of them; None without a lane.
        eta_seconds: until one that is submitted now would start; None while nothing was measured, and without a lane.
        why: why the first of them waits.
        next_start: the `start_after` of the first of them, without a lane.
    """

    model: str
    lane: str | None = None
    waiting: int
    oldest_seconds: float | None = None
    eta_seconds: float | None = None
    why: Why
    next_start: datetime | None = None


class Snapshot(NamedTuple):
    """The state of a job at a time (Unix seconds), and while it waits its position and the seconds until it starts."""

    state: str
    position: int | None
    eta_seconds: float | None
    at: float


class SubmittedRequest(Frozen):
    """What was submitted for a job.

    Attributes:
        request: as it is stored: with its defaults, and images as references.
        note: the text that the producer gave with it; no worker reads it.
    """

    kind: str
    request: JsonObject
    note: str = ""


def read_status(
    job_id: str,
    record: Mapping[str, str],
    position: int | None,
    eta_seconds: float | None,
    why: str | None = None,
) -> JobStatus:
    """Read the status out of those `FIELDS` of the record that are set."""
    fields: dict[str, object] = dict(record)
    for name in ("result", "error", "metadata"):
        if name in fields:
            fields[name] = json.loads(str(fields[name]))
    fields["model"] = fields.pop("target", fields["model"])  # the model of a host job
    fields |= {"tokens": fields.pop("pieces", 0), "last_token_at": fields.pop("piece_at", None) or None}
    not_before = record.get("not_before")
    start = fields["start_after"] = datetime.fromtimestamp(float(not_before), UTC) if not_before else None
    waits = {"position": position, "eta_seconds": eta_seconds, "why": why and Why.of(why, start)}
    return JobStatus.model_validate(fields | waits | {"id": job_id})


__all__ = ["FIELDS", "TERMINAL_STATES", "AnyResult", "JobStatus", "State", "read_status"]
