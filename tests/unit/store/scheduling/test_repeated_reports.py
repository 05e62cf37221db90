"""Reports of a host that is idle: what was written before is not written again, and nothing goes unnoticed for that."""

from collections.abc import Callable
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, PATIENCE, Fleet
from llamaq.store.worker.host_state import HostState
from llamaq.store.worker.job_store import JobStore

OTHER = "other:latest"
WORKERS, SIZES = "{}:workers", "{}:sizes"
OFFERS = f"{{}}:model:{MODEL}:offers"
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
    store = fleet.open_store()
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


CHANGED: dict[str, Callable[[Fleet], object]] = {
    "time has passed": _set("reported_at", "1"),
    "Redis' clock was set back": _set("reported_at", str(2**40)),
    "its models were deleted": _delete("host:alpha:models"),
    "its runners were deleted": _delete("host:alpha:runners"),
    "a model's hosts were deleted": _delete(f"model:{MODEL}:hosts"),
    "another worker has reported it": lambda fleet: fleet.open_store(name="w2").report(1, 1, "{}", [MODEL], **PATIENCE),
    "another worker has left it": lambda fleet: fleet.redis.hset(
        SIZES.format(fleet.keys.host("alpha")), "w9", "1 1 1  0 0"
    ),
    "its worker has left": lambda fleet: fleet.open_store().leave(),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED.keys())
def test_a_report_is_whole_where_what_it_says_is_not_there(
    fleet: Fleet, store: JobStore, changed: Callable[[Fleet], object]
) -> None:
    """What was deleted is not missing for half a minute."""
    changed(fleet)
    mark(fleet)

    store.report(**FACTS)

    assert is_whole(fleet)


REFUSED = '{"faults":1,"trips":1,"retry_at":1}'
TOLD: dict[str, tuple[Callable[[Fleet], object], Callable[[HostState], object]]] = {
    "its circuit is open": (_set("circuit", "open"), lambda state: state.circuit == "half_open"),
    "its circuit is half open": (_set("circuit", "half_open"), lambda state: state.circuit == "half_open"),
    "it loads a model": (lambda fleet: fleet.submit(OTHER), lambda state: state.loading),
    "it is paused": (lambda fleet: fleet.queue.pause(host="alpha"), lambda state: state.pause == "paused"),
    "a model was refused": (
        lambda fleet: fleet.redis.hset(f"{fleet.keys.host('alpha')}:refusals", MODEL, REFUSED),
        lambda state: state.refused,
    ),
}


@pytest.mark.parametrize(("happened", "told"), TOLD.values(), ids=TOLD.keys())
def test_the_worker_is_told_what_happens_at_its_host(
    fleet: Fleet, store: JobStore, happened: Callable[[Fleet], object], told: Callable[[HostState], object]
) -> None:
    """Also by a report that says nothing new."""
    happened(fleet)
    mark(fleet)

    assert told(store.report(**FACTS))
    assert not is_whole(fleet)


def _withdraw(fleet: Fleet) -> None:
    fleet.redis.hset(fleet.keys.host("alpha"), "offered", "")
    fleet.redis.zremrangebyrank(OFFERS.format(fleet.keys.prefix), 0, 0)


@pytest.mark.parametrize("lost", [_delete(f"model:{MODEL}:offers"), _withdraw], ids=["were deleted", "were withdrawn"])
def test_slots_are_offered_again(fleet: Fleet, store: JobStore, lost: Callable[[Fleet], object]) -> None:
    """A submit finds the host by its offers, beside another host that has the model."""
    fleet.open_store("beta").report(**{**FACTS, "loaded": []})
    lost(fleet)
    assert "alpha" not in fleet.redis.zrevrange(OFFERS.format(fleet.keys.prefix), 0, -1)

    store.report(**FACTS)

    assert "alpha" in fleet.redis.zrevrange(OFFERS.format(fleet.keys.prefix), 0, -1)


def test_what_waits_is_assigned(fleet: Fleet, store: JobStore) -> None:
    """A host that was silent, and answers again as it was."""
    fleet.silence_host("alpha")
    job, pull = fleet.submit(), fleet.queue.pull(OTHER, host="alpha")
    assert fleet.waiting_jobs() == [job.id]

    store.report(**FACTS)

    assert list(fleet.slots()) == [job.id]
    assert fleet.redis.hgetall(f"{fleet.keys.host('alpha')}:host_jobs") == {pull.id: "pull"}


@pytest.mark.parametrize(
    "told", [{"slots": 2}, {"models": [MODEL]}, {"loaded": []}, {"affinity_patience": 1.5}, {"webhooks": "none"}]
)
def test_a_report_that_says_something_else_is_whole(fleet: Fleet, store: JobStore, told: dict[str, Any]) -> None:
    """Any word of it."""
    mark(fleet)

    store.report(**{**FACTS, **told})

    assert is_whole(fleet)
