"""Reads a producer's settings from the environment. No other module of llamaq reads it."""

import os
import warnings
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from llamaq.settings import declaration
from llamaq.settings.declaration import variable_name
from llamaq.settings.producer import ProducerVariables, Settings, check_type
from llamaq.settings.unknown_variables import remarks
from llamaq.vocabulary.errors import InvalidRequest, Problem

DEFAULT_URL: str = declaration.default(ProducerVariables, "redis_url")
DEFAULT_PREFIX: str = declaration.default(ProducerVariables, "prefix")


_warned: set[str] = set()
V = TypeVar("V", bound=BaseModel)


def warn_of_unknown(environ: Mapping[str, str] | None = None) -> None:
    """Warn, once in a process, of each variable that looks like a setting and is none."""
    for remark in remarks(os.environ if environ is None else environ):
        if remark not in _warned:
            _warned.add(remark)
            warnings.warn(remark, UserWarning, stacklevel=3)


def unknown_variable_remarks() -> list[str]:
    """What those warnings say, for a program that has other means to tell it."""
    return remarks(os.environ)


def read(environ: Mapping[str, str] | None = None) -> tuple[str, Settings]:
    """The URL of Redis, and the settings. An empty variable counts as not set.

    Raises:
        InvalidRequest: with a problem for each variable that is wrong.
    """
    variables = read_as(ProducerVariables, environ)
    return variables.redis_url, variables.producer


def read_as(model: type[V], environ: Mapping[str, str] | None = None) -> V:
    """The variables of a program. An empty one counts as not set.

    Raises:
        InvalidRequest: with a problem for each variable that is wrong.
    """
    given = os.environ if environ is None else environ
    check_type("environ", given, Mapping)
    try:
        return model.model_validate(declaration.collect_fields(model, given))
    except ValidationError as error:
        found = declaration.translate_error(model, error)
        raise InvalidRequest(
            [Problem(variable_name(one.field) if one.field else "", one.message) for one in found]
        ) from None
