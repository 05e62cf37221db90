"""What the OpenAPI page says beyond the signatures of the routes: the bodies of requests and answers, and errors."""

import re
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway.jobs import bodies
from gateway.jobs.wire_schema import WAIT_FOR_MODEL, WireSchema
from llamaq.vocabulary.conversations import ConversationInfo, ConversationSettings, KeptMessage
from llamaq.vocabulary.events import BaseEvent, Event
from llamaq.vocabulary.models import HostStatus, ModelStatus, WorkerStatus
from llamaq.vocabulary.requests import AnyRequest
from llamaq.vocabulary.results import AnyResult
from llamaq.vocabulary.status import JobStatus
from llamaq.vocabulary.wait_reason import Why

_REFERENCE = "#/components/schemas/{model}"
_WHOLE: tuple[type[BaseModel], ...] = (
    JobStatus,
    Why,
    ModelStatus,
    HostStatus,
    WorkerStatus,
    ConversationInfo,
    KeptMessage,
)
"""What has all its fields in an answer, null where a field has no value; other objects leave these out."""
_NONE = re.compile(r"\bNone\b")
_BODIES: tuple[type[BaseModel], ...] = (
    *(bodies.JobPage, bodies.ModelList, bodies.HostList, bodies.Conversation, bodies.ConversationList),
    *(bodies.WorkerList, bodies.Target),
    *(bodies.ChangedSettings, bodies.Probe, bodies.Error, bodies.Cancellation, bodies.Edit, bodies.Fork),
)


def _json_content(name: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model=name)}}}}


def response_body(name: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route whose body is this component."""
    return {status: _json_content(name)}


def request_body(name: str, *, required: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads this component from its body."""
    return {"requestBody": {"required": required, **_json_content(name)}}


ANSWERS: dict[int | str, dict[str, Any]] = {"default": {"description": "An error", **_json_content("Error")}}
"""The `responses` of every route: the form of an error."""


def complete_document(document: dict[str, Any]) -> dict[str, Any]:
    """Complete the document with the schemas of all bodies: requests of all kinds, statuses, results and events."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    # FastAPI joins the schema of the route's type, any object, with the reference that the route names.
                    content["schema"] = _keep_reference(content["schema"])
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components |= _response_schemas() | _request_schemas()
    _use_json_words(document)
    return document


def _use_json_words(part: Any) -> None:
    """Replace None by null: descriptions are docstrings."""
    if isinstance(part, dict):
        if isinstance(text := part.get("description"), str):
            part["description"] = _NONE.sub("null", text)
        part = list(part.values())
    for below in part if isinstance(part, list) else ():
        _use_json_words(below)


def _keep_reference(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$ref": schema["$ref"]} if "$ref" in schema else schema


def _request_schemas() -> dict[str, Any]:
    kinds: TypeAdapter[AnyRequest] = TypeAdapter(Annotated[AnyRequest, Field(discriminator="kind")])
    schema = kinds.json_schema(ref_template=_REFERENCE)
    schemas: dict[str, Any] = schema.pop("$defs")
    for shape in get_args(AnyRequest):
        request = schemas[shape.__name__]
        request["properties"]["wait_for_model"] = WAIT_FOR_MODEL
        request["required"] = ["kind", *request.get("required", [])]
    return {**schemas, "Job": schema, "Changes": {"type": "object", "additionalProperties": True}}


def _response_schemas() -> dict[str, Any]:
    results, events = get_args(AnyResult), get_args(Event)
    shapes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (shape, "validation") for shape in (*_WHOLE, *_BODIES, ConversationSettings, *results, *events)
    ]
    _, definitions = models_json_schema(shapes, by_alias=True, ref_template=_REFERENCE, schema_generator=WireSchema)
    schemas: dict[str, Any] = definitions["$defs"]
    for shape in _WHOLE:
        schemas[shape.__name__]["required"] = list(shape.model_fields)
    for shape in events:
        fixed = {"type", *BaseEvent.model_fields, *schemas[shape.__name__].get("required", [])}
        schemas[shape.__name__]["required"] = sorted(fixed)
    types = {shape.model_fields["type"].default: _REFERENCE.format(model=shape.__name__) for shape in events}
    return {
        **schemas,
        "Result": {"anyOf": [{"$ref": _REFERENCE.format(model=shape.__name__)} for shape in results]},
        "Event": {
            "oneOf": [{"$ref": reference} for reference in types.values()],
            "discriminator": {"propertyName": "type", "mapping": types},
        },
    }
