"""Schemas, texts, and what is to be drawn out of each: made for this project, as its users' might be."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Pair:
    """One text, and the value in it that is valid against the schema."""

    name: str
    schema: dict[str, Any]
    text: str
    value: dict[str, Any]


def _read_pairs() -> list[Pair]:
    schemas = json.loads((_HERE / "schemas.json").read_text("utf-8"))
    lines = [json.loads(line) for line in (_HERE / "pairs.jsonl").read_text("utf-8").splitlines()]
    return [
        Pair(f"{line['schema']}-{number}", schemas[line["schema"]], line["text"], line["value"])
        for number, line in enumerate(lines, 1)
    ]


PAIRS = _read_pairs()
