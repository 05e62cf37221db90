"""A field that there is not is answered with the one that was meant, at whatever depth of the request."""

import pytest

from llamaq import InvalidRequest, JobQueue
from llamaq.vocabulary.problems import find_closest
from llamaq.vocabulary.requests import parse

GENERATE = {"kind": "generate", "model": "m", "prompt": "x"}
FIELDS = {
    "priorty": "priority",
    "tenat": "tenant",
    "sytem": "system",
    "keepalive": "keep_alive",
    "keepAlive": "keep_alive",
    "deadlin": "deadline",
    "start_afer": "start_after",
    "idempotencykey": "idempotency_key",
    "formt": "format",
    "streaming": "stream",
    "webhook": "notify",
    "countdown": "start_after",
}
OPTIONS = {
    "temprature": "temperature",
    "Temperature": "temperature",
    "num-ctx": "num_ctx",
    "numCtx": "num_ctx",
    "n_ctx": "num_ctx",
    "max_token": "num_predict",
    "maxTokens": "num_predict",
    "stop_sequence": "stop",
    "topP": "top_p",
    "repeat_penalti": "repeat_penalty",
    "repetition_penalty": "repeat_penalty",
    "seeed": "seed",
}
MESSAGE = {
    "contnet": "content",
    "rol": "role",
    "image": "images",
    "toolcalls": "tool_calls",
    "toolName": "tool_name",
    "thinkin": "thinking",
}
NOTIFY = {"URL": "url", "event": "events", "include_results": "include_result"}
KINDS = {
    "generat": "generate",
    "Chat": "chat",
    "embed": "embedding",
    "extract": "extraction",
    "multi_modal": "multimodal",
}
PLACES = {
    "messages": "messages are of the kind chat",
    "schema": "format takes a JSON Schema",
    "timeout": "the limits are deadline",
    "colour": "leave this field out",
}


def _told(fields: dict[str, object]) -> str:
    with pytest.raises(InvalidRequest) as refused:
        parse(fields)
    return "\n".join(str(problem) for problem in refused.value.problems)


@pytest.mark.parametrize(("name", "meant"), FIELDS.items())
def test_a_field_of_the_request(name: str, meant: str) -> None:
    """Misspelt, in another case, or by the name that others have for it."""
    assert _told({**GENERATE, name: 1}) == f"{name}: there is no such field: did you mean {meant}?"


@pytest.mark.parametrize(("name", "meant"), OPTIONS.items())
def test_an_option_in_its_place_and_out_of_it(name: str, meant: str) -> None:
    """Outside of `options` it is said where it belongs."""
    assert _told({**GENERATE, "options": {name: 1}}).endswith(f"there is no such field: did you mean {meant}?")
    assert _told({**GENERATE, name: 1}).endswith(f'put it in options: {{"{meant}": ...}}')


@pytest.mark.parametrize(("name", "meant"), MESSAGE.items())
def test_a_field_of_a_message(name: str, meant: str) -> None:
    """The path names the message."""
    told = _told({"kind": "chat", "model": "m", "messages": [{"role": "user", "content": "x", name: "y"}]})
    assert told == f"messages.0.{name}: there is no such field: did you mean {meant}?"


@pytest.mark.parametrize(("name", "meant"), NOTIFY.items())
def test_a_field_of_a_webhook(name: str, meant: str) -> None:
    """As of any other object in the request."""
    told = _told({**GENERATE, "notify": {"url": "https://a.example", name: "x"}})
    assert told == f"notify.{name}: there is no such field: did you mean {meant}?"


@pytest.mark.parametrize(("name", "meant"), KINDS.items())
def test_a_kind(name: str, meant: str) -> None:
    """Also by the name of its verb."""
    assert _told({**GENERATE, "kind": name}) == f"kind: there is no kind {name!r}: did you mean {meant}?"


@pytest.mark.parametrize(("name", "said"), PLACES.items())
def test_what_has_another_place(name: str, said: str) -> None:
    """Or none at all."""
    assert said in _told({**GENERATE, name: 1})


@pytest.mark.parametrize("name", ["template", "raw", "suffix", "context", "system"])
def test_a_field_of_another_kind_is_no_misspelt_option(name: str) -> None:
    """A template is like a temperature in its letters alone."""
    told = _told({"kind": "chat", "model": "m", "messages": [{"role": "user", "content": "x"}], name: 1})
    assert ("the kind generate" in told or '"role": "system"' in told, "temperature" in told) == (True, False)


def test_what_it_is_called_depends_on_the_kind() -> None:
    """A conversation is of a chat alone, and the texts of an embedding are its input."""
    assert "did you mean conversation?" in _told({"kind": "chat", "model": "m", "session": "s", "messages": []})
    assert "conversation" not in _told({**GENERATE, "session": "s"})
    assert "did you mean input?" in _told({"kind": "embedding", "model": "m", "prompt": "x"})
    assert "the kinds are generate, chat" in _told({**GENERATE, "kind": 7})


def test_the_settings_of_a_conversation() -> None:
    """They are no request, and are told of all the same."""
    with pytest.raises(InvalidRequest, match=r"did you mean options\?"):
        JobQueue("redis://127.0.0.1:1/0").conversation("c").set(optoins={})  # type: ignore[call-arg]  # on purpose


def test_a_long_name_costs_no_time() -> None:
    """A name of a megabyte is compared by its beginning."""
    assert find_closest("temperature" * 100_000, ["temperature"]) is None
