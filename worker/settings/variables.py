"""The environment's variables by the names their owner wrote: of a setting that does not fit, and of none at all."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

PREFIX = "LLAMAQ_"
OLLAMAS = {
    "LLAMAQ_SLOTS": "OLLAMA_NUM_PARALLEL",
    "LLAMAQ_MAX_MODELS": "OLLAMA_MAX_LOADED_MODELS",
    "LLAMAQ_OLLAMA_URL": "OLLAMA_HOST",
}
"""Variables of Ollama's own that serve where ours say nothing."""
_MOST_NEAR = 2


def named(error: ValidationError, environ: Mapping[str, str]) -> ValidationError:
    """The same error, told of the variables that were set. It quotes no value: some are secrets."""
    problems = [
        InitErrorDetails(
            type=PydanticCustomError("setting", "{problem}", {"problem": problem["msg"].removeprefix("Value error, ")}),
            loc=_location(problem["loc"], environ),
            input=None,
        )
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return ValidationError.from_exception_data("the environment", problems, hide_input=True)


def _location(where: tuple[str | int, ...], environ: Mapping[str, str]) -> tuple[str, ...]:
    if not where:  # about several of them; the message names each
        return ()
    ours = PREFIX + "_".join(map(str, where)).upper().removeprefix(PREFIX)
    ollamas = OLLAMAS.get(ours, "")
    return (ours if environ.get(ours) or not environ.get(ollamas) else ollamas,)


def unknown(environ: Iterable[str], fields: Iterable[str]) -> dict[str, list[str]]:
    """Variables that look like settings of ours and are none, each with the names that it may have been meant for."""
    known = {field.upper() for field in fields}
    strange = (name for name in sorted(environ) if name.upper().startswith(PREFIX))
    stems = {name: name.upper().removeprefix(PREFIX) for name in strange}
    return {name: _near(stem, known) for name, stem in stems.items() if stem not in known}


def _near(stem: str, known: Iterable[str]) -> list[str]:
    # Without the prefix, which would make every name look like every other.
    return [PREFIX + name for name in get_close_matches(stem, known, _MOST_NEAR, 0.75)]
