"""Metrics: a real worker, scraped over HTTP. Every one of docs/metrics.md is there, and moves when it should."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobExpired, JobFailed, JobQueue
from tests.changed_worker import SOON, command
from tests.conftest import MODEL
from tests.integration.scraping import Scrape, Shape, port_of, scrape
from tests.service import Service, fresh_name, wait_until
from tests.worker_process import WorkerProcess

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| (\w+) \|([\w, ]*)\|", re.MULTILINE)
SECRET = "a-planted-prompt"
TENANT = "a-planted-tenant"
OTHER = "smollm2-b:135m"
Look = Callable[[], Scrape]


@pytest.fixture(scope="module")
def watched(redis_server: EmbeddedRedis) -> Iterator[tuple[Service, WorkerProcess]]:
    """A service with one slot whose worker serves metrics."""
    prefix = f"test-{fresh_name()[:12]}"
    settings: dict[str, Any] = {"prefix": prefix, "metrics_port": 0, "probe_seconds": 0.5}
    with (
        JobQueue(redis_server.url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=1) as ollama,
        WorkerProcess(redis_server.url, ollama.url, command(SOON), **settings) as worker,
    ):
        worker.start().ready(queue)
        service = Service(redis_server.url, prefix, queue, ollama)
        yield service, worker
        service.close()


@pytest.fixture
def service(watched: tuple[Service, WorkerProcess]) -> Iterator[Service]:
    """Idle, and left idle."""
    service, _ = watched
    with service.apart():
        yield service


@pytest.fixture
def look(watched: tuple[Service, WorkerProcess]) -> Look:
    """Scrapes the worker."""
    port = port_of(watched[1])
    return lambda: scrape(port)


def complete(service: Service) -> None:
    """A job that completes: three tokens read, two written."""
    service.ollama.script(tokens=["a", "b"], final={"prompt_eval_count": 3, "eval_count": 2})
    service.queue.generate(MODEL, SECRET, tenant=TENANT).result(30)


def fail(service: Service) -> None:
    """A job whose first attempt breaks off, and whose second is refused."""
    service.ollama.script(tokens=["a"], fault="end")
    service.ollama.script(status=400, body={"error": "no"})
    with pytest.raises(JobFailed):
        service.queue.generate(MODEL, SECRET).result(30)


def documented() -> dict[str, Shape]:
    """The tables: name, type and labels."""
    rows = ROW.findall(DOCS.read_text("utf-8").partition("## Of a gateway")[0])
    return {name: (kind, frozenset(filter(None, labels.strip().split(", ")))) for name, kind, labels in rows}


def test_the_tables_are_what_is_exported(service: Service, look: Look) -> None:
    """Each metric with its type and its labels, no less and no more; and each has a sample once there was work."""
    complete(service)
    fail(service)
    service.ollama.script(model=OTHER, status=401, times=3)
    for _ in range(3):
        with pytest.raises(JobFailed):
            service.queue.generate(OTHER, "a circuit that opens").result(30)
    gate = service.hold()
    service.queue.generate(MODEL, "hold")
    service.wait_held(gate)
    service.queue.pause(model=OTHER)
    try:
        assert look().shapes == documented()
    finally:
        service.queue.resume(model=OTHER)


def test_counters_and_histograms_move(service: Service, look: Look) -> None:
    """One job that completes and one that fails after a retry: each figure goes up by what happened."""
    before = look()
    complete(service)
    fail(service)
    wait_until(lambda: look().figure("llamaq_attempts_total") == before.figure("llamaq_attempts_total") + 3)
    after = look()

    def gained(name: str, **labels: str) -> float:
        return round(after.figure(name, **labels) - before.figure(name, **labels), 6)

    which = {"kind": "generate", "model": MODEL}
    outcomes = ("completed", "retried", "failed", "fenced")
    assert [gained("llamaq_attempts_total", **which, outcome=word) for word in outcomes] == [1, 1, 1, 0]
    assert gained("llamaq_failures_total", **which, code="ollama_error", retried="yes") == 1
    assert gained("llamaq_failures_total", **which, code="invalid_request", retried="no") == 1
    assert gained("llamaq_failures_total") == 2
    assert (gained("llamaq_prompt_tokens_total", **which), gained("llamaq_output_tokens_total", **which)) == (3, 2)
    assert gained("llamaq_job_wait_seconds_count", model=MODEL, lane="normal") == 2
    assert gained("llamaq_job_first_token_seconds_count", **which) == 1
    assert gained("llamaq_job_total_seconds_count", **which) == 1
    assert gained("llamaq_attempt_seconds_count", **which) == 3
    assert 0 < gained("llamaq_job_first_token_seconds_sum") <= gained("llamaq_job_total_seconds_sum")
    assert gained("llamaq_rescue_actions_total", action="due") == 1
    assert (
        gained("llamaq_jobs_ended_total", state="completed") == gained("llamaq_jobs_ended_total", state="failed") == 1
    )
    assert gained("process_cpu_seconds_total") >= 0
    assert after.figure("llamaq_host_swaps_total") >= 1


def test_what_waits_and_runs_is_seen(service: Service, look: Look) -> None:
    """A slot that is held, two jobs behind it, one of which expires."""
    gate = service.hold()
    service.queue.generate(MODEL, "hold")
    service.wait_held(gate)
    waiting = [service.queue.generate(MODEL, "x", priority="batch", start_within=limit) for limit in (1, 600)]
    now = look()

    batch = {"model": MODEL, "lane": "batch"}
    assert now.figure("llamaq_queue_depth", **batch) == now.figure("llamaq_queue_depth") == 2
    assert now.figure("llamaq_queue_oldest_age_seconds", **batch) > 0
    assert now.figure("llamaq_host_slots") == now.figure("llamaq_host_slots_used") == 1
    assert now.figure("llamaq_running_jobs", model=MODEL) == now.figure("llamaq_worker_running_attempts") == 1
    assert now.figure("llamaq_host_up") == now.figure("llamaq_host_workers") == 1
    assert now.figure("llamaq_model_hosts", model=MODEL) == now.figure("llamaq_redis_up") == 1
    assert now.figure("llamaq_host_circuit", state="closed") == now.figure("llamaq_host_circuit") == 1
    assert now.figure("llamaq_worker_pulse_age_seconds") >= 0
    assert now.figure("llamaq_redis_memory_bytes") > 0

    with pytest.raises(JobExpired):
        waiting[0].result(30)
    then = look()
    assert then.figure("llamaq_queue_depth", **batch) == 1
    assert then.figure("llamaq_queue_oldest_age_seconds", **batch) > now.figure(
        "llamaq_queue_oldest_age_seconds", **batch
    )
    assert (
        then.figure("llamaq_jobs_ended_total", state="expired")
        == now.figure("llamaq_jobs_ended_total", state="expired") + 1
    )
    wait_until(lambda: look().figure("llamaq_rescue_actions_total", action="expired") >= 1)


def test_a_bad_message_is_a_dead_letter(service: Service, look: Look) -> None:
    """What is set aside shows."""
    before = look().figure("llamaq_dead_letters")

    service.redis.xadd(service.keys.inbox(), {"id": fresh_name(), "kind": "generate", "request": "no json"})

    wait_until(lambda: look().figure("llamaq_dead_letters") == before + 1)


def test_no_label_tells_of_a_job(service: Service, look: Look) -> None:
    """Neither prompt nor tenant nor id: they would have no end, and are nobody's business."""
    complete(service)
    ids = [status.id for status in service.queue.jobs()]

    text = look().text

    assert ids
    assert [word for word in (SECRET, TENANT, *ids) if word in text] == []


