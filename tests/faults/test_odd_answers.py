"""A host sends what no Ollama sends: its own job fails by the host's fault, can be read, and no other job notices."""

import json
from typing import Any

import pytest

from llamaq import ChatResult, Job, JobFailed
from llamaq.vocabulary.events import Delta, Failed
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed, assert_ended_once, assert_not_mixed
from tests.faults.site import Site
from tests.service import list_retry_codes

EMBEDDER = "smollm2-embed:135m"
QUESTION = "of the odd host"
USER: list[Any] = [{"role": "user", "content": QUESTION}]
CALL = {"function": {"name": "f", "arguments": "{}"}}
GENERATE, CHAT, EMBED = "generate", "chat", "embedding"

FAILED: list[tuple[str, list[dict[str, Any]], str]] = [
    (GENERATE, [{"response": "a"}, {"response": ["a"], "done": False}], "response"),
    (GENERATE, [{"response": 5}], "response"),
    (GENERATE, [{"response": "a", "done": "true"}], "done"),
    (GENERATE, [{"response": "a", "done": True, "done_reason": 5}], "done_reason"),
    (GENERATE, [{"response": "a", "done": True, "eval_count": "7"}], "eval_count"),
    (GENERATE, [{"response": "a", "done": True, "load_duration": 10**400}], "load_duration"),
    (CHAT, [{"message": "hello"}], "message"),
    (CHAT, [{"message": {"content": [{"type": "text", "text": "a"}]}}], "message.content"),
    (CHAT, [{"message": {"content": "", "tool_calls": ["f"]}}, {"done": True}], "message.tool_calls.0"),
    (CHAT, [{"message": {"tool_calls": [CALL]}}, {"done": True}], "message.tool_calls.0.function.arguments"),
    (EMBED, [{"embeddings": [["a"]]}], "embeddings.0.0"),
    (EMBED, [{"embeddings": {"0": [0.5]}}], "embeddings"),
]


def submit(site: Site, kind: str) -> Job[Any]:
    """A job whose request the odd answer is for."""
    if kind == EMBED:
        return site.queue.embed(EMBEDDER, [QUESTION])
    return site.queue.generate(MODEL, QUESTION) if kind == GENERATE else site.queue.chat(MODEL, messages=USER)


def answer(site: Site, *bodies: str) -> None:
    """Give these bodies to the next requests of the odd job; all other jobs get words."""
    for body in bodies:
        site.ollama.script(contains=QUESTION, status=200, body=body)


def read_failure(job: Job[Any]) -> JobFailed:
    """Read the failure of a job, which `events` and `status` tell in the same words."""
    with pytest.raises(JobFailed) as caught:
        job.result(60)
    events = list(job.events())
    assert_ended_once(events)
    assert_not_mixed(events)
    assert isinstance(events[-1], Failed)
    status = job.status()
    assert status.state == "failed"
    assert events[-1].error == status.error == caught.value.error
    return caught.value


@pytest.mark.parametrize(("kind", "lines", "field"), FAILED, ids=[f"{kind} {field}" for kind, _, field in FAILED])
def test_a_field_of_another_type_fails_its_own_job_alone(
    calm: Site, kind: str, lines: list[dict[str, Any]], field: str
) -> None:
    """`ollama_error` names the field, without another try; a job beside it completes in its first attempt."""
    model = EMBEDDER if kind == EMBED else MODEL  # the host has room for one
    gate = calm.hold(contains="beside")
    beside = calm.queue.embed(model, "beside") if kind == EMBED else calm.queue.generate(model, "beside")
    calm.wait_held(gate)
    answer(calm, "".join(json.dumps(line) + "\n" for line in lines))

    failure = read_failure(submit(calm, kind))

    assert (failure.code, failure.error.retryable) == ("ollama_error", False)
    assert f" {field} is " in failure.error.message
    calm.ollama.release(gate)
    assert beside.result(60).attempts == 1


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ("[[]]", "input 0 (counted from 0) is empty"),
        ("[[NaN]]", "not finite"),
        ("[[1e999]]", "not finite"),
        ("[]", "0 v"),
    ],
)
def test_a_bad_vector_is_named_and_tried_again(calm: Site, vectors: str, words: str) -> None:
    """Empty, NaN, infinite or missing: it may be right in the next attempt, and here it is in none."""
    answer(calm, *[f'{{"embeddings": {vectors}}}'] * 3)

    failure = read_failure(submit(calm, EMBED))

    assert (failure.code, failure.error.retryable) == ("ollama_error", True)
    assert words in failure.error.message


@pytest.mark.parametrize(
    "quoted", ["[", "multimodal data", "x is longer than the context length", 'say "json: cannot unmarshal"']
)
def test_what_an_error_quotes_is_not_its_cause(calm: Site, quoted: str) -> None:
    """The model's text in an error of Ollama: the attempt failed by the host, and the next one completes."""
    error = f"error parsing tool call: raw='{quoted}', err=json: cannot unmarshal array into Go value"
    calm.ollama.script(tokens=["a"], fault="error", error=error)
    calm.ollama.script(tokens=["well"])

    events = assert_completed(calm.queue.generate(MODEL, "Why?"), attempt=2, text="well")

    assert list_retry_codes(events) == ["ollama_error"]


def test_arguments_that_are_nested_too_deep_to_be_read_back(calm: Site) -> None:
    """The answer is JSON, and its place in the result is too deep for readers: it does not end `completed`."""
    deep = "[" * 195 + "]" * 195  # as deep as a line may be
    body = f'{{"message": {{"tool_calls": [{{"function": {{"arguments": {{"a": {deep}}}}}}}]}}, "done": true}}'
    answer(calm, *[body] * 3)

    failure = read_failure(submit(calm, CHAT))

    assert failure.code == "ollama_error"
    assert "cannot be read back" in failure.error.message


def test_fields_that_nobody_knows_are_no_fault(calm: Site) -> None:
    """Of a newer server; null and missing ones of an older. A tool call keeps what is new in it."""
    call = {"id": "1", "new": [None], "function": {"index": 0, "name": "f", "arguments": {"a": "b"}, "new": 1}}
    lines = [{"message": {"content": None, "tool_calls": [call], "new": {}}, "new": 5}, {"done": True, "error": None}]
    answer(calm, "".join(json.dumps(line) + "\n" for line in lines))

    job = submit(calm, CHAT)

    result = job.result(60)
    assert isinstance(result, ChatResult)
    assert result.message.tool_calls == [call]
    assert [event.tool_calls for event in job.events() if isinstance(event, Delta)] == [[call]]


def test_a_server_that_only_poses_as_ollama_is_used(site: Site) -> None:
    """It lacks `/api/ps` and `/api/version`, and fields of its list have other types: its models are offered."""
    entry = {"name": MODEL, "size": "", "modified_at": "", "digest": None}
    site.ollama.script(path="/api/tags", status=200, body={"models": [entry]}, times=None)
    for path in ("/api/ps", "/api/version"):
        site.ollama.script(path=path, status=404, body="404 page not found", times=None)
    site.start_worker()

    assert site.queue.generate(MODEL, "Why?").result(60).text

    (host,) = site.queue.hosts()
    assert (host.circuit, [model.model for model in host.models]) == ("closed", [MODEL])
    assert "modified_at of" in (host.last_error or "")
