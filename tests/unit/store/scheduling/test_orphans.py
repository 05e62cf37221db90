"""Jobs whose model vanished from every host: why they wait, and when they end."""

from typing import Any

from embedded.scripted.fleet import MODEL, ORPHAN_SECONDS, PATIENCE, Fleet, make_error, make_outcome
from llamaq import Job
from llamaq.store.worker.job_store import REAPED_AT_A_TIME, JobStore

OTHER = "other:latest"


def remove_model(fleet: Fleet, store: JobStore) -> None:
    """Give the host another model than before, as its next report and a round of the reaper tell."""
    store.report(1, 1, '{"models":[]}', [OTHER], **PATIENCE)
    reap(fleet, store)


def reap(fleet: Fleet, store: JobStore) -> int:
    """Run a round of the reaper: the number of jobs that it ended because no host has their model."""
    fleet.end_reaper_leadership()
    done = store.reap()
    assert done is not None
    return done.orphaned


def age_orphans(fleet: Fleet, lane: str = "normal", model: str = MODEL) -> None:
    """Let the model have been gone for almost as long as is waited, or for longer."""
    key = f"{fleet.keys.prefix}:lane:{lane}:{model}"
    assert fleet.redis.hincrbyfloat(key, "orphan_since", -ORPHAN_SECONDS - 1) > 0


def submit_job(fleet: Fleet, **fields: Any) -> Job[Any]:
    """Submit a job that would not be taken for an unknown model, behind one that has the slot."""
    return fleet.queue.generate(MODEL, "x", **fields)


def read_why(job: Job[Any]) -> str | None:
    """Read why the job waits."""
    why = job.status().why
    return None if why is None else why.word


def test_a_model_that_vanished_ends_its_waiting_jobs(fleet: Fleet) -> None:
    """After the setting, not before; meanwhile `status` says why they wait. What runs goes on."""
    store = fleet.add_host()
    running, waiting = submit_job(fleet), submit_job(fleet, priority="batch")
    claimed = fleet.claim(store, running)
    assert (read_why(running), read_why(waiting)) == (None, "loading")
    remove_model(fleet, store)

    assert read_why(waiting) == "no_model"
    assert reap(fleet, store) == 0
    age_orphans(fleet, "batch")
    assert reap(fleet, store) == 1

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
    ends = submit_job(fleet)
    remove_model(fleet, store)
    age_orphans(fleet)

    assert [reap(fleet, store) for _ in range(4)] == [0, 1, 0, 0]

    assert ends.status().state == "failed"
    assert {job.status().state for job in patient} == {"queued"}


def test_a_round_ends_a_bounded_number(fleet: Fleet) -> None:
    """A script handles one page; the round goes on until all have ended."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    jobs = [submit_job(fleet) for _ in range(2 * REAPED_AT_A_TIME + 3)]
    remove_model(fleet, store)
    age_orphans(fleet)

    assert reap(fleet, store) == len(jobs)
    assert {job.status().state for job in jobs} == {"failed"}
    store.complete(claimed, make_outcome())
    assert not [name for name in fleet.key_names() if name.startswith((":lane", ":waiting", ":tenants", ":ages"))]


def test_a_model_that_comes_back_starts_the_wait_anew(fleet: Fleet) -> None:
    """As does a time in which no host is live: whoever comes next may have it."""
    store = fleet.add_host()
    submit_job(fleet)
    job = submit_job(fleet)
    for _ in range(2):
        remove_model(fleet, store)
        age_orphans(fleet)
        fleet.add_host()
        reap(fleet, store)
        assert not fleet.redis.hexists(f"{fleet.keys.prefix}:lane:normal:{MODEL}", "orphan_since")
    remove_model(fleet, store)
    age_orphans(fleet)
    fleet.silence_host("alpha")
    reap(fleet, store)

    assert job.status().state == "queued"
    assert read_why(job) == "no_worker"


def test_a_host_that_is_down_keeps_its_models(fleet: Fleet) -> None:
    """Its jobs wait for it, also beside a host that is live; the circuit is what they wait for."""
    store = fleet.add_host()
    submit_job(fleet)
    job = submit_job(fleet)
    other = fleet.add_host("beta", models=[OTHER])
    store.report_down(1, 1, "gone")
    reap(fleet, other)

    assert read_why(job) == "circuit_open"
    assert not fleet.redis.hexists(f"{fleet.keys.prefix}:lane:normal:{MODEL}", "orphan_since")


def test_what_else_a_job_waits_for(fleet: Fleet) -> None:
    """A word for each: no worker at all, a load, an earlier turn, the pause before a retry."""
    early = fleet.submit()
    assert read_why(early) == "no_worker"
    store = fleet.add_host(models=[MODEL, OTHER])
    late = fleet.submit(OTHER)
    assert read_why(late) == "loading"
    turns = [fleet.queue.chat(MODEL, conversation="c", message="x", wait_for_model=True) for _ in range(2)]
    assert read_why(turns[1]) == "conversation"
    store.release(fleet.claim(store, early), make_error(), 60, counts=True)
    assert read_why(early) == "retry"
