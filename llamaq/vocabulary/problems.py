"""Pydantic's errors as problems of a request: one for each field, by the producer's name of the field."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llamaq.vocabulary.errors import Problem
from llamaq.vocabulary.options import Options

MOST_ERRORS = 100
"""Of one request: a million unknown fields must not become a million problems."""
MOST_QUOTED = 40
"""Characters of a wrong value that a problem quotes."""
MOST_FIELDS = 5
"""Of an object that a problem names."""
MOST_CHARS = 500
"""Of one problem: pydantic quotes the value that a field had in place of one of its words."""

_ALIKE = 0.7
_OTHER_NAMES = {
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
    "max_output_tokens": "num_predict",
    "max_new_tokens": "num_predict",
    "max_length": "num_predict",
    "n_predict": "num_predict",
    "stop_sequences": "stop",
    "context_length": "num_ctx",
    "context_window": "num_ctx",
    "n_ctx": "num_ctx",
    "repetition_penalty": "repeat_penalty",
}
"""What OpenAI's API and others call an option of Ollama."""
_OTHER_FIELDS = {
    "prompt": "input",
    "lane": "priority",
    "service_tier": "priority",
    "delay": "start_after",
    "countdown": "start_after",
    "eta": "start_after",
    "webhook": "notify",
    "callback": "notify",
    "callback_url": "notify",
    "session": "conversation",
    "session_id": "conversation",
    "conversation_id": "conversation",
    "reasoning": "think",
    "reasoning_effort": "think",
    "user": "tenant",
}
"""What others call a field, for requests that have it."""
_OTHER_PLACES = {
    "prompt": 'a chat has messages: [{"role": "user", "content": ...}]; for a prompt alone there is generate',
    "messages": "messages are of the kind chat",
    "images": "images are of the kind multimodal, or of a message",
    "system": 'a chat has messages: [{"role": "system", "content": ...}]; an embedding has no system prompt',
    "template": "template is of the kind generate",
    "raw": "raw is of the kind generate",
    "suffix": "suffix is of the kind generate",
    "context": "context is of the kind generate; options has num_ctx",
    "schema": "format takes a JSON Schema; an extraction also checks the answer",
    "response_format": "format takes a JSON Schema; an extraction also checks the answer",
    "timeout": "the limits are deadline (of the running time) and start_within; a wait for the result has its own",
}
_VERBS = {"embed": "embedding", "extract": "extraction", "describe": "multimodal"}
"""What the SDK or the command line call a kind."""


def translate_error(error: ValidationError, given: object, model: type[BaseModel] | None = None) -> list[Problem]:
    """Translate the error into a problem for each field of `given` that is wrong. `model` is the request's, if known.

    For a field that may be of several types, pydantic reports an error of each type. The problem is then the error of
    the type that matched best: one that is inside the field, or one about the value and not about its type. Where no
    type matched better than the others, their messages are joined.
    """
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for entry in error.errors(include_url=False)[:MOST_ERRORS]:
        found.setdefault(_path(entry, given), []).append(entry)
    return [
        Problem(".".join(path), _message(path, entries, model))
        for path, entries in found.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in found if path)
    ]


def _message(path: tuple[str, ...], entries: list[ErrorDetails], model: type[BaseModel] | None) -> str:
    of_values = [entry for entry in entries if not entry["type"].endswith(("_type", "literal_error"))]
    texts = [_describe_error(entry, path, model) for entry in of_values or entries]
    first, *others = dict.fromkeys(texts)
    text = " or ".join([first, *(text.removeprefix("Input should be ") for text in others)])
    if first.startswith("Input should be"):
        text += f", not {describe_value(entries[0]['input'])}"
    elif entries[0]["type"] == "extra_forbidden":
        text = f"there is no such field: {_remedy(path, model)}"
    elif entries[0]["type"] == "union_tag_invalid":
        text = _unknown_kind_message(entries[0])
    elif entries[0]["type"] == "union_tag_not_found":
        text = "Field required"
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"


