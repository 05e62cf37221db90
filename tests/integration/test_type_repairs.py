"""The type that was asked for is a part of an extraction's repairs: what `parse` would refuse is asked for again."""

import asyncio
import datetime as dt
import json
from typing import Annotated, Any

import pytest
from pydantic import (
    UUID4,
    AfterValidator,
    AwareDatetime,
    BaseModel,
    FutureDate,
    HttpUrl,
    NaiveDatetime,
    PastDate,
    TypeAdapter,
    model_validator,
)

from llamaq import AsyncJobQueue, BatchResult, ExtractionResult, JobFailed, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.conftest import MODEL
from tests.service import Service


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("an even number of pages, please")
    return number


class Span(BaseModel):
    """Two fields that belong together."""

    begin: int
    end: int

    @model_validator(mode="after")
    def _ordered(self) -> "Span":
        if self.begin > self.end:
            raise ValueError("it ends before it begins")
        return self


UUID_4, UUID_1 = "9b2d7f0e-6f5b-4b86-9d65-0c29a2ad0a3e", "9b2d7f0e-6f5b-1b86-9d65-0c29a2ad0a3e"
REFUSED: list[tuple[Any, Any, Any, str]] = [
    (NaiveDatetime, "1965-08-01T10:00:00Z", "1965-08-01T10:00:00", ""),
    (AwareDatetime, "1965-08-01T10:00:00", "1965-08-01T10:00:00Z", ""),
    (dt.datetime, "1965-02-30T10:00:00", "1965-02-28T10:00:00", "day value is outside"),
    (UUID4, UUID_1, UUID_4, ""),
    (PastDate, "2999-01-01", "1965-08-01", "Date should be in the past"),
    (FutureDate, "1965-08-01", "2999-01-01", "Date should be in the future"),
    (HttpUrl, "ftp://example.org/a", "https://example.org/a", ""),
    (Annotated[int, AfterValidator(_even)], 411, 412, "an even number of pages, please"),
    (Span, {"begin": 9, "end": 1}, {"begin": 1, "end": 9}, "it ends before it begins"),
]
TAKEN: list[tuple[Any, str]] = [
    (dt.time, "12:30:00"),
    (dt.time, "12:30"),
    (dt.time, "12:30:00+02:00"),
    (dt.datetime, "1965-08-01T10:00:00"),
    (dt.datetime, "1965-08-01 10:00:00.5Z"),
    (NaiveDatetime, "1965-08-01T10:00:00"),
    (UUID4, UUID_4),
    (HttpUrl, "http://example.org"),
]


def _answer(value: Any) -> list[str]:
    return [json.dumps({"it": value})]


def _model(kind: Any) -> Any:
    return type("Found", (BaseModel,), {"__annotations__": {"it": kind}})


@pytest.mark.parametrize(("kind", "bad", "good", "reason"), REFUSED)
def test_what_the_type_refuses_is_asked_for_again_pydantic_ai_200_877(
    service: Service, kind: Any, bad: Any, good: Any, reason: str
) -> None:
    """By the worker where a schema can say it, else by the SDK with the type's own reason; as one repair."""
    target = _model(kind)
    service.ollama.script(tokens=_answer(bad))
    service.ollama.script(tokens=_answer(good))

    result = service.queue.extract(MODEL, "Draw.", schema=target).result(30)

    assert result.parse(target) == target.model_validate_json(_answer(good)[0])
    assert result.repairs == 1
    _, answer, complaint = service.list_requests()[1]["messages"]
    assert json.loads(answer["content"]) == {"it": bad}
    assert "$.it: " in complaint["content"]
    assert reason in complaint["content"]


@pytest.mark.parametrize(("kind", "value"), TAKEN)
def test_what_the_type_takes_is_taken_at_once(service: Service, kind: Any, value: str) -> None:
    """JSON Schema's own formats require a zone; the type does not."""
    target = _model(kind)
    service.ollama.script(tokens=_answer(value))

    assert service.queue.extract(MODEL, "Draw.", schema=target).result(30).parse(target)
    assert len(service.list_requests()) == 1


EVEN = TypeAdapter(Annotated[int, AfterValidator(_even)])


