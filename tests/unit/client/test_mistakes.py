"""The mistakes of a first hour are answered with what to do."""

import asyncio
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from llamaq import AsyncJobQueue, ExtractionResult, GenerateRequest, IdempotencyConflict, InvalidRequest, JobQueue
from llamaq.client import reader_limits
from llamaq.client.blocking import io


class Book(BaseModel):
    title: str


@dataclass
class Film:
    title: str


MISTAKES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda q: q.generate("m", "x", options={"temprature": 1}), "options.temprature: .*did you mean temperature?"),
    (lambda q: q.generate("m", "x", options={"max_tokens": 9}), "options.max_tokens: .*did you mean num_predict?"),
    (lambda q: q.generate("m", "x", options={"colour": 9}), "Ollama's options are num_ctx, "),
    (lambda q: q.generate("m", "x", temperature=1), r'put it in options: \{"temperature": ...\}'),
    (lambda q: q.generate("m", "x", max_tokens=9), r'put it in options: \{"num_predict": ...\}'),
    (lambda q: q.generate("m", "x", priorty="batch"), "priorty: .*did you mean priority?"),
    (lambda q: q.generate("m", "x", messages=[]), "messages are of the kind chat"),
    (lambda q: q.chat("m", "hi"), r'messages: give a list of messages, such as \[\{"role": "user", "content": ...\}\]'),
    (lambda q: q.chat("m", messages={"role": "user", "content": "hi"}), "a list of messages, also for a single one"),
    (lambda q: q.chat("m", prompt="hi"), "a chat has messages: "),
    (lambda q: q.extract("m", "x", schema=Book(title="Dune")), "give the class in place of an instance: schema=Book"),
    (lambda q: q.extract("m", "x", schema=Film("Dune")), "give the class in place of an instance: schema=Film"),
    (lambda q: q.extract("m", "x", schema="Book"), "give the type itself in place of its name 'Book'"),
    (lambda q: q.extract("m", "x", schema=42), "not a value of int"),
    (lambda q: q.extract("m", "x", schema=[Book]), "not a value of list"),
    (lambda q: q.job(UUID(int=1)), "id: must be a text, not UUID"),
    (lambda q: q.job("\ud800"), "id: holds half a surrogate pair"),
    (lambda q: q.delete(UUID(int=2)), "id: must be a text, not UUID"),
    (lambda q: q.delete(None), "id: must be a text, not NoneType"),
    (lambda q: q.replay(5), "id: must be a text, not int"),
    (lambda q: q.submit({"kind": "embedding", "model": "m", "input": "x"}, job_id=UUID(int=3)), "not UUID"),
    (lambda q: q.job("a").result(math.nan), "timeout: give a number of seconds, or None for no limit"),
    (lambda q: q.job("a").result(timedelta(seconds=1)), "timeout: give a number of seconds"),
    (lambda q: q.job("a").result(10**400), "timeout: give a number of seconds"),
    (lambda q: q.job("a").result(Decimal("sNaN")), "timeout: give a number of seconds"),
    (lambda q: q.jobs(after=5), "after: give the `cursor` of a list"),
    (lambda q: q.dead_letter(None), "id: must be a text, not NoneType"),
    (lambda q: q.discard("1-0"), r"letter: give a DeadLetter, as dead\(\) and dead_letter\(id\) give it, not str"),
    (lambda q: q.put_back({"id": "1-0"}), "letter: give a DeadLetter, .* not dict"),
    (lambda q: q.submit({"kind": "generate", "model": "m", "prompt": "x"}, job_id=0), "id: must be a text, not int"),
    (lambda q: q.submit_many(None), r"requests: give a list \(also for a single one\) or an iterator, not NoneType"),
    (lambda q: q.submit_many({"kind": "generate"}), "requests: give a list .* not dict"),
    (lambda q: q.submit_many(GenerateRequest(model="m", prompt="x")), "requests: give a list .* not GenerateRequest"),
    (lambda q: q.generate("m", "x", wait_for_model="false"), "wait_for_model: give true or false, not 'false'"),
    (lambda q: q.generate("m", "x", wait_for_model=0), "wait_for_model: give true or false, not 0"),
    (lambda q: q.conversation(".."), "name: .*no URL can have this name in its path"),
    (lambda q: q.chat("m", conversation=".", message="x"), "conversation: .*no URL can have this name in its path"),
    (lambda q: q.submit({"kind": "embedding", "model": "m", "input": "x"}, job_id=".."), r"not \. or \.\. alone"),
    (lambda q: q.extract("m", "x", schema=None), "not a value of NoneType"),
    (lambda q: q.conversation("c").send("x", tenant="other"), "the conversation is one of the tenant 'default'"),
]
# By a verb that gives one after the other.
MISTAKES_OF_READERS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda q: q.batch("x"), "items: give a list .* not str"),
    (lambda q: q.batch(GenerateRequest(model="m", prompt="x")), "items: give a list .* not GenerateRequest"),
    (lambda q: q.extract_many(Book, "a text", model="m"), "items: give a list .* not str"),
    (lambda q: q.extract_many(Book, {"prompt": "x"}, model="m"), "items: give a list .* not dict"),
    (lambda q: q.extract_many(Book, 5, model="m"), "items: give a list .* not int"),
    (lambda q: q.batch([], in_flight=math.nan), "in_flight: give a whole number from 1"),
    (lambda q: q.batch([], in_flight="8"), "in_flight: give a whole number from 1"),
    (lambda q: q.batch([], in_flight=None), "in_flight: give a whole number from 1"),
    (lambda q: q.batch([], run=""), "run: give the name of the run as a text"),
    (lambda q: q.batch([], run=UUID(int=1)), "run: give the name of the run as a text"),
    (lambda q: q.job("a").text(on_restart="rise"), "on_restart: give 'mark' or 'raise'"),
    (lambda q: q.job("a").partials({"type": "object"}), "target: give a type that pydantic knows, .* value of dict"),
    (lambda q: q.job("a").partials(Book(title="Dune")), "target: give the class in place of an instance: target=Book"),
    (lambda q: q.job("a").partials("Book"), "target: give the type itself in place of its name 'Book'"),
]


