"""Reads Ollama's own variables, and names the variables that are wrong or not settings."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from llamaq.settings.declaration import PREFIX, about, problems, variable

_MOST_NEAR = 2


def of_ollama(environ: Mapping[str, str], fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """The fields that Ollama's own variables set. `OLLAMA_NUM_PARALLEL=0` lets Ollama decide, and sets nothing here."""
    given = {name: environ.get(about(field, "ollama"), "") for name, field in fields.items()}
    return {name: value for name, value in given.items() if value not in ("", "0")}


def named(model: type[BaseModel], error: ValidationError, environ: Mapping[str, str]) -> ValidationError:
    """The same error, which names variables where the given one names fields. It quotes no secret."""
    found = [
        InitErrorDetails(
            type=PydanticCustomError("setting", "{problem}", {"problem": problem.message}),
            loc=(_set(problem.field, model, environ),) if problem.field else (),
            input=None,
        )
        for problem in problems(model, error)
    ]
    return ValidationError.from_exception_data("the environment", found, hide_input=True)


def _set(name: str, model: type[BaseModel], environ: Mapping[str, str]) -> str:
    ours, ollamas = variable(name), about(model.model_fields[name], "ollama")
    return ours if environ.get(ours) or not environ.get(ollamas) else ollamas


def unknown(environ: Iterable[str], fields: Iterable[str]) -> dict[str, list[str]]:
    """Variables that begin as settings do and are not, each with the names of settings that resemble it."""
    known = {field.upper() for field in fields}
    strange = (name for name in sorted(environ) if name.upper().startswith(PREFIX))
    stems = {name: name.upper().removeprefix(PREFIX) for name in strange}
    return {name: _near(stem, known) for name, stem in stems.items() if stem not in known}


def _near(stem: str, known: Iterable[str]) -> list[str]:
    # Compared without the prefix, which would make all names alike.
    return [PREFIX + name for name in get_close_matches(stem, known, _MOST_NEAR, 0.75)]
