"""A call that a model has to make. Ollama has no such thing, so the answer gets the form of the call.

Of one function it is the arguments. Of several it is `{"name": ..., "arguments": {...}}`, with a form for each.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from gateway.openai.response_format import ResponseFormat, strict_format
from gateway.openai.tools.function import NO_PARAMETERS, Function
from llamaq.extraction.engine.grammar import translate_schema
from llamaq.extraction.references import all_parts
from llamaq.vocabulary.wire import JsonObject, dumps

_OPENING = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"\\]*)"\s*,\s*"arguments"\s*:\s*')
_CLOSING = re.compile(r"\s*\}\s*\Z")


@dataclass(frozen=True, slots=True)
class ForcedCall:
    """The functions of which a model has to call one, and the form that its answer gets."""

    functions: tuple[Function, ...]
    format: ResponseFormat

    def instruction(self) -> str:
        """The text by which the model knows what to call."""
        first, *others = self.functions
        if not others:
            purpose = f" {first.description}" if first.description else ""
            return (
                f"Call the function `{first.name}`.{purpose} Answer with its arguments alone: one JSON object that is "
                f"valid against this JSON Schema: {dumps(first.parameters or NO_PARAMETERS)}"
            )
        listed = dumps([function.for_ollama()["function"] for function in self.functions])
        return (
            'Call one of these functions. Answer with one JSON object, {"name": the name of the function, '
            f'"arguments": an object that is valid against its parameters}}: {listed}'
        )

    def call_reader(self) -> "CallReader":
        """What reads the call out of an answer."""
        return CallReader(self.functions[0].name if len(self.functions) == 1 else None)


class CallReader:
    """Reads a call out of the text of an answer, piece by piece.

    Attributes:
        name: of the function; None until it is known.
    """

    def __init__(self, name: str | None) -> None:
        self.name = name
        self._alone = name is not None
        self._held = ""

    def take(self, text: str) -> str:
        """What a piece adds to the arguments. What may be the end of the object around them is held back."""
        if self._alone:
            return text
        self._held += text
        if self.name is None:
            opening = _OPENING.match(self._held)
            if opening is None:
                return ""
            self.name, self._held = opening[1], self._held[opening.end() :]
        closing = _CLOSING.search(self._held)
        end = closing.start() if closing else len(self._held.rstrip())
        text, self._held = self._held[:end], self._held[end:]
        return text

    def take_rest(self) -> str:
        """What is left at the end: all arguments, where they stand before the name."""
        if self._alone or self.name is not None:
            return ""
        try:
            value = from_json(self._held)
        except ValueError:
            return ""
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            return ""
        self.name = value["name"]
        return dumps(value.get("arguments") or {})


def force_call(functions: Mapping[int, Function], parameters: Mapping[int, str]) -> ForcedCall:
    """Force a model to call one of the functions.

    Args:
        functions: by their place in the request.
        parameters: where the schema of each stands there.

    Raises:
        InvalidRequest: a schema is not usable.
    """
    forms = {
        place: strict_format(each.parameters or NO_PARAMETERS, parameters[place]) for place, each in functions.items()
    }
    found = tuple(functions.values())
    if len(found) == 1:
        return ForcedCall(found, next(iter(forms.values())))
    return ForcedCall(found, ResponseFormat(translate_schema(_build_union(found)) or {"type": "object"}, "tool_choice"))


def _build_union(functions: tuple[Function, ...]) -> JsonObject:
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": each.name}, "arguments": {"$ref": f"#/$defs/{number}"}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for number, each in enumerate(functions)
    ]
    definitions = {
        str(number): _move_references(each.parameters or NO_PARAMETERS, number) for number, each in enumerate(functions)
    }
    return {"$defs": definitions, "anyOf": calls}


def _move_references(schema: JsonObject, number: int) -> JsonObject:
    """Copy a schema, with local references that lead to where it stands now."""
    found: dict[str, Any] = copy.deepcopy({key: each for key, each in schema.items() if key not in {"$id", "$schema"}})
    for _, part in all_parts(found):
        reference = part.get("$ref")
        if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
            part["$ref"] = f"#/$defs/{number}{reference[1:]}"
    return found
