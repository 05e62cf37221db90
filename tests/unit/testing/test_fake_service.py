"""`llamaq.testing`: what an application's own tests use."""

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from llamaq import AnyMessage, AsyncJobQueue, InvalidRequest, JobFailed, UnknownModel
from llamaq.testing import FakeService, failed


class Book(BaseModel):
    title: str


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeService]:
    with FakeService(models=["llama3.2", "nomic-embed-text"]) as fake:
        yield fake


def test_the_answers_come_in_order(fake: FakeService) -> None:
    """Word by word; the requests can be looked at."""
    before = len(fake.requests)
    fake.answer("A short text.", lambda request: f"{request.model} was asked")

    job = fake.queue.generate("llama3.2", "Summarise this.")

    assert list(job.text()) == ["A ", "short ", "text."]
    assert job.result(10).text == "A short text."
    assert (
        fake.queue.chat("llama3.2", [{"role": "user", "content": "x"}]).result(10).text == "llama3.2:latest was asked"
    )
    assert fake.queue.generate("llama3.2", "x").result(10).text == "answer"
    assert getattr(fake.requests[before], "prompt", "") == "Summarise this."


def test_each_kind_has_its_result(fake: FakeService) -> None:
    """An extraction a value of its type, an embedding vectors, a conversation its turns, a chat its calls."""
    fake.answer(Book(title="Dune"), [[0.5, 0.25]])

    assert fake.queue.extract("llama3.2", "x", schema=Book).result(10).value == Book(title="Dune")
    assert fake.queue.embed("nomic-embed-text", "x").result(10).embeddings[0] == [0.5, 0.25]
    assert len(fake.queue.embed("nomic-embed-text", ["x", "y"]).result(10).embeddings) == 2
    fake.answer("Spanish.", {"role": "assistant", "content": "", "tool_calls": [{}]})
    talk = fake.queue.conversation("user-17")
    assert talk.send("Which language?", model="llama3.2").result(10).text == "Spanish."
    assert [said.content for said in talk.history()] == ["Which language?", "Spanish."]
    called = fake.queue.chat("llama3.2", [{"role": "user", "content": "x"}]).result(10)
    assert called.message.tool_calls == [{}]


def test_failures_are_scripted_and_refusals_are_real(fake: FakeService) -> None:
    """What the application has to handle."""
    fake.answer(failed("timed_out", retryable=True), lambda _: str(1 / 0))

    with pytest.raises(JobFailed) as error:
        fake.queue.generate("llama3.2", "x").result(10)
    assert (error.value.code, error.value.error.retryable) == ("timed_out", True)
    with pytest.raises(JobFailed, match="ZeroDivisionError"):
        fake.queue.generate("llama3.2", "x").result(10)
    with pytest.raises(JobFailed, match="an extraction needs a value"):
        fake.queue.extract("llama3.2", "x", schema=Book).result(10)
    with pytest.raises(UnknownModel):
        fake.queue.generate("llama4", "x")
    with pytest.raises(InvalidRequest):
        fake.queue.generate("llama3.2", "")


@pytest.mark.parametrize(
    "answer",
    [
        {"content": object()},
        {"content": "x", "tool_calls": [{"function": {"name": "f", "arguments": {"a": math.nan}}}]},
        {"content": {"no": "text"}},
        ["no text"],
        lambda _: pytest.fail("it was asked"),
    ],
)
def test_an_answer_that_is_none_fails_its_job_alone(fake: FakeService, answer: Any) -> None:
    """A worker that ended with it would leave this job and all later ones without an end."""
    fake.answer(answer)
    asked: list[AnyMessage] = [{"role": "user", "content": "x"}]

    with pytest.raises(JobFailed) as caught:
        fake.queue.chat("llama3.2", asked).result(10)

    assert caught.value.code == "internal"
    assert fake.queue.chat("llama3.2", asked).result(10).text == "answer"


@pytest.mark.parametrize("vectors", [[[math.nan]], [1.0, 2.0], [["x"]]])
def test_vectors_that_are_none_fail_their_job_alone(fake: FakeService, vectors: Any) -> None:
    """The readers of its job could not read them."""
    fake.answer(vectors)

    with pytest.raises(JobFailed):
        fake.queue.embed("nomic-embed-text", "x").result(10)


def test_a_message_may_lack_what_ollama_leaves_out(fake: FakeService) -> None:
    """A role and a content beside calls: as OpenAI's null, or not at all."""
    calls = [{"function": {"name": "f", "arguments": {}}}]
    fake.answer({"content": None, "tool_calls": calls}, {"tool_calls": calls})

    for _ in range(2):
        message = fake.queue.chat("llama3.2", [{"role": "user", "content": "x"}]).result(10).message
        assert (message.role, message.content, message.tool_calls) == ("assistant", "", calls)


@pytest.mark.parametrize("models", ["llama3.2", None, 5, [5], {"llama3.2": 1}])
def test_models_are_a_list_of_names(models: Any) -> None:
    """A name alone would be a model for each of its letters."""
    with pytest.raises(InvalidRequest, match="models: give "):
        FakeService(models=models)


def test_the_awaited_queue_too(fake: FakeService) -> None:
    """By the address, also as `LLAMAQ_REDIS_URL` of the application."""

    async def ask() -> str:
        async with AsyncJobQueue(fake.url) as queue:
            return (await (await queue.generate("llama3.2", "x")).result(10)).text

    assert asyncio.run(ask()) == "answer"


class Leaving(BaseModel):
    title: str

    @field_validator("title")
    @classmethod
    def _leaves(cls, title: str) -> str:
        raise SystemExit(title)


def test_a_batch_raises_whatever_a_validator_does(fake: FakeService) -> None:
    """In its caller's thread, also what is none of `Exception`: the batch would wait for that item for ever."""
    fake.answer({"title": "Dune"})

    with pytest.raises(SystemExit, match="Dune"):
        next(fake.queue.extract_many(Leaving, ["a text"], model="llama3.2"))
