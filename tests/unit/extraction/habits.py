"""Schemas as pydantic, zod and the SDKs of OpenAI write them: a value that is valid for each, and one that is not."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llamaq.extraction.schema import schema_of
from tests.unit.extraction.pydantic_types import TYPES


@dataclass(frozen=True, slots=True)
class Habit:
    """One schema."""

    name: str
    schema: dict[str, Any]
    valid: Any
    invalid: Any


def _read() -> list[Habit]:
    written = json.loads((Path(__file__).parent / "schemas.json").read_text("utf-8"))
    made = {f"pydantic: {name}": (schema_of(target), *values) for name, (target, *values) in TYPES.items()}
    return [Habit(name, **entry) for name, entry in written.items()] + [
        Habit(name, *entry) for name, entry in made.items()
    ]


HABITS = _read()
