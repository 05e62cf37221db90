"""Ollama's `options`: their types, and the errors for wrong ones."""

from collections.abc import Mapping
from typing import Any

from embedded.engine.interface import DEFAULT_CONTEXT, EngineError

_INTEGERS = frozenset(
    ("num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch", "num_gpu", "main_gpu",
     "num_thread")
)  # fmt: skip
_FLOATS = frozenset(
    ("top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty")
)
_FLAGS = frozenset(("use_mmap",))
_SMALLEST_CONTEXT = 4


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The known options in their own types; unknown ones are dropped, as Ollama does.

    Raises:
        EngineError: A type is wrong. It is a 500, although the client is at fault: so does Ollama.
    """
    known = {name: _cast(name, value) for name, value in options.items() if value is not None}
    return {name: value for name, value in known.items() if value is not None}


def context_length(options: Mapping[str, Any], trained: int) -> int:
    """The `num_ctx` in force, tokens: never above what the model was trained on, never below 4."""
    asked = int(options.get("num_ctx", min(DEFAULT_CONTEXT, trained)))
    return max(_SMALLEST_CONTEXT, min(asked, trained))


def _cast(name: str, value: object) -> object:
    if name in _INTEGERS:
        return int(_number(name, value, "integer"))
    if name in _FLOATS:
        return float(_number(name, value, "float32"))
    if name in _FLAGS:
        return _expect(name, isinstance(value, bool), value, "of type boolean")
    if name == "stop":
        _expect(name, isinstance(value, list), value, "of type array")
        strings = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return _expect(name, strings, value, "of an array of strings")
    return None


def _number(name: str, value: object, kind: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, f"of type {kind}")
    return value


def _expect(name: str, holds: bool, value: object, what: str) -> object:
    if not holds:
        raise _wrong(name, what)
    return value


def _wrong(name: str, what: str) -> EngineError:
    return EngineError(500, f'option "{name}" must be {what}')
