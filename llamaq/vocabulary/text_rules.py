"""Text rules: how the strings in a field of a request are treated. The rule is metadata of the field.

    prompt: Annotated[str, MODEL_TEXT]

A field that can have free text and has no rule is an error when its kind is declared, so no rule can be forgotten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class TextRule:
    """How the strings in a field are treated.

    Attributes:
        counted: they count towards `LLAMAQ_MAX_PROMPT_CHARS`.
        filtered: the model gets them, so control characters are refused and the worker's filter applies.
        escaped: control tokens in them become plain text before they go to Ollama.
        as_json: the value is JSON of any depth, and counts by the length of its JSON.
        sent_as: the field of Ollama's request for it, where that has another name.
        reason: why it is no text, where nothing of this applies.
    """

    counted: bool = False
    filtered: bool = False
    escaped: bool = False
    as_json: bool = False
    sent_as: str = ""
    reason: str = ""


MODEL_TEXT = TextRule(counted=True, filtered=True, escaped=True)
MODEL_JSON = TextRule(counted=True, filtered=True, escaped=True, as_json=True)
UNESCAPED_TEXT = TextRule(counted=True, filtered=True)
COUNTED = TextRule(counted=True)
"""For texts of any length that no model gets."""
ANSWER_SCHEMA = TextRule(counted=True, as_json=True, sent_as="format")
"""Ollama makes a grammar of the schema, and the model does not get the text. A change would change the grammar."""


def not_a_text(reason: str) -> TextRule:
    """The rule of a string that is passed on unchanged: an identifier, a URL, an image."""
    return TextRule(reason=reason)


@cache
def rules_of(model: type[BaseModel]) -> Mapping[str, TextRule | None]:
    """The rule of each field; None for a field of numbers, of a choice of words, or of models with their own rules.

    Raises:
        TypeError: a field of it, or of a model in it, can have free text and has no rule, or has several.
    """
    found: dict[str, TextRule | None] = {}
    for name, field in model.model_fields.items():
        rules = set(_rules_at(field))
        if len(rules) > 1 or (not rules and _holds_text(field.annotation)):
            problem = "several text rules" if rules else "free text and no text rule"
            raise TypeError(f"{model.__name__}.{name} has {problem}: see llamaq.vocabulary.text_rules")
        for nested in _models_in(field):
            rules_of(nested)
        found[name] = next(iter(rules), None)
    return found


@cache
def unescaped_fields(model: type[BaseModel]) -> frozenset[str]:
    """The fields of Ollama's request for those fields of the model in which no rule escapes tokens."""
    return frozenset(
        next((rule.sent_as for rule in _rules_at(field) if rule.sent_as), wire_name(name, field))
        for name, field in model.model_fields.items()
        if not any(rule.escaped for rule in rules_in(field))
    )


def wire_name(name: str, field: FieldInfo) -> str:
    """The name of a field as producers write it."""
    return field.alias or name


def rules_in(field: FieldInfo) -> Iterator[TextRule]:
    """The rule at a field, and those in the models that it holds."""
    yield from _rules_at(field)
    for model in _models_in(field):
        for inner in model.model_fields.values():
            yield from rules_in(inner)


def _rules_at(field: FieldInfo) -> Iterator[TextRule]:
    for part in (*field.metadata, *_parts(field.annotation)):
        if isinstance(part, TextRule):
            yield part


def _models_in(field: FieldInfo) -> Iterator[type[BaseModel]]:
    for part in _parts(field.annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


def _parts(annotation: Any) -> Iterator[Any]:
    """The annotation and all its parts, with their metadata."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _holds_text(annotation: Any) -> bool:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return False
    if origin is Annotated:
        return _holds_text(parts[0])
    return annotation in (str, bytes, Any, object, dict, list) or any(map(_holds_text, parts))
