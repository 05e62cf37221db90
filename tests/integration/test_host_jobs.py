"""pull, unload and load, from a producer to the host and back, through a real worker."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import (
    AsyncJobQueue,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    JobQueue,
    LoadResult,
    PullResult,
    UnloadResult,
)
from llamaq.vocabulary.events import Completed, Progress
from tests.changed_worker import SOON, command
from tests.conftest import MODEL
from tests.service import Service, fresh_name, kinds, wait_until
from tests.worker_process import WorkerProcess

LINES: list[dict[str, Any]] = [
    {"status": "pulling manifest"},
    {"status": "pulling 1a", "digest": "sha256:1a", "total": 300},
    {"status": "pulling 1a", "digest": "sha256:1a", "total": 300, "completed": 300},
    {"status": "pulling 2b", "digest": "sha256:2b", "total": 20, "completed": 20},
    {"status": "verifying sha256 digest"},
    {"status": "success"},
]


@pytest.fixture(scope="module")
def allowing(redis_server: EmbeddedRedis) -> Iterator[Service]:
    """A service with one slot, whose worker may pull what is on its list."""
    prefix = f"test-{fresh_name()[:12]}"
    settings: dict[str, Any] = {"slots": 1, "probe_seconds": 0.5, "pull_allowed": "acme/*, smollm2"}
    with (
        JobQueue(redis_server.url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=1) as ollama,
        WorkerProcess(redis_server.url, ollama.url, command(SOON), prefix=prefix, **settings) as worker,
    ):
        worker.start().ready(queue)
        service = Service(redis_server.url, prefix, queue, ollama)
        yield service
        service.close()


@pytest.fixture
def service(allowing: Service) -> Iterator[Service]:
    """The same, idle, and left idle."""
    with allowing.apart() as service:
        yield service


def test_a_pull_tells_how_far_it_is_and_ends_with_what_is_there(service: Service) -> None:
    """`progress` events of the stage `pulling` with bytes over all layers, growing; then the result."""
    service.ollama.script(path="/api/pull", status=200, body="".join(json.dumps(line) + "\n" for line in LINES))

    job = service.queue.pull("Acme/Big:7b")
    events = list(job.events())

    told = [event for event in events if isinstance(event, Progress)]
    assert {event.stage for event in told} == {"pulling"}
    numbers = [event.model_extra or {} for event in told]
    assert [n["status"] for n in numbers] == [line["status"] for line in LINES if line != LINES[2]]
    assert (numbers[0].get("total"), numbers[1]["completed"]) == (None, 0)
    assert [(n["completed"], n["total"]) for n in numbers[2:]] == [(320, 320)] * 3
    assert isinstance(events[-1], Completed)
    result = job.result(30)
    assert isinstance(result, PullResult)
    assert (result.pulled, result.size, result.model) == ("acme/big:7b", 320, "acme/big:7b")
    assert service.list_requests("/api/pull") == [{"model": "acme/big:7b"}]
    assert job.status().model == "acme/big:7b"


def test_a_pull_from_a_registry_that_does_not_answer_is_tried_again(service: Service) -> None:
    """It may answer later: the producer is told so, so it is no fault of the request."""
    error = 'pull model manifest: Get "https://registry/v2/acme/gone": dial tcp: lookup registry: no such host'
    body = "".join(json.dumps(line) + "\n" for line in ({"status": "pulling manifest"}, {"error": error}))
    service.ollama.script(path="/api/pull", status=200, body=body, times=3)

    with pytest.raises(JobFailed, match="no such host") as caught:
        service.queue.pull("acme/gone:1").result(60)

    assert (caught.value.code, caught.value.error.retryable) == ("ollama_error", True)
    assert len(service.list_requests("/api/pull")) == 3


def test_a_pull_of_a_model_that_the_registry_lacks_is_not(service: Service) -> None:
    """It would be missing the next time too."""
    service.ollama.script(path="/api/pull", status=200, body='{"error": "pull model manifest: file does not exist"}\n')

    with pytest.raises(JobFailed, match="does not exist") as caught:
        service.queue.pull("acme/none").result(60)

    assert (caught.value.code, caught.value.error.retryable) == ("ollama_error", False)


def test_a_pull_keeps_no_model_waiting(service: Service) -> None:
    """While it runs, on the one slot of the host, a job is answered."""
    service.ollama.script(path="/api/pull", delay_seconds=60)
    pull = service.queue.pull("acme/big")
    service.wait(lambda stats: any(entry["path"] == "/api/pull" for entry in service._entries(stats, "/api/pull")))

    assert service.queue.generate(MODEL, "Hi").result(30).text

    assert pull.status().state == "running"
    pull.cancel()


def test_a_cancelled_pull_closes_the_connection(service: Service) -> None:
    """Which is how Ollama learns to stop; what has come it keeps, for the next pull."""
    service.ollama.script(path="/api/pull", delay_seconds=60)
    job = service.queue.pull("acme/big")
    service.wait(lambda stats: bool(service._entries(stats, "/api/pull")))

    assert job.cancel("changed my mind")

    service.wait(lambda stats: service._entries(stats, "/api/pull")[0]["hung_up_at"] is not None)
    with pytest.raises(JobCancelled, match="changed my mind"):
        job.result(30)


def test_a_model_that_is_not_on_the_list_is_not_pulled(service: Service) -> None:
    """The job fails, typed, and names the setting; the host is not asked."""
    with pytest.raises(JobFailed, match="LLAMAQ_PULL_ALLOWED") as caught:
        service.queue.pull("evil/miner").result(30)

    assert (caught.value.code, caught.value.error.retryable) == ("invalid_request", False)
    assert service.list_requests("/api/pull") == []


def test_by_default_no_model_is_pulled(shared_service: Service) -> None:
    """The list is empty until somebody writes one; by the inbox it is the same."""
    job_id = fresh_name()
    shared_service.redis.xadd(
        shared_service.keys.inbox(), {"id": job_id, "kind": "pull", "request": json.dumps({"model": MODEL})}
    )

    with pytest.raises(JobFailed, match="LLAMAQ_PULL_ALLOWED"):
        shared_service.queue.pull(MODEL).result(30)
    wait_until(lambda: shared_service.redis.exists(shared_service.keys.record(job_id)))
    with pytest.raises(JobFailed, match="LLAMAQ_PULL_ALLOWED"):
        shared_service.queue.job(job_id).result(30)


def test_a_registry_that_does_not_have_it_fails_the_job(service: Service) -> None:
    """In Ollama's own words, and not tried again."""
    job = service.queue.pull("acme/absent")

    with pytest.raises(JobFailed, match="file does not exist") as caught:
        job.result(30)

    assert caught.value.code == "ollama_error"
    assert kinds(list(job.events()))[-1] == "failed"
    assert len(service.list_requests("/api/pull")) == 1


