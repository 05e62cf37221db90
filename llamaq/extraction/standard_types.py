"""JSON Schemas of the types whose own in pydantic say something else than the type takes.

JSON Schema's formats `date-time` and `time` require a time zone, and so does the grammar that Ollama makes of them. A
`datetime` and a `time` take one, and a `NaiveDatetime` refuses it. A `UUID4` has a format that no validator knows, and
the schema of a URL does not name its schemes. Here a pattern says it, in the regular expressions that Ollama takes.
"""

import re

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_HEX = "[0-9a-fA-F]"


class StandardTypes(GenerateJsonSchema):
    """Makes the schemas of pydantic's types."""

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """Of a date and time with a zone, without one, or either."""
        return _replace_format(super().datetime_schema(schema), f"{_DATE}[T ]{_TIME}", schema.get("tz_constraint"))

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        """Of a time with a zone, without one, or either."""
        return _replace_format(super().time_schema(schema), _TIME, schema.get("tz_constraint"))

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchemaValue:
        """Of a UUID, with its version."""
        found = super().uuid_schema(schema)
        if version := schema.get("version"):
            middle = f"{version}{_HEX}{{3}}-[89abAB]{_HEX}{{3}}"
            return found | {"format": "uuid", "pattern": f"^{_HEX}{{8}}-{_HEX}{{4}}-{middle}-{_HEX}{{12}}$"}
        return found

    def url_schema(self, schema: core_schema.UrlSchema) -> JsonSchemaValue:
        """Of a URL, with its schemes."""
        return _add_schemes(super().url_schema(schema), schema.get("allowed_schemes"))

    def multi_host_url_schema(self, schema: core_schema.MultiHostUrlSchema) -> JsonSchemaValue:
        """Of the URL of a database, with its schemes."""
        return _add_schemes(super().multi_host_url_schema(schema), schema.get("allowed_schemes"))


def _replace_format(found: JsonSchemaValue, pattern: str, zone: str | int | None) -> JsonSchemaValue:
    if zone == "aware":
        return found  # the format says it, and the grammar knows it
    found.pop("format", None)
    needed = {"naive": "", None: f"{_ZONE}?"}.get(zone, _ZONE)  # type: ignore[arg-type]  # an int is an offset
    return found | {"pattern": f"^{pattern}{needed}$"}


def _add_schemes(found: JsonSchemaValue, schemes: list[str] | None) -> JsonSchemaValue:
    if not schemes:
        return found
    literally = (re.sub(r"([+.])", r"\\\1", scheme) for scheme in schemes)
    return found | {"pattern": f"^({'|'.join(literally)}):.+$"}