@pytest.mark.parametrize(("call", "said"), MISTAKES, ids=[said[:30] for _, said in MISTAKES])
def test_it_is_said_what_to_do(call: Callable[[Any], Any], said: str) -> None:
    """By both clients, before anything is sent; in one line."""
    with pytest.raises(InvalidRequest, match=said) as refused:
        call(JobQueue("redis://127.0.0.1:1/0"))
    assert "\n" not in str(refused.value)
    assert "pydantic-core" not in str(refused.value)

    async def awaited() -> None:
        await call(AsyncJobQueue("redis://127.0.0.1:1/0"))

    with pytest.raises(InvalidRequest, match=said):
        asyncio.run(awaited())


@pytest.mark.parametrize(("call", "said"), MISTAKES_OF_READERS, ids=[said[:30] for _, said in MISTAKES_OF_READERS])
def test_a_reader_says_what_to_do(call: Callable[[Any], Any], said: str) -> None:
    """With the first thing that it is asked for, by both clients; no letter of a text is taken for an item."""
    with pytest.raises(InvalidRequest, match=said):
        next(call(JobQueue("redis://127.0.0.1:1/0")))

    async def awaited() -> None:
        await anext(call(AsyncJobQueue("redis://127.0.0.1:1/0")))

    with pytest.raises(InvalidRequest, match=said):
        asyncio.run(awaited())


@pytest.mark.parametrize("target", [{"type": "object"}, "Book", 5, [Book], object()])
def test_a_result_says_what_is_no_type(target: Any) -> None:
    """In place of what pydantic raises while it makes a schema of the type."""
    fields = {"model": "m", "host": "h", "attempts": 1, "timings": {}, "value": {"title": "Dune"}}
    with pytest.raises(TypeError, match=r"give the type itself|give a type that pydantic knows|has no JSON Schema"):
        ExtractionResult(**fields).parse(target)


