"""OpenTelemetry: one trace from the producer's submit to each request to Ollama, and nothing of it where not wanted."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import AsyncJobQueue, JobFailed, JobQueue
from llamaq.admission import tracing
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from tests.commands import run
from tests.conftest import MODEL
from tests.service import Service, fresh_name, wait_until
from tests.worker_process import CHECKOUT, WorkerProcess
from worker.telemetry.tracing import NotInstalled, Untraced, make_tracing

PROMPT, ANSWER = "planted-prompt", "planted-answer"
Span = dict[str, Any]


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    """The producer's own spans; the provider is the process's, as in an application."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()  # it stays the process's: from here on it keeps nothing


@pytest.fixture(scope="module", params=["without content", "with content"])
def traced(
    request: pytest.FixtureRequest, redis_server: EmbeddedRedis, exporter: InMemorySpanExporter
) -> Iterator[tuple[Service, WorkerProcess, bool]]:
    """A service whose worker prints its spans."""
    prefix, content = f"test-{fresh_name()[:12]}", request.param == "with content"
    more: dict[str, Any] = {"otel": "console", "otel_content": int(content), "probe_seconds": 0.5}
    with (
        JobQueue(redis_server.url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=1) as ollama,
        WorkerProcess(redis_server.url, ollama.url, prefix=prefix, **more) as worker,
    ):
        worker.start().ready(queue)
        service = Service(redis_server.url, prefix, queue, ollama)
        yield service, worker, content
        service.close()


def printed(worker: WorkerProcess, trace_id: int, number: int) -> list[Span]:
    """The worker's spans of a trace, once there are so many."""
    wanted = f"0x{trace_id:032x}"

    def spans() -> list[Span]:
        lines = [json.loads(line) for line in worker.log().splitlines() if line.startswith('{"name"')]
        return [line for line in lines if line["context"]["trace_id"] == wanted]

    wait_until(lambda: len(spans()) >= number)
    return spans()


def submitted(service: Service, exporter: InMemorySpanExporter) -> tuple[Any, int, str]:
    """A job that is submitted within a span of the application: the job, its trace and the span of its submit."""
    exporter.clear()
    with trace.get_tracer("application").start_as_current_span("answer a visitor"):
        job = service.queue.generate(MODEL, PROMPT)
    submit, outer = exporter.get_finished_spans()
    assert submit.parent is not None
    assert submit.parent.span_id == outer.context.span_id
    assert submit.name == "submit llamaq.generate"
    return job, submit.context.trace_id, f"0x{submit.context.span_id:016x}"


def test_one_trace_from_the_submit_to_each_attempt_and_to_ollama(
    traced: tuple[Service, WorkerProcess, bool], exporter: InMemorySpanExporter
) -> None:
    """Two attempts, each under the submit, and under each its request to Ollama; named as the conventions have it."""
    service, worker, content = traced
    service.ollama.script(tokens=[ANSWER], fault="cut")
    service.ollama.script(tokens=[ANSWER], final={"prompt_eval_count": 7, "eval_count": 3})
    job, trace_id, parent = submitted(service, exporter)
    assert job.result(60).attempts == 2
    spans = printed(worker, trace_id, 4)

    attempts = [span for span in spans if span["name"] == "process llamaq.generate"]
    assert [span["parent_id"] for span in attempts] == [parent, parent]
    assert [span["attributes"]["llamaq.attempt"] for span in attempts] == [1, 2]
    assert [span["attributes"]["llamaq.outcome"] for span in attempts] == ["retried", "completed"]
    assert attempts[0]["attributes"]["error.type"] in {"ollama_error", "ollama_unavailable"}
    asked = [span for span in spans if span["kind"] == "SpanKind.CLIENT"]
    assert [span["parent_id"] for span in asked] == [span["context"]["span_id"] for span in attempts]
    last = asked[1]["attributes"]
    assert asked[1]["name"] == f"text_completion {MODEL}"
    assert last["gen_ai.operation.name"] == "text_completion"
    assert last["gen_ai.request.model"] == MODEL
    assert (last["gen_ai.usage.input_tokens"], last["gen_ai.usage.output_tokens"]) == (7, 3)
    assert last["gen_ai.response.finish_reasons"] == ["stop"]
    assert attempts[1]["attributes"]["gen_ai.usage.output_tokens"] == 3

    said = json.dumps(spans)
    assert (PROMPT in said, ANSWER in said) == (content, content)
    assert f'"trace_id": "{trace_id:032x}"' in worker.log()  # in the lines of the log, to go from one to the other


