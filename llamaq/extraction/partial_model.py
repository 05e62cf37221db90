"""A value that is still growing, as an object of the type it is meant for.

A field appears once its value is valid for its type. A text that still grows appears as far as it has come where the
field is a `str`; one of another type (a date, an enum, a `Literal`) when it is whole. What has not come is None, or the
field's default. Validators of a whole object, and `model_post_init`, are left to the end: half an object would not do.
"""

import dataclasses
import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pydantic
from pydantic import AliasChoices, BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_json

from llamaq.extraction.partial_json import Unfinished

Grow = Callable[[Any, bool], Any]
"""Makes an object of a value, or raises ValueError. True as the second argument wants it to fit exactly so far: which
member of a union is meant can be told by that alone."""
Fields = dict[str, tuple[str, Grow]]
"""Of each attribute: its name in the JSON, and what makes it."""


def grower(target: Any) -> Grow:
    """What makes objects of a type: a pydantic model, a dataclass, a TypedDict, lists and dicts of them, or any other.

    Raises:
        pydantic.PydanticUserError: pydantic does not know the type.
    """
    return _grower(target, {})


def _grower(target: Any, known: dict[type, Grow]) -> Grow:
    """`known` are the types on the way down: those that refer to themselves end there."""
    if not isinstance(target, type) or get_origin(target) is not None:
        return _of_composite(target, known)
    if target in known:
        return known[target]
    if issubclass(target, BaseModel):
        return _of_model(target, known)
    if dataclasses.is_dataclass(target):
        return _of_dataclass(target, known)
    if hasattr(target, "__total__"):
        return _of_typed_dict(target, known)
    return _leaf(target)


# --- types that hold others


def _of_composite(target: Any, known: dict[type, Grow]) -> Grow:
    origin, inside = get_origin(target), get_args(target)
    if origin is Annotated:
        return _constrained(target, inside[0], known)
    if origin in (Union, types.UnionType):
        return _of_union([_grower(member, known) for member in inside if member is not types.NoneType], _leaf(target))
    if origin in (list, Sequence):
        return _of_list(_grower(inside[0] if inside else Any, known))
    if origin is dict:
        key, member = inside or (str, Any)  # a bare `typing.Dict` has neither
        return _of_dict(_key(key), _grower(member, known))
    return _leaf(target)


def _constrained(target: Any, plain: Any, known: dict[type, Grow]) -> Grow:
    """With its constraints where it passes them already; else without: half a list may be shorter than it must be."""
    grow = _grower(plain, known)
    return grow if plain is str else _first([_leaf(target), grow])


def _of_union(members: list[Grow], whole: Grow) -> Grow:
    if len(members) == 1:
        return _first([whole, *members])
    # What fits none of them exactly does not appear: shown as the wrong one it would change its type later.
    return _first([*(_exactly(member) for member in members), whole])


def _exactly(grow: Grow) -> Grow:
    return lambda value, _: grow(value, True)


def _first(growers: list[Grow]) -> Grow:
    def grow(value: Any, exact: bool) -> Any:
        for one in growers[:-1]:
            try:
                return one(value, exact)
            except ValueError:
                continue
        return growers[-1](value, exact)

    return grow


def _of_list(item: Grow) -> Grow:
    def grow(value: Any, exact: bool) -> list[Any]:
        items: list[Any] = []
        for each in _a(list, value):
            try:
                items.append(item(each, exact))
            except ValueError:
                if exact and not isinstance(each, Unfinished):
                    raise
                break  # not beyond it: the places of the others would be wrong
        return items

    return grow


def _of_dict(key: Callable[[str], Any], member: Grow) -> Grow:
    def grow(value: Any, exact: bool) -> dict[Any, Any]:
        members = _members(value, {name: (name, member) for name in _a(dict, value)}, exact)
        return {key(name): each for name, each in members.items()}

    return grow


def _key(target: Any) -> Callable[[str], Any]:
    return str if target in (str, Any) else TypeAdapter(target).validate_strings


