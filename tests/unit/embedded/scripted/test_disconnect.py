"""A client that hangs up takes its request with it, wherever that is."""

import time
from typing import Any

from embedded.scripted import ScriptedModel, ScriptedOllama

_SLOW = ScriptedModel("smollm2:135m", load_seconds=600)


def test_decoding_ends_at_once(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """Hanging up in the middle of a stream frees the slot; the tokens that were left are never made."""
    ollama.script(count=100_000, rate=100)
    with wire(ollama.url) as client:
        client.until(b'"response"')
        before = time.monotonic()
    stats = ollama.wait(lambda seen: seen["disconnects"] == 1 and seen["running"] == 0)
    assert stats["requests"][0]["hung_up_at"] >= before
    assert stats["requests"][0]["sent"] < 100_000


def test_a_request_that_does_not_stream_ends_too(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """The same without streaming, where the client has seen no byte."""
    ollama.script(hold="never")
    with wire(ollama.url, stream=False):
        ollama.wait(lambda seen: seen["held"].get("never") == 1)
    stats = ollama.wait(lambda seen: seen["disconnects"] == 1 and seen["running"] == 0)
    assert stats["held"]["never"] == 0


def test_a_queued_request_leaves_the_queue(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """Hanging up while waiting for the slot: the request never runs, and the one behind it does."""
    ollama.script(hold="first")
    with wire(ollama.url) as first:
        ollama.wait(lambda seen: seen["running"] == 1)
        with wire(ollama.url, prompt="second"):
            ollama.wait(lambda seen: seen["in_flight"] == 2)
        ollama.wait(lambda seen: seen["disconnects"] == 1)
        with wire(ollama.url, prompt="third") as third:
            ollama.wait(lambda seen: seen["in_flight"] == 2)
            ollama.release("first")
            first.until(b'"done":true')
            third.until(b'"done":true')
    started = [request["started_at"] is not None for request in ollama.stats()["requests"]]
    assert started == [True, False, True]


def test_a_load_is_thrown_away(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """Hanging up while the model loads aborts the load; the model is not in memory afterwards."""
    ollama.set_model(_SLOW)
    with wire(ollama.url):
        ollama.wait(lambda seen: seen["loading"] == {"smollm2:135m": 1})
    stats = ollama.wait(lambda seen: seen["aborted_loads"] == {"smollm2:135m": 1})
    assert stats["loads"] == {}


def test_a_script_may_ignore_it(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """With `ignore_disconnect` the slot stays taken until the script lets go, as on a server that notices late."""
    ollama.script(hold="late", ignore_disconnect=True)
    with wire(ollama.url):
        ollama.wait(lambda seen: seen["held"].get("late") == 1)
    assert ollama.wait(lambda seen: seen["disconnects"] == 1)["running"] == 1
    ollama.release("late")
    ollama.wait(lambda seen: seen["running"] == 0 and seen["in_flight"] == 0)
