"""Requests on the wire: what the SDK writes into the record, and what any producer may send."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet
from llamaq import Job, JobQueue, Limits, Message, MessageDict, OptionsDict
from llamaq.images import loading
from llamaq.vocabulary.requests import parse, parse_json
from tests.contract import golden

COMMON: dict[str, Any] = {
    "options": {"num_ctx": 4096, "temperature": 0.5, "stop": ["END"]},
    "keep_alive": "10m",
    "think": False,
    "repetition_guard": False,
    "stream": False,
    "priority": "interactive",
    "tenant": "shop-7",
    "idempotency_key": "order 17",
    "metadata": {"trace": "a1b2"},
    "notify": {"url": "https://shop.example/hooks/llamaq", "events": ["completed", "failed"]},
    "start_after": datetime(2026, 1, 2, 14, 5, tzinfo=UTC),
    "start_within": 30,
    "first_token_within": 60.5,
    "stall_after": 10,
    "deadline": 120,
}
HOST_JOB = {
    name: value for name, value in COMMON.items() if name not in {"options", "keep_alive", "think", "repetition_guard"}
}
HOST_JOB.pop("first_token_within")
# Written out, since a library that compresses may do it another way tomorrow.
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000200000002001000000005b0147590000"
    "000c4944415478da636018dc000000a000018efbb1b40000000049454e44ae426082"
)
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}, "isbn": {"const": None}}, "required": ["title"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"function": {"name": "weather", "arguments": {"city": "Zürich", "day": None}}}


@pytest.fixture
def queue(redis_server: EmbeddedRedis, prefix: str) -> Iterator[JobQueue]:
    fleet = Fleet(redis_server.url, prefix)
    yield fleet.queue
    fleet.close()


def _generate(queue: JobQueue, _: Path) -> Job[Any]:
    return queue.generate("Llama3.2", "Explain «entanglement»", system="Be brief.", format="json", **COMMON)


def _generate_least(queue: JobQueue, _: Path) -> Job[Any]:
    return queue.generate("llama3.2", "Hi")


def _chat(queue: JobQueue, _: Path) -> Job[Any]:
    messages: list[Message | MessageDict] = [
        {"role": "user", "content": "And tomorrow?"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "content": "sunny", "tool_name": "weather"},
    ]
    return queue.chat("llama3.2", messages=messages, tools=[TOOL], **COMMON)


def _conversation(queue: JobQueue, _: Path) -> Job[Any]:
    return queue.chat("llama3.2", conversation="user-17", message="And which is the easiest?")


def _turn(queue: JobQueue, _: Path) -> Job[Any]:
    answers: list[Message | MessageDict] = [{"role": "tool", "content": "sunny", "tool_name": "weather"}]
    return queue.chat("llama3.2", conversation="user-17", message=answers, when_busy="interrupt")


def _multimodal(queue: JobQueue, folder: Path) -> Job[Any]:
    path = folder / "scan.png"
    path.write_bytes(PICTURE)
    return queue.multimodal("llava:7b", "What is unusual here?", images=[path], max_edge=1024, **COMMON)


def _extraction(queue: JobQueue, _: Path) -> Job[Any]:
    return queue.extract("llama3.2", "Dune, by Frank Herbert", schema=SCHEMA, system="Extract.", repairs=3, **COMMON)


def _embedding(queue: JobQueue, _: Path) -> Job[Any]:
    return queue.embed("nomic-embed-text", ["a", "b"], **COMMON)


def _pull(queue: JobQueue, _: Path) -> Job[Any]:
    return queue.pull("Qwen3:8b", host="gpu-1", wait_for_model=True, **HOST_JOB)


def _unload(queue: JobQueue, _: Path) -> Job[Any]:
    return queue.unload("llama3.2", host="gpu-1", wait_for_model=True)[0]


def _load(queue: JobQueue, _: Path) -> Job[Any]:
    options: OptionsDict = {"num_ctx": 8192}
    return queue.load("llama3.2", host="gpu-1", wait_for_model=True, options=options, keep_alive="1h", **HOST_JOB)[0]


WAYS = {
    "generate": _generate,
    "generate-least": _generate_least,
    "chat": _chat,
    "chat-conversation": _conversation,
    "chat-turn": _turn,
    "multimodal": _multimodal,
    "extraction": _extraction,
    "embedding": _embedding,
    "pull": _pull,
    "unload": _unload,
    "load": _load,
}


@pytest.mark.parametrize("name", WAYS)
def test_the_request_in_the_record_is_the_golden_one(name: str, queue: JobQueue, tmp_path: Path) -> None:
    """Field names, order and values, as every worker of this version reads them."""
    job = WAYS[name](queue, tmp_path)

    record = queue._connection.redis.hgetall(queue.settings.keys.record(job.id))

    # An image is encoded again, and another version of the encoder may give other bytes.
    text = record["request"].replace(loading.load(PICTURE, Limits()).sha256, hashlib.sha256(PICTURE).hexdigest())
    golden.check(f"requests/{name}.json", golden.shown(json.loads(text)))
    assert record["kind"] == name.partition("-")[0]


@pytest.mark.parametrize("name", WAYS)
def test_a_golden_request_is_a_request(name: str) -> None:
    """A producer in any language may send exactly this, with the kind beside it or in it."""
    text = (golden.HERE / f"requests/{name}.json").read_text("utf-8")
    kind = name.partition("-")[0]

    assert parse_json(text, kind) == parse({**json.loads(text), "kind": kind})