def test_the_repairs_of_both_sides_are_counted_together(service: Service) -> None:
    """Not JSON, then odd, then odd again: with two repairs that is the end, and the error tells the reason."""
    for text in ("none", "411", "413", "414"):
        service.ollama.script(tokens=[text])

    job = service.queue.extract(MODEL, "Draw.", schema=EVEN)

    with pytest.raises(JobFailed, match="the type that was asked for refuses the value") as refused:
        job.result(30)
    assert (refused.value.code, refused.value.error.text) == ("invalid_output", "413")
    assert "an even number of pages" in str(refused.value.error.errors)
    assert len(service.list_requests()) == 3


def test_asking_for_the_result_again_asks_no_model_again(service: Service) -> None:
    """By the same handle, and by another of the same job: the further job is known by its idempotency key."""
    service.ollama.script(tokens=["411"])
    service.ollama.script(tokens=["412"])
    first = service.queue.extract(MODEL, "Draw.", schema=EVEN, idempotency_key="draw")
    second = service.queue.extract(MODEL, "Draw.", schema=EVEN, idempotency_key="draw")

    assert [job.result(30).value for job in (first, first, second)] == [412] * 3
    assert len(service.list_requests()) == 2
    assert [job.result(30).value for job in [service.queue.job(first.id)]] == [411]


def test_the_growing_object_starts_anew_when_the_type_refuses_a_whole_one(service: Service) -> None:
    """The last one is validated; the refused one is not given as the last."""
    service.ollama.script(tokens=_answer({"begin": 9, "end": 1}))
    service.ollama.script(tokens=_answer({"begin": 1, "end": 9}))
    target = _model(Span)

    async def read() -> list[Any]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            job = await queue.extract(MODEL, "Draw.", schema=target)
            grown = [found async for found in job.partials(target)]
            assert (await job.result(30)).parse(target) == grown[-1]
            return grown

    assert asyncio.run(read())[-1] == target.model_validate({"it": {"begin": 1, "end": 9}})


@pytest.mark.parametrize("asynchronous", [False, True])
def test_many_extractions_have_their_type_too(service: Service, asynchronous: bool) -> None:
    """Each item is asked for again by itself."""
    service.ollama.script(contains="one", tokens=["411"])
    service.ollama.script(contains="one", tokens=["412"])
    service.ollama.script(contains="two", tokens=["2"])

    async def read() -> list[Any]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            return [found async for found in queue.extract_many(EVEN, ["one", "two"], model=MODEL)]

    results = (
        asyncio.run(read()) if asynchronous else list(service.queue.extract_many(EVEN, ["one", "two"], model=MODEL))
    )
    assert [result.parse(EVEN) for result in results] == [412, 2]
    assert len(service.list_requests()) == 3


def _drawn(
    service: Service, kind: Any, texts: list[str], *, asynchronous: bool, **settings: Any
) -> list[BatchResult[ExtractionResult[Any]]]:
    given = Settings(keys=Keys(service.prefix), **settings)

    async def read() -> list[BatchResult[ExtractionResult[Any]]]:
        async with AsyncJobQueue(service.url, settings=given) as queue:
            return [found async for found in queue.extract_many(kind, texts, model=MODEL)]

    if asynchronous:
        return asyncio.run(read())
    with JobQueue(service.url, settings=given) as queue:
        return list(queue.extract_many(kind, texts, model=MODEL))


@pytest.mark.parametrize("error", [TimeoutError, LookupError])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_error_of_a_validator_ends_a_batch(service: Service, asynchronous: bool, error: type[Exception]) -> None:
    """Also one that looks like the end of a wait for the job: the value would be refused as often as it is read."""

    def look_up(_: int) -> int:
        raise error("the other service does not answer")

    service.ollama.script(tokens=["1"])

    with pytest.raises(error, match="the other service"):
        _drawn(service, TypeAdapter(Annotated[int, AfterValidator(look_up)]), ["one"], asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_batch_waits_for_a_full_queue_with_a_further_job_too(service: Service, asynchronous: bool) -> None:
    """Others have filled it since the item was submitted; it is one repair still."""
    fillers: list[str] = []

    def fill(number: int) -> int:
        if number == 411 and not fillers:
            fillers.append(service.queue.generate(MODEL, "Wait.", start_after=1).id)
        return _even(number)

    service.ollama.script(contains="one", tokens=["411"])
    service.ollama.script(contains="one", tokens=["412"])
    kind = TypeAdapter(Annotated[int, AfterValidator(fill)])

    (result,) = _drawn(service, kind, ["one"], asynchronous=asynchronous, max_queued_per_tenant=1)

    assert (result.parse(EVEN), result.result and result.result.repairs) == (412, 1)
    assert fillers
