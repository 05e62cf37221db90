"""JSON Schemas of what is on the wire, where they differ from pydantic's own."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DatetimeSchema, StringSchema

WAIT_FOR_MODEL = {
    "type": "boolean",
    "default": False,
    "description": "Queue it although no host has the model yet.",
}
"""A field of every request. The queue takes it off before it looks at the rest, so no model has it."""


class WireSchema(GenerateJsonSchema):
    """As pydantic has it, but for what is different on the wire."""

    def datetime_schema(self, schema: DatetimeSchema) -> JsonSchemaValue:  # noqa: ARG002 - the signature is pydantic's
        """Dates are numbers there."""
        return {"type": "number", "description": "Unix seconds"}

    def str_schema(self, schema: StringSchema) -> JsonSchemaValue:
        """The bound that only makes pydantic look at the characters is no limit."""
        json_schema = super().str_schema(schema)
        return {name: value for name, value in json_schema.items() if (name, value) != ("maxLength", 2**31)}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - as above
        """Never: a title would say the field's name once more."""
        return False
