"""Jobs whose model vanished from every host: why they wait, and when they end."""

from typing import Any

from embedded.scripted.fleet import MODEL, ORPHAN_SECONDS, PATIENCE, Fleet, make_error, make_outcome
from llamaq import Job
from llamaq.store.worker.job_store import REAPED_AT_A_TIME, JobStore

OTHER = "other:latest"


def vanished(fleet: Fleet, store: JobStore) -> None:
    """The host has another model than before, as its next report and a round of the reaper tell."""
    store.report(1, 1, '{"models":[]}', [OTHER], **PATIENCE)
    reaped(fleet, store)


def reaped(fleet: Fleet, store: JobStore) -> int:
    """The number of jobs that one round ended because no host has their model."""
    fleet.end_reaper_leadership()
    done = store.reap()
    assert done is not None
    return done.orphaned


def for_long(fleet: Fleet, lane: str = "normal", model: str = MODEL) -> None:
    """Let the model have been gone for almost as long as is waited, or for longer."""
    key = f"{fleet.keys.prefix}:lane:{lane}:{model}"
    assert fleet.redis.hincrbyfloat(key, "orphan_since", -ORPHAN_SECONDS - 1) > 0


def queued(fleet: Fleet, **fields: Any) -> Job[Any]:
    """A job that would not be taken for an unknown model, behind one that has the slot."""
    return fleet.queue.generate(MODEL, "x", **fields)


def word(job: Job[Any]) -> str | None:
    """Why the job waits."""
    why = job.status().why
    return None if why is None else why.word


def test_a_model_that_vanished_ends_its_waiting_jobs(fleet: Fleet) -> None:
    """After the setting, not before; meanwhile `status` says why they wait. What runs goes on."""
    store = fleet.add_host()
    running, waiting = queued(fleet), queued(fleet, priority="batch")
    claimed = fleet.claim(store, running)
    assert (word(running), word(waiting)) == (None, "loading")
    vanished(fleet, store)

    assert word(waiting) == "no_model"
    assert reaped(fleet, store) == 0
    for_long(fleet, "batch")
    assert reaped(fleet, store) == 1

    status = waiting.status()
    assert (status.state, status.why) == ("failed", None)
    assert status.error is not None
    assert status.error.code == "model_not_found"
    assert fleet.types(waiting.id)[-1] == "failed"
    assert running.status().state == "running"
    assert claimed


def test_who_asked_to_wait_for_the_model_waits(fleet: Fleet) -> None:
    """`wait_for_model` jobs stay, however many; those behind them are found, a page a round."""
    store = fleet.add_host()
    patient = [fleet.submit() for _ in range(REAPED_AT_A_TIME + 5)]
    ends = queued(fleet)
    vanished(fleet, store)
    for_long(fleet)

    assert [reaped(fleet, store) for _ in range(4)] == [0, 1, 0, 0]

    assert ends.status().state == "failed"
    assert {job.status().state for job in patient} == {"queued"}


def test_a_round_ends_a_bounded_number(fleet: Fleet) -> None:
    """A script handles one page; the round goes on until all have ended."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    jobs = [queued(fleet) for _ in range(2 * REAPED_AT_A_TIME + 3)]
    vanished(fleet, store)
    for_long(fleet)

    assert reaped(fleet, store) == len(jobs)
    assert {job.status().state for job in jobs} == {"failed"}
    store.complete(claimed, make_outcome())
    assert not [name for name in fleet.key_names() if name.startswith((":lane", ":waiting", ":tenants", ":ages"))]


def test_a_model_that_comes_back_starts_the_wait_anew(fleet: Fleet) -> None:
    """As does a time in which no host is live: whoever comes next may have it."""
    store = fleet.add_host()
    queued(fleet)
    job = queued(fleet)
    for _ in range(2):
        vanished(fleet, store)
        for_long(fleet)
        fleet.add_host()
        reaped(fleet, store)
        assert not fleet.redis.hexists(f"{fleet.keys.prefix}:lane:normal:{MODEL}", "orphan_since")
    vanished(fleet, store)
    for_long(fleet)
    fleet.silence_host("alpha")
    reaped(fleet, store)

    assert job.status().state == "queued"
    assert word(job) == "no_worker"


def test_a_host_that_is_down_keeps_its_models(fleet: Fleet) -> None:
    """Its jobs wait for it, also beside a host that is live; the circuit is what they wait for."""
    store = fleet.add_host()
    queued(fleet)
    job = queued(fleet)
    other = fleet.add_host("beta", models=[OTHER])
    store.report_down(1, 1, "gone")
    reaped(fleet, other)

    assert word(job) == "circuit_open"
    assert not fleet.redis.hexists(f"{fleet.keys.prefix}:lane:normal:{MODEL}", "orphan_since")


def test_what_else_a_job_waits_for(fleet: Fleet) -> None:
    """A word for each: no worker at all, a load, an earlier turn, the pause before a retry."""
    early = fleet.submit()
    assert word(early) == "no_worker"
    store = fleet.add_host(models=[MODEL, OTHER])
    late = fleet.submit(OTHER)
    assert word(late) == "loading"
    turns = [fleet.queue.chat(MODEL, conversation="c", message="x", wait_for_model=True) for _ in range(2)]
    assert word(turns[1]) == "conversation"
    store.release(fleet.claim(store, early), make_error(), 60, counts=True)
    assert word(early) == "retry"