def test_the_trace_is_in_the_record_and_not_in_the_events(
    traced: tuple[Service, WorkerProcess, bool], exporter: InMemorySpanExporter
) -> None:
    """A reader of the log learns nothing of the application's traces."""
    service = traced[0]
    job, trace_id, _ = submitted(service, exporter)
    job.result(30)
    assert f"{trace_id:032x}" in service.redis.hget(service.keys.record(job.id), "traceparent")
    assert all(f"{trace_id:032x}" not in event for _, event in service.log(job.id))


def test_a_failure_is_told_by_its_code(
    traced: tuple[Service, WorkerProcess, bool], exporter: InMemorySpanExporter
) -> None:
    """Ollama's words may quote the prompt: they stay out."""
    service, worker, _ = traced
    service.ollama.script(status=400, body={"error": "words-of-ollama"})
    job, trace_id, _ = submitted(service, exporter)
    with pytest.raises(JobFailed) as caught:
        job.result(30)
    spans = printed(worker, trace_id, 2)
    (attempt,) = [span for span in spans if span["kind"] == "SpanKind.CONSUMER"]
    assert attempt["status"]["status_code"] == "ERROR"
    assert attempt["attributes"]["error.type"] == caught.value.error.code
    assert "words-of-ollama" not in json.dumps(spans)


def test_the_async_client_and_many_at_once_carry_it_too(
    traced: tuple[Service, WorkerProcess, bool], exporter: InMemorySpanExporter
) -> None:
    """Each job of a batch is a span of its own."""
    service = traced[0]
    exporter.clear()

    async def one() -> None:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            await (await queue.generate(MODEL, "x")).result(30)

    with trace.get_tracer("application").start_as_current_span("all"):
        jobs = service.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": "x"}] * 3)
        asyncio.run(one())
    for job in jobs:
        job.result(30)
    names = [span.name for span in exporter.get_finished_spans()]
    assert names == [*["submit llamaq.generate"] * 4, "all"]


@pytest.mark.parametrize("before", ["", "sys.modules['opentelemetry'] = None"], ids=["installed", "missing"])
def test_without_traces_nothing_is_imported_and_nothing_carried(before: str) -> None:
    """Neither by the SDK nor by a worker, whether it is installed (redis-py looks at its metrics then) or not."""
    code = (
        f"import sys\n{before}\nimport llamaq, worker.app, worker.worker\n"
        "from llamaq.admission import tracing\n"
        "assert tracing.create_traceparent('a', 'chat', 'm', 'llamaq') == ''\n"
        "unwanted = ('worker.telemetry.spans', 'opentelemetry.sdk.trace')\n"
        "print([name for name in sys.modules if name.startswith(unwanted)])"
    )
    done = run([sys.executable, "-c", code], cwd=CHECKOUT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_an_application_that_traces_without_a_current_trace_starts_one(exporter: InMemorySpanExporter) -> None:
    """As for any library that is instrumented."""
    exporter.clear()
    carried = tracing.create_traceparent("a", "chat", "m", "llamaq")
    (span,) = exporter.get_finished_spans()
    start, _, flags = carried.rpartition("-")
    assert start == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}"
    assert int(flags, 16) & 1, "sampled"
    assert span.attributes is not None
    assert span.attributes["gen_ai.operation.name"] == "chat"


def test_a_worker_that_shall_trace_and_cannot_says_so(
    redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than to start and send none; without the setting it is no matter."""
    monkeypatch.setitem(sys.modules, "worker.telemetry.spans", None)
    with connect(redis_server.url) as client:
        with pytest.raises(NotInstalled, match=r"LLAMAQ_OTEL .*otel"):
            make_tracing("otlp", client, Keys("llamaq"), content=False)
        assert isinstance(make_tracing(None, client, Keys("llamaq"), content=False), Untraced)
