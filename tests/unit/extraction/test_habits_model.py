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
from embedded.weights import fetch_weights
from llamaq.extraction.engine.grammar import translate_schema
from llamaq.extraction.schema import check_schema
from tests.unit.extraction.habits import HABITS, Habit

pytestmark = pytest.mark.model

SAMPLE = ("zod: literals", "zod: closed tuple", "zod: intersection")
ASKED = [habit for habit in HABITS if habit.name in SAMPLE or os.environ.get("SCHEMAS") == "all"]
TRIES = 4
"""With another seed each: a model this small may go on in a list or a tree until its limit, and is asked again then."""
MOST_TOKENS = 120


@pytest.fixture(scope="module")
def ollama() -> Iterator[EmbeddedOllama]:
    with EmbeddedOllama.start(fetch_weights(), slots=1) as server:
        yield server


@pytest.mark.parametrize("habit", ASKED, ids=lambda habit: habit.name)
def test_a_model_writes_a_valid_value(habit: Habit, ollama: EmbeddedOllama) -> None:
    """It is shown one, because nothing else would end the texts, lists and trees of a model this small."""
    validator, sent = check_schema(habit.schema), translate_schema(habit.schema)

    answers = (_ask(ollama.url, habit.valid, sent, seed) for seed in range(TRIES))
    ended = next((answer for answer in answers if answer["done_reason"] == "stop"), None)

    assert ended is not None, "it did not end"
    assert validator.is_valid(json.loads(ended["message"]["content"])), ended


def _ask(url: str, shown: Any, schema: Any, seed: int) -> Any:
    asked = {"role": "user", "content": f"Write {json.dumps(shown)}"}
    body = {
        "model": "smollm2:135m",
        "stream": False,
        "messages": [asked, {"role": "assistant", "content": json.dumps(shown)}, asked],
        "format": schema,
        "options": {"num_predict": MOST_TOKENS, "temperature": seed / 2, "repeat_penalty": 1 + seed / 5, "seed": seed},
    }
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=110)
    try:
        connection.request("POST", "/api/chat", json.dumps(body))
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert "message" in answer, answer
    return answer
