"""How many run at a time, who waits, who is refused, and which models are in memory."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from embedded.scripted import ScriptedModel, ScriptedOllama
from embedded.scripted.launcher import Stats

_A = "smollm2:135m"
_B = "smollm2-b:135m"


def _in_flight(wanted: int) -> Callable[[Stats], bool]:
    return lambda seen: seen["in_flight"] == wanted


def _load(ollama: ScriptedOllama, wire: type[Any], model: str = _A, **body: Any) -> None:
    with wire(ollama.url, model=model, **{"prompt": "", **body}) as client:
        client.until(b'"done_reason"')


def test_no_more_run_than_there_are_slots(wire: type[Any]) -> None:
    """With two slots four requests run two at a time; those that wait see no header, however warm the model is."""
    with ScriptedOllama.start(slots=2, max_queue=1) as ollama, ExitStack() as open_clients:
        _load(ollama, wire)
        ollama.script(hold="go", times=4)
        clients = [open_clients.enter_context(wire(ollama.url)) for _ in range(4)]
        ollama.wait(lambda seen: seen["in_flight"] == 4 and seen["running"] == 2)
        assert [client.seen for client in clients] == [b"", b"", b"", b""]
        ollama.release("go")
        for client in clients:
            client.until(b'"done":true')
        assert ollama.stats()["max_running_by_model"] == {_A: 2}


def test_a_cold_model_refuses_what_its_queue_cannot_hold(wire: type[Any]) -> None:
    """One is loaded for, two may wait; the others get 503 with Ollama's text at once, as recorded."""
    slow = ScriptedModel(_A, load_seconds=600)
    with ScriptedOllama.start(max_queue=2, models=[slow]) as ollama, ExitStack() as open_clients:
        for number in range(3):
            open_clients.enter_context(wire(ollama.url))
            ollama.wait(_in_flight(number + 1))
        with wire(ollama.url) as refused:
            answer = refused.until(b"exceeded")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'{"error":"server busy, please try again.  maximum pending requests exceeded"}' in answer
        assert b"Retry-After" not in answer


def test_a_swap_waits_for_the_running_request(wire: type[Any]) -> None:
    """With room for one model, a request for another waits until the first is idle, then loads it."""
    with ScriptedOllama.start(max_models=1) as ollama:
        ollama.script(model=_A, hold="a")
        with wire(ollama.url, model=_A) as first:
            ollama.wait(lambda seen: seen["running"] == 1)
            with wire(ollama.url, model=_B) as second:
                ollama.wait(lambda seen: seen["running"] == 1 and seen["in_flight"] == 2)
                assert ollama.stats()["loads"] == {_A: 1}
                ollama.release("a")
                first.until(b'"done":true')
                second.until(b'"done":true')
        assert ollama.stats()["unloads"] == {_A: 1}
        assert ollama.stats()["loads"] == {_A: 1, _B: 1}


def test_another_context_length_reloads(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """The same `num_ctx` finds the model in memory; another one loads it again."""
    _load(ollama, wire)
    _load(ollama, wire, options={"num_ctx": 4096})
    assert ollama.stats()["loads"] == {_A: 1}
    _load(ollama, wire, options={"num_ctx": 2048})
    assert ollama.stats()["loads"] == {_A: 2}


def test_a_model_leaves_after_its_keep_alive(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """`keep_alive` in Go's notation; when it has passed the model is unloaded without being asked."""
    _load(ollama, wire, keep_alive="50ms")
    assert ollama.wait(lambda seen: seen["unloads"] == {_A: 1})["loads"] == {_A: 1}


def test_keep_alive_zero_unloads_at_once(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """An empty prompt with `keep_alive` 0 is a request to unload; it succeeds where nothing is loaded, too."""
    _load(ollama, wire, keep_alive=0)
    _load(ollama, wire)
    _load(ollama, wire, keep_alive=0)
    assert ollama.stats()["unloads"] == {_A: 1}


def test_requests_that_are_forgotten_are_told_no_more(wire: type[Any]) -> None:
    """The log tells those behind them, and all of them again after a restart, which begins at 1."""
    with ScriptedOllama.start() as ollama:
        _load(ollama, wire, prompt="first")
        assert ollama.forget_requests() == 1
        _load(ollama, wire, prompt="second")
        seen = ollama.wait(lambda seen: any(one["ended_at"] for one in seen["requests"]))
        assert [("second" in one["body"], one["number"]) for one in seen["requests"]] == [(True, 2)]
        assert seen["arrived"] == 2

        ollama.restart()
        _load(ollama, wire)

        assert [one["number"] for one in ollama.stats()["requests"]] == [1]
