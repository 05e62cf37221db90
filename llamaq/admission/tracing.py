"""OpenTelemetry traces, if the application uses them. Where it does not, nothing is imported."""

import sys
from typing import Any

from llamaq.vocabulary.requests import DECLARATIONS

API = "opentelemetry.trace"


def span_attributes(kind: str, model: str) -> dict[str, str]:
    """The attributes that every span of a job has. They have nothing of its content."""
    return {
        "gen_ai.operation.name": DECLARATIONS[kind].operation,
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": model,
        "llamaq.kind": kind,
    }


def create_traceparent(job_id: str, kind: str, model: str, prefix: str) -> str:
    """Create the W3C `traceparent` of a job; "" where there is no trace.

    Each submit has a span of its own under the current one, also where one round trip submits several jobs.
    """
    # An application that makes traces has imported the module already.
    api: Any = sys.modules.get(API)
    if api is None or not _is_tracing(api):
        return ""
    attributes = {
        **span_attributes(kind, model),
        "messaging.system": "llamaq",
        "messaging.operation.name": "submit",
        "messaging.operation.type": "create",
        "messaging.destination.name": prefix,
        "messaging.message.id": job_id,
    }
    span = api.get_tracer("llamaq").start_span(
        f"submit llamaq.{kind}", kind=api.SpanKind.PRODUCER, attributes=attributes
    )
    span.end()
    context = span.get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _is_tracing(api: Any) -> bool:
    """Whether a tracer provider is set, or there is a current span; redis-py imports the API where it is installed."""
    made = not isinstance(api.get_tracer_provider(), api.ProxyTracerProvider)
    return made or bool(api.get_current_span().get_span_context().is_valid)
