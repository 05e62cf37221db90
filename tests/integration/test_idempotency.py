"""idempotency_key: however often a request is sent, it is one job, per tenant, for as long as that job is kept."""

from concurrent.futures import ThreadPoolExecutor

from llamaq import GenerateRequest, JobQueue
from tests.conftest import MODEL
from tests.service import Service, fresh_name


def test_the_same_key_is_the_same_job(service: Service) -> None:
    """Sent again while it runs, and after it ended: the same id, and one request at Ollama."""
    key = fresh_name()
    gate = service.hold()
    first = service.queue.generate(MODEL, "Why?", idempotency_key=key)
    service.wait_held(gate)

    while_running = service.queue.generate(MODEL, "Why?", idempotency_key=key)
    service.ollama.release(gate)
    first.result(30)
    after = service.queue.generate(MODEL, "Why?", idempotency_key=key)

    assert first.id == while_running.id == after.id
    assert after.result(30) == first.result(30)
    assert len(service.list_requests()) == 1
    assert [event.type for event in first.events()].count("queued") == 1


def test_fifty_submits_at_once_are_one_job(service: Service) -> None:
    """Whoever comes first queues it; the others get its id, also over another client."""
    key = fresh_name()
    with JobQueue(service.url, prefix=service.prefix) as other, ThreadPoolExecutor(50) as threads:
        queues = [service.queue, other] * 25
        submits = [threads.submit(queue.generate, MODEL, "Why?", idempotency_key=key) for queue in queues]
        jobs = [submit.result(60) for submit in submits]

    assert len({job.id for job in jobs}) == 1
    jobs[0].result(30)
    assert len(service.list_requests()) == 1


def test_another_tenant_has_another_job(service: Service) -> None:
    """A key is its tenant's own."""
    key = fresh_name()

    jobs = [service.queue.generate(MODEL, "Why?", idempotency_key=key, tenant=name) for name in ("a", "b")]

    assert jobs[0].id != jobs[1].id
    for job in jobs:
        job.result(30)
    assert len(service.list_requests()) == 2


def test_a_key_holds_any_text(service: Service) -> None:
    """Colons, blanks, braces and other scripts do not make two keys one."""
    name = fresh_name()
    keys = [f"{name}:a b", f"{name}:a:b", f"{name}{{a}}", f"{name}/Ä", f"{name}%3Aa b"]

    jobs = [service.queue.generate(MODEL, "Why?", idempotency_key=key) for key in keys * 2]

    assert len({job.id for job in jobs}) == len(keys)
    for job in jobs:
        job.result(30)
    assert len(service.list_requests()) == len(keys)


def test_a_batch_sent_again_runs_once(service: Service) -> None:
    """submit_many with keys can be repeated after a lost answer: the same jobs, in the same order."""
    names = [fresh_name() for _ in range(5)]
    batch = [GenerateRequest(model=MODEL, prompt=name, idempotency_key=name) for name in names]

    first, second = service.queue.submit_many(batch), service.queue.submit_many(batch)

    assert [job.id for job in first] == [job.id for job in second]
    for job in second:
        job.result(30)
    assert sorted(body["prompt"] for body in service.list_requests()) == sorted(names)


def test_the_key_lives_as_long_as_its_job(service: Service) -> None:
    """It gets the job's expiry when the job ends, so that it never stands for a job that is gone."""
    key = fresh_name()
    job = service.queue.generate(MODEL, "Why?", idempotency_key=key)
    job.result(30)
    stored = service.keys.idempotency("default", key)

    assert 86_300 < service.redis.ttl(stored) <= 86_400
    service.redis.delete(service.keys.record(job.id), service.keys.events(job.id))

    assert service.queue.generate(MODEL, "Why?", idempotency_key=key).id != job.id