def test_the_log_is_json_and_tells_of_each_attempt(watched: tuple[Service, WorkerProcess], service: Service) -> None:
    """Every line, Celery's too; those of an attempt say which; the last says what the store made of it; no prompt."""
    job_id = service.queue.generate(MODEL, SECRET, tenant=TENANT).id
    service.queue.job(job_id).result(30)
    wait_until(lambda: job_id in watched[1].log())

    lines = [json.loads(line) for line in watched[1].log().splitlines()]

    ended = next(line for line in lines if line.get("job_id") == job_id and line["event"] == "attempt ended")
    assert (ended["attempt"], ended["kind"], ended["model"]) == (1, "generate", MODEL)
    assert (ended["outcome"], ended["stored"]) == ("completed", "ok")
    assert ended["host"] in {model.host for model in service.queue.models()}
    assert any(line["logger"].startswith("celery.") for line in lines)
    assert SECRET not in watched[1].log()


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [(500, "CUDA out of memory", "ollama_error"), (400, f"invalid option: {SECRET}", "invalid_request")],
)
def test_the_log_tells_why_an_attempt_failed(
    watched: tuple[Service, WorkerProcess], service: Service, status: int, said: str, code: str
) -> None:
    """A warning with the message of the host; of a refused request the code alone, since it may quote the job."""
    service.ollama.script(status=status, body={"error": said})
    job = service.queue.generate(MODEL, "x")

    def endings() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in watched[1].log().splitlines()]
        return [line for line in lines if line.get("job_id") == job.id and line["event"] == "attempt ended"]

    wait_until(lambda: len(endings()) == (2 if status == 500 else 1))  # a 500 is tried again
    ended = endings()[0]
    assert (ended["level"], ended["code"]) == ("warning", code)
    assert (said in ended["message"]) == (status == 500)
    assert SECRET not in watched[1].log()


def test_a_port_that_is_taken_ends_the_second_worker(watched: tuple[Service, WorkerProcess]) -> None:
    """One line that names the setting, and exit code 2; the first worker goes on."""
    service, first = watched
    port = port_of(first)
    with WorkerProcess(service.url, service.ollama.url, prefix=service.prefix, metrics_port=port) as second:
        code = second.start().wait()
        said = second.log()

    assert code == 2
    assert "LLAMAQ_METRICS_PORT of its own" in said
    assert "Traceback" not in said
    assert first.process.poll() is None
    assert scrape(port_of(first)).figure("llamaq_redis_up") == 1
