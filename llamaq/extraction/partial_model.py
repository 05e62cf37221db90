"""Makes an object of a type out of a value that is still growing.

A field appears once its value is valid for its type. An unfinished string appears as far as it has come where the field
is a `str`; where the type is another one (a date, an enum, a `Literal`) it appears when it is finished. Until then the
attribute is the field's default, or None. Validators of a whole object and `model_post_init` do not run before the end,
because they may need fields that have not come.
"""

import dataclasses
import types
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_json

from llamaq.extraction.partial_json import Unfinished
from llamaq.vocabulary.kinds.value_type import adapter_of

Build = Callable[[Any, bool], Any]
"""Makes the object for a value, or raises ValueError while there is none. The second argument is True for a member of a
union. Then a finished part that does not fit is an error too, because the fit decides which member is meant."""
Fields = dict[str, tuple[str, Build]]
"""For each attribute, its name in the JSON, and the builder of its value."""


def builder_of(target: Any) -> Build:
    """The builder for a type: a pydantic model, a dataclass, a TypedDict, lists and dicts of them, or any other.

    Raises:
        pydantic.PydanticUserError: pydantic does not know the type.
    """
    return _builder(target, {})


def _builder(target: Any, builders: dict[type, Build]) -> Build:
    """`builders` has those of the types around this one, because a type may refer to itself."""
    if not isinstance(target, type) or get_origin(target) is not None:
        return _composite_builder(target, builders)
    if target in builders:
        return builders[target]
    if issubclass(target, BaseModel):
        return _model_builder(target, builders)
    if dataclasses.is_dataclass(target):
        return _dataclass_builder(target, builders)
    if hasattr(target, "__total__"):
        return _typed_dict_builder(target, builders)
    return _leaf_builder(target)


# --- composite types


def _composite_builder(target: Any, builders: dict[type, Build]) -> Build:
    origin, inside = get_origin(target), get_args(target)
    if origin is Annotated:
        return _constrained_builder(target, inside[0], builders)
    if origin in (Union, types.UnionType):
        members = [_builder(member, builders) for member in inside if member is not types.NoneType]
        return _union_builder(members, _leaf_builder(target))
    if origin in (list, Sequence):
        return _list_builder(_builder(inside[0] if inside else Any, builders))
    if origin is dict:
        key, member = inside or (str, Any)  # a bare `typing.Dict` has neither
        return _dict_builder(_key_reader(key), _builder(member, builders))
    return _leaf_builder(target)


def _constrained_builder(target: Any, plain: Any, builders: dict[type, Build]) -> Build:
    """With the constraints where the value fulfils them, else without: a list that grows may still be too short."""
    build = _builder(plain, builders)
    return build if plain is str else _first_fitting_builder([_leaf_builder(target), build])


def _union_builder(members: list[Build], whole: Build) -> Build:
    if len(members) == 1:
        return _first_fitting_builder([whole, *members])
    # A value that may still become several members does not appear, because its type could change later.
    return _first_fitting_builder([*(_member_builder(member) for member in members), whole])


def _member_builder(build: Build) -> Build:
    return lambda value, _: build(value, True)


def _first_fitting_builder(builders: list[Build]) -> Build:
    def build(value: Any, in_union: bool) -> Any:
        for one in builders[:-1]:
            try:
                return one(value, in_union)
            except ValueError:
                continue
        return builders[-1](value, in_union)

    return build


def _list_builder(build_item: Build) -> Build:
    def build(value: Any, in_union: bool) -> list[Any]:
        items: list[Any] = []
        for item in _require(list, value):
            try:
                items.append(build_item(item, in_union))
            except ValueError:
                if in_union and not isinstance(item, Unfinished):
                    raise
                break  # the items behind it would have wrong indexes
        return items

    return build


def _dict_builder(read_key: Callable[[str], Any], build_member: Build) -> Build:
    def build(value: Any, in_union: bool) -> dict[Any, Any]:
        fields = {name: (name, build_member) for name in _require(dict, value)}
        return {read_key(name): member for name, member in _build_members(value, fields, in_union).items()}

    return build


