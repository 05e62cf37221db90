"""The types of extracted values, as pydantic knows them."""

import functools
import operator
import sys
import types
import typing
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import pydantic
import typing_extensions
from pydantic import TypeAdapter

T = TypeVar("T")
_REFUSED = None if sys.version_info >= (3, 12) else type(typing.TypedDict("_REFUSED", {}))  # type: ignore[operator]
"""The class of the TypedDicts that pydantic refuses: those of `typing` before Python 3.12."""
_COPIED = {"__required_keys__", "__optional_keys__", "__doc__", "__module__", "__qualname__", "__pydantic_config__"}


def adapter_of(target: type[T] | TypeAdapter[T]) -> TypeAdapter[T]:
    """The adapter of a type: a pydantic model, a dataclass, a TypedDict, or another that pydantic knows."""
    return target if isinstance(target, TypeAdapter) else pydantic.TypeAdapter(known(target))


def known(target: Any) -> Any:
    """The type with each TypedDict of `typing` as one of `typing_extensions`, which pydantic takes on every Python."""
    return target if _REFUSED is None else _known(target, {})


def _known(target: Any, made: dict[Any, Any]) -> Any:
    """`made` has the TypedDicts around this type, because one may refer to itself."""
    origin = get_origin(target)
    if origin is None:
        return _backport(target, made) if type(target) is _REFUSED else target
    args = (target.__origin__,) if origin is typing.Annotated else get_args(target)
    inside = tuple(_known(each, made) for each in args)
    around = _known(origin, made)
    if inside == args and around is origin:
        return target
    if isinstance(target, types.UnionType):
        return functools.reduce(operator.or_, inside)
    if around is not origin or isinstance(target, types.GenericAlias):
        return around[inside]
    return target.copy_with(inside)


def _backport(target: Any, made: dict[Any, Any]) -> Any:
    copy: Any
    if target not in made:
        generic = [base for base in getattr(target, "__orig_bases__", ()) if get_origin(base) is Generic]
        made[target] = copy = types.new_class(target.__name__, (typing_extensions.TypedDict, *generic))
        hints = get_type_hints(target, include_extras=True)
        copy.__annotations__ = {name: _known(hint, made) for name, hint in hints.items()}
        for name in _COPIED & set(dir(target)):
            setattr(copy, name, getattr(target, name))
    return made[target]
