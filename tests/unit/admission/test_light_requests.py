"""Which requests are checked in the event loop: those that hold it up for no longer than a thread would."""

import asyncio
import threading
from typing import Any

import pytest

from llamaq import GenerateRequest
from llamaq.admission.light_requests import MOST_CHARACTERS, MOST_VALUES, is_light
from llamaq.client.aio import io

PROMPT: dict[str, Any] = {"kind": "generate", "model": "m", "prompt": "x"}
CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "request_",
    [
        PROMPT,
        {**PROMPT, "format": "json", "images": None, "options": {"temperature": 0.5, "stop": ["a"]}, "raw": True},
        {"model": "m", "messages": [{"role": "user", "content": "Hi."}] * 20},
        {**PROMPT, "prompt": "x" * (MOST_CHARACTERS // 2)},
    ],
)
def test_a_short_request_is_light(request_: dict[str, Any]) -> None:
    """Whatever its kind."""
    assert is_light(request_)


@pytest.mark.parametrize(
    "request_",
    [
        {**PROMPT, "prompt": "x" * (MOST_CHARACTERS + 1)},
        {"model": "m", "messages": [{"role": "user", "content": "x" * 200}] * 60},
        {"model": "m", "input": ["x"] * (MOST_VALUES + 1)},
        {"model": "m", "messages": [{"role": "user", "content": "Hi.", "images": ["QUJD"]}]},
        {**PROMPT, "images": [b"x"]},
        {**PROMPT, "prompt": b"x"},
        {**PROMPT, "format": {"type": "object"}},
        {**PROMPT, "schema": {"type": "object"}},
        {**PROMPT, "options": CYCLE},
        {**PROMPT, "options": {str(number): number for number in range(MOST_VALUES + 1)}},
        GenerateRequest(model="m", prompt="x"),
    ],
)
def test_what_may_take_longer_is_not(request_: Any) -> None:
    """Long texts, many values, images, schemas, and what cannot be looked into."""
    assert not is_light(request_)


@pytest.mark.parametrize(("prompt", "in_loop"), [("x", True), ("x" * (MOST_CHARACTERS + 1), False)])
def test_a_thread_checks_what_is_not_light(prompt: str, *, in_loop: bool) -> None:
    """So the loop goes on meanwhile."""

    def prepare(_: dict[str, Any]) -> bool:
        return threading.current_thread() is threading.main_thread()

    assert asyncio.run(io.run_preparation(prepare, {**PROMPT, "prompt": prompt})) == in_loop
