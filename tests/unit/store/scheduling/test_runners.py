"""What is one runner to Ollama is one here: models of the same weights, load options that equal those in force."""

from typing import Any

import pytest

from embedded.scripted.fleet import PATIENCE, Fleet, Patience, make_outcome
from llamaq.store.worker.job_store import JobStore

A, B, C = "a:latest", "b:latest", "c:latest"
ALL = (A, B, C)
TRAINED = 8192
PLAIN = dict.fromkeys((A, B), f"{A} {TRAINED} ") | {C: f"{C} {TRAINED} "}
"""Models a and b are of the same weights, c is not."""


def add_host(
    fleet: Fleet, context: int = 4096, runners: dict[str, str] = PLAIN, slots: int = 1, **asked: Any
) -> JobStore:
    """Add a host that has loaded model a for a job, and tells the context that it has there."""
    store = fleet.add_host(models=ALL, slots=slots, runners=runners, patience=3600)
    _, claimed = fleet.start_job(store, model=A, **asked)
    store.report(slots, 1, "{}", ALL, loaded=[A], contexts={A: context}, runners=runners, **make_patience())
    store.complete(claimed, make_outcome())
    return store


def make_patience() -> Patience:
    """Make a load wait for an hour."""
    return Patience(affinity_patience=3600, lane_patience=60)


def count_swaps(fleet: Fleet) -> int:
    """Count the loads that the scheduler has asked the host for."""
    return int(fleet.redis.hget(fleet.keys.host("alpha"), "swaps"))


def runs_at_once(fleet: Fleet, store: JobStore, model: str, **asked: Any) -> bool:
    """Whether a job needs no load, while others for the loaded model wait."""
    store.complete(fleet.claim(store, blocker := fleet.submit(A)), make_outcome())
    assert blocker
    before = count_swaps(fleet)
    busy = fleet.submit(A)
    job = fleet.submit(model, **asked)
    behind = fleet.submit(A)
    store.complete(fleet.claim(store, busy), make_outcome())
    (got,) = fleet.slots()
    for each in (job, behind):
        each.cancel()
    return got == job.id and count_swaps(fleet) == before


def test_models_of_the_same_weights_share_a_runner(fleet: Fleet) -> None:
    """A job for another name of the loaded weights needs no load; one for other weights does."""
    store = add_host(fleet)

    assert runs_at_once(fleet, store, B)
    assert not runs_at_once(fleet, store, C)


def test_they_share_its_slots(fleet: Fleet) -> None:
    """Ollama's slots are those of the runner, and it counts as one model."""
    add_host(fleet, slots=2)
    jobs = [fleet.submit(model) for model in (A, B, A, B)]

    assert list(fleet.slots()) == [job.id for job in jobs[:2]]
    assert (fleet.waiting_jobs(A), fleet.waiting_jobs(B)) == ([jobs[2].id], [jobs[3].id])


@pytest.mark.parametrize(
    ("context", "asked", "alike"),
    [
        (4096, {"num_ctx": 4096}, True),
        (4096, {"num_ctx": 8192}, False),
        (TRAINED, {"num_ctx": 1_000_000}, True),
        (4096, {"num_gpu": -1, "num_batch": 512}, True),
        (4096, {"num_ctx": 4096, "num_gpu": 0}, False),
        (4096, {"temperature": 0.5}, True),
        (0, {"num_ctx": 4096}, False),
    ],
)
def test_options_that_equal_what_is_in_force_need_no_load(
    fleet: Fleet, context: int, asked: dict[str, Any], *, alike: bool
) -> None:
    """The default of the host as `/api/ps` tells it, the trained length, and the defaults of Ollama."""
    store = add_host(fleet, context)

    assert runs_at_once(fleet, store, A, options=asked) is alike
    assert runs_at_once(fleet, store, B, options=asked) is alike


def test_a_default_that_was_learned_equals_what_another_job_asked_for(fleet: Fleet) -> None:
    """Loaded with 4096 by name, a runner serves jobs that ask for nothing, once the host's default is known."""
    store = add_host(fleet, options={"num_ctx": 4096})
    assert not runs_at_once_for_nothing(fleet, store)
    fleet.redis.hset(fleet.keys.host("alpha"), "default_ctx", 4096)

    assert runs_at_once_for_nothing(fleet, store)


def runs_at_once_for_nothing(fleet: Fleet, store: JobStore) -> bool:
    """Whether a job without options runs while another that asks for the loaded context waits."""
    options = {"num_ctx": 4096}
    busy, job, behind = fleet.submit(A, options=options), fleet.submit(B), fleet.submit(A, options=options)
    store.complete(fleet.claim(store, busy), make_outcome())
    (got,) = fleet.slots()
    for each in (job, behind):
        each.cancel()
    return got == job.id


def test_the_options_of_the_model_file_count(fleet: Fleet) -> None:
    """Two model files on one blob with different contexts are two runners; a job may ask for what the other has."""
    files = {A: f"{A} {TRAINED} ", B: f"{A} {TRAINED} num_ctx=2048", C: PLAIN[C]}
    store = add_host(fleet, runners=files)

    assert not runs_at_once(fleet, store, B)
    assert runs_at_once(fleet, store, B, options={"num_ctx": 4096})
    assert not runs_at_once(fleet, store, A, options={"num_ctx": 2048})


def test_a_job_that_fits_is_found_behind_one_that_does_not(fleet: Fleet) -> None:
    """The first of a queue may need a load: those behind it that do not go on meanwhile."""
    store = add_host(fleet)
    busy = fleet.submit(A)
    needs_load = fleet.submit(B, options={"num_ctx": 1024})
    fits = [fleet.submit(B, options={"num_ctx": 4096}), fleet.submit(B)]
    order = []
    for _ in range(3):
        (job_id,) = fleet.slots()
        order.append(job_id)
        store.complete(fleet.claim(store, fleet.queue.job(job_id)), make_outcome())

    assert order == [busy.id, *(job.id for job in fits)]
    assert list(fleet.slots()) == [needs_load.id]


def test_what_is_kept_of_runners_goes_with_the_host(fleet: Fleet) -> None:
    """A report replaces it."""
    store = add_host(fleet)
    key = f"{fleet.keys.host('alpha')}:runners"
    assert set(fleet.redis.hkeys(key)) == set(ALL)
    store.report(1, 1, "{}", [A], runners={A: PLAIN[A]}, **PATIENCE)
    assert fleet.redis.hkeys(key) == [A]
    fleet.redis.zadd(fleet.keys.hosts(), {"alpha": 1})
    fleet.end_reaper_leadership()
    fleet.open_store("beta").reap()
    assert not fleet.redis.exists(key)
