"""Reads Ollama's own variables, and names the variables that are wrong."""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from llamaq.settings.declaration import declared_text, translate_error, variable_name


def of_ollama(environ: Mapping[str, str], fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """The fields that Ollama's own variables set. `OLLAMA_NUM_PARALLEL=0` lets Ollama decide, and sets nothing here."""
    given = {name: environ.get(declared_text(field, "ollama"), "") for name, field in fields.items()}
    return {name: value for name, value in given.items() if value not in ("", "0")}


def named(model: type[BaseModel], error: ValidationError, environ: Mapping[str, str]) -> ValidationError:
    """The same error, which names variables where the given one names fields. It quotes no secret."""
    found = [
        InitErrorDetails(
            type=PydanticCustomError("setting", "{problem}", {"problem": problem.message}),
            loc=(_set(problem.field, model, environ),) if problem.field else (),
            input=None,
        )
        for problem in translate_error(model, error)
    ]
    return ValidationError.from_exception_data("the environment", found, hide_input=True)


def told(error: ValidationError) -> str:
    """A line for each variable that is wrong."""
    found = error.errors(include_url=False)
    return "".join(f"{''.join(f'{part}: ' for part in one['loc'])}{one['msg']}\n" for one in found)


def _set(name: str, model: type[BaseModel], environ: Mapping[str, str]) -> str:
    ours, ollamas = variable_name(name), declared_text(model.model_fields[name], "ollama")
    return ours if environ.get(ours) or not environ.get(ollamas) else ollamas
