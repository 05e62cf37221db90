"""Loads the schema of an extraction from a file, or from a class that is named on the command line."""

import importlib
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from llamaq.cli.input.image_arguments import is_file
from llamaq.cli.input.json_input import parse_json


def load(ctx: click.Context, param: click.Parameter, value: str) -> Any:
    """The schema for `book.json`, or the class for `module:Class` (a pydantic model, say).

    Raises:
        click.BadParameter: it cannot be loaded.
    """
    module, colon, name = value.partition(":")
    try:
        if colon and not is_file(value) and module.replace(".", "").isidentifier():
            return _import_class(module, name)
        return _load_file(Path(value))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def _load_file(path: Path) -> Any:
    try:
        schema = parse_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror} (a class is given as module:Class)") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise ValueError(f"{path} holds no JSON object, so it is no schema")  # noqa: TRY004 - the file's content, not a caller's type
    return schema


def _import_class(module: str, name: str) -> Any:
    # The path of an installed command lacks the working directory, where the module probably is.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        raise ValueError(f"cannot import {module}: {type(error).__name__}: {error}") from error
    if not isinstance(target := getattr(found, name, None), type | TypeAdapter):
        raise ValueError(f"{module} has no class {name!r}")  # noqa: TRY004 - a name on the command line, as above
    return target
