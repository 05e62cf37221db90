"""generate, from a producer to its streamed result, through a real worker."""

from typing import Any

import pytest

from embedded.scripted.script import ScriptedModel
from llamaq import TextResult
from llamaq.vocabulary.events import Completed, Delta, Queued, Started
from tests.conftest import MODEL
from tests.service import Service, kinds, last_text


def test_a_job_streams_its_text_and_ends_with_its_result(service: Service) -> None:
    """A producer sees queued, started, the text in pieces, and the typed result; joined, the pieces are its text."""
    service.ollama.script(tokens=["The", " sky", " is", " blue."], rate=50)

    events = list(service.queue.generate(MODEL, "Why?").events())

    assert isinstance(events[0], Queued)
    assert isinstance(events[1], Started)
    assert isinstance(events[-1], Completed)
    assert isinstance(events[-1].result, TextResult)
    assert last_text(events) == "The sky is blue."
    assert events[-1].result.text == "The sky is blue."


def test_the_text_comes_while_the_model_still_speaks(service: Service) -> None:
    """A reader has the first tokens while the host is still held in the middle of its answer."""
    gate = service.hold(tokens=["one", " two", " three"], hold_after=2)
    job = service.queue.generate(MODEL, "Count.")
    pieces = job.text(on_restart="raise")

    heard = next(pieces)
    while heard != "one two":
        heard += next(pieces)
    assert job.status().state == "running"
    service.ollama.release(gate)

    assert list(pieces) == [" three"]


def test_what_was_not_set_is_not_sent(service: Service) -> None:
    """A bare request reaches Ollama as model, prompt, stream, and `truncate: false`: nothing is cut silently."""
    service.queue.generate(MODEL, "Why?").result(30)

    assert service.list_requests("/api/generate") == [
        {"model": MODEL, "prompt": "Why?", "stream": True, "truncate": False}
    ]


def test_every_field_reaches_ollama_as_given(service: Service) -> None:
    """system, raw, format, options, keep_alive and think arrive unchanged, falsy values too."""
    fields: dict[str, Any] = {
        "system": "Be brief.",
        "raw": False,
        "format": {"type": "object", "properties": {"a": {"enum": ["x", None]}}},
        "options": {"temperature": 0.0, "num_predict": 7, "stop": ["\n", "é"], "seed": 0},
        "keep_alive": "5m",
        "think": False,
    }

    service.queue.generate(MODEL, "Why is „it“ so? \U0001f999", **fields).result(30)

    common = {"model": MODEL, "prompt": "Why is „it“ so? \U0001f999", "stream": True, "truncate": False}
    assert service.list_requests() == [{**common, **fields}]


def test_a_suffix_reaches_ollama(service: Service) -> None:
    """For a model that can insert; one that cannot is refused at submit."""
    service.ollama.set_model(ScriptedModel("inserts:latest", ("completion", "insert")))

    service.queue.generate("inserts", "def f(", suffix="return 1", wait_for_model=True).result(30)

    assert service.list_requests()[0]["suffix"] == "return 1"


@pytest.mark.parametrize("keep_alive", [0, -1, "24h"])
def test_keep_alive_goes_through_in_each_of_its_forms(service: Service, keep_alive: str | int) -> None:
    """A number and a duration arrive as they were written; 0 is not taken for unset."""
    service.queue.generate(MODEL, "Why?", keep_alive=keep_alive).result(30)

    assert service.list_requests()[0]["keep_alive"] == keep_alive


def test_thinking_is_kept_apart_from_the_text(service: Service) -> None:
    """Thinking comes in deltas and in a field of its own, and never in the text."""
    service.ollama.script(thinking=["Hm", "..."], tokens=["Be", "cause."])
    job = service.queue.generate("smollm2-thinking:135m", "Why?", think=True)

    events = list(job.events())
    result = job.result(30)

    assert (result.text, result.thinking) == ("Because.", "Hm...")
    assert last_text(events) == "Because."
    assert "".join(event.thinking or "" for event in events if isinstance(event, Delta)) == "Hm..."
    assert service.list_requests()[0]["think"] is True


def test_without_streaming_there_are_no_deltas_and_the_result_is_whole(service: Service) -> None:
    """`stream: false` leaves queued, started and completed; the text is complete all the same."""
    service.ollama.script(tokens=["a", "b", "c"], rate=100)

    job = service.queue.generate(MODEL, "Why?", stream=False)

    assert kinds(list(job.events())) == ["queued", "started", "completed"]
    assert job.result().text == "abc"


def test_the_result_tells_where_and_how_long(service: Service) -> None:
    """Every result has model, host, attempts, done_reason, usage and timings; the record has the same times."""
    service.ollama.script(tokens=["a", "b"], done_reason="length", final={"prompt_eval_count": 11, "eval_count": 2})
    job = service.queue.generate("SmolLM2:135M", "Why?")

    result, status = job.result(30), job.status()

    assert (result.model, result.attempts, result.done_reason) == (MODEL, 1, "length")
    assert (result.usage.prompt_tokens, result.usage.output_tokens) == (11, 2)
    timings = result.timings
    assert None not in (timings.queued, timings.load, timings.prompt, timings.first_token, timings.total)
    assert 0 <= (timings.queued or 0) <= (timings.first_token or 0) <= (timings.total or 0)
    assert status.host == result.host
    assert status.result == result
    assert status.started_at is not None
    assert status.finished_at is not None
    assert status.submitted_at <= status.started_at <= status.finished_at


def test_the_record_can_be_read_without_the_sdk(service: Service) -> None:
    """The record is a Redis hash with the documented fields; `result` is JSON, times are Unix seconds."""
    job = service.queue.generate(MODEL, "Why?")
    result = job.result(30)

    record = service.redis.hgetall(f"{service.prefix}:{{{job.id}}}")

    assert (record["state"], record["kind"], record["model"]) == ("completed", "generate", MODEL)
    assert (record["attempt"], record["host"]) == ("1", result.host)
    assert float(record["submitted_at"]) <= float(record["started_at"]) <= float(record["finished_at"])
    assert TextResult.model_validate_json(record["result"]) == result


def test_an_ended_job_is_kept_for_its_time_and_no_longer(service: Service) -> None:
    """Record and log get the expiry of LLAMAQ_RESULT_TTL when the job ends."""
    job = service.queue.generate(MODEL, "Why?")
    job.result(30)

    for key in (service.keys.record(job.id), service.keys.events(job.id)):
        assert 86_300 < service.redis.ttl(key) <= 86_400


def test_metadata_comes_back(service: Service) -> None:
    """What a producer notes on a job stands in its status and in its result."""
    job = service.queue.generate(MODEL, "Why?", metadata={"user": "17"})

    assert job.result(timeout=30).metadata == {"user": "17"}
    assert job.status().metadata == {"user": "17"}
