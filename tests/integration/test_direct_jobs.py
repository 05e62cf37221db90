"""A job that the end of another one has claimed runs as any other."""

from llamaq import GenerateRequest
from llamaq.vocabulary.events import Started
from tests.conftest import MODEL
from tests.service import Service, fresh_name, wait_until


def test_jobs_of_a_backlog_follow_without_a_message(single_slot_service: Service) -> None:
    """Each but the first; in their order, once each, with all their events."""
    service = single_slot_service
    gate = service.hold(tokens=["x"])
    first = service.queue.generate(MODEL, "first")
    service.wait_held(gate)
    service.ollama.script(tokens=["a", "b"], times=None)
    rest = service.queue.submit_many([GenerateRequest(model=MODEL, prompt=str(number)) for number in range(5)])
    service.ollama.release(gate)

    assert [job.result(60).text for job in rest] == ["ab"] * 5
    jobs = [first, *rest]
    started = [[event.attempt for event in job.events() if isinstance(event, Started)] for job in jobs]
    assert started == [[1]] * 6
    assert [body["prompt"] for body in service.list_requests()] == ["first", *map(str, range(5))]
    following = [service.redis.hget(service.keys.record(job.id), "next") for job in jobs]
    assert following == [*(job.id for job in rest), None]
    wait_until(lambda: service.slots_held() == 0)


def test_the_cancel_of_an_earlier_job_with_its_id_does_not_end_it(single_slot_service: Service) -> None:
    """The worker has heard it after the end of that job, which was then deleted."""
    service, job_id = single_slot_service, fresh_name()
    gate = service.hold(tokens=["x"])
    first = service.queue.generate(MODEL, "first")
    service.wait_held(gate)
    (host,) = service.queue.hosts()
    assert service.redis.publish(service.keys.control(host.host), job_id) == 1
    service.ollama.script(tokens=["a"])
    job = service.queue.submit(GenerateRequest(model=MODEL, prompt="second"), job_id=job_id)
    service.ollama.release(gate)

    assert job.result(60).text == "a"
    assert [event.attempt for event in job.events() if isinstance(event, Started)] == [1]
    assert service.redis.hget(service.keys.record(first.id), "next") == job.id