# --- types with fields


def _of_model(target: type[BaseModel], known: dict[type, Grow]) -> Grow:
    fields: Fields = {}

    def grow(value: Any, exact: bool) -> BaseModel:
        root = target.__pydantic_root_model__
        members = {"root": fields["root"][1](value, exact)} if root else _members(value, fields, exact)
        return _built(target, members)

    known[target] = grow
    for name, info in target.model_fields.items():
        annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
        fields[name] = (_alias(info) or name, _grower(annotation, known))
    return grow


def _built(target: type[BaseModel], members: dict[str, Any]) -> BaseModel:
    # Not by `model_construct`: it would call `model_post_init`, which may rely on all fields.
    made = target.__new__(target)
    missing = {name: _default_of(info) for name, info in target.model_fields.items()}
    private = {name: _known(attribute.get_default) for name, attribute in target.__private_attributes__.items()}
    object.__setattr__(made, "__dict__", missing | members)
    object.__setattr__(made, "__pydantic_fields_set__", set(members))
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", private or None)
    return made


def _alias(info: FieldInfo) -> str | None:
    alias = info.validation_alias or info.alias
    first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
    return first if isinstance(first, str) else None


def _of_dataclass(target: type[Any], known: dict[type, Grow]) -> Grow:
    fields: Fields = {}

    def grow(value: Any, exact: bool) -> Any:
        made = object.__new__(target)
        missing = {field.name: _default(field) for field in dataclasses.fields(target)}
        for name, member in (missing | _members(value, fields, exact)).items():
            object.__setattr__(made, name, member)  # past __init__, which wants everything, and past `frozen`
        return made

    known[target] = grow
    hints = get_type_hints(target, include_extras=True)
    fields |= {field.name: (field.name, _grower(hints[field.name], known)) for field in dataclasses.fields(target)}
    return grow


def _default(field: "dataclasses.Field[Any]") -> Any:
    if isinstance(field.default, FieldInfo):  # pydantic's own `Field(...)`
        return _default_of(field.default)
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else _known(field.default_factory)


def _default_of(info: FieldInfo) -> Any:
    return _known(lambda: info.get_default(call_default_factory=True))


def _known(default: Callable[[], Any]) -> Any:
    """None for what has not come and has no default: an attribute that is not there would surprise more."""
    try:
        value = default()
    except Exception:  # noqa: BLE001 - the application's own code: it may want fields that have not come yet
        return None
    return None if value is PydanticUndefined else value


def _of_typed_dict(target: Any, known: dict[type, Grow]) -> Grow:
    fields: Fields = {}

    def grow(value: Any, exact: bool) -> dict[str, Any]:
        return _members(value, fields, exact)

    known[target] = grow
    fields |= {name: (name, _grower(hint, known)) for name, hint in get_type_hints(target).items()}
    return grow


def _members(value: Any, fields: Fields, exact: bool) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, (key, grow) in fields.items():
        if key in _a(dict, value):
            try:
                members[name] = grow(value[key], exact)
            except ValueError:  # not valid yet; or never, which the end of the job will tell
                if exact and not isinstance(value[key], Unfinished):
                    raise
    if exact and (not members or value.keys() - {key for key, _ in fields.values()}):
        raise ValueError("nothing says that it is this one")
    return members


def _a(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"not a {kind.__name__}")  # noqa: TRY004 - a value of the model's, not a caller's type
    return value


def _leaf(target: Any) -> Grow:
    if target is str:
        return lambda value, _: str(_a(str, value))
    adapter: TypeAdapter[Any] = pydantic.TypeAdapter(target)

    def grow(value: Any, _: bool) -> Any:
        if isinstance(value, Unfinished) and target is not Any:
            raise ValueError("not whole yet")
        # As JSON, the way the whole value will be validated: a strict model takes a date's text from JSON alone.
        return adapter.validate_json(to_json(value))

    return grow
