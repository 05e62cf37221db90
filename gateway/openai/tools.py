"""Which functions a model may call, or has to: `tools` and `tool_choice`, `functions` and `function_call`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.openai.parameters import only, unsupported
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject, Strict, dumps

NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


class Function(Strict):
    """A function. With `strict` its arguments are checked against `parameters`, a JSON Schema."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
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


@dataclass(frozen=True, slots=True)
class Use:
    """What a model may call.

    Attributes:
        offered: the functions that it may call, by their place in the request.
        forced: the place of the function that it has to call; then nothing is offered.
        function: the one that it has to call.
        named: whether the request names that function.
        legacy: whether the request names `functions`, so that the answer has a `function_call`.
    """

    offered: Mapping[int, Function] = field(default_factory=dict)
    forced: int | None = None
    function: Function | None = None
    named: bool = False
    legacy: bool = False

    @property
    def param(self) -> str:
        """The parameter that the functions come from."""
        return "functions" if self.legacy else "tools"

    def where(self, place: int) -> str:
        """The parameter of one function."""
        return f"functions[{place}]" if self.legacy else f"tools[{place}].function"

    def instruction(self) -> str:
        """What the model is told of the function that it has to call."""
        found = self.function or Function(name="")
        purpose = f" {found.description}" if found.description else ""
        schema = dumps(found.parameters or NO_PARAMETERS)
        return (
            f"Call the function `{found.name}`.{purpose} Answer with its arguments alone: "
            f"one JSON object that is valid against this JSON Schema: {schema}"
        )


def use_of(functions: Sequence[Function], choice: Any, *, legacy: bool) -> Use:
    """What a model may call by `tool_choice`, or by the older `function_call`.

    A call that is forced, of a named function or of the only one, becomes an answer in the form of its arguments.

    Raises:
        InvalidRequest: the choice is none, or Ollama cannot hold the model to it.
    """
    param = "function_call" if legacy else "tool_choice"
    every = dict(enumerate(functions))
    if choice is None or choice == "auto":
        return Use(every, legacy=legacy)
    if choice == "none":
        return Use(legacy=legacy)
    mode, names = _choice(choice, param, legacy=legacy)
    allowed = {place: each for place, each in every.items() if names is None or each.name in names}
    missing = [name for name in names or () if all(each.name != name for each in functions)]
    if missing or not allowed:
        what = f"there is no function {missing[0][:64]!r} in the request" if missing else "the request has no functions"
        raise InvalidRequest.of(param, what, "invalid_value")
    if mode == "auto":
        return Use(allowed, legacy=legacy)
    if len({each.name for each in allowed.values()}) > 1:
        raise unsupported(param, "Ollama cannot be held to call one of several functions; name the one, or give auto")
    place, function = next(iter(allowed.items()))
    return Use(forced=place, function=function, named=choice != "required", legacy=legacy)


def _choice(choice: Any, param: str, *, legacy: bool) -> tuple[Literal["auto", "required"], list[str] | None]:
    """Whether a call is required, and of which functions; None for any."""
    match choice:
        case "required" if not legacy:
            return "required", None
        case {"name": str() as name} if legacy:
            return "required", [name]
        case {"type": "function", "function": {"name": str() as name}}:
            return "required", [name]
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(found)}}:
            return mode, [_name(tool, param) for tool in found]
        case {"type": "custom"}:
            raise unsupported(param, "Ollama calls functions alone")
    raise InvalidRequest.of(param, 'give "none", "auto", "required", or a function by its name', "invalid_value")


def _name(tool: Any, param: str) -> str:
    match tool:
        case {"type": "function", "function": {"name": str() as name}}:
            return name
    raise InvalidRequest.of(param, "name functions alone", "invalid_value")
