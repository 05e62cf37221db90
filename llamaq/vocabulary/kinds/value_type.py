"""The types of extracted values, as pydantic knows them."""

import dataclasses
import sys
import threading
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar, get_args, get_type_hints

import pydantic
import typing_extensions
from pydantic import TypeAdapter

T = TypeVar("T")
_INSIDE = ("__origin__", "__supertype__", "__bound__", "__value__")
"""Where a generic type, a NewType, a type variable and a type alias have the type that they stand for."""
# Before Python 3.12 pydantic refuses a TypedDict whose metaclass is of the module `typing`.
_REFUSED: Any = None if sys.version_info >= (3, 12) else type(typing.TypedDict("_REFUSED", {}))  # type: ignore[operator]
_TAKEN: Any = _REFUSED and type("_TypedDictMeta", (_REFUSED,), {"__module__": __name__})
_lock = threading.Lock()


def adapter_of(target: type[T] | TypeAdapter[T]) -> TypeAdapter[T]:
    """The adapter of a type: a pydantic model, a dataclass, a TypedDict, or another that pydantic knows."""
    if isinstance(target, TypeAdapter):
        return target
    with _accept_typed_dicts(target) if _REFUSED else nullcontext():
        adapter = pydantic.TypeAdapter(target)
        adapter.rebuild()  # where the type's own configuration defers it, or a name is unknown: its error has the name
    return adapter


def resolve_type(target: type[T] | TypeAdapter[T], field: str = "target") -> TypeAdapter[T]:
    """Resolve the adapter of a type that a caller gives in an argument.

    Raises:
        TypeError: it is no type that pydantic knows, and what to give in its place.
    """
    if isinstance(target, str | bytes | int | float | list | tuple | set | dict | None):
        raise TypeError(_value_message(target, field))
    try:
        return adapter_of(target)
    except Exception as error:  # whatever pydantic raises for what is no type
        raise TypeError(no_type_message(target, error, field)) from error


def no_type_message(target: Any, error: Exception, field: str) -> str:
    """Why a target has no adapter, or no JSON Schema."""
    if isinstance(target, pydantic.BaseModel) or (dataclasses.is_dataclass(target) and not isinstance(target, type)):
        return f"give the class in place of an instance: {field}={type(target).__name__}"
    return f"{target!r} has no JSON Schema: {(str(error).splitlines() or [type(error).__name__])[0]}"


def _value_message(target: object, field: str) -> str:
    schema = "; a JSON Schema is given as a dict" if field == "schema" else ""
    if isinstance(target, str):
        return f"give the type itself in place of its name {target[:100]!r}{schema}"
    return f"give a type that pydantic knows, or its TypeAdapter, not a value of {type(target).__name__}{schema}"


@contextmanager
def _accept_typed_dicts(target: Any) -> Iterator[None]:
    """A block in which pydantic takes each TypedDict of `typing`, wherever in the type it stands."""
    found: dict[int, Any] = {}
    _collect_types(target, found)
    with _lock:
        refused = [each for each in found.values() if type(each) is _REFUSED]
        derived = [each for each in refused if not hasattr(each, "__orig_bases__")]  # Python 3.12 gives it to all
        try:
            for each in derived:
                each.__orig_bases__ = ()
            for each in refused:
                each.__class__ = _TAKEN
            yield
        finally:  # types that inherit from them later must find the metaclass that they know
            for each in refused:
                each.__class__ = _REFUSED
            for each in derived:
                del each.__orig_bases__


def _collect_types(target: Any, found: dict[int, Any]) -> None:
    """Enter a type by its `id`, and all types in it: arguments, members, and what an alias or a variable stands for."""
    if id(target) in found:  # a type may refer to itself
        return
    found[id(target)] = target
    inside = [*get_args(target), *getattr(target, "__constraints__", ())]
    inside += [getattr(target, name) for name in _INSIDE if getattr(target, name, None) is not None]
    if isinstance(target, type) and _has_members(target):
        inside += _type_hints(target).values()
    for each in inside:
        _collect_types(each, found)


def _has_members(target: type[Any]) -> bool:
    return (
        typing_extensions.is_typeddict(target)
        or dataclasses.is_dataclass(target)
        or issubclass(target, (tuple, pydantic.BaseModel))
    )


def _type_hints(target: type[Any]) -> Mapping[str, Any]:
    try:
        return get_type_hints(target, include_extras=True)
    except Exception:  # noqa: BLE001 - annotations are the application's code; pydantic says what is wrong with them
        return target.__annotations__
