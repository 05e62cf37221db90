"""A function that a model may call."""

from typing import Annotated, Any

from pydantic import Field

from gateway.openai.parameters import only
from llamaq.vocabulary.wire import JsonObject, Strict

NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


class Function(Strict):
    """A function. With `strict` its arguments are checked against `parameters`, a JSON Schema."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None

    def for_ollama(self) -> dict[str, Any]:
        """The tool, as Ollama takes it."""
        given = {"name": self.name, "description": self.description, "parameters": self.parameters or NO_PARAMETERS}
        return {
            "type": "function",
            "function": {name: value for name, value in given.items() if value is not None},
        }


class Tool(Strict):
    """One of the tools."""

    type: Annotated[str, only("function", reason="Ollama calls functions alone")]
    function: Function