def test_unload_takes_a_model_out_of_memory(service: Service) -> None:
    """At once where it is idle; the fleet learns of it without waiting for the next look."""
    service.queue.generate(MODEL, "Hi").result(30)

    (job,) = service.queue.unload(MODEL)
    result = job.result(30)

    assert isinstance(result, UnloadResult)
    assert (result.unloaded, result.model) == (MODEL, MODEL)
    assert service.list_requests("/api/generate")[-1] == {"model": MODEL, "keep_alive": 0, "stream": False}
    service.wait(lambda stats: stats["unloads"].get(MODEL, 0) >= 1)


def test_load_brings_a_model_into_memory(service: Service) -> None:
    """Of any capability, as its first job will want it, without a slot; the fleet learns of it with the next look."""
    service.queue.unload(MODEL)[0].result(30)
    wait_until(lambda: not any(model.loaded for model in service.queue.models() if model.model == MODEL))
    gate = service.hold()
    busy = service.queue.generate("smollm2-b:135m", "Why?")
    service.wait_held(gate)

    (job,) = service.queue.load(MODEL, options={"num_ctx": 2048}, keep_alive="1h")
    service.ollama.release(gate)
    result = job.result(30)

    assert isinstance(result, LoadResult)
    assert (result.loaded, result.model) == (MODEL, MODEL)
    wanted = {"model": MODEL, "input": [], "options": {"num_ctx": 2048}, "keep_alive": "1h", "truncate": False}
    assert service.list_requests("/api/embed")[-1] == wanted
    busy.result(30)
    wait_until(lambda: any(model.loaded for model in service.queue.models() if model.model == MODEL))


def test_the_async_client_pulls_and_unloads(service: Service) -> None:
    """The same verbs, awaited."""

    async def both() -> tuple[PullResult, list[UnloadResult]]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            pulled = await (await queue.pull("smollm2")).result(30)
            jobs = await queue.unload(MODEL)
            return pulled, [await job.result(30) for job in jobs]

    service.ollama.script(path="/api/pull", status=200, body='{"status":"success"}\n')

    pulled, unloaded = asyncio.run(both())

    assert (pulled.pulled, pulled.size) == ("smollm2:latest", None)
    assert [result.unloaded for result in unloaded] == [MODEL]


@pytest.mark.parametrize("model", [None, 5, "", " ", ":x", "a b", "\ud800"])
def test_what_is_no_models_name_is_told_as_that(
    queue: JobQueue, redis_server: EmbeddedRedis, prefix: str, model: Any
) -> None:
    """Not as a model that is to be pulled, and by both clients."""

    async def awaited(verb: str) -> None:
        async with AsyncJobQueue(redis_server.url, prefix=prefix) as producer:
            await getattr(producer, verb)(model)

    for verb in ("load", "unload", "show"):
        with pytest.raises(InvalidRequest, match=r"^model: "):
            getattr(queue, verb)(model)
        with pytest.raises(InvalidRequest, match=r"^model: "):
            asyncio.run(awaited(verb))
