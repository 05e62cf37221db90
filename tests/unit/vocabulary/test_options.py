"""Options: Ollama's names and types, strictly."""

import json
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import ValidationError

from llamaq import Options

WRONG: dict[type, list[Any]] = {
    int: [1.5, "1", True, None, [1], float("nan")],
    float: ["0.5", True, None, [], float("nan"), float("inf")],
    bool: [1, 0, "true", None],
    list: ["stop", [1], {}, ("a",)],
}
RIGHT: dict[type, Any] = {int: 3, float: 0.5, bool: True, list: ["a"]}


def _type_of(name: str) -> type:
    first = get_args(Options.model_fields[name].annotation)[0]
    if get_origin(first) is Annotated:
        first = get_args(first)[0]
    return list if first == list[str] else first


@pytest.mark.parametrize("name", Options.model_fields)
def test_each_option_takes_its_type_alone(name: str) -> None:
    """Ollama answers a wrong type with a 500, or cuts 5.5 to 5 without a word: here it is refused by its name."""
    wanted = _type_of(name)
    assert getattr(Options.model_validate({name: RIGHT[wanted]}), name) == RIGHT[wanted]
    for wrong in WRONG[wanted]:
        if wrong is None:
            continue  # None is "not set"
        with pytest.raises(ValidationError, match=name):
            Options.model_validate({name: wrong})


@pytest.mark.parametrize("read", [Options.model_validate, lambda given: Options.model_validate_json(json.dumps(given))])
@pytest.mark.parametrize(("given", "kept"), [(4096.0, 4096), (-1.0, -1), (4e3, 4000), (None, None)])
def test_options_are_read_as_ollama_reads_them(read: Callable[[Any], Options], given: Any, kept: Any) -> None:
    """JSON has one type of numbers: many languages write 4096.0. Null is absent, and PHP's `[]` is an empty object."""
    options = read({"num_ctx": given, "temperature": 0.5})

    assert (options.num_ctx, type(options.num_ctx)) == (kept, type(kept))
    assert read([]) == Options()


@pytest.mark.parametrize(
    ("given", "kept"), [([""], None), (["", "\n", ""], ["\n"]), ([], []), ([" "], [" "]), (None, None)]
)
def test_an_empty_text_is_nothing_to_stop_at(given: list[str] | None, kept: list[str] | None) -> None:
    """Ollama would end the answer before its first token; forms send it for "none". `[]` sets the model's aside."""
    assert Options(stop=given).stop == kept


def test_a_whole_number_will_do_for_a_fraction() -> None:
    """`temperature=0` is what everybody writes."""
    assert Options(temperature=0).model_dump_json(exclude_none=True) == '{"temperature":0.0}'


@pytest.mark.parametrize("name", ["temprature", "Temperature", "num ctx", "model"])
def test_a_misspelt_option_is_refused(name: str) -> None:
    """Ollama would ignore it without a word."""
    with pytest.raises(ValidationError, match=name):
        Options.model_validate({name: 1})


def test_an_option_left_out_is_the_models_own() -> None:
    """Nothing is sent for what was not set."""
    assert Options().model_dump(exclude_none=True) == {}
