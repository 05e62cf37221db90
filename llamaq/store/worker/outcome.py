"""What an attempt came to, as values; `worker.attempt.execute` turns each into one call of the store."""

from dataclasses import dataclass, field
from typing import Any, Literal

Blame = Literal["host", "doubt", ""]
"""Whether a failure speaks against the host: surely; perhaps, as a job may bring down what runs it; or not at all."""
Counts = Literal["always", "later", "never"]
"""Whether an attempt counts as a try: always; only once some attempts have failed in the same way; or never."""


@dataclass(frozen=True, slots=True)
class Error:
    """An error as it goes into the record and the event: `code`, `message`, `retryable`, and more by code."""

    code: str
    message: str
    retryable: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The wire's shape; what is None is left out."""
        common = {"code": self.code, "message": self.message, "retryable": self.retryable}
        return common | {name: value for name, value in self.details.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Completed:
    """The job is done: its result, and the messages that a conversation gains."""

    result: dict[str, Any]
    turn: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Trying again cannot help."""

    error: Error


@dataclass(frozen=True, slots=True)
class Retry:
    """Another try may help, after a pause."""

    error: Error
    blame: Blame = ""
    counts: Counts = "always"


@dataclass(frozen=True, slots=True)
class Stopped:
    """The attempt was ended from outside; `reason` is one of `tasks.attempt.stoppable`'s."""

    reason: str


Outcome = Completed | Failed | Retry | Stopped
