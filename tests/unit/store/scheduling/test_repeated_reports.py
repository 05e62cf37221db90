"""Reports of a host that is idle: what was written before is not written again, and nothing goes unnoticed for that."""

from collections.abc import Callable
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet
from llamaq.store.worker.job_store import JobStore

OTHER = "other:latest"
WORKERS, SIZES = "{}:workers", "{}:sizes"
FACTS: dict[str, Any] = {
    "slots": 3,
    "max_models": 2,
    "status": "{}",
    "models": [MODEL, OTHER],
    "loaded": [MODEL],
    "runners": {MODEL: f"{MODEL} 0 "},
    **PATIENCE,
}


@pytest.fixture
def store(fleet: Fleet) -> JobStore:
    """A worker of the host alpha, which has reported it."""
    store = fleet.worker()
    store.report(**FACTS)
    return store


def mark(fleet: Fleet) -> None:
    """Write something into the host's record that a whole report writes over."""
    fleet.redis.hset(fleet.keys.host("alpha"), "status", "marked")


def is_whole(fleet: Fleet) -> bool:
    """Whether the last report wrote over the mark."""
    return str(fleet.redis.hget(fleet.keys.host("alpha"), "status")) != "marked"


def test_a_repeated_report_only_says_that_the_host_answers(fleet: Fleet, store: JobStore) -> None:
    """It is live again, its worker too, and its slots are offered as before."""
    mark(fleet)
    fleet.silence_host("alpha")
    fleet.redis.zadd(WORKERS.format(fleet.keys.host("alpha")), {"w1": 1})
    fleet.redis.hset(fleet.keys.host("alpha"), "seen_at", "1")
    size = str(fleet.redis.hget(SIZES.format(fleet.keys.host("alpha")), "w1"))
    fleet.redis.hset(SIZES.format(fleet.keys.host("alpha")), "w1", "1 " + size.partition(" ")[2])

    store.report(**FACTS)

    assert not is_whole(fleet)
    times = (
        fleet.redis.zscore(fleet.keys.hosts(), "alpha"),
        fleet.redis.zscore(WORKERS.format(fleet.keys.host("alpha")), "w1"),
        float(fleet.redis.hget(fleet.keys.host("alpha"), "seen_at") or 0),
        float(str(fleet.redis.hget(SIZES.format(fleet.keys.host("alpha")), "w1")).split()[0]),
    )
    now = fleet.redis.time()[0]
    assert all(now - 60 < seconds <= now + 1 for seconds in times if seconds is not None)
    fleet.submit()
    assert len(fleet.slots()) == 1


def _delete(name: str) -> Callable[[Fleet], object]:
    return lambda fleet: fleet.redis.delete(f"{fleet.keys.prefix}:{name}")


def _set(field: str, value: str) -> Callable[[Fleet], object]:
    return lambda fleet: fleet.redis.hset(fleet.keys.host("alpha"), field, value)


HAPPENED: dict[str, Callable[[Fleet], object]] = {
    "time has passed": _set("reported_at", "1"),
    "Redis' clock was set back": _set("reported_at", str(2**40)),
    "its models were deleted": _delete("host:alpha:models"),
    "its runners were deleted": _delete("host:alpha:runners"),
    "a model's hosts were deleted": _delete(f"model:{MODEL}:hosts"),
    "a model's offers were deleted": _delete(f"model:{OTHER}:offers"),
    "its offers were withdrawn": _set("offered", ""),
    "its circuit is open": _set("circuit", "open"),
    "its circuit is half open": _set("circuit", "half_open"),
    "a slot is used": lambda fleet: fleet.submit(),
    "a host job runs": lambda fleet: fleet.queue.pull(OTHER, host="alpha"),
    "a model was refused": lambda fleet: fleet.redis.hset(fleet.keys.host("alpha") + ":refusals", MODEL, "{}"),
    "it is paused": lambda fleet: fleet.queue.pause(host="alpha"),
    "another worker has reported it": lambda fleet: fleet.worker(name="w2").report(
        1, 1, "{}", [MODEL], affinity_patience=1, lane_patience=1
    ),
    "another worker has left it": lambda fleet: fleet.redis.hset(
        SIZES.format(fleet.keys.host("alpha")), "w9", "1 1 1  0 0"
    ),
    "its worker has left": lambda fleet: fleet.worker().leave(),
    "a job waits for another model": lambda fleet: fleet.submit(model="third:latest"),
}


@pytest.mark.parametrize("happened", HAPPENED.values(), ids=HAPPENED.keys())
def test_a_report_is_whole_where_something_has_happened(
    fleet: Fleet, store: JobStore, happened: Callable[[Fleet], object]
) -> None:
    """What was deleted, or concerns the host's jobs, is not left for half a minute."""
    happened(fleet)
    mark(fleet)

    store.report(**FACTS)

    assert is_whole(fleet)


@pytest.mark.parametrize(
    "told", [{"slots": 2}, {"models": [MODEL]}, {"loaded": []}, {"affinity_patience": 1.5}, {"webhooks": "none"}]
)
def test_a_report_that_says_something_else_is_whole(fleet: Fleet, store: JobStore, told: dict[str, Any]) -> None:
    """Any word of it."""
    mark(fleet)

    store.report(**{**FACTS, **told})

    assert is_whole(fleet)
