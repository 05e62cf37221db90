"""A job's place in a trace: OpenTelemetry, where the application uses it. Not imported, and free, where it does not."""

import sys
from typing import Any

from llamaq.vocabulary.requests import DECLARATIONS

API = "opentelemetry.trace"


def describe(kind: str, model: str) -> dict[str, str]:
    """What every span of a job tells: never anything of its content."""
    return {
        "gen_ai.operation.name": DECLARATIONS[kind].operation,
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": model,
        "llamaq.kind": kind,
    }


def created(job_id: str, kind: str, model: str, prefix: str) -> str:
    """The W3C `traceparent` that a job carries; "" where there is no trace.

    The job's message is a span of its own, under whatever span is current: jobs of one round trip are told apart.
    """
    # The application that traces has imported it already: what is not there does not have to be looked for.
    api: Any = sys.modules.get(API)
    if api is None:
        return ""
    attributes = {
        **describe(kind, model),
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
