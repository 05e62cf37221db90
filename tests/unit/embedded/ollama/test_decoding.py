"""What the recordings do not show of how Ollama reads a request."""

import math

import pytest

from embedded.engine.formats import check_thinking, schema_of
from embedded.engine.interface import EngineError, Model
from embedded.ollama.decoding import CHAT, GENERATE, decode
from embedded.ollama.durations import keep_alive_seconds
from embedded.ollama.options import checked, context_length


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "missing request body"),
        (b'{"model": "a",', "unexpected EOF"),
        (b'{"model": "a', "unexpected EOF"),
        (b"tru", "unexpected EOF"),
        (b"{'a': 1}", "invalid character"),
        (b"?", "invalid character '?' looking for beginning of value"),
        (
            b'{"stream": "false"}',
            "json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool",
        ),
        (b'{"context": 1}', "json: cannot unmarshal number into Go struct field GenerateRequest.context of type []int"),
        (b'"text"', "json: cannot unmarshal string into Go value of type api.GenerateRequest"),
    ],
)
def test_a_bad_body_is_a_400_in_gos_words(raw: bytes, message: str) -> None:
    """Each complaint begins as Go's encoding/json would put it."""
    with pytest.raises(EngineError) as caught:
        decode(raw, GENERATE)
    assert caught.value.status == 400
    assert caught.value.message.startswith(message)


def test_null_is_absent() -> None:
    """A null never has the wrong type; it counts as not given."""
    assert decode(b'{"stream": null, "messages": [{"content": null, "role": "user"}]}', CHAT) == {
        "messages": [{"role": "user"}]
    }


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, 7.0), (0, 0.0), ("0", 0.0), (90, 90.0), ("5m", 300.0), ("1h30m", 5400.0), ("250ms", 0.25), (-1, math.inf),
     ("-1s", math.inf)],
)  # fmt: skip
def test_keep_alive_is_seconds_or_a_go_duration(value: object, seconds: float) -> None:
    """Negative is for ever, nothing is the default."""
    assert keep_alive_seconds(value, default=7.0) == seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [("soon", 'time: invalid duration "soon"'), ("5", 'time: missing unit in duration "5"'), ("", "time: invalid")],
)
def test_a_bad_keep_alive_is_a_400(value: str, message: str) -> None:
    """In the words of Go's time package."""
    with pytest.raises(EngineError, match=message) as caught:
        keep_alive_seconds(value, 1.0)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("temperature", "hot", "of type float32"), ("num_ctx", True, "of type integer"), ("stop", "x", "of type array"),
     ("stop", [1], "of an array of strings"), ("use_mmap", 1, "of type boolean")],
)  # fmt: skip
def test_a_wrong_option_type_is_a_500(name: str, value: object, kind: str) -> None:
    """The client's fault, but Ollama's own server error."""
    with pytest.raises(EngineError) as caught:
        checked({name: value})
    assert (caught.value.status, caught.value.message) == (500, f'option "{name}" must be {kind}')


def test_options_are_cast_and_clamped() -> None:
    """A fraction for an integer is cut, an unknown option dropped, `num_ctx` kept within the model's reach."""
    assert checked({"num_predict": 5.5, "nosuch": 1, "temperature": 1, "seed": None}) == {
        "num_predict": 5,
        "temperature": 1.0,
    }
    assert [context_length({"num_ctx": asked}, 8192) for asked in (-5, 100, 10**9)] == [4, 100, 8192]
    assert context_length({}, 2048) == 2048


def test_a_schema_may_not_point_elsewhere() -> None:
    """A `$ref` to another server is refused, not fetched."""
    with pytest.raises(EngineError) as caught:
        schema_of({"format": {"$ref": "http://127.0.0.1:9/schema.json"}})
    assert caught.value.status == 400


def test_thinking_is_a_bool_or_a_level() -> None:
    """A level that is none is refused before the model is asked; a model that cannot think refuses all but false."""
    with pytest.raises(EngineError, match="invalid think value"):
        check_thinking({"think": "lots"}, Model("a:b", ("completion", "thinking")), "a:b")
    check_thinking({"think": "high"}, Model("a:b", ("completion", "thinking")), "a:b")
    check_thinking({"think": False}, Model("a:b"), "a:b")
