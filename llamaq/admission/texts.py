"""The texts of a request, found by the text rules of its fields (`llamaq.vocabulary.text_rules`)."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

from llamaq.vocabulary.requests import AnyRequest, parse
from llamaq.vocabulary.text_rules import TextRule, rules_in, rules_of, wire_name
from llamaq.vocabulary.wire import dumps


def counted_texts(request: AnyRequest) -> Iterator[tuple[str, str]]:
    """Every text that counts towards the limit, with its field. A JSON value counts as one text."""
    for path, value, rule in _ruled_values(request):
        if not rule.counted:
            continue
        if rule.as_json:
            yield path, dumps(_to_plain(value))
        else:
            yield from _strings(value, path, with_names=True)


def model_texts(request: AnyRequest) -> Iterator[tuple[str, str]]:
    """Every text that a model may get, with its field."""
    for path, value, rule in _ruled_values(request):
        if rule.filtered:
            yield from _strings(_to_plain(value), path)


def rewrite_texts(request: AnyRequest, change: Callable[[str], str]) -> AnyRequest:
    """Apply `change` to every text that a model may get.

    Raises:
        InvalidRequest: a text that must not be empty is empty then.
    """
    unchanged = dict(_rewrite_fields(request, str))
    changed = {name: value for name, value in _rewrite_fields(request, change) if value != unchanged[name]}
    if not changed:
        return request
    return parse(request.model_dump(by_alias=True, exclude_none=True) | changed)


def _fields(model: BaseModel) -> Iterator[tuple[str, Any, TextRule | None]]:
    """The fields that can have a text that counts or is filtered, and hold something: wire name, value and rule."""
    held = vars(model)
    for name, on_the_wire, rule in _fields_with_texts(type(model)):
        value = held.get(name)
        if value:
            yield on_the_wire, value, rule


@cache
def _fields_with_texts(model: type[BaseModel]) -> Sequence[tuple[str, str, TextRule | None]]:
    rules = rules_of(model)
    return [
        (name, wire_name(name, field), rules[name])
        for name, field in model.model_fields.items()
        if any(rule.counted or rule.filtered for rule in rules_in(field))
    ]


def _ruled_values(model: BaseModel, before: str = "") -> Iterator[tuple[str, Any, TextRule]]:
    """The values that have a rule, with their paths, of the model and of the models in its fields."""
    for name, value, rule in _fields(model):
        if rule is not None and type(value) is str:  # most are, and a look whether it is a model takes longer
            yield f"{before}{name}", value, rule
        else:
            yield from _walk_value(f"{before}{name}", value, rule)


def _walk_value(path: str, value: Any, rule: TextRule | None) -> Iterator[tuple[str, Any, TextRule]]:
    if rule is not None and rule.as_json:
        yield path, value, rule
    elif isinstance(value, BaseModel):
        yield from _ruled_values(value, f"{path}.")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk_value(f"{path}.{index}", item, rule)
    elif rule is not None:
        yield path, value, rule


def _to_plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True)
    return [_to_plain(item) for item in value] if isinstance(value, list) else value


def _strings(value: Any, path: str, *, with_names: bool = False) -> Iterator[tuple[str, str]]:
    """The strings in a value, with their paths; `with_names` adds the name of a member to its text."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            for inner, text in _strings(item, f"{path}.{name}", with_names=with_names):
                yield inner, name + text if with_names else text
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}.{index}", with_names=with_names)


def _rewrite_fields(model: BaseModel, change: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    for name, value, rule in _fields(model):
        yield name, _rewrite_value(value, rule, change)


def _rewrite_value(value: Any, rule: TextRule | None, change: Callable[[str], str]) -> Any:
    if rule is not None and rule.as_json:
        return map_strings(_to_plain(value), change) if rule.filtered else value
    if isinstance(value, BaseModel):
        return _to_plain(value) | dict(_rewrite_fields(value, change))
    if isinstance(value, list):
        return [_rewrite_value(item, rule, change) for item in value]
    return map_strings(value, change) if rule is not None and rule.filtered else value


def map_strings(value: Any, change: Callable[[str], str], *, names: bool = False) -> Any:
    """Apply `change` to the strings in a JSON value; with `names`, to the names of members too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(item, change, names=names) for item in value]
    if isinstance(value, dict):
        return {change(name) if names else name: map_strings(item, change, names=names) for name, item in value.items()}
    return value
