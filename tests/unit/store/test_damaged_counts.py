"""A count, a time or a log that something else has written over is made anew of what it counts or repeats."""

import time

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, make_error, make_outcome
from tests.unit.images.image_factory import make_file

WRONG = ("x", "nan", "1.5", "inf", "")


def damage(fleet: Fleet, name: str, wrong: str | None) -> None:
    """Write over each field of a hash; with None over the hash itself."""
    key = f"{fleet.keys.prefix}{name}"
    if wrong is None:
        fleet.redis.set(key, "x")
    else:
        fleet.redis.hset(key, mapping=dict.fromkeys(fleet.redis.hkeys(key), wrong))


@pytest.mark.parametrize("wrong", [None, *WRONG])
def test_the_waiting_jobs_of_a_tenant_are_counted_anew(fleet: Fleet, wrong: str | None) -> None:
    """Also those that wait for their time. Its limit then holds as before."""
    fleet.submit()
    fleet.submit(start_after=900)
    fleet.submit(tenant="other")
    damage(fleet, ":queued", wrong)

    fleet.submit()

    assert fleet.queue.waiting_by_tenant() == {"default": 3, "other": 1}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_damaged_count_of_a_tenant_refuses_none_of_its_jobs(
    redis_server: EmbeddedRedis, prefix: str, wrong: str
) -> None:
    """Where tenants have a limit. The list of tenants has the others meanwhile."""
    fleet = Fleet(redis_server.url, prefix, max_queued_per_tenant=5)
    fleet.submit()
    fleet.submit(tenant="other")
    fleet.redis.hset(fleet.keys.queued(), "default", wrong)

    assert fleet.queue.waiting_by_tenant() == {"other": 1}
    assert fleet.submit().status().state == "queued"
    fleet.close()


@pytest.mark.parametrize("wrong", [None, *WRONG])
@pytest.mark.parametrize("submits", [True, False])
def test_the_jobs_of_an_image_are_counted_anew(fleet: Fleet, wrong: str | None, submits: bool) -> None:
    """The first of them that ends does not take the image away from the others; the last one does."""
    pictures = [make_file(), make_file(size=(40, 40))]
    jobs = [fleet.queue.multimodal(MODEL, "x", images=pictures, wait_for_model=True) for _ in range(3)]
    damage(fleet, ":blobs", wrong)
    if submits:
        jobs.append(fleet.queue.multimodal(MODEL, "x", images=pictures, wait_for_model=True))
    blobs = [f"{fleet.keys.prefix}{name}" for name in fleet.key_names() if name.startswith(":blob:")]

    for job in jobs[1:]:
        job.cancel()
    assert [fleet.redis.ttl(blob) for blob in blobs] == [-1, -1]
    jobs[0].cancel()

    assert all(fleet.redis.ttl(blob) > 0 for blob in blobs)
    assert not fleet.redis.exists(f"{fleet.keys.prefix}:blobs")


@pytest.mark.parametrize("field", ["virtual", "jobs", "passed", "since"])
@pytest.mark.parametrize("wrong", ["x", "nan", "inf", "-inf", "1e300", ""])
def test_a_damaged_lane_refuses_no_submit(fleet: Fleet, field: str, wrong: str) -> None:
    """Before a worker has looked for damaged keys, too. The jobs keep their order."""
    store = fleet.add_host()
    jobs = [fleet.submit() for _ in range(2)]
    fleet.redis.hset(f"{fleet.keys.prefix}:lane:normal:{MODEL}", field, wrong)
    jobs += [fleet.submit(), *fleet.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": "x"}] * 2)]

    ended = []
    while slots := list(fleet.slots()):
        ended += slots
        claimed = store.claim(slots[0])
        assert claimed is not None
        store.complete(claimed, make_outcome())

    assert ended == [job.id for job in jobs]


@pytest.mark.parametrize("score", ["inf", "1e300", "-inf"])
def test_a_tenants_damaged_score_does_not_put_it_last_for_ever(fleet: Fleet, score: str) -> None:
    """Nor does it take the order of all others away."""
    fleet.submit(tenant="other")
    fleet.redis.zadd(f"{fleet.keys.prefix}:tenants:normal:{MODEL}", {"default": score, "=default": score})
    job, _ = fleet.submit(), fleet.submit(tenant="other")

    assert fleet.waiting_jobs().index(job.id) == 1


@pytest.mark.parametrize("wrong", ["nan", "inf inf", "1e300 1e300", "-1 -1", "1.5 nan", "x", ""])
def test_a_damaged_service_time_is_in_no_event(fleet: Fleet, wrong: str) -> None:
    """JSON has no such number: nobody could read the log. Tenants are charged as before."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, wrong)
    job = fleet.submit()

    (queued,) = fleet.log(job.id)
    assert queued["eta_seconds"] is None or 0 <= queued["eta_seconds"] < 10
    assert next(job.events()).type == "queued"
    assert fleet.queue.waiting()[0].eta_seconds == queued["eta_seconds"]
    assert store.complete(claimed, make_outcome()) == "ok"
    fleet.redis.hset(fleet.keys.record(job.id), "assigned_at", time.time() - 3)
    assert store.complete(fleet.claim(store, job), make_outcome()) == "ok"
    slow, fast = fleet.redis.hget(f"{fleet.keys.prefix}:service", MODEL).split(" ")
    assert 0 <= float(slow) < 10
    assert 0 <= float(fast) < 10


@pytest.mark.parametrize("field", ["ttl", "running", "weight", "attempt"])
@pytest.mark.parametrize("wrong", ["nan", "inf", "1e300", "-1", "0", "x"])
def test_a_damaged_number_of_a_record_ends_its_job_whole(fleet: Fleet, field: str, wrong: str) -> None:
    """A script is no transaction: an end that failed in the middle would leave the job in its queue."""
    job, other = fleet.submit(), fleet.submit()
    fleet.redis.hset(fleet.keys.record(job.id), field, wrong)

    assert job.cancel()

    assert fleet.types(job.id) == ["queued", "cancelled"]
    assert fleet.waiting_jobs() == [other.id]
    assert fleet.redis.ttl(fleet.keys.record(job.id)) > 0


@pytest.mark.parametrize("how", ["written over", "deleted"])
@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_the_log_of_an_ended_job_begins_anew_with_its_end(fleet: Fleet, how: str, end: str) -> None:
    """Whoever waits for the result would wait for ever."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    if end == "completed":
        store.complete(claimed, make_outcome("all of it"))
    elif end == "failed":
        store.fail(claimed, make_error())
    else:
        job.cancel('it is "enough"')
    log = fleet.keys.events(job.id)
    before = fleet.log(job.id)[-1]
    fleet.redis.delete(log)
    if how == "written over":
        fleet.redis.set(log, "x")

    store.reap()

    (after,) = fleet.log(job.id)
    assert {**after, "at": 0} == {**before, "at": 0}
    assert 0 < fleet.redis.ttl(log) <= fleet.redis.ttl(fleet.keys.record(job.id))
    assert [event.type for event in job.events()] == [end]
    store.reap()
    assert len(fleet.log(job.id)) == 1
