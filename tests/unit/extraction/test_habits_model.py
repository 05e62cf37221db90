"""A real model writes a valid value for what pydantic, zod and the SDKs of OpenAI write.

`SCHEMAS=all` asks for every one of them, which takes minutes; otherwise three are asked for.
"""

import http.client
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from embedded.ollama.process import EmbeddedOllama
from embedded.weights import weights
from llamaq.extraction.engine.grammar import for_engine
from llamaq.extraction.schema import check_schema
from tests.unit.extraction.habits import HABITS, Habit

pytestmark = pytest.mark.model

SAMPLE = ("zod: literals", "zod: closed tuple", "zod: intersection")
ASKED = [habit for habit in HABITS if habit.name in SAMPLE or os.environ.get("SCHEMAS") == "all"]
NO_GRAMMAR = {"zod 3: intersection, unevaluated", "if, then, not, dependencies", "without types", "zod: email"}
"""Those with a rule that no grammar has. A model that has not read it may break it, and is asked again then."""


@pytest.fixture(scope="module")
def ollama() -> Iterator[EmbeddedOllama]:
    with EmbeddedOllama.start(weights(), slots=1) as server:
        yield server


@pytest.mark.parametrize("habit", ASKED, ids=lambda habit: habit.name)
def test_a_model_writes_a_valid_value(habit: Habit, ollama: EmbeddedOllama) -> None:
    """Texts, lists and numbers are kept short, because this model would go on until a limit cuts it."""
    schema = _short(habit.schema)
    validator = check_schema(schema)

    value = _ask(ollama.url, for_engine(schema))

    assert validator.is_valid(value) or habit.name in NO_GRAMMAR, value


def _ask(url: str, schema: Any) -> Any:
    body = {
        "model": "smollm2:135m",
        "stream": False,
        "messages": [{"role": "user", "content": "Hi"}],
        "format": schema,
        "options": {"num_predict": 200, "temperature": 0},
    }
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=110)
    try:
        connection.request("POST", "/api/chat", json.dumps(body))
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert "message" in answer, answer
    return json.loads(answer["message"]["content"])


def _short(part: Any) -> Any:
    """The schema with a limit for each text, list and number."""
    if isinstance(part, list):
        return [_short(each) for each in part]
    if not isinstance(part, dict):
        return part
    short = {name: value if name in {"enum", "const", "default"} else _short(value) for name, value in part.items()}
    kind = part.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "string" in kinds and not {"pattern", "format", "enum", "const"} & part.keys():
        short["maxLength"] = min(int(part.get("maxLength", 6)), 6)
    if (
        kind in ("number", "integer") and not {"const", "minimum", "exclusiveMinimum"} & part.keys()
    ):  # it may have digits without end
        short |= {"type": "integer", "minimum": 0, "maximum": 9}
    if kind == "array" and "prefixItems" not in part and not isinstance(part.get("items"), list):
        short.setdefault("maxItems", 2)
    return short
