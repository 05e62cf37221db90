"""Reads Ollama's own variables, and names the variables that are wrong."""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from llamaq.settings.declaration import declared_text, translate_error, variable_name


def read_ollama_variables(environ: Mapping[str, str], fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """Read the fields that Ollama's own variables set. `OLLAMA_NUM_PARALLEL=0` sets nothing: Ollama decides."""
    given = {name: environ.get(declared_text(field, "ollama"), "") for name, field in fields.items()}
    return {name: value for name, value in given.items() if value not in ("", "0")}


def name_variables(model: type[BaseModel], error: ValidationError, environ: Mapping[str, str]) -> ValidationError:
    """Make the same error, which names variables where the given one names fields. It quotes no secret."""
    found = [
        InitErrorDetails(
            type=PydanticCustomError("setting", "{problem}", {"problem": problem.message}),
            loc=(_find_variable(problem.field, model, environ),) if problem.field else (),
            input=None,
        )
        for problem in translate_error(model, error)
    ]
    return ValidationError.from_exception_data("the environment", found, hide_input=True)


def render(error: ValidationError) -> str:
    """Render a line for each variable that is wrong."""
    found = error.errors(include_url=False)
    return "".join(f"{''.join(f'{part}: ' for part in one['loc'])}{one['msg']}\n" for one in found)


def _find_variable(name: str, model: type[BaseModel], environ: Mapping[str, str]) -> str:
    ours, ollamas = variable_name(name), declared_text(model.model_fields[name], "ollama")
    return ours if environ.get(ours) or not environ.get(ollamas) else ollamas
