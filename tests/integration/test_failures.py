"""Failures that no second try can mend: each typed, told once, and before anything is queued where that is possible."""

from typing import Any

import pytest

from llamaq import InvalidRequest, Job, JobFailed, UnknownModel
from tests.conftest import MODEL
from tests.service import Service, kinds


def assert_failed(service: Service, job: Job[Any], code: str, status: int | None) -> JobFailed:
    """It failed at its first attempt, after one request; record, event and exception tell the same."""
    with pytest.raises(JobFailed) as caught:
        job.result(30)
    error = caught.value.error
    assert (error.code, error.status, error.retryable) == (code, status, False)
    assert error.message
    assert kinds(list(job.events())) == ["queued", "started", "failed"]
    assert (job.status().state, job.status().error) == ("failed", error)
    assert len(service.list_requests()) == 1
    return caught.value


def test_an_unknown_model_is_refused_with_what_is_near(service: Service) -> None:
    """No host has it: nothing is queued, and the error names models that look like it."""
    before = len(service.queue.jobs(1000))

    with pytest.raises(UnknownModel) as caught:
        service.queue.generate("SmolLM2", "Why?")

    assert caught.value.model == "smollm2:latest"
    assert caught.value.near[0] == MODEL
    assert len(service.queue.jobs(1000)) == before


def test_a_model_deleted_after_the_submit(service: Service) -> None:
    """The host no longer has it when the job comes: `model_not_found`, with Ollama's own words."""
    service.ollama.script(status=404, body={"error": f"model '{MODEL}' not found"})

    failed = assert_failed(service, service.queue.generate(MODEL, "Why?"), "model_not_found", 404)

    assert f"model '{MODEL}' not found" in failed.error.message


def test_a_wrong_type_of_option_is_refused_before_anything_is_queued(service: Service) -> None:
    """Ollama answers it with a 500 or bends it; the producer names the field, and one that is misspelt."""
    wrong: Any = {"num_ctx": "4096", "top_k": 5.5, "temprature": 1.0}  # as a type checker sees too
    with pytest.raises(InvalidRequest) as caught:
        service.queue.generate(MODEL, "Why?", options=wrong)

    fields = sorted(problem.field for problem in caught.value.problems)
    assert fields == ["options.num_ctx", "options.temprature", "options.top_k"]
    assert service.list_requests() == []


def test_a_value_that_ollama_refuses(service: Service) -> None:
    """What only the host can judge fails there: `invalid_request`, not tried again."""
    service.ollama.script(status=400, body={"error": "invalid template"})

    assert_failed(service, service.queue.generate(MODEL, "Why?"), "invalid_request", 400)


def test_a_500_that_is_the_clients_mistake(service: Service) -> None:
    """Ollama answers a wrong option with a 500: it is told from a server's fault, and not tried again."""
    service.ollama.script(status=500, body={"error": 'option "num_ctx" must be of type integer'})

    assert_failed(service, service.queue.generate(MODEL, "Why?"), "invalid_request", 500)


def test_a_prompt_beyond_the_context(service: Service) -> None:
    """It is not cut silently: `context_overflow`, with the number of tokens and the room there is."""
    job = service.queue.generate(MODEL, "word " * 100, options={"num_ctx": 16})

    failed = assert_failed(service, job, "context_overflow", 400)

    assert failed.error.model_extra == {"n_prompt_tokens": 100, "n_ctx": 16}


@pytest.mark.parametrize(
    ("capability", "fields"),
    [
        ("tools", {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}),
        ("thinking", {"think": True}),
    ],
)
def test_what_the_model_lacks_after_all_is_unsupported(
    service: Service, capability: str, fields: dict[str, Any]
) -> None:
    """A host that told otherwise refuses tools or thinking: the error names the capability."""
    model = f"smollm2-{capability}:135m"
    service.ollama.script(status=400, body={"error": f'"{model}" does not support {capability}'})
    job = service.queue.chat(model, messages=[{"role": "user", "content": "Why?"}], **fields)

    failed = assert_failed(service, job, "unsupported", 400)

    assert (failed.error.model_extra or {})["capability"] == capability


@pytest.mark.parametrize(("status", "code"), [(401, "ollama_error"), (403, "ollama_error"), (400, "invalid_request")])
def test_a_refusal_at_the_door_is_not_tried_again(service: Service, status: int, code: str) -> None:
    """A proxy or Ollama itself says no: the job fails at once."""
    service.ollama.script(status=status, body="")

    assert_failed(service, service.queue.generate(MODEL, "Why?"), code, status)


def test_a_failed_job_harms_no_other(service: Service) -> None:
    """Behind a failure the slot takes the next job."""
    service.ollama.script(status=400, body={"error": "no"}, contains="bad", times=None)

    jobs = [service.queue.generate(MODEL, text) for text in ["bad", "good"] * 4]

    for job in jobs[::2]:
        with pytest.raises(JobFailed):
            job.result(30)
    for job in jobs[1::2]:
        assert job.result(30).attempts == 1
