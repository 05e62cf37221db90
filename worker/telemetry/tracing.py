"""Traces from the submit through the queue to Ollama, where `LLAMAQ_OTEL` is set.

Without it OpenTelemetry is not imported. Spans hold models, counts and times. They hold requests and answers only with
`LLAMAQ_OTEL_CONTENT=1`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from api_client import OllamaClient
from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from worker.settings.environment import Export

EndSpan = Callable[[str, Outcome], None]


class NotInstalled(Exception):
    """`LLAMAQ_OTEL` is set and OpenTelemetry is missing; the message says what to install."""


class Tracing(Protocol):
    """Tracing, whether it is on or off."""

    def trace_attempt(self, job: ClaimedJob) -> AbstractContextManager[EndSpan]:
        """Open the span of one attempt. It yields a function to be called with the outcome."""

    def trace_client(self, client: OllamaClient) -> OllamaClient:
        """Give the client a span for each request to a model."""

    def close(self) -> None:
        """Send the spans that are left."""


class Untraced:
    """Tracing that is off."""

    def trace_attempt(self, job: ClaimedJob) -> AbstractContextManager[EndSpan]:  # noqa: ARG002 - as Tracing
        """Trace nothing."""
        return nullcontext(_ignore)

    def trace_client(self, client: OllamaClient) -> OllamaClient:
        """Return the client itself."""
        return client

    def close(self) -> None:
        """Do nothing."""


def _ignore(word: str, outcome: Outcome) -> None:
    """Do nothing: there is no span."""


def make_tracing(export: Export | None, client: Client, keys: Keys, *, content: bool) -> Tracing:
    """Make the tracing that the settings ask for.

    Raises:
        NotInstalled: they ask for traces, and OpenTelemetry is missing.
    """
    if export is None:
        return Untraced()
    try:
        from worker.telemetry.spans import Traced, make_provider  # noqa: PLC0415 - they need OpenTelemetry, an extra

        return Traced(make_provider(export), client, keys, content=content)
    except ImportError as error:
        raise NotInstalled(f"LLAMAQ_OTEL needs the packages of the group `otel`: {error}") from error
