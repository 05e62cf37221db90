"""What the recordings do not show of how the embedded Ollama takes a request."""

import pytest

from embedded.engine.interface import EngineError, Model
from embedded.engine.request_checks import check_thinking, read_schema
from embedded.ollama.server import context_length


def test_the_context_is_within_the_models_reach() -> None:
    """Never above what the model was trained on, never below 4."""
    assert [context_length({"num_ctx": asked}, 8192) for asked in (-5, 100, 10**9)] == [4, 100, 8192]
    assert context_length({}, 2048) == 2048


def test_a_schema_may_not_point_elsewhere() -> None:
    """A `$ref` to another server is refused, not fetched."""
    with pytest.raises(EngineError) as caught:
        read_schema({"format": {"$ref": "http://127.0.0.1:9/schema.json"}})
    assert caught.value.status == 400


def test_a_model_that_cannot_think_refuses_all_but_false() -> None:
    """One that can takes a level."""
    with pytest.raises(EngineError, match="does not support thinking"):
        check_thinking({"think": "high"}, Model("a:b"), "a:b")
    check_thinking({"think": "high"}, Model("a:b", ("completion", "thinking")), "a:b")
    check_thinking({"think": False}, Model("a:b"), "a:b")
