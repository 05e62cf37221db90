"""The outcomes of an attempt. `worker.attempt.execute` makes one call of the job store for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from llamaq.vocabulary.wire import dumps

MOST_RESULT_BYTES = 128 * 1024 * 1024
"""Bytes of a result as JSON. Redis takes 512 MiB in one argument, and the arguments have the result twice."""
Blame = Literal["host", "doubt", "model", "fault", ""]
"""Whether a failure speaks against the host: `host` surely; `doubt` perhaps, as the job may have caused it; or not. The
others speak against that model on the host alone: `model`, a refusal, and `fault`, another failure."""
Counts = Literal["always", "later", "alone", "never"]
"""Whether an attempt counts as a try; `later` counts it once several attempts have failed in the same way, `alone`
where other jobs of the model do not fail so."""


@dataclass(frozen=True, slots=True)
class Error:
    """An error as the record and the event have it. `details` are the further fields of its code."""

    code: str
    message: str
    retryable: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The fields on the wire, without those that are None."""
        common = {"code": self.code, "message": self.message, "retryable": self.retryable}
        return common | {name: value for name, value in self.details.items() if value is not None}


@dataclass(frozen=True)
class Completed:
    """The job has a result.

    Attributes:
        result: its fields.
        turn: the messages that its conversation gains.
        events: how many events the attempt has written. Where Redis has lost some of them, the job does not complete.
        pieces: of the answer, in these events.
        prepared: further fields of the result, as JSON already.
    """

    result: dict[str, Any]
    turn: tuple[dict[str, Any], ...] = ()
    events: int = 0
    pieces: int = 0
    prepared: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def result_json(self) -> str:
        """The result as it is stored. Raises ValueError for a number that JSON cannot carry."""
        inside = [*(f'"{name}":{text}' for name, text in self.prepared.items()), dumps(self.result)[1:-1]]
        return f"{{{','.join(part for part in inside if part)}}}"

    @cached_property
    def turn_json(self) -> list[str]:
        """The messages as they are stored; raises as `result_json`."""
        return [dumps(message) for message in self.turn]


@dataclass(frozen=True, slots=True)
class Failed:
    """The job failed, and gets no other attempt. `blame` keeps a host that always fails from failing all that wait.

    `wait_seconds` is how long the host asked for to be left alone.
    """

    error: Error
    blame: Blame = ""
    wait_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """The attempt failed, and another one may succeed after a pause: at least `wait_seconds`, as the host asked for."""

    error: Error
    blame: Blame = ""
    counts: Counts = "always"
    wait_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """The attempt was ended from outside. `reason` is a `StopReason` of `tasks.attempt.stoppable`."""

    reason: str


Outcome = Completed | Failed | Retry | Stopped
