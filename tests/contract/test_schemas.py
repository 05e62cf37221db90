"""The JSON Schemas beside the documentation: equal to the models, and true of what is really on the wire."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from docs.schemas import HERE, RESULT_FILES, render_files
from llamaq.vocabulary.events import parse as parse_event
from llamaq.vocabulary.results import RESULT
from tests.contract import golden

REQUESTS = sorted((golden.HERE / "requests").glob("*.json"))
EVENTS = sorted((golden.HERE / "events").glob("*.json"))
RESULTS = sorted((golden.HERE / "results").glob("*.json"))


def _wrong(name: str, instance: Any) -> list[str]:
    schema = json.loads((HERE / name).read_text("utf-8"))
    validator = jsonschema_rs.validator_for(schema)
    return [error.message for error in validator.iter_errors(instance)]


def test_the_schemas_are_those_of_the_models() -> None:
    """No other file is there; whether each is fresh, `run.py lint` tells."""
    assert {path.relative_to(HERE).as_posix() for path in HERE.rglob("*.json")} == render_files().keys()


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_a_golden_request_keeps_to_its_schema(path: Path) -> None:
    """A producer may check what it sends against the file of its kind; with a misspelt field it is wrong."""
    request = json.loads(path.read_text("utf-8"))
    name = f"requests/{path.stem.partition('-')[0]}.json"

    assert _wrong(name, request) == []
    assert _wrong(name, request | {"wait_for_model": True}) == []
    assert _wrong(name, request | {"promptt": "x"}) != []


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_golden_event_keeps_to_its_schema(path: Path) -> None:
    """As it stands in the log, with a number for its time; none of the common fields may be missing."""
    event = json.loads(path.read_text("utf-8"))

    assert parse_event("1-1", json.dumps(event)).type == path.stem
    assert _wrong(f"events/{path.stem}.json", event) == []
    for name in ("v", "type", "attempt", "at"):
        assert _wrong(f"events/{path.stem}.json", {key: value for key, value in event.items() if key != name}) != []


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_golden_result_keeps_to_its_schema(path: Path) -> None:
    """Of the file that is named after its type."""
    result = json.loads(path.read_text("utf-8"))
    name = RESULT_FILES[type(RESULT.validate_python(result)).__name__]

    assert _wrong(f"results/{name}.json", result) == []
    assert _wrong(f"results/{name}.json", {}) != []
