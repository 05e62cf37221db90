"""Makes the spans of OpenTelemetry. Imported only where `LLAMAQ_OTEL` is set."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import structlog
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_tracer_provider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from redis.exceptions import RedisError

from api_client import Chunk, OllamaClient, Sink
from llamaq.admission.tracing import span_attributes
from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed, Failed, Outcome, Retry
from llamaq.vocabulary.kinds.declaration import Endpoint
from worker.settings.environment import Export

_FLUSH_MILLISECONDS = 5_000
_log = structlog.get_logger(__name__)


def make_provider(export: Export) -> TracerProvider:
    """Make the provider that sends spans. OpenTelemetry's variables (`OTEL_EXPORTER_OTLP_ENDPOINT` ...) configure it.

    Raises:
        ImportError: the exporter is not installed.
    """
    named = Resource.create({SERVICE_NAME: "llamaq-worker"}).merge(OTELResourceDetector().detect())
    made = TracerProvider(resource=named)
    if export == "console":
        made.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=_format_line)))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as needed

        made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    set_tracer_provider(made)  # also for requests sent by name, which this worker submits
    return made


def _format_line(span: Any) -> str:
    return f"{span.to_json(indent=None)}\n"


class Traced:
    """Tracing with spans: each attempt's is a child of the submit's, and the parent of those of requests to Ollama."""

    def __init__(self, provider: TracerProvider, client: Client, keys: Keys, *, content: bool) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("llamaq")
        self._client = client
        self._keys = keys
        self._content = content

    @contextmanager
    def trace_attempt(self, job: ClaimedJob) -> Iterator[Callable[[str, Outcome], None]]:
        """Open the span of one attempt. Each line that is logged inside has its `trace_id`."""
        about: dict[str, str | int] = {
            **span_attributes(job.kind, job.named_model),
            "messaging.system": "llamaq",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.id": job.id,
            "llamaq.attempt": job.attempt,
            "llamaq.host": job.host,
        }
        parent = TraceContextTextMapPropagator().extract({"traceparent": self._traceparent(job)})
        with self._tracer.start_as_current_span(
            f"process llamaq.{job.kind}", parent, SpanKind.CONSUMER, about, record_exception=False
        ) as span:
            trace_id = f"{span.get_span_context().trace_id:032x}"
            with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                yield lambda word, outcome: _end_span(span, word, outcome)

    def trace_client(self, client: OllamaClient) -> OllamaClient:
        """Give the client a span for each request to a model."""
        return cast("OllamaClient", _TracedClient(client, self._tracer, content=self._content))

    def close(self) -> None:
        """Send the spans that are left."""
        self._provider.force_flush(_FLUSH_MILLISECONDS)
        self._provider.shutdown()

    def _traceparent(self, job: ClaimedJob) -> str:
        try:
            return str(self._client.hget(self._keys.record(job.id), "traceparent") or "")
        except RedisError as error:
            _log.warning("the trace of a job begins anew", reason=type(error).__name__)
            return ""


def _end_span(span: Span, word: str, outcome: Outcome) -> None:
    span.set_attribute("llamaq.outcome", word)
    if isinstance(outcome, Completed):
        usage = outcome.result.get("usage") or {}
        _set_counts(span, usage.get("prompt_tokens"), usage.get("output_tokens"))
    elif isinstance(outcome, Failed | Retry):
        # The message may quote the prompt; the code does not.
        span.set_attribute("error.type", outcome.error.code)
        span.set_status(Status(StatusCode.ERROR, outcome.error.code))


def _set_counts(span: Span, prompt_tokens: Any, output_tokens: Any) -> None:
    for name, count in (("input", prompt_tokens), ("output", output_tokens)):
        if isinstance(count, int):
            span.set_attribute(f"gen_ai.usage.{name}_tokens", count)


class _TracedClient:
    """An `OllamaClient` with spans for the three endpoints that run a model."""

    def __init__(self, client: OllamaClient, tracer: Tracer, *, content: bool) -> None:
        self._client = client
        self._tracer = tracer
        self._content = content

    def generate(self, payload: Mapping[str, Any], **limits: Any) -> "_TracedCall":
        return self._trace_call(Endpoint.GENERATE, self._client.generate(payload, **limits), payload)

    def chat(self, payload: Mapping[str, Any], **limits: Any) -> "_TracedCall":
        return self._trace_call(Endpoint.CHAT, self._client.chat(payload, **limits), payload)

    def embed(self, payload: Mapping[str, Any], **limits: Any) -> "_TracedCall":
        return self._trace_call(Endpoint.EMBED, self._client.embed(payload, **limits), payload)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def _trace_call(self, endpoint: Endpoint, call: Any, payload: Mapping[str, Any]) -> "_TracedCall":
        model, where = str(payload.get("model", "")), urlsplit(self._client.address)
        span = self._tracer.start_span(
            f"{endpoint.operation} {model}",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": endpoint.operation,
                "gen_ai.provider.name": "ollama",
                "gen_ai.request.model": model,
                "server.address": where.hostname or self._client.address,
                **({"server.port": where.port} if where.port else {}),
            },
        )
        if self._content:
            inputs = {name: payload[name] for name in ("system", "prompt", "messages", "input") if name in payload}
            span.set_attribute("gen_ai.input.messages", json.dumps(inputs, default=str))
        return _TracedCall(call, span, content=self._content)


class _TracedCall:
    """A `Stream` or an `Answer` whose span ends with it."""

    def __init__(self, call: Any, span: Span, *, content: bool) -> None:
        self._call = call
        self._span = span
        self._output: list[str] | None = [] if content else None
        self._began = False

    def abort(self) -> None:
        self._call.abort()

    def result(self) -> Any:
        answer = self._call.result()
        self._set_response(answer)
        return answer

    def each(self, sink: Sink) -> None:
        self._call.each(_TracedSink(self, sink))

    def note_chunk(self, chunk: Mapping[str, Any]) -> None:
        if not self._began:
            self._span.add_event("first chunk")
            self._began = True
        if self._output is not None:
            self._output.append(chunk.get("response") or (chunk.get("message") or {}).get("content") or "")
        if chunk.get("done"):
            self._set_response(chunk)

    def _set_response(self, chunk: Mapping[str, Any]) -> None:
        _set_counts(self._span, chunk.get("prompt_eval_count"), chunk.get("eval_count"))
        self._span.set_attribute("gen_ai.response.model", str(chunk.get("model", "")))
        if chunk.get("done_reason"):
            self._span.set_attribute("gen_ai.response.finish_reasons", [str(chunk["done_reason"])])

    def __enter__(self) -> Self:
        self._call.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(Status(StatusCode.ERROR, kind.__name__))
        if self._output is not None:
            self._span.set_attribute("gen_ai.output.messages", json.dumps("".join(self._output)))
        self._span.end()
        self._call.__exit__(kind, error, trace)


class _TracedSink:
    """The sink of a traced stream."""

    def __init__(self, call: _TracedCall, sink: Sink) -> None:
        self._call = call
        self._sink = sink
        self.is_full = sink.is_full

    def take(self, chunk: Chunk) -> bool:
        self._call.note_chunk(chunk)
        return self._sink.take(chunk)
