"""Pydantic's errors as problems of a request: one for each field, by the producer's name of the field."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llamaq.vocabulary.errors import Problem
from llamaq.vocabulary.options import Options

MOST_ERRORS = 100
"""Of one request: a million unknown fields must not become a million problems."""
MOST_QUOTED = 40
"""Characters of a wrong value that a problem quotes."""
MOST_CHARS = 500
"""Of one problem: pydantic quotes the value that a field had in place of one of its words."""

_ALIKE = 0.75
_OTHER_NAMES = {
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
    "max_output_tokens": "num_predict",
    "stop_sequences": "stop",
    "context_length": "num_ctx",
}
"""What OpenAI's API and others call an option of Ollama."""
_OTHER_PLACES = {
    "prompt": "a chat has messages=[{'role': 'user', 'content': ...}]; for a prompt alone there is generate",
    "messages": "messages are of the kind chat",
    "images": "images are of the kind multimodal, or of a message",
}


def problems(error: ValidationError, given: object, model: type[BaseModel] | None = None) -> list[Problem]:
    """One problem for each field of `given` that is wrong. `model` is that of the request, where it is known.

    For a field that may be of several types, pydantic reports an error of each type. The problem is then the error of
    the type that matched best: one that is inside the field, or one about the value and not about its type. Where no
    type matched better than the others, their messages are joined.
    """
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for entry in error.errors(include_url=False, include_context=False)[:MOST_ERRORS]:
        found.setdefault(_path(entry, given), []).append(entry)
    return [
        Problem(".".join(path), _message(path, entries, model))
        for path, entries in found.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in found if path)
    ]


def _message(path: tuple[str, ...], entries: list[ErrorDetails], model: type[BaseModel] | None) -> str:
    of_values = [entry for entry in entries if not entry["type"].endswith(("_type", "literal_error"))]
    texts = [" ".join(entry["msg"].removeprefix("Value error, ").split()) for entry in of_values or entries]
    first, *others = dict.fromkeys(texts)
    text = " or ".join([first, *(text.removeprefix("Input should be ") for text in others)])
    if first.startswith("Input should be"):
        text += f", not {_named(entries[0]['input'])}"
    elif entries[0]["type"] == "extra_forbidden":
        text = f"there is no such field: {_remedy(path, model)}"
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"


def _named(value: object) -> str:
    """The value in a few words."""
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


def _remedy(path: Sequence[str], model: type[BaseModel] | None) -> str:
    """What to do about the field at `path` of a request; `model` is the request's, where its kind is known."""
    name = path[-1]
    if path[:-1] == ("options",):
        near = _OTHER_NAMES.get(name) or _near(name, Options)
        return f"did you mean {near}?" if near else f"Ollama's options are {', '.join(Options.model_fields)}"
    if len(path) > 1 or model is None:
        return "leave this field out, or mend its name"
    near, option = _near(name, model), _OTHER_NAMES.get(name) or _near(name, Options)
    if "options" in model.model_fields and option and (option == name or not near):
        return f"put it in options: options={{{option!r}: ...}}"
    if near:
        return f"did you mean {near}?"
    return _OTHER_PLACES.get(name) or "leave this field out, or mend its name"


def _near(name: str, model: type[BaseModel]) -> str | None:
    return next(iter(get_close_matches(name.lower(), model.model_fields, 1, _ALIKE)), None)
