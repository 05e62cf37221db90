"""Events and results on the wire: one golden file for each type, as the scripts really write them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet
from llamaq.store.clock import SYSTEM
from llamaq.store.worker.outcome import Completed, Error
from llamaq.vocabulary import events
from llamaq.vocabulary.requests import dump_json, parse
from llamaq.vocabulary.results import RESULT
from tasks.attempt.stoppable import Attempt
from tasks.input_policy.policy import InputPolicy
from tasks.registry import run
from tests.contract import golden
from tests.unit.tasks.ollama import Ollama, claimed, context
from tests.unit.worker.writing import run_supervised
from worker.attempt.event_writer import EventWriter

TYPES = ("queued", "started", "delta", "progress", "retrying", "completed", "failed", "cancelled", "expired")
CALL = {"function": {"name": "weather", "arguments": {"city": "Zürich"}}}
LAST = {"done": True, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 290, "load_duration": 1_500_000_000}
ERROR = Error("ollama_unavailable", "connection refused", retryable=True, details={"status": 503})
FAILURE = Error("context_overflow", "too long", details={"status": 400, "n_prompt_tokens": 9000, "n_ctx": 4096})
RESULTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "generate": (
        {"kind": "generate", "prompt": "x"},
        [{"thinking": "Hm."}, {"response": "The sky"}, {"response": " is blue."}, LAST],
    ),
    "chat": (
        {"kind": "chat", "messages": [{"role": "user", "content": "x"}]},
        [{"message": {"content": "Let me see.", "tool_calls": [CALL]}}, LAST],
    ),
    "chat-conversation": (
        {"kind": "chat", "conversation": "user-17", "message": "x"},
        [{"message": {"content": "The easiest is this."}}, LAST],
    ),
    "multimodal": (
        {"kind": "multimodal", "prompt": "x", "images": ["sha256:" + "0" * 64]},
        [{"response": "A cat."}, LAST],
    ),
    "extraction": (
        {"kind": "extraction", "prompt": "x", "schema": {"type": "object"}},
        [{"message": {"content": '{"title": "Dune", "isbn": null}'}}, LAST],
    ),
    "embedding": ({"kind": "embedding", "input": ["a"]}, [{"embeddings": [[0.5, -0.25]], **LAST}]),
    "pull": ({"kind": "pull"}, [{"status": "pulling 1a", "digest": "1a", "total": 300}, {"status": "success"}]),
    "unload": ({"kind": "unload", "host": "alpha"}, [{"done": True, "done_reason": "unload"}]),
    "load": ({"kind": "load", "host": "alpha"}, [{"embeddings": []}]),
}


def _result(kind: str, attempt: int = 1) -> Completed:
    fields, answer = RESULTS[kind]
    kind = fields["kind"]
    request = parse({"model": "smollm2:135m", **fields})
    job = replace(claimed(kind, dump_json(request)), attempt=attempt)
    outcome = run(job, context(Ollama(answer), policy=InputPolicy(pulls=lambda _: True)))
    assert isinstance(outcome, Completed)
    return outcome


@pytest.fixture
def payloads(redis_server: EmbeddedRedis, prefix: str) -> dict[str, str]:
    """One event of each type, out of the log."""
    fleet = Fleet(redis_server.url, prefix)
    store = fleet.add_host()
    writer = EventWriter(fleet.redis, fleet.keys, SYSTEM, 3600, 15)
    job, first = fleet.start_job(store)
    store.release(first, ERROR, 1.5, counts=True)
    fleet.make_retry_due(job.id)
    fleet.end_reaper_leadership()
    store.reap()
    second = fleet.claim(store, job)
    with run_supervised(writer):
        buffer = writer.open(second, Attempt(job.id), silent=False)
        buffer.progress("loading")
        with writer.changed:
            buffer.delta("The sky", "Hm.")
            buffer.delta(" is blue.", tool_calls=[CALL])
        buffer.close()
    store.complete(second, _result("generate", 2))
    failed, third = fleet.start_job(store)
    store.fail(third, FAILURE)
    cancelled, expired = fleet.submit(), fleet.submit(start_within=30)
    cancelled.cancel("not needed any more")
    fleet.expire_start_within(expired.id)
    store.claim(expired.id)
    found: dict[str, str] = {}
    for one in (job, failed, cancelled, expired):
        for _, entry in fleet.redis.xrange(fleet.keys.events(one.id)):
            found.setdefault(json.loads(entry["event"])["type"], entry["event"])
    fleet.close()
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_the_event_in_the_log_is_the_golden_one(kind: str, payloads: dict[str, str]) -> None:
    """Every byte of it but the time."""
    golden.check(f"events/{kind}.json", golden.timeless(payloads[kind]))


@pytest.mark.parametrize("kind", TYPES)
def test_a_golden_event_is_read(kind: str) -> None:
    """By this version's reader, with every field that stands there."""
    payload = (golden.HERE / f"events/{kind}.json").read_text("utf-8").strip()

    event = events.parse("1-1", payload)

    assert event.type == kind
    assert event.at.timestamp() == 1700000000.125
    assert set(json.loads(payload)) <= set(event.model_dump())


def test_there_is_a_golden_file_for_each_type() -> None:
    """And no other."""
    assert {path.stem for path in (golden.HERE / "events").glob("*.json")} == set(TYPES)


@pytest.mark.parametrize("kind", RESULTS)
def test_the_result_of_each_kind_is_the_golden_one(kind: str) -> None:
    """As it goes into the record and the terminal event; and it reads back with nothing left out."""
    result = json.loads(_result(kind).result_json)

    golden.check(f"results/{kind}.json", golden.shown(result))
    read = RESULT.validate_python(result)
    assert set(result) <= set(read.model_dump())
