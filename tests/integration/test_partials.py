"""job.partials: the object while it grows, and anew when a repair or another attempt begins; sync and async alike."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from llamaq import AsyncJobQueue, JobFailed
from tests.conftest import MODEL
from tests.service import Service

PIECES = ['{"title": "Du', 'ne", "ye', 'ar": 19', "65}"]
WHOLE = "".join(PIECES)


class Book(BaseModel):
    """What is drawn out."""

    title: str
    year: int


@dataclass
class Volume:
    """The same, as a dataclass."""

    title: str
    year: int


def _seen(service: Service, job_id: str, target: Any, *, asynchronous: bool) -> list[Any]:
    if not asynchronous:
        return list(service.queue.job(job_id).partials(target))

    async def read() -> list[Any]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            return [book async for book in queue.job(job_id).partials(target)]

    return asyncio.run(read())


def _short(books: list[Any]) -> list[tuple[Any, Any]]:
    return [(book.title, book.year) for book in books]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("target", [Book, TypeAdapter(Book), Volume])
def test_an_object_grows_while_it_is_written(service: Service, target: Any, asynchronous: bool) -> None:
    """A text as far as it has come, a number when it is whole; the last is validated. Late readers see the same."""
    gate = service.hold(tokens=PIECES, hold_after=1)

    job = service.queue.extract(MODEL, "Describe Dune.", schema=target)
    next(job.partials(target))
    service.ollama.release(gate)
    books = _seen(service, job.id, target, asynchronous=asynchronous)

    assert _short(books)[-1] == ("Dune", 1965)
    assert [book for book in _short(books)[:-1] if book not in [("Du", None), ("Dune", None), ("Dune", 1965)]] == []
    assert ("Du", None) in _short(books)
    assert _short(_seen(service, job.id, target, asynchronous=asynchronous)) == _short(books)


def test_it_is_shown_before_the_end(service: Service) -> None:
    """While the model still writes: the first object is there with the answer held in the middle."""
    gate = service.hold(tokens=PIECES, hold_after=1)

    job = service.queue.extract(MODEL, "Describe Dune.", schema=Book)
    partials = job.partials(Book)
    assert _short([next(partials)]) == [("Du", None)]
    service.ollama.release(gate)
    assert list(partials)[-1] == Book(title="Dune", year=1965)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_repair_begins_anew(service: Service, asynchronous: bool) -> None:
    """What was invalid is not mixed with what comes after it."""
    service.ollama.script(tokens=['{"title": "Emma", "year": "soon"}'])
    gate = service.hold(tokens=['{"title": "D', 'une", "year": 1965}'], hold_after=1)

    job = service.queue.extract(MODEL, "Describe Dune.", schema=Book)
    next(book for book in job.partials(Book) if book.title == "D")
    service.ollama.release(gate)
    books = _short(_seen(service, job.id, Book, asynchronous=asynchronous))

    assert books[:2] == [("Emma", None), ("D", None)]
    assert books[-1] == ("Dune", 1965)


def test_another_attempt_begins_anew(service: Service) -> None:
    """A stream that was cut is void, and its text with it."""
    gate = service.hold(tokens=['{"title": "Em'], fault="cut", hold_after=1)
    service.ollama.script(tokens=[WHOLE])

    partials = service.queue.extract(MODEL, "Describe Dune.", schema=Book).partials(Book)
    assert _short([next(partials)]) == [("Em", None)]
    service.ollama.release(gate)
    books = _short(list(partials))

    assert books[-1] == ("Dune", 1965)
    assert not [title for title, _ in books if title and not "Dune".startswith(title)]


def test_without_streaming_only_the_whole_comes(service: Service) -> None:
    """`stream=False` writes no deltas."""
    service.ollama.script(tokens=PIECES)

    job = service.queue.extract(MODEL, "Describe Dune.", schema=Book, stream=False)

    assert list(job.partials(Book)) == [Book(title="Dune", year=1965)]


def test_a_list_grows_item_by_item(service: Service) -> None:
    """The schema may be of any type that a TypeAdapter can describe."""
    many = TypeAdapter(list[Book])
    text = json.dumps([{"title": "A", "year": 1}, {"title": "B", "year": 2}])
    service.ollama.script(tokens=list(text), rate=200)

    job = service.queue.extract(MODEL, "Describe them.", schema=many)
    sizes = [len(books) for books in job.partials(many)]

    assert sizes == sorted(sizes)
    assert job.result(30).parse(many) == [Book(title="A", year=1), Book(title="B", year=2)]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failure_is_raised_behind_the_last_object(service: Service, asynchronous: bool) -> None:
    """As `result` raises it."""
    service.ollama.script(tokens=['{"title": "Emma"}'], times=3)

    job = service.queue.extract(MODEL, "Describe Dune.", schema=Book)
    with pytest.raises(JobFailed) as caught:
        _seen(service, job.id, Book, asynchronous=asynchronous)

    assert caught.value.code == "invalid_output"
