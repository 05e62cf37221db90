"""The declaration of a kind of job. Limits, input policy, routing, traces, tasks and docs are derived from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from llamaq.vocabulary.kinds.request import HostJobRequest, Request
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.text_rules import rules_of


class Endpoint(Enum):
    """An endpoint of Ollama: its path, and its operation as OpenTelemetry's conventions name it."""

    GENERATE = ("/api/generate", "text_completion")
    CHAT = ("/api/chat", "chat")
    EMBED = ("/api/embed", "embeddings")
    PULL = ("/api/pull", "pull")

    def __init__(self, path: str, operation: str) -> None:
        self.path = path
        self.operation = operation


@dataclass(frozen=True, slots=True)
class Declaration:
    """One kind of job.

    Attributes:
        request: its model. The default of its field `kind` is the kind's name; each field has a text rule
            (`llamaq.vocabulary.text_rules`).
        results: the models that its result can have.
        endpoints: of Ollama, that answer it.
        summary: one clause for the documentation.
        needs: for each capability, by Ollama's name, the field of a request that needs it.
        operation: of the spans of a job, as OpenTelemetry's conventions name it.
    """

    request: type[Request]
    results: tuple[type[Result], ...]
    endpoints: tuple[Endpoint, ...]
    summary: str
    needs: Mapping[str, str] = field(default_factory=dict)
    operation: str = "chat"

    def __post_init__(self) -> None:
        """Check the text rules.

        Raises:
            TypeError: a field of the request can have free text and has no rule.
        """
        rules_of(self.request)

    @property
    def kind(self) -> str:
        """The kind's name."""
        return str(self.request.model_fields["kind"].default)

    @property
    def host_job(self) -> bool:
        """Whether it is a host job, which takes no slot."""
        return issubclass(self.request, HostJobRequest)
