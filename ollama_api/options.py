"""`options` as Ollama reads them: known names must have their type, a fraction is cut off, other names are ignored."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from llamaq.vocabulary.options import Options
from ollama_api.encoding import quote
from ollama_api.refusal import Refusal

_LIMIT = 2**63 - 1


def _read_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("integer")
    return max(-_LIMIT - 1, min(_LIMIT, int(value)))


def _read_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("float32")
    return float(value)


def _read_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("boolean")
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread"), _read_integer),
    **dict.fromkeys(("num_keep", "seed", "num_predict", "top_k", "repeat_last_n"), _read_integer),
    **dict.fromkeys(("top_p", "min_p", "typical_p", "temperature", "repeat_penalty"), _read_float),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), _read_float),
    "use_mmap": _read_boolean,
}
_OF_OLDER_SERVERS: Mapping[str, Callable[[Any], Any]] = {
    "mirostat": _read_integer,
    **dict.fromkeys(("tfs_z", "mirostat_tau", "mirostat_eta"), _read_float),
    **dict.fromkeys(("numa", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mlock"), _read_boolean),
    "penalize_newline": _read_boolean,
}
"""They are passed on where they have their type. Newer servers ignore them."""


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the options of a job.

    Raises:
        Refusal: 500, although the client is at fault: so does Ollama. 400 for a number that no float64 holds.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or name not in Options.model_fields:
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise Refusal(400, "json: cannot unmarshal number into Go value of type float64")
        if name == "stop":
            found[name] = _read_stop(value)
        elif name in _READERS:
            try:
                found[name] = _READERS[name](value)
            except TypeError as error:
                raise _wrong_type(name, f"of type {error}") from None
        else:
            found |= _read_older(name, value)
    return found


def _read_stop(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _wrong_type("stop", "of type array")
    if not all(isinstance(one, str) for one in value):
        raise _wrong_type("stop", "of an array of strings")
    return value


def _read_older(name: str, value: Any) -> dict[str, Any]:
    try:
        return {name: _OF_OLDER_SERVERS[name](value)}
    except TypeError:
        return {}


def _wrong_type(name: str, what: str) -> Refusal:
    return Refusal(500, f"option {quote(name)} must be {what}")
