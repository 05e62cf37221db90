"""Both engines behind the HTTP server answer as the recorded Ollama did."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from embedded.ollama.process import EmbeddedOllama
from embedded.scripted import Script, ScriptedOllama
from embedded.weights import fetch_weights
from tests.unit.embedded.recorded import cases, essence, load, model_of, replay

_CALL = {"id": "call_ftznnoxm", "function": {"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}}}
# Hundreds of tokens each; the scripted engine covers their form.
_LONG = re.compile(r"ctx_overflow|num_predict_0")
_REAL = [
    case for case in cases() if model_of(case) in ("", "smollm2:135m", "nope:1b", "smollm2") and not _LONG.search(case)
]


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedOllama]:
    with ScriptedOllama.start() as server:
        yield server


@pytest.fixture(scope="module")
def real() -> Iterator[EmbeddedOllama]:
    with EmbeddedOllama.start(fetch_weights(), preload=True, threads=1) as server:
        yield server


def _agree(answer: dict[str, Any], case: str) -> None:
    assert essence(answer) == essence(load(case))


@pytest.mark.parametrize("case", cases())
def test_the_scripted_engine_answers_like_the_recording(scripted: ScriptedOllama, case: str) -> None:
    """Same status, content type, keys, types and error wording as the recorded server, for each recorded request."""
    if "tool_call_emitted" in case:
        scripted.script(Script(tool_calls=[_CALL]))
    if case == "ps_before":
        scripted.restart()
    _agree(replay(scripted.url, case), case)


@pytest.mark.model
@pytest.mark.parametrize("case", _REAL)
def test_the_real_engine_answers_like_the_recording(real: EmbeddedOllama, case: str) -> None:
    """The same for the model that the demo runs."""
    if case == "ps_before":
        real.restart()
        # Started with the model in memory: let it go first.
        replay(real.url, "unload_keep_alive_0")
    _agree(replay(real.url, case), case)
