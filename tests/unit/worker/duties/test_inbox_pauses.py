"""A producer without the SDK pauses, drains and resumes hosts and models by the inbox."""

import pytest

from embedded.scripted.fleet import MODEL, Fleet
from llamaq.store.connections.clients import connect_binary
from tests.unit.worker.writing import run_supervised, wait_until
from worker.duties import inbox as module
from worker.duties.inbox import Inbox


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round waits a hundredth of a second for an entry, and not two: the duty ends behind it."""
    monkeypatch.setattr(module, "BLOCK_MILLISECONDS", 10)


def _send(fleet: Fleet, *entries: dict[str, str]) -> None:
    """Let a worker take the entries, in their order."""
    store = fleet.add_host()
    for entry in entries:
        fleet.redis.xadd(fleet.keys.inbox(), entry)
    with connect_binary(fleet.url) as client:
        inbox = Inbox(client, fleet.keys, fleet.queue, store, "w1")
        with run_supervised(inbox) as failed:
            wait_until(lambda: fleet.redis.xlen(fleet.keys.inbox()) == 0)
    assert failed == []


@pytest.mark.parametrize("what", ["host:alpha", f"model:{MODEL}"])
@pytest.mark.parametrize(("order", "word"), [("pause", "paused"), ("drain", "draining")])
def test_a_pause_holds_until_it_is_resumed(fleet: Fleet, order: str, word: str, what: str) -> None:
    """`llamaq:paused` tells it, as docs/wire.md says."""
    _send(fleet, {order: what})
    assert fleet.redis.hgetall(f"{fleet.keys.prefix}:paused") == {what: word}

    _send(fleet, {"resume": what})
    assert fleet.redis.hgetall(f"{fleet.keys.prefix}:paused") == {}
    assert fleet.queue.dead() == []


@pytest.mark.parametrize("what", ["alpha", "host:", "host:nobody", "model:nobody", "worker:w1", "host"])
def test_one_that_names_nothing_is_a_dead_letter(fleet: Fleet, what: str) -> None:
    """Its reason says what is wrong, and nothing is paused."""
    _send(fleet, {"pause": what})
    (letter,) = fleet.queue.dead()
    assert (letter.source, letter.message) == ("inbox", f"pause {what}")
    assert letter.reason
    assert fleet.redis.hgetall(f"{fleet.keys.prefix}:paused") == {}
