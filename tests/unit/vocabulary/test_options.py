"""Options: Ollama's names and types, strictly."""

from typing import Any, get_args

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