@pytest.mark.parametrize("queue", [JobQueue, AsyncJobQueue])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prefix": "a b"}, "prefix: must be 1 to 64 letters"),
        ({"prefix": ""}, "prefix: must be 1 to 64 letters"),
        ({"prefix": None}, "prefix: must be 1 to 64 letters"),
        ({"prefix": 5}, "prefix: must be 1 to 64 letters"),
        ({"limits": 5}, "limits: give a value of Limits, not int"),
        ({"settings": {}}, "settings: give a value of Settings, not dict"),
        ({"settings": "x"}, "settings: give a value of Settings, not str"),
    ],
)
def test_a_wrong_setting_of_a_queue_is_named(queue: Any, given: dict[str, Any], said: str) -> None:
    """When it is made: keys of another prefix would be another store, in which no worker looks."""
    with pytest.raises(InvalidRequest, match=said):
        queue("redis://127.0.0.1:1/0", **given)


@pytest.mark.parametrize("environ", ["LLAMAQ_PREFIX=x", 5, ["a"]])
def test_an_environment_is_a_mapping(environ: Any) -> None:
    """In place of Python's own error about a missing `get`."""
    with pytest.raises(InvalidRequest, match="environ: give a value of Mapping"):
        JobQueue.from_env(environ)


def test_a_key_is_for_one_request(queue: JobQueue) -> None:
    """Used for something else it is refused, also among many; what only says when and for whom may differ."""
    first = queue.generate("m", "x", wait_for_model=True, idempotency_key="k", metadata={"try": "1"})

    again = queue.generate("m", "x", wait_for_model=True, idempotency_key="k", metadata={"try": "2"}, deadline=60)

    assert again.id == first.id
    for other in (
        lambda: queue.generate("m", "another", wait_for_model=True, idempotency_key="k"),
        lambda: queue.generate("m2", "x", wait_for_model=True, idempotency_key="k"),
        lambda: queue.generate("m", "x", options={"seed": 1}, wait_for_model=True, idempotency_key="k"),
        lambda: queue.embed("m", "x", wait_for_model=True, idempotency_key="k"),
        lambda: queue.submit_many([{"kind": "embedding", "model": "m", "input": "x", "idempotency_key": "k"}]),
    ):
        with pytest.raises(IdempotencyConflict, match=f"idempotency_key: the job {first.id} has this key") as refused:
            other()
        assert refused.value.job_id == first.id
    assert [status.id for status in queue.jobs()] == [first.id]


def test_a_timeout_may_be_a_number_of_another_type(queue: JobQueue) -> None:
    """As numpy's and pandas' are."""
    with pytest.raises(TimeoutError):
        queue.generate("m", "x", wait_for_model=True).result(timeout=Fraction(1, 100))  # type: ignore[arg-type]


def test_a_timeout_says_why_the_job_waits(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, by both clients: where nothing happens, one learns what is missing."""
    monkeypatch.setattr(reader_limits, "GRACE_SECONDS", 60)  # the time to ask Redis for the reason
    job = queue.generate("m", "x", wait_for_model=True)
    said = "not ended yet: it is queued, with 0 ahead. No worker reports a host that has the model: is one running?"

    with pytest.raises(TimeoutError, match=said):
        job.result(timeout=0.1)

    async def wait() -> None:
        async with AsyncJobQueue(queue._connection.url, settings=queue.settings) as asynchronous:
            await asynchronous.job(job.id).result(timeout=0.1)

    with pytest.raises(TimeoutError, match=said):
        asyncio.run(wait())


def test_a_blocking_queue_in_a_loop_warns_once(queue: JobQueue) -> None:
    """It says what to use instead; nobody is warned outside of a loop."""
    io._warn_of_the_loop.cache_clear()

    async def ask() -> None:
        queue.jobs()
        queue.jobs()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        queue.jobs()
        assert caught == []
        asyncio.run(ask())

    assert [str(warning.message)[:45] for warning in caught] == ["a blocking JobQueue is used inside an event l"]
