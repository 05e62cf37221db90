"""Ollama answers badly: the class of the failure is the table's, and a second try follows where it can help."""

from typing import Any

import pytest

from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobFailed
from tests.changed_worker import SOON, command
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site
from tests.service import last_text, list_retry_codes, wait_until

BUSY = {"status": 503, "body": {"error": "server busy, please try again.  maximum pending requests exceeded"}}
PAGE = "<!DOCTYPE html>\n<title>ollama.example.com | 521: Web server is down</title>"
REQUESTS_PER_ATTEMPT = 3
"""The API client asks twice again by itself where nothing had come yet."""

BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "error line": ({"tokens": ["a", "b"], "fault": "error"}, "ollama_error"),
    "end without done": ({"tokens": ["a", "b"], "fault": "end"}, "ollama_error"),
    "cut inside a character": ({"tokens": ["a", "b"], "fault": "utf8"}, "ollama_error"),
    "cut": ({"tokens": ["a", "b"], "fault": "cut"}, "ollama_error"),
    "reset": ({"tokens": ["a", "b"], "fault": "reset", "rate": 50}, "ollama_error"),
    "the runner died before the first token": ({"fault": "error", "fault_after": 0}, "ollama_error"),
    "gateway timeout": ({"status": 504}, "ollama_unavailable"),
    "a host that Cloudflare does not reach": ({"status": 521, "body": PAGE}, "ollama_unavailable"),
    "a proxy that has lost its host": ({"status": 404, "body": "404 page not found"}, "ollama_error"),
    "busy": ({**BUSY, "times": REQUESTS_PER_ATTEMPT}, "ollama_unavailable"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_that_passes_is_recovered_from(calm: Site, fault: str) -> None:
    """`retrying` with the table's code, then attempt 2 completes; of the broken answer nothing is left in the text."""
    script, code = BROKEN[fault]
    calm.ollama.script(**script)
    calm.ollama.script(tokens=["the ", "whole"])

    events = assert_completed(calm.queue.generate(MODEL, "Why?"), attempt=2, text="the whole")

    assert list_retry_codes(events) == [code]


@pytest.mark.parametrize(
    "error",
    ['do embedding request: Post "http://127.0.0.1:5/v1/embeddings": EOF', "embedding contains NaN or Inf values"],
)
def test_an_embedding_that_is_refused_for_a_fault_of_the_host(calm: Site, error: str) -> None:
    """/api/embed answers 400 to that too: the request is right, so another attempt follows."""
    calm.ollama.script(status=400, body={"error": error})

    job = calm.queue.embed("smollm2-embed:135m", "Why?")

    assert job.result(60).attempts == 2
    assert list_retry_codes(list(job.events())) == ["ollama_error"]


def test_busy_for_two_attempts_and_more(calm: Site) -> None:
    """503 goes on through two attempts and into the third, which is then served."""
    calm.ollama.script(**BUSY, times=2 * REQUESTS_PER_ATTEMPT + 1)
    calm.ollama.script(tokens=["at ", "last"])

    events = assert_completed(calm.queue.generate(MODEL, "Why?"), attempt=3, text="at last")

    assert list_retry_codes(events) == ["ollama_unavailable"] * 2


def test_a_garbage_line(calm: Site) -> None:
    """What answers is no Ollama, or its proxy speaks: the job fails with `ollama_error`, and is not tried again."""
    calm.ollama.script(tokens=["a", "b"], fault="garbage")

    job = calm.queue.generate(MODEL, "Why?")

    with pytest.raises(JobFailed) as caught:
        job.result(60)
    assert (caught.value.code, caught.value.error.retryable) == ("ollama_error", False)
    assert last_text(list(job.events())) == "ab"
    assert len(calm.list_requests()) == 1


@pytest.mark.parametrize(
    ("script", "clock"),
    [({}, "first_token_within"), ({"tokens": ["a", "b"], "hold_after": 1}, "stall_after")],
    ids=["before the headers", "in the middle"],
)
def test_hanging(calm: Site, script: dict[str, Any], clock: str) -> None:
    """Silence ends by its clock; to begin again would throw a load away, so there is no second try."""
    calm.hold(**script)

    job = calm.queue.submit({"kind": "generate", "model": MODEL, "prompt": "Why?", clock: 0.5})

    with pytest.raises(JobFailed) as caught:
        job.result(60)
    assert (caught.value.code, caught.value.error.clock) == ("timed_out", clock)
    assert job.status().attempt == 1
    calm.wait_hung_up()


def test_models_of_a_cloud_that_is_away_hold_up_no_local_ones(site: Site) -> None:
    """The host passes on what happens at ollama.com: the jobs there end by it, and the host's circuit stays closed."""
    local = "smollm2-b:135m"
    models = [{"name": MODEL, "remote_host": "https://ollama.com:443"}, {"name": local}]
    site.ollama.script(path="/api/tags", status=200, body={"models": models}, times=None)
    site.ollama.script(model=MODEL, status=502, body={"error": "upstream"}, times=None)
    site.start_worker(command(SOON))

    jobs = [site.queue.generate(MODEL, f"{number}?") for number in range(4)]

    for job in jobs:
        with pytest.raises(JobFailed, match="502"):
            job.result(60)
        assert site.queue.hosts()[0].circuit == "closed"
    assert site.queue.generate(local, "Why?").result(60).attempts == 1


def test_a_model_that_was_deleted_does_not_fail_all_that_waits_for_it(site: Site) -> None:
    """Another host may have it: the first job that does not find it has the host probed, and then the others wait."""
    site.start_worker(probe_seconds=5)
    assert site.queue.generate(MODEL, "Why?").result(60).text
    wait_until(lambda: any(model.loaded for model in site.queue.hosts()[0].models))
    missing = {"error": f"model '{MODEL}' not found"}
    site.ollama.script(path="/api/generate", model=MODEL, status=404, body=missing, times=None)
    site.ollama.script(path="/api/tags", status=200, body={"models": []}, times=None)

    jobs = site.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": str(n)} for n in range(400)])

    wait_until(lambda: not site.queue.hosts()[0].models)
    assert [job.status().state for job in jobs].count("queued") > 0.8 * len(jobs)
    site.ollama.clear()
    assert jobs[-1].result(60).text


@pytest.mark.parametrize(
    ("status", "body"), [(200, PAGE + "\n"), (401, PAGE), (302, "")], ids=["maintenance", "another token", "moved"]
)
def test_a_host_that_answers_nothing_well_does_not_fail_all_that_waits(site: Site, status: int, body: str) -> None:
    """Each of its answers ends a job at once. The first one has the host probed, and then the others wait."""
    site.start_worker(probe_seconds=5)
    assert site.queue.generate(MODEL, "Why?").result(60).text
    wait_until(lambda: any(model.loaded for model in site.queue.hosts()[0].models))  # a load has the host probed anyway
    for path in ("/api/generate", "/api/tags", "/api/ps", "/api/version"):
        site.ollama.script(path=path, status=status, body=body, times=None)

    jobs = site.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": str(n)} for n in range(400)])

    wait_until(lambda: site.queue.hosts()[0].circuit == "open")
    assert [job.status().state for job in jobs].count("queued") > 0.8 * len(jobs)
    site.ollama.clear()
    assert jobs[-1].result(60).text


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, PAGE + "\n"),
        (401, PAGE),
        (404, {"error": f"model '{MODEL}' not found"}),
    ],
    ids=["a page", "another token", "a model that is listed and not there"],
)
def test_a_host_that_fails_at_a_model_takes_few_jobs_from_one_that_does_not(site: Site, status: int, body: Any) -> None:
    """It answers at once, so it has free slots, and would get and fail nearly all. Its probes find nothing wrong."""
    site.ollama.script(path="/api/generate", status=status, body=body, times=None)
    with ScriptedOllama.start(slots=2) as good:
        good.script(tokens=list("well"), rate=20, times=None)
        site.start_worker()
        site.start_worker(host="good", ollama_url=good.url)

        jobs = site.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": str(n)} for n in range(40)])

        ended = [list(job.events())[-1].type for job in jobs]
    assert ended.count("failed") < 15
    assert ended.count("completed") == len(jobs) - ended.count("failed")


def test_no_job_is_lost_by_a_host_that_answers_all_with_500_where_another_is_well(site: Site) -> None:
    """A job's text may cause a 500, so its host's circuit stays closed. But each job tries the other host next."""
    body = {"error": "unable to load model"}
    site.ollama.script(path="/api/generate", status=500, body=body, times=None)
    with ScriptedOllama.start(slots=4) as good:
        good.script(tokens=list("well"), rate=40, times=None)
        site.start_worker(slots=4)
        site.start_worker(host="good", ollama_url=good.url, slots=4)

        jobs = site.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": str(n)} for n in range(40)])

        ended = [list(job.events()) for job in jobs]
    assert {events[-1].type for events in ended} == {"completed"}
    assert sum(event.type == "retrying" for events in ended for event in events) > 0.5 * len(jobs)