def _describe_error(entry: ErrorDetails, path: Sequence[str], model: type[BaseModel] | None) -> str:
    if entry["type"] == "model_type":
        fields = [name for each in _models_at(path, model) for name in each.model_fields]
        there_are = f" with {', '.join(fields[:MOST_FIELDS])}" if fields else ""
        return f"Input should be an object{there_are}{' …' if len(fields) > MOST_FIELDS else ''}"
    return " ".join(entry["msg"].removeprefix("Value error, ").split()).replace("a valid dictionary", "an object")


def describe_value(value: object) -> str:
    """Describe a value in a few words."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return repr(value[:MOST_QUOTED])
        case int() if value.bit_length() > MOST_QUOTED:
            return "a very large number"  # Python refuses to print thousands of digits
        case int() | float():
            return repr(value)
    return "an object" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else type(value).__name__


def _path(entry: ErrorDetails, given: object) -> tuple[str, ...]:
    """The parts of pydantic's location that are in the request. Other parts are branches of unions, and validators."""
    if entry["type"].startswith("union_tag_"):
        return ("kind",)
    path: list[str] = []
    for part in entry["loc"]:
        if _leads_into(given, part):
            given = given[part]  # type: ignore[index]  # as just found out
        elif entry["type"] != "missing" or part != entry["loc"][-1]:
            continue
        path.append(str(part)[:MOST_CHARS])
    return tuple(path)


def _leads_into(given: object, part: str | int) -> bool:
    if isinstance(given, Mapping):
        return part in given
    return isinstance(given, list | tuple) and isinstance(part, int)


def _unknown_kind_message(entry: ErrorDetails) -> str:
    given = entry["input"].get("kind") if isinstance(entry["input"], Mapping) else None
    kinds = [kind.strip("'") for kind in entry["ctx"]["expected_tags"].split(", ")]
    if given is None:
        return f"Field required: the kinds are {', '.join(kinds)}"
    near = find_closest(str(given), [*kinds, *_VERBS])
    hint = f"did you mean {_VERBS.get(near, near)}?" if near else f"the kinds are {', '.join(kinds)}"
    return f"there is no kind {describe_value(given)}: {hint}"


def _remedy(path: Sequence[str], model: type[BaseModel] | None) -> str:
    """What to do about the field at `path` of a request; `model` is the request's, where its kind is known."""
    name, around = path[-1], _models_at(path[:-1], model)
    option = find_option(name)
    if Options in around:
        return f"did you mean {option}?" if option else f"Ollama's options are {', '.join(Options.model_fields)}"
    fields = [info.alias or field for each in around for field, info in each.model_fields.items()]
    if len(path) == 1 and (known := _hint_at_known(name, fields)):
        return known
    options = (*Options.model_fields, *_OTHER_NAMES) if "options" in fields else ()
    near = find_closest(name, [*fields, *options])
    if near in fields:
        return f"did you mean {near}?"
    if near is not None:
        return f'put it in options: {{"{_OTHER_NAMES.get(near, near)}": ...}}'
    return "leave this field out, or mend its name"


def _hint_at_known(name: str, fields: Sequence[str]) -> str | None:
    field = _OTHER_FIELDS.get(name)
    return f"did you mean {field}?" if field in fields else _OTHER_PLACES.get(name)


def _models_at(path: Sequence[str], model: type[BaseModel] | None) -> list[type[BaseModel]]:
    """The models that the value at `path` may be of."""
    found = [] if model is None else [model]
    for part in path:
        if not part.isdigit():
            fields = [known.model_fields[part] for known in found if part in known.model_fields]
            found = [each for field in fields for each in _models_in(field.annotation)]
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def find_option(name: str) -> str | None:
    """Find the option of Ollama that a name means: a misspelt one, or one of another API; None where it means none."""
    near = find_closest(name, [*Options.model_fields, *_OTHER_NAMES])
    return None if near is None else _OTHER_NAMES.get(near, near)


def find_closest(name: str, names: Iterable[str], alike: float = _ALIKE) -> str | None:
    """Find the one of the names that is most like the given one, in whatever case it is written; None where none is.

    Args:
        name: what was given: `num-ctx`, `numCtx`.
        names: in lower case, with `_` between words.
        alike: the least part of equal letters, from 0 to 1.
    """
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:MOST_CHARS]).lower().replace("-", "_")
    return next(iter(get_close_matches(plain, names, 1, alike)), None)
