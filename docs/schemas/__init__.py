"""The shapes on the wire as JSON Schemas, made from the models: `python3 run.py generate` writes them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from gateway.jobs.wire_schema import WAIT_FOR_MODEL, WireSchema
from llamaq.vocabulary.events import BaseEvent, Event
from llamaq.vocabulary.notify import Notice
from llamaq.vocabulary.requests import REQUEST_TYPES
from llamaq.vocabulary.results import AnyResult, ErrorInfo

HERE = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"
RESULT_FILES = {shape.__name__: shape.__name__.removesuffix("Result").lower() for shape in get_args(AnyResult)}
_ALWAYS = tuple(BaseEvent.model_fields)
"""Fields of every event that have a default in Python, and none on the wire."""


def render_files() -> dict[str, str]:
    """Render the text of each file, by its name."""
    return {f"{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in _make_schemas()}


def _make_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, shape in REQUEST_TYPES.items():
        yield f"requests/{kind}", _make_request_schema(shape)
    for event in get_args(Event):
        yield f"events/{event.model_fields['type'].default}", _make_event_schema(event)
    for result in get_args(AnyResult):
        yield f"results/{RESULT_FILES[result.__name__]}", _make_schema(result)
    yield "error", _make_schema(ErrorInfo)
    yield "webhook", _make_schema(Notice)


def _make_schema(shape: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": DIALECT, **shape.model_json_schema(by_alias=True, schema_generator=WireSchema)}


def _make_request_schema(shape: type[BaseModel]) -> dict[str, Any]:
    schema = _make_schema(shape)
    schema["properties"]["wait_for_model"] = WAIT_FOR_MODEL
    return schema


def _make_event_schema(shape: type[BaseModel]) -> dict[str, Any]:
    schema = _make_schema(shape)
    fixed = [name for name in (*_ALWAYS, "type") if name not in schema.get("required", [])]
    return schema | {"required": sorted([*schema.get("required", []), *fixed])}
