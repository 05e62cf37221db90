"""What the OpenAPI page says beyond the signatures of the routes: bodies that the queue validates, and errors."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from llamaq.vocabulary.requests import AnyRequest

_REFERENCE = "#/components/schemas/{model}"
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "field": {"type": "string"}},
        }
    },
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    "default": {"description": "An error", "content": {"application/json": {"schema": _ERROR}}},
}
"""The `responses` of every route: the form of an error."""
SUBMIT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model="Job")}}},
    }
}
OBJECT_BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}


def with_requests(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas of the requests of all kinds."""
    kinds: TypeAdapter[AnyRequest] = TypeAdapter(Annotated[AnyRequest, Field(discriminator="kind")])
    schema = kinds.json_schema(ref_template=_REFERENCE)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components |= schema.pop("$defs")
    components["Job"] = schema
    return document
