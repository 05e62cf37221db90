"""What is wrong with a job, as it is said over HTTP."""

import re

import pytest

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess

GENERATE = {"kind": "generate", "model": MODEL, "prompt": "Say hello."}
_OF_PYTHON = re.compile(r"\w=|\w\(|\b(None|True|False|str|int|dict|tuple|kwargs?)\b|'\w+':")


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 1},
        {"max_tokens": 5},
        {"timeout": 5},
        {"response_format": {}},
        {"wait_for_model": 1},
        {"note": 1},
        {"options": {"seed": "x"}},
        {"kind": "chat", "system": "x"},
        {"kind": "chat", "messages": "x"},
        {"kind": "chat", "messages": {}},
        {"kind": "multimodal", "images": [1]},
        {"kind": "multimodal", "images": "x"},
        {"kind": "extraction", "schema": "x"},
        {"kind": "extraction", "schema": {"type": 1}},
        {"think": {}},
        {"stream": None, "model": None},
        {"metadata": {"a": 1}},
        {"format": 1},
        {"keep_alive": []},
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_words_of_json(gateway: GatewayProcess, wrong: dict[str, object]) -> None:
    """Most who call it write no Python: it is no keyword argument, no None, and no type of Python's."""
    answer = gateway.http.post("/jobs", json={**GENERATE, **wrong})

    assert answer.status_code == 400
    assert _OF_PYTHON.search(answer.text) is None, answer.text
