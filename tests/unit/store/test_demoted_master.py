"""A master that was demoted answers over its old connections, and lacks what the new one has: no script believes it."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields

import pytest
import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq.store import producer_scripts, scripts
from llamaq.store.arguments import Arguments, Value
from llamaq.store.batches import batch_scripts
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import (
    Cancel,
    ConversationCut,
    ConversationDelete,
    ConversationEdit,
    ConversationFork,
)
from llamaq.store.worker import worker_scripts
from llamaq.store.worker.worker_scripts import Append, CallOff, Claim, Finish, Release

READS = frozenset({"batch_take", "conversation_list", "gauges", "proven", "webhook_take"})
"""Scripts whose answer without a write denies nothing: what they did not find now is found in the next round."""
GIVEN: dict[str, Value] = {"changes": '{"model":"m"}'}
MODULES = (producer_scripts, worker_scripts, batch_scripts)


def find_scripts() -> list[type[Arguments]]:
    """Those of producers, workers and batches, by their arguments."""
    found = {each for module in MODULES for each in vars(module).values() if isinstance(each, type)}
    return sorted(
        (each for each in found if issubclass(each, Arguments) and hasattr(each, "verb")), key=lambda each: each.verb
    )


def choose_value(field: "Field[object]", given: dict[str, Value]) -> Value:
    """A value for an argument: what is given, its default, or a number, which is a text too."""
    if (value := given.get(field.name, GIVEN.get(field.name))) is not None:
        return value
    return 1 if field.default is MISSING else field.default  # type: ignore[return-value]


def call(client: "redis.Redis", prefix: str, script: type[Arguments], **given: Value) -> object:
    """Run a script with such values; `append` with an attempt that has no event, and renews nothing."""
    values = [choose_value(field, given) for field in fields(script)]
    keys, rest = [], []
    if script is Append:
        keys = [
            Keys(prefix).leases(),
            *(key(str(given.get("id", "1"))) for key in (Keys(prefix).record, Keys(prefix).events)),
        ]
        rest = ["1 alpha", given.get("fence", "fence"), 1, 0, 0, 0]
    run: Callable[..., object] = client.execute_command  # redis-py's has no types
    return run("EVAL", scripts.load(script).text, len(keys), *keys, prefix, *values, *rest)


@pytest.fixture(scope="module")
def demoted() -> "Iterator[redis.Redis]":
    """A demoted master that has nothing, as if all had come to the new one."""
    with EmbeddedRedis.start() as server, redis.Redis(port=server.port) as client:
        client.replicaof("127.0.0.1", 1)  # of a master that never answers, so it stays as it is
        yield client


@pytest.mark.parametrize(
    "script", [each for each in find_scripts() if each.verb not in READS], ids=lambda each: each.verb
)
def test_a_script_that_finds_nothing_asks_for_the_master(demoted: "redis.Redis", script: type[Arguments]) -> None:
    """Redis refuses a write, also one that changes nothing; then the client connects again."""
    with pytest.raises(redis.ReadOnlyError):
        call(demoted, "p", script)


@pytest.fixture(scope="module")
def left() -> "Iterator[tuple[redis.Redis, dict[str, str]]]":
    """A demoted master that had a running turn and an ended job: their ids, and the fence of the turn."""
    with EmbeddedRedis.start() as server, redis.Redis(port=server.port) as client:
        fleet = Fleet(server.url, "p")
        store = fleet.add_host(slots=2)
        turn = fleet.queue.chat(MODEL, conversation="c", message="x", wait_for_model=True)
        running = fleet.claim(store, turn)
        ended, completed = fleet.start_job(store)
        store.complete(completed, make_outcome())
        fleet.close()
        client.replicaof("127.0.0.1", 1)
        yield client, {"turn": turn.id, "fence": running.fence, "ended": ended.id, "ended_fence": completed.fence}


@pytest.mark.parametrize(
    ("script", "given"),
    [
        (Append, {"id": "turn", "fence": "another"}),
        (Append, {"id": "turn", "fence": "fence"}),
        (Append, {"id": "ended", "fence": "ended_fence"}),
        (Claim, {"id": "turn", "host": "alpha", "fence": "another"}),
        (Claim, {"id": "turn", "host": "alpha", "fence": "fence"}),
        (Claim, {"id": "ended", "host": "alpha"}),
        (Finish, {"id": "turn", "fence": "another"}),
        (Finish, {"id": "ended", "fence": "ended_fence"}),
        (Release, {"id": "turn", "fence": "another"}),
        (CallOff, {"id": "ended"}),
        (Cancel, {"id": "ended"}),
        (ConversationCut, {"tenant": "default", "name": "c"}),
        (ConversationDelete, {"tenant": "default", "name": "c", "token": ""}),
        (ConversationEdit, {"tenant": "default", "name": "c"}),
        (ConversationFork, {"tenant": "default", "name": "new", "new": "c"}),
    ],
    ids=lambda each: getattr(each, "verb", None) or " ".join(each.values()),
)
def test_nor_believes_what_it_finds(
    left: "tuple[redis.Redis, dict[str, str]]", script: type[Arguments], given: dict[str, str]
) -> None:
    """The new master may have another attempt, or none of it."""
    client, ids = left
    with pytest.raises(redis.ReadOnlyError):
        call(client, "p", script, **{name: ids.get(value, value) for name, value in given.items()})
