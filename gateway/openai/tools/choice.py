"""Which functions a model may call, or has to: `tools` and `tool_choice`, `functions` and `function_call`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.openai.parameters import unsupported
from gateway.openai.tools.function import Function
from llamaq.vocabulary.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Use:
    """What a model may call.

    Attributes:
        offered: the functions that it may call, by their place in the request.
        forced: those of which it has to call one; then nothing is offered.
        named: whether the request names the one that it has to call.
        legacy: whether the request names `functions`, so that the answer has a `function_call`.
    """

    offered: Mapping[int, Function] = field(default_factory=dict)
    forced: Mapping[int, Function] = field(default_factory=dict)
    named: bool = False
    legacy: bool = False

    @property
    def param(self) -> str:
        """The parameter that the functions come from."""
        return "functions" if self.legacy else "tools"

    def parameter_of(self, place: int) -> str:
        """The parameter of the function at a place."""
        return f"functions[{place}]" if self.legacy else f"tools[{place}].function"


def use_of(functions: Sequence[Function], choice: Any, *, legacy: bool) -> Use:
    """What a model may call by `tool_choice`, or by the older `function_call`.

    Raises:
        InvalidRequest: the choice has an unknown form, or names a function that the request does not have.
    """
    param = "function_call" if legacy else "tool_choice"
    every = dict(enumerate(functions))
    if choice is None or choice == "auto":
        return Use(every, legacy=legacy)
    if choice == "none":
        return Use(legacy=legacy)
    mode, names = _read_choice(choice, param, legacy=legacy)
    allowed = {place: each for place, each in every.items() if names is None or each.name in names}
    missing = [name for name in names or () if all(each.name != name for each in functions)]
    if missing or not allowed:
        what = f"there is no function {missing[0][:64]!r} in the request" if missing else "the request has no functions"
        raise InvalidRequest.of(param, what, "invalid_value")
    if mode == "auto":
        return Use(allowed, legacy=legacy)
    return Use(forced=allowed, named=names is not None and len(allowed) == 1, legacy=legacy)


def _read_choice(choice: Any, param: str, *, legacy: bool) -> tuple[Literal["auto", "required"], list[str] | None]:
    """Read whether a call is required, and of which functions; None for any."""
    match choice:
        case "required" if not legacy:
            return "required", None
        case {"name": str() as name} if legacy:
            return "required", [name]
        case {"type": "function", "function": {"name": str() as name}}:
            return "required", [name]
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(found)}}:
            return mode, [_tool_name(tool, param) for tool in found]
        case {"type": "custom"}:
            raise unsupported(param, "Ollama calls functions alone")
    raise InvalidRequest.of(param, 'give "none", "auto", "required", or a function by its name', "invalid_value")


def _tool_name(tool: Any, param: str) -> str:
    match tool:
        case {"type": "function", "function": {"name": str() as name}}:
            return name
    raise InvalidRequest.of(param, "name functions alone", "invalid_value")
