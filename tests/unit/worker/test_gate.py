"""The gate: what becomes of a message after each exception that handling it may raise."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import exceptions as redis

from llamaq.store.worker.outcome import Error
from llamaq.vocabulary.errors import BrokerUnavailable, InvalidRequest, QueueFull
from worker import gate
from worker.gate import BadMessage, Incoming, handle_or_set_aside, is_outage, read_json


def raising(error: BaseException) -> Callable[[], None]:
    """A handler that fails."""

    def handle() -> None:
        raise error

    return handle


def unavailable(cause: Exception) -> BrokerUnavailable:
    """The error of a verb of the SDK, for one of redis-py."""
    error = BrokerUnavailable("Redis at x: y")
    error.__cause__ = cause
    return error


NEVER_SEEN = type("NeverSeen", (Exception,), {})
OUTAGES: list[Exception] = [
    redis.ConnectionError("refused"),
    redis.TimeoutError("late"),
    redis.BusyLoadingError("loading"),
    redis.ReadOnlyError("a replica"),
    redis.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
    redis.NoPermissionError("no"),
    redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
    redis.ResponseError("Error running script (call to f_1): @user_script:1: -READONLY You can't write"),
    ConnectionResetError(),
    BrokerUnavailable("Redis at x: y"),
]
FAULTS: list[Exception] = [
    NEVER_SEEN("out of the blue"),
    RecursionError(),
    MemoryError(),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    OSError("cannot identify image file"),
    redis.ResponseError("user_script:1: too many results to unpack"),
    redis.ResponseError("WRONGTYPE Operation against a key"),
    KeyError("exchange"),
    ExceptionGroup("several", [ValueError()]),
]


@pytest.mark.parametrize("error", OUTAGES, ids=str)
@pytest.mark.parametrize("wrap", [lambda error: error, unavailable], ids=["plain", "of a verb"])
def test_an_outage_is_not_the_messages_fault(error: Exception, wrap: Callable[[Exception], Exception]) -> None:
    """It is passed on, and the message is taken again."""
    aside: list[Any] = []
    with pytest.raises(type(wrap(error))):
        handle_or_set_aside(Incoming("celery", "x"), raising(wrap(error)), lambda *letter: aside.append(letter))
    assert aside == []


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("read", "code"), [(False, "invalid_request"), (True, "internal")])
def test_any_other_exception_sets_the_message_aside(error: Exception, *, read: bool, code: str) -> None:
    """Of any type. What is not understood is the sender's fault, what fails then is ours and may be sent again."""
    message, aside = Incoming("inbox", "x", "the-id", read=read), []
    reason = handle_or_set_aside(message, raising(error), lambda *letter: aside.append(letter))
    assert reason is not None
    assert aside == [(message, reason)]
    assert (reason.code, reason.retryable) == (code, read)
    assert "out of the blue" not in reason.message


def test_a_script_that_fails_is_no_outage_also_inside_a_verb() -> None:
    """A verb of the SDK gives each error of Redis the same class."""
    assert not is_outage(unavailable(redis.ResponseError("user_script:1: too many results to unpack")))
    assert (
        handle_or_set_aside(Incoming("inbox", "x", read=True), raising(unavailable(FAULTS[5])), lambda *_: None)
        is not None
    )


def test_a_refusal_keeps_its_own_words() -> None:
    """As does one that the handler asks to be tried later."""
    refusal = handle_or_set_aside(
        Incoming("inbox", "x"), raising(InvalidRequest.of("prompt", "too long")), lambda *_: None
    )
    assert refusal == Error("invalid_request", "prompt: too long")
    with pytest.raises(QueueFull):
        handle_or_set_aside(Incoming("inbox", "x"), raising(QueueFull("full", 1)), lambda *_: None, later=(QueueFull,))


def test_an_order_to_end_the_process_is_followed() -> None:
    """It comes from the operator, never from a message."""
    with pytest.raises(SystemExit):
        handle_or_set_aside(Incoming("control", "x"), raising(SystemExit(0)), lambda *_: None)


@settings(deadline=None)
@given(
    st.text() | st.builds(lambda levels, inner: "[" * levels + inner + "]" * levels, st.integers(0, 2_000), st.text())
)
def test_any_text_is_json_or_named(text: str) -> None:
    """Whatever it is; and what is taken can be written again by every writer behind the gate."""
    try:
        value = read_json(text)
    except BadMessage:
        return
    json.dumps(value)


def test_what_is_nested_too_deeply_is_named() -> None:
    """By the beginning of its path."""
    deep = '{"a": [{"b": ' + "[" * 300 + "]" * 300 + "}]}"
    with pytest.raises(BadMessage, match=r"^a\.0\.b\.0\.0.*nested more than 250 levels deep"):
        read_json(deep)
    assert read_json("[" * 250 + "]" * 250)


def test_a_text_of_empty_lists_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before a parser sees it."""
    monkeypatch.setattr(json, "loads", raising(AssertionError()))
    with pytest.raises(BadMessage, match="more than 5000000 parts"):
        read_json("[" + "[]," * gate.MOST_PARTS, json.loads)


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_text_of_too_many_bytes_is_refused(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes count, not characters. No parser sees it."""
    monkeypatch.setattr(gate, "MOST_BYTES", 1_000)
    most = f'"{letter * (998 // len(letter.encode()))}"'
    assert read_json(most) == most[1:-1]
    with pytest.raises(BadMessage, match=r"has 100[0-9] bytes, at most 1000 are read"):
        read_json(f'"{letter * 3}{most[1:]}', raising(AssertionError()))  # type: ignore[arg-type]  # never called
