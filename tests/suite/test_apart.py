"""Tests that share a service do not meet each other's jobs."""

from embedded.redis import EmbeddedRedis
from tests.conftest import MODEL
from tests.service import start_service


def test_a_job_that_one_test_leaves_takes_no_script_of_the_next(redis_server: EmbeddedRedis) -> None:
    """It is ended with its test, also where it waits for a slot or for another try."""
    with start_service(redis_server.url, slots=1) as service:
        with service.apart():
            gate = service.hold()
            service.queue.generate(MODEL, "holds the slot")
            service.wait_held(gate)
            service.queue.generate(MODEL, "waits for it")
        with service.apart():
            service.ollama.script(tokens=["mine"])
            service.ollama.release(gate)

            assert service.queue.generate(MODEL, "the next test").result(30).text == "mine"