def _key_reader(target: Any) -> Callable[[str], Any]:
    return str if target in (str, Any) else adapter_of(target).validate_strings


# --- types with fields


def _model_builder(target: type[BaseModel], builders: dict[type, Build]) -> Build:
    fields: Fields = {}

    def build(value: Any, in_union: bool) -> BaseModel:
        if target.__pydantic_root_model__:
            return _new_model(target, {"root": fields["root"][1](value, in_union)})
        return _new_model(target, _build_members(value, fields, in_union))

    builders[target] = build
    for name, info in target.model_fields.items():
        annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
        fields[name] = (_alias(info) or name, _builder(annotation, builders))
    return build


def _new_model(target: type[BaseModel], members: dict[str, Any]) -> BaseModel:
    # `model_construct` would call `model_post_init`, which may need all fields.
    made = target.__new__(target)
    defaults = {name: _model_default(info) for name, info in target.model_fields.items()}
    private = {name: _call_or_none(attribute.get_default) for name, attribute in target.__private_attributes__.items()}
    object.__setattr__(made, "__dict__", defaults | members)
    object.__setattr__(made, "__pydantic_fields_set__", set(members))
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", private or None)
    return made


def _alias(info: FieldInfo) -> str | None:
    alias = info.validation_alias or info.alias
    first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
    return first if isinstance(first, str) else None


def _dataclass_builder(target: type[Any], builders: dict[type, Build]) -> Build:
    fields: Fields = {}

    def build(value: Any, in_union: bool) -> Any:
        made = object.__new__(target)
        defaults = {field.name: _dataclass_default(field) for field in dataclasses.fields(target)}
        for name, member in (defaults | _build_members(value, fields, in_union)).items():
            object.__setattr__(made, name, member)  # `__init__` would require all fields, and `frozen` refuse setattr
        return made

    builders[target] = build
    hints = get_type_hints(target, include_extras=True)
    fields |= {field.name: (field.name, _builder(hints[field.name], builders)) for field in dataclasses.fields(target)}
    return build


def _dataclass_default(field: "dataclasses.Field[Any]") -> Any:
    if isinstance(field.default, FieldInfo):  # pydantic's own `Field(...)`
        return _model_default(field.default)
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else _call_or_none(field.default_factory)


def _model_default(info: FieldInfo) -> Any:
    return _call_or_none(lambda: info.get_default(call_default_factory=True))


def _call_or_none(default: Callable[[], Any]) -> Any:
    """The default; None where there is none, so that the attribute exists in any case."""
    try:
        value = default()
    except Exception:  # noqa: BLE001 - the application's own code: it may need fields that have not come yet
        return None
    return None if value is PydanticUndefined else value


def _typed_dict_builder(target: Any, builders: dict[type, Build]) -> Build:
    fields: Fields = {}

    def build(value: Any, in_union: bool) -> dict[str, Any]:
        return _build_members(value, fields, in_union)

    builders[target] = build
    fields |= {name: (name, _builder(hint, builders)) for name, hint in get_type_hints(target).items()}
    return build


def _build_members(value: Any, fields: Fields, in_union: bool) -> dict[str, Any]:
    """Build the members that are valid so far. Those that never become valid fail the job at its end."""
    members: dict[str, Any] = {}
    for name, (key, build) in fields.items():
        if key in _require(dict, value):
            try:
                members[name] = build(value[key], in_union)
            except ValueError:
                if in_union and not isinstance(value[key], Unfinished):
                    raise
    if in_union and (not members or value.keys() - {key for key, _ in fields.values()}):
        raise ValueError("no member of the union is known to be meant")
    return members


def _require(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"not a {kind.__name__}")  # noqa: TRY004 - a value of the model's, not a caller's type
    return value


def _leaf_builder(target: Any) -> Build:
    if target is str:
        return lambda value, _: str(_require(str, value))
    adapter: TypeAdapter[Any] = adapter_of(target)

    def build(value: Any, _: bool) -> Any:
        if isinstance(value, Unfinished) and target is not Any:
            raise ValueError("not finished yet")
        # As JSON, like the whole value at the end: a strict model takes the text of a date from JSON alone.
        return adapter.validate_json(to_json(value))

    return build
