"""Many, a few at a time: the window never holds more, gives each once, and in order where that is wanted."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llamaq import BatchResult, GenerateRequest, InvalidRequest, JobFailed
from llamaq.client.batches import Item, Window, make_refused_result, make_result, parse_extractions, parse_items
from llamaq.vocabulary.errors import JobCancelled, JobError, JobExpired, JobNotFound, UnknownModel
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.kinds.generate import TextResult
from llamaq.vocabulary.results import ErrorInfo

unhurried = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

RESULT = TextResult(text="x", model="m", host="h", attempts=1)


def _items(number: int) -> Iterator[Item]:
    return (Item(str(index), {}) for index in range(number))


@unhurried
@given(st.integers(0, 20), st.integers(1, 6), st.booleans(), st.data())
def test_a_window_gives_each_item_once(number: int, in_flight: int, ordered: bool, data: st.DataObject) -> None:
    """Whoever ends first: never more on their way than allowed, and none lost; in order if they are to be."""
    window = Window(_items(number), in_flight, ordered=ordered)
    running = list(window.start())
    told: list[str] = []
    started = len(running)
    while window.is_open:
        assert started - len(told) <= in_flight
        item = running.pop(data.draw(st.integers(0, len(running) - 1)))
        told += [result.custom_id for result in window.end(item, BatchResult(custom_id=item.custom_id))]
        following = list(window.start())
        running += following
        started += len(following)

    assert sorted(told, key=int) == [str(index) for index in range(number)]
    assert not ordered or told == sorted(told, key=int)


def test_items_are_read_as_they_are_needed() -> None:
    """An endless source is no trouble."""
    read: list[str] = []

    def endless() -> Iterator[Item]:
        while True:
            read.append("x")
            yield Item("x", {})

    list(Window(endless(), 3, ordered=False).start())

    assert len(read) == 3


@pytest.mark.parametrize("in_flight", [0, -1])
def test_a_window_that_holds_nothing_is_refused(in_flight: int) -> None:
    """It would wait for ever."""
    with pytest.raises(InvalidRequest, match="in_flight"):
        Window(_items(1), in_flight, ordered=False)


def test_what_batch_takes() -> None:
    """Its own form, a request with its kind, or a model; in the lane `batch`, unless they say otherwise."""
    given = [
        {"custom_id": "a", "kind": "generate", "request": {"model": "m", "prompt": "x"}},
        {"kind": "generate", "model": "m", "prompt": "x", "priority": "normal"},
        GenerateRequest(model="m", prompt="x"),
        GenerateRequest(model="m", prompt="x", priority="normal", idempotency_key="own"),
    ]
    items = list(parse_items(given, "night"))

    assert [item.custom_id for item in items] == ["a", "2", "3", "4"]
    assert items[0].request == {
        "kind": "generate", "model": "m", "prompt": "x", "priority": "batch", "idempotency_key": "night:a",
    }  # fmt: skip
    assert [_field(item, "priority") for item in items] == ["batch", "normal", "batch", "normal"]
    assert [_field(item, "idempotency_key") for item in items] == ["night:a", "night:2", "night:3", "own"]
    assert _field(next(parse_items(given)), "idempotency_key") is None


def _field(item: Item, name: str) -> Any:
    return item.request.get(name) if isinstance(item.request, dict) else getattr(item.request, name)


def test_what_extract_many_takes() -> None:
    """Texts, or what differs; a key for all of them would make one job of all."""
    items = list(
        parse_extractions("m", {}, ["x", {"prompt": "y", "model": "n", "custom_id": 7}], None, {"system": "s"})
    )

    common = {"kind": "extraction", "schema": {}, "system": "s"}
    assert items[0] == Item("1", {**common, "model": "m", "prompt": "x"})
    assert items[1] == Item("7", {**common, "model": "n", "prompt": "y"})
    with pytest.raises(InvalidRequest, match="give `run`"):
        list(parse_extractions("m", {}, ["x"], None, {"idempotency_key": "k"}))
    with pytest.raises(InvalidRequest, match=r"items\.1: give an object, not int"):
        list(parse_extractions("m", {}, [5], None, {}))


FAILURE = ErrorInfo(code="timed_out", message="late", clock="deadline")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobFailed("j", FAILURE), "timed_out"),
        (JobCancelled("j", "enough"), "cancelled"),
        (JobExpired("j", "late"), "expired"),
        (JobNotFound("j"), "job_not_found"),
    ],
)
def test_every_end_has_a_code(error: JobError, code: str) -> None:
    """The failure of one is told in its place, and is no end of the others."""
    result = make_result(Item("a", {}), "j", error)

    assert (result.custom_id, result.job_id, result.ok) == ("a", "j", False)
    assert result.error is not None
    assert result.error.code == code
    with pytest.raises(JobFailed):
        result.parse(dict)


def test_what_never_became_a_job_has_a_code_too() -> None:
    """The wrong request, and the model that nobody has."""
    codes = [
        make_refused_result(Item("a", {}), error).error
        for error in (InvalidRequest.of("prompt", "x"), UnknownModel("m"))
    ]

    assert [error.code for error in codes if error] == ["invalid_request", "model_not_found"]


def test_a_result_is_parsed_where_it_is_a_value() -> None:
    """As that of a single extraction; a text has none."""
    value = ExtractionResult(value=[1], model="m", host="h", attempts=1)

    assert make_result(Item("a", {}), "j", value).parse(list[int]) == [1]
    with pytest.raises(TypeError, match="TextResult"):
        make_result(Item("a", {}), "j", RESULT).parse(list[int])


def test_a_name_given_twice_in_a_run_is_refused() -> None:
    """With the same key the second would silently get the first one's answer; without a run there is no key."""
    asked = [{"custom_id": "2", "kind": "generate", "model": "m", "prompt": "x"}, {"kind": "generate", "model": "m"}]

    with pytest.raises(InvalidRequest, match=r"items\.2\.custom_id: '2' names an item before it in the run"):
        list(parse_items(asked, "night"))
    with pytest.raises(InvalidRequest, match=r"items\.2\.custom_id"):
        list(parse_extractions("m", {}, [{"prompt": "y", "custom_id": 2}, "x"], "night", {}))
    assert [item.custom_id for item in parse_items(asked)] == ["2", "2"]
